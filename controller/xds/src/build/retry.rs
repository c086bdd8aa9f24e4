//! Retries: on the next backend for AI rules, on another endpoint for plain HTTP routes.

use std::collections::BTreeSet;

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::route::{
    RetryPolicy,
    retry_policy::{
        RetryBackOff, RetryHostPredicate, RetryPriority, retry_host_predicate, retry_priority,
    },
};

use super::value::{duration_ms, uint32};

/// How often another endpoint is looked for before one that failed is taken again.
const HOST_SELECTION_ATTEMPTS: i64 = 5;

/// Retries of an AI rule: each goes to the next priority, which is another backend.
pub(super) fn build_fallback(retry: &ir::Retry, timeouts: &ir::Timeouts) -> RetryPolicy {
    let config = envoy::previous_priorities::PreviousPrioritiesConfig {
        update_frequency: 1,
    };
    RetryPolicy {
        retry_priority: Some(RetryPriority {
            name: "envoy.retry_priorities.previous_priorities".to_string(),
            config_type: Some(retry_priority::ConfigType::TypedConfig(envoy::pack(
                &config,
            ))),
        }),
        ..build_policy(retry, timeouts)
    }
}

/// Retries of a plain route; `None` where nothing is retried and an attempt has no time of its
/// own.
pub(super) fn build_http_retry(
    retry: Option<&ir::Retry>,
    timeouts: &ir::Timeouts,
) -> Option<RetryPolicy> {
    match retry {
        Some(retry) => Some(build_policy(retry, timeouts)),
        // The time of an attempt stands in the retry policy, and holds without retries too.
        None => timeouts.attempt_ms.map(|ms| RetryPolicy {
            num_retries: uint32(0),
            per_try_timeout: Some(duration_ms(ms)),
            ..RetryPolicy::default()
        }),
    }
}

fn build_policy(retry: &ir::Retry, timeouts: &ir::Timeouts) -> RetryPolicy {
    let ir::Retry {
        retries,
        on,
        backoff_base_ms,
        backoff_max_ms,
    } = retry;
    let (retry_on, retriable_status_codes) = build_triggers(on);
    // Envoy refuses an interval of 0, and a maximum below the base.
    let base_ms = (*backoff_base_ms).max(1);
    let max_ms = (*backoff_max_ms).max(base_ms);
    RetryPolicy {
        retry_on,
        num_retries: uint32(*retries),
        per_try_timeout: timeouts.attempt_ms.map(duration_ms),
        retry_host_predicate: vec![RetryHostPredicate {
            name: "envoy.retry_host_predicates.previous_hosts".to_string(),
            config_type: Some(retry_host_predicate::ConfigType::TypedConfig(envoy::pack(
                &envoy::previous_hosts::PreviousHostsPredicate {},
            ))),
        }],
        host_selection_retry_max_attempts: HOST_SELECTION_ATTEMPTS,
        retriable_status_codes,
        retry_back_off: Some(RetryBackOff {
            base_interval: Some(duration_ms(base_ms)),
            max_interval: Some(duration_ms(max_ms)),
        }),
        ..RetryPolicy::default()
    }
}

/// Envoy's `retry_on` and the statuses it refers to.
fn build_triggers(on: &[ir::RetryTrigger]) -> (String, Vec<u32>) {
    let mut names = BTreeSet::new();
    let mut statuses = BTreeSet::new();
    for trigger in on {
        match trigger {
            ir::RetryTrigger::ConnectFailure => {
                names.extend(["connect-failure", "refused-stream"]);
            }
            ir::RetryTrigger::Reset => {
                names.insert("reset");
            }
            ir::RetryTrigger::ServerError => {
                names.insert("5xx");
            }
            ir::RetryTrigger::Status(status) => {
                names.insert("retriable-status-codes");
                statuses.insert(u32::from(*status));
            }
        }
    }
    let names: Vec<&str> = names.into_iter().collect();
    (names.join(","), statuses.into_iter().collect())
}
