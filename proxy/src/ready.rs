//! Whether the gateway serves: Envoy runs, has the configuration, and its listeners are up.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tollgate_xds::Progress;

use crate::infra::admin::EnvoyAdmin;
use crate::infra::envoy_process::EnvoyState;

/// Time between two looks while not ready.
const LOOK: Duration = Duration::from_millis(20);

/// What readiness depends on.
pub(crate) struct Readiness {
    pub(crate) envoy: watch::Receiver<EnvoyState>,
    pub(crate) progress: watch::Receiver<Progress>,
    /// Whether a listener is in effect, if any was asked for.
    pub(crate) listening: watch::Receiver<bool>,
    pub(crate) admin: EnvoyAdmin,
}

// === impl Readiness ===

impl Readiness {
    /// Keeps `ready` true to the facts until Envoy is ended for good.
    pub(crate) async fn follow(mut self, ready: watch::Sender<bool>) {
        loop {
            let now = self.is_ready().await;
            ready.send_if_modified(|ready| std::mem::replace(ready, now) != now);
            if *self.envoy.borrow_and_update() == EnvoyState::Stopped {
                ready.send_replace(false);
                return;
            }
            // While ready only a change of these can end it; while not, the admin interface
            // tells nobody when it comes up.
            tokio::select! {
                changed = self.envoy.changed() => if changed.is_err() { return },
                changed = self.progress.changed() => if changed.is_err() { return },
                // Its sender may go first.
                Ok(()) = self.listening.changed() => {}
                () = sleep(LOOK), if !now => {}
            }
        }
    }

    async fn is_ready(&mut self) -> bool {
        let running = matches!(*self.envoy.borrow_and_update(), EnvoyState::Running { .. });
        let configured = {
            let progress = self.progress.borrow_and_update();
            progress.streams > 0 && progress.live.is_some()
        };
        let listening = *self.listening.borrow_and_update();
        // Envoy calls itself live once its first listeners are up.
        running && configured && listening && self.admin.is_live().await
    }
}
