//! Objects as an API server sends them, good and bad.

use serde_json::json;
use tollgate_crds::KINDS;

use super::*;

fn kind(group: &str, name: &str) -> &'static Kind {
    let found = KINDS
        .iter()
        .find(|kind| kind.group == group && kind.kind == name);
    found.expect("a kind of the table")
}

fn read_json(kind: &'static Kind, body: Value) -> Item {
    read(kind, kind.versions[0], Raw::new(body))
}

fn http_route(spec: Value) -> Value {
    json!({"metadata": {"name": "r", "namespace": "team", "uid": "u", "resourceVersion": "9",
            "generation": 2},
        "spec": spec,
        "status": {"parents": []}})
}

#[test]
fn route_of_a_list_is_read_without_its_type() {
    let route = kind("gateway.networking.k8s.io", "HTTPRoute");
    let item = read_json(route, http_route(json!({"parentRefs": [{"name": "g"}]})));
    assert_eq!(item.object.namespace.as_deref(), Some("team"));
    assert_eq!(item.stored.resource_version, "9");
    assert_eq!(item.stored.status, json!({"parents": []}));
    let Content::Usable(object) = item.content else {
        panic!("{:?}", item.content);
    };
    assert_eq!(object.name(), "r");
    let metadata = object.metadata().expect("metadata");
    assert_eq!(metadata.resource_version, None);
    assert_eq!(metadata.generation, Some(2));
}

#[test]
fn status_is_no_part_of_what_a_route_says() {
    let route = kind("gateway.networking.k8s.io", "HTTPRoute");
    let mut changed = http_route(json!({}));
    changed["status"] = json!({"parents": [{"controllerName": "a/b"}]});
    changed["metadata"]["resourceVersion"] = json!("10");
    let (a, b) = (
        read_json(route, http_route(json!({}))),
        read_json(route, changed),
    );
    let (Content::Usable(a), Content::Usable(b)) = (a.content, b.content) else {
        panic!("both are routes");
    };
    assert_eq!(a, b);
}

#[test]
fn route_with_a_body_of_another_shape_is_broken_and_keeps_its_parents() {
    let route = kind("gateway.networking.k8s.io", "HTTPRoute");
    let spec = json!({"parentRefs": [{"name": "g"}], "hostnames": "example.com"});
    let Content::Broken(broken) = read_json(route, http_route(spec)).content else {
        panic!("hostnames must be a list");
    };
    assert!(
        broken.message.starts_with("spec.hostnames"),
        "{}",
        broken.message
    );
    assert_eq!(broken.generation, Some(2));
    let gateways: Vec<_> = broken.gateways().map(|(_, name)| name).collect();
    assert_eq!(gateways, [("team", "g")]);
}

#[test]
fn budget_of_ours_is_held_to_every_rule() {
    let budget = kind("tollgate.dev", "TokenBudget");
    let body = json!({"metadata": {"name": "b", "namespace": "team"}, "spec": {"limits": []}});
    let Content::Broken(broken) = read_json(budget, body).content else {
        panic!("a budget needs limits");
    };
    assert!(broken.message.contains("spec.limits"), "{}", broken.message);
    assert!(broken.budget().is_some());
}

#[test]
fn broken_consumer_guards_its_namespace() {
    let consumer = kind("tollgate.dev", "Consumer");
    let body = json!({"metadata": {"name": "c", "namespace": "team"}, "spec": 3});
    let Content::Broken(broken) = read_json(consumer, body).content else {
        panic!("a spec is an object");
    };
    assert_eq!(broken.guarded_namespace(), Some("team"));
}

#[test]
fn huge_config_map_is_broken_and_named() {
    let config_map = kind("", "ConfigMap");
    let body = json!({"metadata": {"name": "m", "namespace": "team"},
        "data": {"big": "x".repeat(DATA_BYTES_MAX)}});
    let Content::Broken(broken) = read_json(config_map, body).content else {
        panic!("too large");
    };
    assert_eq!(
        broken.message,
        "data: holds 1048579 bytes, at most 1048576 are read"
    );
}

#[test]
fn secret_is_decoded_and_never_printed() {
    let secret = kind("", "Secret");
    let body = json!({"metadata": {"name": "s", "namespace": "team"}, "data": {"key": "c2VjcmV0"}});
    let item = read_json(secret, body);
    let text = format!("{item:?}");
    assert!(
        !text.contains("c2VjcmV0") && !text.contains("secret\""),
        "{text}"
    );
    assert!(matches!(item.content, Content::Usable(object) if object.name() == "s"));
}

#[test]
fn broken_secret_keeps_no_value() {
    let secret = kind("", "Secret");
    let body =
        json!({"metadata": {"name": "s", "namespace": "team"}, "data": {"key": "not base64!"}});
    let Content::Broken(broken) = read_json(secret, body).content else {
        panic!("not base64");
    };
    assert!(!format!("{broken:?}").contains("not base64!"));
}
