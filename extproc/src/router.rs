//! The stream of a client call: request, answer, end.

use std::sync::Arc;

use futures::{Stream, stream};
use tollgate_engine::{BodyStep, RATE_LIMIT_HEADERS, Reply, RequestHead, ResponseHead};
use tollgate_host::{Call, Host, Rest};
use tollgate_llm::{BodyChange, BodyReading};
use tonic::{Status, Streaming};

use crate::{
    convert::{self, Head},
    costs, origin,
    wire::{HttpBody, HttpHeaders, ProcessingRequest, ProcessingResponse, Request},
};

/// Answers Envoy's messages, one each, until it closes the stream. When it closes early (or this
/// stream is dropped) the call's own drop settles.
pub(crate) fn answers(
    host: Arc<Host>,
    scope: String,
    inbound: Streaming<ProcessingRequest>,
) -> impl Stream<Item = Result<ProcessingResponse, Status>> + Send {
    let state = RouterStream {
        host,
        scope,
        inbound,
        head: None,
        call: None,
    };
    stream::unfold(Some(state), |state| async move {
        let mut state = state?;
        match state.next().await {
            Ok(Some(answer)) => Some((Ok(answer), Some(state))),
            Ok(None) => None,
            Err(status) => Some((Err(status), None)),
        }
    })
}

struct RouterStream {
    host: Arc<Host>,
    scope: String,
    inbound: Streaming<ProcessingRequest>,
    head: Option<HttpHeaders>,
    call: Option<Call>,
}

impl RouterStream {
    async fn next(&mut self) -> Result<Option<ProcessingResponse>, Status> {
        let Some(message) = self.inbound.message().await? else {
            return Ok(None);
        };
        let answer = match message.request {
            Some(Request::RequestHeaders(head)) => self.on_request_head(head).await,
            Some(Request::RequestBody(body)) => self.on_request_body(body).await?,
            Some(Request::ResponseHeaders(head)) => {
                if origin::is_rate_limit(&message.attributes)
                    && let Some(call) = &self.call
                {
                    call.exchange().lock().on_rate_limited();
                }
                self.on_response_head(&head).await?
            }
            Some(Request::ResponseBody(body)) => self.on_response_body(body).await?,
            Some(Request::RequestTrailers(_) | Request::ResponseTrailers(_)) | None => {
                return Err(Status::invalid_argument("a message that was not asked for"));
            }
        };
        Ok(Some(answer))
    }

    async fn on_request_head(&mut self, head: HttpHeaders) -> ProcessingResponse {
        let request_id = Head(&head)
            .text("x-request-id")
            .unwrap_or_default()
            .to_string();
        let call = Call::new(Arc::clone(&self.host), &self.scope, request_id);
        let step = call
            .exchange()
            .lock()
            .on_request_head(&Head(&head), head.end_of_stream);
        self.head = Some(head);
        let rest = self.host.drive(call.exchange(), step).await;
        self.call = Some(call);
        match rest {
            Rest::Reply(reply) => self.refuse(reply).await,
            Rest::ReadBody | Rest::Forward(_) => convert::read_body(),
        }
    }

    async fn on_request_body(&mut self, body: HttpBody) -> Result<ProcessingResponse, Status> {
        let head = self.head.take().ok_or_else(out_of_order)?;
        let call = self.call.as_mut().ok_or_else(out_of_order)?;
        if !call.list() {
            return Ok(self.refuse(Reply::overloaded()).await);
        }
        let step = call.exchange().lock().on_request_body(
            &Head(&head),
            body.body,
            self.host.now_ms(),
            rand::random(),
        );
        Ok(match self.host.drive(call.exchange(), step).await {
            Rest::Forward(forward) => convert::forward(forward),
            Rest::Reply(reply) => self.refuse(reply).await,
            Rest::ReadBody => return Err(out_of_order()),
        })
    }

    async fn on_response_head(&mut self, head: &HttpHeaders) -> Result<ProcessingResponse, Status> {
        let call = self.call.as_mut().ok_or_else(out_of_order)?;
        let view = Head(head);
        let status = view.text(":status").and_then(|text| text.parse().ok());
        let rate_limits: Vec<&str> = RATE_LIMIT_HEADERS
            .into_iter()
            .filter(|name| view.header(name).is_some())
            .collect();
        let change = call.exchange().lock().on_response_head(
            ResponseHead {
                status: status.unwrap_or(0),
                content_type: view.text("content-type"),
                retry_after: view.text("retry-after"),
                rate_limits: &rate_limits,
                end: head.end_of_stream,
            },
            self.host.now_ms(),
        );
        let mut metadata = None;
        if let Some(end) = change.end {
            call.conclude(end).await;
            metadata = costs::metadata(&call.exchange().lock());
        }
        let answer = convert::response_head(
            change.set_headers,
            &change.remove_headers,
            change.reading == BodyReading::Pieces,
        );
        Ok(convert::with_metadata(answer, metadata))
    }

    async fn on_response_body(&mut self, body: HttpBody) -> Result<ProcessingResponse, Status> {
        let call = self.call.as_mut().ok_or_else(out_of_order)?;
        let piece = body.body;
        let step = {
            let exchange = Arc::clone(call.exchange());
            let mut exchange = exchange.lock();
            let step = exchange.on_response_body(&piece, body.end_of_stream);
            call.note_content(&exchange);
            step
        };
        let (change, end) = match step {
            BodyStep::Pass { change, end } => (change, end),
            step => self.host.drive_body(call.exchange(), step).await,
        };
        let mut metadata = None;
        if let Some(end) = end {
            call.conclude(end).await;
            metadata = costs::metadata(&call.exchange().lock());
        }
        let answer = convert::response_body(match change {
            BodyChange::Keep => None,
            BodyChange::Replace(bytes) => Some(bytes),
        });
        Ok(convert::with_metadata(answer, metadata))
    }

    /// Answers the client; the exchange is over, and what comes behind is out of order.
    async fn refuse(&mut self, reply: Reply) -> ProcessingResponse {
        if let Some(mut call) = self.call.take() {
            let end = call.exchange().lock().on_closed();
            call.conclude(end).await;
        }
        convert::reply(reply)
    }
}

fn out_of_order() -> Status {
    Status::failed_precondition("a message out of order")
}

#[cfg(test)]
mod tests;
