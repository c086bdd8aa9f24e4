//! Credentials that a trusted caller or filter brings instead of the configured ones.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the other credential is found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.fromRequestHeaders) != has(self.fromDynamicMetadata)")
    .message("exactly one of fromRequestHeaders or fromDynamicMetadata must be specified"))]
pub struct CredentialOverride {
    /// In request headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_request_headers: Option<FromRequestHeaders>,
    /// In metadata that another filter wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_dynamic_metadata: Option<FromDynamicMetadata>,
}

/// A credential in request headers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FromRequestHeaders {
    /// Header, or prefix of headers for AWS; named after the policy's type when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub header: Option<String>,
    /// Use the configured credential when the header is absent.
    #[serde(default = "yes")]
    pub fallback_to_configured: bool,
}

/// A credential in dynamic metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FromDynamicMetadata {
    /// Namespace of the metadata.
    #[schemars(length(min = 1, max = 253))]
    pub namespace: String,
    /// Key in it; named after the policy's type when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub key: Option<String>,
    /// Use the configured credential when the key is absent.
    #[serde(default = "yes")]
    pub fallback_to_configured: bool,
}

fn yes() -> bool {
    true
}
