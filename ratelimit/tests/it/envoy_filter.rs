//! Envoy's own rate limit filter against the service.

use reqwest::{Client, Response};
use serde_json::{Value, json};
use tollgate_budget::store::memory::Bounds;
use tollgate_bundle::RateLimit;
use tollgate_envoy::ratelimit::rate_limit_service_client::RateLimitServiceClient;
use tollgate_harness::eventually;
use tollgate_ratelimit::Listen;
use tonic::transport::Channel;

use crate::support::{Running, apply, envoy::Envoy, limit, remaining};

/// A check before the call; afterwards a charge of what the answer says, and a refund.
fn tokens_route() -> Value {
    let user = json!({"request_headers": {"header_name": "x-user", "descriptor_key": "user"}});
    let kind =
        |kind: &str| json!({"generic_key": {"descriptor_key": "kind", "descriptor_value": kind}});
    json!([
        {"actions": [user], "hits_addend": {"number": 0}},
        {
            "actions": [kind("charge"), user],
            "apply_on_stream_done": true,
            "hits_addend": {"format": "%DYNAMIC_METADATA(cost:tokens)%"},
        },
        {
            "actions": [kind("refund"), user],
            "apply_on_stream_done": true,
            "hits_addend": {
                "format": "%DYNAMIC_METADATA(cost:refund)%", "is_negative_hits": true,
            },
        },
    ])
}

/// One account for each user, whatever the kind: the id is the same.
fn tokens(amount: u64) -> Vec<RateLimit> {
    let later = |kind: &str| RateLimit {
        charged_later: true,
        ..limit("tokens", &[kind, "user"], amount)
    };
    vec![
        limit("tokens", &["user"], amount),
        later("kind=charge"),
        later("kind=refund"),
    ]
}

fn socket(running: &Running) -> &std::path::Path {
    match &running.address {
        Listen::Unix(path) => path,
        Listen::Tcp(address) => panic!("{address} is no socket"),
    }
}

async fn get(envoy: &Envoy, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Client::new().get(format!("{}{path}", envoy.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

/// What the end of a stream charges comes after the answer.
async fn wait_for_alice(client: &RateLimitServiceClient<Channel>, expected: u32) {
    let what = format!("{expected} tokens are left");
    let left = || {
        let mut client = client.clone();
        async move { (remaining(&mut client, "user", "alice").await == expected).then_some(()) }
    };
    eventually(&what, left).await.unwrap();
}

fn header<'a>(answer: &'a Response, name: &str) -> Vec<&'a str> {
    let values = answer.headers().get_all(name).iter();
    values.map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn tokens_are_checked_before_charged_at_the_end_and_given_back() {
    let running = Running::start(tokens(100)).await;
    let envoy = Envoy::start(socket(&running), &[("/", tokens_route())]).await;
    let mut client = running.client().await;
    let answer = get(&envoy, "/", &[("x-user", "alice"), ("x-tokens", "60")]).await;
    assert_eq!(answer.status(), 200);
    // The check says what is left before the call is charged.
    assert_eq!(header(&answer, "x-ratelimit-remaining"), ["100"]);
    assert_eq!(header(&answer, "x-ratelimit-limit"), ["100, 100;w=3600"]);
    wait_for_alice(&client, 40).await;

    // More than is left: charged all the same, because it has happened.
    let answer = get(&envoy, "/", &[("x-user", "alice"), ("x-tokens", "70")]).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "x-ratelimit-remaining"), ["40"]);
    wait_for_alice(&client, 0).await;

    let refused = get(&envoy, "/", &[("x-user", "alice"), ("x-tokens", "1000")]).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "x-ratelimit-remaining"), ["0"]);
    let reset: u64 = header(&refused, "x-ratelimit-reset")[0].parse().unwrap();
    assert!((1..=3600).contains(&reset), "{reset}");
    let wait: u64 = header(&refused, "retry-after")[0].parse().unwrap();
    assert!(
        wait.abs_diff(reset) <= 1,
        "retry after {wait}, reset in {reset}"
    );

    let other = get(&envoy, "/", &[("x-user", "bob"), ("x-refund", "1000")]).await;
    assert_eq!(other.status(), 200);
    assert_eq!(header(&other, "x-ratelimit-remaining"), ["100"]);
    assert_eq!(remaining(&mut client, "user", "bob").await, 100);
}

#[tokio::test]
async fn a_refund_frees_what_was_charged_and_no_more() {
    let running = Running::start(tokens(100)).await;
    let envoy = Envoy::start(socket(&running), &[("/", tokens_route())]).await;
    let client = running.client().await;
    let charged = [("x-user", "alice"), ("x-tokens", "80")];
    assert_eq!(get(&envoy, "/", &charged).await.status(), 200);
    wait_for_alice(&client, 20).await;
    let refunded = [("x-user", "alice"), ("x-refund", "30")];
    assert_eq!(get(&envoy, "/", &refunded).await.status(), 200);
    wait_for_alice(&client, 50).await;
    // Both at the end of one stream, in one request to the service.
    let both = [("x-user", "alice"), ("x-tokens", "10"), ("x-refund", "5")];
    assert_eq!(get(&envoy, "/", &both).await.status(), 200);
    wait_for_alice(&client, 45).await;
    let all = [("x-user", "alice"), ("x-refund", "100000")];
    assert_eq!(get(&envoy, "/", &all).await.status(), 200);
    wait_for_alice(&client, 100).await;
}

#[tokio::test]
async fn plain_and_weighted_requests_are_limited_as_written() {
    let route = |name: &str, addend: Value| {
        let mut limit = json!({"actions": [
            {"generic_key": {"descriptor_key": "route", "descriptor_value": name}},
        ]});
        if !addend.is_null() {
            limit["hits_addend"] = addend;
        }
        json!([limit])
    };
    let running = Running::start(vec![
        limit("plain", &["route=plain"], 2),
        limit("weighted", &["route=weighted"], 10),
    ])
    .await;
    let routes = [
        ("/plain", route("plain", Value::Null)),
        (
            "/weighted",
            route("weighted", json!({"format": "%REQ(x-hits)%"})),
        ),
        ("/free", route("free", Value::Null)),
    ];
    let envoy = Envoy::start(socket(&running), &routes).await;
    for expected in [200, 200, 429, 429] {
        assert_eq!(get(&envoy, "/plain", &[]).await.status(), expected);
    }
    // Refused ones are not counted: beside 4 there is room for twice 3.
    for (hits, expected) in [("4", 200), ("7", 429), ("7", 429), ("3", 200), ("3", 200)] {
        let answer = get(&envoy, "/weighted", &[("x-hits", hits)]).await;
        assert_eq!(answer.status(), expected, "{hits}");
    }
    let answer = get(&envoy, "/weighted", &[("x-hits", "1")]).await;
    assert_eq!(answer.status(), 429);

    let free = get(&envoy, "/free", &[]).await;
    assert_eq!(free.status(), 200);
    assert_eq!(header(&free, "x-ratelimit-limit"), Vec::<&str>::new());

    apply(&running.service, vec![limit("plain", &["route=plain"], 3)]);
    for expected in [200, 429] {
        assert_eq!(get(&envoy, "/plain", &[]).await.status(), expected);
    }
}

#[tokio::test]
async fn a_store_that_cannot_decide_leaves_it_to_envoys_failure_mode() {
    let folder = tempfile::tempdir().unwrap();
    let address = Listen::Unix(folder.path().join("ratelimit.sock"));
    let full = Bounds {
        accounts_max: 1,
        ..Bounds::default()
    };
    let limits = vec![limit("user", &["user"], 9)];
    let running = Running::start_at(folder, address, limits, full).await;
    let user = json!([{"actions": [
        {"request_headers": {"header_name": "x-user", "descriptor_key": "user"}},
    ]}]);
    let envoy = Envoy::start(socket(&running), &[("/", user)]).await;
    assert_eq!(get(&envoy, "/", &[("x-user", "alice")]).await.status(), 200);
    // The store is full, and the filter has `failure_mode_deny`.
    assert_eq!(get(&envoy, "/", &[("x-user", "bob")]).await.status(), 500);
    assert_eq!(get(&envoy, "/", &[("x-user", "alice")]).await.status(), 200);
}

#[tokio::test]
async fn a_header_that_is_no_text_or_very_long_is_limited_all_the_same() {
    let running = Running::start(vec![limit("user", &["user"], 1)]).await;
    let user = json!([{"actions": [
        {"request_headers": {"header_name": "x-user", "descriptor_key": "user"}},
    ]}]);
    let envoy = Envoy::start(socket(&running), &[("/", user)]).await;
    let odd: [&[u8]; 2] = [b"caf\xe9", &[b'x'; 20_000]];
    for value in odd {
        let mut told = Vec::new();
        for _ in 0..2 {
            let value = reqwest::header::HeaderValue::from_bytes(value).unwrap();
            let request = Client::new().get(&envoy.url).header("x-user", value);
            told.push(request.send().await.unwrap().status().as_u16());
        }
        assert_eq!(told, [200, 429], "{} bytes", value.len());
    }
}
