//! How much the proxies log.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much the proxies log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProxyLogging {
    /// Level by component of Envoy; `default` is that of all others.
    #[serde(default = "warnings")]
    #[schemars(extend("maxProperties" = 64))]
    pub level: BTreeMap<String, LogLevel>,
}

/// How much is logged, most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are Envoy's and say it")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
    Off,
}

// === impl ProxyLogging ===

impl Default for ProxyLogging {
    fn default() -> Self {
        Self { level: warnings() }
    }
}

// === impl LogLevel ===

impl LogLevel {
    /// As Envoy's command line writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Off => "off",
        }
    }
}

fn warnings() -> BTreeMap<String, LogLevel> {
    BTreeMap::from([("default".to_string(), LogLevel::Warn)])
}
