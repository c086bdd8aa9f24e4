//! The filters of the engine inside Envoy's process, a dynamic module: that of the listener, what AI
//! routes say to it, and that on the way to an endpoint.

use serde_json::json;
use tollgate_envoy as envoy;

use envoy::dynamic_modules::DynamicModuleConfig;
use envoy::dynamic_modules_filter::{DynamicModuleFilter, DynamicModuleFilterPerRoute};
use envoy::well_known::{Any, StringValue};

use super::{BuildOptions, InEnvoy, names};

/// The filter on the way in: sees requests and answers, and rewrites both.
pub(super) fn build_filter(module: &InEnvoy, options: &BuildOptions) -> DynamicModuleFilter {
    build(module, options, None)
}

/// The filter on the way to an endpoint, in the cluster that is pinned to this backend. It removes
/// headers, and does nothing more for the attempt that the first translation was made for.
pub(super) fn build_attempt_filter(
    module: &InEnvoy,
    pinned_backend: &str,
    removed_headers: &[&str],
    options: &BuildOptions,
) -> DynamicModuleFilter {
    let attempt = json!({"pinned": pinned_backend, "removedHeaders": removed_headers});
    build(module, options, Some(attempt))
}

/// What `module/src/config.rs` reads.
fn build(
    module: &InEnvoy,
    options: &BuildOptions,
    attempt: Option<serde_json::Value>,
) -> DynamicModuleFilter {
    let mut config = json!({
        "engine": {
            "uplink": module.uplink,
            "bodyBytesMax": options.body_bytes_max,
            "renewEveryMs": module.renew_every_ms,
        },
    });
    if let Some(attempt) = attempt {
        config["attempt"] = attempt;
    }
    DynamicModuleFilter {
        dynamic_module_config: Some(library()),
        filter_name: names::MODULE.to_string(),
        filter_config: Some(text(config.to_string())),
        ..DynamicModuleFilter::default()
    }
}

/// Tells the filter which scope a route is.
pub(super) fn build_route_override(scope: &str) -> (&'static str, Any) {
    let per_route = DynamicModuleFilterPerRoute {
        dynamic_module_config: Some(library()),
        filter_name: names::MODULE.to_string(),
        filter_config: Some(text(scope.to_string())),
        ..DynamicModuleFilterPerRoute::default()
    };
    (names::MODULE_FILTER, envoy::pack(&per_route))
}

/// Found in the folder that Envoy's environment names. It stays loaded: it has threads.
fn library() -> DynamicModuleConfig {
    DynamicModuleConfig {
        name: names::MODULE.to_string(),
        do_not_close: true,
        ..DynamicModuleConfig::default()
    }
}

fn text(value: String) -> Any {
    envoy::pack(&StringValue { value })
}
