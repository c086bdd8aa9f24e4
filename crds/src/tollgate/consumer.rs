//! Consumer: a client of the gateway, known by API keys that Secrets hold.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ObjectStatus;

/// A client with keys. As soon as a namespace has one, its AI routes ask for a valid key.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "tollgate.dev",
    version = "v1alpha1",
    kind = "Consumer",
    plural = "consumers",
    namespaced,
    status = "ObjectStatus",
    derive = "PartialEq",
    category = "tollgate",
    doc = "A client of the gateway, known by its API keys.",
    printcolumn(name = "Team", type_ = "string", json_path = ".spec.team"),
    printcolumn(name = "Org", type_ = "string", json_path = ".spec.org"),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.conditions[-1:].type"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerSpec {
    /// Keys that identify this client; any of them will do.
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub api_keys: Vec<ApiKey>,
    /// Team that budgets with subject `Team` charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub team: Option<String>,
    /// Organisation that budgets with subject `Org` charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub org: Option<String>,
}

/// One key of a consumer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// The Secret that holds the key, in the consumer's namespace.
    pub secret_ref: KeySecretReference,
}

/// A Secret of the same namespace and the entry in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeySecretReference {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Entry of the Secret; when absent `apiKey`, else `api-key`, else its only entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub key: Option<String>,
}
