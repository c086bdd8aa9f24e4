//! How far a proxy has come, for `/ready`: nothing is served before the first configuration.

use std::sync::{Arc, OnceLock};

use tokio::sync::watch;
use tollgate_proxy::infra::envoy_process::EnvoyState;

use crate::{observe::Ready, serving::shown::readiness};

/// Waits for the first configuration, then serves.
#[derive(Default)]
pub(super) struct Stage {
    serving: OnceLock<Ready>,
}

// === impl Stage ===

impl Stage {
    /// What `/ready` says.
    pub(super) fn ready(self: &Arc<Self>) -> Ready {
        let stage = Arc::clone(self);
        Arc::new(move || match stage.serving.get() {
            Some(ready) => ready(),
            None => Err("not ready: no configuration has come from a controller yet".to_string()),
        })
    }

    /// From now on Envoy decides.
    pub(super) fn serves(&self, ready: watch::Receiver<bool>, envoy: watch::Receiver<EnvoyState>) {
        // It is called once; a second call would say the same.
        let _ = self.serving.set(readiness(ready, envoy));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::watch;
    use tollgate_proxy::infra::envoy_process::EnvoyState;

    use super::Stage;

    #[test]
    fn proxy_is_ready_once_envoy_is_and_never_before_a_configuration_has_come() {
        let stage = Arc::new(Stage::default());
        let ready = stage.ready();
        assert!(ready().unwrap_err().contains("no configuration"));
        let (is_ready, watched) = watch::channel(false);
        stage.serves(watched, watch::channel(EnvoyState::Starting).1);
        assert!(ready().unwrap_err().contains("Starting"));
        is_ready.send_replace(true);
        assert_eq!(ready(), Ok("ready".to_string()));
    }
}
