//! Tollgate as the peer: `tollgate run` processes that serve one set of manifests.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use tollgate_harness::{
    Backend, Gateway, GatewayBuilder, Scenario, UsageAccount, client_key, eventually_within,
};

use super::{OnFailure, Peer, Providers, Spent, Team, User, UserSpec, Wait};

/// How Tollgate is started.
#[derive(Clone, Debug)]
pub struct TollgateConfig {
    /// `target/debug/tollgate`
    pub binary: PathBuf,
}

/// What its processes are started with.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The ledger's store; memory without one.
    pub redis_url: Option<String>,
    /// Further arguments of `tollgate run`.
    pub args: Vec<String>,
    /// Variables of each process; its number is their number.
    pub environments: Vec<Vec<(String, String)>>,
}

/// Running processes.
#[derive(Debug)]
pub struct Tollgate {
    config: TollgateConfig,
    args: Vec<String>,
    environments: Vec<Vec<(String, String)>>,
    providers: [SocketAddr; 2],
    files: BTreeMap<String, String>,
    /// Routes of each team's members.
    teams: BTreeMap<String, Vec<String>>,
    gateways: Vec<Gateway>,
}

/// Longest wait until new manifests are served.
const PATIENCE: Duration = Duration::from_secs(20);
/// `--hold-lifetime` of the processes, in seconds.
const HOLD_LIFETIME_S: u64 = 5;

/// `--store-deadline` of binaries without optimisation; else its default of 20 ms.
const UNOPTIMISED_DEADLINE_MS: u64 = 100;

// === impl Tollgate ===

impl Tollgate {
    /// Starts its processes, one for each environment.
    ///
    /// # Errors
    ///
    /// One does not start.
    pub async fn start(
        config: TollgateConfig,
        surroundings: Surroundings,
        providers: [SocketAddr; 2],
    ) -> Result<Self> {
        let Surroundings {
            redis_url,
            args: further,
            environments,
        } = surroundings;
        let mut args = vec![
            "--concurrency=1".to_string(),
            format!("--hold-lifetime={HOLD_LIFETIME_S}"),
            "--log-level=warn".to_string(),
        ];
        if cfg!(debug_assertions) {
            // A binary without optimisation needs longer for 500 calls than it may wait.
            args.push(format!("--store-deadline={UNOPTIMISED_DEADLINE_MS}"));
        }
        args.extend(redis_url.map(|url| format!("--redis={url}")));
        args.extend(further);
        let mut tollgate = Self {
            config,
            args,
            environments,
            providers,
            files: BTreeMap::new(),
            teams: BTreeMap::new(),
            gateways: Vec::new(),
        };
        // A gateway without any route has no listener that could be called.
        let first = tollgate.manifests_of(&UserSpec::new("first", 1));
        tollgate.files.insert("first.yaml".to_string(), first);
        let started = (0..tollgate.environments.len()).map(|replica| tollgate.start_one(replica));
        tollgate.gateways = futures::future::try_join_all(started).await?;
        Ok(tollgate)
    }

    async fn start_one(&self, replica: usize) -> Result<Gateway> {
        let mut builder = GatewayBuilder::new(&self.config.binary);
        for arg in &self.args {
            builder = builder.arg(arg);
        }
        for (name, value) in self.environments.get(replica).into_iter().flatten() {
            builder = builder.env(name, value);
        }
        for (name, text) in &self.files {
            builder = builder.file(name, text);
        }
        builder
            .start()
            .await
            .with_context(|| format!("start {}", self.config.binary.display()))
    }

    /// How it was started: for items that start more of it.
    pub fn config(&self) -> TollgateConfig {
        self.config.clone()
    }

    /// The processes.
    pub fn gateways(&self) -> &[Gateway] {
        &self.gateways
    }

    /// Adds or replaces a file of manifests on all processes; does not wait.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn write(&mut self, file: &str, yaml: &str) -> Result<()> {
        self.files.insert(file.to_string(), yaml.to_string());
        for gateway in &self.gateways {
            gateway.write(file, yaml)?;
        }
        Ok(())
    }

    /// Removes a file of manifests from all processes; does not wait.
    ///
    /// # Errors
    ///
    /// It cannot be removed.
    pub fn remove(&mut self, file: &str) -> Result<()> {
        self.files.remove(file);
        for gateway in &self.gateways {
            gateway.remove(file)?;
        }
        Ok(())
    }

    /// A backend of the first provider that clients call `model`.
    pub fn backend(&self, name: &str, model: &str) -> Backend {
        Backend::openai(name, self.providers[0]).alias(model)
    }

    /// What one process tells a key of its account under a budget's only limit.
    ///
    /// # Errors
    ///
    /// It is not told.
    pub async fn account(&self, replica: usize, key: &str, budget: &str) -> Result<UsageAccount> {
        let gateway = self.gateways.get(replica).context("no such replica")?;
        let budget = format!("default/{budget}");
        gateway.client(Some(key)).usage_of(&budget).await
    }

    /// The sum of a counter over all processes and labels.
    ///
    /// # Errors
    ///
    /// A process does not tell its metrics, or there is no such metric.
    pub async fn metric(&self, name: &str) -> Result<f64> {
        let mut sum = None;
        for gateway in &self.gateways {
            let text = gateway.admin().get("/metrics").await?.text().await?;
            let lines = text.lines().filter(|line| {
                let sample = line.split(['{', ' ']).next().unwrap_or_default();
                sample == name || sample.strip_suffix("_total") == Some(name)
            });
            for line in lines {
                let value = line.rsplit(' ').next().and_then(|value| value.parse().ok());
                let value: f64 = value.with_context(|| format!("a value in {line:?}"))?;
                *sum.get_or_insert(0.0) += value;
            }
        }
        sum.with_context(|| format!("no metric {name}"))
    }

    /// Waits until every process tells a key this limit of a budget; `None`: nothing.
    ///
    /// # Errors
    ///
    /// One does not in time.
    pub async fn limit_is(&self, key: &str, budget: &str, limit: Option<u64>) -> Result<()> {
        for replica in 0..self.gateways.len() {
            let what = format!("process {replica} tells the limit {limit:?} of {budget}");
            let reached = eventually_within(PATIENCE, &what, async || {
                let told = self.account(replica, key, budget).await.ok();
                (told.map(|account| account.limit) == limit).then_some(())
            })
            .await;
            if let Err(error) = reached {
                let why = self.account(replica, key, budget).await;
                return Err(error.context(format!("{why:?}")));
            }
        }
        Ok(())
    }

    /// A file of manifests as it stands.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn file(&self, name: &str) -> Result<String> {
        let text = self.files.get(name).cloned();
        text.with_context(|| format!("no file {name}"))
    }

    /// Replaces text in a file of manifests; does not wait.
    ///
    /// # Errors
    ///
    /// The text is not there, or the file cannot be written.
    pub fn edit(&mut self, file: &str, from: &str, to: &str) -> Result<()> {
        let text = self.file(file)?;
        anyhow::ensure!(text.contains(from), "{file} does not contain {from}");
        self.write(file, &text.replace(from, to))
    }

    /// The manifests of a user: its route, its key and its budget.
    fn manifests_of(&self, spec: &UserSpec) -> String {
        let UserSpec {
            name,
            limit,
            team,
            providers,
            asked,
            on_failure,
        } = spec;
        let [first, second] = self.providers;
        let first = Backend::openai(&format!("{name}-a"), first)
            .model(asked)
            .alias(name);
        let second = Backend::anthropic(&format!("{name}-b"), second).alias(name);
        let backends = match providers {
            Providers::First => vec![first.clone()],
            Providers::FirstThenSecond => vec![first.clone(), second.priority(1)],
            Providers::Second => vec![second],
        };
        let limits = format!("[{{tokens: {limit}, window: Month}}]");
        let scenario = Scenario::default()
            .route(
                name,
                &backends,
                "outputTokens: {default: 4096, minimum: 16}",
            )
            .consumer(name, team.as_ref().map_or("nobody", |team| &team.name))
            .budget(
                &own_budget(name),
                &subject_and(*on_failure),
                &limits,
                &[name],
            );
        scenario.to_string()
    }

    /// Adds a route to a team's budget.
    fn join(&mut self, team: &Team, route: &str) -> Result<()> {
        let routes = self.teams.entry(team.name.clone()).or_default();
        routes.push(route.to_string());
        let routes: Vec<&str> = routes.iter().map(String::as_str).collect();
        let budget = format!("team-{}", team.name);
        let limits = format!("[{{tokens: {}, window: Month}}]", team.limit);
        let yaml = Scenario::default().budget(&budget, "Team", &limits, &routes);
        self.write(&format!("{budget}.yaml"), &yaml.to_string())
    }
}

/// The subject, and what follows it in the spec.
fn subject_and(on_failure: OnFailure) -> String {
    match on_failure {
        OnFailure::Closed => "User".to_string(),
        OnFailure::Open => "User, onStoreFailure: Open".to_string(),
        OnFailure::Leased(tokens) => {
            format!("User, onStoreFailure: Leased, lease: {{tokens: {tokens}}}")
        }
    }
}

/// The name of a user's own budget.
pub(crate) fn own_budget(user: &str) -> String {
    format!("{user}-own")
}

// === impl Peer for Tollgate ===

impl Peer for Tollgate {
    fn name(&self) -> String {
        "Tollgate".to_string()
    }

    fn replicas(&self) -> usize {
        self.gateways.len()
    }

    fn url(&self, replica: usize) -> String {
        self.gateways
            .get(replica)
            .map(|gateway| gateway.url().to_string())
            .unwrap_or_default()
    }

    fn user<'a>(&'a mut self, spec: UserSpec) -> Wait<'a, User> {
        Box::pin(async move {
            let yaml = self.manifests_of(&spec);
            if let Some(team) = &spec.team {
                self.join(team, &spec.name)?;
            }
            self.write(&format!("{}.yaml", spec.name), &yaml)?;
            let user = User {
                key: client_key(&spec.name),
                model: spec.name.clone(),
                limit: spec.limit,
                name: spec.name,
            };
            self.limit_is(&user.key, &own_budget(&user.name), Some(user.limit))
                .await?;
            Ok(user)
        })
    }

    fn set_limit<'a>(&'a mut self, user: &'a User, limit: u64) -> Wait<'a, ()> {
        Box::pin(async move {
            let file = format!("{}.yaml", user.name);
            let yaml = self.files.get(&file).context("no such user")?;
            let (before, after) = yaml
                .split_once("[{tokens: ")
                .context("the user has no limit")?;
            let (_, after) = after.split_once(',').context("the limit has no window")?;
            let yaml = format!("{before}[{{tokens: {limit},{after}");
            self.write(&file, &yaml)?;
            self.limit_is(&user.key, &own_budget(&user.name), Some(limit))
                .await
        })
    }

    fn spent<'a>(&'a self, replica: usize, user: &'a User) -> Wait<'a, Spent> {
        Box::pin(async move {
            let account = self
                .account(replica, &user.key, &own_budget(&user.name))
                .await?;
            Ok(Spent {
                charged: account.used,
                held: Some(account.held),
            })
        })
    }

    fn kill<'a>(&'a mut self, replica: usize) -> Wait<'a, ()> {
        Box::pin(async move {
            let gateway = self.gateways.get_mut(replica).context("no such replica")?;
            gateway.kill().await
        })
    }

    fn restart<'a>(&'a mut self, replica: usize) -> Wait<'a, ()> {
        Box::pin(async move {
            let started = self.start_one(replica).await?;
            let gateway = self.gateways.get_mut(replica).context("no such replica")?;
            *gateway = started;
            Ok(())
        })
    }

    fn revive<'a>(&'a mut self) -> Wait<'a, ()> {
        Box::pin(async move {
            for replica in 0..self.gateways.len() {
                if self.gateways[replica].pid().is_none() {
                    self.restart(replica).await?;
                }
            }
            Ok(())
        })
    }

    fn hold_lifetime(&self) -> Duration {
        Duration::from_secs(HOLD_LIFETIME_S)
    }

    fn tollgate(&mut self) -> Option<&mut Tollgate> {
        Some(self)
    }
}
