//! `spec.telemetry.metrics`: what Envoy counts, which of it is kept, and where it goes.

use tollgate_crds::envoy_gateway::envoy_proxy::{
    MetricSink, MetricSinkType, OpenTelemetryMetricSink, ProxyMetrics, SinkBackendRef, StringMatch,
    StringMatchType,
};
use tollgate_ir as ir;

use super::Site;
use super::sink::{self, Receiving};
use crate::backend_ref::Usage;
use crate::service;
use crate::status::{Problem, reason};

const FIELD: &str = "spec.telemetry.metrics";

/// What is counted beyond the usual.
pub(super) fn detail(metrics: &ProxyMetrics) -> Vec<ir::Detail> {
    let asked = [
        (metrics.enable_virtual_host_stats, ir::Detail::VirtualHosts),
        (metrics.enable_per_endpoint_stats, ir::Detail::Endpoints),
        (
            metrics.enable_request_response_sizes_stats,
            ir::Detail::Sizes,
        ),
    ];
    let asked = asked.into_iter().filter(|(it, _)| *it == Some(true));
    asked.map(|(_, detail)| detail).collect()
}

/// What is kept, and where it is sent; what cannot be had is left out and told.
pub(crate) fn figures(
    site: Site<'_>,
    metrics: &ProxyMetrics,
    problems: &mut Vec<Problem>,
) -> (Vec<ir::NameTest>, Vec<ir::MetricSink>) {
    let mut kept = Vec::new();
    for (position, test) in metrics.matches.iter().enumerate() {
        match translate_test(position, test) {
            Ok(test) => kept.push(test),
            Err(problem) => problems.push(problem),
        }
    }
    let mut sinks = Vec::new();
    for (position, sink) in metrics.sinks.iter().enumerate() {
        match translate_sink(site, (position, sink), problems) {
            Ok(sink) => sinks.push(sink),
            Err(problem) => problems.push(problem),
        }
    }
    (kept, sinks)
}

/// Expressions are tried: Envoy would not start with one that is none.
fn translate_test(position: usize, test: &StringMatch) -> Result<ir::NameTest, Problem> {
    let StringMatch { type_, value } = test;
    let value = value.clone();
    Ok(match type_ {
        StringMatchType::Exact => ir::NameTest::Exact(value),
        StringMatchType::Prefix => ir::NameTest::Prefix(value),
        StringMatchType::Suffix => ir::NameTest::Suffix(value),
        StringMatchType::RegularExpression => {
            if let Err(error) = regex::Regex::new(&value) {
                let error = error.to_string();
                let last = error.lines().last().unwrap_or_default();
                return Err(Problem::new(
                    reason::INVALID,
                    format!(
                        "{FIELD}.matches[{position}].value: {value:?} is not a regular expression: {last}"
                    ),
                ));
            }
            ir::NameTest::Regex(value)
        }
    })
}

fn translate_sink(
    site: Site<'_>,
    (position, sink): (usize, &MetricSink),
    problems: &mut Vec<Problem>,
) -> Result<ir::MetricSink, Problem> {
    let MetricSink {
        type_: MetricSinkType::OpenTelemetry,
        open_telemetry,
    } = sink;
    let OpenTelemetryMetricSink {
        cluster,
        host,
        port,
        report_counters_as_deltas,
        report_histograms_as_deltas,
        headers,
        resource_attributes,
    } = open_telemetry.clone().unwrap_or_default();
    let field = format!("{FIELD}.sinks[{position}].openTelemetry");
    let receiving = Receiving {
        field: &field,
        cluster: &cluster,
        host: host.as_deref(),
        port,
        headers: &headers,
        usage: Usage::Grpc,
    };
    let name = format!("otel_metric_sink_{position}");
    let mut receiver = sink::receiver(site, &name, &receiving, problems)?;
    if receiver.destination.tls.is_some() {
        return Err(Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!("{field}: a backend with TLS cannot take metrics in this release"),
        ));
    }
    let named = named_services(
        site,
        cluster.backend_refs.iter().chain(&cluster.backend_ref),
    );
    if !named.is_empty() {
        receiver.destination.endpoints = named;
    }
    let reporting = |deltas: Option<bool>| match deltas {
        Some(true) => ir::Reporting::Delta,
        Some(false) | None => ir::Reporting::Cumulative,
    };
    Ok(ir::MetricSink {
        receiver,
        counters: reporting(report_counters_as_deltas),
        histograms: reporting(report_histograms_as_deltas),
        resource_attributes,
    })
}

/// Services by the names that the cluster's DNS has for them: Envoy starts with these once, and
/// endpoints come and go.
fn named_services<'a>(
    site: Site<'_>,
    references: impl Iterator<Item = &'a SinkBackendRef>,
) -> Vec<ir::Endpoint> {
    let services = references.filter_map(|reference| {
        let is_service = reference.group.as_deref().unwrap_or_default() == service::KIND.0
            && reference.kind.as_deref().unwrap_or(service::KIND.1) == service::KIND.1;
        let port = u16::try_from(reference.port?).ok().filter(|_| is_service)?;
        let namespace = reference.namespace.as_deref().unwrap_or(site.namespace);
        let domain = &site.options.cluster_domain;
        Some(ir::Endpoint {
            host: ir::Host::Dns(format!("{}.{namespace}.svc.{domain}", reference.name)),
            port,
            draining: false,
        })
    });
    services.collect()
}
