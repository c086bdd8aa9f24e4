//! Calls of the gateway, again and again until it answers as it shall.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use reqwest::Client;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use crate::shape::{Shape, VERSION_HEADER};

/// Between two calls.
const EVERY: Duration = Duration::from_millis(2);
/// Longest time of a call.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(5);
/// Longest time until a route must be served.
const PATIENCE: Duration = Duration::from_secs(60);

/// A call.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) host: String,
    pub(crate) path: String,
    /// Asks this model; `None` is a plain GET.
    pub(crate) model: Option<String>,
}

/// What is looked at of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// What [`VERSION_HEADER`] says.
    pub(crate) version: Option<String>,
}

/// Calls one gateway on kept connections.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    client: Client,
    base: String,
}

// === impl Probe ===

impl Probe {
    /// For the gateway at an address.
    pub(crate) fn new(address: &str) -> Result<Self> {
        let client = Client::builder().no_proxy().timeout(ANSWER_WAIT_MAX);
        Ok(Self {
            client: client.build().context("make an HTTP client")?,
            base: format!("http://{address}"),
        })
    }

    /// One call. `None`: nobody answered.
    pub(crate) async fn ask(&self, ask: &Ask) -> Option<Answer> {
        let url = format!("{}{}", self.base, ask.path);
        let request = match &ask.model {
            None => self.client.get(url),
            Some(model) => {
                let body = json!({
                    "model": model,
                    "messages": [{"role": "user", "content": "hello"}],
                });
                let request = self.client.post(url);
                request
                    .header(CONTENT_TYPE, "application/json")
                    .body(body.to_string())
            }
        };
        let request = request
            .header(HOST, &ask.host)
            .header(AUTHORIZATION, "Bearer sk-scale");
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let version = answer.headers().get(VERSION_HEADER);
        let version = version.and_then(|it| it.to_str().ok().map(str::to_string));
        // Read to its end, so that the connection is kept.
        answer.bytes().await.ok()?;
        Some(Answer { status, version })
    }

    /// Calls until a version of a route answers; when that was.
    ///
    /// # Errors
    ///
    /// It does not in time.
    pub(crate) async fn until_served(
        &self,
        shape: Shape,
        number: usize,
        version: usize,
    ) -> Result<Instant> {
        let ask = shape.ask(number, version);
        let begun = Instant::now();
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let answer = self.ask(&ask).await;
            let is_served = |it: &Answer| shape.is_served(it, version);
            if answer.as_ref().is_some_and(is_served) {
                return Ok(Instant::now());
            }
            if begun.elapsed() > PATIENCE {
                bail!("{ask:?} is answered with {answer:?} after {PATIENCE:?}");
            }
        }
    }
}
