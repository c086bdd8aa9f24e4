//! Retries of the compact route.

use tollgate_crds::Duration;
use tollgate_crds::envoy_gateway::compact_ai_gateway_route::{
    ResolvedRetry, Retry, RetryOnConditions, RetryTrigger,
};
use tollgate_ir as ir;

use crate::ai_rule::retry_default;
use crate::status::Problem;

/// What a user said about retries.
#[derive(Debug)]
pub(super) struct RetryDraft {
    retries: Option<u32>,
    on: Option<Vec<ir::RetryTrigger>>,
    backoff_base: Option<Duration>,
    backoff_max: Option<Duration>,
    /// Time for one attempt.
    pub(super) attempt: Option<Duration>,
    pub(super) warnings: Vec<Problem>,
}

/// One form of what is written, and what of it has no effect.
pub(super) fn resolve(retry: &Retry) -> RetryDraft {
    let ResolvedRetry {
        num_retries,
        num_attempts_per_priority,
        per_try_timeout,
        retry_on,
        back_off,
    } = retry.resolve();
    let mut warnings = Vec::new();
    if num_attempts_per_priority.is_some_and(|attempts| attempts != 1) {
        warnings.push(Problem::ignored("spec.retry.numAttemptsPerPriority"));
    }
    RetryDraft {
        retries: num_retries,
        on: retry_on.map(|on| triggers(&on, &mut warnings)),
        backoff_base: back_off.base_interval,
        backoff_max: back_off.max_interval,
        attempt: per_try_timeout,
        warnings,
    }
}

/// The retries of a rule with so many backends.
pub(super) fn build(draft: Option<&RetryDraft>, backends: usize) -> ir::Retry {
    let mut retry = retry_default(backends);
    let Some(draft) = draft else {
        return retry;
    };
    if let Some(retries) = draft.retries {
        retry.retries = retries;
    }
    if let Some(on) = &draft.on {
        retry.on.clone_from(on);
    }
    if let Some(base) = draft.backoff_base {
        retry.backoff_base_ms = base.as_millis().max(1);
        retry.backoff_max_ms = retry.backoff_max_ms.max(retry.backoff_base_ms);
    }
    if let Some(max) = draft.backoff_max {
        retry.backoff_max_ms = max.as_millis().max(retry.backoff_base_ms);
    }
    retry
}

fn triggers(on: &RetryOnConditions, warnings: &mut Vec<Problem>) -> Vec<ir::RetryTrigger> {
    let mut triggers = Vec::new();
    for trigger in &on.triggers {
        match trigger {
            RetryTrigger::FiveXx => triggers.push(ir::RetryTrigger::ServerError),
            RetryTrigger::GatewayError => {
                triggers.extend([502, 503, 504].map(ir::RetryTrigger::Status));
            }
            RetryTrigger::Reset => triggers.push(ir::RetryTrigger::Reset),
            // All three mean that the provider has seen nothing of the request.
            RetryTrigger::ConnectFailure
            | RetryTrigger::RefusedStream
            | RetryTrigger::ResetBeforeRequest => triggers.push(ir::RetryTrigger::ConnectFailure),
            RetryTrigger::Retriable4xx => triggers.push(ir::RetryTrigger::Status(409)),
            // The codes themselves say it.
            RetryTrigger::RetriableStatusCodes => {}
            RetryTrigger::Cancelled
            | RetryTrigger::DeadlineExceeded
            | RetryTrigger::Internal
            | RetryTrigger::ResourceExhausted
            | RetryTrigger::Unavailable => warnings.push(Problem::ignored(
                "spec.retry.retryOn: a trigger of gRPC, which no provider here speaks,",
            )),
        }
    }
    let codes = on.http_status_codes.iter().copied();
    triggers.extend(codes.map(ir::RetryTrigger::Status));
    triggers.sort();
    triggers.dedup();
    triggers
}
