//! Asks the admin endpoint of a gateway, with the token.

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tollgate_secret::Secret;

use crate::{admin_token, args::AdminArgs};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway's admin endpoint.
pub(super) struct Client {
    base: String,
    token: Secret<String>,
    http: reqwest::Client,
}

// === impl Client ===

impl Client {
    /// Finds the token.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(super) fn new(admin: &AdminArgs) -> anyhow::Result<Self> {
        Ok(Self {
            base: admin.admin.trim_end_matches('/').to_string(),
            token: admin_token::find(admin.token_file.as_deref(), &admin.admin)?,
            http: reqwest::Client::builder()
                .timeout(PATIENCE)
                .build()
                .context("make an HTTP client")?,
        })
    }

    /// # Errors
    ///
    /// Nobody answers, or the answer is a refusal: its message is the error.
    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Value> {
        let mut url = reqwest::Url::parse(&format!("{}{path}", self.base))
            .with_context(|| format!("--admin {:?} is not a URL", self.base))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.answer(self.http.get(url)).await
    }

    /// # Errors
    ///
    /// As [`Client::get`].
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.answer(self.http.post(format!("{}{path}", self.base)).json(body))
            .await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let answer = request
            .bearer_auth(self.token.expose())
            .send()
            .await
            .with_context(|| {
                format!(
                    "no gateway answers at {}; is one running? (--admin)",
                    self.base
                )
            })?;
        let status = answer.status();
        let body = answer.text().await.context("read the gateway's answer")?;
        let parsed: Result<Value, _> = serde_json::from_str(&body);
        if status.is_success() {
            return parsed.context("the gateway's answer is not JSON");
        }
        let message = parsed
            .ok()
            .and_then(|value| value["error"]["message"].as_str().map(str::to_string))
            .unwrap_or_else(|| format!("{} answered {status}", self.base));
        Err(anyhow::anyhow!(message))
    }
}
