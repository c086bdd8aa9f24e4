//! The twenty items, in order.

mod apply_then_call;
mod client_leaves;
mod crowds;
mod deliveries;
mod edges;
mod edits;
mod endpoints;
mod exact_limits;
mod fallback;
mod headers;
mod identity;
mod killed;
mod long_answers;
mod million;
mod store_faults;
mod teams;
mod token_kinds;
mod usage_reports;

use crate::{Findings, Stage, Wait};

/// One item of the list.
#[derive(Clone, Copy)]
pub struct Item {
    /// 1 to 20, as in the list.
    pub number: u8,
    /// What is tried.
    pub name: &'static str,
    /// Whether one key with a limit of any size is all that it needs.
    pub one_key: bool,
    /// Carries it out.
    pub run: for<'a> fn(&'a mut Stage) -> Wait<'a, Findings>,
}

/// All of them.
pub const ITEMS: [Item; 20] = [
    item(1, "500 calls at once, limit of ten", crowds::one_process).one_key(),
    item(
        2,
        "500 calls at once over all processes",
        crowds::all_processes,
    ),
    item(
        3,
        "first calls ever of a user, 8 at once, limit of two",
        crowds::first_calls,
    ),
    item(
        4,
        "client leaves: before a byte, in the answer, before and after usage",
        client_leaves::run,
    ),
    item(
        5,
        "usage missing, zero, twice, cumulative, late",
        usage_reports::run,
    ),
    item(
        6,
        "kill -9 of Envoy and of a gateway in mid-stream",
        killed::run,
    ),
    item(
        7,
        "Redis slow, hanging, resetting, half open, moved, emptied, failed over",
        store_faults::run,
    ),
    item(
        8,
        "settles twice, late, out of order, before the answer",
        deliveries::run,
    ),
    item(
        9,
        "provider fails within and before its answer, another answers",
        fallback::run,
    ),
    item(
        10,
        "no max_tokens, 128k, n = 8, reasoning effort high",
        long_answers::run,
    ),
    item(
        11,
        "cached, cache-write, reasoning and audio tokens",
        token_kinds::run,
    ),
    item(
        12,
        "window edges: DST, month end, leap day, clocks 30 s apart",
        edges::run,
    ),
    item(
        13,
        "limit raised and lowered; budget deleted and made again",
        edits::run,
    ),
    item(14, "team without room; one budget for two keys", teams::run),
    item(15, "every endpoint metered or refused", endpoints::run).one_key(),
    item(16, "spoofed identity headers and user field", identity::run),
    item(17, "applied, then called at once", apply_then_call::run),
    item(
        18,
        "used = limit, limit 0, limit beyond 2^32",
        exact_limits::run,
    ),
    item(
        19,
        "remaining falls by the hold and is corrected",
        headers::run,
    ),
    item(20, "many requests with random faults: drift", million::run),
];

const fn item(
    number: u8,
    name: &'static str,
    run: for<'a> fn(&'a mut Stage) -> Wait<'a, Findings>,
) -> Item {
    Item {
        number,
        name,
        one_key: false,
        run,
    }
}

// === impl Item ===

impl Item {
    const fn one_key(self) -> Self {
        Self {
            one_key: true,
            ..self
        }
    }
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.number, self.name)
    }
}
