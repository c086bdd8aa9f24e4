//! The contract between controller and data plane: what the engine is told about AI traffic.
//!
//! Fed by `controller` (from the IR), read by `engine`, `llm` and the ext_proc host. It knows
//! neither Kubernetes nor Envoy, so that a data plane can be tested with a value written by hand.

#![forbid(unsafe_code)]

mod budget;
mod consumer;
mod rate_limit;
mod route;
mod shared;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use budget::{
    Budget, Limit, Meter, Mode, OnStoreFailure, Price, PriceTable, Subject, WindowKind,
};
pub use consumer::Consumer;
pub use rate_limit::{DescriptorEntry, RateLimit};
pub use route::{
    Api, Backend, Credential, HeaderMatch, Match, ModelListing, RequestCost, Rule, Scope,
    ValueMatch,
};
pub use shared::Shared;

/// Everything that one gateway's data plane needs to serve AI traffic. Immutable: a change is a
/// whole new bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// AI virtual hosts by scope name. Envoy names the scope of a request in the ext_proc
    /// stream's initial metadata (`x-tollgate-scope`).
    pub scopes: BTreeMap<String, Scope>,
    /// Clients with keys, by namespace. A namespace that is absent serves anonymous callers.
    pub consumers: BTreeMap<String, Vec<Consumer>>,
    /// Budgets by id (`namespace/name`); rules refer to them.
    pub budgets: BTreeMap<String, Budget>,
    /// Limits of the rate limit service, by domain (the name that Envoy's filter sends).
    pub rate_limits: BTreeMap<String, Vec<RateLimit>>,
}

/// ext_proc initial-metadata key in which Envoy names the [`Scope`] of a request.
pub const SCOPE_METADATA: &str = "x-tollgate-scope";

/// Request header by which the engine tells Envoy's router the cluster of the first attempt.
/// Client copies are removed at ingress (every `x-tollgate-*` request header is).
pub const CLUSTER_HEADER: &str = "x-tollgate-cluster";

/// Request header that names the exchange, so that the stream of a retry finds it again.
pub const EXCHANGE_HEADER: &str = "x-tollgate-exchange";

/// Dynamic metadata namespace in which the engine tells Envoy what a request has cost
/// ([`RequestCost`]), by Envoy AI Gateway's name, since policies refer to it.
pub const COST_METADATA_NAMESPACE: &str = "io.envoy.ai_gateway";

/// Endpoint metadata namespace and key that name the backend an endpoint belongs to; the
/// ext_proc filter that runs on retries reads it to know for whom to translate.
pub const BACKEND_METADATA_NAMESPACE: &str = "tollgate";
/// See [`BACKEND_METADATA_NAMESPACE`]. The value is [`Backend::cluster`].
pub const BACKEND_METADATA_KEY: &str = "backend";
