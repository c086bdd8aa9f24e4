//! What Envoy is told, and how. `build` renders the IR as Envoy resources (pure), `serve` hands
//! them to Envoy over delta ADS. The file that Envoy starts with is `tollgate-bootstrap`'s.

#![forbid(unsafe_code)]

mod build;
mod json;
mod resources;
mod route_table;
mod serve;
mod snapshot;

pub use build::{BuildOptions, EngineHost, ExtProc, InEnvoy, build, rebuild};
pub use json::resources_json;
pub use resources::Resources;
pub use route_table::RouteTable;
pub use serve::{Progress, Rejection, ServeError, serve};
pub use snapshot::{EncodedResource, ResourceType, Snapshot};
pub use tollgate_bootstrap::{Admin, BootstrapError, BootstrapOptions, bootstrap, bootstrap_of};
