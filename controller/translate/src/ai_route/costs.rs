//! `llmRequestCosts`: what the proxy is told of each request when its answer has ended.

use tollgate_bundle::{Meter, RequestCost};
use tollgate_cost::Expression;
use tollgate_crds::envoy_ai_gateway::{CostType, LlmRequestCost};

use crate::status::{Problem, reason};

/// The costs of a route. One that is wrong, or whose key another has, is left out, and its route
/// is told: policies that read it say so too.
pub(super) fn translate(
    written: &[LlmRequestCost],
    problems: &mut Vec<Problem>,
) -> Vec<RequestCost> {
    let mut costs: Vec<RequestCost> = Vec::new();
    for (index, cost) in written.iter().enumerate() {
        let field = format!("spec.llmRequestCosts[{index}]");
        let LlmRequestCost {
            metadata_key,
            type_,
            cel,
        } = cost;
        if costs.iter().any(|it| it.metadata_key == *metadata_key) {
            let message = format!("{field}.metadataKey: {metadata_key:?} is there already");
            problems.push(Problem::new(reason::INVALID, message));
            continue;
        }
        match meter(*type_, cel.as_deref().unwrap_or_default()) {
            Ok(meter) => costs.push(RequestCost {
                metadata_key: metadata_key.clone(),
                meter,
            }),
            Err(why) => {
                let message = format!("{field}.cel: {why}");
                problems.push(Problem::new(reason::INVALID, message));
            }
        }
    }
    costs
}

fn meter(type_: CostType, expression: &str) -> Result<Meter, String> {
    Ok(match type_ {
        CostType::OutputToken => Meter::Output,
        CostType::InputToken => Meter::Input,
        CostType::CachedInputToken => Meter::CachedInput,
        CostType::CacheCreationInputToken => Meter::CacheWrite,
        CostType::TotalToken => Meter::Total,
        CostType::ReasoningToken => Meter::Reasoning,
        CostType::CEL => {
            Expression::compile(expression)?;
            Meter::Expression(expression.to_string())
        }
    })
}
