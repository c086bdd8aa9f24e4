//! A stand-in for the engine behind ext_proc: does what a request's headers ask for, and keeps a
//! record of what Envoy told it.
//!
//! `x-test-cluster: NAME` sends the request there; `x-test-immediate: STATUS` answers it;
//! neither lets it go on.

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures::Stream;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tollgate_bundle::{CLUSTER_HEADER, EXCHANGE_HEADER, SCOPE_METADATA};
use tollgate_envoy as envoy;
use tonic::{Request, Response, Status, Streaming};

use envoy::core::{HeaderValue, HeaderValueOption, header_value_option::HeaderAppendAction};
use envoy::ext_proc::external_processor_server::{ExternalProcessor, ExternalProcessorServer};
use envoy::ext_proc::{
    BodyMutation, BodyResponse, CommonResponse, HeaderMutation, HeadersResponse, HttpHeaders,
    ImmediateResponse, ProcessingRequest, ProcessingResponse, body_mutation,
    common_response::ResponseStatus, processing_request as asked, processing_response as answer,
};
use envoy::well_known::{Struct, value};

/// What one ext_proc stream saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// `SCOPE_METADATA` of the stream.
    pub(crate) scope: Option<String>,
    /// Request headers.
    pub(crate) headers: BTreeMap<String, String>,
    /// Bytes of the request body.
    pub(crate) request_bytes: usize,
    /// `:status` of the answer.
    pub(crate) status: Option<String>,
    /// Bytes of the answer's body.
    pub(crate) response_bytes: usize,
    /// Attribute of the retry filter: the backend that Envoy picked.
    pub(crate) picked: Option<String>,
    /// What the listener's filter put into dynamic metadata.
    pub(crate) note: Option<String>,
    /// All attributes, as Debug shows them.
    pub(crate) attributes: String,
}

/// The record: one entry for each stream, in the order in which they were opened.
#[derive(Clone, Default)]
pub(crate) struct Engine {
    streams: Arc<Mutex<Vec<Seen>>>,
}

type Responses = Pin<Box<dyn Stream<Item = Result<ProcessingResponse, Status>> + Send>>;

// === impl Engine ===

impl Engine {
    /// Serves at this socket.
    pub(crate) fn start(socket: &Path) -> Self {
        let engine = Self::default();
        let listener = UnixListener::bind(socket).unwrap();
        let service = ExternalProcessorServer::new(engine.clone())
            .max_decoding_message_size(1 << 30)
            .max_encoding_message_size(1 << 30);
        tokio::spawn(async move {
            tonic::transport::Server::builder()
                .initial_stream_window_size(16 << 20)
                .initial_connection_window_size(64 << 20)
                .add_service(service)
                .serve_with_incoming(UnixListenerStream::new(listener))
                .await
                .unwrap();
        });
        engine
    }

    /// Streams of the listener's filter.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.select(false)
    }

    /// Streams of the filter on retries.
    pub(crate) fn retries(&self) -> Vec<Seen> {
        self.select(true)
    }

    fn select(&self, retry: bool) -> Vec<Seen> {
        let streams = self.streams.lock().unwrap();
        let chosen = streams.iter().filter(|seen| seen.picked.is_some() == retry);
        chosen.cloned().collect()
    }

    fn record(&self, index: usize, change: impl FnOnce(&mut Seen)) -> Seen {
        let mut streams = self.streams.lock().unwrap();
        change(&mut streams[index]);
        streams[index].clone()
    }

    fn answer(&self, index: usize, message: ProcessingRequest) -> answer::Response {
        let attributes = message.attributes;
        let note = message
            .metadata_context
            .and_then(|context| context.filter_metadata.get("tollgate").cloned())
            .and_then(|fields| text_field(&fields, "note"));
        match message.request.unwrap() {
            asked::Request::RequestHeaders(headers) => {
                let end = headers.end_of_stream;
                let seen = self.record(index, |seen| {
                    seen.headers = to_map(&headers);
                    seen.picked = picked(&attributes);
                    seen.attributes = format!("{attributes:?}");
                    seen.note = note;
                });
                if seen.picked.is_some() {
                    return translate_again(&seen);
                }
                match seen.headers.get("x-test-immediate") {
                    Some(status) => immediate(status),
                    None if end => headers_answer(choose(&seen)),
                    None => headers_answer(CommonResponse::default()),
                }
            }
            asked::Request::RequestBody(body) => {
                let seen = self.record(index, |seen| seen.request_bytes = body.body.len());
                answer::Response::RequestBody(BodyResponse {
                    response: Some(choose(&seen)),
                })
            }
            asked::Request::ResponseHeaders(headers) => {
                self.record(index, |seen| {
                    seen.status = to_map(&headers).get(":status").cloned();
                });
                answer::Response::ResponseHeaders(HeadersResponse::default())
            }
            asked::Request::ResponseBody(body) => {
                self.record(index, |seen| seen.response_bytes = body.body.len());
                answer::Response::ResponseBody(BodyResponse::default())
            }
            other => panic!("not asked for: {other:?}"),
        }
    }
}

#[tonic::async_trait]
impl ExternalProcessor for Engine {
    type ProcessStream = Responses;

    async fn process(
        &self,
        request: Request<Streaming<ProcessingRequest>>,
    ) -> Result<Response<Responses>, Status> {
        let scope = request.metadata().get(SCOPE_METADATA);
        let scope = scope.map(|scope| scope.to_str().unwrap().to_string());
        let index = {
            let mut streams = self.streams.lock().unwrap();
            streams.push(Seen {
                scope,
                ..Seen::default()
            });
            streams.len() - 1
        };
        let (sender, receiver) = mpsc::channel(4);
        let engine = self.clone();
        tokio::spawn(async move {
            let mut messages = request.into_inner();
            while let Ok(Some(message)) = messages.message().await {
                let response = ProcessingResponse {
                    dynamic_metadata: Some(note_metadata()),
                    response: Some(engine.answer(index, message)),
                    ..ProcessingResponse::default()
                };
                if sender.send(Ok(response)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

fn choose(seen: &Seen) -> CommonResponse {
    let Some(cluster) = seen.headers.get("x-test-cluster") else {
        return CommonResponse::default();
    };
    CommonResponse {
        header_mutation: Some(set(&[
            (CLUSTER_HEADER, cluster),
            (EXCHANGE_HEADER, "exchange-7"),
            ("authorization", "Bearer first"),
        ])),
        clear_route_cache: true,
        ..CommonResponse::default()
    }
}

fn translate_again(seen: &Seen) -> answer::Response {
    let picked = seen.picked.clone().unwrap_or_default();
    headers_answer(CommonResponse {
        status: ResponseStatus::ContinueAndReplace.into(),
        header_mutation: Some(set(&[("authorization", &format!("Bearer {picked}"))])),
        body_mutation: Some(BodyMutation {
            mutation: Some(body_mutation::Mutation::Body(
                format!("translated for {picked}").into_bytes(),
            )),
        }),
        ..CommonResponse::default()
    })
}

fn headers_answer(response: CommonResponse) -> answer::Response {
    answer::Response::RequestHeaders(HeadersResponse {
        response: Some(response),
    })
}

fn immediate(status: &str) -> answer::Response {
    answer::Response::ImmediateResponse(ImmediateResponse {
        status: Some(envoy::http_type::HttpStatus {
            code: status.parse().unwrap(),
        }),
        headers: Some(set(&[("content-type", "application/json")])),
        body: br#"{"engine":"says"}"#.to_vec(),
        ..ImmediateResponse::default()
    })
}

fn set(headers: &[(&str, &str)]) -> HeaderMutation {
    let options = headers.iter().map(|(name, value)| HeaderValueOption {
        header: Some(HeaderValue {
            key: (*name).to_string(),
            raw_value: value.as_bytes().to_vec(),
            ..HeaderValue::default()
        }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..HeaderValueOption::default()
    });
    HeaderMutation {
        set_headers: options.collect(),
        ..HeaderMutation::default()
    }
}

fn to_map(headers: &HttpHeaders) -> BTreeMap<String, String> {
    let headers = headers.headers.iter().flat_map(|map| &map.headers);
    headers
        .map(|header| {
            let value = String::from_utf8_lossy(&header.raw_value).into_owned();
            (header.key.clone(), value)
        })
        .collect()
}

/// The backend in the attribute that the filter asks for.
fn picked(attributes: &std::collections::HashMap<String, Struct>) -> Option<String> {
    let fields = attributes.get("envoy.filters.http.ext_proc")?;
    let name = fields
        .fields
        .keys()
        .find(|name| name.starts_with("xds.upstream_host_metadata"))?;
    text_field(fields, name)
}

fn text_field(fields: &Struct, name: &str) -> Option<String> {
    match fields.fields.get(name)?.kind.as_ref()? {
        value::Kind::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

fn note_metadata() -> Struct {
    let field = |kind| envoy::well_known::Value { kind: Some(kind) };
    let note = field(value::Kind::StringValue("kept".to_string()));
    let inner = Struct {
        fields: [("note".to_string(), note)].into(),
    };
    Struct {
        fields: [(
            "tollgate".to_string(),
            field(value::Kind::StructValue(inner)),
        )]
        .into(),
    }
}
