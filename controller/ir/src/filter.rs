//! What is done to a request or an answer on its way (Gateway API HTTPRouteFilter).

use serde::Serialize;

/// One filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Filter {
    /// Changes headers of the request.
    RequestHeaders(HeaderModifier),
    /// Changes headers of the answer.
    ResponseHeaders(HeaderModifier),
    /// Changes host or path before the request goes upstream.
    UrlRewrite(UrlRewrite),
}

/// Header changes, applied in this order: remove, set, add.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HeaderModifier {
    /// Appended to what is there.
    pub add: Vec<(String, String)>,
    /// Removed.
    pub remove: Vec<String>,
    /// Put in the place of what is there.
    pub set: Vec<(String, String)>,
}

/// Host and path changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UrlRewrite {
    /// New `Host`.
    pub hostname: Option<String>,
    /// New path.
    pub path: Option<PathRewrite>,
}

/// A path change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum PathRewrite {
    /// The whole path becomes this.
    Full(String),
    /// The matched prefix becomes this.
    Prefix(String),
}

/// A redirect answered by the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
