//! Further attempts, and which backend is tried first.

use serde_json::Value;

use crate::host::{self, Host, bundle, forward, hello, reply, set};

const SECOND: &str = "ai/default/llm/0/1";

#[test]
fn a_retry_is_translated_from_the_clients_request_for_the_next_provider() {
    let host = Host::new(&bundle(100_000));
    let mut exchange = host.exchange();
    forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    let step = exchange.on_attempt(SECOND, 0);
    let retry = forward(host.drive(&mut exchange, step));
    assert_eq!(set(&retry, ":path"), Some("/v1/messages"));
    assert_eq!(set(&retry, "x-api-key"), Some("sk-anthropic"));
    assert!(set(&retry, "anthropic-version").is_some());
    assert!(
        retry
            .remove_headers
            .iter()
            .any(|name| name == "authorization")
    );
    let body: Value = serde_json::from_slice(retry.body.as_ref().unwrap()).unwrap();
    assert_eq!(body["model"], "claude-3-opus");
    assert_eq!(body["max_tokens"], 50);
}

#[test]
fn a_retry_at_the_first_provider_sends_the_whole_request_again() {
    let host = Host::new(&bundle(100_000));
    let mut exchange = host.exchange();
    forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    let step = exchange.on_attempt("ai/default/llm/0/0", 0);
    let retry = forward(host.drive(&mut exchange, step));
    assert_eq!(set(&retry, ":path"), Some("/v1/chat/completions"));
    assert_eq!(retry.body.unwrap(), hello().to_string());
}

#[test]
fn an_answer_names_who_served_it() {
    let host = Host::new(&bundle(100_000));
    let mut exchange = host.exchange();
    forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    let step = exchange.on_attempt(SECOND, 0);
    forward(host.drive(&mut exchange, step));
    let head = tollgate_engine::ResponseHead {
        status: 200,
        content_type: Some("application/json"),
        retry_after: None,
        rate_limits: &[],
        end: false,
    };
    let change = exchange.on_response_head(head, 0);
    let header = |name: &str| {
        change
            .set_headers
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, v)| v.as_ref())
    };
    assert_eq!(header("x-tollgate-provider"), Some("anthropic"));
    assert_eq!(header("x-tollgate-model"), Some("claude-3-opus"));
    assert_eq!(header("x-ratelimit-limit-tokens"), Some("100000"));
    assert_eq!(exchange.record().attempts, 2);
}

#[test]
fn a_counted_hold_is_raised_for_a_provider_whose_tokenizer_is_not_known() {
    // 60 tokens: the counted input and 40 output tokens fit at OpenAI, but the body's bytes do
    // not fit at Anthropic.
    let host = Host::new(&bundle(60));
    let mut exchange = host.exchange();
    forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    let step = exchange.on_attempt(SECOND, 0);
    let (status, body, _) = reply(host.drive(&mut exchange, step));
    assert_eq!(status, 429);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("default/daily")
    );
    host.answer(&mut exchange, 429, &body.to_string());
    let state = host.state("default/daily", "user:default/alice", 60);
    assert_eq!((state.settled, state.held), (0, 0));
}

#[test]
fn a_raise_that_is_refused_is_counted_and_asked_again_not_let_through() {
    // An image: the first provider's model takes at most 1 445 tokens for it, the second's 48 169.
    let mut rule = host::rule(&["default/daily"]);
    rule.backends[0].model = Some("gpt-4o".into());
    rule.backends[1] = host::backend(
        1,
        "mini",
        tollgate_bundle::Api::OpenAi {
            prefix: "v1".into(),
        },
        Some("gpt-4o-mini"),
    );
    let budget = host::budget("default/daily", 5000, tollgate_bundle::Subject::User);
    let host = Host::new(&host::with_rule(rule, [budget]));
    let body = serde_json::json!({
        "model": "gpt-4", "max_tokens": 50,
        "messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        ]}],
    });
    let mut exchange = host.exchange();
    forward(host.chat(&mut exchange, Some("sk-alice"), &body));
    let step = exchange.on_attempt(SECOND, 0);
    let (status, body, _) = reply(host.drive(&mut exchange, step));
    assert_eq!(status, 429);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("default/daily")
    );
}

#[test]
fn a_failing_provider_is_skipped_until_it_recovers() {
    let host = Host::new(&bundle(100_000));
    for _ in 0..3 {
        let mut exchange = host.exchange();
        forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
        let step = exchange.on_attempt(SECOND, 0);
        forward(host.drive(&mut exchange, step));
        host.close(&mut exchange);
    }
    let mut exchange = host.exchange();
    let first = forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    assert_eq!(
        set(&first, "x-tollgate-cluster"),
        Some("ai/default/llm/0/1")
    );
    assert_eq!(set(&first, ":path"), Some("/v1/messages"));

    host.health.succeeded("default/llm/0/0");
    let first = forward(host.chat(&mut host.exchange(), Some("sk-alice"), &hello()));
    assert_eq!(
        set(&first, "x-tollgate-cluster"),
        Some("ai/default/llm/0/0")
    );
}

#[test]
fn an_invalid_backend_is_passed_over_and_alone_it_refuses() {
    let mut rule = host::rule(&[]);
    rule.backends[0].invalid = Some("secret default/openai-key does not exist".into());
    let host = Host::new(&host::with_rule(rule.clone(), []));
    let first = forward(host.chat(&mut host.exchange(), Some("sk-alice"), &hello()));
    assert_eq!(
        set(&first, "x-tollgate-cluster"),
        Some("ai/default/llm/0/1")
    );

    rule.backends.truncate(1);
    let host = Host::new(&host::with_rule(rule, []));
    let (status, body, _) = reply(host.chat(&mut host.exchange(), Some("sk-alice"), &hello()));
    assert_eq!(status, 500);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("openai-key")
    );
}
