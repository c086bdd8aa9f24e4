//! An HTTP server that answers with what it was asked: the backend of plain HTTP routes.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use axum::{Json, Router, extract::Request};
use serde_json::{Map, Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// A running echo server; ends when dropped.
#[derive(Debug)]
pub struct Echo {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// Request header that asks for a pause before the answer.
const DELAY_HEADER: &str = "x-echo-delay-ms";

// === impl Echo ===

impl Echo {
    /// Starts one. Its answers are JSON: `server` (this name), `method`, `path` (with the query)
    /// and `headers`. `x-echo-delay-ms: 500` makes it wait first.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub async fn start(name: &'static str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen")?;
        let address = listener.local_addr().context("read the address")?;
        let router = Router::new().fallback(move |request: Request| answer(name, request));
        let task = tokio::spawn(async move {
            // An echo that fails shows as answers that do not come.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(name: &'static str, request: Request) -> Json<Value> {
    let delay = request
        .headers()
        .get(DELAY_HEADER)
        .and_then(|value| value.to_str().ok());
    let delay_ms: Option<u64> = delay.and_then(|text| text.parse().ok());
    let (head, _body) = request.into_parts();
    if let Some(delay_ms) = delay_ms {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    }
    let headers: Map<String, Value> = head
        .headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.to_string(), Value::from(value))
        })
        .collect();
    Json(json!({
        "server": name,
        "method": head.method.as_str(),
        "path": head.uri.path_and_query().map(ToString::to_string),
        "headers": headers,
    }))
}
