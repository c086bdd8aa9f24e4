//! One delta ADS stream as a state machine: requests and snapshots in, responses out. Kinds are
//! sent one after the other, each when the one before has been answered (make before break), and
//! what others may still refer to is removed last.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_envoy as envoy;

use envoy::discovery::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};

use super::Rejection;
use super::kind::{KindState, Phase, Verdict};
use crate::{ResourceType, Snapshot};

/// State of one stream.
#[derive(Debug)]
pub(super) struct StreamState {
    snapshot: Arc<Snapshot>,
    kinds: BTreeMap<ResourceType, KindState>,
    next_nonce: u64,
}

// === impl StreamState ===

impl StreamState {
    pub(super) fn new(snapshot: Arc<Snapshot>) -> Self {
        Self {
            snapshot,
            kinds: BTreeMap::new(),
            next_nonce: 1,
        }
    }

    pub(super) fn on_snapshot(&mut self, snapshot: Arc<Snapshot>) {
        self.snapshot = snapshot;
    }

    /// Takes a request; returns what it refused. Kinds that this server does not have are
    /// ignored: the client keeps waiting, as for a resource that does not exist yet.
    pub(super) fn on_request(&mut self, request: DeltaDiscoveryRequest) -> Option<Rejection> {
        let kind = ResourceType::from_type_url(&request.type_url)?;
        match self.kinds.entry(kind).or_default().on_request(request) {
            Verdict::None | Verdict::Accepted => None,
            Verdict::Rejected { pending, error } => Some(Rejection {
                names: pending.names(),
                version: pending.version,
                kind,
                error,
            }),
        }
    }

    /// The next thing to say, until there is none.
    pub(super) fn next_response(&mut self) -> Option<DeltaDiscoveryResponse> {
        for (kind, phase) in sending_order() {
            let state = self.kinds.entry(kind).or_default();
            let nonce = self.next_nonce.to_string();
            if let Some(response) = state.next_response(kind, &self.snapshot, phase, nonce) {
                self.next_nonce += 1;
                return Some(response);
            }
            if !state.is_settled(kind, &self.snapshot, phase) {
                return None;
            }
        }
        None
    }

    /// Version of the snapshot that the client has accepted whole, removals included.
    pub(super) fn live(&self) -> Option<&str> {
        let accepted = ResourceType::ALL.into_iter().all(|kind| {
            let empty = KindState::default();
            let state = self.kinds.get(&kind).unwrap_or(&empty);
            state.has_accepted(kind, &self.snapshot)
        });
        // Without these two the client has asked for nothing yet.
        let asked = [ResourceType::Cluster, ResourceType::Listener]
            .iter()
            .all(|kind| self.kinds.get(kind).is_some_and(KindState::is_asked));
        (asked && accepted).then(|| self.snapshot.version())
    }
}

/// Updates of all kinds first. Listeners and routes go away with their updates: nobody refers to
/// them. Clusters go when no route names them any more, then what only they used.
fn sending_order() -> impl Iterator<Item = (ResourceType, Phase)> {
    [
        (ResourceType::Cluster, Phase::Updates),
        (ResourceType::Endpoint, Phase::Updates),
        (ResourceType::Secret, Phase::Updates),
        (ResourceType::Listener, Phase::Removals),
        (ResourceType::Route, Phase::Removals),
        (ResourceType::Cluster, Phase::Removals),
        (ResourceType::Endpoint, Phase::Removals),
        (ResourceType::Secret, Phase::Removals),
    ]
    .into_iter()
}
