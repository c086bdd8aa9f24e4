//! TLS from clients on real Envoy: which chain a server name selects, what is asked of clients,
//! what a changed certificate does.

use crate::support::certs::Authority;
use crate::support::client::Client;
use crate::support::envoy::{Envoy, free_port};
use crate::support::ir::{gateway, host, listener, prefix, route};
use crate::support::secure::{chain, ending, host_to, https, stream, tls_listener};
use crate::support::{stream_upstream, until, upstream};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tollgate_ir as ir;
use tollgate_xds::{ResourceType, Resources, build};

const URL: &str = "https://a.example.com/";

fn name_of(body: &str) -> String {
    let answer: Value = serde_json::from_str(body).unwrap();
    answer["upstream"].as_str().unwrap().to_string()
}

#[tokio::test]
async fn the_server_name_selects_certificate_and_routes_and_the_most_specific_wins() {
    let authority = Authority::new("ca");
    let (a, wild, any) = (
        upstream::start("a", 200).await,
        upstream::start("wild", 200).await,
        upstream::start("any", 200).await,
    );
    let served = |server_name: &str, certified: &str, upstream| {
        let tls = ending(&authority.certificate(&[certified, "127.0.0.1"]));
        https(server_name, tls, vec![host_to("*", upstream)], &[])
    };
    let port = free_port();
    let chains = vec![
        served("a.example.com", "a.example.com", a),
        served("*.example.com", "b.example.com", wild),
        served("*", "elsewhere.test", any),
    ];
    let envoy = Envoy::start(&gateway(vec![tls_listener(port, chains)])).await;
    let dump = envoy.admin("/config_dump").await;
    assert!(dump.contains("certificate/default/a.example.com"));
    assert!(!dump.contains("PRIVATE KEY"));
    let mut client = Client::new(port, &authority.pem);
    for alpn in [&["h2"], &["http/1.1"]] {
        client.alpn = alpn;
        for (server_name, expected) in [
            ("a.example.com", "a"),
            ("b.example.com", "wild"),
            ("elsewhere.test", "any"),
            // Addresses are not sent as server names.
            ("127.0.0.1", "any"),
        ] {
            let (status, body) = client.get(server_name, URL).await.unwrap();
            assert_eq!((status, name_of(&body).as_str()), (200, expected));
            let answer: Value = serde_json::from_str(&body).unwrap();
            let scheme = serde_json::json!(["x-forwarded-proto", "https"]);
            assert!(answer["headers"].as_array().unwrap().contains(&scheme));
        }
    }
}

#[tokio::test]
async fn a_handshake_for_no_chain_is_closed_and_so_is_what_is_no_handshake() {
    let authority = Authority::new("ca");
    let tls = ending(&authority.certificate(&["a.example.com"]));
    let up = upstream::start("a", 200).await;
    let passthrough = stream("tlsroute/p", &[(1, Some(up))]);
    let port = free_port();
    let chains = vec![
        https("a.example.com", tls, vec![host_to("*", up)], &[]),
        chain(
            "*.passed.test",
            ir::TlsAction::Passthrough(passthrough.clone()),
        ),
    ];
    let open_port = free_port();
    let open = vec![chain("*", ir::TlsAction::Passthrough(passthrough))];
    let listeners = vec![tls_listener(port, chains), tls_listener(open_port, open)];
    let _envoy = Envoy::start(&gateway(listeners)).await;
    let client = Client::new(port, &authority.pem);
    assert!(client.tls("b.example.com").await.is_err());
    assert!(client.tls("a.example.com").await.is_ok());
    for port in [port, open_port] {
        let mut plain = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        plain
            .write_all(b"GET / HTTP/1.1\r\nhost: a.example.com\r\n\r\n")
            .await
            .unwrap();
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer).await;
        assert_eq!(String::from_utf8_lossy(&answer), "");
    }
}

/// As Gateway API's conformance has it: an exact name that is misdirected beats a wildcard that
/// is served here, and the other way round.
#[tokio::test]
async fn a_request_for_a_host_of_another_connection_is_misdirected_over_http_2() {
    let authority = Authority::new("ca");
    let names = [
        "example.org",
        "second-example.org",
        "*.wildcard.org",
        "unknown-example.org",
    ];
    let certificate = authority.certificate(&names);
    let up = upstream::start("up", 200).await;
    let served = |server_name: &str, host: &str, misdirected: &[&str]| {
        https(
            server_name,
            ending(&certificate),
            vec![host_to(host, up)],
            misdirected,
        )
    };
    let port = free_port();
    let chains = vec![
        served(
            "second-example.org",
            "second-example.org",
            &["*.wildcard.org", "fourth-example.wildcard.org", "*"],
        ),
        served(
            "fourth-example.wildcard.org",
            "fourth-example.wildcard.org",
            &["*.wildcard.org", "second-example.org", "*"],
        ),
        served(
            "*.wildcard.org",
            "*.wildcard.org",
            &["fourth-example.wildcard.org", "second-example.org", "*"],
        ),
        served(
            "*",
            "example.org",
            &[
                "*.wildcard.org",
                "fourth-example.wildcard.org",
                "second-example.org",
            ],
        ),
    ];
    let _envoy = Envoy::start(&gateway(vec![tls_listener(port, chains)])).await;
    let mut client = Client::new(port, &authority.pem);
    client.alpn = &["h2"];
    for (server_name, host, expected) in [
        ("example.org", "example.org", 200),
        ("example.org", "second-example.org", 421),
        ("example.org", "unknown-example.org", 404),
        ("second-example.org", "second-example.org", 200),
        ("second-example.org", "second-example.org:8443", 200),
        ("second-example.org", "example.org", 421),
        ("second-example.org", "unknown-example.org", 421),
        (
            "third-example.wildcard.org",
            "third-example.wildcard.org",
            200,
        ),
        (
            "third-example.wildcard.org",
            "fifth-example.wildcard.org",
            200,
        ),
        (
            "third-example.wildcard.org",
            "fourth-example.wildcard.org",
            421,
        ),
        ("third-example.wildcard.org", "second-example.org", 421),
        (
            "fourth-example.wildcard.org",
            "fourth-example.wildcard.org",
            200,
        ),
        (
            "fourth-example.wildcard.org",
            "fifth-example.wildcard.org",
            421,
        ),
        ("unknown-example.org", "example.org", 200),
        ("unknown-example.org", "unknown-example.org", 404),
    ] {
        let mut connection = client.http(server_name).await.unwrap();
        let (status, _) = connection.get(&format!("https://{host}/")).await.unwrap();
        assert_eq!(
            status, expected,
            "{host} over a connection to {server_name}"
        );
    }
}

/// Whether a client is served, and if so what the upstream was told about its certificate.
async fn served(client: &Client<'_>) -> Option<Vec<Value>> {
    let mut connection = client.http("a.example.com").await.ok()?;
    let forged = [("x-forwarded-client-cert", "By=me;Subject=\"CN=admin\"")];
    let (status, body) = connection.get_with(URL, &forged).await.ok()?;
    assert_eq!(status, 200);
    let answer: Value = serde_json::from_str(&body).unwrap();
    let headers = answer["headers"].as_array().unwrap().iter();
    let told = headers.filter(|header| header[0] == "x-forwarded-client-cert");
    Some(told.cloned().collect())
}

#[tokio::test]
async fn clients_show_a_certificate_where_it_is_required_and_may_where_it_is_optional() {
    let (authority, other) = (Authority::new("ca"), Authority::new("other"));
    let up = upstream::start("a", 200).await;
    let listener = |port, mode| {
        let tls = ir::DownstreamTls {
            client_validation: Some(ir::ClientValidation {
                ca_pem: authority.pem.clone(),
                mode,
            }),
            ..ending(&authority.certificate(&["a.example.com"]))
        };
        let chain = https("a.example.com", tls, vec![host_to("*", up)], &[]);
        let mut listener = tls_listener(port, vec![chain]);
        for http in listener.http_mut() {
            http.name = format!("{}/{port}", http.name);
        }
        listener
    };
    let (required, optional) = (free_port(), free_port());
    let listeners = vec![
        listener(required, ir::ClientValidationMode::Required),
        listener(optional, ir::ClientValidationMode::Optional),
    ];
    let _envoy = Envoy::start(&gateway(listeners)).await;
    let good = authority.certificate(&["client.test"]);
    let bad = other.certificate(&["client.test"]);
    for (certificate, fits) in [(Some(&good), true), (Some(&bad), false), (None, false)] {
        let mut client = Client::new(required, &authority.pem);
        client.certificate = certificate;
        // Nothing that a client says of certificates reaches an upstream.
        assert_eq!(served(&client).await, fits.then(Vec::new), "required");
        client.port = optional;
        assert_eq!(served(&client).await, Some(Vec::new()), "optional");
    }
}

#[tokio::test]
async fn one_port_serves_https_and_ends_tls_and_passes_it_on_by_server_name() {
    let (authority, inner) = (Authority::new("ca"), Authority::new("inner"));
    let web = upstream::start("web", 200).await;
    let bytes = stream_upstream::tcp("bytes").await;
    let passed = inner.certificate(&["passed.example.com"]);
    let passed = stream_upstream::tls("passed", &passed, None).await;
    let of = |name: &str| ending(&authority.certificate(&[name]));
    let port = free_port();
    let chains = vec![
        https(
            "a.example.com",
            of("a.example.com"),
            vec![host_to("*", web)],
            &[],
        ),
        chain(
            "ended.example.com",
            ir::TlsAction::Terminate {
                tls: of("ended.example.com"),
                route: stream("tlsroute/t", &[(1, Some(bytes))]),
            },
        ),
        chain(
            "passed.example.com",
            ir::TlsAction::Passthrough(stream("tlsroute/p", &[(1, Some(passed))])),
        ),
    ];
    let _envoy = Envoy::start(&gateway(vec![tls_listener(port, chains)])).await;
    let mut client = Client::new(port, &authority.pem);
    assert_eq!(client.get("a.example.com", URL).await.unwrap().0, 200);
    client.alpn = &[];
    let mut stream = client.tls("ended.example.com").await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "bytes");
    // The handshake is with the upstream itself: its certificate is another authority's.
    client.ca_pem = &inner.pem;
    let mut stream = client.tls("passed.example.com").await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "passed passed.example.com 0");
}

#[tokio::test]
async fn a_new_certificate_changes_its_secret_only_and_open_connections_live_on() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let up = upstream::start("a", 200).await;
    let port = free_port();
    let with = |authority: &Authority| {
        let tls = ending(&authority.certificate(&["a.example.com"]));
        let chain = https("a.example.com", tls, vec![host_to("*", up)], &[]);
        gateway(vec![tls_listener(port, vec![chain])])
    };
    let (before, after) = (with(&old), with(&new));
    let mut envoy = Envoy::start(&before).await;
    let changed = |kind| {
        let [before, after] = [&before, &after].map(|gateway| envoy.snapshot(gateway));
        !before.resources(kind).eq(after.resources(kind))
    };
    let kinds = ResourceType::ALL.into_iter().filter(|kind| changed(*kind));
    assert_eq!(kinds.collect::<Vec<_>>(), [ResourceType::Secret]);

    let mut open = Client::new(port, &old.pem)
        .http("a.example.com")
        .await
        .unwrap();
    assert_eq!(open.get(URL).await.unwrap().0, 200);
    envoy.send(&after);
    envoy.wait_live().await;
    let fresh = Client::new(port, &new.pem);
    assert_eq!(fresh.get("a.example.com", URL).await.unwrap().0, 200);
    assert_eq!(open.get(URL).await.unwrap().0, 200);
}

#[tokio::test]
async fn a_chain_that_is_added_or_taken_away_leaves_connections_of_others_open() {
    let authority = Authority::new("ca");
    let up = upstream::start("a", 200).await;
    let port = free_port();
    let with = |names: &[&str]| {
        let chains = names.iter().map(|name| {
            let tls = ending(&authority.certificate(&[name]));
            https(name, tls, vec![host_to("*", up)], &[])
        });
        gateway(vec![tls_listener(port, chains.collect())])
    };
    let mut envoy = Envoy::start(&with(&["a.example.com"])).await;
    let mut client = Client::new(port, &authority.pem);
    client.alpn = &["http/1.1"];
    let mut open = client.http("a.example.com").await.unwrap();
    assert_eq!(open.get(URL).await.unwrap().0, 200);
    envoy.send(&with(&["a.example.com", "b.example.com"]));
    envoy.wait_live().await;
    // Drained connections would be told to close.
    let mut other = client.http("b.example.com").await.unwrap();
    assert_eq!(other.get(URL).await.unwrap().0, 200);
    assert_eq!(open.get(URL).await.unwrap().0, 200);
    envoy.send(&with(&["a.example.com"]));
    envoy.wait_live().await;
    assert_eq!(open.get(URL).await.unwrap().0, 200);
    assert_eq!(open.get(URL).await.unwrap().0, 200);
    until("the chain is gone", async || {
        client.tls("b.example.com").await.is_err()
    })
    .await;
}

/// A rollout adds what is new before anything refers to it.
#[tokio::test]
async fn certificates_may_come_before_the_listener_that_shows_them() {
    let authority = Authority::new("ca");
    let up = upstream::start("a", 200).await;
    let (plain, port) = (free_port(), free_port());
    let before = gateway(vec![listener(plain, vec![host_to("*", up)])]);
    let mut after = before.clone();
    let tls = ending(&authority.certificate(&["a.example.com"]));
    let chain = https("a.example.com", tls, vec![host_to("*", up)], &[]);
    after.listeners.push(tls_listener(port, vec![chain]));
    let mut envoy = Envoy::start(&before).await;
    let [old, new] = [&before, &after].map(|gateway| build(gateway, &envoy.options));
    envoy.send_resources(&Resources {
        secrets: new.secrets.clone(),
        ..old
    });
    envoy.wait_live().await;
    envoy.send_resources(&new);
    envoy.wait_live().await;
    // Envoy has accepted the listener a moment before its workers listen.
    let client = Client::new(port, &authority.pem);
    until("it listens", async || {
        client.tls("a.example.com").await.is_ok()
    })
    .await;
    assert_eq!(client.get("a.example.com", URL).await.unwrap().0, 200);
}

#[tokio::test]
async fn a_broken_certificate_is_told_by_name_and_other_ports_are_served() {
    let authority = Authority::new("ca");
    let up = upstream::start("a", 200).await;
    let good = authority.certificate(&["a.example.com"]);
    let other = authority.certificate(&["a.example.com"]);
    let ports = [free_port(), free_port(), free_port()];
    let with = |broken: &ir::Certificate| {
        let certificates = [
            ("default/x", &good),
            ("default/y", broken),
            ("default/z", &good),
        ];
        let ports = ports.iter().zip(certificates);
        let listeners = ports.map(|(port, (name, certificate))| {
            let certificate = ir::Certificate {
                name: name.to_string(),
                ..certificate.clone()
            };
            let hosts = vec![host_to("*", up)];
            let chain = https("a.example.com", ending(&certificate), hosts, &[]);
            let mut listener = tls_listener(*port, vec![chain]);
            for http in listener.http_mut() {
                http.name = format!("{}/{port}", http.name);
            }
            listener
        });
        gateway(listeners.collect())
    };
    let start = gateway(vec![listener(free_port(), vec![host_to("*", up)])]);
    let mut envoy = Envoy::start(&start).await;
    let broken = ir::Certificate {
        key_pem: other.key_pem.clone(),
        ..good.clone()
    };
    envoy.send(&with(&broken));
    let rejection = envoy.wait_rejection().await;
    assert_eq!(rejection.kind, ResourceType::Secret);
    assert!(
        rejection
            .names
            .contains(&"certificate/default/y".to_string())
    );
    assert!(
        !rejection.error.contains("PRIVATE KEY"),
        "{}",
        rejection.error
    );
    let served = async |port: u16| {
        let client = Client::new(port, &authority.pem);
        until("a port is served", async || {
            client.tls("a.example.com").await.is_ok()
        })
        .await;
    };
    served(ports[0]).await;
    served(ports[2]).await;
    envoy.send(&with(&other));
    envoy.wait_live().await;
    served(ports[1]).await;
}

#[tokio::test]
async fn a_redirect_on_a_port_with_tls_stays_there() {
    let authority = Authority::new("ca");
    let redirect = ir::Redirect {
        scheme: None,
        hostname: None,
        path: Some(ir::PathRewrite::Full("/new".to_string())),
        port: None,
        status: 302,
    };
    let routes = vec![route("r", prefix("/"), ir::HttpAction::Redirect(redirect))];
    let tls = ending(&authority.certificate(&["a.example.com"]));
    let chain = https(
        "a.example.com",
        tls,
        vec![host("*", routes, Vec::new())],
        &[],
    );
    let mut listener = tls_listener(free_port(), vec![chain]);
    // Clients know another number than the proxy binds.
    listener.port = 443;
    let port = listener.bind_port;
    let _envoy = Envoy::start(&gateway(vec![listener])).await;
    let mut connection = Client::new(port, &authority.pem)
        .http("a.example.com")
        .await
        .unwrap();
    let request = hyper::Request::get(URL).header("host", "a.example.com");
    let answer = connection
        .send(request.body(Default::default()).unwrap())
        .await
        .unwrap();
    assert_eq!(answer.headers()["location"], "https://a.example.com/new");
}
