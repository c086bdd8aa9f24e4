//! TLS to upstreams on real Envoy: whom it trusts, which names it takes, what it shows.

use crate::support::certs::Authority;
use crate::support::envoy::{Envoy, free_port};
use crate::support::ir::{LOOPBACK, destination, forward, gateway, host, listener, prefix, route};
use crate::support::stream_upstream;
use tollgate_ir as ir;

const NAME: &str = "backend.example.com";

fn to_upstream(port: u16, tls: ir::UpstreamTls) -> ir::Destination {
    ir::Destination {
        tls: Some(tls),
        ..destination(ir::Host::Ip(LOOPBACK), port)
    }
}

fn trusting(authority: &Authority) -> ir::UpstreamTls {
    ir::UpstreamTls {
        sni: NAME.to_string(),
        ca: ir::TrustedCa::Pem(authority.pem.clone()),
        subject_alt_names: Vec::new(),
        client_certificate: None,
    }
}

/// Asks Envoy for each path; the answers are statuses and bodies.
async fn answers(cases: Vec<(&str, ir::Destination)>) -> Vec<(u16, String)> {
    let paths: Vec<String> = cases.iter().map(|(path, _)| (*path).to_string()).collect();
    let routes = cases
        .into_iter()
        .map(|(path, destination)| route(path, prefix(path), forward(path, destination)));
    let port = free_port();
    let hosts = vec![host("*", routes.collect(), Vec::new())];
    let _envoy = Envoy::start(&gateway(vec![listener(port, hosts)])).await;
    let mut answers = Vec::new();
    for path in paths {
        let url = format!("http://127.0.0.1:{port}{path}");
        let answer = reqwest::get(url).await.unwrap();
        answers.push((answer.status().as_u16(), answer.text().await.unwrap()));
    }
    answers
}

#[tokio::test]
async fn an_upstream_is_served_if_its_certificate_has_a_name_that_was_asked_for() {
    let authority = Authority::new("ca");
    let other = Authority::new("other");
    let certificate = authority.certificate(&[NAME]);
    let named = stream_upstream::tls("named", &certificate, None).await;
    let certificate = authority.uri_certificate("spiffe://example/backend");
    let uri = stream_upstream::tls("uri", &certificate, None).await;
    let wanting = |names: &[ir::SubjectAltName]| ir::UpstreamTls {
        subject_alt_names: names.to_vec(),
        ..trusting(&authority)
    };
    let dns = |name: &str| ir::SubjectAltName::Dns(name.to_string());
    let spiffe = |name: &str| ir::SubjectAltName::Uri(format!("spiffe://example/{name}"));
    let with_sni = |sni: &str| ir::UpstreamTls {
        sni: sni.to_string(),
        ..trusting(&authority)
    };
    let insecure = ir::UpstreamTls {
        ca: ir::TrustedCa::Insecure,
        ..with_sni("elsewhere.example.com")
    };
    let cases = vec![
        ("/right-name", named, trusting(&authority), true),
        (
            "/wrong-name",
            named,
            with_sni("elsewhere.example.com"),
            false,
        ),
        ("/wrong-authority", named, trusting(&other), false),
        ("/not-verified", named, insecure, true),
        ("/dns", named, wanting(&[dns(NAME)]), true),
        ("/wildcard", named, wanting(&[dns("*.example.com")]), true),
        (
            "/wildcard-of-one-label",
            named,
            wanting(&[dns("*.com")]),
            false,
        ),
        (
            "/other-dns",
            named,
            wanting(&[dns("elsewhere.example.com")]),
            false,
        ),
        (
            "/one-of-two",
            named,
            wanting(&[spiffe("backend"), dns(NAME)]),
            true,
        ),
        ("/uri", uri, wanting(&[spiffe("backend")]), true),
        ("/other-uri", uri, wanting(&[spiffe("frontend")]), false),
        ("/no-uri", named, wanting(&[spiffe("backend")]), false),
    ];
    let asked = cases
        .iter()
        .map(|(path, port, tls, _)| (*path, to_upstream(*port, tls.clone())));
    let answers = answers(asked.collect()).await;
    for ((path, _, _, fits), (status, body)) in cases.iter().zip(answers) {
        assert_eq!(status, if *fits { 200 } else { 503 }, "{path}: {body}");
    }
}

#[tokio::test]
async fn an_upstream_is_told_the_server_name_and_shown_the_certificate_that_it_asks_for() {
    let authority = Authority::new("ca");
    let certificate = authority.certificate(&[NAME]);
    let port = stream_upstream::tls("up", &certificate, Some(&authority.pem)).await;
    let tls = ir::UpstreamTls {
        client_certificate: Some(authority.certificate(&["gateway.example.com"])),
        ..trusting(&authority)
    };
    let cases = vec![
        ("/with", to_upstream(port, tls)),
        ("/without", to_upstream(port, trusting(&authority))),
    ];
    let answers = answers(cases).await;
    assert_eq!(answers[0], (200, format!("up {NAME} 1")));
    assert_eq!(answers[1].0, 503);
}
