//! One delta ADS stream as a state machine: requests and snapshots in, responses out. What others
//! refer to is made before them and removed after them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_envoy as envoy;

use envoy::discovery::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};

use super::Rejection;
use super::kind::{KindState, Verdict};
use super::todo::Phase;
use crate::{ResourceType, Snapshot};

/// What is sent together, and before what: a step waits until the one before is answered.
///
/// Envoy answers for clusters when all of them are warm, which they are not without their
/// endpoints and secrets: so these go in one step. Then routes may name the clusters. Listeners
/// and routes go away with their updates: nobody refers to them. Clusters go when no route names
/// them any more, then what only they used.
const SENDING_ORDER: &[&[(ResourceType, Phase)]] = &[
    &[
        (ResourceType::Cluster, Phase::Updates),
        (ResourceType::Endpoint, Phase::Updates),
        (ResourceType::Secret, Phase::Updates),
    ],
    &[
        (ResourceType::Listener, Phase::Removals),
        (ResourceType::Route, Phase::Removals),
    ],
    &[(ResourceType::Cluster, Phase::Removals)],
    &[
        (ResourceType::Endpoint, Phase::Removals),
        (ResourceType::Secret, Phase::Removals),
    ],
];

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
        if self.snapshot.version() != snapshot.version() {
            self.kinds.values_mut().for_each(KindState::reconsider);
        }
        self.snapshot = snapshot;
        self.kinds.values_mut().for_each(KindState::on_snapshot);
    }

    /// Takes a request; returns what it refused. Kinds that this server does not have are
    /// ignored: the client keeps waiting, as for a resource that does not exist yet.
    pub(super) fn on_request(&mut self, request: DeltaDiscoveryRequest) -> Option<Rejection> {
        let kind = ResourceType::from_type_url(&request.type_url)?;
        let state = self.kinds.entry(kind).or_default();
        match state.on_request(request) {
            Verdict::None | Verdict::Accepted => None,
            Verdict::Rejected { pending, error } => {
                // There is a newer snapshot already, of which the client has said nothing.
                if pending.version != self.snapshot.version() {
                    state.reconsider();
                }
                Some(Rejection {
                    names: pending.names(),
                    version: pending.version,
                    kind,
                    error,
                })
            }
        }
    }

    /// The next thing to say, until there is none.
    pub(super) fn next_response(&mut self) -> Option<DeltaDiscoveryResponse> {
        for step in SENDING_ORDER {
            for &(kind, phase) in *step {
                if let Some(response) = self.next_of(kind, phase) {
                    return Some(response);
                }
            }
            let mut parts = step.iter();
            if !parts.all(|&(kind, phase)| self.is_settled(kind, phase)) {
                return None;
            }
        }
        None
    }

    fn next_of(&mut self, kind: ResourceType, phase: Phase) -> Option<DeltaDiscoveryResponse> {
        let nonce = self.next_nonce.to_string();
        let state = self.kinds.entry(kind).or_default();
        let response = state.next_response(kind, &self.snapshot, phase, nonce)?;
        self.next_nonce += 1;
        if kind == ResourceType::Cluster {
            self.repeat_endpoints(&response);
        }
        Some(response)
    }

    fn is_settled(&mut self, kind: ResourceType, phase: Phase) -> bool {
        self.kinds
            .get_mut(&kind)
            .is_none_or(|state| state.is_settled(kind, &self.snapshot, phase))
    }

    /// A changed cluster starts over and waits for its endpoints, but Envoy does not ask again
    /// for those that it has asked for before (seen on 1.40): they are sent once more.
    fn repeat_endpoints(&mut self, clusters: &DeltaDiscoveryResponse) {
        let endpoints = self.kinds.entry(ResourceType::Endpoint).or_default();
        for cluster in &clusters.resources {
            endpoints.forget(&cluster.name);
        }
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
