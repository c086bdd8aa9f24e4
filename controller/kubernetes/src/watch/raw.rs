//! An object as an API server sends it. Reading one never fails as long as it is JSON, so that
//! no object can stop a watch; and it is never printed, for it may be a Secret.

use std::borrow::Cow;
use std::fmt;

use kube::Resource;
use kube::core::{ApiResource, DynamicResourceScope, ObjectMeta};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Copy of an object that `kubectl apply` leaves behind: as large as the object, and of no use.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// JSON of any kind.
#[derive(Clone)]
pub(crate) struct Raw {
    /// Name, namespace, uid and versions only.
    pub(crate) metadata: ObjectMeta,
    /// The whole object, less fields of metadata that nobody reads.
    pub(crate) body: Value,
}

// === impl Raw ===

impl Raw {
    pub(crate) fn new(mut body: Value) -> Self {
        if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
            for field in ["managedFields", "selfLink"] {
                metadata.remove(field);
            }
            if let Some(annotations) = metadata
                .get_mut("annotations")
                .and_then(Value::as_object_mut)
            {
                annotations.remove(LAST_APPLIED);
            }
        }
        let text = |field: &str| body["metadata"][field].as_str().map(str::to_string);
        let metadata = ObjectMeta {
            name: text("name"),
            namespace: text("namespace"),
            uid: text("uid"),
            resource_version: text("resourceVersion"),
            generation: body["metadata"]["generation"].as_i64(),
            ..ObjectMeta::default()
        };
        Self { metadata, body }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::new)
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raw")
            .field("namespace", &self.metadata.namespace)
            .field("name", &self.metadata.name)
            .finish_non_exhaustive()
    }
}

impl Resource for Raw {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn api_version(resource: &ApiResource) -> Cow<'_, str> {
        resource.api_version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Raw;

    #[test]
    fn fields_that_nobody_reads_are_dropped() {
        let raw = Raw::new(json!({"metadata": {
            "name": "a", "namespace": "b", "uid": "u", "resourceVersion": "7", "generation": 3,
            "managedFields": [{"manager": "x"}],
            "annotations": {super::LAST_APPLIED: "{}", "other": "1"},
        }, "spec": {"x": 1}}));
        assert_eq!(raw.body["metadata"]["managedFields"], json!(null));
        assert_eq!(raw.body["metadata"]["annotations"], json!({"other": "1"}));
        assert_eq!(raw.metadata.resource_version.as_deref(), Some("7"));
        assert_eq!(raw.metadata.generation, Some(3));
    }

    #[test]
    fn wrong_types_in_metadata_do_not_stop_a_watch() {
        for text in [
            "{}",
            r#"{"metadata": 3}"#,
            r#"{"metadata": {"name": 3, "annotations": []}}"#,
        ] {
            let raw: Raw = serde_json::from_str(text).expect(text);
            assert_eq!(raw.metadata.name, None);
        }
    }

    #[test]
    fn values_are_not_printed() {
        let raw = Raw::new(json!({"metadata": {"name": "a"}, "data": {"key": "c2VjcmV0"}}));
        assert!(!format!("{raw:?}").contains("c2VjcmV0"));
    }
}
