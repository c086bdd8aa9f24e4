//! The engine's decisions, done to a stream of Envoy's.

use std::borrow::Cow;

use tollgate_bundle::COST_METADATA_NAMESPACE;
use tollgate_engine::{Exchange, Forward, Reply, RequestHead};

use crate::abi::{HeaderKind, Headers, Stream};

impl RequestHead for Headers<'_> {
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.get(name)
    }
}

/// Headers of a request as a provider wants them. The body is the caller's to replace.
pub(super) fn set_request_headers(stream: &mut Stream<'_>, forward: &Forward) {
    for name in &forward.remove_headers {
        stream.remove_header(HeaderKind::Request, name);
    }
    for (name, value) in &forward.set_headers {
        stream.set_header(HeaderKind::Request, name, value);
    }
}

/// Headers of an answer.
pub(super) fn set_response_headers(
    stream: &mut Stream<'_>,
    set: &[(&'static str, Cow<'static, str>)],
    remove: &[&'static str],
) {
    for name in remove {
        stream.remove_header(HeaderKind::Response, name);
    }
    for (name, value) in set {
        stream.set_header(HeaderKind::Response, name, value);
    }
}

/// Answers the client by ourselves.
pub(crate) fn respond(stream: &mut Stream<'_>, reply: Reply) {
    let Reply {
        status,
        headers,
        body,
        reason,
    } = reply;
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
    stream.send_response(status, &all, &body, &format!("tollgate_{reason}"));
}

/// Tells other filters what a call has cost, where its rule says that it shall.
#[expect(
    clippy::cast_precision_loss,
    reason = "a cost is at most 10^9, which a double holds exactly"
)]
pub(super) fn tell_costs(stream: &mut Stream<'_>, exchange: &Exchange) {
    for (key, cost) in exchange.costs() {
        stream.set_metadata(COST_METADATA_NAMESPACE, key, cost as f64);
    }
}
