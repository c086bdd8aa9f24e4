//! Credentials of the clouds: AWS, Azure, Google. Parsed and checked; signing comes with them.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SecretObjectReference;
use crate::envoy_ai_gateway::{Oidc, OidcExchangeToken};

/// AWS: a credentials file, an OIDC exchange, or (neither) the SDK's default chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.credentialsFile) && has(self.oidcExchangeToken))")
    .message("at most one of credentialsFile or oidcExchangeToken may be specified"))]
pub struct AwsCredentials {
    /// Region of the Bedrock endpoint.
    #[schemars(length(min = 1))]
    pub region: String,
    /// A credentials file in a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<AwsCredentialsFile>,
    /// A token to exchange for a role's credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc_exchange_token: Option<AwsOidcExchangeToken>,
}

/// A Secret whose `credentials` is an AWS credentials file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsCredentialsFile {
    /// The Secret.
    pub secret_ref: SecretObjectReference,
    /// Profile in the file.
    #[serde(default = "default_profile")]
    pub profile: String,
}

/// A token to exchange for a role's credentials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsOidcExchangeToken {
    /// Client that obtains the token.
    pub oidc: Oidc,
    /// Grant type of the exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_type: Option<String>,
    /// Audience of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
    /// Role to assume.
    #[schemars(length(min = 1))]
    pub aws_role_arn: String,
}

/// Azure: an application's secret or an OIDC exchange.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.clientSecretRef) != has(self.oidcExchangeToken)")
    .message("exactly one of clientSecretRef or oidcExchangeToken must be specified"))]
pub struct AzureCredentials {
    /// Application id.
    #[serde(rename = "clientID")]
    #[schemars(length(min = 1))]
    pub client_id: String,
    /// Directory id.
    #[serde(rename = "tenantID")]
    #[schemars(length(min = 1))]
    pub tenant_id: String,
    /// Secret whose `client-secret` is the application's secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_ref: Option<SecretObjectReference>,
    /// A token to exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc_exchange_token: Option<OidcExchangeToken>,
}

/// Google: a service account file, workload identity federation, or (neither) application
/// default credentials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "!(has(self.credentialsFile) && has(self.workloadIdentityFederationConfig))"
).message("at most one of credentialsFile or workloadIdentityFederationConfig may be specified"))]
pub struct GcpCredentials {
    /// Project of the Vertex AI endpoint.
    #[schemars(length(min = 1))]
    pub project_name: String,
    /// Region of the Vertex AI endpoint.
    #[schemars(length(min = 1))]
    pub region: String,
    /// A service account file in a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<GcpCredentialsFile>,
    /// A token to exchange for a service account's credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_identity_federation_config: Option<GcpWorkloadIdentityFederation>,
}

/// A Secret whose `service_account.json` is a service account key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GcpCredentialsFile {
    /// The Secret.
    pub secret_ref: SecretObjectReference,
}

/// Workload identity federation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GcpWorkloadIdentityFederation {
    /// Project of the pool.
    #[serde(rename = "projectID")]
    #[schemars(length(min = 1))]
    pub project_id: String,
    /// Pool that trusts the issuer.
    #[schemars(length(min = 1))]
    pub workload_identity_pool_name: String,
    /// Provider in the pool.
    #[schemars(length(min = 1))]
    pub workload_identity_provider_name: String,
    /// A token to exchange.
    pub oidc_exchange_token: OidcExchangeToken,
    /// Service account to act as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_impersonation: Option<GcpServiceAccountImpersonation>,
}

/// A service account to act as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GcpServiceAccountImpersonation {
    /// Name of the service account.
    #[schemars(length(min = 1))]
    pub service_account_name: String,
}

fn default_profile() -> String {
    "default".to_string()
}
