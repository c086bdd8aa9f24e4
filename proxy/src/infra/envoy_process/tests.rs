//! A real Envoy, killed and drained.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

use super::{Drain, EnvoyConfig, EnvoyProcess, EnvoyState};
use crate::infra::admin::EnvoyAdmin;
use crate::infra::envoy_binary::{EnvoySearch, find_envoy};

const WAIT: Duration = Duration::from_secs(30);

/// An Envoy that forwards `127.0.0.1:port` to `upstream`.
async fn config(dir: &Path, port: u16, upstream: u16) -> EnvoyConfig {
    let binary = find_envoy(&EnvoySearch::from_environment(None), &|_| {})
        .await
        .unwrap();
    let admin_socket = dir.join("admin.sock");
    let bootstrap = dir.join("bootstrap.yaml");
    let admin = admin_socket.display();
    let text = format!(
        r#"
admin: {{address: {{pipe: {{path: "{admin}"}}}}}}
static_resources:
  clusters:
  - {{name: up, connect_timeout: 1s, load_assignment: {{cluster_name: up, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {upstream}}}}}}}}}]}}]}}}}
  listeners:
  - name: l
    address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: clients
          route_config: {{virtual_hosts: [{{name: all, domains: ["*"], routes: [{{match: {{prefix: "/"}}, route: {{cluster: up}}}}]}}]}}
          http_filters: [{{name: envoy.filters.http.router, typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}}}]
"#
    );
    fs::write(&bootstrap, text).unwrap();
    EnvoyConfig {
        binary: binary.path,
        bootstrap,
        admin_socket,
        concurrency: Some(1),
        log_level: "warning".to_string(),
        drain_max: Duration::from_secs(10),
        modules: None,
    }
}

fn at_most(max: Duration) -> Drain {
    let min = Duration::ZERO;
    Drain { min, max }
}

fn free_port() -> u16 {
    tollgate_ports::free_port().unwrap()
}

async fn running(envoy: &EnvoyProcess, not: u32) -> u32 {
    let mut state = envoy.state();
    let is_new = |state: &EnvoyState| matches!(state, EnvoyState::Running { pid } if *pid != not);
    let state = timeout(WAIT, state.wait_for(is_new))
        .await
        .expect("envoy must run")
        .unwrap();
    match *state {
        EnvoyState::Running { pid } => pid,
        _ => unreachable!(),
    }
}

async fn live(admin: &EnvoyAdmin) {
    let end = Instant::now() + WAIT;
    while !admin.is_live().await {
        assert!(Instant::now() < end, "envoy must come up");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn exists(pid: u32) -> bool {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::test_kill_process(pid).is_ok()
}

#[tokio::test]
async fn a_killed_envoy_is_started_again_and_a_stopped_one_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), free_port(), 1).await;
    let admin = EnvoyAdmin::new(&config.admin_socket).unwrap();
    let envoy = EnvoyProcess::start(config);
    let first = running(&envoy, 0).await;
    live(&admin).await;
    let raw = rustix::process::Pid::from_raw(i32::try_from(first).unwrap()).unwrap();
    rustix::process::kill_process(raw, rustix::process::Signal::KILL).unwrap();
    let second = running(&envoy, first).await;
    live(&admin).await;
    let mut state = envoy.state();
    envoy.shutdown(at_most(Duration::from_secs(5))).await;
    assert_eq!(*state.borrow_and_update(), EnvoyState::Stopped);
    assert!(!exists(first) && !exists(second));
}

#[tokio::test]
async fn an_open_request_ends_well_before_envoy_does() {
    let dir = tempfile::tempdir().unwrap();
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free_port();
    let config = config(dir.path(), port, upstream.local_addr().unwrap().port()).await;
    let admin = EnvoyAdmin::new(&config.admin_socket).unwrap();
    let envoy = EnvoyProcess::start(config);
    let pid = running(&envoy, 0).await;
    live(&admin).await;
    let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let (mut server, _) = upstream.accept().await.unwrap();
    let mut buffer = [0; 4096];
    assert!(server.read(&mut buffer).await.unwrap() > 0);
    let shutdown = tokio::spawn(envoy.shutdown(at_most(Duration::from_secs(20))));
    // The drain has begun once Envoy fails its health check.
    let end = Instant::now() + WAIT;
    while admin.is_live().await {
        assert!(Instant::now() < end, "the drain must begin");
    }
    assert!(!shutdown.is_finished() && exists(pid));
    server
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone")
        .await
        .unwrap();
    let mut answer = Vec::new();
    timeout(WAIT, client.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    assert!(
        answer.starts_with("http/1.1 200") && answer.ends_with("done"),
        "{answer}"
    );
    assert!(answer.contains("connection: close"), "{answer}");
    timeout(WAIT, shutdown)
        .await
        .expect("envoy must end once nothing is open")
        .unwrap();
    assert!(!exists(pid));
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_off_at_the_end_of_the_drain() {
    let dir = tempfile::tempdir().unwrap();
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free_port();
    let config = config(dir.path(), port, upstream.local_addr().unwrap().port()).await;
    let admin = EnvoyAdmin::new(&config.admin_socket).unwrap();
    let envoy = EnvoyProcess::start(config);
    live(&admin).await;
    let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let _server = upstream.accept().await.unwrap();
    let start = Instant::now();
    timeout(WAIT, envoy.shutdown(at_most(Duration::from_millis(500))))
        .await
        .expect("the drain must be bounded");
    assert!(
        start.elapsed() >= Duration::from_millis(500),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn an_envoy_that_cannot_start_is_tried_again_and_can_be_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let config = EnvoyConfig {
        binary: dir.path().join("none"),
        bootstrap: dir.path().join("none.yaml"),
        admin_socket: dir.path().join("admin.sock"),
        concurrency: None,
        log_level: "info".to_string(),
        drain_max: Duration::from_secs(1),
        modules: None,
    };
    let envoy = EnvoyProcess::start(config);
    let mut state = envoy.state();
    let backoff = |state: &EnvoyState| matches!(state, EnvoyState::Backoff { pause } if pause.as_millis() >= 200);
    timeout(WAIT, state.wait_for(backoff))
        .await
        .expect("the pause must grow")
        .unwrap();
    timeout(WAIT, envoy.shutdown(at_most(Duration::from_secs(1))))
        .await
        .expect("it must stop");
    assert_eq!(*state.borrow_and_update(), EnvoyState::Stopped);
}
