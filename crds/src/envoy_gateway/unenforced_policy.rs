//! Policies of Envoy Gateway that Tollgate reads to say that it does not enforce them: whom they
//! mean, and which settings they have. No schema is kept: who has them has Envoy Gateway's.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::backend_traffic_policy::TargetSelector;
use crate::PolicyTargetReference;

/// One of these policies.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct UnenforcedPolicy {
    /// Which it is.
    pub kind: UnenforcedKind,
    /// Name, namespace, generation.
    pub metadata: ObjectMeta,
    /// What it asks for.
    #[serde(default)]
    pub spec: UnenforcedPolicySpec,
}

/// The kinds that are read and not enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[allow(missing_docs, reason = "each variant is named after its kind")]
pub enum UnenforcedKind {
    ClientTrafficPolicy,
    EnvoyExtensionPolicy,
    EnvoyPatchPolicy,
    SecurityPolicy,
}

/// Targets, and everything else as it is written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnenforcedPolicySpec {
    /// The one object that the policy applies to; the older spelling of `targetRefs`.
    #[serde(default)]
    pub target_ref: Option<PolicyTargetReference>,
    /// Objects of this namespace that the policy applies to.
    #[serde(default)]
    pub target_refs: Vec<PolicyTargetReference>,
    /// Objects that the policy applies to, by their labels.
    #[serde(default)]
    pub target_selectors: Vec<TargetSelector>,
    /// By field.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
}

// === impl UnenforcedKind ===

impl UnenforcedKind {
    /// As objects spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientTrafficPolicy => "ClientTrafficPolicy",
            Self::EnvoyExtensionPolicy => "EnvoyExtensionPolicy",
            Self::EnvoyPatchPolicy => "EnvoyPatchPolicy",
            Self::SecurityPolicy => "SecurityPolicy",
        }
    }

    /// The kind of that name.
    pub fn of(name: &str) -> Option<Self> {
        use UnenforcedKind::{
            ClientTrafficPolicy, EnvoyExtensionPolicy, EnvoyPatchPolicy, SecurityPolicy,
        };
        [
            ClientTrafficPolicy,
            EnvoyExtensionPolicy,
            EnvoyPatchPolicy,
            SecurityPolicy,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }
}
