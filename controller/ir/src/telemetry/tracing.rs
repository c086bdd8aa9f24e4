//! Traces of HTTP requests: which, what their spans say, and where they go.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Receiver;
use crate::Fraction;

/// Traces of HTTP requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tracing {
    /// `namespace/gateway/tracing`: unique in the IR.
    pub name: String,
    /// Share of requests that are traced where nothing else has decided.
    pub random: Fraction,
    /// Share of requests with `x-client-trace-id` that are traced because of it.
    pub client: Fraction,
    /// Share of all that would be traced which is.
    pub overall: Fraction,
    /// Names of spans.
    #[serde(default)]
    pub span_names: SpanNames,
    /// Tags of every span, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, Tag>,
    /// Where traces go.
    pub receiver: Receiver,
    /// What is spoken there.
    pub tracer: Tracer,
}

/// Names of spans, with the proxy's operators in them; the proxy's own when absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanNames {
    /// Of the span of a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Of the span of a try at a backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

/// The value of a tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tag {
    /// This.
    Literal(String),
    /// Of a variable of the proxy's environment.
    Environment {
        /// Its name.
        name: String,
        /// Where it is not set.
        default: String,
    },
    /// Of a header of the request.
    RequestHeader {
        /// Its name.
        name: String,
        /// Where it is absent.
        default: String,
    },
    /// A text with the proxy's operators in it.
    Format(String),
}

/// What a receiver of traces speaks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Tracer {
    /// OTLP over gRPC.
    OpenTelemetry {
        /// What traces call the proxies.
        service_name: String,
        /// Attributes of the resource that is traced.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        resource_attributes: BTreeMap<String, String>,
        /// Which of the traced requests are exported; all when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sampler: Option<Sampler>,
    },
    /// Zipkin's API, version 2, JSON over HTTP.
    Zipkin {
        /// Bits of a trace's id: 64 or 128.
        trace_id_bits: u8,
        /// Whether client and server share a span.
        shared_spans: bool,
    },
}

/// Which traced requests are exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sampler {
    /// All.
    All,
    /// None.
    Nothing,
    /// A share, by the id of the trace.
    Share(Fraction),
    /// As the parent span says; without one, as this says.
    Parent(Box<Self>),
}
