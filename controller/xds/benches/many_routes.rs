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

use tollgate_ir as ir;
use tollgate_xds::{BuildOptions, ResourceType, Snapshot, build};

const ROUNDS: usize = 11;

fn main() {
    println!("median of {ROUNDS}; times in ms, sizes in bytes");
    println!(
        "{:>7} {:>12} {:>8} {:>8} {:>8} {:>8} {:>12} {:>12}",
        "routes", "hosts", "build", "new", "build'", "update", "all bytes", "changed"
    );
    for routes in [100, 1_000, 5_000] {
        for (name, hosts) in [("one", 1), ("one each", routes)] {
            measure(routes, name, hosts);
        }
    }
}

fn measure(routes: usize, name: &str, hosts: usize) {
    let options = BuildOptions::new("/run/tollgate/extproc.sock".into());
    let before = gateway(routes, hosts, 8080);
    let after = gateway(routes, hosts, 9090);
    let mut times: [Vec<Duration>; 4] = Default::default();
    let mut sizes = (0, 0);
    for _ in 0..ROUNDS {
        let (built, time) = timed(|| build(&before, &options));
        times[0].push(time);
        let (first, time) = timed(|| Snapshot::new(&built));
        times[1].push(time);
        let (built, time) = timed(|| build(&after, &options));
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
fn gateway(routes: usize, hosts: usize, changed_port: u16) -> ir::Gateway {
    let mut virtual_hosts: Vec<ir::VirtualHost> = (0..hosts).map(host).collect();
    for index in 0..routes {
        let port = if index == routes / 2 {
            changed_port
        } else {
            8080
        };
        virtual_hosts[index % hosts].routes.push(route(index, port));
    }
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
    let address = IpAddr::V4(Ipv4Addr::new(
        10,
        0,
        (index / 250) as u8,
        (index % 250) as u8,
    ));
    let backend = ir::WeightedBackend {
        name: format!("{route}/backend/0"),
        weight: 1,
        filters: Vec::new(),
        destination: Ok(ir::Destination {
            endpoints: vec![ir::Endpoint {
                host: ir::Host::Ip(address),
                port,
                draining: false,
            }],
            tls: None,
            protocol: ir::UpstreamProtocol::Http1,
        }),
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
        rate_limits: None,
    }
}
