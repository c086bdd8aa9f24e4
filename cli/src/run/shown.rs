//! What the admin endpoint of `tollgate run` shows.

use std::sync::Arc;

use serde_json::json;
use tollgate_controller::standalone::Standalone;
use tollgate_extproc::Host;

use super::ledger::LedgerLook;
use crate::{
    admin::{Budgets, Shown},
    admin_token::AdminToken,
    metrics::Metrics,
};

pub(super) fn shown(
    metrics: Metrics,
    host: &Arc<Host>,
    standalone: &Standalone,
    ledger: LedgerLook,
    budgets: (Budgets, AdminToken),
) -> Shown {
    let ready = standalone.ready.clone();
    let report = standalone.report.clone();
    let envoy = standalone.envoy.clone();
    let host = Arc::clone(host);
    let envoy_state = envoy.clone();
    let store = ledger.clone();
    Shown {
        metrics,
        budgets,
        ready: Box::new(move || match *ready.borrow() {
            true => Ok(format!("ready; {}", store.words())),
            false => Err(format!("not ready: Envoy is {:?}", *envoy_state.borrow())),
        }),
        status: Box::new(move || {
            let report = report.borrow();
            let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
            json!({
                "objects": report.statuses,
                "problems": problems,
                "envoy": format!("{:?}", *envoy.borrow()),
                "ejectedBackends": host.ejected(),
                "callsInFlight": host.in_flight(),
                "ledger": ledger.status(),
            })
        }),
    }
}
