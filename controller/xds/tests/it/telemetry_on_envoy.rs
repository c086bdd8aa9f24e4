//! Access logs and traces of real Envoy: what is written, where, and of what.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tollgate_ir as ir;

use crate::support::certs::Authority;
use crate::support::collector::Collector;
use crate::support::engine::Engine;
use crate::support::envoy::{Envoy, free_port};
use crate::support::ir::{ai_rule, forward, gateway, host, listener, local, named, prefix, route};
use crate::support::secure::{ending, host_to, https, stream, tls_listener, with_traffic};
use crate::support::{stream_upstream, told, until, upstream};

/// A path for a log that does not exist yet, and the folder that goes with it.
fn log_file() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    (folder, path.to_str().unwrap().to_string())
}

async fn lines(path: &str, count: usize) -> Vec<String> {
    let read = || -> Vec<String> {
        let text = std::fs::read_to_string(Path::new(path)).unwrap_or_default();
        text.lines().map(str::to_string).collect()
    };
    until(&format!("{count} lines in {path}"), async || {
        tokio::time::sleep(Duration::from_millis(5)).await;
        read().len() >= count
    })
    .await;
    read()
}

async fn status(port: u16, path: &str) -> u16 {
    let url = format!("http://127.0.0.1:{port}{path}");
    reqwest::get(url).await.unwrap().status().as_u16()
}

/// A port with a plain route at `/web`, and an LLM rule or none.
async fn served(rules: Vec<ir::AiRule>) -> (u16, ir::Gateway) {
    let (port, upstream) = (free_port(), upstream::start("web", 200).await);
    let action = forward("httproute/default/web/rule/0/backend/0", local(upstream));
    let routes = vec![route("web", prefix("/web"), action)];
    let gateway = gateway(vec![listener(port, vec![host("*", routes, rules)])]);
    (port, gateway)
}

/// A call that the engine sends to the rule's only backend; its status.
async fn chat(port: u16, query: &str) -> u16 {
    let url = format!("http://127.0.0.1:{port}/v1/chat/completions{query}");
    let request = reqwest::Client::new().post(url).body("{}");
    let request = request.header("x-test-cluster", "ai/default/llm/0/0");
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn requests_are_logged_in_the_default_form_and_llm_calls_left_out() {
    let (_folder, path) = log_file();
    let provider = local(upstream::start("provider", 200).await);
    let (port, mut gateway) = served(vec![ai_rule("default/llm/0", vec![Some(provider)])]).await;
    let mut log = told::file_log(&path, ir::LogFormat::Default);
    log.ai_calls = ir::AiCalls::LeftOut;
    gateway.telemetry.access_logs = vec![log];
    let envoy = Envoy::start(&gateway).await;
    // No engine is there yet, so that nobody else has a line for this one.
    assert!(chat(port, "?away").await >= 500);
    let _engine = Engine::start(&envoy.extproc_socket());
    until("a call is served", async || chat(port, "").await == 200).await;
    assert_eq!(status(port, "/web?a=1").await, 200);
    assert_eq!(status(port, "/nowhere").await, 404);
    let is_plain = |line: &&String| !line.contains("ext_proc_error");
    until("two plain lines", async || {
        lines(&path, 2).await.iter().filter(is_plain).count() >= 2
    })
    .await;
    let lines: Vec<Value> = lines(&path, 3)
        .await
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["x-envoy-origin-path"], "/v1/chat/completions?away");
    assert_eq!(lines[0].as_object().unwrap().len(), 24);
    let failed = |line: &&Value| {
        let details = line["response_code_details"].as_str().unwrap_or_default();
        details.starts_with("ext_proc_error")
    };
    let told: Vec<_> = lines
        .iter()
        .filter(|line| !failed(line))
        .map(|line| (&line["x-envoy-origin-path"], &line["response_code"]))
        .collect();
    assert_eq!(
        format!("{told:?}"),
        r#"[(String("/web?a=1"), Number(200)), (String("/nowhere"), Number(404))]"#
    );
}

#[tokio::test]
async fn llm_calls_are_logged_where_it_is_asked_for() {
    let (_folder, path) = log_file();
    let (port, mut gateway) = served(vec![ai_rule("default/llm/0", vec![Some(local(1))])]).await;
    let text = ir::LogFormat::Text("%REQ(:PATH)%".to_string());
    gateway.telemetry.access_logs = vec![told::file_log(&path, text)];
    let _envoy = Envoy::start(&gateway).await;
    assert!(status(port, "/v1/chat/completions").await >= 400);
    assert_eq!(lines(&path, 1).await, ["/v1/chat/completions"]);
}

#[tokio::test]
async fn a_line_is_written_where_one_of_the_conditions_holds() {
    let (_folder, path) = log_file();
    let (port, mut gateway) = served(Vec::new()).await;
    let text = "%REQ_WITHOUT_QUERY(:PATH)% %CEL(response.code)%";
    let mut log = told::file_log(&path, ir::LogFormat::Text(text.to_string()));
    log.matches = vec![
        "response.code >= 400".to_string(),
        "request.path.endsWith('x=1')".to_string(),
    ];
    gateway.telemetry.access_logs = vec![log];
    let _envoy = Envoy::start(&gateway).await;
    for path in ["/web", "/web?x=1", "/nowhere?x=2"] {
        status(port, path).await;
    }
    assert_eq!(lines(&path, 2).await, ["/web 200", "/nowhere 404"]);
}

#[tokio::test]
async fn each_try_of_a_request_is_logged_where_it_is_asked_for() {
    let (_folder, path) = log_file();
    let (port, failing) = (free_port(), upstream::start("failing", 503).await);
    let action = forward("httproute/default/web/rule/0/backend/0", local(failing));
    let mut retried = route("web", prefix("/web"), action);
    retried.retry = Some(ir::Retry {
        retries: 2,
        on: vec![ir::RetryTrigger::Status(503)],
        backoff_base_ms: 1,
        backoff_max_ms: 2,
    });
    let mut gateway = gateway(vec![listener(
        port,
        vec![host("*", vec![retried], Vec::new())],
    )]);
    let text = |text: &str| ir::LogFormat::Text(text.to_string());
    let mut tries = told::file_log(&path, text("try %UPSTREAM_REMOTE_PORT%"));
    tries.scope = ir::LogScope::Tries;
    let mut requests = told::file_log(&path, text("request %RESPONSE_CODE%"));
    requests.scope = ir::LogScope::Requests;
    gateway.telemetry.access_logs = vec![tries, requests];
    let _envoy = Envoy::start(&gateway).await;
    assert_eq!(status(port, "/web").await, 503);
    let lines = lines(&path, 4).await;
    let count = |line: &str| lines.iter().filter(|it| *it == line).count();
    let told = (count(&format!("try {failing}")), count("request 503"));
    assert_eq!(told, (3, 1), "{lines:?}");
}

#[tokio::test]
async fn connections_are_logged_below_http_and_where_nothing_takes_them() {
    let (_folder, path) = log_file();
    let upstream = stream_upstream::tcp("hello").await;
    let (tcp, tls) = (free_port(), free_port());
    let route = stream("tcproute/default/t/rule/0", &[(1, Some(upstream))]);
    let certificate = Authority::new("ca").certificate(&["a.example"]);
    let web = upstream::start("web", 200).await;
    let hosts = vec![host_to("a.example", web)];
    let secure = https("a.example", ending(&certificate), hosts, &[]);
    let mut gateway = gateway(vec![
        with_traffic(tcp, ir::Traffic::Tcp(route)),
        tls_listener(tls, vec![secure]),
    ]);
    let text = "%DOWNSTREAM_LOCAL_PORT% %RESPONSE_FLAGS% %BYTES_SENT%";
    let mut every = told::file_log(&path, ir::LogFormat::Text(format!("all {text}")));
    every.scope = ir::LogScope::Connections;
    gateway.telemetry.access_logs = vec![
        told::file_log(&path, ir::LogFormat::Text(text.to_string())),
        every,
    ];
    let _envoy = Envoy::start(&gateway).await;
    let mut said = String::new();
    let mut socket = TcpStream::connect(("127.0.0.1", tcp)).await.unwrap();
    socket.read_to_string(&mut said).await.unwrap();
    drop(socket);
    assert_eq!(said, "hello");
    // No TLS at all: no chain takes it.
    let plain = reqwest::get(format!("http://127.0.0.1:{tls}/")).await;
    assert!(plain.is_err());
    // Whoever waited for the port was a connection too.
    let count = |lines: &[String], line: &str| lines.iter().filter(|it| *it == line).count();
    let (served, unserved) = (format!("{tcp} - 5"), format!("{tls} NR 0"));
    let mut seen = Vec::new();
    until("a line of each", async || {
        seen = lines(&path, 1).await;
        let all = |line: &str| count(&seen, &format!("all {line}"));
        count(&seen, &served) >= 2 && all(&served) >= 2 && all(&unserved) >= 1
    })
    .await;
    // The port has no line of its own for a connection that is told by who served it, but where
    // all connections are asked for.
    assert_eq!(count(&seen, &served), 2, "{seen:?}");
    assert_eq!(count(&seen, &format!("all {served}")), 2, "{seen:?}");
    assert_eq!(count(&seen, &unserved), 1, "{seen:?}");
}

#[tokio::test]
async fn logs_and_traces_reach_a_collector() {
    let (collector, port_of_collector) = Collector::start().await;
    let (port, mut gateway) = served(Vec::new()).await;
    let text = ir::LogFormat::Text("line of %REQ(:PATH)%".to_string());
    let http = ir::AlsContent::Http {
        request_headers: vec!["x-als".to_string()],
        response_headers: Vec::new(),
        response_trailers: Vec::new(),
    };
    gateway.telemetry.access_logs = vec![
        told::otel_log(port_of_collector, text),
        told::als_log("accesslog_als_0_1", port_of_collector, http),
    ];
    gateway.telemetry.tracing = Some(told::tracing(port_of_collector));
    let _envoy = Envoy::start(&gateway).await;
    let request = reqwest::Client::new().get(format!("http://127.0.0.1:{port}/web/otlp"));
    let answer = request.header("x-als", "told").send().await.unwrap();
    assert_eq!(answer.status(), 200);

    let logs = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
    let log = collector.wait_for(logs, "line of /web/otlp").await;
    assert_eq!(log.headers["x-tenant"], "shop");
    let entries = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";
    collector.wait_for(entries, "told").await;
    let traces = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    for text in ["gw.default", "/web/otlp"] {
        collector.wait_for(traces, text).await;
    }
    let body = answer.json::<Value>().await.unwrap();
    let headers = body["headers"].as_array().unwrap();
    let is_traced = headers.iter().any(|header| header[0] == "traceparent");
    assert!(is_traced, "the backend is told of the trace: {headers:?}");
}

/// A name server that never answers would hold a change up for many seconds.
#[tokio::test]
async fn receiver_whose_name_nobody_knows_holds_nothing_up() {
    let (port, mut gateway) = served(Vec::new()).await;
    let mut tracing = told::tracing(4317);
    tracing.receiver.destination = ir::Destination {
        protocol: ir::UpstreamProtocol::Http2,
        ..named("collector.nowhere.invalid", 4317)
    };
    gateway.telemetry.tracing = Some(tracing);
    let begun = std::time::Instant::now();
    let _envoy = Envoy::start(&gateway).await;
    assert_eq!(status(port, "/web").await, 200);
    assert!(begun.elapsed() < Duration::from_secs(15), "held up");
}

#[tokio::test]
async fn traces_reach_zipkin() {
    let (collector, port_of_collector) = Collector::start().await;
    let (port, mut gateway) = served(Vec::new()).await;
    gateway.telemetry.tracing = Some(told::zipkin(port_of_collector));
    let _envoy = Envoy::start(&gateway).await;
    assert_eq!(status(port, "/web/spans").await, 200);
    collector.wait_for("/api/v2/spans", "/web/spans").await;
}

#[tokio::test]
async fn a_format_that_envoy_does_not_know_is_refused_with_the_listener() {
    let (_folder, path) = log_file();
    let (_, mut gateway) = served(Vec::new()).await;
    let envoy = Envoy::start(&gateway).await;
    let text = ir::LogFormat::Text("%NO_SUCH_OPERATOR%".to_string());
    gateway.telemetry.access_logs = vec![told::file_log(&path, text)];
    envoy.send(&gateway);
    let rejection = envoy.wait_rejection().await;
    assert_eq!(rejection.kind, tollgate_xds::ResourceType::Listener);
    assert!(
        rejection.error.contains("NO_SUCH_OPERATOR"),
        "{}",
        rejection.error
    );
}

#[tokio::test]
async fn hosts_and_endpoints_are_counted_where_it_is_asked_for() {
    let (port, mut gateway) = served(Vec::new()).await;
    let mut envoy = Envoy::start(&gateway).await;
    gateway.telemetry.detail = vec![
        ir::Detail::VirtualHosts,
        ir::Detail::Endpoints,
        ir::Detail::Sizes,
    ];
    envoy.send(&gateway);
    envoy.wait_live().await;
    assert_eq!(status(port, "/web").await, 200);
    let wanted = [
        ".vcluster.all.upstream_rq_200: 1",
        ".rq_success: 1",
        "upstream_rq_headers_size:",
    ];
    until("figures", async || {
        let figures = envoy.admin("/stats").await;
        wanted.iter().all(|it| figures.contains(it))
    })
    .await;
}

#[tokio::test]
async fn figures_that_are_kept_reach_a_collector() {
    let (collector, port_of_collector) = Collector::start().await;
    let (port, mut gateway) = served(Vec::new()).await;
    let mut receiver = told::tracing(port_of_collector).receiver;
    receiver.cluster = "otel_metric_sink_0".to_string();
    receiver.headers = vec![("x-tenant".to_string(), "shop".to_string().into())];
    gateway.bootstrap = ir::Bootstrap {
        name: "default/gw/bootstrap".to_string(),
        kept: vec![ir::NameTest::Prefix("http.".to_string())],
        sinks: vec![ir::MetricSink {
            receiver,
            counters: ir::Reporting::Delta,
            histograms: ir::Reporting::Cumulative,
            resource_attributes: [("team".to_string(), "gateway-team".to_string())].into(),
        }],
        change: Some(ir::BootstrapChange::Merge(
            serde_json::json!({"stats_flush_interval": "0.1s"}),
        )),
    };
    let envoy = Envoy::start(&gateway).await;
    assert_eq!(status(port, "/web").await, 200);
    let figures = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
    let sent = collector.wait_for(figures, "downstream_rq_total").await;
    assert_eq!(sent.headers["x-tenant"], "shop");
    collector.wait_for(figures, "gateway-team").await;
    let all = envoy.admin("/stats").await;
    assert!(!all.contains("cluster_manager."), "{all}");
}
