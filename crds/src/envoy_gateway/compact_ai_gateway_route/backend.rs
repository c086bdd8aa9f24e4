//! One provider of a compact AIGatewayRoute.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Provider;

/// One provider that can answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "!(self.provider in ['azure-openai', 'openai-compatible']) || has(self.endpoint)"
).message("endpoint is required for provider azure-openai and openai-compatible"))]
#[x_kube(validation = Rule::new("!has(self.apiVersion) || self.provider == 'azure-openai'")
    .message("apiVersion is only for provider azure-openai"))]
pub struct CompactBackend {
    /// Name shown in answers and logs.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?$")
    )]
    pub name: String,
    /// Lower is tried first.
    #[serde(default)]
    pub priority: u32,
    /// Share among the backends of the same priority; 0 takes no first attempt.
    #[serde(default = "one")]
    #[schemars(range(max = 1_000_000))]
    pub weight: u32,
    /// Whose API this is.
    pub provider: Provider,
    /// Model asked of the provider.
    #[schemars(length(min = 1, max = 256))]
    pub model: String,
    /// Model name that clients use for this backend; `model` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub model_name_override: Option<String>,
    /// Base URL instead of the provider's own: `https://host[:port]/prefix`, everything before
    /// `/chat/completions` or `/messages`. For Azure the resource's address without a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 2048),
        regex(
            pattern = r"^https?://([a-zA-Z0-9.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?(/[^?#\s]*)?$"
        )
    )]
    pub endpoint: Option<String>,
    /// Azure's `api-version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[a-zA-Z0-9.-]+$"))]
    pub api_version: Option<String>,
    /// Credential for the provider; none is sent when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<CompactAuth>,
}

/// Credential for a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompactAuth {
    /// What the credential is.
    #[serde(rename = "type", default)]
    pub type_: CompactAuthType,
    /// The Secret that holds the key.
    pub api_key_ref: CompactKeyReference,
}

/// Kinds of credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CompactAuthType {
    /// A key in the header that the provider's API asks for.
    #[default]
    APIKey,
}

/// A Secret and the entry in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompactKeyReference {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Entry of the Secret; when absent `apiKey`, else `api-key`, else its only entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub key: Option<String>,
    /// Namespace of the Secret; the route's own when absent. Another one needs a ReferenceGrant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

fn one() -> u32 {
    1
}
