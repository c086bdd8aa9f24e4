//! Between Envoy's protobuf messages and the engine's values.

use std::borrow::Cow;

use bytes::Bytes;
use tollgate_engine::{Forward, Reply, RequestHead};
use tollgate_envoy::well_known::Struct;

use crate::wire::{
    BodyMutation, CONTINUE_AND_REPLACE, CommonResponse, HeaderMutation, HeaderValue,
    HeaderValueOption, HttpHeaders, HttpStatus, ImmediateResponse, OVERWRITE_IF_EXISTS_OR_ADD,
    PhaseResponse, ProcessingMode, ProcessingResponse, Response, SEND, SKIP, STREAMED,
};

/// Envoy's header list as the engine reads it.
pub(crate) struct Head<'a>(pub(crate) &'a HttpHeaders);

impl RequestHead for Head<'_> {
    fn header(&self, name: &str) -> Option<&[u8]> {
        let headers = &self.0.headers.as_ref()?.headers;
        let found = headers.iter().find(|header| header.key == name)?;
        Some(if found.raw_value.is_empty() {
            &found.value
        } else {
            &found.raw_value
        })
    }
}

/// Headers to set, in the engine's form.
type SetHeaders = Vec<(&'static str, Cow<'static, str>)>;

pub(crate) fn header_mutation(
    set: SetHeaders,
    remove: &[impl AsRef<str>],
) -> Option<HeaderMutation> {
    if set.is_empty() && remove.is_empty() {
        return None;
    }
    Some(HeaderMutation {
        set_headers: set
            .into_iter()
            .map(|(name, value)| set_header(name, value))
            .collect(),
        remove_headers: remove
            .iter()
            .map(|name| name.as_ref().to_string())
            .collect(),
    })
}

fn set_header(name: &'static str, value: Cow<'static, str>) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue {
            key: Bytes::from_static(name.as_bytes()),
            value: Bytes::new(),
            raw_value: match value {
                Cow::Borrowed(value) => Bytes::from_static(value.as_bytes()),
                Cow::Owned(value) => Bytes::from(value),
            },
        }),
        append_action: OVERWRITE_IF_EXISTS_OR_ADD,
    }
}

fn body_mutation(body: Bytes) -> BodyMutation {
    BodyMutation { body: Some(body) }
}

fn response(response: Response) -> ProcessingResponse {
    ProcessingResponse {
        response: Some(response),
        ..ProcessingResponse::default()
    }
}

/// Go on with the request's headers, unchanged.
pub(crate) fn read_body() -> ProcessingResponse {
    response(Response::RequestHeaders(PhaseResponse { response: None }))
}

/// The request as the first attempt's provider wants it; Envoy chooses the route again.
pub(crate) fn forward(forward: Forward) -> ProcessingResponse {
    response(Response::RequestBody(PhaseResponse {
        response: Some(CommonResponse {
            header_mutation: header_mutation(forward.set_headers, &forward.remove_headers),
            body_mutation: forward.body.map(body_mutation),
            clear_route_cache: true,
            ..CommonResponse::default()
        }),
    }))
}

/// The request as a further attempt's provider wants it: headers and body both replaced.
pub(crate) fn forward_retry(forward: Forward) -> ProcessingResponse {
    response(Response::RequestHeaders(PhaseResponse {
        response: Some(CommonResponse {
            status: CONTINUE_AND_REPLACE,
            header_mutation: header_mutation(forward.set_headers, &forward.remove_headers),
            body_mutation: forward.body.map(body_mutation),
            ..CommonResponse::default()
        }),
    }))
}

/// The head of the answer. `stream` asks Envoy for the body piece by piece instead of whole.
pub(crate) fn response_head(set: SetHeaders, remove: &[&str], stream: bool) -> ProcessingResponse {
    let mut answer = response(Response::ResponseHeaders(PhaseResponse {
        response: Some(CommonResponse {
            header_mutation: header_mutation(set, remove),
            ..CommonResponse::default()
        }),
    }));
    if stream {
        answer.mode_override = Some(ProcessingMode {
            response_header_mode: SEND,
            response_body_mode: STREAMED,
            response_trailer_mode: SKIP,
        });
    }
    answer
}

/// A piece of the answer: `None` lets it pass as it is.
pub(crate) fn response_body(replacement: Option<Bytes>) -> ProcessingResponse {
    response(Response::ResponseBody(PhaseResponse {
        response: replacement.map(|body| CommonResponse {
            body_mutation: Some(body_mutation(body)),
            ..CommonResponse::default()
        }),
    }))
}

/// An answer that also tells Envoy what others of its filters read.
pub(crate) fn with_metadata(
    answer: ProcessingResponse,
    dynamic_metadata: Option<Struct>,
) -> ProcessingResponse {
    ProcessingResponse {
        dynamic_metadata,
        ..answer
    }
}

/// An answer of the gateway's own.
pub(crate) fn reply(reply: Reply) -> ProcessingResponse {
    let mut set: SetHeaders = vec![("content-type", "application/json".into())];
    set.extend(
        reply
            .headers
            .into_iter()
            .map(|(name, value)| (name, value.into())),
    );
    response(Response::Immediate(ImmediateResponse {
        status: Some(HttpStatus {
            code: i32::from(reply.status),
        }),
        headers: header_mutation(set, &[] as &[&str]),
        body: reply.body,
        details: format!("tollgate_{}", reply.reason),
    }))
}
