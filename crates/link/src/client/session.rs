//! One connection: hello, then updates to the state and reports of what came of them.

use std::sync::Arc;

use futures::StreamExt;
use tokio::sync::{oneshot, watch};
use tokio_stream::{Stream, wrappers::WatchStream};
use tonic::Status;

use super::{Connection, FollowConfig, Outcome, connect::connect};
use crate::{
    Snapshot,
    wire::{self, Applied, Hello, Joiner, PROTOCOL, Refused, Report, report::What},
};

/// How a connection ended.
pub(super) struct Ended {
    /// In words.
    pub(super) reason: String,
    pub(super) progress: SessionProgress,
}

/// How far a connection came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionProgress {
    /// No update came.
    Nothing,
    /// Every update that came was applied.
    Applied,
    /// An update could not be applied: the next one must be a whole gateway.
    Unsound,
}

/// Follows until the connection ends.
pub(super) async fn session(
    config: &FollowConfig,
    have: Option<Arc<Snapshot>>,
    state: &watch::Sender<Option<Arc<Snapshot>>>,
    connection: &watch::Sender<Connection>,
    outcome: watch::Receiver<Outcome>,
) -> Ended {
    let mut progress = SessionProgress::Nothing;
    let ended = async {
        let channel = connect(config).await.map_err(|error| error.to_string())?;
        // What is sent must end with this future: the connection is a task of its own.
        let (_open, closed) = oneshot::channel::<()>();
        let reports = reports(config, have.as_deref(), outcome).take_until(closed);
        let mut parts = wire::follow(channel, reports).await.map_err(describe)?;
        connection.send_replace(Connection::Connected);
        tracing::info!(controller = %config.controller, "the controller is followed");
        let mut joiner = Joiner::default();
        let mut have = have;
        while let Some(part) = parts.message().await.map_err(describe)? {
            let Some(update) = joiner.push(part).map_err(|error| error.to_string())? else {
                continue;
            };
            let base = have.clone();
            // Much work where much has changed.
            let applied =
                tokio::task::spawn_blocking(move || Snapshot::apply(base.as_deref(), &update));
            let applied = applied.await.map_err(|error| error.to_string())?;
            let snapshot = match applied {
                Ok(snapshot) => Arc::new(snapshot),
                Err(error) => {
                    progress = SessionProgress::Unsound;
                    return Err(format!("an update cannot be applied: {error}"));
                }
            };
            progress = SessionProgress::Applied;
            have = Some(snapshot.clone());
            state.send_replace(Some(snapshot));
        }
        Err("the controller ended the stream".to_string())
    };
    let ended: Result<(), String> = ended.await;
    Ended {
        reason: ended.err().unwrap_or_default(),
        progress,
    }
}

/// Hello, then each outcome as it is when the connection has room for it.
fn reports(
    config: &FollowConfig,
    have: Option<&Snapshot>,
    outcome: watch::Receiver<Outcome>,
) -> impl Stream<Item = Report> + Send + 'static {
    let hello = Hello {
        gateway: config.gateway.uri(),
        pod: config.pod.clone(),
        protocol: PROTOCOL,
        have: have.map(|it| it.version().to_string()).unwrap_or_default(),
    };
    let outcomes = WatchStream::new(outcome).flat_map(|outcome| {
        let Outcome { applied, refused } = outcome;
        let applied = applied.map(|version| {
            What::Applied(Applied {
                version: version.to_string(),
            })
        });
        let refused = refused.map(|it| {
            What::Refused(Refused {
                version: it.version.to_string(),
                items: it.items,
            })
        });
        let both = applied.into_iter().chain(refused);
        futures::stream::iter(both.map(Report::from))
    });
    futures::stream::once(async move { What::Hello(hello).into() }).chain(outcomes)
}

fn describe(status: Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}

// === impl SessionProgress ===

impl SessionProgress {
    /// Whether the next connection may begin where this one ended.
    pub(super) fn is_sound(self) -> bool {
        self != Self::Unsound
    }

    /// Whether the controller did what it is there for.
    pub(super) fn is_good(self) -> bool {
        self == Self::Applied
    }
}
