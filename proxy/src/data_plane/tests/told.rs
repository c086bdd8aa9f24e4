//! Telemetry and bootstraps with real Envoy: what it takes is in effect, what it refuses stands
//! aside and is told.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tollgate_ir as ir;

use super::{Running, WAIT, free_port, refused, start, upstream};
use crate::Instead;
use crate::piece::samples::{gateway, listener, route};

fn log(name: &str, path: &str, text: &str) -> ir::AccessLog {
    ir::AccessLog {
        name: format!("default/gateway/{name}"),
        scope: ir::LogScope::Traffic,
        ai_calls: ir::AiCalls::LeftOut,
        format: ir::LogFormat::Text(text.to_string()),
        matches: Vec::new(),
        sink: ir::LogSink::File {
            path: path.to_string(),
        },
    }
}

fn changed(change: serde_json::Value) -> ir::Bootstrap {
    ir::Bootstrap {
        name: "default/gateway/bootstrap".to_string(),
        change: Some(ir::BootstrapChange::Merge(change)),
        ..ir::Bootstrap::default()
    }
}

/// Asks until there is a line of it: workers of Envoy's take a port over a moment after Envoy has
/// acknowledged it.
async fn logged(running: &Running, (port, target): (u16, &str), (file, line): (&Path, &str)) {
    let wait = async {
        loop {
            assert_eq!(running.get(port, target).await.0, 200);
            let text = tokio::fs::read_to_string(file).await.unwrap_or_default();
            if text.lines().any(|it| it == line) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(WAIT, wait).await;
    assert!(waited.is_ok(), "no line {line:?}");
}

#[tokio::test]
async fn access_log_that_envoy_refuses_stands_aside_and_the_others_are_written() {
    let (a, port, other) = (upstream("a").await, free_port(), free_port());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let path = file.to_str().unwrap();
    let mut first = gateway(vec![listener("80", port, vec![route("/x", a)])]);
    first.telemetry.access_logs = vec![
        log("accesslog_file_0_0", path, "%REQ(:PATH)%"),
        log("accesslog_file_1_0", path, "%NO_SUCH_OPERATOR%"),
    ];
    let mut running = start(first.clone()).await;
    running.ready().await;
    let outcome = running.outcome().await;
    let bad = [("default/gateway/accesslog_file_1_0", Instead::Nothing)];
    assert_eq!(refused(&outcome), bad, "{outcome:?}");
    let error = &outcome.refused[0].error;
    assert!(error.contains("NO_SUCH_OPERATOR"), "{error}");
    logged(&running, (port, "/x?1"), (&file, "/x?1")).await;

    // A new port is served although the log is still refused; a log that is mended is taken.
    let mut next = first.clone();
    next.listeners
        .push(listener("81", other, vec![route("/y", a)]));
    let applied = running.apply(next.clone()).await;
    assert_eq!(refused(&applied), bad, "{applied:?}");
    logged(&running, (other, "/y?2"), (&file, "/y?2")).await;
    next.telemetry.access_logs[1] = log("accesslog_file_1_0", path, "mended %REQ(:PATH)%");
    assert_eq!(running.apply(next).await.refused, []);
    logged(&running, (port, "/x?3"), (&file, "mended /x?3")).await;
    running.plane.shutdown().await;
}

#[tokio::test]
async fn log_that_becomes_bad_is_kept_as_it_was() {
    let (a, port) = (upstream("a").await, free_port());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let path = file.to_str().unwrap();
    let mut gateway = gateway(vec![listener("80", port, vec![route("/x", a)])]);
    gateway.telemetry.access_logs = vec![log("l", path, "%REQ(:PATH)%")];
    let mut running = start(gateway.clone()).await;
    running.ready().await;
    gateway.telemetry.access_logs = vec![log("l", path, "%NO_SUCH_OPERATOR%")];
    let applied = running.apply(gateway).await;
    let expect = [("default/gateway/l", Instead::LastGood)];
    assert_eq!(refused(&applied), expect, "{applied:?}");
    logged(&running, (port, "/x?1"), (&file, "/x?1")).await;
    running.plane.shutdown().await;
}

#[tokio::test]
async fn changed_bootstrap_is_what_envoy_starts_with() {
    let (a, port, extra) = (upstream("a").await, free_port(), free_port());
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "extra",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{
            "match": {"prefix": "/"},
            "direct_response": {"status": 200, "body": {"inline_string": "extra"}},
        }]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
    });
    let mut first = gateway(vec![listener("80", port, vec![route("/x", a)])]);
    first.bootstrap = changed(json!({"static_resources": {"listeners": [{
        "name": "extra",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": extra}},
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}],
    }]}}));
    first.bootstrap.kept = vec![ir::NameTest::Prefix("http.".to_string())];
    let mut running = start(first).await;
    running.ready().await;
    assert_eq!(running.outcome().await.refused, []);
    assert_eq!(running.get(extra, "/").await, (200, "extra".to_string()));
    assert_eq!(running.get(port, "/x").await, (200, "a".to_string()));
    running.plane.shutdown().await;
}

#[tokio::test]
async fn bootstrap_that_envoy_refuses_is_told_and_it_starts_with_the_rest() {
    let (a, port) = (upstream("a").await, free_port());
    let mut first = gateway(vec![listener("80", port, vec![route("/x", a)])]);
    first.bootstrap = changed(json!({"no_such_field": 1}));
    let mut running = start(first).await;
    running.ready().await;
    let outcome = running.outcome().await;
    let expect = [("default/gateway/bootstrap", Instead::Nothing)];
    assert_eq!(refused(&outcome), expect, "{outcome:?}");
    let error = &outcome.refused[0].error;
    assert!(error.contains("no_such_field"), "{error}");
    assert_eq!(running.get(port, "/x").await, (200, "a".to_string()));
    running.plane.shutdown().await;
}
