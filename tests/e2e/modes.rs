//! Modes through the whole product: shadow, overcommit with real streams, warnings.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_harness::{Backend, Client, Gateway, Scenario, eventually};
use tollgate_provider::Simulator;

use crate::stage::{Told, ask, gateway, of, say, simulator};

/// Alice and one budget `own` of each user with this spec.
async fn budgeted(provider: &Simulator, spec: &str) -> Gateway {
    let scenario = Scenario::default()
        .route(
            "llm",
            &[
                Backend::openai("openai", provider.addr()),
                Backend::anthropic("anthropic", provider.addr()).alias("claude"),
            ],
            "",
        )
        .consumer("alice", "search");
    let budget = format!(
        "apiVersion: tollgate.dev/v1alpha1\nkind: TokenBudget\nmetadata: {{name: own}}\nspec: {{{spec}}}\n"
    );
    gateway(&scenario.document(&budget)).await
}

/// What is used and held of the budget `own`.
async fn used_and_held(client: &Client) -> (u64, u64) {
    let told = Told::of(client.get("/v1/usage").await.expect("usage")).await;
    let own = &told.body["data"][0];
    let number = |field: &str| own[field].as_u64().unwrap_or_else(|| panic!("{own}"));
    (number("used"), number("held"))
}

async fn metrics(gateway: &Gateway) -> String {
    let told = gateway.admin().get("/metrics").await.expect("metrics");
    told.text().await.expect("text")
}

fn sample(metrics: &str, name: &str, label: &str) -> f64 {
    metrics
        .lines()
        .filter(|line| line.starts_with(name) && line.contains(label))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

/// A stream that takes its time.
fn slow(model: &str, output: u64, max_tokens: u64) -> Value {
    json!({
        "model": model,
        "max_tokens": max_tokens,
        "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": format!("hello [[sim output={output} chunk_delay_ms=4]]")}],
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shadow_budget_refuses_nobody_counts_everything_and_tells_the_operator() {
    let provider = simulator().await;
    let gateway = budgeted(
        &provider,
        "mode: Shadow, limits: [{tokens: 100, window: Month}]",
    )
    .await;
    let alice = of(&gateway, "alice");
    for _ in 0..5 {
        let told = say(&alice, &ask(64, 64)).await;
        assert_eq!(told.status, 200, "{}", told.body);
        assert!(told.tokens() > 64);
        assert_eq!(told.header("x-ratelimit-limit-tokens"), "");
    }
    let made = provider.tally().total().tokens();
    assert_eq!(used_and_held(&alice).await, (made, 0));
    let lines = eventually("five calls in the access log", async || {
        let calls: Vec<Value> = gateway
            .calls()
            .into_iter()
            .filter(|call| call["status"] == 200 && call["attempts"] == 1)
            .collect();
        (calls.len() == 5).then_some(calls)
    })
    .await
    .expect("access log lines");
    assert_eq!(lines[4]["would_deny"], "default/own", "{}", lines[4]);
    let text = metrics(&gateway).await;
    let denials = sample(&text, "tollgate_budget_shadow_denials_total", "default/own");
    assert!((3.0..=5.0).contains(&denials), "{denials}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hold_of_an_overcommitted_stream_grows_and_the_charge_is_what_was_produced() {
    let provider = simulator().await;
    let gateway = budgeted(
        &provider,
        "mode: Overcommit, overcommit: {percent: 10}, meter: Output, limits: [{tokens: 2000, window: Month}]",
    )
    .await;
    let alice = of(&gateway, "alice");
    for model in ["gpt-4", "claude"] {
        provider.tally().reset();
        let (before, _) = used_and_held(&alice).await;
        let mut events = alice
            .stream(&slow(model, 400, 800))
            .await
            .expect("a stream");
        // The hold is a step of a tenth, 80 tokens, or two ahead of what is produced, however late
        // it is looked at.
        for (seen, held_min) in [(1, 80), (300, 300)] {
            events.contents(seen).await.expect("tokens");
            let (_, held) = used_and_held(&alice).await;
            let produced = provider.tally().total().output;
            assert!(
                (held_min..produced + 160).contains(&held),
                "{model}: {held} of 800 are held, {produced} are produced"
            );
        }
        let (chunks, done) = events.rest().await;
        assert!(done, "{model}");
        let last = chunks.last().expect("chunks");
        assert_eq!(last["usage"]["completion_tokens"], 400, "{model}: {last}");
        let used = eventually("the hold is gone", async || {
            let (used, held) = used_and_held(&alice).await;
            (held == 0).then_some(used)
        })
        .await
        .expect("a settled call");
        assert_eq!(used - before, provider.tally().total().output, "{model}");
    }
    let text = metrics(&gateway).await;
    assert!(
        sample(&text, "tollgate_budget_top_ups_total", "") >= 6.0,
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_whose_hold_cannot_grow_ends_properly_and_frees_what_it_did_not_use() {
    let provider = simulator().await;
    let gateway = budgeted(
        &provider,
        "mode: Overcommit, overcommit: {percent: 10}, meter: Output, limits: [{tokens: 300, window: Month}]",
    )
    .await;
    let alice = of(&gateway, "alice");
    // The tokenizer's tables are built once per process; this is not about that.
    say(&alice, &ask(1, 10)).await;
    let (before, _) = used_and_held(&alice).await;
    provider.tally().reset();
    let mut events = alice
        .stream(&slow("gpt-4", 2000, 2000))
        .await
        .expect("a stream");
    let (mut tokens, mut reason, mut usage) = (0, Value::Null, Value::Null);
    loop {
        let data = events.next().await.expect("no break").expect("an event");
        if data == "[DONE]" {
            break;
        }
        let chunk: Value = serde_json::from_str(&data).expect("a whole event");
        assert_eq!(chunk["object"], "chat.completion.chunk");
        let choice = &chunk["choices"][0];
        tokens += u64::from(
            choice["delta"]["content"]
                .as_str()
                .is_some_and(|t| !t.is_empty()),
        );
        if !choice["finish_reason"].is_null() {
            reason = choice["finish_reason"].clone();
        }
        if !chunk["usage"].is_null() {
            usage = chunk["usage"].clone();
        }
    }
    assert_eq!(reason, "length");
    assert!((200..=300).contains(&tokens), "{tokens} tokens were served");
    let told = usage["completion_tokens"].as_u64().expect("usage");
    assert!(
        told >= tokens && told <= tokens + 20,
        "{told} told, {tokens} served"
    );
    // A client that has its `[DONE]` leaves, and with it goes the provider's work.
    drop(events);
    let used = eventually("the hold is gone", async || {
        let (used, held) = used_and_held(&alice).await;
        (held == 0).then_some(used)
    })
    .await
    .expect("a settled call");
    let made = provider.tally().total();
    assert!(made.output < 1000, "the provider went on: {made:?}");
    let used = used - before;
    assert!(
        used >= tokens && used <= made.output,
        "{used} charged, {tokens} served, {made:?}"
    );
    let line = eventually("the call's line in the access log", async || {
        let mut calls = gateway.calls().into_iter();
        calls.find(|call| call["ending"] == "Limited")
    })
    .await
    .expect("an access log line");
    assert_eq!(line["denied_by"], "default/own", "{line}");
    assert_eq!(line["status"], 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_that_was_ended_ends_for_a_client_that_stays_too() {
    let provider = simulator().await;
    let gateway = budgeted(
        &provider,
        "mode: Overcommit, overcommit: {percent: 10}, meter: Output, limits: [{tokens: 100, window: Month}]",
    )
    .await;
    let alice = of(&gateway, "alice");
    for model in ["gpt-4", "claude"] {
        let events = alice.stream(&slow(model, 600, 900)).await;
        let Ok(events) = events else { continue };
        let (chunks, done) = events.rest().await;
        assert!(done, "{model}: the connection is not cut");
        let ends: Vec<&Value> = chunks
            .iter()
            .map(|chunk| &chunk["choices"][0]["finish_reason"])
            .filter(|reason| !reason.is_null())
            .collect();
        assert_eq!(ends, ["length"], "{model}");
    }
    // It waited for the provider, which is paid for all that it produced.
    let (used, _) = used_and_held(&alice).await;
    assert_eq!(used, provider.tally().total().output);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passed_threshold_is_told_to_callers_and_once_to_operators() {
    let provider = simulator().await;
    let gateway = budgeted(
        &provider,
        "warnAtPercent: 50, limits: [{tokens: 1000, window: Month}]",
    )
    .await;
    let alice = of(&gateway, "alice");
    let mut warnings = Vec::new();
    loop {
        let told = say(&alice, &ask(64, 64)).await;
        if told.status != 200 {
            break;
        }
        warnings.push(told.header("x-tollgate-budget-warning").to_string());
    }
    assert_eq!(
        warnings.first().map(String::as_str),
        Some(""),
        "{warnings:?}"
    );
    let last = warnings.last().expect("a served call");
    assert!(last.starts_with("default/own at "), "{warnings:?}");
    let told = warnings
        .iter()
        .filter(|warning| !warning.is_empty())
        .count();
    assert!(told > 1, "{warnings:?}");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let text = metrics(&gateway).await;
    let events = sample(&text, "tollgate_budget_warnings_total", "default/own");
    assert!((events - 1.0).abs() < f64::EPSILON, "{events} events");
    let output = gateway.output();
    assert_eq!(output.matches("a budget is nearly used up").count(), 1);
}

/// What it used is not known any more where the engine was in the process that died; what it held
/// is charged then, and never nothing.
#[tokio::test]
async fn stream_that_dies_with_envoy_holds_nothing() {
    let provider = simulator().await;
    let gateway = budgeted(
        &provider,
        "meter: Output, limits: [{tokens: 2000, window: Month}]",
    )
    .await;
    let alice = of(&gateway, "alice");
    let mut events = alice
        .stream(&slow("gpt-4", 400, 800))
        .await
        .expect("a stream");
    events.contents(5).await.expect("some tokens");
    assert_eq!(used_and_held(&alice).await, (0, 800));
    let (envoy, _) = gateway.envoy().expect("an Envoy");
    let killed = tokio::process::Command::new("kill")
        .args(["-KILL", &envoy.to_string()])
        .status()
        .await
        .expect("kill runs");
    assert!(killed.success());
    let used = eventually("the hold is gone", async || {
        let usage = alice.usage_of("default/own").await.ok()?;
        (usage.held == 0).then_some(usage.used)
    })
    .await
    .expect("a settled call");
    // What it had received, or nothing where the engine that counted it died too: never what was held.
    assert!(used == 0 || (5..=400).contains(&used), "{used}");
}
