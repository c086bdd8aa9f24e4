//! IR values written by hand.

use std::net::{IpAddr, Ipv4Addr};

use tollgate_bundle as bundle;
use tollgate_ir as ir;

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub(crate) fn gateway(listeners: Vec<ir::Listener>) -> ir::Gateway {
    ir::Gateway {
        listeners,
        ..ir::Gateway::default()
    }
}

pub(crate) fn listener(port: u16, virtual_hosts: Vec<ir::VirtualHost>) -> ir::Listener {
    let name = format!("default/gw/{port}");
    ir::Listener {
        name: name.clone(),
        address: LOOPBACK,
        port,
        bind_port: port,
        traffic: ir::Traffic::Http(ir::HttpTraffic {
            name,
            virtual_hosts: ir::Shared::list(virtual_hosts),
            misdirected: Vec::new(),
        }),
    }
}

pub(crate) fn host(
    hostname: &str,
    routes: Vec<ir::HttpRoute>,
    rules: Vec<ir::AiRule>,
) -> ir::VirtualHost {
    ir::VirtualHost {
        name: format!("default/gw/80/{hostname}"),
        hostname: ir::Hostname::parse(Some(hostname)),
        routes: ir::Shared::list(routes),
        ai: (!rules.is_empty()).then(|| ir::AiScope {
            rules: ir::Shared::list(rules),
        }),
    }
}

pub(crate) fn route(name: &str, path: ir::PathMatch, action: ir::HttpAction) -> ir::HttpRoute {
    ir::HttpRoute {
        name: name.to_string(),
        matches: ir::HttpMatch {
            path,
            method: None,
            headers: Vec::new(),
            query: Vec::new(),
        },
        filters: Vec::new(),
        action,
        websocket: false,
        timeouts: ir::Timeouts::default(),
        retry: None,
        session: None,
        rate_limits: None,
    }
}

pub(crate) fn prefix(path: &str) -> ir::PathMatch {
    ir::PathMatch::Prefix(path.to_string())
}

pub(crate) fn forward(name: &str, destination: ir::Destination) -> ir::HttpAction {
    ir::HttpAction::Forward(vec![weighted(name, 1, Ok(destination))])
}

pub(crate) fn weighted(
    name: &str,
    weight: u32,
    destination: Result<ir::Destination, ir::InvalidBackend>,
) -> ir::WeightedBackend {
    ir::WeightedBackend {
        name: name.to_string(),
        weight,
        filters: Vec::new(),
        destination,
    }
}

pub(crate) fn local(port: u16) -> ir::Destination {
    destination(ir::Host::Ip(LOOPBACK), port)
}

pub(crate) fn named(name: &str, port: u16) -> ir::Destination {
    destination(ir::Host::Dns(name.to_string()), port)
}

pub(crate) fn destination(host: ir::Host, port: u16) -> ir::Destination {
    ir::Destination {
        name: String::new(),
        endpoints: vec![ir::Endpoint {
            host,
            port,
            draining: false,
        }],
        tls: None,
        protocol: ir::UpstreamProtocol::Http1,
    }
}

pub(crate) fn with_tls(
    destination: ir::Destination,
    sni: &str,
    ca: ir::TrustedCa,
) -> ir::Destination {
    ir::Destination {
        tls: Some(ir::UpstreamTls {
            sni: sni.to_string(),
            ca,
            subject_alt_names: Vec::new(),
            client_certificate: None,
        }),
        ..destination
    }
}

/// A rule whose backends are tried in this order; `None` is an invalid one.
pub(crate) fn ai_rule(id: &str, destinations: Vec<Option<ir::Destination>>) -> ir::AiRule {
    let backends = destinations.iter().zip(0..).map(|(destination, index)| {
        let id = format!("{id}/{index}");
        bundle::Backend {
            cluster: format!("ai/{id}"),
            id,
            name: format!("backend-{index}"),
            priority: index,
            weight: 1,
            model: None,
            api: bundle::Api::OpenAi {
                prefix: "v1".to_string(),
            },
            credential: None,
            budgets: Vec::new(),
            invalid: destination.is_none().then(|| "no such backend".to_string()),
        }
    });
    ir::AiRule {
        rule: ir::Shared::new(bundle::Rule {
            id: id.to_string(),
            route: "default/llm".to_string(),
            namespace: "default".to_string(),
            matches: Vec::new(),
            backends: backends.collect(),
            budgets: Vec::new(),
            output_tokens_default: 256,
            kept_headers: Vec::new(),
            costs: Vec::new(),
            output_tokens_min: 1,
            models: Vec::new(),
        }),
        destinations,
        rate_limits: None,
        cluster_prefix: None,
        timeouts: ir::Timeouts {
            request_ms: Some(60_000),
            attempt_ms: Some(10_000),
            idle_ms: None,
        },
        retry: ir::Retry {
            retries: 2,
            on: vec![
                ir::RetryTrigger::ConnectFailure,
                ir::RetryTrigger::Reset,
                ir::RetryTrigger::Status(429),
                ir::RetryTrigger::Status(503),
            ],
            backoff_base_ms: 10,
            backoff_max_ms: 100,
        },
    }
}
