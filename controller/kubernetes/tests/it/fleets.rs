//! Objects of fleets on a real API server.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::sync::watch;
use tollgate_kubernetes::apply::{Applier, FleetOptions, INSTALLATION_LABEL, WantedFleets};
use tollgate_translate::{FleetAddress, NamespacedName};

use crate::sandbox::{PATIENCE, Sandbox, core};

fn start(sandbox: &Sandbox) -> (Applier, watch::Sender<bool>) {
    let (leads_tx, leads) = watch::channel(true);
    let options = FleetOptions {
        installation: sandbox.namespace.clone(),
        namespaces: BTreeSet::from([sandbox.namespace.clone()]),
    };
    let applier = Applier::start(&sandbox.cluster, leads, options, sandbox.metrics.clone());
    (applier, leads_tx)
}

fn object(sandbox: &Sandbox, kind: &str, rest: Value) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": kind,
        "metadata": {"name": "f", "namespace": sandbox.namespace, "labels": {
            "app.kubernetes.io/instance": "f",
            "app.kubernetes.io/managed-by": "tollgate",
            "app.kubernetes.io/component": "proxy"}}});
    for (field, value) in rest.as_object().expect("fields") {
        object[field] = value.clone();
    }
    object
}

fn wanted(objects: Vec<Value>) -> WantedFleets {
    WantedFleets {
        objects,
        keep: BTreeSet::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_made_put_back_and_taken_away() {
    let Some(sandbox) = Sandbox::open("fleet").await else {
        return;
    };
    let (applier, _leads) = start(&sandbox);
    let config_maps = core("ConfigMap", "configmaps");
    let map = object(&sandbox, "ConfigMap", json!({"data": {"a": "1"}}));
    let service = json!({"spec": {"type": "ClusterIP", "ports": [{"port": 80}]}});
    let service = object(&sandbox, "Service", service);
    applier.apply(wanted(vec![map, service.clone()]));
    let made = sandbox
        .wait(&config_maps, "f", |it| it["data"]["a"] == "1")
        .await;
    assert_eq!(
        made["metadata"]["labels"][INSTALLATION_LABEL],
        sandbox.namespace.as_str()
    );

    sandbox
        .merge(&config_maps, "f", json!({"data": {"a": "2"}}))
        .await;
    sandbox
        .wait(&config_maps, "f", |it| it["data"]["a"] == "1")
        .await;

    let fleet = NamespacedName::new(&sandbox.namespace, "f");
    let mut seen = applier.observe();
    let has_address = |fleets: &std::sync::Arc<tollgate_kubernetes::apply::SeenFleets>| {
        fleets
            .get(&fleet)
            .is_some_and(|it| matches!(it.addresses[..], [FleetAddress::IPAddress(_)]))
    };
    let found = tokio::time::timeout(PATIENCE, seen.wait_for(has_address)).await;
    drop(found.expect("in time").expect("the applier lives"));

    applier.apply(wanted(vec![service]));
    sandbox.wait(&config_maps, "f", Value::is_null).await;
    let services = core("Service", "services");
    assert!(
        sandbox
            .api(&services)
            .get_opt("f")
            .await
            .expect("an answer")
            .is_some()
    );
    sandbox.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn object_of_somebody_else_is_not_taken_over() {
    let Some(sandbox) = Sandbox::open("fleet-foreign").await else {
        return;
    };
    let config_maps = core("ConfigMap", "configmaps");
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "f", "namespace": sandbox.namespace}, "data": {"a": "theirs"}});
    sandbox.create(&config_maps, body).await;
    let (applier, _leads) = start(&sandbox);
    let map = object(&sandbox, "ConfigMap", json!({"data": {"a": "ours"}}));
    applier.apply(wanted(vec![map]));
    let fleet = NamespacedName::new(&sandbox.namespace, "f");
    let mut seen = applier.observe();
    let found = tokio::time::timeout(
        PATIENCE,
        seen.wait_for(|fleets| fleets.get(&fleet).is_some_and(|it| it.problem.is_some())),
    )
    .await
    .expect("in time");
    let problem = found.expect("the applier lives")[&fleet].problem.clone();
    let said = "ConfigMap f: exists and is not of this installation; rename or delete it";
    assert_eq!(problem.as_deref(), Some(said));
    let theirs = sandbox.wait(&config_maps, "f", |it| !it.is_null()).await;
    assert_eq!(theirs["data"]["a"], "theirs");
    sandbox.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replica_that_does_not_lead_writes_nothing() {
    let Some(sandbox) = Sandbox::open("fleet-follower").await else {
        return;
    };
    let (applier, leads) = start(&sandbox);
    leads.send_replace(false);
    let map = object(&sandbox, "ConfigMap", json!({"data": {"a": "1"}}));
    applier.apply(wanted(vec![map]));
    let fleet = NamespacedName::new(&sandbox.namespace, "f");
    let mut seen = applier.observe();
    // It has taken in what is wanted.
    let found = tokio::time::timeout(PATIENCE, seen.wait_for(|it| it.contains_key(&fleet))).await;
    drop(found.expect("in time").expect("the applier lives"));
    let config_maps = core("ConfigMap", "configmaps");
    assert!(
        sandbox
            .api(&config_maps)
            .get_opt("f")
            .await
            .expect("an answer")
            .is_none()
    );
    leads.send_replace(true);
    sandbox
        .wait(&config_maps, "f", |it| it["data"]["a"] == "1")
        .await;
    sandbox.close().await;
}
