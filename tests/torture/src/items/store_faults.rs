//! Item 7: a Redis that is slow, hangs, resets, is half open, moves its keys, comes back empty or
//! comes back older. Each budget does what its mode says, and no decision waits.

mod in_memory;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use tollgate_harness::{Harm, eventually_within};

use crate::{
    Findings, Stage, User, UserSpec, Wait,
    call::{ask, say},
    peer::OnFailure,
};

const LIMIT: u64 = 1_000_000;
/// What each process may serve by itself.
const LEASE: u64 = 1500;
/// The decision's deadline is 20 ms, or 100 ms without optimisation; the rest is the call itself,
/// on a machine under load.
const ANSWERED_WITHIN: Duration = Duration::from_millis(300);
/// A gateway that names no deadline of its own.
const ANSWERED_WITHIN_OTHERS: Duration = Duration::from_secs(1);
/// Until a store that is back is used again.
const BACK_WITHIN: Duration = Duration::from_secs(5);

/// The users of an item, one for each mode.
struct Users(Vec<(OnFailure, User)>);

/// What calls during one harm came to.
#[derive(Default)]
struct Seen {
    longest: Duration,
    calls: u64,
    leased_tokens: u64,
}

pub(super) fn run(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move {
        if stage.store.is_none() {
            return in_memory::run(stage).await;
        }
        let mut findings = Findings::new();
        let users = Users::make(stage).await?;
        stage.clear();
        let mut leased = 0;
        for (name, harm) in harms(stage) {
            let seen = during(stage, &users, name, harm, &mut findings).await?;
            findings.measure(format!("{name} {} ms", seen.longest.as_millis()));
            leased += seen.leased_tokens;
            users.are_back(stage, name, &mut findings).await?;
        }
        if stage.tollgate().is_some() {
            leased += stopped(stage, &users, &mut findings).await?;
        }
        stage.idle().await?;
        for (mode, user) in &users.0 {
            let key = provider_key(stage, user);
            let produced = stage.provider.tally().of_key(&key).tokens();
            let spent = stage
                .settled_within(0, user, produced, Duration::from_secs(12))
                .await?;
            findings.no_drift(&format!("{mode:?}"), spent.charged, produced);
            findings.equal(&format!("{mode:?}: held"), spent.held.unwrap_or(0), 0);
        }
        if users
            .0
            .iter()
            .any(|(mode, _)| matches!(mode, OnFailure::Leased(_)))
        {
            let bound = LEASE * stage.peer.replicas() as u64;
            findings.no_overrun("served on leases", leased, bound);
        }
        emptied(stage, &users, &mut findings).await?;
        failed_over(stage, &users, &mut findings).await?;
        Ok(findings)
    })
}

fn harms(stage: &Stage) -> Vec<(&'static str, Harm)> {
    let mut harms = vec![
        ("1 s latency", Harm::Latency(Duration::from_secs(1))),
        ("hang", Harm::Hang),
        ("reset", Harm::Reset),
        ("moved", Harm::Answer("-MOVED 42 127.0.0.1:1\r\n")),
    ];
    if stage.of(false, true) {
        harms.extend([
            ("half open", Harm::HalfOpen),
            ("black hole", Harm::BlackHole),
            ("ask", Harm::Answer("-ASK 42 127.0.0.1:1\r\n")),
            (
                "loading",
                Harm::Answer("-LOADING Redis is loading the dataset in memory\r\n"),
            ),
            (
                "read only",
                Harm::Answer("-READONLY You can't write against a read only replica.\r\n"),
            ),
        ]);
    }
    harms
}

/// Calls of every mode while Redis suffers.
async fn during(
    stage: &mut Stage,
    users: &Users,
    name: &str,
    harm: Harm,
    findings: &mut Findings,
) -> Result<Seen> {
    stage.store.as_ref().context("a store")?.proxy.set(harm);
    let mut seen = Seen::default();
    calls(stage, users, name, &mut seen, findings).await?;
    Ok(seen)
}

/// Redis is stopped for seconds, and goes on with all that it knew.
async fn stopped(stage: &mut Stage, users: &Users, findings: &mut Findings) -> Result<u64> {
    let outage = stage.of(Duration::from_secs(2), Duration::from_secs(10));
    stage
        .store
        .as_ref()
        .context("a store")?
        .redis
        .freeze()
        .await?;
    let begun = Instant::now();
    let mut seen = Seen::default();
    while begun.elapsed() < outage {
        calls(stage, users, "stopped", &mut seen, findings).await?;
    }
    stage
        .store
        .as_ref()
        .context("a store")?
        .redis
        .thaw()
        .await?;
    let healed = Instant::now();
    users.are_back(stage, "stopped", findings).await?;
    findings.measure(format!(
        "stopped {} s: {} calls, longest {} ms, used again after {} ms",
        outage.as_secs(),
        seen.calls,
        seen.longest.as_millis(),
        healed.elapsed().as_millis()
    ));
    Ok(seen.leased_tokens)
}

/// Two calls of every mode at every process.
async fn calls(
    stage: &mut Stage,
    users: &Users,
    name: &str,
    seen: &mut Seen,
    findings: &mut Findings,
) -> Result<()> {
    let within = match stage.tollgate() {
        Some(_) => ANSWERED_WITHIN,
        None => ANSWERED_WITHIN_OTHERS,
    };
    for replica in 0..stage.peer.replicas() {
        for (mode, user) in &users.0 {
            for _ in 0..2 {
                let begun = Instant::now();
                let call = say(&stage.client(replica, user), &body(user)).await;
                let took = begun.elapsed();
                seen.longest = seen.longest.max(took);
                let told = call.with_context(|| format!("{name}, {mode:?}"))?;
                let is_right = match mode {
                    OnFailure::Closed => told.status == 503,
                    OnFailure::Open => told.status == 200,
                    OnFailure::Leased(_) => [200, 429].contains(&told.status),
                };
                findings.require(
                    is_right,
                    format!(
                        "{name}, {mode:?}: answered {} {}",
                        told.status,
                        told.message()
                    ),
                );
                findings.require(
                    took <= within,
                    format!("{name}, {mode:?}: answered after {took:?}"),
                );
                if told.status == 503 {
                    findings.require(
                        told.number("retry-after").is_some(),
                        format!("{name}: 503 without retry-after"),
                    );
                }
                if matches!(mode, OnFailure::Leased(_)) {
                    seen.leased_tokens += told.tokens();
                }
                seen.calls += 1;
            }
        }
    }
    Ok(())
}

/// Redis dies and comes back with nothing.
async fn emptied(stage: &mut Stage, users: &Users, findings: &mut Findings) -> Result<()> {
    let store = stage.store.as_mut().context("a store")?;
    store.redis.kill().await?;
    store.redis.start_again().await?;
    users.are_back(stage, "restarted empty", findings).await?;
    stage.idle().await?;
    let user = users.closed()?;
    let spent = stage.settled(user, 0).await?;
    // Only what was served since the restart stands there.
    let since = spent.charged;
    findings.require(
        since <= 40 * stage.peer.replicas() as u64 * 4,
        format!("an empty Redis knows of {since} tokens"),
    );
    spends_exactly(stage, user, "after an empty restart", findings).await
}

/// Redis comes back as it was a moment ago.
async fn failed_over(stage: &mut Stage, users: &Users, findings: &mut Findings) -> Result<()> {
    let user = users.closed()?;
    let store = stage.store.as_ref().context("a store")?;
    store.redis.command(&["SAVE"]).await?;
    let saved = stage.peer.spent(0, user).await?.charged;
    let told = say(&stage.client(0, user), &body(user)).await?;
    stage.settled(user, saved + told.tokens()).await?;
    let store = stage.store.as_mut().context("a store")?;
    store.redis.kill().await?;
    store.redis.start_again().await?;
    let back = eventually_within(BACK_WITHIN, "the account can be read", async || {
        stage.peer.spent(0, user).await.ok()
    })
    .await?;
    findings.equal(
        "charged after a failover that lost writes",
        back.charged,
        saved,
    );
    findings.measure(format!(
        "failover lost the {} tokens that Redis lost",
        told.tokens()
    ));
    users.are_back(stage, "failed over", findings).await?;
    spends_exactly(stage, user, "after a failover", findings).await
}

/// One more call is charged with what it costs.
async fn spends_exactly(
    stage: &Stage,
    user: &User,
    when: &str,
    findings: &mut Findings,
) -> Result<()> {
    stage.idle().await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = stage.peer.spent(0, user).await?.charged;
    let told = say(&stage.client(0, user), &body(user)).await?;
    let spent = stage.settled(user, before + told.tokens()).await?;
    findings.no_drift(when, spent.charged - before, told.tokens());
    Ok(())
}

fn body(user: &User) -> Value {
    ask(&user.model, 16, 16)
}

/// By which the provider's tally knows a user's calls; LiteLLM has one for all.
fn provider_key(stage: &mut Stage, user: &User) -> String {
    match stage.tollgate() {
        Some(_) => tollgate_harness::provider_key(&format!("{}-a", user.name)),
        None => "provider-a".to_string(),
    }
}

// === impl Users ===

impl Users {
    async fn make(stage: &mut Stage) -> Result<Self> {
        let mut modes = vec![("store-closed", OnFailure::Closed)];
        if stage.tollgate().is_some() {
            modes.push(("store-open", OnFailure::Open));
            modes.push(("store-leased", OnFailure::Leased(LEASE)));
        }
        let mut users = Vec::new();
        for (name, mode) in modes {
            let user = stage
                .user(UserSpec::new(name, LIMIT).on_failure(mode))
                .await?;
            users.push((mode, user));
        }
        Ok(Self(users))
    }

    fn closed(&self) -> Result<&User> {
        self.0.first().map(|(_, user)| user).context("a user")
    }

    /// Ends the harm and waits until every process uses the store again.
    async fn are_back(&self, stage: &Stage, name: &str, findings: &mut Findings) -> Result<()> {
        stage.store.as_ref().context("a store")?.proxy.heal();
        let user = self.closed()?;
        for replica in 0..stage.peer.replicas() {
            let client = stage.client(replica, user);
            let back = eventually_within(BACK_WITHIN, "it is back", async || {
                let told = say(&client, &body(user)).await.ok()?;
                (told.status == 200).then_some(())
            })
            .await;
            findings.require(
                back.is_ok(),
                format!(
                    "{name}: process {replica} does not use Redis again within {BACK_WITHIN:?}"
                ),
            );
        }
        Ok(())
    }
}
