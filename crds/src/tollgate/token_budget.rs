//! TokenBudget: what each subject may spend per window, in tokens, requests or money.
//!
//! Fields that only make sense together are tied by rules of the schema, so that an object that
//! passes it has exactly the details that its subject, meter, mode and failure mode need.

mod limit;
mod meter;
mod mode;
mod subject;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

pub use limit::{BudgetLimit, Window};
pub use meter::{Meter, PriceTableReference};
pub use mode::{Lease, Mode, OnStoreFailure, Overcommit};
pub use subject::{SubjectKind, SubjectSource};

use crate::{ObjectStatus, PolicyTargetReference};

/// What each subject may spend; all limits apply together.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "tollgate.dev",
    version = "v1alpha1",
    kind = "TokenBudget",
    plural = "tokenbudgets",
    namespaced,
    status = "ObjectStatus",
    derive = "PartialEq",
    category = "tollgate",
    doc = "What each subject may spend per window of time.",
    label("gateway.networking.k8s.io/policy", "direct"),
    printcolumn(name = "Subject", type_ = "string", json_path = ".spec.subject"),
    printcolumn(name = "Meter", type_ = "string", json_path = ".spec.meter"),
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(
        name = "Enforced",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Enforced\")].status"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "(self.subject == 'Header') == (has(self.subjectFrom) && has(self.subjectFrom.header))"
).message("subjectFrom.header is required for subject Header, and only for it"))]
#[x_kube(validation = Rule::new(
    "(self.subject == 'JWTClaim') == (has(self.subjectFrom) && has(self.subjectFrom.claim))"
).message("subjectFrom.claim is required for subject JWTClaim, and only for it"))]
#[x_kube(validation = Rule::new("has(self.expression) == (self.meter == 'Expression')")
    .message("expression is required for meter Expression, and only for it"))]
#[x_kube(validation = Rule::new("has(self.prices) == (self.meter == 'Money')")
    .message("prices is required for meter Money, and only for it"))]
#[x_kube(validation = Rule::new(
    "self.limits.all(l, has(l.requests) == (self.meter == 'Requests'))"
).message("limits are in requests for meter Requests, and only for it"))]
#[x_kube(validation = Rule::new("self.limits.all(l, has(l.cost) == (self.meter == 'Money'))")
    .message("limits are in cost for meter Money, and only for it"))]
#[x_kube(validation = Rule::new("has(self.overcommit) == (self.mode == 'Overcommit')")
    .message("overcommit is required for mode Overcommit, and only for it"))]
#[x_kube(validation = Rule::new("has(self.lease) == (self.onStoreFailure == 'Leased')")
    .message("lease is required for onStoreFailure Leased, and only for it"))]
#[x_kube(validation = Rule::new(
    "!has(self.lease) || (has(self.lease.requests) == (self.meter == 'Requests') && has(self.lease.cost) == (self.meter == 'Money'))"
).message("lease is in requests for meter Requests, in cost for Money, in tokens for any other"))]
pub struct TokenBudgetSpec {
    /// What the budget applies to, in its own namespace; when empty, every AI route of the
    /// namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    #[x_kube(validation = Rule::new(
        "self.all(t, (t.group == 'gateway.networking.k8s.io' && t.kind in ['Gateway', 'HTTPRoute']) || (t.group in ['gateway.envoyproxy.io', 'aigateway.envoyproxy.io'] && t.kind == 'AIGatewayRoute') || (t.group == 'aigateway.envoyproxy.io' && t.kind == 'AIServiceBackend'))"
    ).message("targetRefs must be a Gateway or HTTPRoute of group gateway.networking.k8s.io, an AIGatewayRoute of group gateway.envoyproxy.io or aigateway.envoyproxy.io, or an AIServiceBackend of group aigateway.envoyproxy.io"))]
    #[x_kube(validation = Rule::new("self.all(t, t.kind != 'AIServiceBackend' || !has(t.sectionName))")
        .message("an AIServiceBackend has no sections: sectionName must not be set"))]
    pub target_refs: Vec<PolicyTargetReference>,
    /// Who pays.
    #[serde(default)]
    pub subject: SubjectKind,
    /// Where the subject is read, for kinds that need to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_from: Option<SubjectSource>,
    /// Limits that all apply together.
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub limits: Vec<BudgetLimit>,
    /// What counts.
    #[serde(default)]
    pub meter: Meter,
    /// For meter `Expression`: CEL over the token counts of a call, a whole number that is never
    /// negative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub expression: Option<String>,
    /// For meter `Money`: what tokens cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<PriceTableReference>,
    /// How hard the limit is.
    #[serde(default)]
    pub mode: Mode,
    /// For mode `Overcommit`: how much is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overcommit: Option<Overcommit>,
    /// Percent of a limit from which on its subject is warned; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 99))]
    pub warn_at_percent: Option<u8>,
    /// What happens to requests while the store of the ledger does not answer.
    #[serde(default)]
    pub on_store_failure: OnStoreFailure,
    /// For `onStoreFailure: Leased`: how much each replica serves by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
}
