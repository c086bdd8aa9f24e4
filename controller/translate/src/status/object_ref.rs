//! Which object a status belongs to.

use serde::Serialize;

use crate::NamespacedName;

/// Group, kind, namespace and name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ObjectRef {
    /// API group; empty is the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace; `None` for cluster-wide kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

// === impl ObjectRef ===

impl ObjectRef {
    /// A namespaced object.
    pub fn namespaced(group: &str, kind: &str, name: &NamespacedName) -> Self {
        Self {
            group: group.to_string(),
            kind: kind.to_string(),
            namespace: Some(name.namespace.clone()),
            name: name.name.clone(),
        }
    }

    /// An object without a namespace.
    pub fn cluster_wide(group: &str, kind: &str, name: &str) -> Self {
        Self {
            group: group.to_string(),
            kind: kind.to_string(),
            namespace: None,
            name: name.to_string(),
        }
    }
}
