//! The file that Envoy starts with: what it always says, what a gateway adds, what users change in
//! it, and what they cannot. Pure. The controller asks whether a change can be had; the data plane
//! writes the file.

#![forbid(unsafe_code)]

mod base;
mod change;
mod figures;

use serde_json::Value;
use tollgate_ir as ir;

pub use base::{Admin, BootstrapOptions, bootstrap};
pub use change::BootstrapError;

/// The bootstrap of a gateway's proxies as protobuf JSON, as `envoy --config-path` reads it from a
/// `.json` file.
///
/// # Errors
/// When the change cannot be made, or touches what is the proxies' own.
pub fn bootstrap_of(
    options: &BootstrapOptions,
    settings: &ir::Bootstrap,
) -> Result<Value, BootstrapError> {
    let changed = changed(options.connections_max, settings)?;
    Ok(base::filled(changed, options))
}

/// Whether a bootstrap can be made of these settings, wherever the proxy may run.
///
/// # Errors
/// When the change cannot be made, or touches what is the proxies' own.
pub fn check(settings: &ir::Bootstrap) -> Result<(), BootstrapError> {
    changed(base::CONNECTIONS_MAX, settings).map(drop)
}

/// The bootstrap before it is known where the proxy runs.
fn changed(connections_max: u64, settings: &ir::Bootstrap) -> Result<Value, BootstrapError> {
    let mut template = base::template(connections_max);
    figures::add(&mut template, settings);
    match &settings.change {
        None => Ok(template),
        Some(change) => change::apply(&template, change),
    }
}
