//! `tollgate explain`: which rule, backends and budgets a request would meet, and why.

use serde::Serialize;
use tollgate_cost::Names;
use tollgate_llm::{ChatRequest, tokens};

use crate::{
    Caller, RouteTable,
    caller::Identity,
    charge::{self, Ask, CallSize, Covered, window_text},
    exchange::{RequestHead, subject_headers},
    subject::{HeaderValue, Payer},
    table::CompiledRule,
};

/// What would happen to a request.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Scope (virtual host) that was asked.
    pub scope: String,
    /// Model of the request.
    pub model: String,
    /// Consumer, `anonymous`, or why the key is refused.
    pub caller: String,
    /// Each rule in order of precedence, and whether it takes the request.
    pub rules: Vec<RuleExplanation>,
    /// Backends of the rule that takes it, in the order in which they would be tried.
    pub backends: Vec<BackendExplanation>,
    /// Budgets that would be held.
    pub budgets: Vec<BudgetExplanation>,
    /// Upper bound on input tokens from the body's length, and the exact count where the
    /// tokenizer is known.
    pub input_tokens_bound: u64,
    /// Exact count, where the tokenizer of the first backend's model is known.
    pub input_tokens: Option<u64>,
    /// Output tokens that would be held at most.
    pub output_tokens_max: u64,
}

/// One rule.
#[derive(Clone, Debug, Serialize)]
pub struct RuleExplanation {
    /// Rule id.
    pub rule: String,
    /// `serves it`, or why not.
    pub verdict: String,
}

/// One backend.
#[derive(Clone, Debug, Serialize)]
pub struct BackendExplanation {
    /// Name as written.
    pub name: String,
    /// Fallback order.
    pub priority: u32,
    /// Share within the priority.
    pub weight: u32,
    /// Model that would be asked for.
    pub model: String,
    /// `usable`, or why not.
    pub state: String,
}

/// One limit of one budget.
#[derive(Clone, Debug, Serialize)]
pub struct BudgetExplanation {
    /// Budget id.
    pub budget: String,
    /// Who would pay.
    pub subject: String,
    /// What `limit` and `hold` are numbers of: `tokens`, `requests`, `1e-12 USD`.
    pub unit: String,
    /// Units per window.
    pub limit: u64,
    /// Window.
    pub window: String,
    /// Units that would be held at most.
    pub hold: u64,
}

/// Explains a request without sending it.
///
/// # Errors
///
/// The body is not a chat request, or the scope does not exist: in words.
pub fn explain(
    table: &RouteTable,
    scope_name: &str,
    head: &impl RequestHead,
    body: &[u8],
) -> Result<Explanation, String> {
    let request = ChatRequest::parse(body).map_err(|invalid| invalid.message)?;
    let scope = table
        .scope(scope_name)
        .ok_or_else(|| format!("there is no AI scope {scope_name:?}"))?;
    let key = head
        .text("authorization")
        .and_then(|value| value.strip_prefix("Bearer "));
    let caller = key.map_or(Caller::Anonymous, |key| table.identify(key.as_bytes()));
    let chosen = scope.find(&request.model, |name| head.header(name));
    let rules = scope
        .rules
        .iter()
        .map(|rule| verdict(rule, chosen))
        .collect();
    let mut explanation = Explanation {
        scope: scope_name.to_string(),
        model: request.model.clone(),
        caller: String::new(),
        rules,
        backends: Vec::new(),
        budgets: Vec::new(),
        input_tokens_bound: tokens::input_bound(&request.model, &request.input),
        input_tokens: None,
        output_tokens_max: 0,
    };
    match chosen {
        Some(rule) => {
            let asked = Asked {
                caller: &caller,
                request: &request,
                body,
                headers: &subject_headers(rule, head),
            };
            describe(&mut explanation, rule, asked);
        }
        None => explanation.caller = "no rule takes this model".to_string(),
    }
    Ok(explanation)
}

fn verdict(rule: &CompiledRule, chosen: Option<&CompiledRule>) -> RuleExplanation {
    let verdict = match chosen {
        Some(chosen) if std::ptr::eq(chosen, rule) => "serves it".to_string(),
        _ => format!(
            "model or headers do not match, or an earlier rule did; it takes {}",
            rule.rule
                .matches
                .iter()
                .filter_map(|any| any.model.as_ref())
                .map(|model| format!("{model:?}"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    RuleExplanation {
        rule: rule.rule.id.clone(),
        verdict,
    }
}

/// The request that is explained.
#[derive(Clone, Copy)]
struct Asked<'a> {
    caller: &'a Caller,
    request: &'a ChatRequest,
    body: &'a [u8],
    headers: &'a [(String, HeaderValue)],
}

fn describe(explanation: &mut Explanation, rule: &CompiledRule, asked: Asked<'_>) {
    let Asked { request, body, .. } = asked;
    let admitted = rule.admit(asked.caller);
    let is_known = admitted.is_ok();
    let identity = match admitted {
        Ok(identity) => identity,
        Err(()) => {
            explanation.caller = format!(
                "refused (401): namespace {} requires the key of one of its consumers",
                rule.rule.namespace
            );
            None
        }
    };
    if explanation.caller.is_empty() {
        explanation.caller = identity
            .as_ref()
            .map_or("anonymous".to_string(), |identity| {
                identity.consumer.clone()
            });
    }
    let mut backends: Vec<_> = rule.rule.backends.iter().collect();
    backends.sort_by_key(|backend| backend.priority);
    explanation.backends = backends
        .iter()
        .map(|backend| BackendExplanation {
            name: backend.name.clone(),
            priority: backend.priority,
            weight: backend.weight,
            model: backend
                .model
                .clone()
                .unwrap_or_else(|| request.model.clone()),
            state: backend.invalid.clone().unwrap_or("usable".to_string()),
        })
        .collect();
    explanation.input_tokens = explanation
        .backends
        .first()
        .and_then(|backend| tokens::count_input(&backend.model, request, body, usize::MAX));
    explanation.output_tokens_max = request
        .output_tokens_max
        .unwrap_or(rule.rule.output_tokens_default)
        .saturating_mul(request.choices);
    if !is_known {
        return;
    }
    if let Err(refusal) = describe_budgets(explanation, rule, identity.as_deref(), asked) {
        explanation.caller = refusal;
    }
}

/// The budgets of a call at the backend that would be tried first; `Err` says why it would be
/// refused.
fn describe_budgets(
    explanation: &mut Explanation,
    rule: &CompiledRule,
    identity: Option<&Identity>,
    asked: Asked<'_>,
) -> Result<(), String> {
    let request = asked.request;
    let backends = rule.rule.backends.iter().enumerate();
    let Some((index, backend)) = backends.min_by_key(|(_, backend)| backend.priority) else {
        return Ok(());
    };
    let payer = Payer {
        identity,
        rule: &rule.rule,
        model: &request.model,
        backend: &backend.name,
        headers: asked.headers,
    };
    let dues = charge::dues(&rule.budgets, index, &payer, &mut Vec::new())
        .map_err(|missing| format!("refused: budget {} {}", missing.budget, missing.lacks))?;
    let ask = Ask {
        size: CallSize {
            names: Names {
                model: backend.model.as_deref().unwrap_or(&request.model),
                backend: &backend.name,
                route: &rule.rule.route,
            },
            input: explanation
                .input_tokens
                .unwrap_or(explanation.input_tokens_bound),
        },
        output: explanation.output_tokens_max,
        covered: Covered::Share,
    };
    let charges = charge::charges(&dues, ask)
        .map_err(|refused| format!("refused (500): budget {} {}", refused.budget, refused.why))?;
    explanation.budgets = charges
        .into_iter()
        .zip(&dues)
        .map(|(charge, due)| BudgetExplanation {
            budget: charge.account.budget.to_string(),
            subject: charge.account.subject.to_string(),
            unit: due.budget.meter.unit().name(),
            limit: charge.account.limit,
            window: window_text(charge.account.window),
            hold: charge
                .fixed
                .saturating_add(charge.per_output.saturating_mul(ask.output)),
        })
        .collect();
    Ok(())
}
