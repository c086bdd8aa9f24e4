//! Holding: what a rule, as a listener serves it, is held against.

use tollgate_ir::{self as ir, Shared};

use super::Budgets;
use super::binding::{Binding, Effect, Refusal, Site};
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
        rule: &mut Shared<ir::AiRule>,
        (gateways, at): (&[GatewayDraft], ListenerIndex),
        (source, draft): (&RouteSource, &AiRuleDraft),
    ) -> Vec<Problem> {
        let mut refusals = Vec::new();
        let Some(site) = Site::of(gateways, at, (source, draft)) else {
            return refusals;
        };
        let is_held =
            |binding: &Binding| binding.has_rule(&site) || binding.backends(draft).next().is_some();
        if !self.bindings.iter().any(is_held) {
            return refusals;
        }
        // A copy of its own, unless nothing applies.
        let rule: &mut ir::AiRule = rule;
        // Those in force come first, so that a refusal sees what is held.
        for binding in &self.bindings {
            let whole = binding.has_rule(&site);
            let backends: Vec<usize> = if whole {
                Vec::new()
            } else {
                binding.backends(draft).collect()
            };
            match &binding.effect {
                Effect::Nothing => {}
                Effect::Hold(id) if whole => rule.rule.budgets.push(id.clone()),
                Effect::Hold(id) => hold_backends(rule, &backends, id),
                Effect::Refuse(refusal) if whole => {
                    if !refusal.spares(&rule.rule.budgets) {
                        refuse(std::iter::once(&mut *rule), &refusal.why);
                        let (id, why) = (&rule.rule.id, &refusal.why);
                        let message = format!("rule {id} refuses requests: {why}");
                        refusals.push(Problem::new(reason::INVALID, message));
                    }
                }
                Effect::Refuse(refusal) => {
                    refusals.extend(refuse_backends(rule, &backends, refusal));
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

fn hold_backends(rule: &mut ir::AiRule, positions: &[usize], id: &str) {
    for position in positions {
        if let Some(backend) = rule.rule.backends.get_mut(*position) {
            backend.budgets.push(id.to_string());
        }
    }
}

fn refuse_backends(rule: &mut ir::AiRule, positions: &[usize], refusal: &Refusal) -> Vec<Problem> {
    let why = &refusal.why;
    let mut refusals = Vec::new();
    for position in positions {
        let Some(backend) = rule.rule.backends.get(*position) else {
            continue;
        };
        if refusal.spares(&rule.rule.budgets) || refusal.spares(&backend.budgets) {
            continue;
        }
        let message = format!("backend {} is not used: {why}", backend.id);
        refusals.push(Problem::new(reason::INVALID, message));
        refuse_backend(rule, *position, why);
    }
    refusals
}
