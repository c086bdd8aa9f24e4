//! Listeners with TLS, TCP and UDP, written by hand; and gateways with all of them, for goldens.

use tollgate_ir as ir;
use tollgate_secret::Secret;

use super::ir::{LOOPBACK, forward, gateway, host, local, named, prefix, route, with_tls};
use super::rich::CA_PEM;

pub(crate) fn tls_listener(port: u16, chains: Vec<ir::TlsChain>) -> ir::Listener {
    with_traffic(port, ir::Traffic::Tls(chains))
}

pub(crate) fn with_traffic(port: u16, traffic: ir::Traffic) -> ir::Listener {
    let name = match traffic {
        ir::Traffic::Udp(_) => format!("default/gw/{port}/udp"),
        _ => format!("default/gw/{port}"),
    };
    ir::Listener {
        name,
        address: LOOPBACK,
        port,
        bind_port: port,
        traffic,
    }
}

pub(crate) fn chain(server_name: &str, action: ir::TlsAction) -> ir::TlsChain {
    ir::TlsChain {
        name: format!("default/gw/tls/{server_name}"),
        server_name: ir::Hostname::parse(Some(server_name)),
        action,
    }
}

pub(crate) fn ending(certificate: &ir::Certificate) -> ir::DownstreamTls {
    ir::DownstreamTls {
        certificates: vec![certificate.clone()],
        client_validation: None,
    }
}

/// HTTPS for a server name, with these hosts.
pub(crate) fn https(
    server_name: &str,
    tls: ir::DownstreamTls,
    virtual_hosts: Vec<ir::VirtualHost>,
    misdirected: &[&str],
) -> ir::TlsChain {
    let http = ir::HttpTraffic {
        name: format!("default/gw/https/{server_name}"),
        virtual_hosts: ir::Shared::list(virtual_hosts),
        misdirected: misdirected
            .iter()
            .map(|name| ir::Hostname::parse(Some(name)))
            .collect(),
    };
    chain(server_name, ir::TlsAction::Https { tls, http })
}

/// A host whose only route goes to this local port.
pub(crate) fn host_to(hostname: &str, upstream: u16) -> ir::VirtualHost {
    let backend = format!("backend/{upstream}");
    let routes = vec![route("r", prefix("/"), forward(&backend, local(upstream)))];
    host(hostname, routes, Vec::new())
}

/// A route to these local ports, by weight; `None` is a backend that cannot be used.
pub(crate) fn stream(name: &str, backends: &[(u32, Option<u16>)]) -> ir::StreamRoute {
    let backends = backends.iter().zip(0..).map(|((weight, port), index)| {
        let destination = port.map(local).ok_or_else(|| ir::InvalidBackend {
            status: 500,
            reason: "no such service".to_string(),
        });
        backend(&format!("{name}/backend/{index}"), *weight, destination)
    });
    ir::StreamRoute {
        name: name.to_string(),
        backends: backends.collect(),
    }
}

pub(crate) fn backend(
    name: &str,
    weight: u32,
    destination: Result<ir::Destination, ir::InvalidBackend>,
) -> ir::StreamBackend {
    ir::StreamBackend {
        name: name.to_string(),
        weight,
        destination,
    }
}

/// Everything that the IR can say about TLS with clients. `certificate` is a valid one.
pub(crate) fn rich_tls(certificate: &ir::Certificate) -> ir::Gateway {
    let validated = |mode| ir::DownstreamTls {
        client_validation: Some(ir::ClientValidation {
            ca_pem: CA_PEM.to_string(),
            mode,
        }),
        ..ending(certificate)
    };
    let terminated = ir::TlsAction::Terminate {
        tls: ending(certificate),
        route: stream("tlsroute/default/t/rule/0", &[(1, Some(8083))]),
    };
    let passed = stream("tlsroute/default/p/rule/0", &[(3, Some(8084)), (1, None)]);
    gateway(vec![tls_listener(
        10_443,
        vec![
            https(
                "a.example.com",
                ending(certificate),
                vec![host_to("a.example.com", 8080)],
                &["*.example.com", "*"],
            ),
            https(
                "required.example.com",
                validated(ir::ClientValidationMode::Required),
                vec![host_to("required.example.com", 8081)],
                &[],
            ),
            chain("terminated.example.com", terminated),
            chain("*.passed.example.com", ir::TlsAction::Passthrough(passed)),
            https(
                "*",
                validated(ir::ClientValidationMode::Optional),
                vec![host_to("*", 8082)],
                &["a.example.com"],
            ),
        ],
    )])
}

/// Everything that the IR can say about TCP and UDP.
pub(crate) fn rich_streams(certificate: &ir::Certificate) -> ir::Gateway {
    let tls = ir::UpstreamTls {
        sni: "db.example.com".to_string(),
        ca: ir::TrustedCa::Pem(CA_PEM.to_string()),
        subject_alt_names: vec![
            ir::SubjectAltName::Dns("*.example.com".to_string()),
            ir::SubjectAltName::Uri("spiffe://example/db".to_string()),
        ],
        client_certificate: Some(certificate.clone()),
    };
    let secure = ir::Destination {
        tls: Some(tls),
        ..local(9002)
    };
    let mut tcp = stream(
        "tcproute/default/tcp/rule/0",
        &[(2, Some(9001)), (0, Some(9000))],
    );
    tcp.backends.push(backend(
        "tcproute/default/tcp/rule/0/backend/2",
        1,
        Ok(secure),
    ));
    let system = with_tls(
        named("db.invalid", 5432),
        "db.invalid",
        ir::TrustedCa::System,
    );
    let one = ir::StreamRoute {
        name: "tcproute/default/one/rule/0".to_string(),
        backends: vec![backend(
            "tcproute/default/one/rule/0/backend/0",
            1,
            Ok(system),
        )],
    };
    let udp = stream(
        "udproute/default/udp/rule/0",
        &[(7, Some(9003)), (3, Some(9004)), (1, None)],
    );
    gateway(vec![
        with_traffic(10_001, ir::Traffic::Tcp(tcp)),
        with_traffic(10_002, ir::Traffic::Tcp(one)),
        with_traffic(10_003, ir::Traffic::Tcp(stream("none", &[]))),
        with_traffic(10_001, ir::Traffic::Udp(udp)),
        with_traffic(10_002, ir::Traffic::Udp(stream("none", &[(0, Some(1))]))),
        with_traffic(
            10_003,
            ir::Traffic::Udp(stream("udproute/one", &[(1, Some(2))])),
        ),
    ])
}

/// A certificate that is only text, for goldens.
pub(crate) fn printed_certificate() -> ir::Certificate {
    ir::Certificate {
        name: "default/tls".to_string(),
        chain_pem: "CHAIN".to_string(),
        key_pem: Secret::new("PRIVATE KEY".to_string()),
    }
}
