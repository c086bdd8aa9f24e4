//! The base line: Envoy alone, as the reverse proxy that somebody would put there instead.

use std::{net::SocketAddr, process::Stdio};

use anyhow::{Context, Result};
use tollgate_proxy::infra::envoy_binary::{EnvoySearch, find_envoy};

use crate::subject::Subject;

/// Starts Envoy with one worker in front of `upstream`.
pub(crate) async fn start(upstream: SocketAddr) -> Result<Subject> {
    let binary = find_envoy(&EnvoySearch::from_environment(None), &|_| {})
        .await
        .context("find Envoy")?;
    let port = tollgate_ports::free_port()?;
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("envoy.yaml");
    let text = CONFIG
        .replace("LISTEN_PORT", &port.to_string())
        .replace("UPSTREAM_PORT", &upstream.port().to_string());
    std::fs::write(&config, text)?;
    let child = tokio::process::Command::new(&binary.path)
        .args([
            "--concurrency",
            "1",
            "--disable-hot-restart",
            "-l",
            "error",
            "-c",
        ])
        .arg(&config)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("start plain Envoy")?;
    let pid = child.id().context("plain Envoy ended")?;
    tollgate_harness::eventually("plain Envoy listens", || async {
        tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .ok()
    })
    .await?;
    let url = format!("http://127.0.0.1:{port}/v1/chat/completions");
    Ok(Subject::new(
        url,
        Some("sk-provider"),
        pid,
        Box::new((child, folder)),
    ))
}

const CONFIG: &str = r#"
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: LISTEN_PORT}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: plain
          use_remote_address: true
          normalize_path: true
          merge_slashes: true
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - {match: {prefix: /}, route: {cluster: upstream, timeout: 0s}}
  clusters:
  - name: upstream
    connect_timeout: 5s
    circuit_breakers: {thresholds: [{max_connections: 100000, max_requests: 100000, max_pending_requests: 100000}]}
    load_assignment:
      cluster_name: upstream
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: UPSTREAM_PORT}}}
"#;
