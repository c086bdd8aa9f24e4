//! OIDC clients with which a gateway obtains a cloud's credentials.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::SecretObjectReference;

/// An OIDC client. Envoy Gateway's type has fields for browser sessions, which are kept here and
/// mean nothing to a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Oidc {
    /// Who issues the tokens.
    pub provider: OidcProvider,
    /// Client id.
    #[serde(rename = "clientID", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub client_id: Option<String>,
    /// Secret whose `client-id` is the client id.
    #[serde(
        rename = "clientIDRef",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub client_id_ref: Option<SecretObjectReference>,
    /// Secret whose `client-secret` is the client's secret.
    pub client_secret: SecretObjectReference,
    /// Scopes to ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub scopes: Vec<String>,
    /// Everything else: kept, not acted on.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

/// An issuer of tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcProvider {
    /// Issuer URL.
    #[schemars(length(min = 1))]
    pub issuer: String,
    /// Token endpoint; discovered from the issuer when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint: Option<String>,
    /// Everything else: kept, not acted on.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

/// A token to exchange for a cloud's credentials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcExchangeToken {
    /// Client that obtains the token.
    pub oidc: Oidc,
    /// Grant type of the exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_type: Option<String>,
    /// Audience of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
}
