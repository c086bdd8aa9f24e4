//! The proxy's side: follows its gateway, over and over, and reports what came of it.

mod connect;
mod session;

use std::{future::Future, sync::Arc, time::Duration};

use rand::Rng;
use tokio::{
    sync::watch,
    time::{self, Instant},
};

use crate::{GatewayIdentity, RefusedItem, Snapshot, TlsFiles, Version, server::Refusal};

#[cfg(test)]
pub(crate) use connect::connect;
use session::{Ended, session};

/// Pauses between attempts: doubled each time, and each one anything up to twice itself, so that
/// proxies do not come back all at once.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Refused resources that are reported of one version, and bytes of each text: a report has a
/// bound.
const REFUSED_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 1024;

/// Whom to follow, as who.
#[derive(Clone, Debug)]
pub struct FollowConfig {
    /// The gateway; that of the certificate.
    pub gateway: GatewayIdentity,
    /// Name of this pod.
    pub pod: String,
    /// `https://HOST:PORT`; the host is what the controller's certificate must be for.
    pub controller: http::Uri,
    /// What this proxy shows, and whom it trusts.
    pub files: TlsFiles,
}

/// What is followed.
pub struct Following {
    /// The newest state; `None` until the first one is here. The last one stays while controllers
    /// are away.
    pub state: watch::Receiver<Option<Arc<Snapshot>>>,
    /// Whether a controller is there.
    pub connection: watch::Receiver<Connection>,
    /// Says what came of it.
    pub reporter: Reporter,
}

/// Whether a controller is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Connection {
    /// Not tried yet.
    #[default]
    Starting,
    /// It is followed.
    Connected,
    /// It is not; it will be tried again.
    Lost {
        /// Why.
        reason: String,
    },
}

/// Says to the controller what came of a version. Only the newest word is kept, and said again to
/// the next controller.
#[derive(Clone)]
pub struct Reporter(Arc<watch::Sender<Outcome>>);

/// What came of what was followed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) applied: Option<Version>,
    pub(crate) refused: Option<Refusal>,
}

/// Follows a gateway, beginning with what is known of it. The future does the work; it ends when
/// nobody looks at the state any more.
pub fn follow(
    config: FollowConfig,
    state: Option<Arc<Snapshot>>,
) -> (Following, impl Future<Output = ()> + Send + 'static) {
    let (state_tx, state_rx) = watch::channel(state);
    let (connection_tx, connection_rx) = watch::channel(Connection::default());
    let (outcome_tx, outcome_rx) = watch::channel(Outcome::default());
    let following = Following {
        state: state_rx,
        connection: connection_rx,
        reporter: Reporter(Arc::new(outcome_tx)),
    };
    let run = run(config, state_tx, connection_tx, outcome_rx);
    (following, run)
}

async fn run(
    config: FollowConfig,
    state: watch::Sender<Option<Arc<Snapshot>>>,
    connection: watch::Sender<Connection>,
    outcome: watch::Receiver<Outcome>,
) {
    let mut pause = PAUSE_MIN;
    // Whether what is here can be built upon.
    let mut sound = true;
    loop {
        let have = state.borrow().clone().filter(|_| sound);
        let began = Instant::now();
        let ended = tokio::select! {
            () = state.closed() => return,
            ended = session(&config, have, &state, &connection, outcome.clone()) => ended,
        };
        let Ended { reason, progress } = ended;
        sound = progress.is_sound();
        if progress.is_good() || began.elapsed() > PAUSE_MAX {
            pause = PAUSE_MIN;
        }
        let jittered = rand::rng()
            .random_range(pause / 2..=pause * 2)
            .min(PAUSE_MAX);
        tracing::warn!(
            controller = %config.controller,
            reason,
            again_in_ms = u64::try_from(jittered.as_millis()).unwrap_or(u64::MAX),
            "the controller is not followed"
        );
        connection.send_replace(Connection::Lost { reason });
        tokio::select! {
            () = state.closed() => return,
            () = time::sleep(jittered) => {}
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

// === impl Reporter ===

impl Reporter {
    /// This version is in effect.
    pub fn applied(&self, version: Version) {
        self.0.send_modify(|outcome| {
            outcome.applied = Some(version);
            if outcome
                .refused
                .as_ref()
                .is_some_and(|it| it.version != version)
            {
                outcome.refused = None;
            }
        });
    }

    /// Envoy does not take this of a version; what it takes may be in effect all the same, which
    /// [`Reporter::applied`] says.
    pub fn refused(&self, version: Version, items: Vec<RefusedItem>) {
        let items = items.into_iter().take(REFUSED_MAX).map(short).collect();
        self.0.send_modify(|outcome| {
            outcome.refused = Some(Refusal { version, items });
        });
    }
}

fn short(item: RefusedItem) -> RefusedItem {
    let cut = |text: String| text.chars().take(TEXT_BYTES_MAX).collect();
    let RefusedItem { resource, error } = item;
    RefusedItem {
        resource: cut(resource),
        error: cut(error),
    }
}
