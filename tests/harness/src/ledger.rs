//! Reads a caller's account from outside: a call that asks for more than any budget has is
//! refused, charges nothing, and its refusal says what is used and what is held.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{Client, eventually_within};

/// An account of one subject in the present window, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// What may be spent.
    pub limit: u64,
    /// Charged for good.
    pub settled: u64,
    /// Reserved by calls in flight.
    pub held: u64,
}

/// More output than any budget of a test has; equals the minimum of [`crate::PROBED`].
const PROBE_OUTPUT_TOKENS: u64 = 1_000_000_000_000;

// === impl Client ===

impl Client {
    /// The tightest account of this caller at `model`, whose route must be [`crate::PROBED`].
    ///
    /// # Errors
    ///
    /// The call was not refused by a budget.
    pub async fn ledger(&self, model: &str) -> Result<Ledger> {
        let body = json!({
            "model": model,
            "max_tokens": PROBE_OUTPUT_TOKENS,
            "messages": [{"role": "user", "content": "probe"}],
        });
        let answer = self.chat(&body).await?;
        let status = answer.status();
        let text = answer.text().await.context("read the refusal")?;
        ensure!(status == 429, "the probe was answered {status}: {text}");
        let body: Value = serde_json::from_str(&text).context("parse the refusal")?;
        parse(body["error"]["message"].as_str().unwrap_or_default())
    }

    /// [`Client::ledger`] once no call of this caller is in flight.
    ///
    /// # Errors
    ///
    /// A hold was still there after `patience`.
    pub async fn settled_ledger(&self, model: &str, patience: Duration) -> Result<Ledger> {
        eventually_within(patience, "no hold is left", async || {
            self.ledger(model)
                .await
                .ok()
                .filter(|ledger| ledger.held == 0)
        })
        .await
    }
}

/// `… : 986 of 1000 tokens per minute are used and 0 are held by requests in flight; …`
fn parse(message: &str) -> Result<Ledger> {
    let told = || format!("a denial that tells the account: {message:?}");
    let (before, after) = message.split_once(" tokens per ").with_context(told)?;
    let (before, limit) = before.rsplit_once(" of ").with_context(told)?;
    let settled = before.rsplit(' ').next().with_context(told)?;
    let (_, held) = after.split_once("are used and ").with_context(told)?;
    let held = held.split(' ').next().with_context(told)?;
    Ok(Ledger {
        limit: limit.parse().with_context(told)?,
        settled: settled.parse().with_context(told)?,
        held: held.parse().with_context(told)?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Ledger, parse};

    #[test]
    fn account_is_read_from_a_denial() {
        let message = "token budget default/daily is exhausted for user:default/alice: 986 of 1000 tokens per minute are used and 7 are held by requests in flight; this request needs at least 45; the window ends in 47s";
        assert_eq!(
            parse(message).expect("a ledger"),
            Ledger {
                limit: 1000,
                settled: 986,
                held: 7
            }
        );
        assert!(parse("the budget is gone").is_err());
    }
}
