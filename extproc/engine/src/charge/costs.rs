//! What a rule tells the proxy of each call (`bundle::Rule::costs`), made ready.

use tollgate_bundle::Rule;
use tollgate_cost::Names;
use tollgate_llm::Usage;

use super::{Used, meter::Meter};

/// The most that Envoy's rate limit filter takes as one cost; it leaves out what is more.
const COST_MAX: u64 = 1_000_000_000;

/// The costs of a rule.
#[derive(Debug, Default)]
pub(crate) struct RuleCosts(Vec<(String, Meter)>);

// === impl RuleCosts ===

impl RuleCosts {
    /// What cannot be compiled is never told; it is returned in words for the log.
    pub(crate) fn compile(rule: &Rule, problems: &mut Vec<String>) -> Self {
        let compiled = rule.costs.iter().map(|cost| {
            let meter = Meter::compile(&cost.meter);
            if let Meter::Broken(problem) = &meter {
                let key = &cost.metadata_key;
                problems.push(format!("rule {}: cost {key}: {problem}", rule.id));
            }
            (cost.metadata_key.clone(), meter)
        });
        Self(compiled.collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a call did cost. An expression without a value for it costs the most there is: what
    /// overflows is no gift.
    pub(crate) fn of(&self, names: Names<'_>, usage: Usage) -> Vec<(&str, u64)> {
        self.0
            .iter()
            .map(|(key, meter)| {
                let cost = meter.used(names, Used::Tokens(usage));
                (key.as_str(), cost.unwrap_or(COST_MAX).min(COST_MAX))
            })
            .collect()
    }
}
