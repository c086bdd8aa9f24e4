//! Runs an answer through its pieces, for all tests of streams.

use bytes::Bytes;
use tollgate_bundle::Api;
use tollgate_llm::{Answer, AnswerOutcome, BodyChange, ChatRequest};

/// A streaming request.
pub(crate) fn request(include_usage: bool) -> ChatRequest {
    let body = serde_json::json!({
        "model": "asked-model",
        "stream": true,
        "stream_options": {"include_usage": include_usage},
        "messages": [],
    });
    ChatRequest::parse(body.to_string().as_bytes()).unwrap()
}

/// What the client receives, and what is known at the end.
pub(crate) fn run(api: &Api, include_usage: bool, pieces: &[&[u8]]) -> (Vec<u8>, AnswerOutcome) {
    let mut answer = Answer::new(api, &request(include_usage), 1_700_000_000, "chatcmpl-1");
    answer.on_head(200, Some("text/event-stream; charset=utf-8"));
    let mut out = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let piece = Bytes::copy_from_slice(piece);
        match answer.on_body(&piece, index + 1 == pieces.len()) {
            BodyChange::Keep => out.extend_from_slice(&piece),
            BodyChange::Replace(changed) => out.extend_from_slice(&changed),
        }
    }
    (out, answer.outcome())
}
