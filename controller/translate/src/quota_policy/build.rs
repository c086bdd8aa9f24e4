//! From the quotas of a policy to budgets that everybody shares.

use tollgate_bundle::{Budget, Limit, Meter, Mode, OnStoreFailure, Subject, WindowKind};
use tollgate_cost::Expression;
use tollgate_crds::envoy_ai_gateway::{
    ModelQuota, ModelQuotaDefinition, QuotaDuration, QuotaMode, QuotaPolicySpec, QuotaValue,
    ServiceQuota,
};

use super::Bucket;
use crate::NamespacedName;
use crate::status::{Problem, reason};

/// What costs count where a policy says nothing (upstream's default).
const COST_DEFAULT: &str = "total_tokens";

/// The buckets that are enforced.
///
/// # Errors
/// With the field and the rule that it breaks.
pub(super) fn buckets(
    name: &NamespacedName,
    spec: &QuotaPolicySpec,
) -> Result<Vec<Bucket>, Problem> {
    let QuotaPolicySpec {
        target_refs: _,
        service_quota,
        per_model_quotas,
    } = spec;
    let mut buckets = Vec::new();
    if let Some(ServiceQuota {
        cost_expression,
        quota,
    }) = service_quota
    {
        let meter = meter(cost_expression.as_deref(), "spec.serviceQuota")?;
        buckets.push(Bucket {
            budget: budget(format!("quota:{name}"), meter, *quota),
            model: None,
        });
    }
    for (index, ModelQuota { model_name, quota }) in per_model_quotas.iter().enumerate() {
        let field = format!("spec.perModelQuotas[{index}]");
        let twice = |bucket: &Bucket| bucket.model.as_ref() == Some(model_name);
        if buckets.iter().any(twice) {
            let message = format!("{field}.modelName: {model_name:?} is there already");
            return Err(Problem::new(reason::INVALID, message));
        }
        let ModelQuotaDefinition {
            cost_expression,
            mode: QuotaMode::Shared,
            default_bucket,
            bucket_rules: _,
        } = quota;
        let meter = meter(cost_expression.as_deref(), &format!("{field}.quota"))?;
        if let Some(quota) = default_bucket {
            buckets.push(Bucket {
                budget: budget(format!("quota:{name}/{model_name}"), meter, *quota),
                model: Some(model_name.clone()),
            });
        }
    }
    Ok(buckets)
}

/// What is written and not acted on.
pub(super) fn unenforced(spec: &QuotaPolicySpec) -> Vec<Problem> {
    let quotas = spec.per_model_quotas.iter().enumerate();
    quotas
        .filter(|(_, model)| !model.quota.bucket_rules.is_empty())
        .map(|(index, model)| {
            let instead = match model.quota.default_bucket {
                Some(_) => "; the default bucket holds for everybody",
                None => "",
            };
            let message = format!(
                "spec.perModelQuotas[{index}].quota.bucketRules has no effect in this release{instead}"
            );
            Problem::new(reason::UNSUPPORTED_VALUE, message)
        })
        .collect()
}

fn meter(expression: Option<&str>, field: &str) -> Result<Meter, Problem> {
    match expression.unwrap_or(COST_DEFAULT).trim() {
        COST_DEFAULT => Ok(Meter::Total),
        expression => match Expression::compile(expression) {
            Ok(_) => Ok(Meter::Expression(expression.to_string())),
            Err(why) => {
                let message = format!("{field}.costExpression: {why}");
                Err(Problem::new(reason::INVALID, message))
            }
        },
    }
}

fn budget(id: String, meter: Meter, QuotaValue { limit, duration }: QuotaValue) -> Budget {
    Budget {
        id,
        subject: Subject::Shared,
        limits: vec![Limit {
            amount: limit,
            window: match duration {
                QuotaDuration::Second => WindowKind::Second,
                QuotaDuration::Minute => WindowKind::Minute,
                QuotaDuration::Hour => WindowKind::Hour,
                QuotaDuration::Day => WindowKind::Day,
            },
            time_zone: "UTC".to_string(),
        }],
        meter,
        mode: Mode::Strict,
        on_store_failure: OnStoreFailure::Closed,
        warn_percent: None,
    }
}
