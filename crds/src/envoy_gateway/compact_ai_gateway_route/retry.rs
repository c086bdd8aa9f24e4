//! Retries of a compact AIGatewayRoute, in either spelling that users write.
//!
//! Envoy Gateway nests `perRetry.timeout`, `perRetry.backOff` and `retryOn.triggers`; others
//! write `perRetryTimeout`, `backoff` and `retryOn` as a list. [`Retry::resolve`] makes one form.

use std::borrow::Cow;

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::Duration;

/// When and how often the next attempt is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "!(has(self.perRetryTimeout) && has(self.perRetry) && has(self.perRetry.timeout))"
).message("perRetryTimeout and perRetry.timeout are two spellings of one field: set only one"))]
#[x_kube(validation = Rule::new(
    "(has(self.backoff) ? 1 : 0) + (has(self.backOff) ? 1 : 0) + (has(self.perRetry) && has(self.perRetry.backOff) ? 1 : 0) <= 1"
).message("backoff, backOff and perRetry.backOff are spellings of one field: set only one"))]
pub struct Retry {
    /// Attempts after the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100))]
    pub num_retries: Option<u32>,
    /// Attempts at one priority before the next priority is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub num_attempts_per_priority: Option<u32>,
    /// Time for each attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_retry_timeout: Option<Duration>,
    /// Time for each attempt and waits between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_retry: Option<PerRetry>,
    /// What is retried: a list of triggers and status codes, or `{triggers, httpStatusCodes}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_on: Option<RetryOn>,
    /// Waits between attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<BackOff>,
    /// Waits between attempts, in Envoy Gateway's spelling.
    #[serde(rename = "backOff", default, skip_serializing_if = "Option::is_none")]
    pub back_off: Option<BackOff>,
}

/// Time for each attempt and waits between them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PerRetry {
    /// Time for each attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Waits between attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_off: Option<BackOff>,
}

/// Waits between attempts: exponential with jitter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackOff {
    /// The first wait at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_interval: Option<Duration>,
    /// Every wait at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_interval: Option<Duration>,
}

/// What is retried, as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "must be a list of triggers and status codes ([5xx, reset, 429]) or an object of both ({triggers: [5xx], httpStatusCodes: [429]}); triggers are 5xx, gateway-error, reset, reset-before-request, connect-failure, retriable-4xx, refused-stream, retriable-status-codes, cancelled, deadline-exceeded, internal, resource-exhausted and unavailable"
)]
pub enum RetryOn {
    /// `["5xx", "reset", 429]`.
    List(Vec<RetryOnItem>),
    /// `{triggers: [5xx], httpStatusCodes: [429]}`.
    Conditions(RetryOnConditions),
}

/// One entry of the list form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RetryOnItem {
    /// A trigger by name.
    Trigger(RetryTrigger),
    /// A status code.
    Status(u16),
}

/// The form of Envoy Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetryOnConditions {
    /// Conditions by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<RetryTrigger>,
    /// Status codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http_status_codes: Vec<u16>,
}

/// Conditions of Envoy's retry policy.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[allow(
    missing_docs,
    reason = "names of Envoy's `x-envoy-retry-on` and `x-envoy-retry-grpc-on`"
)]
pub enum RetryTrigger {
    #[serde(rename = "5xx")]
    FiveXx,
    GatewayError,
    Reset,
    ResetBeforeRequest,
    ConnectFailure,
    #[serde(rename = "retriable-4xx")]
    Retriable4xx,
    RefusedStream,
    RetriableStatusCodes,
    Cancelled,
    DeadlineExceeded,
    Internal,
    ResourceExhausted,
    Unavailable,
}

/// A retry policy in one form; `None` and empty mean "not said".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvedRetry {
    /// Attempts after the first.
    pub num_retries: Option<u32>,
    /// Attempts at one priority before the next.
    pub num_attempts_per_priority: Option<u32>,
    /// Time for each attempt.
    pub per_try_timeout: Option<Duration>,
    /// Conditions, as written; `None` when `retryOn` is absent.
    pub retry_on: Option<RetryOnConditions>,
    /// Waits between attempts.
    pub back_off: BackOff,
}

// === impl Retry ===

impl Retry {
    /// One form of the two spellings. The schema refuses both at once; of an object that was
    /// never checked, the nested spelling wins.
    pub fn resolve(&self) -> ResolvedRetry {
        let Self {
            num_retries,
            num_attempts_per_priority,
            per_retry_timeout,
            per_retry,
            retry_on,
            backoff,
            back_off,
        } = self;
        let nested = per_retry.as_ref();
        ResolvedRetry {
            num_retries: *num_retries,
            num_attempts_per_priority: *num_attempts_per_priority,
            per_try_timeout: nested
                .and_then(|nested| nested.timeout)
                .or(*per_retry_timeout),
            retry_on: retry_on.as_ref().map(RetryOn::conditions),
            back_off: nested
                .and_then(|nested| nested.back_off)
                .or(*back_off)
                .or(*backoff)
                .unwrap_or_default(),
        }
    }
}

// === impl RetryOn ===

impl RetryOn {
    /// Triggers and status codes apart.
    fn conditions(&self) -> RetryOnConditions {
        match self {
            Self::Conditions(conditions) => conditions.clone(),
            Self::List(items) => {
                let mut conditions = RetryOnConditions::default();
                for item in items {
                    match item {
                        RetryOnItem::Trigger(trigger) => conditions.triggers.push(*trigger),
                        RetryOnItem::Status(code) => conditions.http_status_codes.push(*code),
                    }
                }
                conditions
            }
        }
    }
}

/// A structural schema cannot say "list or object", so the API server keeps any value here and
/// the typed reading checks it.
impl JsonSchema for RetryOn {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RetryOn".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"x-kubernetes-preserve-unknown-fields": true})
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{BackOff, ResolvedRetry, Retry, RetryOnConditions, RetryTrigger};
    use crate::Duration;

    #[test]
    fn both_spellings_of_a_retry_resolve_to_one_form() {
        let flat = json!({"numRetries": 3, "perRetryTimeout": "5s", "retryOn": ["5xx", "reset", 429],
            "backoff": {"baseInterval": "100ms", "maxInterval": "10s"}});
        let nested = json!({"numRetries": 3,
            "perRetry": {"timeout": "5s", "backOff": {"baseInterval": "100ms", "maxInterval": "10s"}},
            "retryOn": {"triggers": ["5xx", "reset"], "httpStatusCodes": [429]}});
        let expect = ResolvedRetry {
            num_retries: Some(3),
            num_attempts_per_priority: None,
            per_try_timeout: Some(Duration::from_millis(5_000)),
            retry_on: Some(RetryOnConditions {
                triggers: vec![RetryTrigger::FiveXx, RetryTrigger::Reset],
                http_status_codes: vec![429],
            }),
            back_off: BackOff {
                base_interval: Some(Duration::from_millis(100)),
                max_interval: Some(Duration::from_millis(10_000)),
            },
        };
        for spelling in [flat, nested] {
            let retry: Retry = serde_json::from_value(spelling.clone()).unwrap();
            assert_eq!(retry.resolve(), expect, "{spelling}");
        }
        assert_eq!(Retry::default().resolve(), ResolvedRetry::default());
    }
}
