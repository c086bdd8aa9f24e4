//! The door for `fuzz/` and for tests: one stream of Envoy's out of any bytes, with its answers as bytes.

use std::{pin::pin, sync::Arc};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http_body_util::Full;
use prost::Message;
use tonic::{Status, Streaming, codec::Codec};
use tonic_prost::ProstCodec;

use crate::{
    Host, retry, router,
    wire::{ProcessingRequest, ProcessingResponse},
};

/// Longest message, in bytes.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// Serves a stream whose gRPC frames are `frames` to its end. `scope` is what Envoy names in the
/// stream's metadata; `None` is the stream of a further attempt. Returns the encoded answers, and
/// the status that ended the stream if it was not its end.
pub async fn serve_frames(
    host: Arc<Host>,
    scope: Option<String>,
    frames: Bytes,
) -> (Vec<Bytes>, Option<Status>) {
    let decoder = ProstCodec::<ProcessingResponse, ProcessingRequest>::default().decoder();
    let body = Full::new(frames);
    let inbound = Streaming::new_request(decoder, body, None, Some(MESSAGE_BYTES_MAX));
    match scope {
        Some(scope) => collect(router::answers(host, scope, inbound)).await,
        None => collect(retry::answers(host, inbound)).await,
    }
}

async fn collect(
    answers: impl Stream<Item = Result<ProcessingResponse, Status>>,
) -> (Vec<Bytes>, Option<Status>) {
    let mut answers = pin!(answers);
    let mut encoded = Vec::new();
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(answer) => encoded.push(Bytes::from(answer.encode_to_vec())),
            Err(status) => return (encoded, Some(status)),
        }
    }
    (encoded, None)
}
