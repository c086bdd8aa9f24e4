//! What Envoy is told, and how. `build` renders the IR as Envoy resources (pure), `serve` hands
//! them to Envoy over delta ADS, `bootstrap` is the file that Envoy starts with.

#![forbid(unsafe_code)]

mod build;
mod json;

pub use build::{BuildOptions, Resources, build};
pub use json::resources_json;
