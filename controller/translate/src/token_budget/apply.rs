//! Holding: what a rule, as a listener serves it, is held against.

use tollgate_ir as ir;

use super::Budgets;
use super::binding::{Effect, Site};
use crate::ai_routes::{AiRuleDraft, refuse};
use crate::ai_rule::refuse_backend;
use crate::gateway::{GatewayDraft, ListenerIndex};
use crate::parent::RouteSource;
use crate::status::{Problem, reason};

// === impl Budgets ===

impl Budgets {
    /// Holds a rule and its backends, as a listener serves them, against every budget that
    /// applies there; says which make it refuse.
    pub(crate) fn hold(
        &self,
        rule: &mut ir::AiRule,
        (gateways, at): (&[GatewayDraft], ListenerIndex),
        (source, draft): (&RouteSource, &AiRuleDraft),
    ) -> Vec<Problem> {
        let mut refusals = Vec::new();
        let Some(site) = Site::of(gateways, at, (source, draft)) else {
            return refusals;
        };
        for binding in &self.bindings {
            let whole = binding.has_rule(&site);
            match &binding.effect {
                Effect::Nothing => {}
                Effect::Hold(id) if whole => rule.rule.budgets.push(id.clone()),
                Effect::Hold(id) => {
                    for position in binding.backends(draft) {
                        if let Some(backend) = rule.rule.backends.get_mut(position) {
                            backend.budgets.push(id.clone());
                        }
                    }
                }
                Effect::Refuse(why) if whole => {
                    refuse(std::iter::once(&mut *rule), why);
                    let message = format!("rule {} refuses requests: {why}", rule.rule.id);
                    refusals.push(Problem::new(reason::INVALID, message));
                }
                Effect::Refuse(why) => {
                    for position in binding.backends(draft) {
                        refuse_backend(rule, position, why);
                        let message =
                            format!("backend {}/{position} is not used: {why}", rule.rule.id);
                        refusals.push(Problem::new(reason::INVALID, message));
                    }
                }
            }
        }
        rule.rule.budgets.sort();
        rule.rule.budgets.dedup();
        for backend in &mut rule.rule.backends {
            backend.budgets.sort();
            backend.budgets.dedup();
        }
        refusals
    }
}
