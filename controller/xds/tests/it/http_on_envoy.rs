//! Plain HTTP routes on real Envoy: what a request becomes on its way.

use std::collections::BTreeMap;

use crate::support::envoy::{Envoy, free_port};
use crate::support::ir::{forward, gateway, host, listener, local, prefix, route, weighted};
use crate::support::upstream;
use reqwest::redirect::Policy;
use serde_json::Value;
use tollgate_ir as ir;

/// An Envoy with these routes.
struct Running {
    port: u16,
    _envoy: Envoy,
}

// === impl Running ===

impl Running {
    async fn start(routes: Vec<ir::HttpRoute>) -> Self {
        let port = free_port();
        let hosts = vec![host("*", routes, Vec::new())];
        let envoy = Envoy::start(&gateway(vec![listener(port, hosts)])).await;
        Self {
            port,
            _envoy: envoy,
        }
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        let client = reqwest::Client::builder().redirect(Policy::none());
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        client.build().unwrap().get(url).send().await.unwrap()
    }

    async fn get_json(&self, path: &str) -> Value {
        self.get(path).await.json().await.unwrap()
    }
}

fn rewritten(from: &str, to: ir::PathRewrite, upstream: u16) -> ir::HttpRoute {
    let mut route = route(from, prefix(from), forward("b", local(upstream)));
    route.filters = vec![ir::Filter::UrlRewrite(ir::UrlRewrite {
        hostname: Some("inner.example".to_string()),
        path: Some(to),
    })];
    route
}

fn replace_prefix(to: &str) -> ir::PathRewrite {
    ir::PathRewrite::Prefix(to.to_string())
}

#[tokio::test]
async fn a_matched_prefix_is_replaced_segment_by_segment_and_the_query_stays() {
    let up = upstream::start("up", 200).await;
    let running = Running::start(vec![
        rewritten("/old", replace_prefix("/new"), up),
        rewritten("/slash", replace_prefix("/new/"), up),
        rewritten("/strip.me", replace_prefix("/"), up),
        rewritten("/whole", ir::PathRewrite::Full(r"/one\1".to_string()), up),
        rewritten("/", replace_prefix("/base"), up),
    ])
    .await;
    for (path, expected) in [
        ("/old", "/new"),
        ("/old/x?q=1", "/new/x?q=1"),
        ("/older", "/base/older"),
        ("/slash/x", "/new/x"),
        ("/strip.me", "/"),
        ("/strip.me/x?q=1", "/x?q=1"),
        ("/whole/a/b?q=1", r"/one\1?q=1"),
        ("/x", "/base/x"),
    ] {
        let answer = running.get_json(path).await;
        assert_eq!(answer["path"], expected, "{path}");
        let headers = answer["headers"].as_array().unwrap();
        assert!(
            headers.contains(&serde_json::json!(["host", "inner.example"])),
            "{path}"
        );
    }
}

#[tokio::test]
async fn headers_are_removed_then_set_then_added_and_percent_signs_are_text() {
    let up = upstream::start("up", 200).await;
    let pair = |name: &str, value: &str| (name.to_string(), value.to_string());
    let modifier = ir::HeaderModifier {
        add: vec![pair("x-more", "50%"), pair("x-more", "%REQ(host)%")],
        remove: vec!["accept".to_string()],
        set: vec![pair("x-set", "1")],
    };
    let mut plain = route("r", prefix("/"), forward("b", local(up)));
    plain.filters = vec![
        ir::Filter::RequestHeaders(modifier.clone()),
        ir::Filter::ResponseHeaders(modifier),
    ];
    let response = Running::start(vec![plain]).await.get("/").await;
    let more: Vec<_> = response
        .headers()
        .get_all("x-more")
        .iter()
        .cloned()
        .collect();
    assert_eq!(more, ["50%", "%REQ(host)%"]);
    assert_eq!(response.headers()["x-set"], "1");
    let answer: Value = response.json().await.unwrap();
    let headers = answer["headers"].as_array().unwrap().clone();
    let values = |name: &str| -> Vec<String> {
        let found = headers.iter().filter(|header| header[0] == name);
        found
            .map(|header| header[1].as_str().unwrap().to_string())
            .collect()
    };
    assert_eq!(values("x-more"), ["50%", "%REQ(host)%"]);
    assert_eq!(values("x-set"), ["1"]);
    assert_eq!(values("accept"), Vec::<String>::new());
}

#[tokio::test]
async fn redirects_say_where_to_as_gateway_api_defines_it() {
    let redirect = |scheme: Option<&str>, port, path: Option<ir::PathRewrite>| ir::Redirect {
        scheme: scheme.map(ToString::to_string),
        hostname: Some("new.example".to_string()),
        path,
        port,
        status: 307,
    };
    let whole = ir::PathRewrite::Full("/one".to_string());
    let cases = [
        (
            "/a",
            redirect(Some("https"), None, None),
            "https://new.example/a/x?q=1",
        ),
        (
            "/b",
            redirect(Some("https"), Some(8443), None),
            "https://new.example:8443/b/x?q=1",
        ),
        (
            "/c",
            redirect(None, Some(80), Some(whole)),
            "http://new.example/one?q=1",
        ),
        (
            "/d",
            redirect(None, Some(81), Some(replace_prefix("/e"))),
            "http://new.example:81/e/x?q=1",
        ),
        (
            "/f",
            redirect(None, Some(80), Some(replace_prefix("/"))),
            "http://new.example/x?q=1",
        ),
    ];
    let routes = cases.iter().map(|(path, redirect, _)| {
        route(
            path,
            prefix(path),
            ir::HttpAction::Redirect(redirect.clone()),
        )
    });
    let running = Running::start(routes.collect()).await;
    for (path, _, expected) in cases {
        let response = running.get(&format!("{path}/x?q=1")).await;
        assert_eq!(response.status(), 307);
        assert_eq!(response.headers()["location"], expected);
    }
}

/// Clients of a port that is not the scheme's own write it into `Host`.
#[tokio::test]
async fn redirects_name_the_port_that_clients_know_and_not_the_one_that_is_bound() {
    let redirect = |scheme: Option<&str>, port| ir::Redirect {
        scheme: scheme.map(ToString::to_string),
        hostname: None,
        path: None,
        port,
        status: 302,
    };
    let cases = [
        ("/same", redirect(None, None)),
        ("/other", redirect(None, Some(8443))),
        ("/http", redirect(None, Some(80))),
        ("/https", redirect(Some("https"), None)),
    ];
    for (port, host, expected) in [
        (
            80,
            "a.example",
            [
                "http://a.example/same",
                "http://a.example:8443/other",
                "http://a.example/http",
                "https://a.example/https",
            ],
        ),
        (
            8080,
            "a.example:8080",
            [
                "http://a.example:8080/same",
                "http://a.example:8443/other",
                "http://a.example:80/http",
                "https://a.example:443/https",
            ],
        ),
    ] {
        let routes = cases.iter().map(|(path, redirect)| {
            let action = ir::HttpAction::Redirect(redirect.clone());
            route(path, prefix(path), action)
        });
        let hosts = vec![host_of(routes.collect())];
        let mut listener = listener(free_port(), hosts);
        listener.port = port;
        let bound = listener.bind_port;
        let _envoy = Envoy::start(&gateway(vec![listener])).await;
        for ((path, _), expected) in cases.iter().zip(expected) {
            let client = reqwest::Client::builder().redirect(Policy::none());
            let request = client.build().unwrap();
            let request = request.get(format!("http://127.0.0.1:{bound}{path}"));
            let response = request.header("host", host).send().await.unwrap();
            assert_eq!(response.headers()["location"], expected);
        }
    }
}

fn host_of(routes: Vec<ir::HttpRoute>) -> ir::VirtualHost {
    host("*", routes, Vec::new())
}

#[tokio::test]
async fn an_invalid_backend_keeps_its_weight_and_answers_500() {
    let up = upstream::start("up", 200).await;
    let invalid = ir::InvalidBackend {
        status: 500,
        reason: "no such service".to_string(),
    };
    let action = ir::HttpAction::Forward(vec![
        weighted("b/0", 1, Ok(local(up))),
        weighted("b/1", 1, Err(invalid)),
    ]);
    let running = Running::start(vec![route("r", prefix("/"), action)]).await;
    let mut counts: BTreeMap<u16, u32> = BTreeMap::new();
    for _ in 0..100 {
        *counts
            .entry(running.get("/").await.status().as_u16())
            .or_default() += 1;
    }
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [200, 500]);
    assert!(counts.values().all(|count| *count > 20), "{counts:?}");
}

#[tokio::test]
async fn nobody_ready_answers_503_and_a_slow_backend_504() {
    let mut nobody = local(1);
    nobody.endpoints.clear();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_port = silent.local_addr().unwrap().port();
    let timed = |path: &str, timeouts| {
        let mut route = route(path, prefix(path), forward(path, local(silent_port)));
        route.timeouts = timeouts;
        route
    };
    let request = ir::Timeouts {
        request_ms: Some(100),
        ..ir::Timeouts::default()
    };
    let attempt = ir::Timeouts {
        attempt_ms: Some(100),
        ..ir::Timeouts::default()
    };
    let running = Running::start(vec![
        route("nobody", prefix("/nobody"), forward("nobody", nobody)),
        timed("/request", request),
        timed("/attempt", attempt),
    ])
    .await;
    for (path, status) in [("/nobody", 503), ("/request", 504), ("/attempt", 504)] {
        assert_eq!(running.get(path).await.status(), status, "{path}");
    }
}

#[tokio::test]
async fn a_rate_limit_service_that_is_not_there_refuses_what_has_limits() {
    let up = upstream::start("up", 200).await;
    let mut limited = route("limited", prefix("/limited"), forward("b", local(up)));
    limited.rate_limits = Some(crate::support::limited::one_limit());
    let free = route("free", prefix("/"), forward("b", local(up)));
    let running = Running::start(vec![limited, free]).await;
    assert_eq!(running.get("/limited").await.status(), 503);
    assert_eq!(running.get("/free").await.status(), 200);
}
