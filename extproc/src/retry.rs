//! The stream of a further attempt: Envoy asks for the request as another backend wants it.

use std::{collections::HashMap, sync::Arc};

use futures::{Stream, stream};
use tollgate_bundle::EXCHANGE_HEADER;
use tollgate_engine::{Reply, RequestHead};
use tollgate_envoy::well_known::{Struct, value::Kind};
use tollgate_host::{Host, Rest};
use tonic::{Status, Streaming};

use crate::{
    convert::{self, Head},
    wire::{ProcessingRequest, ProcessingResponse, Request},
};

/// Answers the one message of an attempt.
pub(crate) fn answers(
    host: Arc<Host>,
    inbound: Streaming<ProcessingRequest>,
) -> impl Stream<Item = Result<ProcessingResponse, Status>> + Send {
    stream::unfold(Some((host, inbound)), |state| async move {
        let (host, mut inbound) = state?;
        match inbound.message().await {
            Ok(Some(message)) => match attempt(&host, message).await {
                Ok(answer) => Some((Ok(answer), Some((host, inbound)))),
                Err(status) => Some((Err(status), None)),
            },
            Ok(None) => None,
            Err(status) => Some((Err(status), None)),
        }
    })
}

async fn attempt(host: &Host, message: ProcessingRequest) -> Result<ProcessingResponse, Status> {
    let Some(Request::RequestHeaders(head)) = message.request else {
        return Err(Status::invalid_argument(
            "only request headers are expected on a retry",
        ));
    };
    let backend = backend_of(&message.attributes)
        .ok_or_else(|| Status::invalid_argument("the attempt does not name its backend"))?;
    let exchange = Head(&head)
        .text(EXCHANGE_HEADER)
        .and_then(|text| u128::from_str_radix(text, 16).ok())
        .and_then(|id| host.find(id));
    // The call ended meanwhile: whatever is answered, nobody reads it.
    let Some(exchange) = exchange else {
        return Ok(convert::reply(Reply::internal(
            "the call of this attempt is over",
        )));
    };
    let step = exchange.lock().on_attempt(&backend, host.now_ms());
    Ok(match host.drive(&exchange, step).await {
        Rest::Forward(forward) => convert::forward_retry(forward),
        Rest::Reply(reply) => convert::reply(reply),
        Rest::ReadBody => return Err(Status::internal("an attempt cannot read a body")),
    })
}

/// The filter asks for one attribute, the backend id in the metadata of the picked endpoint.
fn backend_of(attributes: &HashMap<String, Struct>) -> Option<String> {
    attributes
        .values()
        .flat_map(|attribute| attribute.fields.values())
        .find_map(|value| match value.kind.as_ref()? {
            Kind::StringValue(text) => Some(text.clone()),
            _ => None,
        })
}
