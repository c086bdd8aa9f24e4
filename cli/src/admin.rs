//! The admin endpoint: `/health`, `/ready`, `/metrics`, `/status`, and `/v1/budgets` for those who
//! have the admin token. Nothing here shows a secret.

mod accounts;
mod amount;
mod auth;
mod budgets;
mod problem;
mod shapes;
mod subjects;
mod view;

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use axum::{Json, Router, extract::State, routing::get};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{
    admin_token::AdminToken,
    observe::{self, Observed},
};

pub(crate) use budgets::Budgets;

/// What the endpoint shows. Each call looks anew.
pub(crate) struct Shown {
    /// What everybody may see: whether the gateway serves, and with which store.
    pub(crate) observed: Observed,
    /// Budgets, and who may see them.
    pub(crate) budgets: (Budgets, AdminToken),
    /// The status of every object, problems in the manifests, and the gateway's own state.
    pub(crate) status: Box<dyn Fn() -> Value + Send + Sync>,
}

/// Binds the endpoint.
///
/// # Errors
///
/// The address is taken or not ours.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("listen on {address} for the admin endpoint (--admin-port)"))
}

/// Serves it until `shutdown` completes.
///
/// # Errors
///
/// Serving failed.
pub(crate) async fn serve(
    listener: TcpListener,
    shown: Shown,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let (operated, token) = shown.budgets.clone();
    let observed = observe::router(shown.observed.clone());
    let router = Router::new()
        .route("/status", get(status))
        .with_state(Arc::new(shown))
        .merge(observed)
        .merge(budgets::router(operated, token));
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown)
        .await
        .context("serve the admin endpoint")
}

async fn status(State(shown): State<Arc<Shown>>) -> Json<Value> {
    Json((shown.status)())
}
