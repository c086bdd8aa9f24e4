//! What is kept of an object of a fleet that is there. Pure.

use std::fmt;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tollgate_translate::NamespacedName;

use super::INSTANCE_LABEL;
use crate::watch::Raw;

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Place in `FLEET_KINDS`: they are applied in this order.
    pub(crate) kind: usize,
    /// Namespace.
    pub(crate) namespace: String,
    /// Name.
    pub(crate) name: String,
}

/// Hash of what an object says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hash([u8; 16]);

/// An object that is there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Observed {
    pub(crate) uid: String,
    /// The fleet it belongs to.
    pub(crate) fleet: NamespacedName,
    /// Of everything that somebody may write: all but metadata that the server keeps, and status.
    pub(crate) content: Hash,
    /// It is on its way out.
    pub(crate) is_going: bool,
    /// Status, and of a Service also `spec`; of other kinds nothing.
    pub(crate) seen: Value,
}

// === impl Hash ===

impl Hash {
    /// Of a value; the order of fields does not matter.
    pub(crate) fn of(value: &Value) -> Self {
        let digest = Sha256::digest(sorted(value).to_string());
        let mut hash = [0; 16];
        for (to, from) in hash.iter_mut().zip(digest.iter()) {
            *to = *from;
        }
        Self(hash)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = self;
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

// === impl Observed ===

impl Observed {
    /// Keeps what is needed of an object of the kind at this place.
    pub(crate) fn new(kind: &str, raw: &Raw) -> Self {
        let body = &raw.body;
        let metadata = &body["metadata"];
        let mut said = Map::new();
        for (field, value) in body.as_object().into_iter().flatten() {
            if !matches!(
                field.as_str(),
                "metadata" | "status" | "apiVersion" | "kind"
            ) {
                said.insert(field.clone(), value.clone());
            }
        }
        for field in ["labels", "annotations", "ownerReferences"] {
            if let Some(value) = metadata.get(field) {
                said.insert(format!("metadata.{field}"), without_revision(field, value));
            }
        }
        let seen = match kind {
            "Service" => serde_json::json!({"spec": body["spec"], "status": body["status"]}),
            "Deployment" | "DaemonSet" => serde_json::json!({
                "generation": raw.metadata.generation,
                "replicas": body["spec"]["replicas"],
                "status": body["status"],
            }),
            _ => Value::Null,
        };
        let fleet = metadata["labels"][INSTANCE_LABEL].as_str();
        let namespace = raw.metadata.namespace.as_deref();
        Self {
            uid: raw.metadata.uid.clone().unwrap_or_default(),
            fleet: NamespacedName::new(namespace.unwrap_or_default(), fleet.unwrap_or_default()),
            content: Hash::of(&Value::Object(said)),
            is_going: metadata.get("deletionTimestamp").is_some(),
            seen,
        }
    }
}

/// A Deployment's controller counts revisions in an annotation.
fn without_revision(field: &str, value: &Value) -> Value {
    let mut value = value.clone();
    if field == "annotations"
        && let Some(map) = value.as_object_mut()
    {
        map.retain(|key, _| !key.starts_with("deployment.kubernetes.io/"));
    }
    value
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            let fields = fields
                .into_iter()
                .map(|(key, value)| (key.clone(), sorted(value)));
            Value::Object(fields.collect())
        }
        Value::Array(list) => list.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn observed(body: Value) -> Observed {
        Observed::new("Deployment", &Raw::new(body))
    }

    fn deployment() -> Value {
        json!({"metadata": {"name": "f", "namespace": "a", "uid": "u", "resourceVersion": "1",
            "labels": {INSTANCE_LABEL: "f"}},
            "spec": {"replicas": 2}, "status": {"readyReplicas": 1}})
    }

    #[test]
    fn what_the_cluster_writes_is_no_change_of_content() {
        let mut later = deployment();
        later["metadata"]["resourceVersion"] = json!("2");
        later["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "3"});
        later["status"] = json!({"readyReplicas": 2});
        let mut first = deployment();
        first["metadata"]["annotations"] = json!({});
        assert_eq!(observed(first).content, observed(later).content);
    }

    #[test]
    fn what_somebody_writes_is_a_change_of_content() {
        let before = observed(deployment()).content;
        for (path, value) in [
            ("/spec/replicas", json!(3)),
            ("/metadata/labels", json!({"x": "y"})),
        ] {
            let mut later = deployment();
            *later.pointer_mut(path).expect(path) = value;
            assert_ne!(observed(later).content, before, "{path}");
        }
    }

    #[test]
    fn fleet_is_known_by_its_label() {
        let observed = observed(deployment());
        assert_eq!(observed.fleet, NamespacedName::new("a", "f"));
        assert_eq!(observed.uid, "u");
        assert!(!observed.is_going);
    }

    #[test]
    fn data_of_secrets_is_not_kept() {
        let body =
            json!({"metadata": {"name": "s", "namespace": "a"}, "data": {"tls.key": "c2VjcmV0"}});
        let observed = Observed::new("Secret", &Raw::new(body));
        assert!(!format!("{observed:?}").contains("c2VjcmV0"));
    }
}
