//! Translation: from the objects that people write to what the data plane shall do.
//!
//! Pure and total: `World -> (Ir, Statuses)`. Whatever is wrong with an object becomes a
//! condition on it and a value in the IR that answers with an error; nothing is left out in
//! silence. Fed by the sources of `controller`; its IR feeds `xds` and the engine's bundle.

#![forbid(unsafe_code)]

mod translate;

mod ai_route;
mod ai_routes;
mod ai_rule;
mod backend;
mod backend_ref;
mod backend_tls_policy;
mod backend_traffic_policy;
mod base_url;
mod bootstrap;
mod ca_certificates;
mod certificate;
mod compact_ai_route;
mod consumer;
mod duration;
mod fleet;
mod gateway;
mod gateway_class;
mod groups;
mod grpc_route;
mod hostname;
mod http_route;
mod k8s;
mod listener_set;
mod memo;
mod names;
mod options;
mod parent;
mod plain_routes;
mod policy_target;
mod provider;
mod provider_url;
mod quota_policy;
mod reference_grant;
mod route_policies;
mod secret;
mod service;
mod sort;
pub mod status;
mod stream_route;
mod telemetry;
mod token_budget;
mod unenforced_policy;
mod world;

pub use base_url::{BaseUrl, BaseUrlError};
pub use fleet::{
    FleetAction, FleetAddress, FleetOwner, FleetPort, FleetScope, FleetSpec, FleetState, Transport,
    is_envoy_alone, json_merge, strategic_merge,
};
pub use memo::Memo;
pub use names::NamespacedName;
pub use options::{CONTROLLER_NAME, Cluster, FleetPlacement, Mode, Options, Standalone};
pub use status::{ObjectRef, Status, Statuses};
pub use token_budget::BrokenBudget;
pub use translate::{Translation, translate, translate_again};
pub use world::World;

#[cfg(test)]
mod tests;
