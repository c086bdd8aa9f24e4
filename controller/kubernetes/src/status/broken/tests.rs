//! What objects are told whose bodies cannot be used.

use serde_json::{Value, json};
use tollgate_translate::{Cluster, Mode, Options, World, translate};

use super::*;

const US: &str = "gateway.tollgate.dev/gatewayclass-controller";

/// Statuses of a class and a Gateway of ours, `a/g`.
fn statuses() -> Statuses {
    let class = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": "ours"}, "spec": {"controllerName": US}});
    let gateway = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "g", "namespace": "a"},
        "spec": {"gatewayClassName": "ours", "listeners": [{"name": "x", "port": 80, "protocol": "HTTP"}]}});
    let objects = [class, gateway].map(|it| tollgate_crds::parse_object(it).expect("an object"));
    let world: World = objects.into_iter().collect();
    let options = Options {
        controller_name: US.to_string(),
        claimed_names: Vec::new(),
        cluster_domain: "cluster.local".to_string(),
        mode: Mode::Cluster(Cluster::default()),
    };
    translate(&world, &options).statuses
}

fn broken(group: &str, kind: &str, spec: Value) -> BrokenObject {
    let name = NamespacedName::new("a", "x");
    let object = match kind {
        "GatewayClass" => ObjectRef::cluster_wide(group, kind, "x"),
        _ => ObjectRef::namespaced(group, kind, &name),
    };
    let body = json!({"metadata": {"generation": 3}, "spec": spec});
    BrokenObject::new(object, &body, "spec.x: is wrong")
}

fn status(group: &str, kind: &str, spec: Value) -> Option<Value> {
    status_of(&broken(group, kind, spec), &statuses(), &[US.to_string()])
}

#[test]
fn broken_route_is_rejected_towards_our_gateways_only() {
    let parents = json!({"parentRefs": [
        {"name": "g", "sectionName": "x"}, {"name": "other"}, {"name": "g", "namespace": "b"},
        {"group": "", "kind": "Service", "name": "g"},
    ]});
    let status = status(GATEWAY_API_GROUP, "HTTPRoute", parents).expect("a status");
    assert_eq!(
        status,
        json!({"parents": [{
            "parentRef": {"name": "g", "sectionName": "x"},
            "controllerName": US,
            "conditions": [{"type": "Accepted", "status": "False", "reason": "UnsupportedValue",
                "message": "spec.x: is wrong", "observedGeneration": 3}],
        }]})
    );
}

#[test]
fn broken_object_of_others_is_left_alone() {
    let parents = json!({"parentRefs": [{"name": "other"}]});
    assert_eq!(status(GATEWAY_API_GROUP, "HTTPRoute", parents), None);
    let class = json!({"controllerName": "example.com/other"});
    assert_eq!(status(GATEWAY_API_GROUP, "GatewayClass", class), None);
    let gateway = json!({"gatewayClassName": "theirs"});
    assert_eq!(status(GATEWAY_API_GROUP, "Gateway", gateway), None);
    assert_eq!(status("", "Service", json!({})), None);
}

#[test]
fn broken_gateway_policy_and_consumer_of_ours_are_told() {
    let gateway = status(
        GATEWAY_API_GROUP,
        "Gateway",
        json!({"gatewayClassName": "ours"}),
    );
    assert_eq!(
        gateway.expect("a status")["conditions"][0]["reason"],
        "Invalid"
    );
    let targets =
        json!({"targetRefs": [{"group": GATEWAY_API_GROUP, "kind": "Gateway", "name": "g"}]});
    let policy = status("gateway.envoyproxy.io", "BackendTrafficPolicy", targets);
    let policy = policy.expect("a status");
    assert_eq!(policy["ancestors"][0]["conditions"][0]["status"], "False");
    assert_eq!(policy["ancestors"][0]["ancestorRef"]["name"], "g");
    let consumer = status("tollgate.dev", "Consumer", json!({}));
    assert_eq!(
        consumer.expect("a status")["conditions"][0]["type"],
        "Accepted"
    );
}
