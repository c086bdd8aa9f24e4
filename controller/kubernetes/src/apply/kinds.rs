//! The kinds that fleets are made of.

use kube::core::ApiResource;
use serde_json::Value;

/// A kind of object that fleets are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FleetKind {
    /// API group; empty for core.
    pub group: &'static str,
    /// Version.
    pub version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Name in URLs.
    pub plural: &'static str,
    /// Objects of a lower phase are applied first: pods do not start without their account.
    pub(crate) phase: u8,
}

/// Every kind, in the order in which they are applied.
pub static FLEET_KINDS: [FleetKind; 8] = [
    FleetKind {
        group: "",
        version: "v1",
        kind: "ServiceAccount",
        plural: "serviceaccounts",
        phase: 0,
    },
    FleetKind {
        group: "",
        version: "v1",
        kind: "Secret",
        plural: "secrets",
        phase: 0,
    },
    FleetKind {
        group: "",
        version: "v1",
        kind: "ConfigMap",
        plural: "configmaps",
        phase: 0,
    },
    FleetKind {
        group: "",
        version: "v1",
        kind: "Service",
        plural: "services",
        phase: 0,
    },
    FleetKind {
        group: "apps",
        version: "v1",
        kind: "Deployment",
        plural: "deployments",
        phase: 1,
    },
    FleetKind {
        group: "apps",
        version: "v1",
        kind: "DaemonSet",
        plural: "daemonsets",
        phase: 1,
    },
    FleetKind {
        group: "autoscaling",
        version: "v2",
        kind: "HorizontalPodAutoscaler",
        plural: "horizontalpodautoscalers",
        phase: 1,
    },
    FleetKind {
        group: "policy",
        version: "v1",
        kind: "PodDisruptionBudget",
        plural: "poddisruptionbudgets",
        phase: 1,
    },
];

// === impl FleetKind ===

impl FleetKind {
    /// The kind of an object as it is rendered, and its place in [`FLEET_KINDS`].
    pub(crate) fn of(object: &Value) -> Option<usize> {
        let kind = object["kind"].as_str()?;
        let api_version = object["apiVersion"].as_str()?;
        FLEET_KINDS
            .iter()
            .position(|row| row.kind == kind && row.api_version() == api_version)
    }

    pub(crate) fn api_version(&self) -> String {
        match self.group {
            "" => self.version.to_string(),
            group => format!("{group}/{}", self.version),
        }
    }

    pub(crate) fn resource(&self) -> ApiResource {
        ApiResource {
            group: self.group.to_string(),
            version: self.version.to_string(),
            api_version: self.api_version(),
            kind: self.kind.to_string(),
            plural: self.plural.to_string(),
        }
    }
}
