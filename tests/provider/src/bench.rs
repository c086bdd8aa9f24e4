//! Canned answers for models named `bench-…`: no parsing beyond the model's name, no tokenising, no
//! recording, so that a benchmark measures the gateway and not its provider.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{HeaderValue, Response, header, request::Parts};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use memchr::memmem;

use crate::{
    ask::Api,
    play::{Body, full},
    script::{Produced, Prompt},
    server::State,
    tally::Account,
};

/// Prompt tokens every canned answer reports.
const PROMPT_TOKENS: u64 = 32;
/// Output tokens of `bench-whole`.
const WHOLE_TOKENS: u64 = 64;
/// Time between two chunks of a paced stream.
const PACE: Duration = Duration::from_millis(1);
/// Chunks of a canned stream at most.
const CHUNKS_MAX: u64 = 10_000;

static WHOLE_OPENAI: LazyLock<Bytes> = LazyLock::new(|| {
    let content =
        "The river and the light over water in early morning with small birds. ".repeat(3);
    let body = format!(
        r#"{{"id":"chatcmpl-bench","object":"chat.completion","created":1735689600,"model":"bench-whole","choices":[{{"index":0,"message":{{"role":"assistant","content":"{content}","refusal":null}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":{PROMPT_TOKENS},"completion_tokens":{WHOLE_TOKENS},"total_tokens":{}}},"system_fingerprint":null}}"#,
        PROMPT_TOKENS + WHOLE_TOKENS
    );
    body.into()
});

static WHOLE_ANTHROPIC: LazyLock<Bytes> = LazyLock::new(|| {
    let text = "The river and the light over water in early morning with small birds. ".repeat(3);
    let body = format!(
        r#"{{"id":"msg_bench","type":"message","role":"assistant","model":"bench-whole","content":[{{"type":"text","text":"{text}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":{PROMPT_TOKENS},"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":{WHOLE_TOKENS}}}}}"#
    );
    body.into()
});

/// How a canned stream is written. Every event is an HTTP chunk of its own either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flush {
    /// As many chunks at once as fit.
    WhenFull,
    /// Each chunk in a write of its own, as soon as the one before it is out.
    EachChunk,
    /// Each chunk [`PACE`] after the one before it: whoever is in between reads them one by one, as
    /// those of a provider that generates.
    Paced,
}

/// Answers a request whose model begins with `bench-`; `None` for all others.
pub(crate) fn serve(state: &Arc<State>, head: &Parts, body: &Bytes) -> Option<Response<Body>> {
    let model = model(body)?;
    let path = head.uri.path();
    let api = if path.ends_with("/chat/completions") {
        Api::OpenAi
    } else if path.ends_with("/messages") {
        Api::Anthropic
    } else {
        return None;
    };
    let spec = model.strip_prefix("bench-stream-");
    let (spec, flush) = match spec.and_then(|spec| spec.split_once('-')) {
        Some((chunks, "flush")) => (Some(chunks), Flush::EachChunk),
        Some((chunks, "paced")) => (Some(chunks), Flush::Paced),
        _ => (spec, Flush::WhenFull),
    };
    let chunks = spec.and_then(|chunks| chunks.parse::<u64>().ok());
    let output = chunks.unwrap_or(WHOLE_TOKENS).min(CHUNKS_MAX);
    let account = Account {
        api,
        key: String::new(),
        model: model.to_owned(),
    };
    let produced = Produced {
        output,
        reasoning: 0,
    };
    state.tally.canned(
        &account,
        Prompt {
            input: PROMPT_TOKENS,
            ..Prompt::default()
        },
        produced,
    );
    let is_stream = chunks.is_some();
    let body = match (is_stream, api) {
        (false, Api::Anthropic) => full(WHOLE_ANTHROPIC.clone()),
        (false, _) => full(WHOLE_OPENAI.clone()),
        (true, Api::Anthropic) => canned_stream(anthropic_events(output), flush),
        (true, _) => canned_stream(openai_events(output), flush),
    };
    let mut response = Response::new(body);
    let kind = if is_stream {
        "text/event-stream; charset=utf-8"
    } else {
        "application/json"
    };
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Some(response)
}

/// The model's name, if the body holds `"model":"bench-…"` with or without a space.
fn model(body: &[u8]) -> Option<&str> {
    let at = memmem::find(body, b"\"bench-")?;
    let before = body[..at]
        .trim_ascii_end()
        .strip_suffix(b":")?
        .trim_ascii_end();
    if !before.ends_with(b"\"model\"") {
        return None;
    }
    let name = &body[at + 1..];
    let end = memchr::memchr(b'"', name)?;
    std::str::from_utf8(&name[..end]).ok()
}

fn canned_stream(events: Vec<Bytes>, flush: Flush) -> Body {
    let frames = stream::iter(events).then(move |event| async move {
        // hyper writes what it has when a body has nothing ready.
        match flush {
            Flush::WhenFull => {}
            Flush::EachChunk => tokio::task::yield_now().await,
            Flush::Paced => tokio::time::sleep(PACE).await,
        }
        Ok::<_, std::io::Error>(Frame::data(event))
    });
    StreamBody::new(frames).boxed_unsync()
}

fn openai_events(chunks: u64) -> Vec<Bytes> {
    const HEAD: &str = r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1735689600,"model":"bench-stream","system_fingerprint":null,"choices":["#;
    static ROLE: LazyLock<Bytes> = LazyLock::new(|| {
        event(
            HEAD,
            r#"{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        )
    });
    static CONTENT: LazyLock<Bytes> = LazyLock::new(|| {
        event(
            HEAD,
            r#"{"index":0,"delta":{"content":" river"},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        )
    });
    static FINISH: LazyLock<Bytes> = LazyLock::new(|| {
        event(
            HEAD,
            r#"{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}"#,
        )
    });
    let usage = format!(
        r#"],"usage":{{"prompt_tokens":{PROMPT_TOKENS},"completion_tokens":{chunks},"total_tokens":{}}}}}"#,
        PROMPT_TOKENS + chunks
    );
    let mut events = vec![ROLE.clone()];
    events.extend((0..chunks).map(|_| CONTENT.clone()));
    events.extend([
        FINISH.clone(),
        event(HEAD, &usage),
        Bytes::from_static(b"data: [DONE]\n\n"),
    ]);
    events
}

fn anthropic_events(chunks: u64) -> Vec<Bytes> {
    const CONTENT: &[u8] = b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" river\"}}\n\n";
    let start = format!(
        "event: message_start\ndata: {{\"type\":\"message_start\",\"message\":{{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"bench-stream\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{{\"input_tokens\":{PROMPT_TOKENS},\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":1}}}}}}\n\n"
    );
    let delta = format!(
        "event: message_delta\ndata: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"end_turn\",\"stop_sequence\":null}},\"usage\":{{\"output_tokens\":{chunks}}}}}\n\n"
    );
    let mut events = vec![
        start.into(),
        Bytes::from_static(b"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"),
    ];
    events.extend((0..chunks).map(|_| Bytes::from_static(CONTENT)));
    events.extend([
        Bytes::from_static(
            b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        ),
        delta.into(),
        Bytes::from_static(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
    ]);
    events
}

fn event(head: &str, tail: &str) -> Bytes {
    format!("{head}{tail}\n\n").into()
}
