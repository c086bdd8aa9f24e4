//! Reads a caller's account from outside, as `GET /v1/usage` tells it.

use std::{cmp::Reverse, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

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

// === impl Client ===

impl Client {
    /// The account of this caller at `model` that frees latest; of several, the one with least
    /// left.
    ///
    /// # Errors
    ///
    /// No budget applies.
    pub async fn ledger(&self, model: &str) -> Result<Ledger> {
        let answer = self.get(&format!("/v1/usage?model={model}")).await?;
        let status = answer.status();
        let text = answer.text().await.context("read the usage")?;
        ensure!(status == 200, "usage was answered {status}: {text}");
        let body: Value = serde_json::from_str(&text).context("parse the usage")?;
        let accounts = body["data"].as_array().map_or(&[][..], Vec::as_slice);
        let tightest = accounts.iter().min_by_key(|account| {
            let frees_latest = Reverse(account["reset_seconds"].as_u64().unwrap_or(u64::MAX));
            (frees_latest, account["remaining"].as_u64())
        });
        let account = tightest.with_context(|| format!("no account: {text}"))?;
        let number = |field: &str| {
            let told = || format!("{field} of {account}");
            account[field].as_u64().with_context(told)
        };
        Ok(Ledger {
            limit: number("limit")?,
            settled: number("used")?,
            held: number("held")?,
        })
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
