//! What policies may load into Envoy: shared libraries, and databases of addresses.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Open;

/// A shared library under a name of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DynamicModule {
    /// Name that policies use.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")
    )]
    pub name: String,
    /// Where it is.
    pub source: DynamicModuleSource,
    /// Whether it stays loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub do_not_close: Option<bool>,
    /// Whether its symbols are visible to other libraries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_globally: Option<bool>,
}

/// Where a shared library is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.type == 'Remote' ? has(self.remote) : !has(self.remote)")
    .message("remote must be set for type Remote, and for no other"))]
#[x_kube(validation = Rule::new("self.type == 'Local' ? has(self.local) : !has(self.local)")
    .message("local must be set for type Local, and for no other"))]
pub struct DynamicModuleSource {
    /// Which of the two is meant.
    #[serde(rename = "type", default)]
    pub type_: DynamicModuleSourceType,
    /// A file of the proxy's container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<LocalModule>,
    /// A file that is fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteModule>,
}

/// Where a shared library is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DynamicModuleSourceType {
    /// In the proxy's container.
    #[default]
    Local,
    /// Behind a URL.
    Remote,
}

/// A file of the proxy's container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalModule {
    /// Its path.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
}

/// A file that is fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemoteModule {
    /// From where.
    #[schemars(
        length(min = 1, max = 4096),
        regex(pattern = r"^https?://[^/?#]+(?:[/?#].*)?$")
    )]
    pub url: String,
    /// SHA-256 of the file, in hexadecimal.
    #[schemars(regex(pattern = "^[a-f0-9]{64}$"))]
    pub sha256: String,
}

/// Databases of addresses and places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeoIp {
    /// Whose databases, and where they are.
    pub provider: Open,
}
