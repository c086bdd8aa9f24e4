//! What the objects of a fleet say about it, in each of their states.

use serde_json::{Value, json};
use tollgate_translate::{FleetAddress, FleetState, NamespacedName};

use super::super::observed::{Key, Observed};
use super::*;
use crate::watch::Raw;

fn state(objects: &[(&str, Value)]) -> FleetState {
    let mut plan = Plan::default();
    for (kind, body) in objects {
        let mut body = body.clone();
        body["metadata"] = json!({"name": "f", "namespace": "a",
            "labels": {"app.kubernetes.io/instance": "f"}});
        let place = FLEET_KINDS.iter().position(|row| row.kind == *kind);
        let key = Key {
            kind: place.expect("a kind"),
            namespace: "a".to_string(),
            name: "f".to_string(),
        };
        plan.see(key, Observed::new(kind, &Raw::new(body)));
    }
    let fleets = view(&plan);
    assert_eq!(fleets.len(), 1);
    fleets[&NamespacedName::new("a", "f")].clone()
}

fn service(spec: Value, ingress: Value) -> (&'static str, Value) {
    let body = json!({"spec": spec, "status": {"loadBalancer": {"ingress": ingress}}});
    ("Service", body)
}

fn ip(address: &str) -> FleetAddress {
    FleetAddress::IPAddress(address.to_string())
}

#[test]
fn load_balancer_gives_ips_and_host_names() {
    let spec = json!({"type": "LoadBalancer", "clusterIPs": ["10.96.0.7"]});
    let ingress = json!([{"ip": "192.0.2.1"}, {"hostname": "lb.example.com"}]);
    let state = state(&[service(spec, ingress)]);
    assert_eq!(
        state.addresses,
        [
            ip("192.0.2.1"),
            FleetAddress::Hostname("lb.example.com".to_string())
        ]
    );
    assert_eq!(state.problem, None);
}

#[test]
fn load_balancer_without_an_address_is_a_problem() {
    let state = state(&[service(
        json!({"type": "LoadBalancer", "clusterIPs": ["10.96.0.7"]}),
        json!(null),
    )]);
    assert_eq!(state.addresses, []);
    let problem = "Service f has no address from a load balancer yet";
    assert_eq!(state.problem.as_deref(), Some(problem));
}

#[test]
fn service_in_the_cluster_has_its_own_addresses() {
    let spec = json!({"type": "ClusterIP", "clusterIPs": ["10.96.0.7", "fd00::7"]});
    assert_eq!(
        state(&[service(spec, json!(null))]).addresses,
        [ip("10.96.0.7"), ip("fd00::7")]
    );
    let headless = json!({"type": "ClusterIP", "clusterIPs": ["None"]});
    assert_eq!(state(&[service(headless, json!(null))]).addresses, []);
}

#[test]
fn external_ips_come_first() {
    let spec =
        json!({"type": "ClusterIP", "clusterIPs": ["10.96.0.7"], "externalIPs": ["192.0.2.9"]});
    assert_eq!(
        state(&[service(spec, json!(null))]).addresses,
        [ip("192.0.2.9")]
    );
}

#[test]
fn ready_proxies_of_deployment_and_daemon_set_are_counted() {
    let deployment = json!({"status": {"readyReplicas": 2}});
    let daemon_set = json!({"status": {"numberReady": 3}});
    let state = state(&[("Deployment", deployment), ("DaemonSet", daemon_set)]);
    assert_eq!(state.ready_replicas, 5);
}

#[test]
fn complaints_of_a_deployment_are_told() {
    let status = json!({"conditions": [
        {"type": "Available", "status": "False", "message": "not enough"},
        {"type": "ReplicaFailure", "status": "True", "message": "pods \"f-1\" is forbidden"},
        {"type": "Progressing", "status": "False", "message": "timed out"},
    ]});
    let state = state(&[("Deployment", json!({"status": status}))]);
    assert_eq!(
        state.problem.as_deref(),
        Some("Deployment f: pods \"f-1\" is forbidden; Deployment f: timed out")
    );
}
