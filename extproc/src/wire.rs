//! The messages of `envoy.service.ext_proc.v3`, as far as they are used here, without copies.
//!
//! Wire-compatible with Envoy's own definitions (a test compares them). Bodies, header names and
//! values are slices of the buffer that came from the socket instead of a `String` or `Vec` each:
//! a call carries some forty of them, and its body would be copied once more.

use std::collections::HashMap;

use bytes::Bytes;
use prost::{Message, Oneof};
use tollgate_envoy::well_known::Struct;

/// `ProcessingRequest`: what Envoy tells.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProcessingRequest {
    #[prost(map = "string, message", tag = "9")]
    pub(crate) attributes: HashMap<String, Struct>,
    #[prost(oneof = "Request", tags = "2, 3, 4, 5, 6, 7")]
    pub(crate) request: Option<Request>,
}

#[derive(Clone, PartialEq, Oneof)]
#[expect(
    clippy::enum_variant_names,
    reason = "the names of Envoy's own definition"
)]
pub(crate) enum Request {
    #[prost(message, tag = "2")]
    RequestHeaders(HttpHeaders),
    #[prost(message, tag = "3")]
    ResponseHeaders(HttpHeaders),
    #[prost(message, tag = "4")]
    RequestBody(HttpBody),
    #[prost(message, tag = "5")]
    ResponseBody(HttpBody),
    #[prost(message, tag = "6")]
    RequestTrailers(HttpTrailers),
    #[prost(message, tag = "7")]
    ResponseTrailers(HttpTrailers),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct HttpHeaders {
    #[prost(message, optional, tag = "1")]
    pub(crate) headers: Option<HeaderMap>,
    #[prost(bool, tag = "3")]
    pub(crate) end_of_stream: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct HeaderMap {
    #[prost(message, repeated, tag = "1")]
    pub(crate) headers: Vec<HeaderValue>,
}

/// A header. Envoy fills `raw_value`; `value` only where it was told to.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct HeaderValue {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) value: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) raw_value: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct HttpBody {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) body: Bytes,
    #[prost(bool, tag = "2")]
    pub(crate) end_of_stream: bool,
}

/// Trailers are never asked for.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct HttpTrailers {}

/// `ProcessingResponse`: what Envoy does next.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProcessingResponse {
    /// By namespace; see `costs`.
    #[prost(message, optional, tag = "8")]
    pub(crate) dynamic_metadata: Option<Struct>,
    #[prost(message, optional, tag = "9")]
    pub(crate) mode_override: Option<ProcessingMode>,
    #[prost(oneof = "Response", tags = "1, 2, 3, 4, 7")]
    pub(crate) response: Option<Response>,
}

#[derive(Clone, PartialEq, Oneof)]
#[expect(
    clippy::enum_variant_names,
    reason = "the names of Envoy's own definition"
)]
pub(crate) enum Response {
    #[prost(message, tag = "1")]
    RequestHeaders(PhaseResponse),
    #[prost(message, tag = "2")]
    ResponseHeaders(PhaseResponse),
    #[prost(message, tag = "3")]
    RequestBody(PhaseResponse),
    #[prost(message, tag = "4")]
    ResponseBody(PhaseResponse),
    #[prost(message, tag = "7")]
    Immediate(ImmediateResponse),
}

/// `HeadersResponse` and `BodyResponse`, which are one on the wire.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PhaseResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) response: Option<CommonResponse>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CommonResponse {
    /// `CONTINUE` or `CONTINUE_AND_REPLACE`.
    #[prost(int32, tag = "1")]
    pub(crate) status: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) header_mutation: Option<HeaderMutation>,
    #[prost(message, optional, tag = "3")]
    pub(crate) body_mutation: Option<BodyMutation>,
    #[prost(bool, tag = "5")]
    pub(crate) clear_route_cache: bool,
}

/// `CommonResponse.status`: replaces headers and body and sends no more of the client's.
pub(crate) const CONTINUE_AND_REPLACE: i32 = 1;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct HeaderMutation {
    #[prost(message, repeated, tag = "1")]
    pub(crate) set_headers: Vec<HeaderValueOption>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) remove_headers: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct HeaderValueOption {
    #[prost(message, optional, tag = "1")]
    pub(crate) header: Option<HeaderValue>,
    /// [`OVERWRITE_IF_EXISTS_OR_ADD`]
    #[prost(int32, tag = "3")]
    pub(crate) append_action: i32,
}

/// `HeaderAppendAction`: takes the place of what is there.
pub(crate) const OVERWRITE_IF_EXISTS_OR_ADD: i32 = 2;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct BodyMutation {
    /// The `body` of the `mutation` oneof. A present empty body empties the message.
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub(crate) body: Option<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ImmediateResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) status: Option<HttpStatus>,
    #[prost(message, optional, tag = "2")]
    pub(crate) headers: Option<HeaderMutation>,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) body: Bytes,
    #[prost(string, tag = "5")]
    pub(crate) details: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct HttpStatus {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
}

/// `ext_proc.v3.ProcessingMode`, as far as an answer may change it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProcessingMode {
    /// [`SEND`] or [`SKIP`].
    #[prost(int32, tag = "2")]
    pub(crate) response_header_mode: i32,
    /// [`STREAMED`]
    #[prost(int32, tag = "4")]
    pub(crate) response_body_mode: i32,
    /// [`SEND`] or [`SKIP`].
    #[prost(int32, tag = "6")]
    pub(crate) response_trailer_mode: i32,
}

/// `HeaderSendMode`
pub(crate) const SEND: i32 = 1;
/// `HeaderSendMode`
pub(crate) const SKIP: i32 = 2;
/// `BodySendMode`: piece by piece.
pub(crate) const STREAMED: i32 = 1;

#[cfg(test)]
mod tests;
