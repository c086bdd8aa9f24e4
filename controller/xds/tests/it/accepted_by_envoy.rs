//! Real Envoy accepts what `build` renders, follows changes, and routes.

use std::time::{Duration, Instant};

use crate::support::envoy::{Envoy, free_port};
use crate::support::ir::{forward, gateway, host, listener, local, prefix, route, with_tls};
use crate::support::{limited, rich, secure, told, upstream};
use serde_json::Value;
use tollgate_ir as ir;

fn one_route(port: u16, upstream: u16) -> ir::Gateway {
    let action = forward("httproute/default/web/rule/0/backend/0", local(upstream));
    let routes = vec![route(
        "httproute/default/web/rule/0/match/0",
        prefix("/"),
        action,
    )];
    gateway(vec![listener(port, vec![host("*", routes, Vec::new())])])
}

async fn get(port: u16, path: &str) -> Value {
    let url = format!("http://127.0.0.1:{port}{path}");
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_route_is_served_and_a_change_of_its_backend_is_live_within_half_a_second() {
    let (first, second) = (
        upstream::start("first", 200).await,
        upstream::start("second", 200).await,
    );
    let port = free_port();
    let mut envoy = Envoy::start(&one_route(port, first)).await;
    assert_eq!(get(port, "/x?y=1").await["upstream"], "first");

    let sent = Instant::now();
    envoy.send(&one_route(port, second));
    envoy.wait_live().await;
    while get(port, "/").await["upstream"] != "second" {
        assert!(
            sent.elapsed() < Duration::from_millis(500),
            "not live in time"
        );
    }
    assert!(
        sent.elapsed() < Duration::from_millis(500),
        "{:?}",
        sent.elapsed()
    );
}

#[tokio::test]
async fn a_route_that_is_taken_away_answers_404_and_no_cluster_is_left() {
    let port = free_port();
    let upstream = upstream::start("first", 200).await;
    let mut envoy = Envoy::start(&one_route(port, upstream)).await;
    let empty = gateway(vec![listener(
        port,
        vec![host("*", Vec::new(), Vec::new())],
    )]);
    envoy.send(&empty);
    envoy.wait_live().await;
    let url = format!("http://127.0.0.1:{port}/");
    assert_eq!(reqwest::get(url).await.unwrap().status(), 404);
}

#[tokio::test]
async fn everything_that_the_ir_can_say_about_http_is_accepted() {
    let mut gateway = rich::http();
    gateway.listeners[0].set_port(free_port());
    Envoy::start(&gateway).await;
}

#[tokio::test]
async fn everything_that_the_ir_can_say_about_tls_and_streams_is_accepted() {
    let authority = crate::support::certs::Authority::new("ca");
    let certificate = authority.certificate(&["example.com"]);
    for mut gateway in [
        secure::rich_tls(&certificate),
        secure::rich_streams(&certificate),
    ] {
        for listener in &mut gateway.listeners {
            listener.set_port(free_port());
        }
        Envoy::start(&gateway).await;
    }
}

#[tokio::test]
async fn everything_that_the_ir_can_say_about_telemetry_is_accepted() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let authority = crate::support::certs::Authority::new("ca");
    let path = file.path().to_str().unwrap();
    let certificate = authority.certificate(&["example.com"]);
    let mut gateway = told::rich(&certificate, (path, free_port()));
    for listener in &mut gateway.listeners {
        listener.set_port(free_port());
    }
    let mut envoy = Envoy::start(&gateway).await;
    gateway.telemetry.tracing = Some(told::zipkin(free_port()));
    envoy.send(&gateway);
    envoy.wait_live().await;
}

#[tokio::test]
async fn everything_that_the_ir_can_say_about_ai_is_accepted() {
    let mut gateway = rich::ai();
    gateway.listeners[0].set_port(free_port());
    Envoy::start(&gateway).await;
}

#[tokio::test]
async fn everything_that_the_ir_can_say_about_rate_limits_is_accepted() {
    let mut gateway = limited::limited();
    for listener in &mut gateway.listeners {
        listener.set_port(free_port());
    }
    Envoy::start(&gateway).await;
}

#[tokio::test]
async fn a_listener_that_cannot_be_bound_is_reported_with_the_reason() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free_port();
    let upstream = upstream::start("first", 200).await;
    let envoy = Envoy::start(&one_route(port, upstream)).await;
    let bad = one_route(taken.local_addr().unwrap().port(), upstream);
    envoy.send(&bad);
    let rejection = envoy.wait_rejection().await;
    assert_eq!(rejection.kind, tollgate_xds::ResourceType::Listener);
    assert!(rejection.error.contains("in use"), "{}", rejection.error);
}

/// The endpoints stay the same, so nothing new is to be said about them; the changed cluster
/// waits for them all the same.
#[tokio::test]
async fn a_change_of_a_cluster_takes_effect_while_its_endpoints_stay() {
    let upstream = upstream::start_http1_only().await;
    let port = free_port();
    let with = |protocol| {
        let mut gateway = one_route(port, upstream);
        let http = gateway.listeners[0].http_mut().next().unwrap();
        let route = &mut http.virtual_hosts[0].routes[0];
        if let ir::HttpAction::Forward(backends) = &mut route.action
            && let Ok(destination) = &mut backends[0].destination
        {
            destination.protocol = protocol;
        }
        gateway
    };
    let url = format!("http://127.0.0.1:{port}/");
    let mut envoy = Envoy::start(&with(ir::UpstreamProtocol::Http2)).await;
    assert_ne!(reqwest::get(&url).await.unwrap().status(), 200);
    let sent = Instant::now();
    envoy.send(&with(ir::UpstreamProtocol::Http1));
    envoy.wait_live().await;
    while reqwest::get(&url).await.unwrap().status() != 200 {
        assert!(sent.elapsed() < Duration::from_secs(3), "not in effect");
    }
}

#[tokio::test]
async fn a_change_of_a_cluster_takes_effect_while_its_authorities_stay() {
    let port = free_port();
    let with = |protocol| {
        let pem = ir::TrustedCa::Pem(rich::CA_PEM.to_string());
        let destination = ir::Destination {
            protocol,
            ..with_tls(local(8443), "localhost", pem)
        };
        let routes = vec![route("r", prefix("/"), forward("b", destination))];
        gateway(vec![listener(port, vec![host("*", routes, Vec::new())])])
    };
    let mut envoy = Envoy::start(&with(ir::UpstreamProtocol::Http1)).await;
    envoy.send(&with(ir::UpstreamProtocol::Http2));
    // Envoy answers for a cluster when it is warm.
    envoy.wait_live().await;
}

#[tokio::test]
async fn a_new_route_to_a_new_cluster_is_never_without_it() {
    let (first, second) = (
        upstream::start("first", 200).await,
        upstream::start("second", 200).await,
    );
    let port = free_port();
    let with = |name: &str, upstream| {
        let routes = vec![route("r", prefix("/"), forward(name, local(upstream)))];
        gateway(vec![listener(port, vec![host("*", routes, Vec::new())])])
    };
    let mut envoy = Envoy::start(&with("b/0", first)).await;
    let load = tokio::spawn(async move {
        let client = reqwest::Client::new();
        let mut statuses = std::collections::BTreeMap::new();
        for _ in 0..400 {
            let response = client
                .get(format!("http://127.0.0.1:{port}/"))
                .send()
                .await
                .unwrap();
            *statuses.entry(response.status().as_u16()).or_insert(0) += 1;
        }
        statuses
    });
    for round in 1..20 {
        let upstream = if round % 2 == 0 { first } else { second };
        envoy.send(&with(&format!("b/{round}"), upstream));
        envoy.wait_live().await;
    }
    let statuses = load.await.unwrap();
    assert_eq!(
        statuses.keys().copied().collect::<Vec<_>>(),
        [200],
        "{statuses:?}"
    );
}

#[tokio::test]
async fn the_server_stops_while_envoy_is_connected_and_envoy_serves_on() {
    let upstream = upstream::start("first", 200).await;
    let port = free_port();
    let mut envoy = Envoy::start(&one_route(port, upstream)).await;
    assert_eq!(envoy.progress.borrow().streams, 1);
    envoy.stop_server().await;
    assert_eq!(envoy.progress.borrow().streams, 0);
    assert_eq!(get(port, "/").await["upstream"], "first");
}
