//! `aigateway.envoyproxy.io`: Envoy AI Gateway's kinds, `v1beta1` (stored) and `v1alpha1`.
//!
//! Both versions share one schema, so one Rust type reads both.

mod ai_gateway_route;
mod ai_service_backend;
mod backend_security_policy;
mod credential_override;
mod mutation;
mod oidc;
mod quota_policy;

pub use ai_gateway_route::{
    AIGatewayRoute, AIGatewayRouteSpec, BackendRef, CostType, HeaderMatch, HeaderMatchType,
    LlmRequestCost, RouteRule, RuleMatch, RuleTimeouts,
};
pub use ai_service_backend::{
    AIServiceBackend, AIServiceBackendSpec, ApiSchemaName, VersionedApiSchema,
};
pub use backend_security_policy::{
    ApiKeyCredential, AwsCredentials, AwsCredentialsFile, AwsOidcExchangeToken, AzureCredentials,
    BackendSecurityPolicy, BackendSecurityPolicySpec, BspType, GcpCredentials, GcpCredentialsFile,
    GcpServiceAccountImpersonation, GcpWorkloadIdentityFederation,
};
pub use credential_override::{CredentialOverride, FromDynamicMetadata, FromRequestHeaders};
pub use mutation::{BodyField, BodyMutation, HeaderMutation, HeaderValue};
pub use oidc::{Oidc, OidcExchangeToken, OidcProvider};
pub use quota_policy::{
    BucketRule, ModelQuota, ModelQuotaDefinition, QuotaDuration, QuotaMode, QuotaPolicy,
    QuotaPolicySpec, QuotaSelector, QuotaValue, ServiceQuota,
};

/// Group of these kinds.
pub const GROUP: &str = "aigateway.envoyproxy.io";
