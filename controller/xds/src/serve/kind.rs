//! What one client knows of one kind of resource, on one delta stream.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_envoy as envoy;

use envoy::discovery::{DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource};

use super::todo::{Phase, Todo};
use crate::{EncodedResource, ResourceType, Snapshot};

/// Asks for all resources of a kind (xDS protocol, "wildcard").
const WILDCARD: &str = "*";

/// State of one kind.
#[derive(Debug, Default)]
pub(super) struct KindState {
    interest: Interest,
    /// Whether anything was sent. A client that asks for everything waits for an answer, even if
    /// there is nothing.
    answered: bool,
    /// What the client was sent, by name: the version, or `None` for "there is no such".
    sent: BTreeMap<String, Option<String>>,
    /// What the client has confirmed, by name.
    accepted: BTreeMap<String, String>,
    /// The response that is not answered yet; one at a time.
    pending: Option<Pending>,
    /// What was in the response that was refused last. One or more are at fault; what the client
    /// has of the others, nobody knows.
    refused: BTreeSet<String>,
    /// What is to be said: worked out when it is needed, `None` once something has changed.
    todo: Option<Todo>,
}

/// Version of a resource of which nobody knows what the client has.
const UNKNOWN: &str = "";

/// What the client wants.
#[derive(Debug, Default)]
struct Interest {
    asked: bool,
    wildcard: bool,
    names: BTreeSet<String>,
}

/// A response that awaits its answer.
#[derive(Debug)]
pub(super) struct Pending {
    nonce: String,
    pub(super) version: String,
    changes: BTreeMap<String, Option<String>>,
}

/// What a request said about an earlier response.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Nothing.
    None,
    /// It was accepted.
    Accepted,
    /// It was refused.
    Rejected {
        /// The response.
        pending: Pending,
        /// The client's words.
        error: String,
    },
}

// === impl KindState ===

impl KindState {
    pub(super) fn on_request(&mut self, request: DeltaDiscoveryRequest) -> Verdict {
        let DeltaDiscoveryRequest {
            resource_names_subscribe: subscribe,
            resource_names_unsubscribe: unsubscribe,
            initial_resource_versions: versions,
            response_nonce: nonce,
            error_detail: error,
            ..
        } = request;
        if !self.interest.asked || !subscribe.is_empty() || !unsubscribe.is_empty() {
            self.todo = None;
        }
        let first = !self.interest.asked;
        self.interest.asked = true;
        if first {
            // A first request without names asks for everything.
            self.interest.wildcard = subscribe.is_empty();
            for (name, version) in versions {
                self.sent.insert(name.clone(), Some(version.clone()));
                self.accepted.insert(name, version);
            }
        }
        for name in unsubscribe {
            self.unsubscribe(&name);
        }
        for name in subscribe {
            self.subscribe(name, first);
        }
        self.on_answer(&nonce, error.map(|status| status.message))
    }

    /// The next response, if there is something to say and the last one was answered.
    pub(super) fn next_response(
        &mut self,
        kind: ResourceType,
        snapshot: &Snapshot,
        phase: Phase,
        nonce: String,
    ) -> Option<DeltaDiscoveryResponse> {
        if self.pending.is_some() {
            return None;
        }
        let names = self.todo(kind, snapshot).take(phase, names_max(kind));
        if names.is_empty() && !self.awaits_answer() {
            return None;
        }
        self.answered = true;
        let mut response = DeltaDiscoveryResponse {
            system_version_info: snapshot.version().to_string(),
            type_url: kind.type_url(),
            nonce: nonce.clone(),
            ..DeltaDiscoveryResponse::default()
        };
        let mut pending = BTreeMap::new();
        for name in names {
            let resource = snapshot.resource(kind, &name);
            let version = resource.map(|resource| resource.version.clone());
            self.sent.insert(name.clone(), version.clone());
            pending.insert(name.clone(), version);
            match resource {
                Some(resource) => response.resources.push(to_proto(name, resource)),
                None => response.removed_resources.push(name),
            }
        }
        self.pending = Some(Pending {
            nonce,
            version: snapshot.version().to_string(),
            changes: pending,
        });
        Some(response)
    }

    /// Offers what was refused again: the next snapshot may have another version of what is at
    /// fault, and the others are good.
    pub(super) fn reconsider(&mut self) {
        for name in std::mem::take(&mut self.refused) {
            self.sent.insert(name, Some(UNKNOWN.to_string()));
        }
    }

    /// Whether the client has asked for anything of this kind.
    pub(super) fn is_asked(&self) -> bool {
        self.interest.asked
    }

    /// Whether nothing waits to be sent or answered.
    pub(super) fn is_settled(
        &mut self,
        kind: ResourceType,
        snapshot: &Snapshot,
        phase: Phase,
    ) -> bool {
        self.pending.is_none() && !self.awaits_answer() && self.todo(kind, snapshot).is_empty(phase)
    }

    /// There is another snapshot.
    pub(super) fn on_snapshot(&mut self) {
        self.todo = None;
    }

    /// Whether the client has confirmed exactly the resources of this snapshot.
    ///
    /// Of secrets, those that it has asked for: while a change is rolled out there are some whose
    /// listener is not there yet. Envoy asks for the others before it confirms who refers to them.
    pub(super) fn has_accepted(&self, kind: ResourceType, snapshot: &Snapshot) -> bool {
        if self.pending.is_some() {
            return false;
        }
        let mut count = 0;
        for (name, resource) in snapshot.resources(kind) {
            if kind == ResourceType::Secret && !self.interest.includes(name) {
                continue;
            }
            if self.accepted.get(name) != Some(&resource.version) {
                return false;
            }
            count += 1;
        }
        count == self.accepted.len()
    }

    fn awaits_answer(&self) -> bool {
        self.interest.wildcard && !self.answered
    }

    fn todo(&mut self, kind: ResourceType, snapshot: &Snapshot) -> &mut Todo {
        let todo = self.todo.take();
        let todo = todo.unwrap_or_else(|| self.work_out(kind, snapshot));
        self.todo.insert(todo)
    }

    fn work_out(&self, kind: ResourceType, snapshot: &Snapshot) -> Todo {
        let mut todo = Todo::default();
        if !self.interest.asked {
            return todo;
        }
        for (name, resource) in snapshot.resources(kind) {
            let known = self.sent.get(name).and_then(Option::as_ref);
            if known != Some(&resource.version) && self.interest.includes(name) {
                todo.updates.insert(name.to_string());
            }
        }
        let gone = |name: &&String| snapshot.resource(kind, name).is_none();
        // A name that was asked for and never was there: said at once, the client waits for it.
        let never = self.interest.names.iter().filter(gone);
        let never = never.filter(|name| !self.sent.contains_key(*name));
        todo.updates.extend(never.cloned());
        let removed = self.sent.iter().filter(|(_, version)| version.is_some());
        let removed = removed.map(|(name, _)| name).filter(gone);
        todo.removals.extend(removed.cloned());
        todo
    }

    fn subscribe(&mut self, name: String, first: bool) {
        if name == WILDCARD {
            self.interest.wildcard = true;
            return;
        }
        // The client may have dropped it: it is sent again, unless this very request says that
        // the client has it.
        if !first {
            self.forget(&name);
        }
        self.interest.names.insert(name);
    }

    fn unsubscribe(&mut self, name: &str) {
        if name == WILDCARD {
            self.interest.wildcard = false;
            let dropped: Vec<String> = self
                .sent
                .keys()
                .filter(|name| !self.interest.names.contains(*name))
                .cloned()
                .collect();
            dropped.iter().for_each(|name| self.forget(name));
            return;
        }
        self.interest.names.remove(name);
        if !self.interest.wildcard {
            self.forget(name);
        }
    }

    /// Forgets that a resource was sent: it is sent again if the client still wants it.
    pub(super) fn forget(&mut self, name: &str) {
        self.todo = None;
        self.sent.remove(name);
        self.accepted.remove(name);
        if let Some(pending) = &mut self.pending {
            pending.changes.remove(name);
        }
    }

    fn on_answer(&mut self, nonce: &str, error: Option<String>) -> Verdict {
        let Some(pending) = self.pending.take_if(|pending| pending.nonce == nonce) else {
            return Verdict::None;
        };
        if let Some(error) = error {
            // Stays in `sent`: a snapshot is not offered twice.
            self.refused.extend(pending.changes.keys().cloned());
            return Verdict::Rejected { pending, error };
        }
        for (name, version) in pending.changes {
            match version {
                Some(version) => self.accepted.insert(name, version),
                None => self.accepted.remove(&name),
            };
        }
        Verdict::Accepted
    }
}

// === impl Pending ===

impl Pending {
    pub(super) fn names(&self) -> Vec<String> {
        self.changes.keys().cloned().collect()
    }
}

// === impl Interest ===

impl Interest {
    fn includes(&self, name: &str) -> bool {
        self.wildcard || self.names.contains(name)
    }
}

/// How many resources one response may have. Envoy takes listeners and clusters one by one, but
/// of a response of another kind what comes behind a bad resource is lost with it (seen on 1.40).
/// Those that users can get wrong come alone; endpoints are many, and made of parsed addresses.
fn names_max(kind: ResourceType) -> usize {
    match kind {
        ResourceType::Secret | ResourceType::Route => 1,
        ResourceType::Cluster | ResourceType::Endpoint | ResourceType::Listener => usize::MAX,
    }
}

fn to_proto(name: String, resource: &EncodedResource) -> Resource {
    Resource {
        name,
        version: resource.version.clone(),
        resource: Some(resource.resource.clone()),
        ..Resource::default()
    }
}
