//! What is known of a cluster, after one report and another.

use serde_json::{Value, json};
use tollgate_crds::KINDS;

use super::*;
use crate::watch::raw::Raw;
use crate::watch::read::{object_ref, read};

fn watch(kind: &str) -> WatchId {
    let place = KINDS.iter().position(|row| row.kind == kind);
    WatchId {
        kind: place.expect("a kind of the table"),
        namespace: None,
    }
}

fn index(selector: Option<&str>) -> Index {
    let scope = Scope::parse([], selector).expect("a scope");
    Index::new(scope, Arc::default())
}

fn item(kind: &str, body: Value) -> (WatchId, Item) {
    let id = watch(kind);
    let row = id.kind().expect("a kind");
    (id.clone(), read(row, row.versions[0], Raw::new(body)))
}

fn apply(index: &mut Index, kind: &str, body: Value) -> bool {
    let (id, item) = item(kind, body);
    index.apply(&id, item)
}

fn name(kind: &str, namespace: Option<&str>, name: &str) -> ObjectRef {
    let row = watch(kind).kind().expect("a kind");
    object_ref(
        row,
        &Raw::new(json!({"metadata": {"name": name, "namespace": namespace}})),
    )
}

fn service(namespace: &str, port: u16) -> Value {
    json!({"metadata": {"name": "s", "namespace": namespace}, "spec": {"ports": [{"port": port}]}})
}

fn gateway(status: Value) -> Value {
    json!({"metadata": {"name": "g", "namespace": "a", "resourceVersion": "1"},
        "spec": {"gatewayClassName": "c", "listeners": []}, "status": status})
}

fn has_service(index: &Index, namespace: &str) -> bool {
    let mut world = (*index.snapshot().world).clone();
    world.remove(&name("Service", Some(namespace), "s"))
}

#[test]
fn snapshot_is_another_only_when_an_object_says_something_else() {
    let mut index = index(None);
    assert!(apply(&mut index, "Gateway", gateway(json!(null))));
    assert!(!apply(
        &mut index,
        "Gateway",
        gateway(json!({"conditions": []}))
    ));
    let mut other = gateway(json!(null));
    other["spec"]["gatewayClassName"] = json!("d");
    assert!(apply(&mut index, "Gateway", other));
}

#[test]
fn object_that_a_new_list_does_not_bring_is_gone() {
    let mut index = index(None);
    apply(&mut index, "Service", service("a", 80));
    apply(&mut index, "Service", service("b", 80));
    let seen = BTreeSet::from([name("Service", Some("b"), "s")]);
    assert!(index.complete(&watch("Service"), &seen));
    assert!(!has_service(&index, "a") && has_service(&index, "b"));
    assert!(!index.complete(&watch("Service"), &seen));
}

#[test]
fn kind_that_is_not_served_any_more_leaves_nothing() {
    let mut index = index(None);
    apply(&mut index, "Service", service("a", 80));
    apply(&mut index, "Gateway", gateway(json!(null)));
    assert!(index.end(&watch("Service")));
    assert!(!has_service(&index, "a"));
    assert_eq!(index.count(&watch("Service")), 0);
    assert_eq!(index.count(&watch("Gateway")), 1);
}

#[test]
fn first_snapshot_waits_for_every_watch_that_was_expected() {
    let mut index = index(None);
    assert_eq!(index.waiting_for(), None);
    let all = BTreeSet::from([watch("Service"), watch("Gateway")]);
    index.expect(all);
    index.complete(&watch("Service"), &BTreeSet::new());
    assert_eq!(index.waiting_for(), Some(vec![&watch("Gateway")]));
    // The CRD goes away meanwhile, another comes: neither is waited for.
    index.expect(BTreeSet::from([watch("Service"), watch("HTTPRoute")]));
    assert_eq!(index.waiting_for(), Some(vec![]));
}

#[test]
fn broken_object_replaces_the_usable_one_and_back() {
    let mut index = index(None);
    apply(&mut index, "Service", service("a", 80));
    let mut broken = service("a", 80);
    broken["spec"] = json!("text");
    assert!(apply(&mut index, "Service", broken.clone()));
    assert!(!has_service(&index, "a"));
    assert_eq!(index.snapshot().broken.len(), 1);
    assert!(!apply(&mut index, "Service", broken));
    assert!(apply(&mut index, "Service", service("a", 80)));
    assert!(has_service(&index, "a") && index.snapshot().broken.is_empty());
}

#[test]
fn broken_object_that_is_deleted_is_forgotten() {
    let mut index = index(None);
    let mut broken = service("a", 80);
    broken["spec"] = json!("text");
    apply(&mut index, "Service", broken);
    assert!(index.remove(&watch("Service"), &name("Service", Some("a"), "s")));
    assert!(index.snapshot().broken.is_empty());
}

#[test]
fn broken_budget_and_consumer_are_part_of_the_snapshot() {
    let mut index = index(None);
    let metadata = json!({"name": "x", "namespace": "a"});
    apply(
        &mut index,
        "TokenBudget",
        json!({"metadata": metadata, "spec": {}}),
    );
    apply(
        &mut index,
        "Consumer",
        json!({"metadata": metadata, "spec": 3}),
    );
    let mut expected = World::default();
    expected.insert_broken_consumer("a");
    let broken = &index.snapshot().broken;
    let budget = broken.iter().find_map(BrokenObject::budget);
    expected.insert_broken_budget(budget.expect("a budget"));
    assert_eq!(*index.snapshot().world, expected);
}

#[test]
fn objects_come_and_go_with_the_label_of_their_namespace() {
    let mut index = index(Some("gateway=on"));
    let namespace = |value: &str| json!({"metadata": {"name": "a", "labels": {"gateway": value}}});
    assert!(!apply(&mut index, "Service", service("a", 80)));
    assert!(!has_service(&index, "a"));
    assert!(apply(&mut index, "Namespace", namespace("on")));
    assert!(has_service(&index, "a"));
    assert!(apply(&mut index, "Namespace", namespace("off")));
    assert!(!has_service(&index, "a"));
    assert!(!apply(&mut index, "Service", service("a", 81)));
    assert!(apply(&mut index, "Namespace", namespace("on")));
    assert!(has_service(&index, "a"));
    assert!(index.remove(&watch("Namespace"), &name("Namespace", None, "a")));
    assert!(!has_service(&index, "a"));
}

#[tokio::test]
async fn stored_status_follows_the_selection() {
    let mut index = index(Some("gateway=on"));
    let stored = Arc::clone(&index.stored);
    apply(&mut index, "Gateway", gateway(json!({"conditions": []})));
    let name = name("Gateway", Some("a"), "g");
    assert_eq!(stored.get(&name), None);
    apply(
        &mut index,
        "Namespace",
        json!({"metadata": {"name": "a", "labels": {"gateway": "on"}}}),
    );
    assert_eq!(
        stored.get(&name).expect("g").status,
        json!({"conditions": []})
    );
    index.remove(&watch("Gateway"), &name);
    assert_eq!(stored.get(&name), None);
}
