//! The loop in a cluster: what the API server holds becomes what proxies serve, the objects that
//! run them, and what every object is told.
//!
//! snapshot → translate → link (every replica serves) → fleets and statuses (the leader writes).
//! All is worked out anew from each snapshot; who is downstream finds out what has changed.

mod identities;
mod pace;
mod refusals;
mod round;
mod telling;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use prometheus::Registry;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tollgate_kubernetes::apply::{Applier, FleetOptions as Installation, SeenFleets, WantedFleets};
use tollgate_kubernetes::events::{EventOptions, Events};
use tollgate_kubernetes::leader::{Leadership, LeaseOptions};
use tollgate_kubernetes::status::{StatusOptions, StatusWriter, Wanted};
use tollgate_kubernetes::watch::{Scope, Snapshot, Snapshots, WatchOptions};
use tollgate_kubernetes::{Cluster, metrics::Metrics as KubernetesMetrics};
use tollgate_link::{GatewayIdentity, LinkServer, Progress, ProxySettings};
use tollgate_translate::{FleetAction, Memo, NamespacedName, Options};

pub use identities::AuthoritySecret;

use crate::reconcile::{Report, publish_report};
use identities::Identities;
use pace::{Need, Pace};
use round::{Round, RoundMetrics};
use telling::Telling;

/// How often the leader looks whether certificates are due, without any other reason to.
const RENEWAL: Duration = Duration::from_secs(600);

/// What the loop is told.
#[derive(Clone)]
pub struct ClusterConfig {
    /// Settings of the translation.
    pub options: Options,
    /// What all fleets have in common.
    pub fleets: tollgate_fleet::FleetOptions,
    /// What every proxy is told beside its gateway.
    pub settings: ProxySettings,
    /// The namespaces that are read.
    pub scope: Scope,
    /// Tells this installation's fleets from those of another in the same cluster.
    pub installation: Installation,
    /// Where the authority stands that signs the certificates of proxies.
    pub authority: AuthoritySecret,
    /// Name of this replica.
    pub replica: String,
    /// The lease of the leader; `None`: nothing is written to the cluster.
    pub lease: Option<LeaseOptions>,
}

/// The running loop.
pub struct ClusterController {
    config: ClusterConfig,
    link: LinkServer,
    snapshots: Snapshots,
    statuses: StatusWriter,
    applier: Applier,
    leadership: Option<Leadership>,
    leads: watch::Receiver<bool>,
    seen: watch::Receiver<Arc<SeenFleets>>,
    progress: watch::Receiver<Progress>,
    identities: Identities,
    telling: Telling,
    metrics: RoundMetrics,
    /// What the last translation came to.
    memo: Memo,
    /// The newest snapshot; `None` before the first.
    snapshot: Option<Snapshot>,
    /// What is published on the link.
    published: BTreeSet<GatewayIdentity>,
    report: watch::Sender<Arc<Report>>,
    gateways: watch::Sender<Arc<ServedGateways>>,
    ready: watch::Sender<bool>,
}

/// The gateways on the link, by the URI of the fleet that serves them.
pub type ServedGateways = BTreeMap<String, Arc<tollgate_ir::Gateway>>;

// === impl ClusterController ===

impl ClusterController {
    /// Begins to watch the cluster; nothing is served before [`ClusterController::run`].
    ///
    /// # Errors
    /// When a metric is registered already.
    pub fn start(
        cluster: &Cluster,
        link: LinkServer,
        config: ClusterConfig,
        registry: &Registry,
    ) -> anyhow::Result<Self> {
        let metrics = KubernetesMetrics::new(registry).context("register metrics")?;
        let leadership = config
            .lease
            .clone()
            .map(|lease| Leadership::campaign(cluster, lease, metrics.clone()));
        let leads = match &leadership {
            Some(leadership) => leadership.watch(),
            // Its sender is gone, so it stays as it is.
            None => watch::channel(false).1,
        };
        let watched = WatchOptions {
            scope: config.scope.clone(),
        };
        let snapshots = cluster.follow(watched, metrics.clone());
        let told_by = EventOptions {
            controller: config.options.controller_name.clone(),
            instance: config.replica.clone(),
        };
        let told = StatusOptions {
            controllers: std::iter::once(&config.options.controller_name)
                .chain(&config.options.claimed_names)
                .cloned()
                .collect(),
            events: Some(Events::start(cluster, told_by, metrics.clone())),
        };
        let statuses =
            StatusWriter::start(cluster, &snapshots, leads.clone(), told, metrics.clone());
        let applier = Applier::start(cluster, leads.clone(), config.installation.clone(), metrics);
        Ok(Self {
            seen: applier.observe(),
            progress: link.progress(),
            identities: Identities::new(cluster.clone(), config.authority.clone()),
            telling: Telling::default(),
            metrics: RoundMetrics::new(registry).context("register metrics")?,
            memo: Memo::default(),
            snapshot: None,
            published: BTreeSet::new(),
            report: watch::Sender::default(),
            gateways: watch::Sender::default(),
            ready: watch::Sender::new(false),
            config,
            link,
            snapshots,
            statuses,
            applier,
            leadership,
            leads,
        })
    }

    /// What became of the objects, for the admin endpoint.
    pub fn report(&self) -> watch::Receiver<Arc<Report>> {
        self.report.subscribe()
    }

    /// What is on the link.
    pub fn gateways(&self) -> watch::Receiver<Arc<ServedGateways>> {
        self.gateways.subscribe()
    }

    /// Whether the first snapshot is on the link.
    pub fn ready(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    /// Whether this replica leads.
    pub fn leads(&self) -> watch::Receiver<bool> {
        self.leads.clone()
    }

    /// Follows the cluster until `stopped` is ready; then gives the lease back.
    ///
    /// # Errors
    /// When a part that must live has ended.
    pub async fn run(mut self, stopped: impl Future<Output = ()>) -> anyhow::Result<()> {
        tokio::pin!(stopped);
        let ended = tokio::select! {
            ended = self.follow() => ended,
            () = &mut stopped => Ok(()),
        };
        if let Some(leadership) = self.leadership.take() {
            leadership.release().await;
        }
        ended
    }

    async fn follow(&mut self) -> anyhow::Result<()> {
        let mut renewal = Instant::now() + RENEWAL;
        let mut pace = Pace::new(Instant::now());
        let mut need = self.need();
        // A side that has ended is waited for no longer; what matters of it is checked below.
        let mut leads_alive = true;
        loop {
            tokio::select! {
                snapshot = self.snapshots.next() => {
                    self.snapshot = Some(snapshot?);
                    self.link.fell_behind();
                    pace.changed(Instant::now(), need);
                }
                () = until(pace.due()) => {
                    let begun = Instant::now();
                    self.round().await?;
                    pace.taken(Instant::now(), begun.elapsed(), need);
                }
                changed = self.seen.changed() => {
                    changed.context("the observation of fleets has ended")?;
                    self.round().await?;
                }
                changed = self.leads.changed(), if leads_alive => {
                    leads_alive = changed.is_ok();
                    self.round().await?;
                }
                changed = self.progress.changed() => {
                    changed.context("the link has ended")?;
                    self.on_progress();
                }
                () = self.telling.due() => self.tell(),
                () = sleep_until(renewal) => {
                    renewal = Instant::now() + RENEWAL;
                    self.round().await?;
                }
            }
            let before = std::mem::replace(&mut need, self.need());
            if need > before {
                pace.needed(Instant::now());
            }
            self.statuses
                .give_way(pace.due().is_some() || self.telling.is_waiting());
            anyhow::ensure!(self.statuses.is_alive(), "the writer of statuses has ended");
            anyhow::ensure!(self.applier.is_alive(), "the writer of fleets has ended");
        }
    }

    /// Who waits for what this replica works out. Before its first round proxies cannot follow it.
    fn need(&self) -> Need {
        let progress = self.progress.borrow();
        let mut gateways = progress.gateways.values();
        let is_followed = gateways.any(|it| it.connected().next().is_some());
        if is_followed || !*self.ready.borrow() {
            Need::Followed
        } else if *self.leads.borrow() {
            Need::Leading
        } else {
            Need::Nobody
        }
    }

    /// Works everything out from the newest snapshot, and hands it on.
    async fn round(&mut self) -> anyhow::Result<()> {
        let Some(snapshot) = self.snapshot.clone() else {
            return Ok(());
        };
        let seen = Arc::clone(&self.seen.borrow_and_update());
        let leads = *self.leads.borrow_and_update();
        let timer = self.metrics.begin();
        let round = Round::work_out(&mut self.memo, &snapshot, seen, &self.config.options).await?;
        timer.observe(&round);
        self.publish(&round);
        self.link.caught_up();
        if leads {
            self.apply(&round).await;
        }
        let wanted = Wanted {
            statuses: Arc::clone(&round.statuses),
            broken: Arc::clone(&snapshot.broken),
        };
        self.telling.want(wanted, round.report);
        self.on_progress();
        self.ready.send_replace(true);
        Ok(())
    }

    /// Puts every gateway on the link, and takes away what is no more.
    fn publish(&mut self, round: &Round) {
        let mut published = BTreeSet::new();
        for fleet in &round.fleets {
            let settings = self.config.settings.clone();
            let content = Arc::clone(&fleet.gateway);
            match self.link.publish(&fleet.identity, content, settings) {
                Ok(version) => self.telling.expect(&fleet.identity, version),
                Err(error) => {
                    tracing::error!(%error, "proxies keep what they had of a gateway");
                }
            }
            published.insert(fleet.identity.clone());
        }
        for gone in self.published.difference(&published) {
            self.link.remove(gone);
            self.telling.forget(gone);
        }
        self.published = published;
        let served = round.fleets.iter();
        let served = served.map(|it| (it.identity.uri(), Arc::clone(&it.gateway)));
        self.gateways.send_replace(Arc::new(served.collect()));
    }

    /// Makes the objects of fleets what they shall be.
    async fn apply(&mut self, round: &Round) {
        let mut wanted = WantedFleets::default();
        for fleet in &round.fleets {
            let name = NamespacedName::new(&fleet.spec.namespace, &fleet.spec.name);
            if fleet.spec.action == FleetAction::Keep {
                wanted.keep.insert(name);
                continue;
            }
            match self.identities.secret(fleet).await {
                Ok(secret) => {
                    let objects = tollgate_fleet::render(&fleet.spec, &self.config.fleets);
                    wanted.objects.push(secret);
                    wanted.objects.extend(objects);
                }
                Err(error) => {
                    tracing::error!(
                        fleet = %name,
                        error = format!("{error:#}"),
                        "a fleet has no certificate, and stays as it is"
                    );
                    wanted.keep.insert(name);
                }
            }
        }
        self.identities.retain(&round.fleets);
        self.applier.apply(wanted);
    }

    /// Looks how far proxies are with what they were told.
    fn on_progress(&mut self) {
        let progress = self.progress.borrow_and_update().clone();
        if self.telling.is_in_effect(&progress) {
            self.tell();
        }
    }

    /// Tells every object what it is to be told.
    fn tell(&mut self) {
        let progress = self.progress.borrow().clone();
        let Some((mut wanted, mut report)) = self.telling.take(&progress) else {
            return;
        };
        refusals::tell(&progress, &mut wanted, &mut report);
        self.statuses.want(wanted);
        if *self.report.borrow().as_ref() != report {
            publish_report(&self.report, report);
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
