//! Redis stands still for seconds, or a gateway is killed: budgets do what their mode says, and
//! afterwards the ledger knows every token.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tollgate_harness::{
    Backend, Client, Gateway, GatewayBuilder, RedisServer, Scenario, client_key, eventually_within,
    provider_key,
};
use tollgate_provider::Simulator;

use crate::stage::{Told, ask, say, simulator};

/// How long Redis stands still.
const OUTAGE: Duration = Duration::from_secs(3);
/// How long it may last until there are enough calls.
const OUTAGE_MAX: Duration = Duration::from_secs(20);
const CALLS_MIN: u64 = 30;
const LIMIT: u64 = 1_000_000;
/// What a gateway serves by itself for a budget with leases.
const LEASE: u64 = 500;
const HOLD_LIFETIME_S: u64 = 4;
/// Each mode's consumer, and what its budget says of a store that fails.
const MODES: [(&str, &str); 3] = [
    ("closed", "User"),
    ("open", "User, onStoreFailure: Open"),
    (
        "leased",
        "User, onStoreFailure: Leased, lease: {tokens: 500}",
    ),
];

struct Stage {
    provider: Simulator,
    redis: RedisServer,
    gateways: Vec<Gateway>,
}

impl Stage {
    /// Two gateways on one Redis.
    async fn new() -> Result<Self> {
        let (provider, redis) = (simulator().await, RedisServer::start().await?);
        let limits = format!("[{{tokens: {LIMIT}, window: Month}}]");
        let mut scenario = Scenario::default();
        for (name, subject) in MODES {
            let backend = Backend::openai(name, provider.addr()).alias(name);
            scenario = scenario
                .route(name, &[backend], "")
                .consumer(name, "search")
                .budget(name, subject, &limits, &[name]);
        }
        let mut gateways = Vec::new();
        for _ in 0..2 {
            let gateway = GatewayBuilder::new(env!("CARGO_BIN_EXE_tollgate"))
                .manifests(scenario.to_string())
                .arg("--concurrency=1")
                .arg(format!("--redis={}", redis.url()))
                .arg(format!("--hold-lifetime={HOLD_LIFETIME_S}"))
                .start()
                .await?;
            gateways.push(gateway);
        }
        let stage = Self {
            provider,
            redis,
            gateways,
        };
        for gateway in 0..2 {
            stage.serves_again(gateway).await?;
        }
        Ok(stage)
    }

    fn client(&self, gateway: usize, mode: &str) -> Client {
        self.gateways[gateway].client(Some(&client_key(mode)))
    }

    async fn call(&self, gateway: usize, mode: &str) -> Told {
        let mut body = ask(16, 16);
        body["model"] = mode.into();
        say(&self.client(gateway, mode), &body).await
    }

    /// What is charged and held of a mode's consumer.
    async fn account(&self, gateway: usize, mode: &str) -> Result<(u64, u64)> {
        let budget = format!("default/{mode}");
        let account = self.client(gateway, mode).usage_of(&budget).await?;
        Ok((account.used, account.held))
    }

    /// Waits until a gateway uses its store; gives how long that took.
    async fn serves_again(&self, gateway: usize) -> Result<Duration> {
        let begun = Instant::now();
        eventually_within(Duration::from_secs(10), "Closed serves", async || {
            (self.call(gateway, "closed").await.status == 200).then_some(())
        })
        .await?;
        Ok(begun.elapsed())
    }

    /// Waits until the ledger has charged what the provider produced, and holds nothing.
    async fn is_settled(&self, mode: &str) -> Result<u64> {
        let produced = || self.provider.tally().of_key(&provider_key(mode)).tokens();
        let settled = eventually_within(Duration::from_secs(15), "all is settled", async || {
            let account = self.account(0, mode).await.ok()?;
            (account == (produced(), 0)).then_some(account.0)
        })
        .await;
        settled.with_context(|| format!("{mode}: {} tokens were produced", produced()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_that_stands_still_closes_opens_or_leases_as_each_budget_says() -> Result<()> {
    let stage = Stage::new().await?;
    stage.redis.freeze().await?;
    let begun = Instant::now();
    let mut leased = 0;
    let mut calls = 0;
    // As long as it takes to see the modes at work, on a machine that may be compiling.
    while begun.elapsed() < OUTAGE || (calls < CALLS_MIN && begun.elapsed() < OUTAGE_MAX) {
        for gateway in 0..2 {
            for (mode, _) in MODES {
                let asked = Instant::now();
                let told = stage.call(gateway, mode).await;
                // 20 ms for the decision; the rest is a machine that may be compiling.
                let took = asked.elapsed();
                assert!(took < Duration::from_secs(1), "{mode}: {took:?}");
                match mode {
                    "closed" => {
                        assert_eq!(told.status, 503, "{}", told.body);
                        assert!(told.number("retry-after") >= 1, "{}", told.body);
                    }
                    "open" => assert_eq!(told.status, 200, "{}", told.body),
                    _ if told.status == 200 => leased += told.tokens(),
                    _ => assert_eq!(told.status, 429, "{}", told.body),
                }
                calls += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stage.redis.thaw().await?;
    assert!(calls >= CALLS_MIN, "only {calls} calls in {OUTAGE_MAX:?}");
    assert!(
        leased > 0 && leased <= 2 * LEASE,
        "{leased} tokens on two leases of {LEASE}"
    );
    for gateway in 0..2 {
        let took = stage.serves_again(gateway).await?;
        assert!(took < Duration::from_secs(5), "used again after {took:?}");
    }
    for (mode, _) in MODES {
        let charged = stage.is_settled(mode).await?;
        assert!(charged > 0, "{mode}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hold_of_a_killed_gateway_comes_free_within_its_lifetime_and_charges_nothing() -> Result<()>
{
    let mut stage = Stage::new().await?;
    let before = stage.is_settled("closed").await?;
    let body = serde_json::json!({
        "model": "closed",
        "max_tokens": 5000,
        "messages": [{"role": "user", "content": "hello [[sim output=60 chunk_delay_ms=500]]"}],
    });
    let mut events = stage.client(1, "closed").stream(&body).await?;
    events.contents(2).await?;
    let (used, held) = stage.account(0, "closed").await?;
    assert_eq!(used, before);
    assert!(held >= 5000, "the other gateway sees a hold of {held}");

    stage.gateways[1].kill().await?;
    let killed = Instant::now();
    let lifetime = Duration::from_secs(HOLD_LIFETIME_S);
    eventually_within(
        lifetime + Duration::from_secs(2),
        "the hold expires",
        async || {
            let (_, held) = stage.account(0, "closed").await.ok()?;
            (held == 0).then_some(())
        },
    )
    .await?;
    let took = killed.elapsed();
    // Renewed a third of its life before the kill at the earliest.
    assert!(took >= lifetime / 2, "free after {took:?} already");
    assert_eq!(
        stage.account(0, "closed").await?,
        (before, 0),
        "phantom spend"
    );
    Ok(())
}
