//! Standalone mode through real Envoy: files in, requests through, changes followed.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tollgate_translate::{CONTROLLER_NAME, Mode, Options, Standalone as StandaloneOptions};
use tollgate_xds::BuildOptions;

use super::{Standalone, StandaloneConfig};
use crate::infra::envoy_binary::{EnvoySearch, find_envoy};
use crate::infra::envoy_process::EnvoyState;
use crate::infra::runtime_dir::RuntimeDir;
use crate::reconcile::{Inputs, Report};
use crate::source::folder::Manifests;

const WAIT: Duration = Duration::from_secs(30);

/// An upstream that answers every request with one text, on connections that stay open.
async fn upstream(text: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}",
                        text.len()
                    );
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A route to a backend at this address, both of this name.
fn route(name: &str, to: SocketAddr) -> String {
    format!(
        "\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: route}}
spec:
  parentRefs: [{{name: tollgate}}]
  rules: [{{backendRefs: [{{group: gateway.envoyproxy.io, kind: Backend, name: {name}}}]}}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: {name}}}
spec: {{endpoints: [{{ip: {{address: {}, port: {}}}}}]}}
",
        to.ip(),
        to.port()
    )
}

struct Running {
    gateway: Standalone,
    port: u16,
    _runtime: RuntimeDir,
}

async fn start(manifests: PathBuf, port: u16) -> Running {
    let runtime = RuntimeDir::new().unwrap();
    let envoy = find_envoy(&EnvoySearch::from_environment(None), &|_| {})
        .await
        .unwrap();
    let mode = Mode::Standalone(StandaloneOptions {
        default_port: port,
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        provider_urls: BTreeMap::new(),
    });
    let config = StandaloneConfig {
        inputs: Inputs {
            manifests: Manifests::Paths(vec![manifests]),
            environment: Arc::new(|_| None),
            options: Options {
                controller_name: CONTROLLER_NAME.to_string(),
                cluster_domain: "cluster.local".to_string(),
                mode,
            },
            build: BuildOptions::new(runtime.path().join("extproc.sock")),
        },
        runtime_dir: runtime.path().to_path_buf(),
        envoy: envoy.path,
        concurrency: Some(1),
        envoy_log_level: "warning".to_string(),
        connections_max: 1000,
        drain_max: Duration::from_secs(5),
    };
    let gateway = Standalone::start(config).await.unwrap();
    Running {
        gateway,
        port,
        _runtime: runtime,
    }
}

impl Running {
    async fn ready(&mut self) {
        timeout(WAIT, self.gateway.ready.wait_for(|ready| *ready))
            .await
            .expect("it must become ready")
            .unwrap();
    }

    /// The first report with a problem that holds this text.
    async fn problem(&mut self, text: &str) -> String {
        let found = |report: &Arc<Report>| {
            report
                .problems
                .iter()
                .map(ToString::to_string)
                .find(|problem| problem.contains(text))
        };
        let report = timeout(
            WAIT,
            self.gateway
                .report
                .wait_for(|report| found(report).is_some()),
        );
        let report = report
            .await
            .unwrap_or_else(|_| panic!("no problem with {text:?}"))
            .unwrap();
        found(&report).unwrap()
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(WAIT)
        .build()
        .unwrap()
}

async fn get(client: &reqwest::Client, port: u16) -> (u16, String) {
    let answer = client
        .get(format!("http://127.0.0.1:{port}/"))
        .send()
        .await
        .expect("a dropped request");
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Saves as editors do: a new file in the place of the old.
fn save(file: &Path, text: &str) {
    let temporary = file.with_extension("tmp");
    fs::write(&temporary, text).unwrap();
    fs::rename(&temporary, file).unwrap();
}

#[tokio::test]
async fn a_saved_change_is_live_in_half_a_second_and_drops_no_request() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("route.yaml");
    let (a, b) = (upstream("a").await, upstream("b").await);
    fs::write(&file, route("a", a)).unwrap();
    let mut running = start(dir.path().to_path_buf(), free_port().await).await;
    running.ready().await;
    let client = client();
    assert_eq!(get(&client, running.port).await, (200, "a".to_string()));
    let mut fastest = Duration::MAX;
    // The first two changes come within the time that the old clusters linger.
    for (name, address) in [("b", b), ("a", a), ("b", b), ("a", a)] {
        let saved = Instant::now();
        save(&file, &route(name, address));
        loop {
            let (status, body) = get(&client, running.port).await;
            assert_eq!(status, 200, "{body}");
            if body == name {
                break;
            }
            assert!(saved.elapsed() < WAIT, "the change must come");
        }
        fastest = fastest.min(saved.elapsed());
    }
    assert!(fastest < Duration::from_millis(500), "{fastest:?}");
    running.gateway.shutdown().await;
}

#[tokio::test]
async fn a_broken_document_is_told_and_the_others_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let a = upstream("a").await;
    fs::write(dir.path().join("a.yaml"), route("a", a)).unwrap();
    let mut running = start(dir.path().to_path_buf(), free_port().await).await;
    running.ready().await;
    save(&dir.path().join("b.yaml"), "x: 1\n---\nkind: [\n");
    let problem = running.problem("not valid YAML").await;
    assert!(problem.contains("b.yaml:"), "{problem}");
    assert_eq!(get(&client(), running.port).await, (200, "a".to_string()));
    fs::remove_file(dir.path().join("b.yaml")).unwrap();
    let healed = running
        .gateway
        .report
        .wait_for(|report| report.problems.is_empty());
    timeout(WAIT, healed)
        .await
        .expect("the problem must go with the file")
        .unwrap();
    running.gateway.shutdown().await;
}

#[tokio::test]
async fn a_killed_envoy_comes_back_with_the_configuration_and_a_stopped_one_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let a = upstream("a").await;
    fs::write(dir.path().join("a.yaml"), route("a", a)).unwrap();
    let mut running = start(dir.path().to_path_buf(), free_port().await).await;
    running.ready().await;
    let EnvoyState::Running { pid } = *running.gateway.envoy.borrow() else {
        panic!("not running")
    };
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    timeout(WAIT, running.gateway.ready.wait_for(|ready| !*ready))
        .await
        .expect("not ready without envoy")
        .unwrap();
    running.ready().await;
    assert_eq!(get(&client(), running.port).await, (200, "a".to_string()));
    let port = running.port;
    running.gateway.shutdown().await;
    assert!(
        client()
            .get(format!("http://127.0.0.1:{port}/"))
            .send()
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_port_that_another_process_has_is_a_problem() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    fs::write(dir.path().join("a.yaml"), route("a", upstream("a").await)).unwrap();
    let mut running = start(dir.path().to_path_buf(), port).await;
    let problem = running.problem("envoy refuses it").await;
    assert!(problem.contains(&port.to_string()), "{problem}");
    assert!(!*running.gateway.ready.borrow());
    running.gateway.shutdown().await;
}
