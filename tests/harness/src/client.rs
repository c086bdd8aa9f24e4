//! A plain HTTP client of the gateway, where an SDK would hide what is tested.

use anyhow::{Context, Result, ensure};
use reqwest::Response;
use serde_json::{Value, json};

use crate::Events;

/// Calls one gateway with one key (or none).
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: Option<String>,
}

// === impl Client ===

impl Client {
    /// A client of the gateway at `base` (`http://127.0.0.1:1975`).
    pub fn new(base: &str, key: Option<&str>) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: base.to_string(),
            key: key.map(str::to_string),
        }
    }

    /// The same gateway, with another key.
    #[must_use]
    pub fn with_key(&self, key: Option<&str>) -> Self {
        Self {
            key: key.map(str::to_string),
            ..self.clone()
        }
    }

    /// `POST path` with these bytes as JSON.
    ///
    /// # Errors
    ///
    /// The connection failed.
    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Result<Response> {
        let mut request = self
            .http
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/json")
            .body(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        request.send().await.with_context(|| format!("POST {path}"))
    }

    /// `GET path`.
    ///
    /// # Errors
    ///
    /// The connection failed.
    pub async fn get(&self, path: &str) -> Result<Response> {
        let mut request = self.http.get(format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        request.send().await.with_context(|| format!("GET {path}"))
    }

    /// A chat completion with this body.
    ///
    /// # Errors
    ///
    /// The connection failed.
    pub async fn chat(&self, body: &Value) -> Result<Response> {
        self.post("/v1/chat/completions", body.to_string()).await
    }

    /// A streamed chat completion with this body (`stream` is set here), read event by event.
    ///
    /// # Errors
    ///
    /// The connection failed, or the answer is not 200.
    pub async fn stream(&self, body: &Value) -> Result<Events> {
        let mut body = body.clone();
        body["stream"] = true.into();
        let answer = self.chat(&body).await?;
        ensure!(answer.status() == 200, "answered {}", answer.status());
        Ok(Events::new(answer))
    }

    /// A short chat completion: its status and JSON body.
    ///
    /// # Errors
    ///
    /// The connection failed, or the answer is not JSON.
    pub async fn say(&self, model: &str, text: &str) -> Result<(u16, Value)> {
        let body = json!({
            "model": model,
            "max_tokens": 64,
            "messages": [{"role": "user", "content": text}],
        });
        let answer = self.chat(&body).await?;
        let status = answer.status().as_u16();
        let text = answer.text().await.context("read the answer")?;
        let value = serde_json::from_str(&text).with_context(|| format!("parse {text:?}"))?;
        Ok((status, value))
    }
}
