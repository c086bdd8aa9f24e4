//! Limits that the proxy counts itself. Each Envoy route has buckets of its own: a rule with two
//! matches has each limit twice, as with Envoy Gateway.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::core::RuntimeFractionalPercent;
use envoy::http_type::{FractionalPercent, TokenBucket, fractional_percent::DenominatorType};
use envoy::local_ratelimit_filter::LocalRateLimit;
use envoy::ratelimit_descriptor::{
    LocalRateLimitDescriptor, XRateLimitHeadersRfcVersion, rate_limit_descriptor::Entry,
};
use envoy::route::RateLimit;
use envoy::well_known::BoolValue;

use super::action::{build_cost, build_limit};
use crate::build::value::{duration_ms, uint32};

const STAT_PREFIX: &str = "local_rate_limit";
/// Values with a counter of their own that one limit remembers; beyond it the oldest is forgotten.
const VALUES_MAX: u32 = 10_000;

/// The filter; routes bring the limits.
pub(super) fn build_filter() -> LocalRateLimit {
    LocalRateLimit {
        stat_prefix: STAT_PREFIX.to_string(),
        max_dynamic_descriptors: uint32(VALUES_MAX),
        ..LocalRateLimit::default()
    }
}

/// What a route tells the filter.
pub(super) fn build_route(limits: &ir::LocalLimits) -> LocalRateLimit {
    let ir::LocalLimits {
        otherwise,
        rules,
        headers,
    } = limits;
    let shown = rules.iter().map(|rule| rule.headers).chain([*headers]);
    let any_shown = shown
        .into_iter()
        .any(|it| it == ir::HeaderVisibility::Shown);
    LocalRateLimit {
        stat_prefix: STAT_PREFIX.to_string(),
        token_bucket: Some(otherwise.map_or_else(unlimited, build_bucket)),
        filter_enabled: always(),
        filter_enforced: always(),
        descriptors: rules.iter().map(build_descriptor).collect(),
        rate_limits: rules.iter().map(build_rule).collect(),
        max_dynamic_descriptors: uint32(VALUES_MAX),
        // The bucket without selectors is for requests that no rule selects.
        always_consume_default_token_bucket: Some(BoolValue { value: false }),
        enable_x_ratelimit_headers: match any_shown && !is_empty(limits) {
            true => XRateLimitHeadersRfcVersion::DraftVersion03,
            false => XRateLimitHeadersRfcVersion::Off,
        }
        .into(),
        rate_limited_as_resource_exhausted: true,
        enable_retry_after_header: true,
        ..LocalRateLimit::default()
    }
}

fn is_empty(limits: &ir::LocalLimits) -> bool {
    limits.otherwise.is_none() && limits.rules.is_empty()
}

fn build_rule(rule: &ir::LocalLimit) -> RateLimit {
    RateLimit {
        hits_addend: rule.request_cost.as_ref().map(build_cost),
        ..build_limit(&rule.entries(), &rule.criteria, rule.headers)
    }
}

fn build_descriptor(rule: &ir::LocalLimit) -> LocalRateLimitDescriptor {
    LocalRateLimitDescriptor {
        entries: rule
            .entries()
            .into_iter()
            .map(|entry| Entry {
                key: entry.key,
                // Without a value each value has a bucket of its own.
                value: entry.value.unwrap_or_default(),
            })
            .collect(),
        token_bucket: Some(build_bucket(rule.bucket)),
        shadow_mode: rule.shadow,
    }
}

fn build_bucket(ir::Bucket { requests, fill_s }: ir::Bucket) -> TokenBucket {
    TokenBucket {
        max_tokens: requests,
        tokens_per_fill: uint32(requests),
        fill_interval: Some(duration_ms(u64::from(fill_s) * 1000)),
    }
}

/// Envoy wants a bucket where no rule is without selectors.
fn unlimited() -> TokenBucket {
    build_bucket(ir::Bucket {
        requests: u32::MAX,
        fill_s: 1,
    })
}

fn always() -> Option<RuntimeFractionalPercent> {
    Some(RuntimeFractionalPercent {
        default_value: Some(FractionalPercent {
            numerator: 100,
            denominator: DenominatorType::Hundred.into(),
        }),
        ..RuntimeFractionalPercent::default()
    })
}
