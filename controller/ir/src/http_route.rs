//! Plain HTTP routing (Gateway API HTTPRoute): match → filters → action.

use serde::{Deserialize, Serialize};

use crate::{Destination, ExternalAuth, Filter, Mirror, RateLimits, Redirect};

/// One match of one rule of a route, on one virtual host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpRoute {
    /// `httproute/namespace/name/rule/i/match/j`: unique in its virtual host.
    pub name: String,
    /// What selects it.
    pub matches: HttpMatch,
    /// Applied before the action.
    pub filters: Vec<Filter>,
    /// What is done.
    pub action: HttpAction,
    /// Whether a client may go on to WebSocket (RFC 6455).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub websocket: bool,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// What is tried again.
    pub retry: Option<Retry>,
    /// Whether later requests of a client go to the endpoint of its first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// How many requests are served per unit of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limits: Option<RateLimits>,
}

/// Conditions that must all hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpMatch {
    /// Path of the request, without its query.
    pub path: PathMatch,
    /// Upper-case method.
    pub method: Option<String>,
    /// Header conditions.
    pub headers: Vec<HeaderMatch>,
    /// Query conditions.
    pub query: Vec<QueryMatch>,
}

/// A condition on the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathMatch {
    /// Equal.
    Exact(String),
    /// Whole path segments: `/foo` matches `/foo` and `/foo/bar`, not `/foobar`. No trailing
    /// slash, except for `/` itself, which matches everything.
    Prefix(String),
    /// RE2 expression for the whole path.
    Regex(String),
}

/// A condition on a header; the name is lower case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderMatch {
    /// Lower-case name.
    pub name: String,
    /// Condition on its value.
    pub value: TextMatch,
}

/// A condition on a query parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryMatch {
    /// Name, case-sensitive.
    pub name: String,
    /// Condition on its value.
    pub value: TextMatch,
}

/// A condition on a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextMatch {
    /// Equal.
    Exact(String),
    /// RE2 expression for the whole text.
    Regex(String),
}

/// What is done with a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum HttpAction {
    /// Answer with this status and no upstream.
    Fail {
        /// HTTP status.
        status: u16,
        /// Why, for an operator; not shown to clients.
        reason: String,
    },
    /// Send it to one of these, by weight. Never empty, weights never all 0.
    Forward(Vec<WeightedBackend>),
    /// Send the client elsewhere.
    Redirect(Redirect),
}

/// A backend and its share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeightedBackend {
    /// `httproute/namespace/name/rule/i/backend/k`; in a proxy the name of its cluster.
    pub name: String,
    /// Share; 0 gets nothing.
    pub weight: u32,
    /// Applied for this backend only.
    pub filters: Vec<Filter>,
    /// Where it is, or why it cannot be reached. An invalid one keeps its weight and answers.
    pub destination: Result<Destination, InvalidBackend>,
}

/// A backend that cannot be used: a value, so that weights stay right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvalidBackend {
    /// Status it answers with: 500 as Gateway API asks.
    pub status: u16,
    /// Why, for an operator.
    pub reason: String,
}

/// Times a request may take; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    /// The whole request, retries included, in milliseconds.
    pub request_ms: Option<u64>,
    /// One attempt, in milliseconds.
    pub attempt_ms: Option<u64>,
    /// Silence of the upstream within an answer, in milliseconds.
    pub idle_ms: Option<u64>,
}

/// By what the endpoint of a client's first request is found again. Another one is used, and told,
/// when that one is gone or is not of the backend that the weights have picked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Session {
    /// A cookie that the answer sets.
    Cookie {
        /// Its name.
        name: String,
        /// How long clients keep it, in milliseconds; `None`: until they end.
        lifetime_ms: Option<u64>,
    },
    /// A header of the answer that clients send back.
    Header {
        /// Lower-case name.
        name: String,
    },
}

/// What is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts after the first.
    pub retries: u32,
    /// What counts as a failure.
    pub on: Vec<RetryTrigger>,
    /// First pause, in milliseconds; doubles, with jitter.
    pub backoff_base_ms: u64,
    /// Longest pause, in milliseconds.
    pub backoff_max_ms: u64,
}

/// A failure that is tried again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RetryTrigger {
    /// No connection could be made.
    ConnectFailure,
    /// The connection was reset, or nothing answered in time.
    Reset,
    /// Any 5xx, a reset, a timeout.
    ServerError,
    /// Exactly this status.
    Status(u16),
}

// === impl HttpRoute ===

impl HttpRoute {
    /// Where it sends requests, copies of them, and questions about them, by the names of clusters.
    pub fn destinations(&self) -> impl Iterator<Item = (&str, &Destination)> {
        let (backends, filters) = match &self.action {
            HttpAction::Forward(backends) => (backends.as_slice(), self.filters.as_slice()),
            HttpAction::Redirect(_) => ([].as_slice(), self.filters.as_slice()),
            HttpAction::Fail { .. } => ([].as_slice(), [].as_slice()),
        };
        let backends = backends.iter().filter_map(|backend| {
            let destination = backend.destination.as_ref().ok()?;
            Some((backend.name.as_str(), destination))
        });
        let mirrors = filters.iter().filter_map(Filter::mirror);
        let mirrors = mirrors.map(|it| (it.name.as_str(), &it.destination));
        let auth = filters.iter().filter_map(Filter::external_auth);
        let auth = auth.map(|it| (it.name.as_str(), &it.destination));
        backends.chain(mirrors).chain(auth)
    }

    /// The same, to change it.
    pub fn destinations_mut(&mut self) -> impl Iterator<Item = (&mut String, &mut Destination)> {
        let (backends, filters) = match &mut self.action {
            HttpAction::Forward(backends) => (backends.as_mut_slice(), self.filters.as_mut_slice()),
            HttpAction::Redirect(_) => ([].as_mut_slice(), self.filters.as_mut_slice()),
            HttpAction::Fail { .. } => ([].as_mut_slice(), [].as_mut_slice()),
        };
        let backends = backends.iter_mut().filter_map(|backend| {
            let destination = backend.destination.as_mut().ok()?;
            Some((&mut backend.name, destination))
        });
        let filters = filters.iter_mut().filter_map(|filter| match filter {
            Filter::Mirror(Mirror {
                name, destination, ..
            }) => Some((name, destination)),
            Filter::ExternalAuth(auth) => {
                let ExternalAuth {
                    name, destination, ..
                } = &mut **auth;
                Some((name, destination))
            }
            Filter::RequestHeaders(_)
            | Filter::ResponseHeaders(_)
            | Filter::UrlRewrite(_)
            | Filter::Cors(_) => None,
        });
        backends.chain(filters)
    }
}
