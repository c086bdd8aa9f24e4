//! What a request asks of the ledger: its descriptors, matched, as charges on accounts. Pure.

use tollgate_budget::{Account, Spend};

use crate::{
    bounds::{DESCRIPTORS_MAX, ENTRIES_MAX},
    limits::{Found, Limit, Limits, Mode},
    unit,
    wire::{Descriptor, Override, RateLimitRequest},
};

/// Charges, and what each is for.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    /// One for each of `spends`, in order of the descriptors.
    pub(crate) lines: Vec<Line<'a>>,
    pub(crate) spends: Vec<Spend>,
}

/// What one charge is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    /// Index of the descriptor.
    pub(crate) descriptor: usize,
    pub(crate) limit: &'a Limit,
}

/// Why a request cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    /// The domain is empty.
    #[error("domain: must not be empty")]
    NoDomain,
    /// There is no descriptor.
    #[error("descriptors: must not be empty")]
    NoDescriptors,
    /// More descriptors than are looked at.
    #[error("descriptors: at most {DESCRIPTORS_MAX} are allowed; there are {0}")]
    ManyDescriptors(usize),
    /// More entries than are looked at.
    #[error("descriptors[{0}].entries: at most {ENTRIES_MAX} are allowed; there are {1}")]
    ManyEntries(usize, usize),
    /// A limit of the request's own without a known unit of time.
    #[error("descriptors[{0}].limit.unit: must be a known unit of time; {1} is not")]
    UnknownUnit(usize, i32),
}

/// Matches a request.
pub(crate) fn plan<'a>(
    limits: &'a Limits,
    request: &RateLimitRequest,
) -> Result<Plan<'a>, Invalid> {
    let RateLimitRequest {
        domain,
        descriptors,
        hits_addend,
    } = request;
    if domain.is_empty() {
        return Err(Invalid::NoDomain);
    }
    match descriptors.len() {
        0 => return Err(Invalid::NoDescriptors),
        count if count > DESCRIPTORS_MAX => return Err(Invalid::ManyDescriptors(count)),
        _ => {}
    }
    let mut plan = Plan::default();
    for (index, descriptor) in descriptors.iter().enumerate() {
        let entries = descriptor.entries.len();
        if entries > ENTRIES_MAX {
            return Err(Invalid::ManyEntries(index, entries));
        }
        let amount = Amount::of(descriptor, *hits_addend);
        let found = limits.find(domain, &descriptor.entries);
        match &descriptor.limit {
            Some(own) => {
                let (limit, account) = overridden(limits, domain, descriptor, found);
                let account = replace(account, own, index)?;
                plan.add(index, limit, account, amount);
            }
            None => {
                for limit in found.iter().flat_map(|found| found.limits) {
                    let wild = found.map(|found| found.wild).unwrap_or_default();
                    let account = limit.account_of(&descriptor.entries, wild);
                    plan.add(index, limit, account, amount);
                }
            }
        }
    }
    Ok(plan)
}

/// The limit and the account in whose place a request's own limit comes: those of the first that
/// matches, else an account for exactly this descriptor.
fn overridden<'a>(
    limits: &'a Limits,
    domain: &[u8],
    descriptor: &Descriptor,
    found: Option<Found<'a>>,
) -> (&'a Limit, Account) {
    let entries = &descriptor.entries;
    match found.and_then(|found| Some((found.limits.first()?, found.wild))) {
        Some((limit, wild)) => (limit, limit.account_of(entries, wild)),
        None => {
            let limit = limits.unmatched();
            (limit, limit.account_of_all(domain, entries))
        }
    }
}

fn replace(account: Account, own: &Override, descriptor: usize) -> Result<Account, Invalid> {
    let window = unit::to_window(own.unit).ok_or(Invalid::UnknownUnit(descriptor, own.unit))?;
    Ok(Account {
        limit: own.requests_per_unit.into(),
        window,
        ..account
    })
}

/// What a descriptor charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Amount {
    /// Negative gives back.
    units: i64,
    /// Whether the descriptor itself says how much.
    stated: bool,
}

impl Amount {
    fn of(descriptor: &Descriptor, hits_addend: u32) -> Self {
        let (units, stated) = match descriptor.hits_addend {
            Some(own) => (i64::try_from(own.value).unwrap_or(i64::MAX), true),
            None => (i64::from(hits_addend.max(1)), false),
        };
        let sign = if descriptor.is_negative_hits { -1 } else { 1 };
        Self {
            units: units * sign,
            stated,
        }
    }
}

// === impl Plan ===

impl<'a> Plan<'a> {
    /// Whether it charges nothing where it is refused.
    pub(crate) fn is_all_or_nothing(&self) -> bool {
        let lines = self.lines.iter().zip(&self.spends);
        lines
            .into_iter()
            .all(|(line, spend)| line.limit.mode == Mode::Enforced && !spend.forced)
    }

    fn add(&mut self, descriptor: usize, limit: &'a Limit, account: Account, amount: Amount) {
        let Amount { units, stated } = amount;
        let later = stated && units > 0 && limit.charged_later;
        let forced = later || units < 0 || limit.mode != Mode::Enforced;
        self.lines.push(Line { descriptor, limit });
        self.spends.push(Spend {
            account,
            amount: units,
            forced,
        });
    }
}

#[cfg(test)]
mod tests;
