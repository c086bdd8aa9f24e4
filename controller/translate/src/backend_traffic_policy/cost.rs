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

/// Costs that nobody tells of this route's requests: they count nothing, and the policy's author
/// should know.
pub(super) fn missing(
    limits: &RateLimits,
    costs: &[RequestCost],
    source: &RouteSource,
) -> Vec<Problem> {
    let global = limits
        .global
        .iter()
        .flat_map(|limit| [&limit.request_cost, &limit.response_cost]);
    let local = limits
        .local
        .iter()
        .flat_map(|local| &local.rules)
        .map(|rule| &rule.request_cost);
    global
        .chain(local)
        .flatten()
        .filter_map(|cost| match cost {
            Cost::Number(_) => None,
            Cost::Metadata(key) => Some(key),
        })
        .filter(|key| {
            let told = costs.iter().any(|cost| cost.metadata_key == key.key);
            key.namespace != COST_METADATA_NAMESPACE || !told
        })
        .map(|MetadataKey { namespace, key }| {
            let message = format!(
                "cost {key} of namespace {namespace} counts nothing for {} {}: llmRequestCosts of the route does not give it",
                source.object.kind, source.name
            );
            Problem::new(reason::UNSUPPORTED_VALUE, message)
        })
        .collect()
}
