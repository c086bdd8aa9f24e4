//! Names, labels and owners of a fleet's objects.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tollgate_translate::{FleetScope, FleetSpec};

/// Name of the Gateway (GEP-1762); shortened with a hash beyond 63 characters.
pub const GATEWAY_LABEL: &str = "gateway.networking.k8s.io/gateway-name";
/// Name of the GatewayClass (GEP-1762); shortened with a hash beyond 63 characters.
pub const CLASS_LABEL: &str = "gateway.networking.k8s.io/gateway-class-name";
/// Name of the fleet: what its pods are selected by.
pub const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";
/// Selects the objects of all fleets, and nothing else of ours.
pub const SELECTOR: &str =
    "app.kubernetes.io/managed-by=tollgate,app.kubernetes.io/component=proxy";

const LABEL_CHARS_MAX: usize = 63;
const HASH_CHARS: usize = 8;

/// Namespace and name of the fleet that an object belongs to, by its labels; `None` for an object
/// that is not ours.
pub fn fleet_of(object: &Value) -> Option<(&str, &str)> {
    let metadata = object.get("metadata")?;
    let labels = metadata.get("labels")?;
    let is = |label: &str, value: &str| labels.get(label).is_some_and(|it| it == value);
    let ours = is("app.kubernetes.io/managed-by", "tollgate")
        && is("app.kubernetes.io/component", "proxy");
    let namespace = metadata.get("namespace")?.as_str()?;
    let name = labels.get(INSTANCE_LABEL)?.as_str()?;
    ours.then_some((namespace, name))
}

/// The ServiceAccount of the proxies: they talk to no API server, so it gives no token.
pub(crate) fn service_account(spec: &FleetSpec) -> Value {
    let mut account = object(spec, "v1", "ServiceAccount", &service_account_name(spec));
    account["automountServiceAccountToken"] = json!(false);
    account
}

pub(crate) fn service_account_name(spec: &FleetSpec) -> String {
    let settings = spec.proxy.kubernetes();
    let account = settings.and_then(|it| it.envoy_service_account.as_ref());
    account
        .and_then(|it| it.name.clone())
        .unwrap_or_else(|| spec.name.clone())
}

/// An object of the fleet without a spec.
pub(crate) fn object(spec: &FleetSpec, api_version: &str, kind: &str, name: &str) -> Value {
    let mut object = json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": spec.namespace,
            "labels": labels(spec),
        },
    });
    let metadata = &mut object["metadata"];
    if !spec.annotations.is_empty() {
        metadata["annotations"] = json!(spec.annotations);
    }
    if let Some(owner) = &spec.owner {
        metadata["ownerReferences"] = json!([{
            "apiVersion": owner.api_version,
            "kind": owner.kind,
            "name": owner.name,
            "uid": owner.uid,
            "controller": true,
            "blockOwnerDeletion": false,
        }]);
    }
    object
}

/// Puts back what an object is known by, after somebody's patch.
pub(crate) fn restore(object: &mut Value, made: &Value) {
    for field in ["apiVersion", "kind"] {
        object[field] = made[field].clone();
    }
    let metadata = &mut object["metadata"];
    if !metadata.is_object() {
        *metadata = Value::Object(Map::new());
    }
    for field in ["name", "namespace", "ownerReferences"] {
        if let Some(value) = made["metadata"].get(field) {
            metadata[field] = value.clone();
        }
    }
    overlay(metadata, "labels", &made["metadata"]["labels"]);
    if let Some(selector) = made["spec"].get("selector") {
        object["spec"]["selector"] = selector.clone();
    }
    if let Some(labels) = made.pointer("/spec/template/metadata/labels") {
        let template = &mut object["spec"]["template"]["metadata"];
        overlay(template, "labels", labels);
    }
}

fn overlay(metadata: &mut Value, field: &str, kept: &Value) {
    let mut merged = match metadata.get(field) {
        Some(Value::Object(present)) => present.clone(),
        _ => Map::new(),
    };
    if let Value::Object(kept) = kept {
        merged.extend(kept.clone());
    }
    metadata[field] = Value::Object(merged);
}

/// What the Gateway asks for, and over it what the fleet is known by.
pub(crate) fn labels(spec: &FleetSpec) -> BTreeMap<String, String> {
    let mut labels = spec.labels.clone();
    let FleetSpec { scope, class, .. } = spec;
    if let FleetScope::Gateway { name, .. } = scope {
        labels.insert(GATEWAY_LABEL.to_string(), label_value(name));
    }
    labels.insert(CLASS_LABEL.to_string(), label_value(class));
    labels.insert(
        "app.kubernetes.io/managed-by".to_string(),
        "tollgate".to_string(),
    );
    labels.extend(selector(spec));
    labels
}

/// By what the fleet's pods are selected; it never changes in the life of a fleet.
pub(crate) fn selector(spec: &FleetSpec) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("app.kubernetes.io/name".to_string(), "tollgate".to_string()),
        (
            "app.kubernetes.io/component".to_string(),
            "proxy".to_string(),
        ),
        (INSTANCE_LABEL.to_string(), spec.name.clone()),
    ])
}

/// A name as the value of a label: at most 63 characters.
fn label_value(name: &str) -> String {
    if name.len() <= LABEL_CHARS_MAX {
        return name.to_string();
    }
    let digest = Sha256::digest(name.as_bytes());
    let hash: String = digest
        .iter()
        .take(HASH_CHARS / 2)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // Names of objects are ASCII, so every index is the border of a character.
    let head = name.get(..LABEL_CHARS_MAX - HASH_CHARS - 1).unwrap_or(name);
    format!("{}-{hash}", head.trim_end_matches(['-', '.']))
}
