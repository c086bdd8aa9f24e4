//! What a gateway's proxies start with: which figures they keep and where they send them, and what
//! users change in the start configuration itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Receiver;

/// What proxies start with, beyond what they always do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// `namespace/gateway/bootstrap`: unique in the IR.
    #[serde(default)]
    pub name: String,
    /// Figures that are kept; empty keeps all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<NameTest>,
    /// Where figures are sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sinks: Vec<MetricSink>,
    /// What users change. Known to leave alone what is the proxies' own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<BootstrapChange>,
}

/// A test of the name of a figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NameTest {
    /// Equal.
    Exact(String),
    /// Begins with it.
    Prefix(String),
    /// Ends with it.
    Suffix(String),
    /// RE2 expression for the whole name.
    Regex(String),
}

/// A collector of OpenTelemetry, over gRPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricSink {
    /// Where it is. It is needed before any configuration comes, so that it is reached by names
    /// or addresses that stay.
    pub receiver: Receiver,
    /// How counters are reported.
    pub counters: Reporting,
    /// How histograms are reported.
    pub histograms: Reporting,
    /// Attributes of the resource that is measured.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resource_attributes: BTreeMap<String, String>,
}

/// How a figure that grows is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reporting {
    /// Since the start.
    #[default]
    Cumulative,
    /// Since the last report.
    Delta,
}

/// A change of the start configuration, which is JSON here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum BootstrapChange {
    /// Objects are merged, lists get longer, all else is replaced.
    Merge(Value),
    /// This is it.
    Replace(Value),
    /// Operations of RFC 6902, in their order.
    Patch(Vec<PatchOperation>),
}

/// An operation of RFC 6902; `path` and `from` are JSON pointers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PatchOperation {
    /// Puts a value into an object or a list.
    Add {
        /// Where.
        path: String,
        /// Which.
        value: Value,
    },
    /// Takes a value away.
    Remove {
        /// Where.
        path: String,
    },
    /// Puts a value in the place of another.
    Replace {
        /// Where.
        path: String,
        /// Which.
        value: Value,
    },
    /// Takes a value to another place.
    Move {
        /// From where.
        from: String,
        /// Where to.
        path: String,
    },
    /// Puts a value at another place too.
    Copy {
        /// From where.
        from: String,
        /// Where to.
        path: String,
    },
    /// Fails the whole where a value is another.
    Test {
        /// Where.
        path: String,
        /// Which.
        value: Value,
    },
}

// === impl Bootstrap ===

impl Bootstrap {
    /// Whether proxies start as they always do.
    pub fn is_default(&self) -> bool {
        let Self {
            name: _,
            kept,
            sinks,
            change,
        } = self;
        kept.is_empty() && sinks.is_empty() && change.is_none()
    }
}
