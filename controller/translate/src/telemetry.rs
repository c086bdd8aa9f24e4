//! What an EnvoyProxy says about access logs, traces and metrics (`spec.telemetry`), as the
//! gateways have it. Fed by `fleet`, which knows the EnvoyProxy in effect.
//!
//! Whatever is wrong with a part leaves that part out, and is told to the EnvoyProxy.

mod access_log;
mod metrics;
mod sink;
mod tracing;

use tollgate_crds::envoy_gateway::envoy_proxy::{ProxyTelemetry, RequestId, RequestIdTracing};
use tollgate_ir as ir;

pub(crate) use metrics::figures;

use crate::status::Problem;
use crate::{NamespacedName, Options, World};

/// Where an EnvoyProxy is read.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) world: &'a World,
    pub(crate) options: &'a Options,
    /// Namespace of the EnvoyProxy: that of references which name none.
    pub(crate) namespace: &'a str,
    /// The Gateway, as names in the IR begin with it.
    pub(crate) gateway: &'a NamespacedName,
}

/// What a Gateway's proxies tell where no EnvoyProxy says anything: in a cluster, a line for each
/// request that is no LLM call, as Envoy Gateway's do; on one machine nothing.
pub(crate) fn by_default(options: &Options, gateway: &NamespacedName) -> ir::Telemetry {
    let in_cluster = options.cluster().is_some();
    ir::Telemetry {
        access_logs: in_cluster
            .then(|| access_log::by_default(gateway))
            .into_iter()
            .collect(),
        ..ir::Telemetry::default()
    }
}

/// What is told, and what is wrong with the settings.
pub(crate) fn translate(
    site: Site<'_>,
    telemetry: &ProxyTelemetry,
) -> (ir::Telemetry, Vec<Problem>) {
    // Health checks are not made, so there is nothing to log of them: see `fleet::ignored`.
    let ProxyTelemetry {
        access_log,
        tracing,
        metrics,
        request_id,
        health_check_log: _,
    } = telemetry;
    let mut problems = Vec::new();
    let access_logs = match access_log {
        None => by_default(site.options, site.gateway).access_logs,
        Some(settings) => access_log::translate(site, settings, &mut problems),
    };
    let tracing = tracing
        .as_ref()
        .and_then(|it| tracing::translate(site, it, &mut problems));
    let told = ir::Telemetry {
        access_logs,
        tracing,
        request_id: request_id.as_ref().and_then(translate_request_id),
        detail: metrics.as_ref().map(metrics::detail).unwrap_or_default(),
    };
    (told, problems)
}

fn translate_request_id(settings: &RequestId) -> Option<ir::RequestId> {
    settings.tracing.map(|tracing| match tracing {
        RequestIdTracing::PackAndSample => ir::RequestId::CarriesAndDecides,
        RequestIdTracing::Sample => ir::RequestId::Decides,
        RequestIdTracing::Pack => ir::RequestId::Carries,
        RequestIdTracing::Disable => ir::RequestId::Unrelated,
    })
}
