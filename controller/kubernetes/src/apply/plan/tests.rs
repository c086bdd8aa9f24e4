//! What is done now of what is wanted, over and over.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::watch::Raw;

fn options() -> FleetOptions {
    FleetOptions {
        installation: "here".to_string(),
        namespaces: BTreeSet::new(),
    }
}

fn object(kind: &str, name: &str) -> Value {
    let api_version = match kind {
        "Deployment" => "apps/v1",
        _ => "v1",
    };
    json!({"apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": "a", "labels": {INSTANCE_LABEL: "f"}},
        "spec": {"x": 1}})
}

fn key(kind: &str, name: &str) -> Key {
    let kind = FLEET_KINDS.iter().position(|row| row.kind == kind);
    Key {
        kind: kind.expect("a kind"),
        namespace: "a".to_string(),
        name: name.to_string(),
    }
}

fn observed(kind: &str, body: Value) -> Observed {
    Observed::new(kind, &Raw::new(body))
}

fn plan(objects: Vec<Value>) -> Plan {
    let mut plan = Plan::default();
    let wanted = WantedFleets {
        objects,
        keep: BTreeSet::new(),
    };
    assert_eq!(plan.want(&wanted, &options()), Vec::<String>::new());
    plan
}

/// Kind and name of what is done.
fn done(actions: &[Action]) -> Vec<(&'static str, &'static str)> {
    actions
        .iter()
        .map(|action| match action {
            Action::Apply {
                key,
                create: Create::New,
                ..
            } => ("create", FLEET_KINDS[key.kind].kind),
            Action::Apply {
                key,
                create: Create::Known,
                ..
            } => ("apply", FLEET_KINDS[key.kind].kind),
            Action::Delete { key, .. } => ("delete", FLEET_KINDS[key.kind].kind),
        })
        .collect()
}

#[test]
fn accounts_and_services_come_before_workloads() {
    let now = Instant::now();
    let mut plan = plan(vec![
        object("Deployment", "f"),
        object("ServiceAccount", "f"),
        object("Service", "f"),
    ]);
    assert_eq!(
        done(&plan.actions(now)),
        [("create", "ServiceAccount"), ("create", "Service")]
    );
    plan.applied(
        &key("ServiceAccount", "f"),
        observed("ServiceAccount", object("ServiceAccount", "f")),
    );
    plan.applied(
        &key("Service", "f"),
        observed("Service", object("Service", "f")),
    );
    assert_eq!(done(&plan.actions(now)), [("create", "Deployment")]);
    plan.applied(
        &key("Deployment", "f"),
        observed("Deployment", object("Deployment", "f")),
    );
    assert_eq!(plan.actions(now), []);
}

#[test]
fn every_object_carries_the_label_of_its_installation() {
    let mut plan = plan(vec![object("Service", "f")]);
    let [Action::Apply { body, .. }] = &plan.actions(Instant::now())[..] else {
        panic!("one object");
    };
    assert_eq!(body["metadata"]["labels"][INSTALLATION_LABEL], "here");
}

#[test]
fn object_that_was_there_before_this_replica_led_is_applied_once() {
    let now = Instant::now();
    let mut plan = plan(vec![object("Service", "f")]);
    plan.see(
        key("Service", "f"),
        observed("Service", object("Service", "f")),
    );
    assert_eq!(done(&plan.actions(now)), [("apply", "Service")]);
    plan.applied(
        &key("Service", "f"),
        observed("Service", object("Service", "f")),
    );
    assert_eq!(plan.actions(now), []);
    plan.forget_applied();
    assert_eq!(done(&plan.actions(now)), [("apply", "Service")]);
}

#[test]
fn object_that_somebody_changes_is_applied_again_and_one_whose_status_changes_is_not() {
    let now = Instant::now();
    let mut plan = plan(vec![object("Deployment", "f")]);
    plan.applied(
        &key("Deployment", "f"),
        observed("Deployment", object("Deployment", "f")),
    );
    let mut running = object("Deployment", "f");
    running["status"] = json!({"readyReplicas": 1});
    assert!(plan.see(key("Deployment", "f"), observed("Deployment", running)));
    assert_eq!(plan.actions(now), []);
    let mut edited = object("Deployment", "f");
    edited["spec"]["x"] = json!(2);
    plan.see(key("Deployment", "f"), observed("Deployment", edited));
    assert_eq!(done(&plan.actions(now)), [("apply", "Deployment")]);
}

#[test]
fn object_that_is_wanted_otherwise_is_applied() {
    let now = Instant::now();
    let mut plan = plan(vec![object("Service", "f")]);
    plan.applied(
        &key("Service", "f"),
        observed("Service", object("Service", "f")),
    );
    let mut other = object("Service", "f");
    other["spec"]["x"] = json!(2);
    let wanted = WantedFleets {
        objects: vec![other],
        keep: BTreeSet::new(),
    };
    plan.want(&wanted, &options());
    assert_eq!(done(&plan.actions(now)), [("apply", "Service")]);
}

#[test]
fn object_that_somebody_deletes_is_made_anew() {
    let now = Instant::now();
    let mut plan = plan(vec![object("Service", "f")]);
    plan.applied(
        &key("Service", "f"),
        observed("Service", object("Service", "f")),
    );
    let mut going = object("Service", "f");
    going["metadata"]["deletionTimestamp"] = json!("2026-11-21T16:00:00Z");
    plan.see(key("Service", "f"), observed("Service", going));
    assert_eq!(plan.actions(now), []);
    assert!(plan.miss(&key("Service", "f")));
    assert_eq!(done(&plan.actions(now)), [("create", "Service")]);
}

#[test]
fn object_that_nobody_wants_is_deleted_after_a_while() {
    let now = Instant::now();
    let mut plan = plan(vec![]);
    plan.see(
        key("Service", "f"),
        observed("Service", object("Service", "f")),
    );
    assert_eq!(plan.actions(now), []);
    assert_eq!(plan.next_due(), Some(now + UNWANTED));
    assert_eq!(done(&plan.actions(now + UNWANTED)), [("delete", "Service")]);
    plan.deleted(&key("Service", "f"));
    assert_eq!(plan.actions(now + UNWANTED * 2), []);
}

#[test]
fn object_that_is_wanted_again_in_time_stays() {
    let now = Instant::now();
    let mut plan = plan(vec![]);
    plan.see(
        key("Service", "f"),
        observed("Service", object("Service", "f")),
    );
    plan.actions(now);
    let wanted = WantedFleets {
        objects: vec![object("Service", "f")],
        keep: BTreeSet::new(),
    };
    plan.want(&wanted, &options());
    plan.actions(now);
    plan.want(&WantedFleets::default(), &options());
    assert_eq!(done(&plan.actions(now + UNWANTED)), []);
}

#[test]
fn fleet_that_is_kept_loses_nothing() {
    let now = Instant::now();
    let mut plan = Plan::default();
    let keep = BTreeSet::from([NamespacedName::new("a", "f")]);
    plan.want(
        &WantedFleets {
            objects: vec![],
            keep,
        },
        &options(),
    );
    plan.see(
        key("Service", "f"),
        observed("Service", object("Service", "f")),
    );
    plan.actions(now);
    assert_eq!(plan.actions(now + UNWANTED * 2), []);
}

#[test]
fn write_that_failed_is_tried_again_ever_more_rarely() {
    let now = Instant::now();
    let mut plan = plan(vec![object("Service", "f")]);
    assert!(plan.fail(&key("Service", "f"), "no".to_string(), now));
    assert_eq!(plan.actions(now), []);
    assert_eq!(plan.next_due(), Some(now + RETRY_MIN));
    assert_eq!(
        done(&plan.actions(now + RETRY_MIN)),
        [("create", "Service")]
    );
    assert!(!plan.fail(&key("Service", "f"), "no".to_string(), now));
    assert_eq!(plan.next_due(), Some(now + RETRY_MIN * 2));
    let failures: Vec<_> = plan.failures().collect();
    assert_eq!(failures, [(&NamespacedName::new("a", "f"), "no")]);
}

#[test]
fn list_tells_what_is_gone_in_its_namespace_only() {
    let mut plan = plan(vec![]);
    let mut elsewhere = key("Service", "g");
    elsewhere.namespace = "b".to_string();
    plan.see(
        key("Service", "f"),
        observed("Service", object("Service", "f")),
    );
    plan.see(
        elsewhere.clone(),
        observed("Service", object("Service", "g")),
    );
    assert!(plan.complete(key("Service", "f").kind, Some("a"), &BTreeSet::new()));
    assert_eq!(
        plan.observed().map(|(key, _)| key).collect::<Vec<_>>(),
        [&elsewhere]
    );
    assert!(plan.complete(key("Service", "f").kind, None, &BTreeSet::new()));
}

#[test]
fn objects_that_cannot_be_applied_are_named() {
    let mut plan = Plan::default();
    let mut nameless = object("Service", "f");
    nameless["metadata"]["name"] = json!("");
    let mut loose = object("Service", "f");
    loose["metadata"]["labels"] = json!({});
    let objects = vec![object("Pod", "p"), nameless, loose];
    let problems = plan.want(
        &WantedFleets {
            objects,
            keep: BTreeSet::new(),
        },
        &options(),
    );
    assert_eq!(
        problems,
        [
            "Pod p: its kind is none that fleets are made of",
            "Service : metadata.namespace and metadata.name are required",
            "Service f: label app.kubernetes.io/instance is required",
        ]
    );
}
