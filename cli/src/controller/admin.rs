//! The admin endpoint of the controller: what everybody may see, and `/status`, `/debug/link` and
//! `/debug/gateways` for those who reach it. Nothing here shows a secret, nothing can be changed.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context;
use axum::{Json, Router, extract::State, routing::get};
use serde_json::{Map, Value, json};
use tokio::{net::TcpListener, sync::watch};
use tollgate_controller::{
    cluster::{ClusterController, ServedGateways},
    reconcile::Report,
};
use tollgate_link::Progress;

use crate::observe::{self, Observed};

/// What is shown. Each call looks anew.
#[derive(Clone)]
pub(super) struct Shown {
    observed: Observed,
    report: watch::Receiver<Arc<Report>>,
    gateways: watch::Receiver<Arc<ServedGateways>>,
    leads: watch::Receiver<bool>,
    progress: watch::Receiver<Progress>,
}

// === impl Shown ===

impl Shown {
    pub(super) fn new(
        observed: Observed,
        controller: &ClusterController,
        progress: watch::Receiver<Progress>,
    ) -> Self {
        Self {
            observed,
            report: controller.report(),
            gateways: controller.gateways(),
            leads: controller.leads(),
            progress,
        }
    }
}

/// Serves it until `shutdown` completes.
///
/// # Errors
///
/// Serving failed.
pub(super) async fn serve(
    listener: TcpListener,
    shown: Shown,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let observed = observe::router(shown.observed.clone());
    let router = Router::new()
        .route("/status", get(status))
        .route("/debug/link", get(link))
        .route("/debug/gateways", get(gateways))
        .with_state(shown)
        .merge(observed);
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown)
        .await
        .context("serve the admin endpoint")
}

async fn status(State(shown): State<Shown>) -> Json<Value> {
    let report = Arc::clone(&shown.report.borrow());
    let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    Json(json!({
        "objects": *report.statuses,
        "problems": problems,
        "leads": *shown.leads.borrow(),
    }))
}

/// How far the proxies that follow this replica are.
async fn link(State(shown): State<Shown>) -> Json<Value> {
    let progress = shown.progress.borrow().clone();
    let mut gateways = Map::new();
    for (gateway, state) in &progress.gateways {
        let proxies: BTreeMap<&String, Value> = state
            .proxies
            .iter()
            .map(|(pod, proxy)| {
                let refused = proxy.refused.iter().flat_map(|it| &it.items);
                let refused: BTreeMap<&String, &String> =
                    refused.map(|it| (&it.resource, &it.error)).collect();
                let shown = json!({
                    "connected": proxy.connected,
                    "applied": proxy.applied.map(|it| it.to_string()),
                    "refused": refused,
                });
                (pod, shown)
            })
            .collect();
        let shown = json!({
            "version": state.version.map(|it| it.to_string()),
            "proxies": proxies,
        });
        gateways.insert(gateway.uri(), shown);
    }
    Json(Value::Object(gateways))
}

/// What is on the link, with `*****` for every secret.
async fn gateways(State(shown): State<Shown>) -> Json<Value> {
    let gateways = Arc::clone(&shown.gateways.borrow());
    let shown: BTreeMap<_, _> = gateways.iter().map(|(uri, it)| (uri, &**it)).collect();
    Json(json!(shown))
}
