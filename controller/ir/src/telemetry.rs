//! What a gateway's proxies tell of their traffic: access logs, traces, and how finely they count.

mod access_log;
mod tracing;

use serde::{Deserialize, Serialize};

pub use access_log::{
    AccessLog, AiCalls, AlsContent, AlsSink, LogFormat, LogScope, LogSink, OpenTelemetryLogSink,
};
pub use tracing::{Sampler, SpanNames, Tag, Tracer, Tracing};

use crate::Destination;

/// What is told of the traffic of a gateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Telemetry {
    /// In the order of the settings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access_logs: Vec<AccessLog>,
    /// Traces of HTTP requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracing: Option<Tracing>,
    /// What `x-request-id` and traces have to do with each other; the proxy's own way when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// What is counted beyond the usual; sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<Detail>,
}

/// What can be counted beyond the usual: each costs memory for every object of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Detail {
    /// Requests and answers of each host name.
    VirtualHosts,
    /// Requests and answers of each endpoint.
    Endpoints,
    /// Sizes of requests and answers, of each backend.
    Sizes,
}

/// What an id of a request has to do with traces. An id that a client sends may carry a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestId {
    /// It carries the decision, and makes it.
    CarriesAndDecides,
    /// It makes the decision.
    Decides,
    /// It carries the decision.
    Carries,
    /// Nothing.
    Unrelated,
}

/// A service that telemetry is sent to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receiver {
    /// Name of its cluster, unique in the gateway: `accesslog_otel_0_1`, `tracing`.
    pub cluster: String,
    /// Where it is.
    pub destination: Destination,
    /// Sent with each export; in the order of the settings. They may hold credentials, which is
    /// why they are as secret as those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, tollgate_secret::Secret<String>)>,
}

// === impl Telemetry ===

impl Telemetry {
    /// Whether nothing is told.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The services that telemetry is sent to.
    pub fn receivers(&self) -> impl Iterator<Item = &Receiver> {
        let logs = self.access_logs.iter().filter_map(AccessLog::receiver);
        logs.chain(self.tracing.iter().map(|it| &it.receiver))
    }
}
