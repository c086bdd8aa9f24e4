//! TCP and UDP on real Envoy: weights, shares that cannot be served, sessions.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::certs::Authority;
use crate::support::envoy::{Envoy, free_port};
use crate::support::ir::{LOOPBACK, destination, gateway};
use crate::support::secure::{backend, stream, with_traffic};
use crate::support::stream_upstream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tollgate_ir as ir;

const PATIENCE: Duration = Duration::from_secs(10);

async fn start(traffic: ir::Traffic) -> (u16, Envoy) {
    let port = free_port();
    let envoy = Envoy::start(&gateway(vec![with_traffic(port, traffic)])).await;
    (port, envoy)
}

/// What a connection is told until its end; nothing where it is closed at once.
async fn told(port: u16) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut said = Vec::new();
    let read = socket.read_to_end(&mut said);
    // A reset is an end too.
    let _ = tokio::time::timeout(PATIENCE, read).await.unwrap();
    String::from_utf8(said).unwrap()
}

#[tokio::test]
async fn connections_are_shared_by_weight_and_an_invalid_backends_share_is_closed() {
    let (heavy, light) = (
        stream_upstream::tcp("heavy").await,
        stream_upstream::tcp("light").await,
    );
    let route = stream(
        "tcproute/default/t/rule/0",
        &[
            (6, Some(heavy)),
            (2, Some(light)),
            (2, None),
            (0, Some(light)),
        ],
    );
    let (port, _envoy) = start(ir::Traffic::Tcp(route)).await;
    let mut counts: BTreeMap<String, i32> = BTreeMap::new();
    for _ in 0..500 {
        *counts.entry(told(port).await).or_default() += 1;
    }
    // Seven standard deviations.
    for (said, expected) in [("heavy", 300), ("light", 100), ("", 100)] {
        let count = counts.get(said).copied().unwrap_or_default();
        assert!((count - expected).abs() < 77, "{counts:?}");
    }
}

#[tokio::test]
async fn connections_to_nobody_are_closed_at_once() {
    let up = stream_upstream::tcp("up").await;
    let mut nobody_ready = stream("tcproute/n", &[(1, Some(up))]);
    if let Ok(destination) = &mut nobody_ready.backends[0].destination {
        destination.endpoints.clear();
    }
    for route in [
        stream("tcproute/e", &[]),
        stream("tcproute/i", &[(1, None)]),
        stream("tcproute/z", &[(0, Some(up))]),
        nobody_ready,
    ] {
        let (port, _envoy) = start(ir::Traffic::Tcp(route)).await;
        assert_eq!(told(port).await, "");
    }
}

#[tokio::test]
async fn a_connection_goes_on_inside_tls_where_the_backend_wants_it() {
    let authority = Authority::new("ca");
    let certificate = authority.certificate(&["db.example.com"]);
    let port = stream_upstream::tls("db", &certificate, None).await;
    let secure = ir::Destination {
        tls: Some(ir::UpstreamTls {
            sni: "db.example.com".to_string(),
            ca: ir::TrustedCa::Pem(authority.pem),
            subject_alt_names: Vec::new(),
            client_certificate: None,
        }),
        ..destination(ir::Host::Ip(LOOPBACK), port)
    };
    let route = ir::StreamRoute {
        name: "tcproute/default/t/rule/0".to_string(),
        backends: vec![backend(
            "tcproute/default/t/rule/0/backend/0",
            1,
            Ok(secure),
        )],
    };
    let (port, _envoy) = start(ir::Traffic::Tcp(route)).await;
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    socket.write_all(b"hello").await.unwrap();
    let mut said = String::new();
    socket.read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "db db.example.com 0");
}

/// A client's socket: a session.
struct Session(UdpSocket);

// === impl Session ===

impl Session {
    async fn new(address: &str, port: u16) -> Self {
        let socket = UdpSocket::bind((address, 0)).await.unwrap();
        socket.connect(("127.0.0.1", port)).await.unwrap();
        Self(socket)
    }

    /// What comes back for a datagram; `None` where nothing does. Datagrams may be lost while a
    /// listener starts.
    async fn ask(&self, text: &str, patience: Duration) -> Option<String> {
        let mut buffer = [0; 2048];
        let ask = async {
            loop {
                let _ = self.0.send(text.as_bytes()).await;
                let read = self.0.recv(&mut buffer);
                if let Ok(Ok(length)) = tokio::time::timeout(patience / 4, read).await {
                    return String::from_utf8(buffer[..length].to_vec()).unwrap();
                }
            }
        };
        tokio::time::timeout(patience, ask).await.ok()
    }
}

#[tokio::test]
async fn datagrams_come_back_and_a_session_stays_with_its_backend() {
    let (one, two) = (
        stream_upstream::udp("one").await,
        stream_upstream::udp("two").await,
    );
    let route = stream("udproute/u", &[(1, Some(one)), (1, Some(two))]);
    let (port, _envoy) = start(ir::Traffic::Udp(route)).await;
    for _ in 0..20 {
        let session = Session::new("127.0.0.1", port).await;
        let first = session.ask("a", PATIENCE).await.unwrap();
        let (name, payload) = first.split_once(':').unwrap();
        assert_eq!(payload, "a");
        for _ in 0..5 {
            let again = session.ask("a", PATIENCE).await.unwrap();
            assert_eq!(again, format!("{name}:a"));
        }
    }
}

#[tokio::test]
async fn sessions_are_shared_by_weight_whatever_address_or_port_they_come_from() {
    let (heavy, light) = (
        stream_upstream::udp("heavy").await,
        stream_upstream::udp("light").await,
    );
    let unused = stream_upstream::udp("unused").await;
    let route = stream(
        "udproute/u",
        &[(7, Some(heavy)), (3, Some(light)), (0, Some(unused))],
    );
    let (port, _envoy) = start(ir::Traffic::Udp(route)).await;
    let mut counts: BTreeMap<String, i32> = BTreeMap::new();
    for index in 0..500 {
        let session = Session::new(&format!("127.0.0.{}", index % 50 + 1), port).await;
        *counts
            .entry(session.ask("a", PATIENCE).await.unwrap())
            .or_default() += 1;
    }
    assert_eq!(counts.keys().collect::<Vec<_>>(), ["heavy:a", "light:a"]);
    assert!((counts["heavy:a"] - 350).abs() < 72, "{counts:?}");
}

/// Clients that all send from one port, as name servers do, are shared too.
#[tokio::test]
async fn sessions_from_one_port_of_many_addresses_do_not_all_go_to_one_backend() {
    let (one, two) = (
        stream_upstream::udp("one").await,
        stream_upstream::udp("two").await,
    );
    let route = stream("udproute/u", &[(1, Some(one)), (1, Some(two))]);
    let (port, _envoy) = start(ir::Traffic::Udp(route)).await;
    let mut names = std::collections::BTreeSet::new();
    let first = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let client_port = first.local_addr().unwrap().port();
    for last in 2..100 {
        let socket = UdpSocket::bind((format!("127.0.0.{last}"), client_port))
            .await
            .unwrap();
        socket.connect(("127.0.0.1", port)).await.unwrap();
        names.insert(Session(socket).ask("a", PATIENCE).await.unwrap());
        if names.len() == 2 {
            return;
        }
    }
    panic!("{names:?}");
}

#[tokio::test]
async fn an_invalid_backends_share_of_the_sessions_is_dropped() {
    let up = stream_upstream::udp("up").await;
    let route = stream("udproute/u", &[(1, Some(up)), (1, None)]);
    let (port, _envoy) = start(ir::Traffic::Udp(route)).await;
    let mut answered = 0;
    for _ in 0..40 {
        let session = Session::new("127.0.0.1", port).await;
        let answer = session.ask("a", Duration::from_millis(200)).await;
        answered += i32::from(answer.is_some());
    }
    assert!(
        (5..36).contains(&answered),
        "{answered} of 40 were answered"
    );
}

#[tokio::test]
async fn datagrams_to_nobody_are_dropped_and_a_change_brings_them_back() {
    let up = stream_upstream::udp("up").await;
    let port = free_port();
    let with = |backends: &[(u32, Option<u16>)]| {
        let traffic = ir::Traffic::Udp(stream("udproute/u", backends));
        gateway(vec![with_traffic(port, traffic)])
    };
    let mut envoy = Envoy::start(&with(&[])).await;
    let session = Session::new("127.0.0.1", port).await;
    assert_eq!(session.ask("a", Duration::from_millis(400)).await, None);
    envoy.send(&with(&[(1, Some(up))]));
    envoy.wait_live().await;
    let session = Session::new("127.0.0.1", port).await;
    assert_eq!(session.ask("a", PATIENCE).await.as_deref(), Some("up:a"));
}
