//! Gateways for tests.

use std::net::{IpAddr, Ipv4Addr};

use tollgate_bundle::{Api, Backend, Rule};
use tollgate_ir as ir;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A listener for HTTP with these routes, for any host name; its name ends in `name`.
pub(crate) fn listener(name: &str, port: u16, routes: Vec<ir::HttpRoute>) -> ir::Listener {
    let name = format!("default/gateway/{name}");
    let host = ir::VirtualHost {
        name: format!("{name}/*"),
        hostname: ir::Hostname::Any,
        routes: ir::Shared::list(routes),
        ai: None,
    };
    let http = ir::HttpTraffic {
        name: name.clone(),
        virtual_hosts: vec![host.into()],
        ..ir::HttpTraffic::default()
    };
    ir::Listener {
        name,
        address: LOCAL,
        port,
        bind_port: port,
        traffic: ir::Traffic::Http(http),
    }
}

/// A gateway of these listeners.
pub(crate) fn gateway(listeners: Vec<ir::Listener>) -> ir::Gateway {
    ir::Gateway {
        listeners,
        ..ir::Gateway::default()
    }
}

/// A route of this path to a local port.
pub(crate) fn route(path: &str, upstream: u16) -> ir::HttpRoute {
    let name = format!("httproute/default{path}/rule/0");
    let backend = ir::WeightedBackend {
        name: format!("{name}/backend/0"),
        weight: 1,
        filters: Vec::new(),
        destination: Ok(local(upstream)),
    };
    ir::HttpRoute {
        name: format!("{name}/match/0"),
        matches: ir::HttpMatch {
            path: ir::PathMatch::Prefix(path.to_string()),
            method: None,
            headers: Vec::new(),
            query: Vec::new(),
        },
        filters: Vec::new(),
        action: ir::HttpAction::Forward(vec![backend]),
        websocket: false,
        timeouts: ir::Timeouts::default(),
        retry: None,
        session: None,
        rate_limits: None,
    }
}

/// The same to a port of a Service, `name/port`.
pub(crate) fn to_service(mut route: ir::HttpRoute, service: &str) -> ir::HttpRoute {
    for (_, destination) in route.destinations_mut() {
        destination.name = format!("service/default/{service}");
    }
    route
}

/// TLS to a server of this name.
pub(crate) fn tls(name: &str) -> ir::UpstreamTls {
    ir::UpstreamTls {
        sni: name.to_string(),
        ca: ir::TrustedCa::System,
        subject_alt_names: Vec::new(),
        client_certificate: None,
    }
}

/// The same with an expression for its path that Envoy cannot read.
pub(crate) fn unreadable(route: ir::HttpRoute) -> ir::HttpRoute {
    ir::HttpRoute {
        matches: ir::HttpMatch {
            path: ir::PathMatch::Regex("/(".to_string()),
            ..route.matches
        },
        ..route
    }
}

/// The same with a header that Envoy does not let anybody set.
pub(crate) fn forbidden_header(mut route: ir::HttpRoute) -> ir::HttpRoute {
    let change = ir::HeaderModifier {
        set: vec![(":scheme".to_string(), "x".to_string())],
        ..ir::HeaderModifier::default()
    };
    route.filters.push(ir::Filter::RequestHeaders(change));
    route
}

/// A gateway with one AI rule, whose one backend is at a local port.
pub(crate) fn ai_gateway(upstream: u16) -> ir::Gateway {
    let backend = Backend {
        id: "default/llm/0/0".to_string(),
        name: "openai".to_string(),
        cluster: "default/llm/0/0".to_string(),
        priority: 0,
        weight: 1,
        model: None,
        api: Api::OpenAi {
            prefix: "v1".to_string(),
        },
        credential: None,
        budgets: Vec::new(),
        invalid: None,
    };
    let rule = ir::AiRule {
        rule: ir::Shared::new(Rule {
            id: "default/llm/0".to_string(),
            route: "default/llm".to_string(),
            namespace: "default".to_string(),
            matches: Vec::new(),
            backends: vec![backend],
            budgets: Vec::new(),
            output_tokens_default: 16,
            output_tokens_min: 1,
            models: Vec::new(),
            kept_headers: Vec::new(),
            costs: Vec::new(),
        }),
        destinations: vec![Some(local(upstream))],
        timeouts: ir::Timeouts::default(),
        retry: ir::Retry {
            retries: 0,
            on: Vec::new(),
            backoff_base_ms: 25,
            backoff_max_ms: 250,
        },
        rate_limits: None,
        cluster_prefix: None,
    };
    let mut listener = listener("80", 80, Vec::new());
    for http in listener.http_mut() {
        http.virtual_hosts[0].ai = Some(ir::AiScope {
            rules: vec![rule.clone().into()],
        });
    }
    gateway(vec![listener])
}

fn local(port: u16) -> ir::Destination {
    let endpoint = ir::Endpoint {
        host: ir::Host::Ip(LOCAL),
        port,
        draining: false,
    };
    ir::Destination {
        name: String::new(),
        endpoints: vec![endpoint],
        tls: None,
        protocol: ir::UpstreamProtocol::Http1,
    }
}
