//! What goldens cannot show: bytes that are kept without a copy, bounds, shapes of hand-over.

use super::*;

fn request(include_usage: bool) -> ChatRequest {
    let body = format!(
        r#"{{"model":"asked","messages":[],"stream":true,"stream_options":{{"include_usage":{include_usage}}}}}"#
    );
    ChatRequest::parse(body.as_bytes()).unwrap()
}

fn answer(api: Api, include_usage: bool) -> Answer {
    Answer::new(&api, &request(include_usage), 1, "id")
}

fn openai() -> Api {
    Api::OpenAi {
        prefix: "v1".to_owned(),
    }
}

fn anthropic() -> Api {
    Api::Anthropic {
        prefix: "v1".to_owned(),
    }
}

const CONTENT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";
const USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":1}}\n\n";

#[test]
fn piece_of_complete_events_is_kept_without_a_copy() {
    let mut answer = answer(openai(), false);
    let head = answer.on_head(200, Some("text/event-stream"));
    assert_eq!(head.reading, BodyReading::Pieces);
    assert!(head.length_changes);
    assert!(!answer.has_content());
    assert_eq!(
        answer.on_body(&Bytes::from(CONTENT), false),
        BodyChange::Keep
    );
    assert!(answer.has_content());
}

#[test]
fn usage_chunk_is_removed_only_for_clients_that_did_not_ask() {
    let piece = Bytes::from(format!("{CONTENT}{USAGE}data: [DONE]\n\n"));
    for (include_usage, expected) in [
        (true, BodyChange::Keep),
        (
            false,
            BodyChange::Replace(Bytes::from(format!("{CONTENT}data: [DONE]\n\n"))),
        ),
    ] {
        let mut answer = answer(openai(), include_usage);
        answer.on_head(200, Some("text/event-stream"));
        assert_eq!(answer.on_body(&piece, true), expected);
        assert_eq!(answer.outcome().usage.map(|usage| usage.total()), Some(3));
        assert!(answer.outcome().complete);
    }
}

#[test]
fn incomplete_event_is_held_back_only_from_clients_that_did_not_ask() {
    let (first, second) = CONTENT.split_at(20);
    for include_usage in [true, false] {
        let mut answer = answer(openai(), include_usage);
        answer.on_head(200, Some("text/event-stream"));
        let held = answer.on_body(&Bytes::from(first), false);
        let released = answer.on_body(&Bytes::from(second), false);
        if include_usage {
            assert_eq!((held, released), (BodyChange::Keep, BodyChange::Keep));
        } else {
            assert_eq!(held, BodyChange::Replace(Bytes::new()));
            assert_eq!(released, BodyChange::Replace(Bytes::from(CONTENT)));
        }
        assert_eq!(answer.outcome().generated, "x");
    }
}

#[test]
fn event_beyond_the_bound_goes_by_unread_and_the_next_is_read() {
    let long = format!("data: {}", "y".repeat(sse::EVENT_BYTES_MAX));
    let pieces = [
        &long[..1000],
        &long[1000..],
        "yy",
        "\n",
        "\n",
        CONTENT,
        USAGE,
    ];
    for include_usage in [true, false] {
        let mut answer = answer(openai(), include_usage);
        answer.on_head(200, Some("text/event-stream"));
        let mut out = Vec::new();
        for piece in pieces {
            match answer.on_body(&Bytes::copy_from_slice(piece.as_bytes()), false) {
                BodyChange::Keep => out.extend_from_slice(piece.as_bytes()),
                BodyChange::Replace(changed) => out.extend_from_slice(&changed),
            }
        }
        let usage = if include_usage { USAGE } else { "" };
        assert_eq!(out, format!("{long}yy\n\n{CONTENT}{usage}").into_bytes());
        assert_eq!(answer.outcome().generated, "x");
        assert_eq!(answer.outcome().usage.map(|usage| usage.total()), Some(3));
    }
}

#[test]
fn anthropic_event_beyond_the_bound_fails_the_stream() {
    let mut answer = answer(anthropic(), false);
    answer.on_head(200, Some("text/event-stream"));
    let piece = Bytes::from(vec![b'y'; sse::EVENT_BYTES_MAX + 1]);
    let BodyChange::Replace(out) = answer.on_body(&piece, false) else {
        panic!("kept")
    };
    assert!(out.starts_with(b"data: {\"error\":"), "{out:?}");
    assert!(answer.outcome().failed.is_some());
}

#[test]
fn generated_text_is_kept_up_to_its_bound() {
    let mut answer = answer(openai(), true);
    answer.on_head(200, Some("text/event-stream"));
    let text = "é".repeat(1 << 20);
    let event = Bytes::from(format!(
        "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"
    ));
    for _ in 0..3 {
        answer.on_body(&event, false);
    }
    assert_eq!(answer.outcome().generated.len(), 4 << 20);
}

#[test]
fn anthropic_stream_that_is_cut_reports_the_usage_of_its_start() {
    let mut answer = answer(anthropic(), false);
    answer.on_head(200, Some("text/event-stream"));
    let start = "data: {\"type\":\"message_start\",\"message\":{\"content\":[],\"usage\":{\"input_tokens\":8,\"output_tokens\":1}}}\n\n";
    answer.on_body(&Bytes::from(start), false);
    let outcome = answer.outcome();
    assert_eq!(outcome.usage.map(|usage| usage.input), Some(8));
    assert!(!outcome.complete);
}

#[test]
fn body_decides_by_its_content_type_not_by_the_request() {
    let mut openai = answer(openai(), false);
    let head = openai.on_head(200, Some("application/json"));
    assert_eq!(
        (head.reading, head.length_changes),
        (BodyReading::Whole, false)
    );
    let mut anthropic = answer(anthropic(), false);
    let head = anthropic.on_head(200, Some("application/json"));
    assert_eq!(head.reading, BodyReading::Whole);
    let message =
        r#"{"content":[{"type":"text","text":"hi"}],"usage":{"input_tokens":1,"output_tokens":1}}"#;
    let BodyChange::Replace(out) = anthropic.on_body(&Bytes::from(message), true) else {
        panic!("kept")
    };
    assert!(String::from_utf8_lossy(&out).contains("\"object\":\"chat.completion\""));
}

#[test]
fn whole_body_in_several_pieces_is_the_same_as_in_one() {
    let error = r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}"#;
    let mut at_once = answer(anthropic(), false);
    at_once.on_head(429, Some("application/json"));
    let whole = at_once.on_body(&Bytes::from(error), true);
    let mut piecewise = answer(anthropic(), false);
    piecewise.on_head(429, Some("application/json"));
    let (first, second) = error.split_at(10);
    assert_eq!(
        piecewise.on_body(&Bytes::from(first), false),
        BodyChange::Replace(Bytes::new())
    );
    assert_eq!(piecewise.on_body(&Bytes::from(second), true), whole);
}

#[test]
fn openai_error_in_several_pieces_is_sent_in_full() {
    let error = r#"{"error":{"message":"slow"}}"#;
    let mut answer = answer(openai(), false);
    let head = answer.on_head(429, Some("application/json"));
    assert_eq!(head.content_type, None);
    answer.on_body(&Bytes::from(&error[..5]), false);
    let rest = answer.on_body(&Bytes::from(&error[5..]), true);
    assert_eq!(rest, BodyChange::Replace(Bytes::from(error)));
}

#[test]
fn usage_without_output_is_no_usage_once_an_answer_with_text_is_complete() {
    let mut answer = answer(openai(), true);
    answer.on_head(200, Some("text/event-stream"));
    let usage =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":0}}\n\n";
    answer.on_body(&Bytes::from(format!("{CONTENT}{usage}")), false);
    assert_eq!(answer.outcome().usage.map(|usage| usage.input), Some(2));
    answer.on_body(&Bytes::from("data: [DONE]\n\n"), true);
    assert_eq!(answer.outcome().usage, None);
}

#[test]
fn answer_is_complete_when_every_choice_has_a_reason() {
    let body = r#"{"model":"m","messages":[],"stream":true,"n":2}"#;
    let request = ChatRequest::parse(body.as_bytes()).unwrap();
    let mut answer = Answer::new(&openai(), &request, 1, "id");
    answer.on_head(200, Some("text/event-stream"));
    for (reason, is_complete) in [("", false), ("stop", false), ("length", true)] {
        let event = format!("data: {{\"choices\":[{{\"finish_reason\":\"{reason}\"}}]}}\n\n");
        answer.on_body(&Bytes::from(event), false);
        assert_eq!(answer.outcome().complete, is_complete, "after {reason:?}");
    }
}

/// What a whole Anthropic answer becomes.
fn translated(status: u16, body: &str) -> serde_json::Value {
    let mut answer = answer(anthropic(), false);
    answer.on_head(status, Some("application/json"));
    match answer.on_body(&Bytes::copy_from_slice(body.as_bytes()), true) {
        BodyChange::Replace(out) => serde_json::from_slice(&out).unwrap(),
        BodyChange::Keep => panic!("kept"),
    }
}

#[test]
fn every_stop_reason_has_a_finish_reason() {
    for (stop, finish) in [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("invented_later", "stop"),
    ] {
        let body = format!(r#"{{"content":[],"stop_reason":"{stop}"}}"#);
        let completion = translated(200, &body);
        assert_eq!(completion["choices"][0]["finish_reason"], finish, "{stop}");
        assert!(completion["choices"][0]["message"]["content"].is_null());
    }
}

#[test]
fn every_anthropic_error_has_an_openai_type_and_code() {
    let null = serde_json::Value::Null;
    for (status, kind, expected, code) in [
        (
            400,
            "invalid_request_error",
            "invalid_request_error",
            null.clone(),
        ),
        (
            401,
            "authentication_error",
            "invalid_request_error",
            "invalid_api_key".into(),
        ),
        (
            403,
            "permission_error",
            "invalid_request_error",
            "permission_denied".into(),
        ),
        (
            404,
            "not_found_error",
            "invalid_request_error",
            "model_not_found".into(),
        ),
        (
            413,
            "request_too_large",
            "invalid_request_error",
            "request_too_large".into(),
        ),
        (
            429,
            "rate_limit_error",
            "rate_limit_error",
            "rate_limit_exceeded".into(),
        ),
        (500, "api_error", "server_error", null.clone()),
        (529, "overloaded_error", "server_error", "overloaded".into()),
        (418, "invented_later", "invalid_request_error", null.clone()),
        (599, "invented_later", "server_error", null),
    ] {
        let body = format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"m \"q\""}}}}"#);
        let error = &translated(status, &body)["error"];
        assert_eq!(
            (&error["type"], &error["code"]),
            (&expected.into(), &code),
            "{kind}"
        );
        assert_eq!(error["message"], "m \"q\"");
    }
}

#[test]
fn error_body_of_any_length_is_cut_to_its_bound() {
    let error = &translated(502, &"é".repeat(10_000))["error"];
    assert_eq!(error["message"].as_str().map(str::len), Some(4 << 10));
}

#[test]
fn anthropic_stream_with_a_broken_event_ends_for_the_client_and_is_counted_to_its_end() {
    let text = |text: &str| {
        format!(
            "data: {{\"type\":\"content_block_delta\",\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n"
        )
    };
    let mut answer = answer(anthropic(), true);
    answer.on_head(200, Some("text/event-stream"));
    let mut out = Vec::new();
    for event in [
        "data: {\"type\":\"message_start\",\"message\":{\"content\":[],\"usage\":{\"input_tokens\":5}}}\n\n".to_owned(),
        text("before"),
        "data: {\"type\": \"content_blo\n\n".to_owned(),
        text("after"),
        "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":9}}\n\n".to_owned(),
        "data: {\"type\":\"message_stop\"}\n\n".to_owned(),
    ] {
        if let BodyChange::Replace(bytes) = answer.on_body(&Bytes::from(event), false) {
            out.extend_from_slice(&bytes);
        }
    }
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains("before"), "{out}");
    assert!(
        out.ends_with("\"code\":\"provider_answer_invalid\"}}\n\n"),
        "{out}"
    );
    let outcome = answer.outcome();
    assert!(outcome.failed.is_some());
    assert!(outcome.complete);
    assert_eq!(outcome.usage.map(|usage| usage.total()), Some(14));
}

#[test]
fn error_of_the_proxy_itself_passes_whatever_the_provider_speaks() {
    let body = Bytes::from(
        r#"{"error":{"message":"m","type":"server_error","param":null,"code":"upstream_unavailable"}}"#,
    );
    for api in [openai(), anthropic()] {
        let mut answer = answer(api, false);
        answer.on_head(503, Some("application/json"));
        assert_eq!(answer.on_body(&body, true), BodyChange::Keep);
    }
}

const CUT: Usage = Usage {
    input: 9,
    cached_input: 0,
    cache_write: 0,
    output: 2,
    reasoning: 0,
};

fn events(bytes: &[u8]) -> Vec<serde_json::Value> {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    let events = text.split_terminator("\n\n");
    let data = events.map(|event| event.strip_prefix("data: ").expect("data"));
    data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| data.into()))
        .collect()
}

#[test]
fn stream_that_is_cut_ends_as_one_that_ran_into_its_limit() {
    for (include_usage, stream) in [(false, openai()), (true, openai()), (true, anthropic())] {
        let is_anthropic = matches!(stream, Api::Anthropic { .. });
        let mut answer = answer(stream, include_usage);
        answer.may_be_cut();
        answer.on_head(200, Some("text/event-stream"));
        let first = if is_anthropic {
            "data: {\"type\":\"message_start\",\"message\":{\"id\":\"c1\",\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":9}}}\n\ndata: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"text\",\"text\":\"x\"}}\n\ndata: {"
        } else {
            "data: {\"id\":\"c1\",\"created\":77,\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\ndata: {"
        };
        let BodyChange::Replace(sent) =
            answer.on_body(&Bytes::from_static(first.as_bytes()), false)
        else {
            panic!("a piece that ends within an event went on")
        };
        assert!(sent.ends_with(b"\n\n"), "{sent:?}");
        assert_eq!(answer.generated(), ("x", 1));

        let closing = events(&answer.cut(CUT).expect("a stream"));
        let (last, done) = (&closing[0], closing.last().expect("done"));
        assert_eq!(last["id"], "c1");
        assert_eq!(last["model"], "m");
        assert_eq!(last["choices"][0]["finish_reason"], "length");
        assert_eq!(done, "[DONE]");
        assert_eq!(closing.len(), if include_usage { 3 } else { 2 });
        if include_usage {
            assert_eq!(closing[1]["usage"]["total_tokens"], 11);
        }
        let rest = Bytes::from_static(
            b"\"a\":1}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"yy\"}}]}\n\n",
        );
        assert_eq!(
            answer.on_body(&rest, false),
            BodyChange::Replace(Bytes::new()),
            "nothing more goes out"
        );
        if !is_anthropic {
            assert_eq!(answer.generated(), ("xyy", 3), "but it is read");
        }
    }
}

#[test]
fn stream_that_was_not_said_to_be_cut_is_not() {
    let mut answer = answer(openai(), true);
    answer.on_head(200, Some("text/event-stream"));
    assert_eq!(answer.cut(CUT), None);
}
