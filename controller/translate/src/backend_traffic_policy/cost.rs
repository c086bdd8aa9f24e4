//! What a request counts, and whether anybody tells it.

use tollgate_bundle::{COST_METADATA_NAMESPACE, RequestCost};
use tollgate_crds::envoy_gateway::backend_traffic_policy::{CostFrom, CostMetadata, CostSpecifier};
use tollgate_ir::{Cost, MetadataKey, RateLimits};

use crate::parent::RouteSource;
use crate::status::{Problem, reason};

/// The cost that is written; the schema lets nothing through that says neither or both.
pub(super) fn build(written: Option<&CostSpecifier>) -> Option<Cost> {
    let CostSpecifier {
        from,
        number,
        metadata,
    } = written?;
    match from {
        CostFrom::Number => number.map(Cost::Number),
        CostFrom::Metadata => metadata
            .clone()
            .map(|CostMetadata { namespace, key }| Cost::Metadata(MetadataKey { namespace, key })),
    }
}

/// Metadata that nobody gives for this route's requests: it counts or changes nothing, and the
/// policy's author should know. What a request has cost is known when its answer has ended.
pub(super) fn missing(
    limits: &RateLimits,
    costs: &[RequestCost],
    source: &RouteSource,
) -> Vec<Problem> {
    let route = format!("{} {}", source.object.kind, source.name);
    let local = limits.local.iter().flat_map(|local| &local.rules);
    let global = limits.global.iter();
    let requests = global.map(|limit| &limit.request_cost);
    let requests = requests.chain(local.map(|limit| &limit.request_cost));
    let of_requests = metadata(requests).map(|key| {
        format!("{key} is not known when a request of {route} comes: its rule refuses nothing")
    });
    let responses = limits.global.iter().map(|limit| &limit.response_cost);
    let of_responses = metadata(responses)
        .filter(|key| {
            let told = costs.iter().any(|cost| cost.metadata_key == key.key);
            key.namespace != COST_METADATA_NAMESPACE || !told
        })
        .map(|key| format!("{key} counts nothing for {route}: its llmRequestCosts do not give it"));
    let overrides = limits.global.iter();
    let overrides = overrides.filter_map(|limit| limit.override_from.as_ref());
    let of_limits = overrides.map(|key| {
        format!("{key} gives no limit to {route}: the number of requests that is written holds")
    });
    of_requests
        .chain(of_responses)
        .chain(of_limits)
        .map(|message| Problem::new(reason::UNSUPPORTED_VALUE, message))
        .collect()
}

fn metadata<'a>(
    costs: impl Iterator<Item = &'a Option<Cost>>,
) -> impl Iterator<Item = &'a MetadataKey> {
    costs.flatten().filter_map(|cost| match cost {
        Cost::Number(_) => None,
        Cost::Metadata(key) => Some(key),
    })
}
