//! What one changed route among many costs in each step from the snapshot of the cluster to what
//! Envoy and the engine are sent, without any of them: `cargo run --release -p tollgate-scale
//! --example steps [ROUTES…]`. Nothing else should run beside it.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people, at a terminal"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_crds::parse_object;
use tollgate_ir::Gateway;
use tollgate_link::{ProxySettings, Snapshot};
use tollgate_proxy::Pinned;
use tollgate_translate::{CONTROLLER_NAME, Cluster, Memo, Mode, Options, World, translate_again};
use tollgate_xds::{BuildOptions, rebuild};

/// Changes that are measured; the median counts.
const ROUNDS: usize = 21;

const STEPS: [&str; 11] = [
    "snapshot",
    "translate",
    "link",
    "apply",
    "pin",
    "compare",
    "build",
    "bundle",
    "encode",
    "drop",
    "all",
];

fn main() {
    let sizes: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|it| it.parse().ok())
        .collect();
    let sizes = if sizes.is_empty() {
        vec![1_000, 5_000]
    } else {
        sizes
    };
    println!("medians of {ROUNDS} changes, ms");
    print!("{:>7} {:>22}", "routes", "");
    STEPS.iter().for_each(|step| print!(" {step:>9}"));
    println!();
    for routes in sizes {
        let kinds: [(&str, Make, Place); 2] =
            [("HTTPRoute", host, slice), ("AIGatewayRoute", ai, backend)];
        for (name, make, place) in kinds {
            let title = format!("{name} changed");
            measure((routes, make), &title, |round| {
                make(round * 37 % routes, round + 1)
            });
            let title = format!("{name} added");
            measure((routes, make), &title, |round| make(routes + round, 0));
            let title = format!("{name}: endpoints");
            measure((routes, make), &title, |round| place(round + 2));
        }
    }
}

/// Makes a route of this number and version.
type Make = fn(usize, usize) -> Value;
/// Makes what all routes lead to, elsewhere each time.
type Place = fn(usize) -> Value;

/// Everything that there is at both ends.
struct Stage {
    options: Options,
    build: BuildOptions,
    world: World,
    memo: Memo,
    published: Snapshot,
    followed: Arc<Snapshot>,
    pinned: Pinned,
    resources: tollgate_xds::Resources,
    encoded: tollgate_xds::Snapshot,
}

fn measure((routes, make): (usize, Make), title: &str, change: impl Fn(usize) -> Value) {
    let mut stage = Stage::new((0..routes).map(|number| make(number, 0)));
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); STEPS.len()];
    for round in 0..ROUNDS {
        let steps = stage.change(change(round));
        let all = steps.iter().sum();
        for (times, time) in times.iter_mut().zip(steps.into_iter().chain([all])) {
            times.push(time);
        }
    }
    print!("{routes:>7} {title:>22}");
    for mut times in times {
        times.sort();
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        print!(" {:>9.2}", median.as_secs_f64() * 1e3);
    }
    println!();
}

// === impl Stage ===

impl Stage {
    fn new(routes: impl Iterator<Item = Value>) -> Self {
        let world: World = fixed()
            .into_iter()
            .chain(routes)
            .map(|it| parse_object(it).unwrap())
            .collect();
        let options = Options {
            controller_name: CONTROLLER_NAME.to_string(),
            claimed_names: Vec::new(),
            cluster_domain: "cluster.local".to_string(),
            mode: Mode::Cluster(Cluster::default()),
        };
        let mut memo = Memo::default();
        let gateway = translated(&mut memo, &world, &options);
        let published = Snapshot::new(gateway, ProxySettings::default()).unwrap();
        let followed = Snapshot::apply(None, &published.full().unwrap()).unwrap();
        let pinned = Pinned::new(Arc::clone(&followed.gateway));
        let build = BuildOptions::in_envoy("/run/tollgate/uplink.sock".into(), 10_000);
        let resources = tollgate_xds::build(&pinned.gateway, &build);
        let encoded = tollgate_xds::Snapshot::new(&resources);
        Self {
            options,
            build,
            world,
            memo,
            published,
            followed: Arc::new(followed),
            pinned,
            resources,
            encoded,
        }
    }

    /// Brings a route in; the time of each step.
    fn change(&mut self, route: Value) -> Vec<Duration> {
        let mut times = Vec::new();
        let mut begun = Instant::now();
        let mut done = |times: &mut Vec<Duration>| {
            times.push(begun.elapsed());
            begun = Instant::now();
        };
        // A reader still has the last one.
        let reader = self.world.clone();
        self.world.insert(parse_object(route).unwrap());
        drop(reader);
        let world = self.world.clone();
        done(&mut times);
        let gateway = translated(&mut self.memo, &world, &self.options);
        done(&mut times);
        let next = self.published.next(gateway, ProxySettings::default());
        let (published, update) = next.unwrap().unwrap();
        let before = std::mem::replace(&mut self.published, published);
        done(&mut times);
        let followed = Arc::new(Snapshot::apply(Some(&self.followed), &update).unwrap());
        done(&mut times);
        let pinned = self.pinned.next(Arc::clone(&followed.gateway));
        done(&mut times);
        assert!(pinned.gateway != self.pinned.gateway);
        done(&mut times);
        let last = (&*self.pinned.gateway, &self.resources);
        let resources = rebuild(last, &pinned.gateway, &self.build);
        done(&mut times);
        let bundle = pinned.gateway.bundle();
        let is_new = bundle != self.pinned.gateway.bundle();
        done(&mut times);
        let encoded = self.encoded.update(&resources);
        done(&mut times);
        assert!(is_new || encoded.version() != self.encoded.version());
        drop((before, world, bundle));
        self.followed = followed;
        self.pinned = pinned;
        self.resources = resources;
        self.encoded = encoded;
        done(&mut times);
        times
    }
}

fn translated(memo: &mut Memo, world: &World, options: &Options) -> Arc<Gateway> {
    let mut translation = translate_again(memo, world, options);
    Arc::new(translation.ir.gateways.remove("default/gw").unwrap())
}

/// Everything but routes.
fn fixed() -> Vec<Value> {
    let reference = json!({"group": "gateway.envoyproxy.io", "kind": "Backend", "name": "web"});
    vec![
        object(
            "gateway.networking.k8s.io/v1",
            "GatewayClass",
            "tollgate",
            json!({
                "controllerName": CONTROLLER_NAME,
            }),
        ),
        object(
            "gateway.networking.k8s.io/v1",
            "Gateway",
            "gw",
            json!({
                "gatewayClassName": "tollgate",
                "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
            }),
        ),
        object("v1", "Service", "web", json!({"ports": [{"port": 8080}]})),
        backend(1),
        object(
            "aigateway.envoyproxy.io/v1beta1",
            "AIServiceBackend",
            "web",
            json!({
                "schema": {"name": "OpenAI"}, "backendRef": reference,
            }),
        ),
        slice(1),
    ]
}

/// The one address of the Service.
fn slice(last: usize) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": "web", "namespace": "default",
            "labels": {"kubernetes.io/service-name": "web"},
        },
        "addressType": "IPv4",
        "ports": [{"port": 8080}],
        "endpoints": [{"addresses": [format!("10.0.0.{last}")]}],
    })
}

/// The provider, at one address.
fn backend(last: usize) -> Value {
    let endpoint = json!({"ip": {"address": format!("10.0.0.{last}"), "port": 8080}});
    object(
        "gateway.envoyproxy.io/v1alpha1",
        "Backend",
        "web",
        json!({"endpoints": [endpoint]}),
    )
}

fn object(api: &str, kind: &str, name: &str, spec: Value) -> Value {
    let metadata = json!({"name": name, "namespace": "default"});
    json!({"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec})
}

fn name(number: usize) -> String {
    format!("scale-{number:05}")
}

/// An HTTPRoute with a host name of its own.
fn host(number: usize, version: usize) -> Value {
    object(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        &name(number),
        json!({
            "parentRefs": [{"name": "gw"}],
            "hostnames": [format!("{}.scale.test", name(number))],
            "rules": [{
                "filters": [{
                    "type": "ResponseHeaderModifier",
                    "responseHeaderModifier": {
                        "set": [{"name": "x-scale-version", "value": version.to_string()}],
                    },
                }],
                "backendRefs": [{"name": "web", "port": 8080}],
            }],
        }),
    )
}

/// An AIGatewayRoute with a model of its own.
fn ai(number: usize, version: usize) -> Value {
    let model = format!("model-{number}-{version}");
    object(
        "aigateway.envoyproxy.io/v1beta1",
        "AIGatewayRoute",
        &name(number),
        json!({
            "parentRefs": [{"name": "gw"}],
            "rules": [{
                "matches": [{"headers": [{"name": "x-ai-eg-model", "value": model}]}],
                "backendRefs": [{"name": "web"}],
            }],
        }),
    )
}
