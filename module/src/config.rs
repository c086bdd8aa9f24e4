//! What Envoy's configuration says to a filter of the module: JSON, written by `xds`.

use std::path::PathBuf;

use serde::Deserialize;

/// A filter's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FilterConfig {
    pub(crate) engine: EngineConfig,
    /// This is the filter on the way to an endpoint. `None`: the filter of the listener.
    pub(crate) attempt: Option<AttemptConfig>,
}

/// Of the filter on the way to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AttemptConfig {
    /// Id of the backend that the first attempt is made for.
    pub(crate) pinned: String,
    /// Headers that the provider must not see.
    pub(crate) removed_headers: Vec<String>,
}

/// What the engine of this process is made with. All filters say the same.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EngineConfig {
    /// Unix socket of the process that has the ledger.
    pub(crate) uplink: PathBuf,
    /// Longest request body, in bytes.
    pub(crate) body_bytes_max: u64,
    /// How often live holds are renewed, in milliseconds.
    pub(crate) renew_every_ms: u64,
}

/// Why a filter cannot be made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ConfigError(pub(crate) String);

// === impl FilterConfig ===

impl FilterConfig {
    pub(crate) fn parse(json: &[u8]) -> Result<Self, ConfigError> {
        serde_json::from_slice(json)
            .map_err(|error| ConfigError(format!("its configuration cannot be read: {error}")))
    }
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
