//! What the admin endpoint of a gateway shows.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tollgate_proxy::{DataPlane, infra::envoy_process::EnvoyState};

use super::{engine::EngineLook, ledger::LedgerLook};
use crate::{
    admin::{Budgets, Shown},
    admin_token::AdminToken,
    metrics::Metrics,
    observe::{Observed, Ready},
};

/// What `/status` says beside the parts that every gateway has.
pub(crate) type OwnStatus = Arc<dyn Fn() -> Map<String, Value> + Send + Sync>;

pub(super) struct Parts<'a> {
    pub(super) metrics: Metrics,
    pub(super) engine: EngineLook,
    pub(super) plane: &'a DataPlane,
    pub(super) ledger: LedgerLook,
    pub(super) budgets: (Budgets, AdminToken),
    pub(super) own: OwnStatus,
}

pub(super) fn shown(parts: Parts<'_>) -> Shown {
    let Parts {
        metrics,
        engine,
        plane,
        ledger,
        budgets,
        own,
    } = parts;
    let envoy = plane.envoy.clone();
    let ready = readiness(plane.ready.clone(), envoy.clone());
    let store = ledger.clone();
    Shown {
        observed: Observed {
            metrics,
            ready: Arc::new(move || ready().map(|text| format!("{text}; {}", store.words()))),
        },
        budgets,
        status: Box::new(move || {
            let mut status = own();
            let envoy = format!("{:?}", *envoy.borrow());
            status.insert("envoy".to_string(), json!(envoy));
            status.insert("ejectedBackends".to_string(), json!(engine.ejected()));
            status.insert("callsInFlight".to_string(), json!(engine.in_flight()));
            status.insert("ledger".to_string(), ledger.status());
            Value::Object(status)
        }),
    }
}

/// Whether Envoy serves.
pub(crate) fn readiness(ready: watch::Receiver<bool>, envoy: watch::Receiver<EnvoyState>) -> Ready {
    Arc::new(move || match *ready.borrow() {
        true => Ok("ready".to_string()),
        false => Err(format!("not ready: Envoy is {:?}", *envoy.borrow())),
    })
}
