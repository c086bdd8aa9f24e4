//! What operators do with budgets: see them, grant, reset; who may; and where budgets are kept.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::process::Command;
use tollgate_harness::{
    Backend, Client, Gateway, GatewayBuilder, RedisServer, Scenario,
    command::{Finished, run, run_command},
    eventually, eventually_within,
};
use tollgate_provider::Simulator;

use crate::stage::{ask, of, say, simulator};

const TOLLGATE: &str = env!("CARGO_BIN_EXE_tollgate");
const TOKEN: &str = "an-admin-token-of-a-test";

fn scenario(provider: &Simulator) -> Scenario {
    let limits = "[{tokens: 200, window: Month}, {tokens: 100000, window: Year}]";
    Scenario::default()
        .route("llm", &[Backend::openai("openai", provider.addr())], "")
        .consumer("alice", "search")
        .consumer("bob", "search")
        .budget("daily", "User", limits, &[])
}

async fn start(scenario: &Scenario, args: &[String], env: &[(&str, &str)]) -> Result<Gateway> {
    let mut builder = GatewayBuilder::new(TOLLGATE)
        .manifests(scenario.to_string())
        .arg("--concurrency=1");
    for arg in args {
        builder = builder.arg(arg);
    }
    for (name, value) in env {
        builder = builder.env(name, *value);
    }
    builder.start().await
}

/// Budgets in Redis. A machine that builds something meanwhile may be slower than the usual
/// deadline.
fn in_redis(redis: &RedisServer) -> [String; 3] {
    [
        "--redis".to_string(),
        redis.url(),
        "--store-deadline=2000".to_string(),
    ]
}

/// `tollgate budget …` against a gateway, as the same user on the same machine.
async fn budget(gateway: &Gateway, args: &[&str]) -> Result<Finished> {
    let mut all = vec!["budget"];
    all.extend(args);
    all.extend(["--admin", gateway.admin_url()]);
    run(TOLLGATE, &all).await
}

async fn budget_json(gateway: &Gateway, args: &[&str]) -> Result<Value> {
    let mut all = args.to_vec();
    all.extend(["--output", "json"]);
    let finished = budget(gateway, &all).await?;
    anyhow::ensure!(finished.code == Some(0), "{finished:?}");
    serde_json::from_str(&finished.stdout).context("JSON")
}

/// The account of one window.
fn account<'a>(answer: &'a Value, window: &str) -> &'a Value {
    let accounts = answer["accounts"].as_array().expect("accounts");
    accounts
        .iter()
        .find(|account| account["window"] == window)
        .unwrap_or_else(|| panic!("an account per {window} in {answer}"))
}

/// Calls until one is refused.
async fn spend_all(client: &Client) -> u64 {
    let mut spent = 0;
    loop {
        let told = say(client, &ask(16, 16)).await;
        if told.status == 429 {
            return spent;
        }
        assert_eq!(told.status, 200, "{}", told.body);
        spent += told.tokens();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn budgets_are_shown_to_those_with_the_token_only() -> Result<()> {
    let provider = simulator().await;
    let gateway = start(
        &scenario(&provider),
        &[],
        &[("TOLLGATE_ADMIN_TOKEN", TOKEN)],
    )
    .await?;
    let admin = gateway.admin();
    for path in ["/v1/budgets", "/v1/budgets/accounts?budget=daily"] {
        for key in [None, Some("an-admin-token-of-a-tesT"), Some("")] {
            let answer = admin.with_key(key).get(path).await?;
            assert_eq!(answer.status(), 401, "{path} {key:?}");
            assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        }
        assert_eq!(
            admin.with_key(Some(TOKEN)).get(path).await?.status(),
            200,
            "{path}"
        );
    }
    for path in ["/v1/budgets/reset", "/v1/budgets/grant"] {
        let body = json!({"budget": "daily", "subject": "alice", "amount": 1}).to_string();
        assert_eq!(admin.post(path, body).await?.status(), 401, "{path}");
    }
    // Clients do not reach it.
    let client = gateway.client(Some(TOKEN));
    assert_ne!(client.get("/v1/budgets").await?.status(), 200);
    assert!(!gateway.output().contains(TOKEN), "the token is in the log");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operator_sees_grants_and_resets() -> Result<()> {
    let provider = simulator().await;
    // No token is given: the command finds the one that the gateway made.
    let gateway = start(&scenario(&provider), &[], &[]).await?;
    let listed = budget_json(&gateway, &["list"]).await?;
    assert_eq!(listed["budgets"][0]["id"], "default/daily");
    assert_eq!(
        listed["budgets"][0]["limits"][0],
        json!({"amount": 200, "window": "Month", "timeZone": "UTC"})
    );

    let alice = of(&gateway, "alice");
    let spent = spend_all(&alice).await;
    let got = budget_json(&gateway, &["get", "daily", "--subject", "alice"]).await?;
    let month = account(&got, "Month");
    assert_eq!(month["subject"], "user:default/alice");
    assert_eq!(
        (&month["used"], &month["held"]),
        (&json!(spent), &json!(0)),
        "{got}"
    );
    assert_eq!(month["remaining"], json!(200 - spent));
    let all = budget(&gateway, &["get", "default/daily"]).await?;
    assert!(
        all.stdout.contains("user:default/alice  Month"),
        "{}",
        all.stdout
    );
    assert!(!all.stdout.contains("bob"), "{}", all.stdout);

    // What was granted can be spent at once, though the denial was remembered.
    let granted = budget_json(
        &gateway,
        &["grant", "daily", "alice", "1000", "--window", "month"],
    )
    .await?;
    assert_eq!(account(&granted, "Month")["granted"], 1_000);
    assert_eq!(say(&alice, &ask(16, 16)).await.status, 200);

    let reset = budget_json(&gateway, &["reset", "daily", "alice", "--window", "Month"]).await?;
    assert_eq!(
        reset["accounts"].as_array().map(Vec::len),
        Some(1),
        "{reset}"
    );
    let month = account(&reset, "Month");
    assert_eq!(
        (&month["used"], &month["granted"]),
        (&json!(0), &json!(0)),
        "{reset}"
    );
    let got = budget_json(&gateway, &["get", "daily", "--subject", "alice"]).await?;
    assert!(
        account(&got, "Year")["used"].as_u64() > Some(spent),
        "{got}"
    );
    assert_eq!(spend_all(&alice).await, spent, "the whole limit again");

    let status = gateway.status().await?;
    assert_eq!(status["ledger"]["store"], "memory");
    assert_eq!(status["ledger"]["overrun"], 0, "{status}");
    let metrics = gateway.admin().get("/metrics").await?.text().await?;
    let denied = metrics.lines().any(|line| {
        line.starts_with("tollgate_budget_denied_total{")
            && line.contains("budget=\"default/daily\"")
            && line.contains("window=\"Month\"")
            && !line.ends_with(" 0")
    });
    assert!(denied, "{metrics}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_are_answered_with_what_exists() -> Result<()> {
    let provider = simulator().await;
    let gateway = start(&scenario(&provider), &[], &[]).await?;
    for (args, words) in [
        (
            &["get", "dayly"][..],
            &["there is no budget \"dayly\"", "default/daily"][..],
        ),
        (
            &["get", "daily", "--subject", "alise"],
            &[
                "no subject \"user:default/alise\"",
                "user:default/alice",
                "user:default/bob",
            ],
        ),
        (
            &["reset", "daily", "alise"],
            &["no subject", "user:default/alice"],
        ),
        (
            &["grant", "daily", "alice", "5"],
            &["window is required", "Month, Year"],
        ),
        (
            &["grant", "daily", "alice", "5", "--window", "Day"],
            &["no limit per \"Day\"", "Month, Year"],
        ),
        (
            &["grant", "daily", "alice", "many", "--window", "Month"],
            &["amount must be between 1 and", "\"many\" is not"],
        ),
        (
            &["grant", "daily", "alice", "0", "--window", "Month"],
            &["amount must be between 1 and"],
        ),
    ] {
        let finished = budget(&gateway, args).await?;
        assert_eq!(finished.code, Some(1), "{args:?}: {finished:?}");
        for word in words {
            assert!(
                finished.stderr.contains(word),
                "{args:?}: {}",
                finished.stderr
            );
        }
    }
    let finished = budget(&gateway, &["grant", "daily", "alice"]).await?;
    assert_eq!(finished.code, Some(2), "{finished:?}");

    // A subject that the configuration does not know any more is shown while something stands there.
    let wrong = tempfile::NamedTempFile::new()?;
    std::fs::write(wrong.path(), "some-other-admin-token")?;
    let path = wrong.path().to_str().context("path")?;
    let finished = budget(&gateway, &["list", "--token-file", path]).await?;
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.contains("the admin token is wrong"),
        "{}",
        finished.stderr
    );

    let admin = gateway.admin_url().to_string();
    drop(gateway);
    let mut command = Command::new(TOLLGATE);
    command.args(["budget", "list", "--admin", &admin]);
    command.env("TOLLGATE_ADMIN_TOKEN", TOKEN);
    let finished = run_command(command).await?;
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.contains("no gateway answers at"),
        "{}",
        finished.stderr
    );
    Ok(())
}

#[tokio::test]
async fn store_and_token_that_cannot_be_used_end_the_start_with_code_2() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let short = folder.path().join("token");
    std::fs::write(&short, "short")?;
    let short = short.to_str().context("path")?;
    for (args, words) in [
        (
            &["run", "--redis", "nonsense"][..],
            &["--redis", "redis://"][..],
        ),
        (
            &["run", "--redis", "http://127.0.0.1:6379"],
            &["--redis", "redis-cluster"],
        ),
        (
            &[
                "run",
                "--redis",
                "redis://127.0.0.1",
                "--redis-password-file",
                "/nowhere",
            ],
            &["--redis-password-file", "/nowhere"],
        ),
        (
            &[
                "run",
                "--redis",
                "redis://127.0.0.1",
                "--redis-prefix",
                "a b",
            ],
            &["prefix", "a b"],
        ),
        (&["run", "--redis-prefix", "a"], &["--redis"]),
        (
            &["run", "--admin-token-file", short],
            &["admin token", "at least 16"],
        ),
    ] {
        let finished = run(TOLLGATE, args).await?;
        assert_eq!(finished.code, Some(2), "{args:?}: {finished:?}");
        for word in words {
            assert!(
                finished.stderr.contains(word),
                "{args:?}: {}",
                finished.stderr
            );
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_with_one_redis_share_accounts_and_operators() -> Result<()> {
    let provider = simulator().await;
    let redis = RedisServer::start().await?;
    let args = in_redis(&redis);
    let scenario = scenario(&provider);
    let (one, two) = tokio::try_join!(start(&scenario, &args, &[]), start(&scenario, &args, &[]))?;
    let (at_one, at_two) = (of(&one, "alice"), of(&two, "alice"));
    let spent = spend_all(&at_one).await;
    assert_eq!(say(&at_two, &ask(16, 16)).await.status, 429);
    let seen = budget_json(&two, &["get", "daily"]).await?;
    assert_eq!(account(&seen, "Month")["used"], json!(spent), "{seen}");

    budget_json(
        &one,
        &["grant", "daily", "alice", "500", "--window", "Month"],
    )
    .await?;
    assert_eq!(say(&at_one, &ask(16, 16)).await.status, 200);
    eventually_within(
        Duration::from_secs(3),
        "the grant shows at the other gateway",
        async || (say(&at_two, &ask(16, 16)).await.status == 200).then_some(()),
    )
    .await?;
    let ready = one.admin().get("/ready").await?.text().await?;
    assert!(
        ready.contains(&format!("budgets in {}", redis.url())),
        "{ready}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateway_without_its_redis_starts_refuses_and_serves_when_it_comes() -> Result<()> {
    let provider = simulator().await;
    let mut redis = RedisServer::start().await?;
    redis.kill().await?;
    let args = in_redis(&redis);
    let gateway = start(&scenario(&provider), &args, &[]).await?;
    let alice = of(&gateway, "alice");
    eventually("/ready says that Redis is away", async || {
        let ready = gateway.admin().get("/ready").await.ok()?;
        assert_eq!(ready.status(), 200, "it serves what needs no budget");
        let ready = ready.text().await.ok()?;
        ready.contains("has not answered").then_some(())
    })
    .await?;
    for _ in 0..8 {
        let told = say(&alice, &ask(16, 16)).await;
        assert_eq!(told.status, 503, "{}", told.body);
        assert!(told.number("retry-after") >= 1);
    }
    assert_eq!(
        provider.tally().total().tokens(),
        0,
        "nothing reached the provider"
    );
    assert!(gateway.output().contains("the budget store cannot be used"));
    let finished = budget(&gateway, &["get", "daily"]).await?;
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.contains("budget store"),
        "{}",
        finished.stderr
    );

    redis.start_again().await?;
    eventually("calls are served again", async || {
        (say(&alice, &ask(16, 16)).await.status == 200).then_some(())
    })
    .await?;
    let status = gateway.status().await?;
    assert_eq!(status["ledger"]["breaker"]["state"], "closed", "{status}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_in_flight_while_redis_is_frozen_are_charged_when_it_thaws() -> Result<()> {
    let provider = simulator().await;
    let redis = RedisServer::start().await?;
    let args = in_redis(&redis);
    let gateway = start(&scenario(&provider), &args, &[]).await?;
    let alice = of(&gateway, "alice");
    let body = json!({"model": "gpt-4", "max_tokens": 16, "stream": true, "messages": [
        {"role": "user", "content": "hello [[sim output=16 chunk_delay_ms=60]]"}]});
    let answer = alice.chat(&body).await?;
    assert_eq!(answer.status(), 200);
    redis.freeze().await?;
    // Its end is not held up by the store, nor lost.
    answer.bytes().await?;
    eventually("the settlement waits", async || {
        let status = gateway.status().await.ok()?;
        (status["ledger"]["queue"]["settlements"] == 1).then_some(())
    })
    .await?;
    redis.thaw().await?;
    let spent = provider.tally().total().tokens();
    eventually("it is charged", async || {
        let got = budget_json(&gateway, &["get", "daily", "--subject", "alice"])
            .await
            .ok()?;
        let month = account(&got, "Month");
        (month["used"] == json!(spent) && month["held"] == 0).then_some(())
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_that_the_end_of_its_gateway_cuts_is_charged_in_redis() -> Result<()> {
    let provider = simulator().await;
    let redis = RedisServer::start().await?;
    let mut args = in_redis(&redis).to_vec();
    args.push("--drain-timeout=1".to_string());
    let scenario = scenario(&provider);
    let gateway = start(&scenario, &args, &[]).await?;
    let body = json!({"model": "gpt-4", "max_tokens": 100, "stream": true, "messages": [
        {"role": "user", "content": "hello [[sim output=100 chunk_delay_ms=100]]"}]});
    let mut events = of(&gateway, "alice").stream(&body).await?;
    events.next().await?;
    let (status, _) = gateway.stop().await?;
    assert!(status.success(), "{status}");
    drop(events);

    let next = start(&scenario, &args, &[]).await?;
    let got = budget_json(&next, &["get", "daily", "--subject", "alice"]).await?;
    let month = account(&got, "Month");
    assert_eq!(month["held"], 0, "its hold is not left to expire: {got}");
    let used = month["used"].as_u64().context("used")?;
    assert!(
        (10..100).contains(&used),
        "prompt and a part of the answer: {got}"
    );
    Ok(())
}
