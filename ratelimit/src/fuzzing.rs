//! The door for `fuzz/`: a decision on any bytes.

use bytes::Bytes;
use prost::Message;
use tonic::Status;

use crate::{Service, wire::RateLimitRequest};

/// Decides on an encoded `RateLimitRequest`, and encodes the answer; `None`: it is no such
/// message.
pub async fn decide(service: &Service, message: Bytes) -> Option<Result<Bytes, Status>> {
    let request = RateLimitRequest::decode(message).ok()?;
    let answer = service.decide(request).await;
    Some(answer.map(|answer| Bytes::from(answer.encode_to_vec())))
}
