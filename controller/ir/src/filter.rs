//! What is done to a request or an answer on its way (Gateway API HTTPRouteFilter).

use serde::{Deserialize, Serialize};

use crate::Destination;

/// One filter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Filter {
    /// Changes headers of the request.
    RequestHeaders(HeaderModifier),
    /// Changes headers of the answer.
    ResponseHeaders(HeaderModifier),
    /// Changes host or path before the request goes upstream.
    UrlRewrite(UrlRewrite),
    /// Sends a copy elsewhere; nobody waits for its answer.
    Mirror(Mirror),
    /// Lets scripts of other origins ask.
    Cors(Cors),
    /// Asks a service whether the request may pass.
    ExternalAuth(Box<ExternalAuth>),
}

/// Who is asked whether a request may pass. Without an answer it may not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExternalAuth {
    /// `httproute/namespace/name/rule/i/auth/k`; in a proxy the name of its cluster.
    pub name: String,
    /// Where it is.
    pub destination: Destination,
    /// What it speaks.
    pub protocol: AuthProtocol,
    /// Longest body, in bytes, that is sent along; a longer one is refused with 413. 0: no body is
    /// sent, whatever its length.
    pub body_bytes_max: u32,
}

/// What a service speaks that decides about requests. Names of headers are lower case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthProtocol {
    /// `envoy.service.auth.v3.Authorization`
    Grpc {
        /// Headers of the request that it is told; empty: all.
        headers: Vec<String>,
    },
    /// HTTP with the request's method and path: 200 lets it pass, anything else is the answer.
    Http {
        /// Stands before the request's path.
        path_prefix: String,
        /// Headers of the request that it is told beside host, content-length and authorization.
        headers: Vec<String>,
        /// Headers of its answer that go on with the request; empty: all but those that describe
        /// the answer itself.
        answer_headers: Vec<String>,
    },
}

/// Where copies of requests go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mirror {
    /// `httproute/namespace/name/rule/i/mirror/k`; in a proxy the name of its cluster.
    pub name: String,
    /// Where it is. A mirror that cannot be reached is left out, and a condition says so.
    pub destination: Destination,
    /// Share of the requests that are copied.
    pub fraction: Fraction,
}

/// `numerator / denominator`, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fraction {
    /// At most `denominator`.
    pub numerator: u32,
    /// At least 1.
    pub denominator: u32,
}

/// Cross-origin resource sharing (Fetch standard, section 3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cors {
    /// Origins that may ask: `https://a.example`, `https://*.example` or `*`.
    pub allow_origins: Vec<String>,
    /// Methods; `*` is any.
    pub allow_methods: Vec<String>,
    /// Request headers; `*` is any.
    pub allow_headers: Vec<String>,
    /// Answer headers that a script may read; `*` is any.
    pub expose_headers: Vec<String>,
    /// Whether cookies and keys may come along.
    pub allow_credentials: bool,
    /// How long the answer to a preflight holds; `None` leaves it to the browser.
    pub max_age_s: Option<u32>,
}

/// Header changes, applied in this order: remove, set, add.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderModifier {
    /// Appended to what is there.
    pub add: Vec<(String, String)>,
    /// Removed.
    pub remove: Vec<String>,
    /// Put in the place of what is there.
    pub set: Vec<(String, String)>,
}

/// Host and path changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UrlRewrite {
    /// New `Host`.
    pub hostname: Option<String>,
    /// New path.
    pub path: Option<PathRewrite>,
}

/// A path change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathRewrite {
    /// The whole path becomes this.
    Full(String),
    /// The matched prefix becomes this.
    Prefix(String),
}

/// A redirect answered by the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// `http` or `https`; `None` keeps it.
    pub scheme: Option<String>,
    /// New host; `None` keeps it.
    pub hostname: Option<String>,
    /// New path; `None` keeps it.
    pub path: Option<PathRewrite>,
    /// New port; `None`: the well-known port of a new scheme, else the listener's.
    pub port: Option<u16>,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
}

// === impl Filter ===

impl Filter {
    /// The mirror that it is.
    pub fn mirror(&self) -> Option<&Mirror> {
        match self {
            Self::Mirror(mirror) => Some(mirror),
            Self::RequestHeaders(_)
            | Self::ResponseHeaders(_)
            | Self::UrlRewrite(_)
            | Self::Cors(_)
            | Self::ExternalAuth(_) => None,
        }
    }

    /// The service that it asks.
    pub fn external_auth(&self) -> Option<&ExternalAuth> {
        match self {
            Self::ExternalAuth(auth) => Some(auth),
            Self::RequestHeaders(_)
            | Self::ResponseHeaders(_)
            | Self::UrlRewrite(_)
            | Self::Mirror(_)
            | Self::Cors(_) => None,
        }
    }
}
