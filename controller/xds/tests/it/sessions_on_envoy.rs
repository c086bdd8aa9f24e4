//! Sessions that stay with one endpoint, on real Envoy.

use std::collections::BTreeSet;

use reqwest::header::{HeaderName, SET_COOKIE};
use serde_json::Value;
use tollgate_ir as ir;

use crate::support::envoy::{Envoy, free_port};
use crate::support::ir::{forward, gateway, host, listener, local, prefix, route};
use crate::support::upstream;

const CALLS: usize = 20;

/// A cookie below `/cookie`, one that lasts below `/basket`, a header below `/header`.
async fn start() -> (String, Envoy) {
    let mut both = local(upstream::start("a", 200).await);
    both.endpoints
        .extend(local(upstream::start("b", 200).await).endpoints);
    let with = |name: &str, session: ir::Session| {
        let action = forward("b", both.clone());
        let mut route = route(name, prefix(&format!("/{name}")), action);
        route.session = Some(session);
        route
    };
    let cookie = |name: &str, lifetime_ms| ir::Session::Cookie {
        name: name.to_string(),
        lifetime_ms,
    };
    let header = ir::Session::Header {
        name: "x-session".to_string(),
    };
    let routes = vec![
        with("cookie", cookie("stay", None)),
        with("basket", cookie("basket", Some(3_600_000))),
        with("header", header),
    ];
    let port = free_port();
    let hosts = vec![host("*", routes, Vec::new())];
    let envoy = Envoy::start(&gateway(vec![listener(port, hosts)])).await;
    (format!("http://127.0.0.1:{port}"), envoy)
}

/// Who answered, and a header of the answer.
async fn ask(url: &str, sent: &[(&str, &str)], read: &HeaderName) -> (String, Option<String>) {
    let mut request = reqwest::Client::new().get(url);
    for (name, value) in sent {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let header = answer.headers().get(read);
    let header = header.map(|value| value.to_str().unwrap().to_string());
    let body: Value = answer.json().await.unwrap();
    (body["upstream"].as_str().unwrap().to_string(), header)
}

/// Everybody who answers as many calls.
async fn all(url: &str, sent: &[(&str, &str)]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for _ in 0..CALLS {
        seen.insert(ask(url, sent, &SET_COOKIE).await.0);
    }
    seen
}

#[tokio::test]
async fn cookie_keeps_a_client_at_the_endpoint_that_set_it() {
    let (base, _envoy) = start().await;
    let url = format!("{base}/cookie/x");
    assert_eq!(all(&url, &[]).await.len(), 2, "nobody is kept without one");
    let (first, set) = ask(&url, &[], &SET_COOKIE).await;
    let set = set.expect("a cookie");
    let (cookie, attributes) = set.split_once(';').unwrap();
    assert!(cookie.starts_with("stay="), "{set}");
    assert!(attributes.contains("Path=/cookie"), "{set}");
    assert!(!attributes.contains("Max-Age"), "{set}");
    let kept = all(&url, &[("cookie", cookie)]).await;
    assert_eq!(kept, BTreeSet::from([first]));

    let (_, set) = ask(&format!("{base}/basket"), &[], &SET_COOKIE).await;
    let set = set.expect("a cookie");
    assert!(set.contains("Max-Age=3600"), "{set}");
}

#[tokio::test]
async fn header_keeps_a_client_at_the_endpoint_that_set_it() {
    let (base, _envoy) = start().await;
    let url = format!("{base}/header");
    let name = HeaderName::from_static("x-session");
    let (first, session) = ask(&url, &[], &name).await;
    let session = session.expect("a session");
    let kept = all(&url, &[("x-session", &session)]).await;
    assert_eq!(kept, BTreeSet::from([first]));
    // An endpoint that is not of this backend is nobody's session.
    let strange = all(&url, &[("x-session", "MTI3LjAuMC4xOjE=")]).await;
    assert_eq!(strange.len(), 2);
}
