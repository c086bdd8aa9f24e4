//! What a budget counts, made ready: the worst case of a call, and what it did cost.

use tollgate_bundle::{self as bundle, Price, PriceTable};
use tollgate_cost::{Counts, Expression, Names};
use tollgate_llm::Usage;

use super::{CallSize, Unit, Used};

/// A compiled [`bundle::Meter`].
#[derive(Debug)]
pub(crate) enum Meter {
    Total,
    Input,
    Output,
    CachedInput,
    CacheWrite,
    Reasoning,
    Requests,
    Expression(Box<Expression>),
    Money(PriceTable),
    /// Cannot be counted, with the reason: every request is refused.
    Broken(String),
}

/// Why a call cannot be measured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unmeasured {
    /// The price table has neither this model nor `*`.
    #[error(
        "has no price for model {0:?}: its ConfigMap of prices needs an entry for it, or for `*`"
    )]
    NoPrice(String),
    /// The expression has no value for this call, in words.
    #[error("cannot tell what this request may cost: {0}")]
    NoCost(String),
}

/// A worst case that grows by as much for each output token: `fixed + per_output × output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Linear {
    pub(super) fixed: u64,
    pub(super) per_output: u64,
}

// === impl Meter ===

impl Meter {
    pub(super) fn compile(meter: &bundle::Meter) -> Self {
        match meter {
            bundle::Meter::Total => Self::Total,
            bundle::Meter::Input => Self::Input,
            bundle::Meter::Output => Self::Output,
            bundle::Meter::CachedInput => Self::CachedInput,
            bundle::Meter::CacheWrite => Self::CacheWrite,
            bundle::Meter::Reasoning => Self::Reasoning,
            bundle::Meter::Requests => Self::Requests,
            bundle::Meter::Money(prices) => Self::Money(prices.clone()),
            bundle::Meter::Expression(text) => match Expression::compile(text) {
                Ok(expression) => Self::Expression(Box::new(expression)),
                Err(problem) => Self::Broken(format!("the expression {text:?} {problem}")),
            },
        }
    }

    /// Whether the same tokens may cost something else at another provider.
    pub(super) fn reads_names(&self) -> bool {
        matches!(self, Self::Expression(_) | Self::Money(_))
    }

    pub(crate) fn unit(&self) -> Unit {
        match self {
            Self::Total
            | Self::Input
            | Self::Output
            | Self::CachedInput
            | Self::CacheWrite
            | Self::Reasoning => Unit::Tokens,
            Self::Requests => Unit::Requests,
            Self::Expression(_) | Self::Broken(_) => Unit::Cost,
            Self::Money(prices) => Unit::Money(prices.currency.clone()),
        }
    }

    /// Whether amounts are in this unit; without making it, as calls ask this.
    pub(crate) fn counts(&self, unit: &Unit) -> bool {
        match (self, unit) {
            (Self::Requests, Unit::Requests) => true,
            (Self::Requests | Self::Expression(_) | Self::Broken(_) | Self::Money(_), _) => false,
            (_, unit) => *unit == Unit::Tokens,
        }
    }

    /// The worst case, where it is linear in the output; `None`: ask [`Self::worst`].
    pub(super) fn linear(&self, size: CallSize<'_>) -> Result<Option<Linear>, Unmeasured> {
        let (fixed, per_output) = match self {
            Self::Total => (size.input, 1),
            Self::Input | Self::CachedInput | Self::CacheWrite => (size.input, 0),
            Self::Output | Self::Reasoning => (0, 1),
            Self::Requests => (1, 0),
            Self::Money(prices) => {
                let price = price(prices, size.names)?;
                let dearest = price.input.max(price.cached_input).max(price.cache_write);
                (size.input.saturating_mul(dearest), price.output)
            }
            Self::Expression(_) => return Ok(None),
            Self::Broken(problem) => return Err(Unmeasured::NoCost(problem.clone())),
        };
        Ok(Some(Linear { fixed, per_output }))
    }

    /// The most that a call may cost that produces at most `output` tokens.
    pub(super) fn worst(&self, size: CallSize<'_>, output: u64) -> Result<u64, Unmeasured> {
        if let Self::Expression(expression) = self {
            return expression
                .worst_case(size.names, size.input, output)
                .map_err(|error| Unmeasured::NoCost(error.to_string()));
        }
        let worst = self.linear(size)?.map_or(u64::MAX, |linear| {
            let output = linear.per_output.saturating_mul(output);
            linear.fixed.saturating_add(output)
        });
        Ok(worst)
    }

    /// What a call did cost.
    pub(super) fn used(&self, names: Names<'_>, used: Used) -> Result<u64, Unmeasured> {
        let usage = match (used, self) {
            (Used::Nothing, _) => return Ok(0),
            (Used::Request | Used::Tokens(_), Self::Requests) => return Ok(1),
            (Used::Request, _) => return Ok(0),
            (Used::Tokens(usage), _) => usage,
        };
        match self {
            Self::Total => Ok(usage.total()),
            Self::Input => Ok(usage.input),
            Self::Output => Ok(usage.output),
            Self::CachedInput => Ok(usage.cached_input),
            Self::CacheWrite => Ok(usage.cache_write),
            Self::Reasoning => Ok(usage.reasoning),
            Self::Requests => Ok(1),
            Self::Money(prices) => Ok(cost(price(prices, names)?, counts(usage))),
            Self::Expression(expression) => expression
                .evaluate(names, counts(usage))
                .map_err(|error| Unmeasured::NoCost(error.to_string())),
            Self::Broken(problem) => Err(Unmeasured::NoCost(problem.clone())),
        }
    }
}

fn price(prices: &PriceTable, names: Names<'_>) -> Result<Price, Unmeasured> {
    prices
        .models
        .get(names.model)
        .or_else(|| prices.models.get("*"))
        .copied()
        .ok_or_else(|| Unmeasured::NoPrice(names.model.to_string()))
}

/// Tokens times micro-units for a million tokens: 10⁻¹² of the currency, exactly.
fn cost(price: Price, counts: Counts) -> u64 {
    let plain = counts.input - counts.cached_input - counts.cache_write;
    let cost = [
        (plain, price.input),
        (counts.cached_input, price.cached_input),
        (counts.cache_write, price.cache_write),
        (counts.output, price.output),
    ]
    .iter()
    .fold(0_u128, |cost, (tokens, price)| {
        cost.saturating_add(u128::from(*tokens) * u128::from(*price))
    });
    u64::try_from(cost).unwrap_or(u64::MAX)
}

fn counts(usage: Usage) -> Counts {
    let Usage {
        input,
        cached_input,
        cache_write,
        output,
        reasoning,
    } = usage;
    Counts {
        input,
        cached_input,
        cache_write,
        output,
        reasoning,
    }
    .coherent()
}
