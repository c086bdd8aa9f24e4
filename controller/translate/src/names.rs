//! Names: of objects, and of everything in the IR that must be unique.
//!
//! Every generated name is made here, so that two of them can be compared at a glance.

use std::fmt;

use serde::Serialize;

/// Namespace and name of a namespaced object; prints as `namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct NamespacedName {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

// === impl NamespacedName ===

impl NamespacedName {
    /// Both parts.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for NamespacedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Name of the IR listener of a Gateway's port.
pub(crate) fn listener(gateway: &NamespacedName, port: u16) -> String {
    format!("{gateway}/{port}")
}

/// Name of a virtual host of a listener.
pub(crate) fn virtual_host(listener: &str, domain: &str) -> String {
    format!("{listener}/{domain}")
}

/// Name of match `position` of rule `rule` of an HTTPRoute.
pub(crate) fn http_route(route: &NamespacedName, rule: usize, position: usize) -> String {
    format!("httproute/{route}/rule/{rule}/match/{position}")
}

/// Name of the cluster of backend `position` of rule `rule` of an HTTPRoute.
pub(crate) fn http_backend(route: &NamespacedName, rule: usize, position: usize) -> String {
    format!("httproute/{route}/rule/{rule}/backend/{position}")
}

/// Id of a backend of an AI rule.
pub(crate) fn ai_backend(rule_id: &str, position: usize) -> String {
    format!("{rule_id}/{position}")
}

/// Name of the cluster of a backend of an AI rule. The proxy routes by its prefix, `ai/{rule_id}/`.
pub(crate) fn ai_cluster(rule_id: &str, position: usize) -> String {
    format!("ai/{rule_id}/{position}")
}
