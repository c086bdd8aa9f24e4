//! What is held for a call on each account, before and while it is answered.

use tollgate_budget::Charge;

use super::{
    CallSize, Due, Unmeasured,
    meter::{Linear, Meter},
};

/// What a hold is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) size: CallSize<'a>,
    /// Output tokens that the provider would be asked for at most.
    pub(crate) output: u64,
    /// What overcommitted budgets hold of them.
    pub(crate) covered: Covered,
}

/// How many output tokens an overcommitted budget holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Covered {
    /// The budget's own share: before the call.
    Share,
    /// This many: while the answer streams.
    Tokens(u64),
}

/// A budget that cannot tell what the call may cost.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Budget id.
    pub(crate) budget: String,
    pub(crate) why: Unmeasured,
}

/// What a request may cost on each account. A shadow budget never refuses: what it cannot measure
/// it holds nothing for.
pub(crate) fn charges(dues: &[Due], ask: Ask<'_>) -> Result<Vec<Charge>, Refused> {
    dues.iter()
        .map(|due| {
            let Linear { fixed, per_output } = match linear(due, ask) {
                Ok(linear) => linear,
                Err(_) if due.budget.is_shadow() => Linear {
                    fixed: 0,
                    per_output: 0,
                },
                Err(why) => {
                    let budget = due.account.budget.to_string();
                    return Err(Refused { budget, why });
                }
            };
            Ok(Charge {
                account: due.account.clone(),
                fixed,
                per_output,
                enforce: !due.budget.is_shadow(),
                on_failure: due.budget.on_store_failure,
            })
        })
        .collect()
}

/// The most output tokens, from `min` to below the ask's own, with which the call fits into
/// `room` on this account, where the ledger cannot tell because the worst case is no line.
pub(crate) fn output_that_fits(due: &Due, ask: Ask<'_>, room: u64, min: u64) -> Option<u64> {
    let is_line = due.budget.overcommit_percent().is_none()
        && !matches!(due.budget.meter, Meter::Expression(_));
    let fits = |output| {
        let covered = covered(due, Ask { output, ..ask });
        (due.budget.meter.worst(ask.size, covered)).is_ok_and(|worst| worst <= room)
    };
    if is_line || min >= ask.output || !fits(min) {
        return None;
    }
    let (mut fitting, mut failing) = (min, ask.output);
    while failing - fitting > 1 {
        let middle = fitting + (failing - fitting) / 2;
        if fits(middle) {
            fitting = middle;
        } else {
            failing = middle;
        }
    }
    Some(fitting)
}

// === impl Covered ===

impl Covered {
    /// Percent of the output, rounded up, at least one token.
    pub(crate) fn share(percent: u8, output: u64) -> u64 {
        let share = (u128::from(output) * u128::from(percent)).div_ceil(100);
        u64::try_from(share)
            .unwrap_or(u64::MAX)
            .clamp(1, output.max(1))
    }
}

/// Output tokens that are held for on this account.
fn covered(due: &Due, ask: Ask<'_>) -> u64 {
    match (due.budget.overcommit_percent(), ask.covered) {
        (None, _) => ask.output,
        (Some(percent), Covered::Share) => Covered::share(percent, ask.output),
        (Some(_), Covered::Tokens(tokens)) => tokens.min(ask.output),
    }
}

fn linear(due: &Due, ask: Ask<'_>) -> Result<Linear, Unmeasured> {
    let meter = &due.budget.meter;
    if due.budget.overcommit_percent().is_some() {
        let fixed = meter.worst(ask.size, covered(due, ask))?;
        return Ok(Linear {
            fixed,
            per_output: 0,
        });
    }
    match meter.linear(ask.size)? {
        Some(linear) => Ok(linear),
        None => chord(meter, ask),
    }
}

/// The worst case of an expression between no output and all of it: as a line where one bounds it
/// closely, so that the ledger can lower the output; else the worst case of all of it.
fn chord(meter: &Meter, ask: Ask<'_>) -> Result<Linear, Unmeasured> {
    let most = meter.worst(ask.size, ask.output)?;
    let flat = Linear {
        fixed: most,
        per_output: 0,
    };
    let fixed = meter.worst(ask.size, 0)?;
    let rise = most.saturating_sub(fixed);
    let Some(per_output) = (ask.output > 0).then(|| rise.div_ceil(ask.output)) else {
        return Ok(flat);
    };
    let at = |output: u64| fixed.saturating_add(per_output.saturating_mul(output));
    let is_close = at(ask.output).saturating_sub(most) <= rise / 8;
    // A step anywhere shows at the end or in the middle.
    let (half, last) = (ask.output / 2, ask.output - 1);
    let is_bound = is_close
        && meter.worst(ask.size, last)? <= at(last)
        && meter.worst(ask.size, half)? <= at(half);
    Ok(if is_bound {
        Linear { fixed, per_output }
    } else {
        flat
    })
}
