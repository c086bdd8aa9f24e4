//! Our messages against Envoy's own definitions: what one encodes, the other understands.

use prost::Message;
use tollgate_envoy::well_known::{Struct, Value, value};
use tollgate_envoy::{core, ext_proc, ext_proc_filter, http_type};

use super::*;

fn header(name: &str, value: &str) -> core::HeaderValue {
    core::HeaderValue {
        key: name.into(),
        raw_value: value.into(),
        ..core::HeaderValue::default()
    }
}

#[test]
fn envoys_requests_are_understood() {
    use ext_proc::processing_request::Request as Theirs;
    let headers = ext_proc::HttpHeaders {
        headers: Some(core::HeaderMap {
            headers: vec![header(":path", "/v1/models")],
        }),
        end_of_stream: true,
        ..ext_proc::HttpHeaders::default()
    };
    let body = ext_proc::HttpBody {
        body: b"{}".to_vec(),
        end_of_stream: true,
        ..ext_proc::HttpBody::default()
    };
    let decode = |request: Theirs| {
        let theirs = ext_proc::ProcessingRequest {
            request: Some(request),
            ..ext_proc::ProcessingRequest::default()
        };
        ProcessingRequest::decode(Bytes::from(theirs.encode_to_vec()))
            .unwrap()
            .request
            .unwrap()
    };
    let ours = HttpHeaders {
        headers: Some(HeaderMap {
            headers: vec![HeaderValue {
                key: ":path".into(),
                value: Bytes::new(),
                raw_value: "/v1/models".into(),
            }],
        }),
        end_of_stream: true,
    };
    let our_body = HttpBody {
        body: "{}".into(),
        end_of_stream: true,
    };
    assert_eq!(
        decode(Theirs::RequestHeaders(headers.clone())),
        Request::RequestHeaders(ours.clone())
    );
    assert_eq!(
        decode(Theirs::ResponseHeaders(headers)),
        Request::ResponseHeaders(ours)
    );
    assert_eq!(
        decode(Theirs::RequestBody(body.clone())),
        Request::RequestBody(our_body.clone())
    );
    assert_eq!(
        decode(Theirs::ResponseBody(body)),
        Request::ResponseBody(our_body)
    );
}

#[test]
fn the_attribute_of_a_retry_is_understood() {
    let attribute = Struct {
        fields: [(
            "backend".to_string(),
            tollgate_envoy::well_known::Value {
                kind: Some(tollgate_envoy::well_known::value::Kind::StringValue(
                    "a/b/0".into(),
                )),
            },
        )]
        .into(),
    };
    let theirs = ext_proc::ProcessingRequest {
        attributes: [("envoy.filters.http.ext_proc".to_string(), attribute.clone())].into(),
        ..ext_proc::ProcessingRequest::default()
    };
    let ours = ProcessingRequest::decode(Bytes::from(theirs.encode_to_vec())).unwrap();
    assert_eq!(ours.attributes["envoy.filters.http.ext_proc"], attribute);
}

/// What Envoy reads of one of our answers.
fn read(ours: &ProcessingResponse) -> ext_proc::ProcessingResponse {
    ext_proc::ProcessingResponse::decode(Bytes::from(ours.encode_to_vec())).unwrap()
}

fn mutation() -> HeaderMutation {
    HeaderMutation {
        set_headers: vec![HeaderValueOption {
            header: Some(HeaderValue {
                key: "a".into(),
                value: Bytes::new(),
                raw_value: "b".into(),
            }),
            append_action: OVERWRITE_IF_EXISTS_OR_ADD,
        }],
        remove_headers: vec!["c".into()],
    }
}

fn their_mutation() -> ext_proc::HeaderMutation {
    ext_proc::HeaderMutation {
        set_headers: vec![core::HeaderValueOption {
            header: Some(header("a", "b")),
            append_action: core::header_value_option::HeaderAppendAction::OverwriteIfExistsOrAdd
                .into(),
            ..core::HeaderValueOption::default()
        }],
        remove_headers: vec!["c".into()],
    }
}

#[test]
fn our_answers_are_understood() {
    use ext_proc::processing_response::Response as Theirs;
    let common = PhaseResponse {
        response: Some(CommonResponse {
            status: CONTINUE_AND_REPLACE,
            header_mutation: Some(mutation()),
            body_mutation: Some(BodyMutation {
                body: Some("new".into()),
            }),
            clear_route_cache: true,
        }),
    };
    let their_common = ext_proc::CommonResponse {
        status: ext_proc::common_response::ResponseStatus::ContinueAndReplace.into(),
        header_mutation: Some(their_mutation()),
        body_mutation: Some(ext_proc::BodyMutation {
            mutation: Some(ext_proc::body_mutation::Mutation::Body(b"new".to_vec())),
        }),
        trailers: None,
        clear_route_cache: true,
    };
    let answer = |response| ProcessingResponse {
        dynamic_metadata: None,
        mode_override: None,
        response: Some(response),
    };
    let headers = Some(their_common.clone());
    assert_eq!(
        read(&answer(Response::RequestHeaders(common.clone()))).response,
        Some(Theirs::RequestHeaders(ext_proc::HeadersResponse {
            response: headers.clone()
        })),
    );
    assert_eq!(
        read(&answer(Response::ResponseHeaders(common.clone()))).response,
        Some(Theirs::ResponseHeaders(ext_proc::HeadersResponse {
            response: headers
        })),
    );
    let body = Some(their_common);
    assert_eq!(
        read(&answer(Response::RequestBody(common.clone()))).response,
        Some(Theirs::RequestBody(ext_proc::BodyResponse {
            response: body.clone()
        })),
    );
    assert_eq!(
        read(&answer(Response::ResponseBody(common))).response,
        Some(Theirs::ResponseBody(ext_proc::BodyResponse {
            response: body
        })),
    );
}

#[test]
fn an_emptied_body_is_not_an_unchanged_one() {
    let ours = BodyMutation {
        body: Some(Bytes::new()),
    };
    let theirs = ext_proc::BodyMutation::decode(Bytes::from(ours.encode_to_vec())).unwrap();
    assert_eq!(
        theirs.mutation,
        Some(ext_proc::body_mutation::Mutation::Body(Vec::new()))
    );
}

#[test]
fn an_immediate_answer_and_a_changed_mode_are_understood() {
    let metadata = Struct {
        fields: [(
            "io.envoy.ai_gateway".to_string(),
            Value {
                kind: Some(value::Kind::NumberValue(7.0)),
            },
        )]
        .into(),
    };
    let ours = ProcessingResponse {
        dynamic_metadata: Some(metadata.clone()),
        mode_override: Some(ProcessingMode {
            response_header_mode: SEND,
            response_body_mode: STREAMED,
            response_trailer_mode: SKIP,
        }),
        response: Some(Response::Immediate(ImmediateResponse {
            status: Some(HttpStatus { code: 429 }),
            headers: Some(mutation()),
            body: "{}".into(),
            details: "why".into(),
        })),
    };
    use ext_proc_filter::processing_mode::{BodySendMode, HeaderSendMode};
    let theirs = read(&ours);
    assert_eq!(theirs.dynamic_metadata, Some(metadata));
    assert_eq!(
        theirs.mode_override,
        Some(ext_proc_filter::ProcessingMode {
            response_header_mode: HeaderSendMode::Send.into(),
            response_body_mode: BodySendMode::Streamed.into(),
            response_trailer_mode: HeaderSendMode::Skip.into(),
            ..ext_proc_filter::ProcessingMode::default()
        }),
    );
    assert_eq!(
        theirs.response,
        Some(ext_proc::processing_response::Response::ImmediateResponse(
            ext_proc::ImmediateResponse {
                status: Some(http_type::HttpStatus { code: 429 }),
                headers: Some(their_mutation()),
                body: b"{}".to_vec(),
                grpc_status: None,
                details: "why".into(),
            }
        )),
    );
}
