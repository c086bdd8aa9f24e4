//! Of what there is a line, at each of the places where Envoy writes some.

use tollgate_bundle::BACKEND_METADATA_NAMESPACE;
use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::access_log::{
    AccessLogFilter, AndFilter, ExtensionFilter, OrFilter, ResponseFlagFilter,
    access_log_filter::FilterSpecifier, extension_filter,
};
use envoy::cel_filter::ExpressionFilter;

/// Where Envoy writes lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A port, for each connection.
    Listener,
    /// A connection manager without LLM traffic, for each request.
    Http,
    /// A connection manager with LLM traffic.
    HttpWithAi,
    /// A proxy below HTTP, for each connection or session.
    Stream,
    /// The router, for each try.
    Upstream,
}

/// How Envoy's details of an answer begin where it has not reached the engine.
const ENGINE_ERROR: &str = "ext_proc_error";
/// Envoy's short word for "no route": of a connection, that no filter chain takes it.
const NO_ROUTE: &str = "NR";

/// The conditions of a log at a place; `None` writes always.
pub(super) fn build(log: &ir::AccessLog, place: Place) -> Option<AccessLogFilter> {
    let mut filters = Vec::new();
    if place == Place::Listener && log.scope == ir::LogScope::Traffic {
        filters.push(no_route());
    }
    if place == Place::HttpWithAi && log.ai_calls == ir::AiCalls::LeftOut {
        filters.push(cel(&is_no_ai_call()));
    }
    let matches = log.matches.iter().map(|expression| cel(expression));
    filters.extend(joined(matches.collect(), |filters| {
        FilterSpecifier::OrFilter(OrFilter { filters })
    }));
    joined(filters, |filters| {
        FilterSpecifier::AndFilter(AndFilter { filters })
    })
}

/// One of one filter is that filter.
fn joined(
    mut filters: Vec<AccessLogFilter>,
    join: impl FnOnce(Vec<AccessLogFilter>) -> FilterSpecifier,
) -> Option<AccessLogFilter> {
    match filters.len() {
        0 | 1 => filters.pop(),
        _ => Some(AccessLogFilter {
            filter_specifier: Some(join(filters)),
        }),
    }
}

fn no_route() -> AccessLogFilter {
    let flags = vec![NO_ROUTE.to_string()];
    AccessLogFilter {
        filter_specifier: Some(FilterSpecifier::ResponseFlagFilter(ResponseFlagFilter {
            flags,
        })),
    }
}

/// Routes of LLM calls carry metadata of ours (see `ai_route`); a request that has come to no
/// route has none at all. A call that Envoy could not tell the engine about is told by nobody else.
fn is_no_ai_call() -> String {
    format!(
        "!has(xds.route_metadata) || \
         !('{BACKEND_METADATA_NAMESPACE}' in xds.route_metadata.filter_metadata) || \
         response.code_details.startsWith('{ENGINE_ERROR}')"
    )
}

fn cel(expression: &str) -> AccessLogFilter {
    let config = ExpressionFilter {
        expression: expression.to_string(),
        ..ExpressionFilter::default()
    };
    AccessLogFilter {
        filter_specifier: Some(FilterSpecifier::ExtensionFilter(ExtensionFilter {
            name: "envoy.access_loggers.extension_filters.cel".to_string(),
            config_type: Some(extension_filter::ConfigType::TypedConfig(envoy::pack(
                &config,
            ))),
        })),
    }
}

// === impl Place ===

impl Place {
    /// Whether a log has lines from here.
    pub(super) fn takes(self, log: &ir::AccessLog) -> bool {
        match log.scope {
            ir::LogScope::Traffic => self != Self::Upstream,
            ir::LogScope::Requests => {
                matches!(self, Self::Http | Self::HttpWithAi | Self::Stream)
            }
            ir::LogScope::Connections => self == Self::Listener,
            ir::LogScope::Tries => self == Self::Upstream,
        }
    }
}
