//! Statuses and events on real objects.

use serde_json::{Value, json};
use tollgate_translate::{Cluster, FleetPlacement, Mode, Options};

use crate::control::Control;
use crate::sandbox::{Sandbox, core, gateway_api, resource};

const OTHER: &str = "example.com/other";

async fn open(test: &str) -> Option<(Sandbox, Control)> {
    let mut sandbox = Sandbox::open(test).await?;
    let options = options(format!("test.tollgate.dev/{}", sandbox.namespace));
    let control = Control::start(&mut sandbox, options).await;
    let body = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "g", "namespace": sandbox.namespace},
        "spec": {"gatewayClassName": control.class,
            "listeners": [{"name": "web", "port": 80, "protocol": "HTTP"}]}});
    sandbox
        .create(&gateway_api("Gateway", "gateways"), body)
        .await;
    Some((sandbox, control))
}

pub(crate) fn options(controller_name: String) -> Options {
    Options {
        controller_name,
        claimed_names: Vec::new(),
        cluster_domain: "cluster.local".to_string(),
        mode: Mode::Cluster(Cluster {
            namespace: "tollgate-system".to_string(),
            placement: FleetPlacement::GatewayNamespace,
            shared_store: true,
        }),
    }
}

fn route(namespace: &str, parents: Value) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "r", "namespace": namespace},
        "spec": {"parentRefs": parents,
            "rules": [{"backendRefs": [{"name": "missing", "port": 80}]}]}})
}

/// The entry of a controller in `status.parents`.
fn entry<'a>(object: &'a Value, controller: &str) -> Option<&'a Value> {
    let parents = object["status"]["parents"].as_array()?;
    parents.iter().find(|it| it["controllerName"] == controller)
}

fn condition<'a>(conditions: &'a Value, kind: &str) -> &'a Value {
    let list = conditions.as_array().map_or(&[][..], Vec::as_slice);
    let found = list.iter().find(|it| it["type"] == kind);
    found.unwrap_or(&Value::Null)
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_and_class_are_told_and_their_generations_followed() {
    let Some((sandbox, control)) = open("status-gateway").await else {
        return;
    };
    let gateways = gateway_api("Gateway", "gateways");
    let is_accepted = |object: &Value| {
        let accepted = condition(&object["status"]["conditions"], "Accepted");
        accepted["status"] == "True"
            && accepted["observedGeneration"] == object["metadata"]["generation"]
    };
    let first = sandbox.wait(&gateways, "g", is_accepted).await;
    assert_eq!(first["status"]["listeners"][0]["name"], "web");
    let before =
        condition(&first["status"]["conditions"], "Accepted")["lastTransitionTime"].clone();
    let listeners = json!([{"name": "web", "port": 80, "protocol": "HTTP"},
        {"name": "two", "port": 8080, "protocol": "HTTP"}]);
    sandbox
        .merge(&gateways, "g", json!({"spec": {"listeners": listeners}}))
        .await;
    let both = |object: &Value| {
        let listeners = object["status"]["listeners"].as_array();
        is_accepted(object) && listeners.is_some_and(|list| list.len() == 2)
    };
    let second = sandbox.wait(&gateways, "g", both).await;
    let after = &condition(&second["status"]["conditions"], "Accepted")["lastTransitionTime"];
    assert_eq!(*after, before);
    drop(control);
    sandbox.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_others_survive_ours_coming_and_going() {
    let Some((sandbox, control)) = open("status-entries").await else {
        return;
    };
    let routes = gateway_api("HTTPRoute", "httproutes");
    sandbox
        .create(&routes, route(&sandbox.namespace, json!([{"name": "g"}])))
        .await;
    let object = sandbox
        .wait(&routes, "r", |it| entry(it, &control.controller).is_some())
        .await;
    let ours = entry(&object, &control.controller).expect("an entry");
    assert_eq!(condition(&ours["conditions"], "Accepted")["status"], "True");
    assert_eq!(
        condition(&ours["conditions"], "ResolvedRefs")["reason"],
        "BackendNotFound"
    );

    // Another controller adds its entry, and keeps ours.
    let theirs = json!({"parentRef": {"name": "x"}, "controllerName": OTHER, "conditions": [
        {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]});
    sandbox
        .merge_status(&routes, "r", json!({"status": {"parents": [theirs, ours]}}))
        .await;
    // Then overwrites everything: ours comes back beside it.
    sandbox
        .merge_status(&routes, "r", json!({"status": {"parents": [theirs]}}))
        .await;
    let both = |it: &Value| entry(it, &control.controller).is_some() && entry(it, OTHER).is_some();
    sandbox.wait(&routes, "r", both).await;

    // The route turns to another Gateway: only theirs is left.
    sandbox
        .merge(
            &routes,
            "r",
            json!({"spec": {"parentRefs": [{"name": "elsewhere"}]}}),
        )
        .await;
    let theirs_only =
        |it: &Value| entry(it, &control.controller).is_none() && entry(it, OTHER).is_some();
    sandbox.wait(&routes, "r", theirs_only).await;
    drop(control);
    sandbox.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_of_a_route_is_an_event_on_it() {
    let Some((sandbox, control)) = open("status-events").await else {
        return;
    };
    let routes = gateway_api("HTTPRoute", "httproutes");
    let created = sandbox
        .create(&routes, route(&sandbox.namespace, json!([{"name": "g"}])))
        .await;
    let events = sandbox.api(&resource("events.k8s.io", "v1", "Event", "events"));
    let deadline = tokio::time::Instant::now() + crate::sandbox::PATIENCE;
    let event = loop {
        let list = events.list(&Default::default()).await.expect("events");
        let found = list
            .items
            .into_iter()
            .find(|it| it.data["reason"] == "BackendNotFound");
        if let Some(event) = found {
            break event;
        }
        assert!(tokio::time::Instant::now() < deadline, "no event");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!(event.data["regarding"]["name"], "r");
    assert_eq!(json!(created.metadata.uid), event.data["regarding"]["uid"]);
    assert_eq!(event.data["type"], "Warning");
    drop(control);
    sandbox.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_is_deleted_leaves_the_snapshot() {
    let Some((sandbox, mut control)) = open("snapshot-delete").await else {
        return;
    };
    let services = core("Service", "services");
    let body = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "missing", "namespace": sandbox.namespace},
        "spec": {"ports": [{"port": 80}]}});
    sandbox.create(&services, body).await;
    let routes = gateway_api("HTTPRoute", "httproutes");
    sandbox
        .create(&routes, route(&sandbox.namespace, json!([{"name": "g"}])))
        .await;
    let resolved = |it: &Value, status: &str| {
        let ours = entry(it, &control.controller);
        ours.is_some_and(|it| condition(&it["conditions"], "ResolvedRefs")["status"] == status)
    };
    sandbox.wait(&routes, "r", |it| resolved(it, "True")).await;
    sandbox.delete(&services, "missing").await;
    sandbox.wait(&routes, "r", |it| resolved(it, "False")).await;
    sandbox.delete(&routes, "r").await;
    let name = sandbox.namespace.clone();
    let is_route = move |object: &tollgate_translate::ObjectRef| {
        object.kind == "HTTPRoute" && object.namespace.as_deref() == Some(name.as_str())
    };
    control
        .wait(|(_, wanted)| !wanted.statuses.iter().any(|(object, _)| is_route(object)))
        .await;
    drop(control);
    sandbox.close().await;
}
