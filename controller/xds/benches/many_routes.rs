//! What a gateway with many routes costs on its way to Envoy: rendering, encoding, and both again
//! after one route has changed. `cargo bench -p tollgate-xds`; nothing else should run beside it.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people, at a terminal"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use tollgate_bundle as bundle;
use tollgate_ir as ir;
use tollgate_xds::{BuildOptions, ResourceType, Snapshot, build, rebuild};

const ROUNDS: usize = 11;

fn main() {
    println!("median of {ROUNDS}; times in ms, sizes in bytes");
    println!(
        "{:>7} {:>12} {:>8} {:>8} {:>8} {:>8} {:>12} {:>12}",
        "routes", "hosts", "build", "new", "rebuild", "update", "all bytes", "changed"
    );
    for routes in [100, 1_000, 5_000] {
        for (name, hosts) in [("one", 1), ("one each", routes)] {
            let gateways = [8080, 9090].map(|port| plain(routes, hosts, port));
            measure(routes, name, &gateways);
        }
        let gateways = [8080, 9090].map(|port| ai(routes, port));
        measure(routes, "one, AI", &gateways);
    }
}

fn measure(routes: usize, name: &str, [before, after]: &[ir::Gateway; 2]) {
    let options = BuildOptions::new("/run/tollgate/extproc.sock".into());
    let mut times: [Vec<Duration>; 4] = Default::default();
    let mut sizes = (0, 0);
    for _ in 0..ROUNDS {
        let (built, time) = timed(|| build(before, &options));
        times[0].push(time);
        let (first, time) = timed(|| Snapshot::new(&built));
        times[1].push(time);
        let (built, time) = timed(|| rebuild((before, &built), after, &options));
        times[2].push(time);
        let (second, time) = timed(|| first.update(&built));
        times[3].push(time);
        sizes = (size(&second, &Snapshot::default()), size(&second, &first));
    }
    let [build, new, again, update] = times.map(median_ms);
    println!(
        "{routes:>7} {name:>12} {build:>8.1} {new:>8.1} {again:>8.1} {update:>8.1} {:>12} {:>12}",
        sizes.0, sizes.1
    );
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = work();
    (value, start.elapsed())
}

fn median_ms(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

/// Bytes of the resources that `known` does not have so.
fn size(snapshot: &Snapshot, known: &Snapshot) -> usize {
    let mut bytes = 0;
    for kind in ResourceType::ALL {
        for (name, resource) in snapshot.resources(kind) {
            if known.resource(kind, name) != Some(resource) {
                bytes += resource.resource.value.len();
            }
        }
    }
    bytes
}

/// So many routes, shared out to so many hosts. The one in the middle goes to this port.
fn plain(routes: usize, hosts: usize, changed_port: u16) -> ir::Gateway {
    let mut virtual_hosts = ir::Shared::list((0..hosts).map(host));
    for index in 0..routes {
        let port = port_of(index, routes, changed_port);
        virtual_hosts[index % hosts]
            .routes
            .push(route(index, port).into());
    }
    gateway(virtual_hosts)
}

/// So many AI rules on one host.
fn ai(rules: usize, changed_port: u16) -> ir::Gateway {
    let rules = (0..rules).map(|index| rule(index, port_of(index, rules, changed_port)));
    let host = ir::VirtualHost {
        ai: Some(ir::AiScope {
            rules: ir::Shared::list(rules),
        }),
        ..host(0)
    };
    gateway(vec![host.into()])
}

fn port_of(index: usize, count: usize, changed_port: u16) -> u16 {
    if index == count / 2 {
        changed_port
    } else {
        8080
    }
}

fn gateway(virtual_hosts: Vec<ir::Shared<ir::VirtualHost>>) -> ir::Gateway {
    ir::Gateway {
        listeners: vec![ir::Listener {
            name: "default/gateway/80".to_string(),
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            port: 80,
            bind_port: 10_080,
            traffic: ir::Traffic::Http(ir::HttpTraffic {
                name: "default/gateway/80".to_string(),
                virtual_hosts,
                misdirected: Vec::new(),
            }),
        }],
        ..ir::Gateway::default()
    }
}

fn host(index: usize) -> ir::VirtualHost {
    let hostname = format!("host-{index:05}.example.com");
    ir::VirtualHost {
        name: format!("default/gateway/80/{hostname}"),
        hostname: ir::Hostname::Exact(hostname),
        routes: Vec::new(),
        ai: None,
    }
}

fn route(index: usize, port: u16) -> ir::HttpRoute {
    let route = format!("httproute/team-{:03}/route-{index:05}/rule/0", index % 100);
    let backend = ir::WeightedBackend {
        name: format!("{route}/backend/0"),
        weight: 1,
        filters: Vec::new(),
        destination: Ok(destination(index, port)),
    };
    ir::HttpRoute {
        name: format!("{route}/match/0"),
        matches: ir::HttpMatch {
            path: ir::PathMatch::Prefix(format!("/path-{index:05}-{port}")),
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

fn destination(index: usize, port: u16) -> ir::Destination {
    let address = Ipv4Addr::new(10, 0, (index / 250) as u8, (index % 250) as u8);
    ir::Destination {
        name: String::new(),
        endpoints: vec![ir::Endpoint {
            host: ir::Host::Ip(IpAddr::V4(address)),
            port,
            draining: false,
        }],
        tls: None,
        protocol: ir::UpstreamProtocol::Http1,
    }
}

/// Two backends, so that each has a cluster with the other behind it.
fn rule(index: usize, port: u16) -> ir::AiRule {
    let id = format!("team-{:03}/route-{index:05}/0", index % 100);
    let backends = (0..2).map(|backend| {
        let id = format!("{id}/{backend}");
        bundle::Backend {
            cluster: format!("ai/{id}"),
            id,
            name: format!("backend-{backend}"),
            priority: backend,
            weight: 1,
            model: None,
            api: bundle::Api::OpenAi {
                prefix: "v1".to_string(),
            },
            credential: None,
            budgets: Vec::new(),
            invalid: None,
        }
    });
    ir::AiRule {
        rule: ir::Shared::new(bundle::Rule {
            route: format!("team/route-{index:05}"),
            namespace: "team".to_string(),
            matches: Vec::new(),
            backends: backends.collect(),
            budgets: Vec::new(),
            output_tokens_default: 256,
            kept_headers: Vec::new(),
            costs: Vec::new(),
            output_tokens_min: 1,
            models: Vec::new(),
            id,
        }),
        destinations: [port, port + 1]
            .map(|port| Some(destination(index, port)))
            .into(),
        rate_limits: None,
        cluster_prefix: None,
        timeouts: ir::Timeouts::default(),
        retry: ir::Retry {
            retries: 2,
            on: vec![ir::RetryTrigger::ServerError],
            backoff_base_ms: 25,
            backoff_max_ms: 250,
        },
    }
}
