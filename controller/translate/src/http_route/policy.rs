//! Timeouts and retries of a rule.

use tollgate_ir::{Retry, RetryTrigger, Timeouts};

use crate::duration::{parse_limit_ms, parse_ms};
use crate::k8s::http;
use crate::status::{Problem, reason};

/// Attempts after the first where a rule asks for retries and gives no number (Gateway API leaves
/// it to us; Envoy Gateway's default).
const RETRIES_DEFAULT: u32 = 2;
/// First pause where none is given, in milliseconds (Envoy's default).
const BACKOFF_MS_DEFAULT: u64 = 25;
/// The longest pause is this many times the first (Envoy's default).
const BACKOFF_MAX_FACTOR: u64 = 10;
/// Statuses tried again where none are given: a rule that asks for retries means these.
const RETRY_CODES_DEFAULT: [u16; 4] = [500, 502, 503, 504];

/// Timeouts; zero is no limit.
pub(super) fn timeouts(
    timeouts: Option<&http::HttpRouteRulesTimeouts>,
    rule: usize,
    problems: &mut Vec<Problem>,
) -> Timeouts {
    let mut limit = |text: Option<&String>, name: &str| {
        let field = format!("spec.rules[{rule}].timeouts.{name}");
        parse_limit_ms(text.map(String::as_str), &field).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        })
    };
    Timeouts {
        request_ms: limit(timeouts.and_then(|it| it.request.as_ref()), "request"),
        attempt_ms: limit(
            timeouts.and_then(|it| it.backend_request.as_ref()),
            "backendRequest",
        ),
        idle_ms: None,
    }
}

/// Retries, if the rule asks for them.
pub(super) fn retry(
    retry: Option<&http::HttpRouteRulesRetry>,
    rule: usize,
    problems: &mut Vec<Problem>,
) -> Option<Retry> {
    let http::HttpRouteRulesRetry {
        attempts,
        backoff,
        codes,
    } = retry?;
    let field = format!("spec.rules[{rule}].retry.backoff");
    let backoff = parse_ms(backoff.as_deref(), &field).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    let backoff_base_ms = backoff.unwrap_or(BACKOFF_MS_DEFAULT).max(1);
    let attempts = attempts.map(|attempts| {
        u32::try_from(attempts).unwrap_or_else(|_| {
            problems.push(invalid(rule, "attempts", attempts, "at least 1"));
            0
        })
    });
    let mut codes = statuses(codes.as_deref(), rule, problems);
    codes.sort_unstable();
    codes.dedup();
    let mut on = vec![RetryTrigger::ConnectFailure, RetryTrigger::Reset];
    on.extend(codes.into_iter().map(RetryTrigger::Status));
    Some(Retry {
        retries: attempts.unwrap_or(RETRIES_DEFAULT),
        on,
        backoff_base_ms,
        backoff_max_ms: backoff_base_ms.saturating_mul(BACKOFF_MAX_FACTOR),
    })
}

/// The statuses that are tried again.
fn statuses(codes: Option<&[i64]>, rule: usize, problems: &mut Vec<Problem>) -> Vec<u16> {
    let Some(codes) = codes.filter(|codes| !codes.is_empty()) else {
        return RETRY_CODES_DEFAULT.to_vec();
    };
    let mut statuses = Vec::new();
    for code in codes {
        match u16::try_from(*code) {
            Ok(status) if (400..600).contains(&status) => statuses.push(status),
            _ => problems.push(invalid(rule, "codes", *code, "a status from 400 to 599")),
        }
    }
    statuses
}

fn invalid(rule: usize, name: &str, value: i64, wanted: &str) -> Problem {
    Problem::new(
        reason::UNSUPPORTED_VALUE,
        format!("spec.rules[{rule}].retry.{name}: {value} must be {wanted}"),
    )
}
