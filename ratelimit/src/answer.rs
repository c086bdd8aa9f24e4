//! What Envoy is told: the ledger's outcome as statuses of descriptors. Pure.

use std::cmp::Reverse;

use tollgate_budget::{AccountState, Spend, SpendOutcome, SpendState};
use tollgate_envoy::well_known::Duration;

use crate::{
    headers,
    limits::Mode,
    metadata,
    plan::{Line, Plan},
    service::Headers,
    telemetry::Verdict,
    unit,
    wire::{CurrentLimit, DescriptorStatus, OK, OVER_LIMIT, RateLimitRequest, RateLimitResponse},
};

/// Waits beyond this, in seconds, are "never" (ten thousand years): no duration says them.
const RESET_SECONDS_MAX: u64 = 315_576_000_000;

/// One charge with what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Decided<'a> {
    pub(crate) line: Line<'a>,
    spend: &'a Spend,
    fits: bool,
    state: AccountState,
}

/// The answer to a request.
pub(crate) fn answer(
    request: &RateLimitRequest,
    plan: &Plan<'_>,
    outcome: &SpendOutcome,
    headers: Headers,
) -> RateLimitResponse {
    let accounts = outcome.accounts.iter().map(|account| {
        let SpendState { fits, state } = account;
        Some((*fits, state.clone()))
    });
    told(request, &decided(plan, accounts), headers)
}

/// The answer to a request that is refused for what is known of some of its accounts, those with
/// a state. Of the others nothing is told.
pub(crate) fn refusal(
    request: &RateLimitRequest,
    plan: &Plan<'_>,
    states: &[Option<AccountState>],
    headers: Headers,
) -> RateLimitResponse {
    let accounts = states.iter().cloned().map(|state| Some((false, state?)));
    told(request, &decided(plan, accounts), headers)
}

fn told(
    request: &RateLimitRequest,
    decided: &[Decided<'_>],
    headers: Headers,
) -> RateLimitResponse {
    let mut statuses = Vec::with_capacity(request.descriptors.len());
    let mut rest = decided;
    for index in 0..request.descriptors.len() {
        let count = rest.iter().take_while(|d| d.line.descriptor == index);
        let (own, others) = rest.split_at(count.count());
        rest = others;
        statuses.push(status(own));
    }
    for decided in decided {
        decided.line.limit.counts.add(decided.verdict());
    }
    let over = decided.iter().any(Decided::refuses) || quota_exhausted(decided);
    let overall_code = if over { OVER_LIMIT } else { OK };
    let response_headers_to_add = match headers {
        Headers::Envoy => Vec::new(),
        Headers::Service => headers::headers(overall_code, &statuses),
    };
    RateLimitResponse {
        overall_code,
        response_headers_to_add,
        dynamic_metadata: metadata::quota(request, decided),
        statuses,
    }
}

/// Lines with what became of them, without those of which nothing is known.
fn decided<'a>(
    plan: &'a Plan<'_>,
    accounts: impl Iterator<Item = Option<(bool, AccountState)>>,
) -> Vec<Decided<'a>> {
    let lines = plan.lines.iter().zip(&plan.spends).zip(accounts);
    lines
        .filter_map(|((line, spend), account)| {
            let (fits, state) = account?;
            Some(Decided {
                line: *line,
                spend,
                fits,
                state,
            })
        })
        .collect()
}

/// Whether nothing is left in all of some group.
fn quota_exhausted(decided: &[Decided<'_>]) -> bool {
    let in_group = |of: &Decided<'_>| match &of.line.limit.mode {
        Mode::Quota(group) => Some(group.clone()),
        Mode::Enforced | Mode::Shadow => None,
    };
    decided.iter().any(|one| {
        let group = in_group(one);
        group.is_some()
            && decided
                .iter()
                .filter(|other| in_group(other) == group)
                .all(Decided::is_over)
    })
}

/// The status of one descriptor: that of the limit that says most. Without a limit it is OK.
fn status(decided: &[Decided<'_>]) -> DescriptorStatus {
    let Some(tightest) = decided.iter().min_by_key(|decided| decided.order()) else {
        return DescriptorStatus {
            code: OK,
            ..DescriptorStatus::default()
        };
    };
    let shown = tightest.is_over() && tightest.line.limit.mode != Mode::Shadow;
    let account = &tightest.spend.account;
    DescriptorStatus {
        code: if shown { OVER_LIMIT } else { OK },
        current_limit: Some(CurrentLimit {
            requests_per_unit: clamp(account.limit),
            unit: unit::of_window(account.window),
        }),
        limit_remaining: clamp(tightest.state.remaining()),
        duration_until_reset: reset(&tightest.state),
    }
}

/// Whole seconds, rounded up: Envoy cuts fractions off, and who comes back then must not be early.
fn reset(state: &AccountState) -> Option<Duration> {
    let seconds = state.reset_ms.div_ceil(1_000);
    (seconds <= RESET_SECONDS_MAX).then(|| Duration {
        seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
        nanos: 0,
    })
}

fn clamp(units: u64) -> u32 {
    u32::try_from(units).unwrap_or(u32::MAX)
}

// === impl Decided ===

impl Decided<'_> {
    /// Whether the amount does not fit. What is given back always does.
    pub(crate) fn is_over(&self) -> bool {
        !self.fits && self.spend.amount >= 0
    }

    fn refuses(&self) -> bool {
        self.is_over() && self.line.limit.mode == Mode::Enforced
    }

    /// Sorts what a caller needs to know first: refusals, the longest wait first; then what is
    /// enforced before what is only watched, the least left first.
    fn order(&self) -> (bool, bool, Reverse<u64>, u64) {
        let watched = self.line.limit.mode == Mode::Shadow;
        let wait = if self.is_over() {
            self.state.reset_ms
        } else {
            0
        };
        let remaining = self.state.remaining();
        (watched, !self.is_over(), Reverse(wait), remaining)
    }

    fn verdict(&self) -> Verdict {
        match (&self.line.limit.mode, self.is_over()) {
            (_, false) => Verdict::Ok,
            (Mode::Enforced, true) => Verdict::OverLimit,
            (Mode::Shadow, true) => Verdict::ShadowOverLimit,
            (Mode::Quota(_), true) => Verdict::QuotaOverLimit,
        }
    }
}
