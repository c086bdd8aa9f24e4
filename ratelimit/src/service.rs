//! The service behind the socket: limits, the ledger and counters, shared by all connections.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwapOption;
use tollgate_budget::{Clock, Store, StoreError};
use tollgate_bundle::RateLimit;
use tonic::Status;

use crate::{
    answer::{answer, refusal},
    limits::Limits,
    plan::{Invalid, Plan, plan},
    refused::Refused,
    telemetry::{Outcome, Telemetry},
    wire::{DescriptorStatus, OK, OVER_LIMIT, RateLimitRequest, RateLimitResponse},
};

/// Who writes `x-ratelimit-*` into answers to clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Headers {
    /// Envoy, from the statuses of the descriptors, where its filter says so
    /// (`enable_x_ratelimit_headers`, `enable_retry_after_header`). If the service wrote them
    /// too, they would stand there twice.
    #[default]
    Envoy,
    /// The service, for filters that do not: with `retry-after` where it refuses.
    Service,
}

/// The rate limit service.
pub struct Service {
    store: Arc<dyn Store>,
    /// For how long a refusal is remembered. Windows go by the store's time.
    clock: Clock,
    headers: Headers,
    telemetry: Telemetry,
    refused: Refused,
    /// `None` until the first configuration.
    limits: ArcSwapOption<Limits>,
    stopping: AtomicBool,
}

// === impl Service ===

impl Service {
    /// A service without configuration: every request fails, and Envoy's failure mode decides,
    /// until the first [`Service::apply`].
    pub fn new(
        store: Arc<dyn Store>,
        clock: Clock,
        headers: Headers,
        telemetry: Telemetry,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            headers,
            telemetry,
            refused: Refused::default(),
            limits: ArcSwapOption::empty(),
            stopping: AtomicBool::new(false),
        })
    }

    /// Decides by these limits, by domain, from the next request on.
    pub fn apply(&self, domains: &BTreeMap<String, Vec<RateLimit>>) {
        let limits = Limits::compile(domains, &self.telemetry);
        let known: BTreeSet<&str> = domains
            .values()
            .flatten()
            .map(|limit| limit.id.as_str())
            .chain(std::iter::once(&*limits.unmatched().account.budget))
            .collect();
        self.telemetry.keep(&known);
        self.limits.store(Some(Arc::new(limits)));
    }

    /// Whether it has a configuration and is not stopping.
    pub fn is_serving(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed) && self.limits.load().is_some()
    }

    /// Tells health checks that this replica goes away.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Decides on a request. An error leaves the decision to Envoy's failure mode.
    pub(crate) async fn decide(
        &self,
        request: RateLimitRequest,
    ) -> Result<RateLimitResponse, Status> {
        let decided = self.decide_or_fail(&request).await;
        let outcome = match &decided {
            Ok((_, outcome)) => *outcome,
            Err(Failure::Invalid(_)) => Outcome::Invalid,
            Err(Failure::Unconfigured) => Outcome::Unconfigured,
            Err(Failure::Store(_)) => Outcome::StoreFailed,
        };
        self.telemetry.request(outcome);
        Ok(decided?.0)
    }

    async fn decide_or_fail(
        &self,
        request: &RateLimitRequest,
    ) -> Result<(RateLimitResponse, Outcome), Failure> {
        let limits = self.limits.load_full().ok_or(Failure::Unconfigured)?;
        let plan = plan(&limits, request)?;
        if plan.spends.is_empty() {
            return Ok((unlimited(request), Outcome::Unmatched));
        }
        if let Some(answer) = self.refuse(request, &plan) {
            return Ok((answer, Outcome::OverLimit));
        }
        let spent = self.store.spend(&plan.spends).await?;
        self.refused
            .learn(&plan.spends, &spent, self.clock.now_ms());
        let answer = answer(request, &plan, &spent, self.headers);
        let outcome = match answer.overall_code {
            OVER_LIMIT => Outcome::OverLimit,
            _ => Outcome::Ok,
        };
        Ok((answer, outcome))
    }
}

// === impl Service: without the store ===

impl Service {
    /// The refusal of a request that an account refused of late, as far as that is known here:
    /// without asking the store, so only where nothing in the request is charged all the same.
    fn refuse(&self, request: &RateLimitRequest, plan: &Plan<'_>) -> Option<RateLimitResponse> {
        if !plan.is_all_or_nothing() {
            return None;
        }
        let now_ms = self.clock.now_ms();
        let states: Vec<_> = plan
            .spends
            .iter()
            .map(|spend| self.refused.find(spend, now_ms))
            .collect();
        let known = states.iter().any(Option::is_some);
        known.then(|| refusal(request, plan, &states, self.headers))
    }
}

/// No limit applies to any descriptor.
fn unlimited(request: &RateLimitRequest) -> RateLimitResponse {
    let status = DescriptorStatus {
        code: OK,
        ..DescriptorStatus::default()
    };
    RateLimitResponse {
        overall_code: OK,
        statuses: vec![status; request.descriptors.len()],
        ..RateLimitResponse::default()
    }
}

/// Why there is no decision.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The request cannot be understood.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// No limits are known yet.
    #[error("the rate limit service has no configuration yet")]
    Unconfigured,
    /// The ledger does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let text = failure.to_string();
        match failure {
            Failure::Invalid(_) => Self::invalid_argument(text),
            Failure::Unconfigured | Failure::Store(_) => Self::unavailable(text),
        }
    }
}

#[cfg(test)]
mod tests;
