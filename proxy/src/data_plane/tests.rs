//! A data plane with real Envoy: gateways in, requests through.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tollgate_ir as ir;
use tollgate_xds::BuildOptions;

use super::{DataPlane, DataPlaneConfig, Node};
use crate::infra::envoy_binary::{EnvoySearch, find_envoy};
use crate::infra::envoy_process::{Drain, EnvoyState};
use crate::piece::samples::{forbidden_header, gateway, listener, route, unreadable};
use crate::{Applied, Instead};

mod told;

const WAIT: Duration = Duration::from_secs(30);

/// An upstream that answers every request with one text, on connections that stay open.
async fn upstream(text: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    let length = text.len();
                    let answer =
                        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{text}");
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

async fn bound() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let SocketAddr::V4(address) = listener.local_addr().unwrap() else {
        panic!("not IPv4")
    };
    (listener, address.port())
}

fn free_port() -> u16 {
    tollgate_ports::free_port().unwrap()
}

struct Running {
    plane: DataPlane,
    client: reqwest::Client,
    _folder: TempDir,
}

async fn start(first: ir::Gateway) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let envoy = find_envoy(&EnvoySearch::from_environment(None), &|_| {})
        .await
        .unwrap();
    let config = DataPlaneConfig {
        node: Node {
            id: "test".to_string(),
            cluster: "test".to_string(),
        },
        build: BuildOptions::new(folder.path().join("extproc.sock")),
        runtime_dir: folder.path().to_path_buf(),
        envoy: envoy.path,
        modules: None,
        concurrency: Some(1),
        envoy_log_level: "warning".to_string(),
        connections_max: 1000,
        drain: Drain {
            min: Duration::ZERO,
            max: Duration::from_secs(5),
        },
    };
    Running {
        plane: DataPlane::start(config, first).await.unwrap(),
        client: reqwest::Client::builder()
            .no_proxy()
            .timeout(WAIT)
            .build()
            .unwrap(),
        _folder: folder,
    }
}

impl Running {
    async fn ready(&mut self) {
        if timeout(WAIT, self.plane.ready.wait_for(|ready| *ready))
            .await
            .is_err()
        {
            panic!("not ready: {:?}", *self.plane.outcome.borrow());
        }
    }

    /// What Envoy makes of the first gateway.
    async fn outcome(&mut self) -> Applied {
        let outcome = timeout(WAIT, self.plane.outcome.wait_for(Option::is_some)).await;
        outcome.expect("a first outcome").unwrap().clone().unwrap()
    }

    async fn apply(&self, gateway: ir::Gateway) -> Applied {
        timeout(WAIT, self.plane.apply(gateway))
            .await
            .expect("it must be applied")
            .unwrap()
    }

    async fn get(&self, port: u16, path: &str) -> (u16, String) {
        let url = format!("http://127.0.0.1:{port}{path}");
        let answer = self.client.get(url).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

/// Names of what is refused, and what is in its place.
fn refused(applied: &Applied) -> Vec<(&str, Instead)> {
    applied
        .refused
        .iter()
        .map(|refused| (refused.name.as_str(), refused.instead))
        .collect()
}

#[tokio::test]
async fn change_is_live_when_it_is_applied_and_drops_no_request() {
    let (a, b, port) = (upstream("a").await, upstream("b").await, free_port());
    let to = |upstream| gateway(vec![listener("80", port, vec![route("/x", upstream)])]);
    let mut running = start(to(a)).await;
    running.ready().await;
    assert_eq!(running.get(port, "/x").await, (200, "a".to_string()));
    for (name, upstream) in [("b", b), ("a", a), ("b", b)] {
        let applied = running.apply(to(upstream)).await;
        assert_eq!(applied.refused, []);
        let begun = Instant::now();
        loop {
            let (status, body) = running.get(port, "/x").await;
            assert_eq!(status, 200, "{body}");
            if body == name {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(1), "still {body}");
        }
    }
    running.plane.shutdown().await;
    let gone = running.client.get(format!("http://127.0.0.1:{port}/x"));
    assert!(gone.send().await.is_err());
}

#[tokio::test]
async fn killed_envoy_comes_back_with_the_configuration() {
    let (a, port) = (upstream("a").await, free_port());
    let mut running = start(gateway(vec![listener("80", port, vec![route("/x", a)])])).await;
    running.ready().await;
    let EnvoyState::Running { pid } = *running.plane.envoy.borrow() else {
        panic!("not running")
    };
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    timeout(WAIT, running.plane.ready.wait_for(|ready| !*ready))
        .await
        .expect("not ready without envoy")
        .unwrap();
    running.ready().await;
    assert_eq!(running.get(port, "/x").await, (200, "a".to_string()));
    running.plane.shutdown().await;
}

#[tokio::test]
async fn listener_on_a_taken_port_does_not_hold_up_a_change_beside_it() {
    let (a, b, port) = (upstream("a").await, upstream("b").await, free_port());
    let (holder, taken) = bound().await;
    let mut running = start(gateway(vec![listener("80", port, vec![route("/x", a)])])).await;
    running.ready().await;
    let next = gateway(vec![
        listener("80", port, vec![route("/x", b)]),
        listener("81", taken, vec![route("/x", b)]),
    ]);
    let applied = running.apply(next.clone()).await;
    let expect = [("default/gateway/81", Instead::Nothing)];
    assert_eq!(refused(&applied), expect, "{applied:?}");
    let error = &applied.refused[0].error;
    assert!(error.contains("in use"), "{error}");
    assert_eq!(running.get(port, "/x").await, (200, "b".to_string()));
    assert!(*running.plane.ready.borrow());
    // The same again costs nothing and says the same.
    assert_eq!(running.apply(next).await, applied);
    drop(holder);
    running.plane.shutdown().await;
}

#[tokio::test]
async fn route_that_envoy_refuses_answers_500_and_its_neighbours_serve_the_change() {
    let (a, b, port) = (upstream("a").await, upstream("b").await, free_port());
    let of = |bad: ir::HttpRoute, upstream| {
        let routes = vec![route("/one", upstream), bad, route("/two", upstream)];
        gateway(vec![listener("80", port, routes)])
    };
    let mut running = start(of(route("/bad", a), a)).await;
    running.ready().await;
    let next = of(forbidden_header(route("/bad", b)), b);
    let applied = running.apply(next.clone()).await;
    let name = "httproute/default/bad/rule/0/match/0";
    let expect = [(name, Instead::Failure)];
    assert_eq!(refused(&applied), expect, "{applied:?}");
    for (path, status) in [("/one", 200), ("/bad", 500), ("/two", 200)] {
        let (told, body) = running.get(port, path).await;
        assert_eq!(told, status, "{path}: {body}");
        assert!(status != 200 || body == "b", "{path}: {body}");
    }
    // A later change of another route does not bring it back, nor does it need a search.
    let mut later = next;
    for http in later.listeners[0].http_mut() {
        http.virtual_hosts[0].routes[0] = route("/one", a).into();
    }
    let applied = running.apply(later).await;
    assert_eq!(refused(&applied), expect, "{applied:?}");
    assert_eq!(running.get(port, "/one").await, (200, "a".to_string()));
    // Once it is mended it serves.
    let applied = running.apply(of(route("/bad", b), b)).await;
    assert_eq!(refused(&applied), []);
    assert_eq!(running.get(port, "/bad").await, (200, "b".to_string()));
    running.plane.shutdown().await;
}

#[tokio::test]
async fn first_gateway_with_refused_pieces_serves_its_other_pieces() {
    let (a, port) = (upstream("a").await, free_port());
    let (_holder, taken) = bound().await;
    let routes = vec![route("/one", a), unreadable(route("/bad", a))];
    let first = gateway(vec![
        listener("80", port, routes),
        listener("81", taken, vec![route("/one", a)]),
    ]);
    let mut running = start(first).await;
    running.ready().await;
    let applied = running.outcome().await;
    let expect = [
        ("default/gateway/81", Instead::Nothing),
        ("httproute/default/bad/rule/0/match/0", Instead::Nothing),
    ];
    assert_eq!(refused(&applied), expect, "{applied:?}");
    assert_eq!(running.get(port, "/one").await, (200, "a".to_string()));
    assert_eq!(running.get(port, "/bad").await.0, 404);
    running.plane.shutdown().await;
}

#[tokio::test]
async fn one_changed_route_among_thousands_is_live_without_touching_the_others() {
    let (a, b, port) = (upstream("a").await, upstream("b").await, free_port());
    let of = |changed| {
        let routes = (0..2000).map(|index| {
            let to = if index == 1000 { changed } else { a };
            route(&format!("/{index}"), to)
        });
        gateway(vec![listener("80", port, routes.collect())])
    };
    let mut running = start(of(a)).await;
    running.ready().await;
    assert_eq!(running.get(port, "/1000").await, (200, "a".to_string()));
    let begun = Instant::now();
    let applied = running.apply(of(b)).await;
    assert!(
        applied.acknowledged && applied.refused.is_empty(),
        "{applied:?}"
    );
    loop {
        let (status, body) = running.get(port, "/1000").await;
        assert_eq!(status, 200, "{body}");
        if body == "b" {
            break;
        }
        assert!(begun.elapsed() < WAIT, "the change must come");
    }
    assert_eq!(running.get(port, "/999").await, (200, "a".to_string()));
    running.plane.shutdown().await;
}
