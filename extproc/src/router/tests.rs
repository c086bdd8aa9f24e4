//! Streams as bytes: the order of messages that Envoy keeps, and others.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use tollgate_budget::{Bounds, Clock, MemoryStore};
use tonic::Code;

use super::*;
use crate::{HostConfig, Telemetry, fuzzing::serve_frames};

/// A gRPC frame.
fn frame(request: Request) -> Bytes {
    let message = ProcessingRequest {
        request: Some(request),
        ..ProcessingRequest::default()
    };
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.encoded_len()).expect("a length"));
    message.encode(&mut frame).expect("room");
    frame.freeze()
}

#[tokio::test]
async fn body_behind_a_refusal_is_out_of_order_and_takes_no_hold() {
    let store = Arc::new(MemoryStore::new(Clock::system(), Bounds::default()));
    let telemetry = Telemetry::new(&opentelemetry::global::meter("test"));
    let host = Host::new(
        HostConfig::default(),
        Arc::clone(&store) as _,
        Arc::new(telemetry),
    );
    let frames = [
        frame(Request::RequestHeaders(HttpHeaders::default())),
        frame(Request::RequestBody(HttpBody {
            body: Bytes::from_static(br#"{"model":"m","messages":[]}"#),
            end_of_stream: true,
        })),
    ];
    let (answers, status) =
        serve_frames(host, Some("scope".to_owned()), frames.concat().into()).await;
    assert_eq!(answers.len(), 1, "the refusal of an unknown scope");
    assert_eq!(
        status.map(|status| status.code()),
        Some(Code::FailedPrecondition)
    );
    assert_eq!(store.usage().holds, 0);
}
