//! What Envoy is told, and how. `build` renders the IR as Envoy resources (pure), `serve` hands
//! them to Envoy over delta ADS, `bootstrap` is the file that Envoy starts with.

#![forbid(unsafe_code)]

mod bootstrap;
mod build;
mod json;
mod resources;
mod serve;
mod snapshot;

pub use bootstrap::{Admin, BootstrapOptions, bootstrap};
pub use build::{BuildOptions, EngineHost, ExtProc, InEnvoy, build, rebuild};
pub use json::resources_json;
pub use resources::Resources;
pub use serve::{Progress, Rejection, ServeError, serve};
pub use snapshot::{EncodedResource, ResourceType, Snapshot};
