//! What everybody may see of a process: `/health`, `/ready` and `/metrics`. Nothing here is
//! secret, and nothing can be changed.

use std::sync::Arc;

use anyhow::Context;
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;

use crate::metrics::Metrics;

/// Whether the process does its work, in words; else why not.
pub(crate) type Ready = Arc<dyn Fn() -> Result<String, String> + Send + Sync>;

/// What is shown. Each call looks anew.
#[derive(Clone)]
pub(crate) struct Observed {
    pub(crate) metrics: Metrics,
    pub(crate) ready: Ready,
}

/// The paths.
pub(crate) fn router(observed: Observed) -> Router {
    Router::new()
        .route("/health", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics))
        .route("/ready", get(ready))
        .with_state(observed)
}

/// Serves them alone, until `shutdown` completes.
///
/// # Errors
///
/// Serving failed.
pub(crate) async fn serve(
    listener: TcpListener,
    observed: Observed,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    axum::serve(listener, router(observed))
        .with_graceful_shutdown(shutdown)
        .await
        .context("serve /health, /ready and /metrics")
}

async fn ready(State(observed): State<Observed>) -> Response {
    match (observed.ready)() {
        Ok(text) => format!("{text}\n").into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn metrics(State(observed): State<Observed>) -> Response {
    match observed.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
