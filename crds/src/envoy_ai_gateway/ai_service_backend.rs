//! AIServiceBackend: a provider's API at a Backend.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BodyMutation, HeaderMutation};
use crate::{BackendObjectReference, ObjectStatus};

/// A provider's API and where it is reached.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "aigateway.envoyproxy.io",
    version = "v1beta1",
    kind = "AIServiceBackend",
    plural = "aiservicebackends",
    category = "envoy-ai-gateway",
    namespaced,
    status = "ObjectStatus",
    derive = "PartialEq",
    doc = "A provider's API and the Backend at which it is reached.",
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.conditions[-1:].type"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct AIServiceBackendSpec {
    /// API that the provider speaks.
    pub schema: VersionedApiSchema,
    /// Where it is reached.
    #[x_kube(validation = Rule::new(
        "has(self.kind) && self.kind == 'Backend' && has(self.group) && self.group == 'gateway.envoyproxy.io'"
    ).message("backendRef must be a Backend of group gateway.envoyproxy.io"))]
    pub backend_ref: BackendObjectReference,
    /// Headers to change on the way to the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_mutation: Option<HeaderMutation>,
    /// Body fields to change on the way to the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_mutation: Option<BodyMutation>,
}

/// An API by name, with its version or path prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionedApiSchema {
    /// The API.
    pub name: ApiSchemaName,
    /// Version of the API: Azure's `api-version`, or that of a cloud's Anthropic API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub version: Option<String>,
    /// Path before the API's own, for OpenAI and Anthropic; `v1` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub prefix: Option<String>,
}

/// APIs by name.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum ApiSchemaName {
    /// OpenAI's API.
    OpenAI,
    /// Cohere's API.
    Cohere,
    /// AWS Bedrock's Converse API.
    AWSBedrock,
    /// Azure OpenAI's API.
    AzureOpenAI,
    /// Google Vertex AI's Gemini API.
    GCPVertexAI,
    /// Anthropic's API on Google Vertex AI.
    GCPAnthropic,
    /// Anthropic's Messages API.
    Anthropic,
    /// Anthropic's API on AWS Bedrock.
    AWSAnthropic,
}
