//! Statuses: what each object is told about itself, in the shape that Kubernetes stores.
//!
//! A return value of translation; the status writer and `tollgate status` read it. Times of
//! transition are the writer's business: translation knows no clock.

mod object_ref;
pub mod reason;
mod refusal;
mod trouble;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use tollgate_ir::Shared;

pub use object_ref::ObjectRef;

use crate::FleetAddress;

/// The statuses of all objects that translation has looked at. What one translation says as the last
/// did is shared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statuses(BTreeMap<Shared<ObjectRef>, Shared<Status>>);

/// The status of one object. Which parts are used depends on its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Of the object as a whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Of the listeners of a Gateway or a ListenerSet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<ListenerStatus>,
    /// Of a Gateway: where clients reach it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<FleetAddress>,
    /// Of a Gateway that takes ListenerSets: how many it serves listeners of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attached_listener_sets: Option<usize>,
    /// Of a route, for each parent it names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<ParentStatus>,
    /// Of a policy, for each object it applies to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<AncestorStatus>,
    /// Of a GatewayClass: what can be asked of its Gateways, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub supported_features: Vec<SupportedFeature>,
}

/// A feature in the words of Gateway API's conformance suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SupportedFeature {
    /// `HTTPRouteCORS`
    pub name: &'static str,
}

/// One thing that is true of an object, or is not, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Accepted`, `ResolvedRefs`, …
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// One word for programs; see [`reason`].
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// Generation of the object that was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody knows yet.
    Unknown,
}

/// Status of one listener of a Gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerStatus {
    /// Name of the listener.
    pub name: String,
    /// Kinds of routes it takes.
    pub supported_kinds: Vec<RouteKind>,
    /// How many routes are attached.
    pub attached_routes: usize,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

/// Group and kind of a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RouteKind {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
}

/// Status of a route towards one parent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParentStatus {
    /// The parent, as the route named it.
    pub parent_ref: ParentRef,
    /// Who says so.
    pub controller_name: String,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

/// Status of a policy towards one object that it applies to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AncestorStatus {
    /// The object.
    pub ancestor_ref: ParentRef,
    /// Who says so.
    pub controller_name: String,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

/// A reference to a parent, with what was written and nothing that was not.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParentRef {
    /// API group; unset is that of Gateway API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Kind; unset is Gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Namespace; unset is the route's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// Name of a listener.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section_name: Option<String>,
    /// Port of listeners.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
}

/// Why something is not as its author wished: a condition without its type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

// === impl Statuses ===

impl Statuses {
    /// The status of an object; `None` if translation had nothing to say about it.
    pub fn of(&self, object: &ObjectRef) -> Option<&Status> {
        self.0.get(object).map(|status| &**status)
    }

    /// All statuses, sorted by object.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectRef, &Status)> {
        let all = self.0.iter();
        all.map(|(object, status)| (&**object, &**status))
    }

    /// How many objects have one.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The objects of which these say nothing and `before` did; sorted.
    pub fn gone_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a ObjectRef> {
        let mut left = self.0.keys().peekable();
        let gone = before.0.keys().filter(move |object| {
            while left.next_if(|it| it < object).is_some() {}
            left.peek() != Some(object)
        });
        gone.map(|object| &**object)
    }

    /// The objects of which these say something else than `before`, or say something and `before`
    /// nothing; sorted.
    pub fn since<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (&'a ObjectRef, &'a Status)> {
        let mut old = before.0.iter().peekable();
        let changed = self.0.iter().filter(move |(object, status)| {
            while old.next_if(|(it, _)| it < object).is_some() {}
            old.peek()
                .is_none_or(|(it, before)| it != object || before != status)
        });
        changed.map(|(object, status)| (&**object, &**status))
    }

    /// Tells the object that a piece of the IR was made from that a proxy's Envoy refuses it. False
    /// where the piece's name leads to no object that has a status.
    pub fn refuse(&mut self, piece: &str, error: &str) -> bool {
        refusal::tell(self, piece, error)
    }

    pub(crate) fn get_mut(&mut self, object: &ObjectRef) -> Option<&mut Status> {
        self.0.get_mut(object).map(|status| &mut **status)
    }

    pub(crate) fn entry(&mut self, object: impl Into<Shared<ObjectRef>>) -> &mut Status {
        self.0.entry(object.into()).or_default()
    }

    /// Says these of their objects, and nothing else. Quick where they are sorted.
    pub(crate) fn put_all(&mut self, told: Vec<(Shared<ObjectRef>, Shared<Status>)>) {
        self.0.append(&mut told.into_iter().collect());
    }
}

impl Serialize for Statuses {
    /// A list, because a reference is no JSON key: `[{object: …, status: …}]`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Entry<'a> {
            object: &'a ObjectRef,
            status: &'a Status,
        }
        serializer.collect_seq(self.iter().map(|(object, status)| Entry { object, status }))
    }
}

// === impl Condition ===

impl Condition {
    /// A condition that holds.
    pub(crate) fn holds(
        kind: &'static str,
        reason: &'static str,
        message: impl Into<String>,
        observed_generation: Option<i64>,
    ) -> Self {
        Self {
            kind,
            status: ConditionStatus::True,
            reason,
            message: message.into(),
            observed_generation,
        }
    }

    /// A condition that does not hold.
    pub(crate) fn fails(
        kind: &'static str,
        problem: &Problem,
        observed_generation: Option<i64>,
    ) -> Self {
        Self {
            kind,
            status: ConditionStatus::False,
            reason: problem.reason,
            message: problem.message.clone(),
            observed_generation,
        }
    }

    /// `Warning` with all messages; `None` without any.
    pub(crate) fn warning(problems: &[Problem], observed_generation: Option<i64>) -> Option<Self> {
        let Problem { reason, message } = Problem::join(problems)?;
        Some(Self::holds(WARNING, reason, message, observed_generation))
    }

    /// `ResolvedRefs`: true without problems, else false with the first one's reason and all
    /// messages.
    pub(crate) fn resolved_refs(problems: &[Problem], observed_generation: Option<i64>) -> Self {
        match Problem::join(problems) {
            Some(problem) => Self::fails(RESOLVED_REFS, &problem, observed_generation),
            None => Self::holds(
                RESOLVED_REFS,
                reason::RESOLVED_REFS,
                "every reference leads to an object",
                observed_generation,
            ),
        }
    }
}

// === impl Problem ===

impl Problem {
    pub(crate) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }

    /// A field that is read and changes nothing.
    pub(crate) fn ignored(field: impl std::fmt::Display) -> Self {
        Self::new(
            reason::UNSUPPORTED_VALUE,
            format!("{field} has no effect in this release"),
        )
    }

    /// One problem out of several: the first one's reason, and every message once; those beyond
    /// [`MESSAGE_BYTES_MAX`] are counted.
    pub(crate) fn join(problems: &[Self]) -> Option<Self> {
        let first = problems.first()?;
        let mut messages: Vec<&str> = Vec::new();
        let mut bytes = 0;
        for problem in problems {
            let message = problem.message.as_str();
            if messages.contains(&message) {
                continue;
            }
            bytes += message.len();
            if bytes > MESSAGE_BYTES_MAX && !messages.is_empty() {
                let rest = problems.len() - messages.len();
                let shown = messages.join("; ");
                return Some(Self::new(first.reason, format!("{shown}; and {rest} more")));
            }
            messages.push(message);
        }
        Some(Self::new(first.reason, messages.join("; ")))
    }
}

/// Longest message that is put together; Kubernetes takes 32 KiB.
const MESSAGE_BYTES_MAX: usize = 8 * 1024;

/// Condition type: the object is valid and taken.
pub(crate) const ACCEPTED: &str = "Accepted";
/// Condition type: every reference of the object was found and is allowed.
pub(crate) const RESOLVED_REFS: &str = "ResolvedRefs";
/// Condition type: the data plane was told.
pub(crate) const PROGRAMMED: &str = "Programmed";
/// Condition type: the listener collides with another.
pub(crate) const CONFLICTED: &str = "Conflicted";
/// Condition type: TLS of the listener overlaps with that of another on its port.
pub(crate) const OVERLAPPING_TLS: &str = "OverlappingTLSConfig";
/// Condition type: clients without a valid certificate are served.
pub(crate) const INSECURE_FRONTEND: &str = "InsecureFrontendValidationMode";
/// Condition type: some rules of a route are not served as written.
pub(crate) const PARTIALLY_INVALID: &str = "PartiallyInvalid";
/// Condition type: a budget holds for at least one rule.
pub(crate) const ENFORCED: &str = "Enforced";
/// Condition type: it works, but perhaps not as hoped.
pub(crate) const WARNING: &str = "Warning";

#[cfg(test)]
mod tests;
