//! Gateways: listeners that routes attach to, then the IR of each Gateway.
//!
//! Drafts are made first, routes are placed on them, and `assemble` merges the listeners of each
//! port. Everything that a Gateway's status says is decided here.

mod allowed;
mod assemble;
mod backend_tls;
mod claims;
mod conflicts;
mod draft;
mod frontend;
mod infrastructure;
mod listener;
mod merged;
mod overlap;
mod protocol;
mod refusal;
mod secure;
mod status;
mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};

use tollgate_ir::{self as ir, Hostname, Shared};

pub(crate) use allowed::AllowedRoutes;
pub(crate) use assemble::assemble;
pub(crate) use claims::{Claims, upward};
pub(crate) use draft::drafts;
pub(crate) use infrastructure::{Address, AddressKind, Infrastructure};
pub(crate) use listener::{Owner, draft as draft_listener};
pub(crate) use merged::{NAMESPACE as MERGED_NAMESPACE, join};
pub(crate) use protocol::{Protocol, Socket};
pub(crate) use refusal::Refusal;
pub(crate) use status::{listener_status, report};
pub(crate) use tls::TlsEnd;

use crate::NamespacedName;
use crate::ai_rule::AiPrecedence;
use crate::listener_set::ListenerSetDraft;
use crate::sort::MatchPrecedence;
use crate::status::{ObjectRef, Problem, RouteKind};

/// The Gateways that are ours, oldest first, found by the names that routes use.
#[derive(Debug, Default)]
pub(crate) struct Gateways {
    drafts: Vec<GatewayDraft>,
    by_name: BTreeMap<NamespacedName, usize>,
    /// Of each ListenerSet its Gateway, and its place in [`GatewayDraft::listener_sets`].
    by_listener_set: BTreeMap<NamespacedName, (usize, usize)>,
}

/// A Gateway of ours while routes are placed on it.
#[derive(Debug)]
pub(crate) struct GatewayDraft {
    pub(crate) name: NamespacedName,
    /// The object; `None` for the Gateway that is made where there is none.
    pub(crate) object: Option<ObjectRef>,
    pub(crate) generation: Option<i64>,
    /// Its own, then those of its ListenerSets, oldest first.
    pub(crate) listeners: Vec<ListenerDraft>,
    /// Those that name it as their parent, oldest first.
    pub(crate) listener_sets: Vec<ListenerSetDraft>,
    /// Whether it says which ListenerSets it takes.
    pub(crate) takes_listener_sets: bool,
    /// Which host names are whose.
    pub(crate) claims: Claims,
    /// Its class, if all Gateways of it share one fleet.
    pub(crate) merged_class: Option<String>,
    /// What it asks of the infrastructure.
    pub(crate) infrastructure: Infrastructure,
    /// Why it is refused as a whole.
    pub(crate) refusal: Option<Problem>,
    /// What is shown to backends that ask for a certificate.
    pub(crate) backend_certificate: Option<ir::Certificate>,
    /// References of its own that lead nowhere; those of listeners are theirs.
    pub(crate) ref_problems: Vec<Problem>,
    /// Ports on which clients without a valid certificate are served like any other, in words.
    pub(crate) insecure: Vec<String>,
    /// Fields that have no effect in this version.
    pub(crate) ignored: Vec<String>,
}

/// A listener while routes are placed on it.
#[derive(Debug)]
pub(crate) struct ListenerDraft {
    /// Unique in its Gateway: as it is written, with `namespace/listener-set/` in front for one
    /// of a ListenerSet.
    pub(crate) name: String,
    /// As it is written: the `sectionName` of routes.
    pub(crate) section: String,
    /// Place of its ListenerSet in [`GatewayDraft::listener_sets`]; `None` is the Gateway's own.
    pub(crate) set: Option<usize>,
    pub(crate) port: u16,
    pub(crate) hostname: Hostname,
    pub(crate) allowed: AllowedRoutes,
    pub(crate) supported_kinds: Vec<RouteKind>,
    /// Kinds it was asked to take and cannot.
    pub(crate) invalid_kinds: Vec<String>,
    /// References that lead nowhere.
    pub(crate) ref_problems: Vec<Problem>,
    /// Why it serves nothing; `None` serves.
    pub(crate) refusal: Option<Refusal>,
    pub(crate) protocol: Protocol,
    /// What becomes of TLS; `None` where there is none, or no certificate.
    pub(crate) tls: Option<TlsEnd>,
    /// Host names in its certificates.
    pub(crate) certificate_names: BTreeSet<Hostname>,
    /// TLS that overlaps with that of another listener.
    pub(crate) overlap: Option<Problem>,
    /// Each once.
    pub(crate) attached: Vec<Shared<ObjectRef>>,
    pub(crate) hosts: BTreeMap<Hostname, HostDraft>,
    /// What is below HTTP, by server name: of the oldest route that wants it.
    pub(crate) streams: BTreeMap<Hostname, StreamDraft>,
}

/// What is served on a host name.
#[derive(Debug, Default)]
pub(crate) struct HostDraft {
    pub(crate) routes: Vec<(MatchPrecedence, Shared<ir::HttpRoute>)>,
    pub(crate) ai: Option<Vec<(AiPrecedence, Shared<ir::AiRule>)>>,
}

/// Where connections for a server name go.
#[derive(Debug)]
pub(crate) struct StreamDraft {
    /// Whose it is.
    pub(crate) owner: Shared<ObjectRef>,
    pub(crate) route: ir::StreamRoute,
}

/// A listener of one of the drafts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ListenerIndex {
    pub(crate) gateway: usize,
    pub(crate) listener: usize,
}

// === impl Gateways ===

impl Gateways {
    pub(crate) fn new(drafts: Vec<GatewayDraft>) -> Self {
        let mut by_name = BTreeMap::new();
        let mut by_listener_set = BTreeMap::new();
        for (index, draft) in drafts.iter().enumerate() {
            by_name.insert(draft.name.clone(), index);
            for (position, set) in draft.listener_sets.iter().enumerate() {
                by_listener_set.insert(set.name.clone(), (index, position));
            }
        }
        Self {
            drafts,
            by_name,
            by_listener_set,
        }
    }

    /// Place of a Gateway.
    pub(crate) fn find(&self, name: &NamespacedName) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Place of the Gateway of a ListenerSet, and of the set in it.
    pub(crate) fn find_listener_set(&self, name: &NamespacedName) -> Option<(usize, usize)> {
        self.by_listener_set.get(name).copied()
    }

    pub(crate) fn into_drafts(self) -> Vec<GatewayDraft> {
        self.drafts
    }
}

impl Deref for Gateways {
    type Target = [GatewayDraft];

    fn deref(&self) -> &Self::Target {
        &self.drafts
    }
}

impl DerefMut for Gateways {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.drafts
    }
}

// === impl GatewayDraft ===

impl GatewayDraft {
    /// Its key in the IR: `namespace/name`, or the name of the class whose Gateways share a fleet.
    pub(crate) fn key(&self) -> String {
        match &self.merged_class {
            Some(class) => class.clone(),
            None => self.name.to_string(),
        }
    }
}

// === impl ListenerDraft ===

impl ListenerDraft {
    /// What it binds.
    pub(crate) fn socket(&self) -> Socket {
        self.protocol.socket(self.port)
    }

    /// Whether it keeps its host name to itself: it serves it, or would if it had a certificate.
    pub(crate) fn claims(&self) -> bool {
        self.refusal.as_ref().is_none_or(Refusal::takes_routes)
    }

    /// Whether the data plane has it.
    pub(crate) fn is_served(&self) -> bool {
        self.refusal.is_none()
    }
}
