//! From a written budget to one the data plane can enforce.

use tollgate_bundle as bundle;
use tollgate_cost::Expression;
use tollgate_crds::envoy_gateway::compact_ai_gateway_route::CompactTokenBudget;
use tollgate_crds::tollgate as crd;

use super::binding::Effect;
use super::limits::{self, Unit};
use super::subject::{self, Doubt};
use super::{TokenBudget, prices};
use crate::status::{Problem, reason};
use crate::{NamespacedName, World};

/// What became of a TokenBudget.
#[derive(Debug)]
pub(super) struct Built {
    /// `Err` if it cannot be enforced: everything that is wrong, as one problem.
    pub(super) budget: Result<bundle::Budget, Problem>,
    /// Whether it would only count.
    pub(super) is_shadow: bool,
    /// Set where nobody can vouch for the subject.
    pub(super) doubt: Option<Doubt>,
    /// References that lead nowhere.
    pub(super) ref_problems: Vec<Problem>,
    /// What is right and perhaps not meant.
    pub(super) warnings: Vec<Problem>,
}

// === impl Built ===

impl Built {
    /// What happens to what the budget applies to.
    pub(super) fn effect(&self, name: &NamespacedName) -> Effect {
        match &self.budget {
            Ok(budget) => Effect::Hold(budget.id.clone()),
            Err(problem) => Effect::of_refusal(name, self.is_shadow, &problem.message),
        }
    }
}

/// The budget of a TokenBudget object.
pub(super) fn object(world: &World, name: &NamespacedName, object: &TokenBudget) -> Built {
    let spec = &object.spec;
    let mut problems = Vec::new();
    let mut ref_problems = Vec::new();
    let mut warnings = Vec::new();
    let unit = Unit::of(spec.meter);
    let (subject, doubt) = match subject::build(spec.subject, spec.subject_from.as_ref()) {
        Ok(subject) => subject,
        Err(problem) => {
            problems.push(problem);
            (bundle::Subject::Shared, None)
        }
    };
    let limits = limits::build(&spec.limits, unit).unwrap_or_else(|wrong| {
        problems.extend(wrong);
        Vec::new()
    });
    let amounts = limits.iter().enumerate();
    warnings.extend(limits::warnings(amounts.map(|(index, limit)| {
        let field = format!("spec.limits[{index}].{}", unit.field());
        (field, limit)
    })));
    let meter = build_meter(world, &name.namespace, spec).unwrap_or_else(|problem| {
        if problem.reason == reason::CONFIG_MAP_NOT_FOUND {
            ref_problems.push(problem.clone());
        }
        problems.push(problem);
        bundle::Meter::Total
    });
    let mode = keep(
        build_mode(spec, &mut warnings),
        &mut problems,
        bundle::Mode::Strict,
    );
    let on_store_failure = keep(
        build_store_failure(spec, unit, (&limits, &mut warnings)),
        &mut problems,
        bundle::OnStoreFailure::Closed,
    );
    let budget = match Problem::join(&problems) {
        Some(problem) => Err(problem),
        None => Ok(bundle::Budget {
            id: name.to_string(),
            subject,
            limits,
            meter,
            mode,
            on_store_failure,
            warn_percent: spec.warn_at_percent,
        }),
    };
    Built {
        budget,
        is_shadow: spec.mode == crd::Mode::Shadow,
        doubt,
        ref_problems,
        warnings,
    }
}

/// The budget written in a compact AIGatewayRoute, and what of it is perhaps not meant.
pub(crate) fn compact(
    id: String,
    budget: &CompactTokenBudget,
) -> Result<(bundle::Budget, Vec<Problem>), Problem> {
    let field = "spec.rateLimit.tokenBudget";
    let simple = |of: &str| {
        let message = format!("{field}.{of}: this one needs a TokenBudget of its own");
        Problem::new(reason::INVALID, message)
    };
    let (subject, doubt) = subject::build(budget.subject, None).map_err(|_| simple("subject"))?;
    if doubt.is_some() {
        return Err(simple("subject"));
    }
    let written = budget.limits();
    let limits = written
        .iter()
        .map(|(_, limit)| limits::build_one(limit, Unit::Tokens, field))
        .collect::<Result<Vec<_>, _>>()?;
    let names = written.iter().map(|(name, _)| format!("{field}.{name}"));
    let warnings = limits::warnings(names.zip(&limits));
    if limits.is_empty() {
        let message = format!("{field}: there is no limit");
        return Err(Problem::new(reason::INVALID, message));
    }
    let budget = bundle::Budget {
        id,
        subject,
        limits,
        meter: token_meter(budget.meter).ok_or_else(|| simple("meter"))?,
        mode: bundle::Mode::Strict,
        on_store_failure: bundle::OnStoreFailure::Closed,
        warn_percent: None,
    };
    Ok((budget, warnings))
}

fn keep<T>(outcome: Result<T, Problem>, problems: &mut Vec<Problem>, otherwise: T) -> T {
    outcome.unwrap_or_else(|problem| {
        problems.push(problem);
        otherwise
    })
}

/// Meters that need nothing but their name.
fn token_meter(meter: crd::Meter) -> Option<bundle::Meter> {
    Some(match meter {
        crd::Meter::Total => bundle::Meter::Total,
        crd::Meter::Input => bundle::Meter::Input,
        crd::Meter::Output => bundle::Meter::Output,
        crd::Meter::CachedInput => bundle::Meter::CachedInput,
        crd::Meter::CacheWrite => bundle::Meter::CacheWrite,
        crd::Meter::Reasoning => bundle::Meter::Reasoning,
        crd::Meter::Requests | crd::Meter::Expression | crd::Meter::Money => return None,
    })
}

fn build_meter(
    world: &World,
    namespace: &str,
    spec: &crd::TokenBudgetSpec,
) -> Result<bundle::Meter, Problem> {
    if let Some(meter) = token_meter(spec.meter) {
        return Ok(meter);
    }
    match (spec.meter, &spec.expression, &spec.prices) {
        (crd::Meter::Expression, Some(text), _) => match Expression::compile(text) {
            Ok(_) => Ok(bundle::Meter::Expression(text.clone())),
            Err(rule) => Err(invalid(format!("spec.expression: {rule}"))),
        },
        (crd::Meter::Money, _, Some(reference)) => {
            let name = NamespacedName::new(namespace, &reference.name);
            prices::read(world, &name).map(bundle::Meter::Money)
        }
        (crd::Meter::Expression, None, _) => {
            Err(invalid("spec.expression: is required for meter Expression"))
        }
        (crd::Meter::Money, _, None) => Err(invalid("spec.prices: is required for meter Money")),
        _ => Ok(bundle::Meter::Requests),
    }
}

fn build_mode(
    spec: &crd::TokenBudgetSpec,
    warnings: &mut Vec<Problem>,
) -> Result<bundle::Mode, Problem> {
    Ok(match (spec.mode, spec.overcommit) {
        (crd::Mode::Strict, _) => bundle::Mode::Strict,
        (crd::Mode::Shadow, _) => bundle::Mode::Shadow,
        (crd::Mode::Overcommit, Some(crd::Overcommit { percent }))
            if (1..=99).contains(&percent) =>
        {
            if matches!(
                spec.meter,
                crd::Meter::Input
                    | crd::Meter::CachedInput
                    | crd::Meter::CacheWrite
                    | crd::Meter::Requests
            ) {
                warnings.push(Problem::new(
                    reason::UNSUPPORTED_VALUE,
                    format!(
                        "spec.mode: Overcommit holds a part of the output, which meter {:?} does not count",
                        spec.meter
                    ),
                ));
            }
            bundle::Mode::Overcommit(percent)
        }
        (crd::Mode::Overcommit, _) => {
            let message = "spec.overcommit.percent: mode Overcommit needs one from 1 to 99";
            return Err(invalid(message));
        }
    })
}

fn build_store_failure(
    spec: &crd::TokenBudgetSpec,
    unit: Unit,
    (limits, warnings): (&[bundle::Limit], &mut Vec<Problem>),
) -> Result<bundle::OnStoreFailure, Problem> {
    Ok(match (spec.on_store_failure, &spec.lease) {
        (crd::OnStoreFailure::Closed, _) => bundle::OnStoreFailure::Closed,
        (crd::OnStoreFailure::Open, _) => bundle::OnStoreFailure::Open,
        (crd::OnStoreFailure::Leased, None) => {
            return Err(invalid("spec.lease: is required for onStoreFailure Leased"));
        }
        (crd::OnStoreFailure::Leased, Some(lease)) => {
            let lease = limits::build_lease(lease, unit)?;
            if limits.iter().any(|limit| limit.amount < lease) {
                warnings.push(Problem::new(
                    reason::UNSUPPORTED_VALUE,
                    "spec.lease: is more than a limit, which decides then",
                ));
            }
            bundle::OnStoreFailure::Leased(lease)
        }
    })
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::new(reason::INVALID, message)
}
