//! Meters and subjects through the whole product: each budget's account is compared with what the
//! provider simulator really produced.

use serde_json::{Value, json};
use tollgate_harness::{Backend, Client, Scenario};
use tollgate_provider::{Fault, FaultMatch, FaultRule, Simulator};

use crate::stage::{Told, ask, gateway, of, say, simulator};

/// 2.50, 1.25, 3 and 10 USD for a million tokens.
const PRICES: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: prices}\ndata:\n  currency: USD\n  gpt-4: '{input: \"2.50\", cachedInput: \"1.25\", cacheWrite: \"3\", output: \"10\"}'\n  claude-3-opus: '{input: \"2.50\", cachedInput: \"1.25\", cacheWrite: \"3\", output: \"10\"}'\n";

fn scenario(provider: &Simulator) -> Scenario {
    let backends = [
        Backend::openai("openai", provider.addr()),
        Backend::anthropic("anthropic", provider.addr()).alias("claude"),
    ];
    Scenario::default()
        .route("llm", &backends, "")
        .consumer("alice", "search")
        .consumer("bob", "search")
}

/// A TokenBudget with this spec.
fn budget(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: tollgate.dev/v1alpha1\nkind: TokenBudget\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"
    )
}

fn chat(directives: &str) -> Value {
    json!({
        "model": "gpt-4",
        "max_tokens": 200,
        "messages": [{"role": "user", "content": format!("hello {} [[sim {directives}]]", "there ".repeat(80))}],
    })
}

/// The caller's account under a budget, as `GET /v1/usage` tells it.
async fn account(client: &Client, budget: &str) -> Value {
    let told = Told::of(client.get("/v1/usage").await.expect("usage")).await;
    assert_eq!(told.status, 200, "{}", told.body);
    let accounts = told.body["data"].as_array().cloned().unwrap_or_default();
    accounts
        .into_iter()
        .find(|account| account["budget"] == format!("default/{budget}"))
        .unwrap_or_else(|| panic!("no account of {budget}: {}", told.body))
}

async fn used(client: &Client, budget: &str) -> u64 {
    let account = account(client, budget).await;
    assert_eq!(account["held"], 0, "{account}");
    account["used"].as_u64().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_meter_charges_what_the_provider_produced() {
    let provider = simulator().await;
    let tokens = "limits: [{tokens: 1000000, window: Month}]";
    let mut scenario = scenario(&provider);
    for (name, spec) in [
        ("total", format!("meter: Total, {tokens}")),
        ("input", format!("meter: Input, {tokens}")),
        ("output", format!("meter: Output, {tokens}")),
        ("cached", format!("meter: CachedInput, {tokens}")),
        ("written", format!("meter: CacheWrite, {tokens}")),
        ("reasoning", format!("meter: Reasoning, {tokens}")),
        (
            "requests",
            "meter: Requests, limits: [{requests: 1000, window: Month}]".to_string(),
        ),
        (
            "expression",
            format!(
                "meter: Expression, expression: 'input_tokens - cached_input_tokens + output_tokens * 5u + (backend == \"openai\" ? 7u : 0u)', {tokens}"
            ),
        ),
        (
            "money",
            "meter: Money, prices: {name: prices}, limits: [{cost: 100000000, window: Month}]"
                .to_string(),
        ),
    ] {
        scenario = scenario.document(&budget(name, &spec));
    }
    let gateway = gateway(&scenario.document(PRICES)).await;
    let alice = of(&gateway, "alice");
    for (model, directives) in [
        ("gpt-4", "output=12"),
        ("claude", "output=30 cached=40 cache_write=20"),
        ("gpt-4", "output=40 cached=10 reasoning=25"),
        ("gpt-4", "output=5 fault=no_usage"),
    ] {
        let mut body = chat(directives);
        body["model"] = model.into();
        assert_eq!(say(&alice, &body).await.status, 200, "{directives}");
        body["stream"] = true.into();
        alice.stream(&body).await.expect("a stream").rest().await;
    }
    let failed = say(&alice, &chat("output=5 fault=status:500")).await;
    assert_eq!(failed.status, 500, "{}", failed.body);

    let made = provider.tally().total();
    assert!(
        made.cached > 0 && made.cache_write > 0 && made.reasoning > 0,
        "{made:?}"
    );
    for (name, charged) in [
        ("total", made.tokens()),
        ("input", made.input),
        ("output", made.output),
        ("cached", made.cached),
        ("written", made.cache_write),
        ("reasoning", made.reasoning),
        ("requests", 8),
        (
            "expression",
            made.input - made.cached + made.output * 5 + 6 * 7,
        ),
        (
            "money",
            (made.input - made.cached - made.cache_write) * 2_500_000
                + made.cached * 1_250_000
                + made.cache_write * 3_000_000
                + made.output * 10_000_000,
        ),
    ] {
        assert_eq!(used(&alice, name).await, charged, "{name}: {made:?}");
    }
    let money = account(&alice, "money").await;
    assert_eq!(money["unit"], "1e-12 USD");
    assert_eq!(money["limit"], 100_000_000_000_000_u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn budget_of_three_requests_refuses_the_fourth_in_its_own_words() {
    let provider = simulator().await;
    let spec = "meter: Requests, limits: [{requests: 3, window: Month}]";
    let gateway = gateway(&scenario(&provider).document(&budget("calls", spec))).await;
    let alice = of(&gateway, "alice");
    for left in [2, 1, 0] {
        let told = say(&alice, &ask(8, 8)).await;
        assert_eq!(told.status, 200, "{}", told.body);
        assert_eq!(told.number("x-ratelimit-limit-requests"), 3);
        assert_eq!(told.number("x-ratelimit-remaining-requests"), left);
        assert_eq!(told.header("x-ratelimit-limit-tokens"), "");
    }
    let denied = say(&alice, &ask(8, 8)).await;
    assert_eq!(denied.status, 429);
    assert_eq!(denied.body["error"]["type"], "requests");
    assert!(
        denied
            .message()
            .contains("3 of 3 requests per month are used"),
        "{}",
        denied.message()
    );
    assert!(denied.number("retry-after") >= 1);
    assert_eq!(provider.tally().total().begun, 3);
    assert_eq!(say(&of(&gateway, "bob"), &ask(8, 8)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_is_denied_in_its_currency_and_models_without_a_price_are_refused() {
    let provider = simulator().await;
    let spec = "meter: Money, prices: {name: prices}, limits: [{cost: 1000, window: Month}]";
    let route = Scenario::default()
        .route("llm", &[Backend::openai("openai", provider.addr())], "")
        .route(
            "other",
            &[Backend::openai("other", provider.addr())
                .model("gpt-3.5-turbo")
                .alias("other")],
            "",
        )
        .consumer("alice", "search");
    let scenario = route.document(&budget("money", spec)).document(PRICES);
    let gateway = gateway(&scenario).await;
    let alice = of(&gateway, "alice");
    // 0.001 USD are 100 output tokens.
    let mut spent = 0;
    let denied = loop {
        let told = say(&alice, &ask(40, 40)).await;
        if told.status != 200 {
            break told;
        }
        spent += told.tokens();
        assert!(spent < 1000, "{spent} tokens were served");
    };
    assert_eq!(denied.status, 429, "{}", denied.body);
    assert!(
        denied.message().contains("of 0.001 USD per month are used"),
        "{}",
        denied.message()
    );
    let made = provider.tally().total();
    assert_eq!(
        used(&alice, "money").await,
        made.input * 2_500_000 + made.output * 10_000_000
    );
    assert!(used(&alice, "money").await <= 1_000_000_000);

    let mut body = ask(8, 8);
    body["model"] = "other".into();
    let refused = say(&alice, &body).await;
    assert_eq!(refused.status, 500, "{}", refused.body);
    for part in ["default/money", "gpt-3.5-turbo", "ConfigMap"] {
        assert!(refused.message().contains(part), "{}", refused.message());
    }
    assert_eq!(
        provider.tally().total(),
        made,
        "it did not reach the provider"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trusted_header_names_the_payer_and_a_call_without_it_is_refused() {
    let provider = simulator().await;
    let spec = "subject: Header, subjectFrom: {header: x-tenant, trusted: true}, limits: [{tokens: 300, window: Month}]";
    let gateway = gateway(&scenario(&provider).document(&budget("tenant", spec))).await;
    let http = reqwest::Client::new();
    let send = async |tenant: Option<&str>| {
        let mut request = http
            .post(format!("{}/v1/chat/completions", gateway.url()))
            .bearer_auth(tollgate_harness::client_key("alice"))
            .header("content-type", "application/json")
            .body(ask(64, 64).to_string());
        if let Some(tenant) = tenant {
            request = request.header("x-tenant", tenant);
        }
        Told::of(request.send().await.expect("an answer")).await
    };
    while send(Some("acme")).await.status == 200 {}
    let denied = send(Some("acme")).await;
    assert_eq!(denied.status, 429);
    assert!(
        denied.message().contains("header:x-tenant/acme"),
        "{}",
        denied.message()
    );
    assert_eq!(send(Some("globex")).await.status, 200, "another tenant");
    let nobody = send(None).await;
    assert_eq!(nobody.status, 403, "{}", nobody.body);
    assert!(
        nobody.message().contains("x-tenant"),
        "{}",
        nobody.message()
    );
    assert_eq!(send(Some(&"x".repeat(300))).await.status, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provider_has_an_account_and_a_fallback_is_charged_to_its_own() {
    let provider = simulator().await;
    let other = simulator().await;
    let backends = [
        Backend::openai("first", provider.addr()),
        Backend::anthropic("second", other.addr()).priority(1),
    ];
    let route = Scenario::default()
        .route("llm", &backends, "")
        .consumer("alice", "search");
    let spec = "subject: Backend, limits: [{tokens: 100000, window: Month}]";
    let gateway = gateway(&route.document(&budget("each", spec))).await;
    let alice = of(&gateway, "alice");
    let served = say(&alice, &ask(10, 64)).await;
    assert_eq!(served.header("x-tollgate-provider"), "first");
    let first = served.tokens();
    provider.faults().add(FaultRule {
        matches: FaultMatch::default(),
        fault: Fault::parse("status:503").expect("a fault"),
    });
    let fallen = say(&alice, &ask(10, 64)).await;
    assert_eq!(fallen.status, 200, "{}", fallen.body);
    assert_eq!(fallen.header("x-tollgate-provider"), "second");
    let told = Told::of(alice.get("/v1/usage").await.expect("usage")).await;
    let accounts: Vec<(Value, Value, Value)> = told.body["data"]
        .as_array()
        .expect("accounts")
        .iter()
        .map(|account| {
            let [subject, used, held] = ["subject", "used", "held"].map(|f| account[f].clone());
            (subject, used, held)
        })
        .collect();
    let zero = || Value::from(0);
    assert_eq!(
        accounts,
        [
            ("backend:default/first".into(), first.into(), zero()),
            (
                "backend:default/second".into(),
                fallen.tokens().into(),
                zero()
            ),
        ]
    );
}
