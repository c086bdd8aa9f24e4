//! The intermediate representation: what the data plane shall do, in nobody's API.
//!
//! `translate` makes it from the objects, `xds` renders it for Envoy, `controller` takes the AI
//! half of it for the engine's bundle. It knows neither Kubernetes nor Envoy. All collections
//! are sorted or ordered by precedence, so that equal input gives equal output.

#![forbid(unsafe_code)]

mod adopt;
mod ai_route;
mod bootstrap;
mod destination;
mod filter;
mod http_route;
mod listener;
mod rate_limit;
mod stream_route;
mod telemetry;
mod tls;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_bundle::{Budget, Consumer};

pub use ai_route::{AiRule, AiScope};
pub use bootstrap::{Bootstrap, BootstrapChange, MetricSink, NameTest, PatchOperation, Reporting};
pub use destination::{
    Destination, Endpoint, Host, SubjectAltName, TrustedCa, UpstreamProtocol, UpstreamTls,
};
pub use filter::{
    AuthProtocol, Cors, ExternalAuth, Filter, Fraction, HeaderModifier, Mirror, PathRewrite,
    Redirect, UrlRewrite,
};
pub use http_route::{
    HeaderMatch, HttpAction, HttpMatch, HttpRoute, InvalidBackend, PathMatch, QueryMatch, Retry,
    RetryTrigger, Session, TextMatch, Timeouts, WeightedBackend,
};
pub use listener::{Hostname, HttpTraffic, Listener, TlsAction, TlsChain, Traffic, VirtualHost};
pub use rate_limit::{
    Bucket, Cidr, Cost, Criterion, FieldTest, GlobalLimit, HeaderVisibility, LocalLimit,
    LocalLimits, MetadataKey, Polarity, RATE_LIMIT_DOMAIN, RateLimits,
};
pub use stream_route::{StreamBackend, StreamRoute};
pub use telemetry::{
    AccessLog, AiCalls, AlsContent, AlsSink, Detail, LogFormat, LogScope, LogSink,
    OpenTelemetryLogSink, Receiver, RequestId, Sampler, SpanNames, Tag, Telemetry, Tracer, Tracing,
};
pub use tls::{Certificate, ClientValidation, ClientValidationMode, DownstreamTls};
pub use tollgate_bundle::Shared;

/// Everything that all gateways of this controller shall do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ir {
    /// By `namespace/name` of the Gateway, or by the name of the class whose Gateways share one
    /// fleet.
    pub gateways: BTreeMap<String, Gateway>,
}

/// One Gateway: a fleet of proxies with one configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Gateway {
    /// One for each port and protocol; listeners of the Gateway that share a port are merged here.
    pub listeners: Vec<Listener>,
    /// Consumers with keys, by namespace; a namespace that is absent serves anonymous callers.
    pub consumers: BTreeMap<String, Vec<Consumer>>,
    /// Budgets by id (`namespace/name`).
    pub budgets: BTreeMap<String, Budget>,
    /// What is told of its traffic.
    #[serde(default, skip_serializing_if = "Telemetry::is_empty")]
    pub telemetry: Telemetry,
    /// What its proxies start with; a change takes effect when they are started again.
    #[serde(default, skip_serializing_if = "Bootstrap::is_default")]
    pub bootstrap: Bootstrap,
}
