//! Who pays.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who pays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum SubjectKind {
    /// Each consumer.
    #[default]
    User,
    /// Each team of consumers.
    Team,
    /// Each organisation of consumers.
    Org,
    /// Each single key.
    Key,
    /// Everybody together.
    Shared,
    /// Everybody together, for each route apart.
    Route,
    /// Everybody together, for each model that clients ask for apart.
    Model,
    /// Everybody together, for each provider apart.
    Backend,
    /// Each value of a header that a trusted proxy sets.
    Header,
    /// Each value of a claim of a verified JSON Web Token.
    JWTClaim,
    /// Each verified client certificate.
    ClientCertificate,
}

/// Where a subject is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.trusted) || has(self.header)")
    .message("trusted is about header and needs it"))]
#[x_kube(validation = Rule::new("!has(self.provider) || has(self.claim)")
    .message("provider is the issuer of claim and needs it"))]
pub struct SubjectSource {
    /// For subject `Header`: name of a request header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 256),
        regex(pattern = r"^[A-Za-z0-9!#$%&'*+\-.^_|~]+$")
    )]
    pub header: Option<String>,
    /// Whether a proxy in front removes the header that clients send and sets its own. A header
    /// that is not trusted names nobody: every request is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted: Option<bool>,
    /// For subject `JWTClaim`: name of the claim, `sub` or `realm.user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub claim: Option<String>,
    /// Name of the JWT provider of a SecurityPolicy whose tokens count; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub provider: Option<String>,
}
