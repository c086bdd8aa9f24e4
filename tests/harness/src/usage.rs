//! What a caller is told of its own budgets: `GET /v1/usage`.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::Client;

/// One limit of one budget, as the caller stands under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageAccount {
    /// Budget id: `default/daily`.
    pub budget: String,
    /// Who pays.
    pub subject: String,
    /// Window, in words.
    pub window: String,
    /// What may be spent in a window.
    pub limit: u64,
    /// Charged for good.
    pub used: u64,
    /// Reserved by calls in flight.
    pub held: u64,
    /// Seconds until the window ends; `None`: never.
    pub reset_seconds: Option<u64>,
}

// === impl Client ===

impl Client {
    /// The caller's accounts.
    ///
    /// # Errors
    ///
    /// They are not told.
    pub async fn usage(&self) -> Result<Vec<UsageAccount>> {
        let answer = self.get("/v1/usage").await?;
        let status = answer.status();
        let text = answer.text().await.context("read /v1/usage")?;
        ensure!(status == 200, "/v1/usage answered {status}: {text}");
        let body: Value = serde_json::from_str(&text).context("parse /v1/usage")?;
        let accounts = body["data"].as_array().context("/v1/usage has no data")?;
        accounts.iter().map(parse).collect()
    }

    /// The caller's account under the only limit of this budget.
    ///
    /// # Errors
    ///
    /// It is not told.
    pub async fn usage_of(&self, budget: &str) -> Result<UsageAccount> {
        let mut accounts = self.usage().await?;
        accounts.retain(|account| account.budget == budget);
        accounts
            .pop()
            .with_context(|| format!("/v1/usage tells nothing of {budget}"))
    }
}

fn parse(account: &Value) -> Result<UsageAccount> {
    let text = |name: &str| account[name].as_str().unwrap_or_default().to_string();
    let number = |name: &str| {
        account[name]
            .as_u64()
            .with_context(|| format!("{name} of {account}"))
    };
    Ok(UsageAccount {
        budget: text("budget"),
        subject: text("subject"),
        window: text("window"),
        limit: number("limit")?,
        used: number("used")?,
        held: number("held")?,
        reset_seconds: account["reset_seconds"].as_u64(),
    })
}
