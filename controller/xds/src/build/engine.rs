//! The engine's filters and clusters, wherever it runs: `ext_proc` and `module` render the two ways.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::cluster::Cluster;
use envoy::hcm::{HttpFilter, http_filter};
use envoy::well_known::Any;

use super::{BuildOptions, EngineHost, ext_proc, module, names};

/// The filter of a listener. AI routes enable it.
pub(super) fn build_filter(http: &ir::HttpTraffic, options: &BuildOptions) -> HttpFilter {
    let (name, config) = match &options.engine {
        EngineHost::ExtProc(service) => (
            names::EXT_PROC_FILTER,
            envoy::pack(&ext_proc::build_filter(http, service)),
        ),
        EngineHost::InEnvoy(in_envoy) => (
            names::MODULE_FILTER,
            envoy::pack(&module::build_filter(in_envoy, options)),
        ),
    };
    HttpFilter {
        name: name.to_string(),
        disabled: true,
        config_type: Some(http_filter::ConfigType::TypedConfig(config)),
        ..HttpFilter::default()
    }
}

/// Switches the filter on for a route, and tells the engine which scope it is.
pub(super) fn build_route_override(scope: &str, options: &BuildOptions) -> (&'static str, Any) {
    match &options.engine {
        EngineHost::ExtProc(_) => ext_proc::build_route_override(scope),
        EngineHost::InEnvoy(_) => module::build_route_override(scope),
    }
}

/// Clusters of the engine's own.
pub(super) fn build_clusters(options: &BuildOptions) -> Vec<Cluster> {
    match &options.engine {
        EngineHost::ExtProc(service) => ext_proc::build_clusters(service).into(),
        EngineHost::InEnvoy(_) => Vec::new(),
    }
}
