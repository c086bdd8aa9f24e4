//! How long translation takes with many routes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_crds::{Object, parse_object};

use crate::tests::standalone;
use crate::{CONTROLLER_NAME, Cluster, Mode, NamespacedName, Options, World, translate};

/// Routes of the test; what grows with their square is seen here.
const ROUTES: usize = 5_000;
/// Far more than it takes, without optimisation and on a busy machine; a step for each pair of
/// routes takes longer.
const TIME_MAX: Duration = Duration::from_secs(10);

#[test]
fn thousands_of_routes_with_a_service_each_are_translated_in_time() {
    let mut world: World = [
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
            "metadata": {"name": "tollgate"}, "spec": {"controllerName": CONTROLLER_NAME},
        }),
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": "gw", "namespace": "default"},
            "spec": {
                "gatewayClassName": "tollgate",
                "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
            },
        }),
    ]
    .map(object)
    .into_iter()
    .collect();
    for index in 0..ROUTES {
        add(&mut world, index);
    }
    let options = Options {
        mode: Mode::Cluster(Cluster::default()),
        ..standalone()
    };
    let start = Instant::now();
    let translation = translate(&world, &options);
    let elapsed = start.elapsed();
    let gateway = &translation.ir.gateways["default/gw"];
    let hosts: Vec<_> = gateway.listeners[0].virtual_hosts().collect();
    let routes: usize = hosts.iter().map(|host| host.routes.len()).sum();
    assert_eq!((hosts.len(), routes), (ROUTES, 2 * ROUTES));
    assert!(elapsed < TIME_MAX, "{elapsed:?}");
    eprintln!("{ROUTES} routes: {elapsed:?}");
}

/// A route for a host name of its own, with its Service and its addresses.
fn add(world: &mut World, index: usize) {
    let name = format!("web-{index}");
    let key = NamespacedName::new("default", &name);
    let metadata = json!({"name": name, "namespace": "default"});
    let service = json!({"metadata": metadata, "spec": {"ports": [{"port": 80}]}});
    world
        .services
        .insert(key.clone(), serde_json::from_value(service).unwrap());
    let slice = json!({
        "metadata": {
            "name": name, "namespace": "default",
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "ports": [{"port": 8080}],
        "endpoints": [{"addresses": ["10.0.0.1"]}],
    });
    world
        .endpoint_slices
        .insert(key.clone(), serde_json::from_value(slice).unwrap());
    let route = json!({
        "metadata": metadata,
        "spec": {
            "parentRefs": [{"name": "gw"}],
            "hostnames": [format!("{name}.example.com")],
            "rules": [{
                "matches": [
                    {"path": {"type": "PathPrefix", "value": "/a"}},
                    {"path": {"type": "Exact", "value": "/b"}},
                ],
                "backendRefs": [{"name": name, "port": 80}],
            }],
        },
    });
    world
        .http_routes
        .insert(key, serde_json::from_value(route).unwrap());
}

fn object(value: Value) -> Object {
    parse_object(value).unwrap()
}
