//! Gateways to try: small random ones, and large ones.

use std::{net::Ipv4Addr, sync::Arc};

use proptest::prelude::*;
use tollgate_bundle::{
    Api, Backend, Budget, Consumer, Credential, Limit, Meter, Mode, OnStoreFailure, Rule, Subject,
    WindowKind,
};
use tollgate_ir::{
    AccessLog, AiCalls, AiRule, AiScope, Bootstrap, BootstrapChange, Certificate, Destination,
    DownstreamTls, Endpoint, Gateway, Host, Hostname, HttpAction, HttpMatch, HttpRoute,
    HttpTraffic, Listener, LogFormat, LogScope, LogSink, OpenTelemetryLogSink, PathMatch, Receiver,
    Retry, Shared, StreamBackend, StreamRoute, Telemetry, Timeouts, TlsAction, TlsChain, Traffic,
    UpstreamProtocol, VirtualHost, WeightedBackend,
};

use crate::{ProxySettings, RedisSettings};

/// Names repeat: within a list, too, which the IR forbids and the link must bear.
fn name() -> impl Strategy<Value = String> + Clone {
    prop::sample::select(vec!["a", "b", "c", "d", "a/b", "e", "f", "g"]).prop_map(String::from)
}

fn destination(host: &str) -> Destination {
    Destination {
        name: String::new(),
        endpoints: vec![Endpoint {
            host: Host::Dns(host.to_string()),
            port: 8080,
            draining: false,
        }],
        tls: None,
        protocol: UpstreamProtocol::Http1,
    }
}

pub(crate) fn route(name: &str, host: &str) -> HttpRoute {
    HttpRoute {
        name: name.to_string(),
        matches: HttpMatch {
            path: PathMatch::Prefix(format!("/{name}")),
            method: None,
            headers: Vec::new(),
            query: Vec::new(),
        },
        filters: Vec::new(),
        action: HttpAction::Forward(vec![WeightedBackend {
            name: format!("{name}/backend/0"),
            weight: 1,
            filters: Vec::new(),
            destination: Ok(destination(host)),
        }]),
        websocket: false,
        timeouts: Timeouts::default(),
        retry: None,
        session: None,
        rate_limits: None,
    }
}

pub(crate) fn rule(id: &str, key: &str) -> AiRule {
    let credential = Credential {
        header: "authorization".into(),
        value: format!("Bearer {key}").into(),
    };
    let backend = Backend {
        id: format!("{id}/0"),
        name: "openai".into(),
        cluster: format!("{id}/0"),
        priority: 0,
        weight: 1,
        model: None,
        api: Api::OpenAi {
            prefix: "v1".into(),
        },
        credential: Some(credential),
        budgets: Vec::new(),
        invalid: None,
    };
    AiRule {
        rule: Shared::new(Rule {
            id: id.to_string(),
            route: id.to_string(),
            namespace: "default".into(),
            matches: Vec::new(),
            backends: vec![backend],
            budgets: Vec::new(),
            output_tokens_default: 4096,
            output_tokens_min: 1,
            models: Vec::new(),
            kept_headers: Vec::new(),
            costs: Vec::new(),
        }),
        destinations: vec![None],
        timeouts: Timeouts::default(),
        retry: Retry {
            retries: 1,
            on: Vec::new(),
            backoff_base_ms: 1,
            backoff_max_ms: 10,
        },
        rate_limits: None,
        cluster_prefix: None,
    }
}

pub(crate) fn host(name: &str, routes: Vec<HttpRoute>) -> VirtualHost {
    VirtualHost {
        name: name.to_string(),
        hostname: Hostname::Exact(name.to_string()),
        routes: Shared::list(routes),
        ai: None,
    }
}

pub(crate) fn listener(name: &str, traffic: Traffic) -> Listener {
    Listener {
        name: name.to_string(),
        address: Ipv4Addr::UNSPECIFIED.into(),
        port: 80,
        bind_port: 10080,
        traffic,
    }
}

fn hosts() -> impl Strategy<Value = HttpTraffic> {
    let routes = prop::collection::vec((name(), name()), 0..6);
    let rules = prop::option::of(prop::collection::vec((name(), name()), 0..4));
    let hosts = prop::collection::vec((name(), routes, rules), 0..4);
    (name(), hosts).prop_map(|(name, hosts)| HttpTraffic {
        name,
        virtual_hosts: Shared::list(hosts.into_iter().map(|(name, routes, rules)| {
            let routes = routes.iter().map(|(name, to)| route(name, to));
            let rules = rules.map(|it| Shared::list(it.iter().map(|(id, key)| rule(id, key))));
            VirtualHost {
                ai: rules.map(|rules| AiScope { rules }),
                ..host(&name, routes.collect())
            }
        })),
        misdirected: vec![Hostname::Suffix(".example".into())],
    })
}

fn stream() -> impl Strategy<Value = StreamRoute> {
    (name(), 0..3u32).prop_map(|(name, weight)| StreamRoute {
        backends: vec![StreamBackend {
            name: format!("{name}/backend/0"),
            weight,
            destination: Err(tollgate_ir::InvalidBackend {
                status: 500,
                reason: "there is no Service".into(),
            }),
        }],
        name,
    })
}

fn chain() -> impl Strategy<Value = TlsChain> {
    let tls = || {
        name().prop_map(|name| DownstreamTls {
            certificates: vec![Certificate {
                key_pem: format!("key of {name}").into(),
                chain_pem: "chain".into(),
                name,
            }],
            client_validation: None,
        })
    };
    let action = prop_oneof![
        (tls(), hosts()).prop_map(|(tls, http)| TlsAction::Https { tls, http }),
        (tls(), stream()).prop_map(|(tls, route)| TlsAction::Terminate { tls, route }),
        stream().prop_map(TlsAction::Passthrough),
    ];
    (name(), action).prop_map(|(name, action)| TlsChain {
        name,
        server_name: Hostname::Any,
        action,
    })
}

fn traffic() -> impl Strategy<Value = Traffic> {
    prop_oneof![
        4 => hosts().prop_map(Traffic::Http),
        2 => prop::collection::vec(chain(), 0..3).prop_map(Traffic::Tls),
        1 => stream().prop_map(Traffic::Tcp),
        1 => stream().prop_map(Traffic::Udp),
    ]
}

fn consumer(name: String, key: &str) -> Consumer {
    Consumer {
        name,
        keys: vec![("secret".into(), key.to_string().into())],
        team: None,
        org: None,
    }
}

fn budget(amount: u64) -> Budget {
    Budget {
        id: "default/b".into(),
        subject: Subject::User,
        limits: vec![Limit {
            amount,
            window: WindowKind::Day,
            time_zone: "UTC".into(),
        }],
        meter: Meter::Total,
        mode: Mode::Strict,
        on_store_failure: OnStoreFailure::Closed,
        warn_percent: None,
    }
}

/// Any gateway, with whatever is in it twice.
pub(crate) fn gateway() -> impl Strategy<Value = Arc<Gateway>> {
    let listeners = prop::collection::vec((name(), traffic()), 0..4);
    let consumers =
        prop::collection::btree_map(name(), prop::collection::vec((name(), name()), 0..4), 0..3);
    let budgets = prop::collection::btree_map(name(), 0..3u64, 0..4);
    let telemetry = prop::option::of(name());
    let all = (listeners, consumers, budgets, telemetry);
    all.prop_map(|(listeners, consumers, budgets, telemetry)| {
        let listeners = listeners.into_iter();
        let listeners = listeners.map(|(name, traffic)| listener(&name, traffic));
        let consumers = consumers.into_iter().map(|(namespace, consumers)| {
            let consumers = consumers.into_iter();
            let consumers = consumers.map(|(name, key)| consumer(name, &key)).collect();
            (namespace, consumers)
        });
        let budgets = budgets.into_iter().map(|(id, it)| (id, budget(it)));
        Arc::new(Gateway {
            listeners: listeners.collect(),
            consumers: consumers.collect(),
            budgets: budgets.collect(),
            bootstrap: bootstrap_of(telemetry.as_deref()),
            telemetry: telemetry.map(telemetry_of).unwrap_or_default(),
        })
    })
}

/// A bootstrap with a change that says this.
fn bootstrap_of(text: Option<&str>) -> Bootstrap {
    let change = text.map(|text| BootstrapChange::Merge(serde_json::json!({"stats_tags": [text]})));
    Bootstrap {
        change,
        ..Bootstrap::default()
    }
}

/// Logs to a file of this name, and to a collector that wants a header.
fn telemetry_of(path: String) -> Telemetry {
    let log = |sink| AccessLog {
        name: format!("default/eg/{path}"),
        scope: LogScope::Traffic,
        ai_calls: AiCalls::LeftOut,
        format: LogFormat::Default,
        matches: Vec::new(),
        sink,
    };
    let collector = OpenTelemetryLogSink {
        receiver: Receiver {
            cluster: "accesslog_otel_0_1".into(),
            destination: destination("collector.default.svc"),
            headers: vec![("authorization".into(), path.clone().into())],
        },
        resource_attributes: [("service.name".to_string(), path.clone())].into(),
    };
    Telemetry {
        access_logs: vec![
            log(LogSink::File { path: path.clone() }),
            log(LogSink::OpenTelemetry(collector)),
        ],
        ..Telemetry::default()
    }
}

pub(crate) fn settings() -> impl Strategy<Value = ProxySettings> {
    prop::option::of(name()).prop_map(|password| {
        let mut settings = ProxySettings::default();
        settings.store.redis = password.map(|password| RedisSettings {
            url: format!("redis://:{password}@redis").into(),
            password: Some(password.into()),
            prefix: None,
        });
        settings
    })
}

/// So many routes in one host.
pub(crate) fn one_host(routes: usize) -> Gateway {
    let routes = (0..routes).map(|at| route(&route_name(at), "backend.default.svc"));
    of_hosts(vec![host("default/eg/80/*", routes.collect())])
}

/// So many hosts with a route each.
pub(crate) fn many_hosts(hosts: usize) -> Gateway {
    let hosts = (0..hosts).map(|at| {
        let route = route(&route_name(at), "backend.default.svc");
        host(&format!("default/eg/80/host-{at}.example.com"), vec![route])
    });
    of_hosts(hosts.collect())
}

fn route_name(at: usize) -> String {
    format!("httproute/default/route-{at}/rule/0/match/0")
}

fn of_hosts(virtual_hosts: Vec<VirtualHost>) -> Gateway {
    let http = HttpTraffic {
        name: "default/eg/80".into(),
        virtual_hosts: Shared::list(virtual_hosts),
        misdirected: Vec::new(),
    };
    Gateway {
        listeners: vec![listener("default/eg/80", Traffic::Http(http))],
        ..Gateway::default()
    }
}

/// The routes of one of the hosts.
pub(crate) fn routes_of(gateway: &mut Gateway, host: usize) -> &mut Vec<Shared<HttpRoute>> {
    let http = gateway.listeners[0].http_mut().next().unwrap();
    &mut http.virtual_hosts[host].routes
}
