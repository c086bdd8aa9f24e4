//! BackendSecurityPolicy: how the gateway proves itself to a provider.

mod cloud;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use cloud::{
    AwsCredentials, AwsCredentialsFile, AwsOidcExchangeToken, AzureCredentials, GcpCredentials,
    GcpCredentialsFile, GcpServiceAccountImpersonation, GcpWorkloadIdentityFederation,
};

use super::CredentialOverride;
use crate::{ObjectStatus, PolicyTargetReference, SecretObjectReference};

/// A credential and the backends it is for.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "aigateway.envoyproxy.io",
    version = "v1beta1",
    kind = "BackendSecurityPolicy",
    plural = "backendsecuritypolicies",
    category = "envoy-ai-gateway",
    namespaced,
    status = "ObjectStatus",
    derive = "PartialEq",
    doc = "How the gateway proves itself to a provider.",
    label("gateway.networking.k8s.io/policy", "direct"),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.conditions[-1:].type"
    )
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("maxProperties" = 4))]
#[x_kube(validation = Rule::new(
    "self.type != 'APIKey' || (has(self.apiKey) && !has(self.awsCredentials) && !has(self.azureAPIKey) && !has(self.azureCredentials) && !has(self.gcpCredentials) && !has(self.anthropicAPIKey))"
).message("When type is APIKey, only apiKey field should be set"))]
#[x_kube(validation = Rule::new(
    "self.type != 'AWSCredentials' || (has(self.awsCredentials) && !has(self.apiKey) && !has(self.azureAPIKey) && !has(self.azureCredentials) && !has(self.gcpCredentials) && !has(self.anthropicAPIKey))"
).message("When type is AWSCredentials, only awsCredentials field should be set"))]
#[x_kube(validation = Rule::new(
    "self.type != 'AzureAPIKey' || (has(self.azureAPIKey) && !has(self.apiKey) && !has(self.awsCredentials) && !has(self.azureCredentials) && !has(self.gcpCredentials) && !has(self.anthropicAPIKey))"
).message("When type is AzureAPIKey, only azureAPIKey field should be set"))]
#[x_kube(validation = Rule::new(
    "self.type != 'AzureCredentials' || (has(self.azureCredentials) && !has(self.apiKey) && !has(self.awsCredentials) && !has(self.azureAPIKey) && !has(self.gcpCredentials) && !has(self.anthropicAPIKey))"
).message("When type is AzureCredentials, only azureCredentials field should be set"))]
#[x_kube(validation = Rule::new(
    "self.type != 'GCPCredentials' || (has(self.gcpCredentials) && !has(self.apiKey) && !has(self.awsCredentials) && !has(self.azureAPIKey) && !has(self.azureCredentials) && !has(self.anthropicAPIKey))"
).message("When type is GCPCredentials, only gcpCredentials field should be set"))]
#[x_kube(validation = Rule::new(
    "self.type != 'AnthropicAPIKey' || (has(self.anthropicAPIKey) && !has(self.apiKey) && !has(self.awsCredentials) && !has(self.azureAPIKey) && !has(self.azureCredentials) && !has(self.gcpCredentials))"
).message("When type is AnthropicAPIKey, only anthropicAPIKey field should be set"))]
pub struct BackendSecurityPolicySpec {
    /// Backends of this namespace that the credential is for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    #[x_kube(validation = Rule::new(
        "self.all(t, (t.group == 'aigateway.envoyproxy.io' && t.kind == 'AIServiceBackend') || (t.group == 'inference.networking.k8s.io' && t.kind == 'InferencePool'))"
    ).message("targetRefs must reference AIServiceBackend or InferencePool resources"))]
    pub target_refs: Vec<PolicyTargetReference>,
    /// What the credential is.
    #[serde(rename = "type")]
    pub type_: BspType,
    /// For type `APIKey`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<ApiKeyCredential>,
    /// For type `AWSCredentials`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_credentials: Option<AwsCredentials>,
    /// For type `AzureAPIKey`.
    #[serde(
        rename = "azureAPIKey",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub azure_api_key: Option<ApiKeyCredential>,
    /// For type `AzureCredentials`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_credentials: Option<AzureCredentials>,
    /// For type `GCPCredentials`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gcp_credentials: Option<GcpCredentials>,
    /// For type `AnthropicAPIKey`.
    #[serde(
        rename = "anthropicAPIKey",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub anthropic_api_key: Option<ApiKeyCredential>,
    /// Credentials that a request may bring instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_override: Option<CredentialOverride>,
}

/// Kinds of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BspType {
    /// `Authorization: Bearer` with a key.
    APIKey,
    /// AWS Signature Version 4.
    AWSCredentials,
    /// Azure's `api-key` header.
    AzureAPIKey,
    /// An Entra ID token.
    AzureCredentials,
    /// A Google access token.
    GCPCredentials,
    /// Anthropic's `x-api-key` header.
    AnthropicAPIKey,
}

/// A key in a Secret, under `apiKey`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyCredential {
    /// The Secret.
    pub secret_ref: SecretObjectReference,
}
