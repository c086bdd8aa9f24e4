//! Fallback through the whole product: one provider fails, the next answers inside the same call,
//! with its own key and in its own API.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tollgate_harness::{
    Backend, Client, Ledger, PROBED, Scenario, client_key, eventually, eventually_within,
    provider_key,
};
use tollgate_provider::{
    Fault, FaultMatch, FaultRule, RecordedRequest, Simulator, TOKENS_PER_IMAGE,
};

use crate::stage::{Told, ask, gateway, of, say, simulator};

const TRY_300_MS: &str = "retry: {perRetryTimeout: 300ms}";

/// OpenAI first, then Anthropic, alice, and a budget large enough never to matter.
fn openai_then_anthropic(openai: &str, anthropic: &Simulator, spec: &str) -> Scenario {
    let backends = [
        Backend::openai("first", anthropic.addr()).endpoint(openai),
        Backend::anthropic("second", anthropic.addr()).priority(1),
    ];
    Scenario::default()
        .route("llm", &backends, spec)
        .consumer("alice", "search")
        .budget("all", "User", "[{tokens: 1000000000, window: Month}]", &[])
}

fn url(provider: &Simulator) -> String {
    format!("http://{}/v1", provider.addr())
}

fn always(fault: Fault) -> FaultRule {
    FaultRule {
        matches: FaultMatch::default(),
        fault,
    }
}

fn status(status: u16) -> Fault {
    Fault::Status {
        status,
        retry_after_s: None,
    }
}

#[track_caller]
fn served_by(told: &Told, provider: &str, model: &str) {
    assert_eq!(told.status, 200, "{}", told.body);
    assert_eq!(told.header("x-tollgate-provider"), provider);
    assert_eq!(told.header("x-tollgate-model"), model);
    assert_eq!(told.body["object"], "chat.completion", "{}", told.body);
    let content = told.body["choices"][0]["message"]["content"].as_str();
    assert!(
        content.is_some_and(|text| !text.is_empty()),
        "{}",
        told.body
    );
}

/// A request of the gateway to Anthropic: its key, its API, and nothing of the client's.
#[track_caller]
fn is_for_anthropic(request: &RecordedRequest, backend: &str) {
    assert_eq!(request.path, "/v1/messages");
    assert_eq!(
        request.header("x-api-key"),
        Some(provider_key(backend).as_str())
    );
    assert_eq!(request.header("authorization"), None);
    assert!(request.header("anthropic-version").is_some());
    assert_eq!(request.json()["model"], "claude-3-opus");
    knows_only_its_key(request, backend);
}

#[track_caller]
fn is_for_openai(request: &RecordedRequest, backend: &str) {
    is_for_openai_by_head(request, backend);
    assert_eq!(request.json()["model"], "gpt-4");
}

/// As [`is_for_openai`], for bodies too long to be recorded whole.
#[track_caller]
fn is_for_openai_by_head(request: &RecordedRequest, backend: &str) {
    assert_eq!(request.path, "/v1/chat/completions");
    let bearer = format!("Bearer {}", provider_key(backend));
    assert_eq!(request.header("authorization"), Some(bearer.as_str()));
    assert_eq!(request.header("x-api-key"), None);
    assert_eq!(request.header("anthropic-version"), None);
    knows_only_its_key(request, backend);
}

#[track_caller]
fn knows_only_its_key(request: &RecordedRequest, backend: &str) {
    assert!(
        !request.contains(&client_key("alice")),
        "the client's key reached a provider"
    );
    for other in ["first", "second", "third"]
        .into_iter()
        .filter(|other| *other != backend)
    {
        assert!(
            !request.contains(&provider_key(other)),
            "the key of {other} reached {backend}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failure_of_the_first_provider_is_answered_by_the_second_in_the_same_call() {
    let (openai, anthropic) = (simulator().await, simulator().await);
    for (fault, attempts) in [
        (status(429), 1),
        (status(500), 1),
        (status(503), 1),
        (status(529), 1),
        (Fault::ResetBeforeHead, 1),
        (Fault::Hang, 1),
    ] {
        // Three failures in a row eject a provider: each fault has a gateway of its own.
        let gateway = gateway(&openai_then_anthropic(
            &url(&openai),
            &anthropic,
            TRY_300_MS,
        ))
        .await;
        let alice = of(&gateway, "alice");
        openai.faults().set(vec![always(fault.clone())]);
        for stream in [false, true] {
            openai.recorder().clear();
            anthropic.recorder().clear();
            if stream {
                let events = alice.stream(&ask(8, 64)).await.expect("a stream");
                assert_eq!(
                    events.header("x-tollgate-provider"),
                    Some("second"),
                    "{fault:?}"
                );
                let (chunks, done) = events.rest().await;
                assert!(done, "{fault:?}: {chunks:?}");
                assert_eq!(chunks[0]["object"], "chat.completion.chunk", "{fault:?}");
            } else {
                let told = say(&alice, &ask(8, 64)).await;
                served_by(&told, "second", "claude-3-opus");
            }
            let requests = openai.recorder().requests();
            assert_eq!(requests.len(), attempts, "{fault:?}, stream {stream}");
            requests
                .iter()
                .for_each(|request| is_for_openai(request, "first"));
            let requests = anthropic.recorder().requests();
            assert_eq!(requests.len(), 1, "{fault:?}, stream {stream}");
            is_for_anthropic(&requests[0], "second");
            assert_eq!(requests[0].json()["max_tokens"], 64, "{fault:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fallback_to_another_model_of_the_same_address_is_answered_by_it() {
    let provider = simulator().await;
    let backends = [
        Backend::openai("first", provider.addr()),
        Backend::openai("second", provider.addr())
            .model("gpt-4o-mini")
            .alias("gpt-4")
            .priority(1),
    ];
    let gateway = gateway(&Scenario::default().route("llm", &backends, TRY_300_MS)).await;
    let matches = FaultMatch {
        model: Some("gpt-4".to_string()),
        ..FaultMatch::default()
    };
    provider.faults().set(vec![FaultRule {
        matches,
        fault: status(503),
    }]);
    let told = say(&gateway.client(None), &ask(8, 64)).await;
    served_by(&told, "second", "gpt-4o-mini");
    let models: Vec<Value> = (provider.recorder().requests().iter())
        .map(|request| request.json()["model"].clone())
        .collect();
    assert_eq!(models, ["gpt-4", "gpt-4o-mini"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusal_that_is_the_clients_own_fault_is_not_tried_elsewhere() {
    let (openai, anthropic) = (simulator().await, simulator().await);
    let gateway = gateway(&openai_then_anthropic(&url(&openai), &anthropic, PROBED)).await;
    let alice = of(&gateway, "alice");
    for code in [400, 401, 403, 404, 422] {
        openai.faults().set(vec![always(status(code))]);
        let told = say(&alice, &ask(8, 64)).await;
        assert_eq!(told.status, code, "{}", told.body);
        assert!(told.body["error"]["message"].is_string(), "{}", told.body);
        assert_eq!(told.header("x-tollgate-provider"), "first");
    }
    assert_eq!(anthropic.recorder().requests().len(), 0);
    assert_eq!(openai.recorder().requests().len(), 5);
    let account = alice
        .settled_ledger("gpt-4", Duration::from_secs(1))
        .await
        .expect("a ledger");
    assert_eq!(account.settled, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_while_the_first_provider_is_killed_and_comes_back() {
    const CALLS: usize = 200;
    const IN_PARALLEL: usize = 8;
    let (mut openai, anthropic) = (simulator().await, simulator().await);
    // Calls are in flight at the moment of the kill.
    openai
        .faults()
        .set(vec![always(Fault::DelayHead { ms: 20 })]);
    let gateway = gateway(&openai_then_anthropic(&url(&openai), &anthropic, "")).await;
    let alice = of(&gateway, "alice");
    let left = Arc::new(std::sync::atomic::AtomicUsize::new(CALLS));
    let workers: Vec<_> = (0..IN_PARALLEL)
        .map(|_| tokio::spawn(work(alice.clone(), Arc::clone(&left))))
        .collect();
    let reached = async |count: usize| {
        eventually("calls are made", async || {
            (left.load(std::sync::atomic::Ordering::Relaxed) <= CALLS - count).then_some(())
        })
        .await
        .expect("calls go on");
    };
    reached(CALLS / 4).await;
    openai.kill().await;
    reached(CALLS / 4 * 3).await;
    openai.restart().await.expect("the simulator listens again");

    let mut served = Vec::new();
    for worker in workers {
        served.extend(worker.await.expect("a worker"));
    }
    assert_eq!(served.len(), CALLS);
    let by = |provider: &str| served.iter().filter(|by| *by == provider).count();
    assert_eq!(by("first") + by("second"), CALLS);
    assert!(
        by("first") >= CALLS / 4 - IN_PARALLEL,
        "{} calls of the first",
        by("first")
    );
    assert!(
        by("second") >= CALLS / 2 - IN_PARALLEL,
        "{} calls of the second",
        by("second")
    );

    eventually_within(
        Duration::from_secs(20),
        "traffic returns to the first provider",
        async || {
            let told = say(&alice, &ask(8, 64)).await;
            assert_eq!(told.status, 200, "{}", told.body);
            (told.header("x-tollgate-provider") == "first").then_some(())
        },
    )
    .await
    .expect("traffic returns");
}

/// Calls until none are left; who served each.
async fn work(client: Client, left: Arc<std::sync::atomic::AtomicUsize>) -> Vec<String> {
    use std::sync::atomic::Ordering::Relaxed;
    let mut served = Vec::new();
    while left
        .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1))
        .is_ok()
    {
        let told = say(&client, &ask(8, 64)).await;
        assert_eq!(told.status, 200, "a call failed: {}", told.body);
        assert!(told.tokens() > 0);
        served.push(told.header("x-tollgate-provider").to_string());
    }
    served
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provider_that_keeps_failing_is_skipped_until_it_recovers() {
    let (openai, anthropic) = (simulator().await, simulator().await);
    let gateway = gateway(&openai_then_anthropic(&url(&openai), &anthropic, "")).await;
    let alice = of(&gateway, "alice");
    openai.faults().set(vec![always(status(503))]);
    for _ in 0..3 {
        served_by(&say(&alice, &ask(8, 64)).await, "second", "claude-3-opus");
    }
    assert_eq!(openai.recorder().requests().len(), 3);
    // Ejected for five seconds.
    let ejected = Instant::now();
    for _ in 0..5 {
        served_by(&say(&alice, &ask(8, 64)).await, "second", "claude-3-opus");
    }
    if ejected.elapsed() < Duration::from_secs(4) {
        assert_eq!(
            openai.recorder().requests().len(),
            3,
            "an ejected provider was asked"
        );
    }
    openai.faults().clear();
    eventually_within(
        Duration::from_secs(15),
        "the provider is tried again",
        async || {
            let told = say(&alice, &ask(8, 64)).await;
            assert_eq!(told.status, 200, "{}", told.body);
            (told.header("x-tollgate-provider") == "first").then_some(())
        },
    )
    .await
    .expect("a recovered provider");
    served_by(&say(&alice, &ask(8, 64)).await, "first", "gpt-4");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_backends_are_tried_in_the_order_of_their_priorities() {
    let [first, second, third] = [simulator().await, simulator().await, simulator().await];
    let backends = [
        Backend::openai("third", third.addr()).priority(7),
        Backend::openai("first", first.addr()),
        Backend::anthropic("second", second.addr()).priority(3),
    ];
    let scenario = Scenario::default()
        .route("llm", &backends, PROBED)
        .consumer("alice", "search")
        .budget("all", "User", "[{tokens: 100000, window: Month}]", &[]);
    let gateway = gateway(&scenario).await;
    let alice = of(&gateway, "alice");
    served_by(&say(&alice, &ask(8, 64)).await, "first", "gpt-4");
    first.faults().set(vec![always(status(500))]);
    served_by(&say(&alice, &ask(8, 64)).await, "second", "claude-3-opus");
    second.faults().set(vec![always(status(529))]);
    let told = say(&alice, &ask(8, 64)).await;
    served_by(&told, "third", "gpt-4");
    is_for_openai(&first.recorder().last().expect("an attempt"), "first");
    is_for_anthropic(&second.recorder().last().expect("an attempt"), "second");
    let request = third.recorder().last().expect("an attempt");
    is_for_openai(&request, "third");
    // What the client wrote, not what an earlier provider was sent.
    assert_eq!(request.json()["messages"], ask(8, 64)["messages"]);

    // Attempts that failed before their first byte cost nothing.
    let produced = [&first, &second, &third].map(|provider| provider.tally().total().tokens());
    let account = alice.ledger("gpt-4").await.expect("a ledger");
    let settled = produced.iter().sum();
    assert_eq!(
        account,
        Ledger {
            limit: 100_000,
            settled,
            held: 0
        }
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backends_of_one_priority_share_by_weight() {
    const CALLS: usize = 200;
    let (heavy, light) = (simulator().await, simulator().await);
    let backends = [
        Backend::openai("heavy", heavy.addr()).weight(3),
        Backend::openai("light", light.addr()).weight(1),
    ];
    let gateway = gateway(&Scenario::default().route("llm", &backends, "")).await;
    let client = gateway.client(None);
    for _ in 0..CALLS {
        let told = say(&client, &ask(1, 8)).await;
        assert_eq!(told.status, 200, "{}", told.body);
    }
    let begun = usize::try_from(light.tally().total().begun).expect("a count");
    // A quarter of 200; six standard deviations are 37.
    assert!(
        (13..=87).contains(&begun),
        "{begun} of {CALLS} calls went to a quarter of the weight"
    );
    assert_eq!(
        heavy.tally().total().begun + light.tally().total().begun,
        CALLS as u64
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provider_whose_name_does_not_resolve_leaves_the_call_to_the_next() {
    let anthropic = simulator().await;
    let nowhere = "http://does-not-exist.invalid:80/v1";
    let gateway = gateway(&openai_then_anthropic(nowhere, &anthropic, "")).await;
    let alice = of(&gateway, "alice");
    for _ in 0..5 {
        served_by(&say(&alice, &ask(8, 64)).await, "second", "claude-3-opus");
        is_for_anthropic(&anthropic.recorder().last().expect("a request"), "second");
    }
    let events = alice.stream(&ask(8, 64)).await.expect("a stream");
    assert!(events.rest().await.1, "the stream ends with [DONE]");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provider_that_refuses_connections_leaves_the_call_to_the_next() {
    let (mut openai, anthropic) = (simulator().await, simulator().await);
    openai.kill().await;
    let gateway = gateway(&openai_then_anthropic(&url(&openai), &anthropic, "")).await;
    let alice = of(&gateway, "alice");
    for _ in 0..5 {
        served_by(&say(&alice, &ask(8, 64)).await, "second", "claude-3-opus");
        is_for_anthropic(&anthropic.recorder().last().expect("a request"), "second");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_providers_down_is_an_error_in_openais_form_and_costs_nothing() {
    let (mut openai, mut anthropic) = (simulator().await, simulator().await);
    let gateway = gateway(&openai_then_anthropic(&url(&openai), &anthropic, PROBED)).await;
    openai.kill().await;
    anthropic.kill().await;
    let alice = of(&gateway, "alice");
    for stream in [false, true] {
        let mut body = ask(8, 64);
        body["stream"] = stream.into();
        let told = say(&alice, &body).await;
        assert_eq!(told.status, 503, "{}", told.body);
        assert_eq!(told.header("content-type"), "application/json");
        assert!(!told.message().is_empty(), "{}", told.body);
        assert_eq!(told.body["error"]["type"], "server_error", "{}", told.body);
        assert_eq!(
            told.body["error"]["code"], "upstream_unavailable",
            "{}",
            told.body
        );
    }
    let account = alice
        .settled_ledger("gpt-4", Duration::from_secs(1))
        .await
        .expect("a ledger");
    assert_eq!(account.settled, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_body_reaches_the_second_provider_whole() {
    let (openai, anthropic) = (simulator().await, simulator().await);
    let gateway = gateway(&openai_then_anthropic(&url(&openai), &anthropic, "")).await;
    let alice = of(&gateway, "alice");
    openai.faults().set(vec![always(status(503))]);
    for mebibytes in [2, 20] {
        let told = say(&alice, &with_images(mebibytes)).await;
        served_by(&told, "second", "claude-3-opus");
        // An image is counted only where its data came whole.
        let images = mebibytes as u64 * TOKENS_PER_IMAGE;
        let prompt = told.body["usage"]["prompt_tokens"].as_u64().expect("usage");
        assert!(
            (images..images + 40).contains(&prompt),
            "{prompt} tokens of {mebibytes} images"
        );
        is_for_openai_by_head(&openai.recorder().last().expect("an attempt"), "first");
    }
}

/// A chat with so many images of one mebibyte each.
fn with_images(mebibytes: usize) -> Value {
    let image = format!(
        "data:image/png;base64,{}",
        "iVBORw0KGgo0".repeat((1 << 20) / 12 + 1)
    );
    let image = json!({"type": "image_url", "image_url": {"url": image}});
    let mut content = vec![json!({"type": "text", "text": "What is this? [[sim output=8]]"})];
    content.extend(std::iter::repeat_n(image, mebibytes));
    json!({"model": "gpt-4", "max_tokens": 64, "messages": [{"role": "user", "content": content}]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_that_takes_longer_than_an_attempt_may_is_not_cut() {
    let (openai, anthropic) = (simulator().await, simulator().await);
    let gateway = gateway(&openai_then_anthropic(
        &url(&openai),
        &anthropic,
        TRY_300_MS,
    ))
    .await;
    let body = json!({
        "model": "gpt-4",
        "messages": [{"role": "user", "content": "[[sim output=8 chunk_delay_ms=100]]"}],
    });
    let events = of(&gateway, "alice").stream(&body).await.expect("a stream");
    assert_eq!(events.header("x-tollgate-provider"), Some("first"));
    let (chunks, done) = events.rest().await;
    assert!(done, "{chunks:?}");
    assert_eq!(anthropic.recorder().requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fallback_on_a_tight_budget_is_held_to_the_second_providers_bound() {
    const LIMIT: u64 = 200;
    let (openai, anthropic) = (simulator().await, simulator().await);
    let backends = [
        Backend::openai("first", openai.addr()),
        Backend::anthropic("second", anthropic.addr()).priority(1),
    ];
    let scenario = Scenario::default()
        .route("llm", &backends, "")
        .consumer("alice", "search")
        .budget(
            "all",
            "User",
            &format!("[{{tokens: {LIMIT}, window: Month}}]"),
            &[],
        );
    let gateway = gateway(&scenario).await;
    openai.faults().set(vec![always(status(503))]);
    let told = say(&of(&gateway, "alice"), &ask(150, 150)).await;
    served_by(&told, "second", "claude-3-opus");
    // The first provider's tokens can be counted, the second's only bounded by bytes: less is
    // left for its output.
    let first = openai.recorder().last().expect("an attempt").json()["max_tokens"].as_u64();
    let second = anthropic.recorder().last().expect("an attempt").json()["max_tokens"].as_u64();
    assert!(second < first, "{first:?} then {second:?}");
    assert_eq!(Some(told.number("x-tollgate-output-tokens-limit")), second);
    assert!(told.tokens() <= LIMIT, "{} tokens", told.tokens());
}
