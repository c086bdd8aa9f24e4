//! Between Envoy's protobuf messages and the engine's values.

use std::borrow::Cow;

use tollgate_engine::{Forward, Reply, RequestHead};
use tollgate_envoy::{
    core::{HeaderValue, HeaderValueOption, header_value_option::HeaderAppendAction},
    ext_proc::{
        BodyMutation, BodyResponse, CommonResponse, HeaderMutation, HeadersResponse, HttpHeaders,
        ImmediateResponse, ProcessingResponse, body_mutation::Mutation,
        common_response::ResponseStatus, processing_response::Response,
    },
    ext_proc_filter::{
        ProcessingMode,
        processing_mode::{BodySendMode, HeaderSendMode},
    },
    http_type::HttpStatus,
};

/// Envoy's header list as the engine reads it.
pub(crate) struct Head<'a>(pub(crate) &'a HttpHeaders);

impl RequestHead for Head<'_> {
    fn header(&self, name: &str) -> Option<&[u8]> {
        let headers = &self.0.headers.as_ref()?.headers;
        let found = headers.iter().find(|header| header.key == name)?;
        // Envoy fills `raw_value` unless it was told to send text.
        Some(if found.raw_value.is_empty() {
            found.value.as_bytes()
        } else {
            &found.raw_value
        })
    }
}

/// Headers to set, in the engine's form.
type SetHeaders = Vec<(&'static str, Cow<'static, str>)>;

pub(crate) fn header_mutation(set: SetHeaders, remove: &[&str]) -> Option<HeaderMutation> {
    if set.is_empty() && remove.is_empty() {
        return None;
    }
    Some(HeaderMutation {
        set_headers: set
            .into_iter()
            .map(|(name, value)| set_header(name, value.into_owned()))
            .collect(),
        remove_headers: remove.iter().map(ToString::to_string).collect(),
    })
}

fn set_header(name: &str, value: String) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue {
            key: name.to_string(),
            raw_value: value.into_bytes(),
            ..HeaderValue::default()
        }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..HeaderValueOption::default()
    }
}

fn body_mutation(body: bytes::Bytes) -> BodyMutation {
    BodyMutation {
        mutation: Some(Mutation::Body(body.into())),
    }
}

fn response(response: Response) -> ProcessingResponse {
    ProcessingResponse {
        response: Some(response),
        ..ProcessingResponse::default()
    }
}

/// Go on with the request's headers, unchanged.
pub(crate) fn read_body() -> ProcessingResponse {
    response(Response::RequestHeaders(HeadersResponse { response: None }))
}

/// The request as the first attempt's provider wants it; Envoy chooses the route again.
pub(crate) fn forward(forward: Forward) -> ProcessingResponse {
    response(Response::RequestBody(BodyResponse {
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
    response(Response::RequestHeaders(HeadersResponse {
        response: Some(CommonResponse {
            status: ResponseStatus::ContinueAndReplace.into(),
            header_mutation: header_mutation(forward.set_headers, &forward.remove_headers),
            body_mutation: forward.body.map(body_mutation),
            ..CommonResponse::default()
        }),
    }))
}

/// The head of the answer. `stream` asks Envoy for the body piece by piece instead of whole.
pub(crate) fn response_head(set: SetHeaders, remove: &[&str], stream: bool) -> ProcessingResponse {
    let mut answer = response(Response::ResponseHeaders(HeadersResponse {
        response: Some(CommonResponse {
            header_mutation: header_mutation(set, remove),
            ..CommonResponse::default()
        }),
    }));
    if stream {
        answer.mode_override = Some(ProcessingMode {
            response_header_mode: HeaderSendMode::Send.into(),
            response_body_mode: BodySendMode::Streamed.into(),
            response_trailer_mode: HeaderSendMode::Skip.into(),
            ..ProcessingMode::default()
        });
    }
    answer
}

/// A piece of the answer: `None` lets it pass as it is.
pub(crate) fn response_body(replacement: Option<bytes::Bytes>) -> ProcessingResponse {
    response(Response::ResponseBody(BodyResponse {
        response: replacement.map(|body| CommonResponse {
            body_mutation: Some(body_mutation(body)),
            ..CommonResponse::default()
        }),
    }))
}

/// An answer of the gateway's own.
pub(crate) fn reply(reply: Reply) -> ProcessingResponse {
    let mut set: SetHeaders = vec![("content-type", "application/json".into())];
    set.extend(reply.headers.into_iter().map(|(name, value)| (name, value.into())));
    response(Response::ImmediateResponse(ImmediateResponse {
        status: Some(HttpStatus {
            code: i32::from(reply.status),
        }),
        headers: header_mutation(set, &[]),
        body: reply.body.into(),
        grpc_status: None,
        details: format!("tollgate_{}", reply.reason),
    }))
}
