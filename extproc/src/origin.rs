//! Who gave an answer: a provider, or one of Envoy's rate limit filters in its place.

use std::collections::HashMap;

use tollgate_envoy::well_known::{Struct, value::Kind};

/// Attribute of an answer in which Envoy says where it comes from. It is asked for only where AI
/// rules have rate limits (`xds`, `ext_proc`).
const DETAILS: &str = "response.code_details";

/// What the rate limit filters write there: a limit is used up, or cannot be checked.
const RATE_LIMIT_DETAILS: [&str; 3] = [
    "request_rate_limited",
    "local_rate_limited",
    "rate_limiter_error",
];

/// Whether the request never reached a provider because of a rate limit.
pub(crate) fn is_rate_limit(attributes: &HashMap<String, Struct>) -> bool {
    let details = attributes
        .values()
        .filter_map(|attributes| attributes.fields.get(DETAILS));
    details.filter_map(|value| value.kind.as_ref()).any(|kind| {
        matches!(kind, Kind::StringValue(text) if RATE_LIMIT_DETAILS.contains(&text.as_str()))
    })
}
