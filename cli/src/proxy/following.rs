//! The loop of `tollgate proxy`: what the controller sends comes into effect, and what came of it
//! is reported.

use std::{sync::Arc, time::Instant};

use tokio::sync::watch;
use tollgate_link::{Following, ProxySettings, RefusedItem, Reporter, Snapshot, Version};
use tollgate_proxy::{Applied, Applier, Ended, Refused};

use super::telemetry::Figures;

/// Follows the gateway for as long as the data plane lives. `first` is in effect already.
pub(super) async fn run(
    link: Following,
    (plane, mut outcome): (Applier, watch::Receiver<Option<Applied>>),
    first: Arc<Snapshot>,
    figures: Figures,
) -> Ended {
    let started_with = Arc::clone(&first.settings);
    let bootstrap = first.gateway.bootstrap.clone();
    let mut version = first.version();
    drop(first);
    let mut telling = Telling {
        reporter: link.reporter,
        figures: figures.clone(),
        refused: Vec::new(),
    };
    let mut state = link.state;
    // The state may have changed since the first one was taken.
    state.mark_changed();
    outcome.mark_changed();
    loop {
        tokio::select! {
            changed = state.changed() => {
                if changed.is_err() {
                    return Ended;
                }
                let Some(next) = state.borrow_and_update().clone() else { continue };
                let is_old = is_restart_needed(&started_with, &next.settings);
                // The data plane has a word for it in the log.
                figures.restart_needed(is_old || next.gateway.bootstrap != bootstrap);
                let begun = Instant::now();
                let applied = match plane.apply(Arc::clone(&next.gateway)).await {
                    Ok(applied) => applied,
                    Err(ended) => return ended,
                };
                version = next.version();
                let elapsed_ms = begun.elapsed().as_millis();
                tracing::info!(%version, elapsed_ms, "configuration is in effect");
                figures.applied();
                telling.tell(version, &applied);
            }
            changed = outcome.changed() => {
                if changed.is_err() {
                    return Ended;
                }
                let outcome = outcome.borrow_and_update();
                if let Some(applied) = outcome.as_ref() {
                    telling.tell(version, applied);
                }
            }
        }
    }
}

/// Says what came of versions, to the controller, the log and the metrics.
struct Telling {
    reporter: Reporter,
    figures: Figures,
    /// What was refused when it was told last.
    refused: Vec<Refused>,
}

// === impl Telling ===

impl Telling {
    /// Nothing is reported as in effect before Envoy has it.
    fn tell(&mut self, version: Version, applied: &Applied) {
        let Applied {
            version: _,
            acknowledged,
            refused,
        } = applied;
        self.figures.refused(refused.len());
        for refused in refused.iter().filter(|it| !self.refused.contains(it)) {
            tracing::warn!(piece = refused.name, "{refused}");
        }
        // That nothing is refused any more is worth a word too.
        if !refused.is_empty() || !self.refused.is_empty() {
            let items = refused.iter().map(|refused| RefusedItem {
                resource: refused.name.clone(),
                error: refused.to_string(),
            });
            self.reporter.refused(version, items.collect());
        }
        self.refused.clone_from(refused);
        if *acknowledged {
            self.reporter.applied(version);
        }
    }
}

/// The ledger is made once: what calls hold in one store cannot go to another. A new server or
/// password takes effect when the proxy is started again, which whoever rolls out the fleet does.
fn is_restart_needed(started_with: &ProxySettings, now: &ProxySettings) -> bool {
    let is_needed = started_with.store != now.store;
    if is_needed {
        tracing::warn!(
            "the settings of the budget store have changed; they take effect when this proxy is \
             started again"
        );
    }
    is_needed
}
