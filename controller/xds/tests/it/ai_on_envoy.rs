//! AI routes on real Envoy: who chooses the cluster, what the retry filter sees, how large
//! bodies may be, what Envoy's own answers look like.

use std::time::Duration;

use crate::support::certs::Authority;
use crate::support::client::Client;
use crate::support::engine::Engine;
use crate::support::envoy::{Envoy, free_port};
use crate::support::ir::{ai_rule, forward, gateway, host, listener, local, named, prefix, route};
use crate::support::{secure, upstream};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tollgate_ir as ir;

/// The limit of bodies in these tests.
const BODY_MAX: u64 = 24 << 20;

/// A gateway with one rule, its Envoy and its engine.
struct Running {
    port: u16,
    engine: Engine,
    _envoy: Envoy,
}

// === impl Running ===

impl Running {
    async fn start(destinations: Vec<Option<ir::Destination>>) -> Self {
        let rule = ai_rule("default/llm/0", destinations);
        Self::start_host(host("*", Vec::new(), vec![rule])).await
    }

    async fn start_host(host: ir::VirtualHost) -> Self {
        let port = free_port();
        let gateway = gateway(vec![listener(port, vec![host])]);
        let envoy = Envoy::start_with(&gateway, |options| options.body_bytes_max = BODY_MAX).await;
        let engine = Engine::start(&envoy.extproc_socket());
        Self {
            port,
            engine,
            _envoy: envoy,
        }
    }

    fn post(&self, path: &str) -> RequestBuilder {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        reqwest::Client::new()
            .post(url)
            .timeout(Duration::from_secs(60))
    }

    /// A chat call that the engine sends to the cluster pinned to this backend.
    fn chat(&self, backend: usize) -> RequestBuilder {
        self.post("/v1/chat/completions")
            .header("x-test-cluster", format!("ai/default/llm/0/{backend}"))
            .body("{}")
    }
}

fn header<'a>(answer: &'a Value, name: &str) -> Option<&'a str> {
    let headers = answer["headers"].as_array().unwrap();
    let found = headers.iter().find(|header| header[0] == name);
    found.and_then(|header| header[1].as_str())
}

fn openai_error(message: &str, kind: &str, code: &str) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

#[tokio::test]
async fn the_engine_chooses_the_provider_and_sees_the_answer_in_one_stream() {
    let (a, b) = (
        upstream::start("a", 200).await,
        upstream::start("b", 200).await,
    );
    let running = Running::start(vec![Some(local(a)), Some(local(b))]).await;
    for (backend, name) in [(0, "a"), (1, "b")] {
        let answer: Value = running
            .chat(backend)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(answer["upstream"], name);
    }
    let seen = running.engine.requests();
    assert_eq!(seen.len(), 2);
    for stream in &seen {
        assert_eq!(stream.scope.as_deref(), Some("default/gw/80/*"));
        assert_eq!(stream.request_bytes, 2);
        assert_eq!(stream.status.as_deref(), Some("200"));
        assert!(stream.response_bytes > 0);
    }
    assert_eq!(running.engine.retries().len(), 0);
}

#[tokio::test]
async fn a_provider_sees_its_own_host_name_and_nothing_of_the_client_or_of_us() {
    let a = upstream::start("a", 200).await;
    let running = Running::start(vec![Some(named("localhost", a))]).await;
    let request = running
        .chat(0)
        .header("x-envoy-max-retries", "9")
        .header("x-tollgate-anything", "1");
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(header(&answer, "host"), Some("localhost"));
    let names: Vec<&str> = answer["headers"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|header| header[0].as_str())
        .filter(|name| name.starts_with("x-") && !name.starts_with("x-test-"))
        .collect();
    assert_eq!(names, ["x-request-id", "x-tollgate-exchange"]);
}

#[tokio::test]
async fn a_refusal_falls_back_with_one_more_stream_that_knows_the_backend_and_the_exchange() {
    let (a, b) = (
        upstream::start("a", 503).await,
        upstream::start("b", 200).await,
    );
    let running = Running::start(vec![Some(local(a)), Some(local(b))]).await;
    let answer: Value = running.chat(0).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["upstream"], "b");
    assert_eq!(answer["body"], "translated for ai/default/llm/0/1");
    assert_eq!(
        header(&answer, "authorization"),
        Some("Bearer ai/default/llm/0/1")
    );
    let retries = running.engine.retries();
    assert_eq!(retries.len(), 1, "{retries:?}");
    assert_eq!(
        retries[0].picked.as_deref(),
        Some("ai/default/llm/0/1"),
        "{}",
        retries[0].attributes
    );
    assert_eq!(retries[0].headers["x-tollgate-exchange"], "exchange-7");
    assert_eq!(retries[0].note.as_deref(), Some("kept"));
}

#[tokio::test]
async fn without_an_address_of_the_pinned_provider_the_first_attempt_is_translated_again() {
    let b = upstream::start("b", 200).await;
    let absent = named("provider.invalid", 443);
    let running = Running::start(vec![Some(absent), Some(local(b))]).await;
    let answer: Value = running.chat(0).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["upstream"], "b");
    // Not the first provider's.
    assert_eq!(
        header(&answer, "authorization"),
        Some("Bearer ai/default/llm/0/1")
    );
    assert_eq!(answer["body"], "translated for ai/default/llm/0/1");
    let retries = running.engine.retries();
    assert_eq!(retries.len(), 1);
    assert_eq!(retries[0].headers["x-envoy-attempt-count"], "1");
}

#[tokio::test]
async fn each_further_attempt_goes_to_the_next_backend() {
    let a = upstream::start("a", 503).await;
    let b = upstream::start("b", 429).await;
    let c = upstream::start("c", 200).await;
    let running = Running::start([a, b, c].map(|port| Some(local(port))).into()).await;
    let answer: Value = running.chat(1).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["upstream"], "c");
    let picked: Vec<_> = running
        .engine
        .retries()
        .into_iter()
        .map(|seen| seen.picked)
        .collect();
    assert_eq!(
        picked,
        [
            Some("ai/default/llm/0/0".to_string()),
            Some("ai/default/llm/0/2".to_string())
        ]
    );
}

#[tokio::test]
async fn request_bodies_pass_up_to_the_limit_and_more_is_refused() {
    let a = upstream::start("a", 200).await;
    let running = Running::start(vec![Some(local(a))]).await;
    for bytes in [2 << 20, 20 << 20] {
        let request = running.chat(0).body("x".repeat(bytes));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["body_bytes"], bytes);
    }
    let request = running.chat(0).body("x".repeat(BODY_MAX as usize + 1));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 413);
    let expected = openai_error(
        "the request body is larger than 25165824 bytes",
        "invalid_request_error",
        "request_too_large",
    );
    assert_eq!(response.json::<Value>().await.unwrap(), expected);
}

#[tokio::test]
async fn whole_answers_pass_up_to_the_limit_and_more_is_an_error() {
    let a = upstream::start("a", 200).await;
    let running = Running::start(vec![Some(local(a))]).await;
    let answer = |bytes: usize| {
        let request = running.chat(0).header("x-answer-bytes", bytes.to_string());
        async move { request.send().await.unwrap() }
    };
    for bytes in [2 << 20, 20 << 20] {
        assert_eq!(answer(bytes).await.bytes().await.unwrap().len(), bytes);
    }
    let response = answer(BODY_MAX as usize + (1 << 20)).await;
    assert_eq!(response.status(), 500);
    let expected = openai_error(
        "the gateway could not serve the request",
        "server_error",
        "internal_error",
    );
    assert_eq!(response.json::<Value>().await.unwrap(), expected);
}

/// Two ext_proc filters with buffered bodies crashed Envoy 1.40 where they shared a cluster.
#[tokio::test]
async fn many_connections_with_large_bodies_and_fallbacks_do_not_harm_envoy() {
    let (a, b) = (
        upstream::start("a", 503).await,
        upstream::start("b", 200).await,
    );
    let running = Running::start(vec![Some(local(a)), Some(local(b))]).await;
    let call = || async {
        for _ in 0..5 {
            let request = running.chat(0).body("x".repeat(200_000));
            let answer: Value = request.send().await.unwrap().json().await.unwrap();
            assert_eq!(answer["upstream"], "b");
        }
    };
    futures::future::join_all((0..32).map(|_| call())).await;
    assert_eq!(running.engine.retries().len(), 32 * 5);
}

#[tokio::test]
async fn an_answer_of_the_engine_arrives_as_it_is() {
    let a = upstream::start("a", 200).await;
    let running = Running::start(vec![Some(local(a))]).await;
    for status in ["404", "429", "503"] {
        let request = running
            .post("/v1/chat/completions")
            .header("x-test-immediate", status);
        let response = request.body("{}").send().await.unwrap();
        assert_eq!(response.status().as_str(), status);
        assert_eq!(
            response.json::<Value>().await.unwrap(),
            json!({"engine": "says"})
        );
    }
}

#[tokio::test]
async fn a_client_cannot_choose_a_cluster_and_unknown_paths_answer_404_in_openai_form() {
    let a = upstream::start("a", 200).await;
    let running = Running::start(vec![Some(local(a))]).await;
    let expected = openai_error(
        "there is no such endpoint",
        "invalid_request_error",
        "unknown_url",
    );
    for path in ["/v1/chat/completions", "/v1/other", "/elsewhere"] {
        let request = running
            .post(path)
            .header("x-tollgate-cluster", "ai/default/llm/0/0");
        let response = request.body("{}").send().await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
        assert_eq!(response.json::<Value>().await.unwrap(), expected, "{path}");
    }
}

#[tokio::test]
async fn a_provider_that_is_down_answers_503_in_openai_form_without_addresses() {
    let running = Running::start(vec![Some(local(free_port()))]).await;
    let response = running.chat(0).send().await.unwrap();
    assert_eq!(response.status(), 503);
    let expected = openai_error(
        "the model provider cannot be reached",
        "server_error",
        "upstream_unavailable",
    );
    assert_eq!(response.json::<Value>().await.unwrap(), expected);
}

#[tokio::test]
async fn plain_routes_of_an_ai_host_are_served_beside_it_and_never_reach_the_engine() {
    let (a, web) = (
        upstream::start("a", 200).await,
        upstream::start("web", 200).await,
    );
    let routes = vec![route("r/web", prefix("/"), forward("b/web", local(web)))];
    let rules = vec![ai_rule("default/llm/0", vec![Some(local(a))])];
    let running = Running::start_host(host("*", routes, rules)).await;
    let request = running.post("/shop").body("hello");
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["upstream"], "web");
    assert_eq!(running.engine.requests().len(), 0);
    let answer: Value = running.chat(0).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["upstream"], "a");
}

#[tokio::test]
async fn calls_over_tls_reach_the_engine_in_the_scope_of_their_server_name() {
    let a = upstream::start("a", 200).await;
    let authority = Authority::new("ca");
    let rule = ai_rule("default/llm/0", vec![Some(local(a))]);
    let hosts = vec![host("llm.example.com", Vec::new(), vec![rule])];
    let tls = secure::ending(&authority.certificate(&["llm.example.com"]));
    let chain = secure::https("llm.example.com", tls, hosts, &["*"]);
    let port = free_port();
    let envoy = Envoy::start(&gateway(vec![secure::tls_listener(port, vec![chain])])).await;
    let engine = Engine::start(&envoy.extproc_socket());
    let client = Client::new(port, &authority.pem);
    let mut connection = client.http("llm.example.com").await.unwrap();
    let headers = [("x-test-cluster", "ai/default/llm/0/0")];
    let url = "https://llm.example.com/v1/models";
    let (status, body) = connection.get_with(url, &headers).await.unwrap();
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["upstream"], "a");
    let scopes: Vec<_> = engine.requests().into_iter().map(|it| it.scope).collect();
    assert_eq!(scopes, [Some("default/gw/80/llm.example.com".to_string())]);
    let (status, _) = connection
        .get("https://other.example.com/v1/models")
        .await
        .unwrap();
    assert_eq!(status, 421);
}

/// Envoy refuses it before the filters have seen the request: the engine must not see the answer.
#[tokio::test]
async fn an_upgrade_is_refused_in_openai_form_and_the_engine_sees_nothing_of_it() {
    let a = upstream::start("a", 200).await;
    let running = Running::start(vec![Some(local(a))]).await;
    for path in ["/v1/realtime", "/v1/chat/completions"] {
        let url = format!("http://127.0.0.1:{}{path}", running.port);
        let request = reqwest::Client::new()
            .get(url)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 403, "{path}");
        let expected = openai_error(
            "this endpoint speaks http and cannot be upgraded to another protocol",
            "invalid_request_error",
            "upgrade_not_supported",
        );
        assert_eq!(response.json::<Value>().await.unwrap(), expected);
    }
    assert_eq!(running.engine.requests().len(), 0);
}
