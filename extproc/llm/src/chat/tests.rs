//! What is accepted, what is refused, and what is read.

use super::*;

fn parse(body: &str) -> Result<ChatRequest, InvalidRequest> {
    ChatRequest::parse(body.as_bytes())
}

/// The body is refused, naming `param`, with `rule` in the message.
fn check_refused(body: &str, param: Option<&str>, rule: &str) {
    let error = parse(body).unwrap_err();
    assert_eq!(error.param.as_deref(), param, "{body}: {error}");
    assert!(error.message.contains(rule), "{body}: {error}");
}

#[test]
fn body_that_is_no_chat_request_is_refused_naming_the_field() {
    for (body, param, rule) in [
        ("", None, "not valid JSON"),
        ("[]", None, "a JSON object"),
        ("null", None, "a JSON object"),
        (r#"{"model":"m","messages":[]"#, None, "not valid JSON"),
        (r#"{"model":"m","messages":[]} x"#, None, "not valid JSON"),
        (
            r#"{"model":"m","messages":[],"x":[1,}"#,
            None,
            "not valid JSON",
        ),
        (r#"{"messages":[]}"#, Some("model"), "required"),
        (r#"{"model":"","messages":[]}"#, Some("model"), "empty"),
        (r#"{"model":null,"messages":[]}"#, Some("model"), "string"),
        (r#"{"model":["m"],"messages":[]}"#, Some("model"), "string"),
        (r#"{"model":"m"}"#, Some("messages"), "required"),
        (
            r#"{"model":"m","messages":null}"#,
            Some("messages"),
            "array of messages",
        ),
        (
            r#"{"model":"m","messages":{}}"#,
            Some("messages"),
            "array of messages",
        ),
        (
            r#"{"model":"m","messages":["x"]}"#,
            Some("messages[0]"),
            "message object",
        ),
        (
            r#"{"model":"m","messages":[{},{"content":1}]}"#,
            Some("messages[1]"),
            "content",
        ),
        (
            r#"{"model":"m","messages":[{"content":"a","content":"b"}]}"#,
            Some("messages[0]"),
            "duplicate",
        ),
        (
            r#"{"model":"m","messages":[{"content":[{"type":"text","type":"image_url"}]}]}"#,
            Some("messages[0]"),
            "duplicate",
        ),
        (
            r#"{"model":"m","messages":[],"model":"n"}"#,
            Some("model"),
            "twice",
        ),
        (
            r#"{"model":"m","messages":[],"mod\u0065l":"n"}"#,
            Some("model"),
            "twice",
        ),
        (
            r#"{"model":"m","messages":[],"messages":[]}"#,
            Some("messages"),
            "twice",
        ),
        (
            r#"{"model":"m","messages":[],"stream":"yes"}"#,
            Some("stream"),
            "boolean",
        ),
        (
            r#"{"model":"m","messages":[],"stream_options":1}"#,
            Some("stream_options"),
            "object",
        ),
        (
            r#"{"model":"m","messages":[],"stream_options":{"include_usage":1}}"#,
            Some("stream_options.include_usage"),
            "boolean",
        ),
        (
            r#"{"model":"m","messages":[],"stream_options":{"include_usage":true,"include_usage":false}}"#,
            Some("stream_options.include_usage"),
            "twice",
        ),
        (
            r#"{"model":"m","messages":[],"max_tokens":0}"#,
            Some("max_tokens"),
            "at least 1",
        ),
        (
            r#"{"model":"m","messages":[],"max_tokens":-1}"#,
            Some("max_tokens"),
            "-1",
        ),
        (
            r#"{"model":"m","messages":[],"max_tokens":1.5}"#,
            Some("max_tokens"),
            "1.5",
        ),
        (
            r#"{"model":"m","messages":[],"max_tokens":"9"}"#,
            Some("max_tokens"),
            "\"9\"",
        ),
        (
            r#"{"model":"m","messages":[],"max_completion_tokens":99999999999999999999}"#,
            Some("max_completion_tokens"),
            "integer",
        ),
        (
            r#"{"model":"m","messages":[],"max_tokens":5,"max_completion_tokens":6}"#,
            Some("max_tokens"),
            "only one",
        ),
        (
            r#"{"model":"m","messages":[],"n":0}"#,
            Some("n"),
            "at least 1",
        ),
        (r#"{"model":"m","messages":[],"n":129}"#, Some("n"), "128"),
    ] {
        check_refused(body, param, rule);
    }
    assert!(ChatRequest::parse(b"{\"model\":\"\xff\"}").is_err());
}

#[test]
fn values_and_their_places_are_read() {
    let body = r#" {"stream" : true, "max_tokens": 7,"model":"m\u0041", "n":2,
        "stream_options":{"include_usage":true}, "messages":[{"role":"user","content":"hi"}]} "#;
    let request = parse(body).unwrap();
    assert_eq!(request.model, "mA");
    assert!(request.stream && request.include_usage);
    assert_eq!((request.output_tokens_max, request.choices), (Some(7), 2));
    let at = |span: &Option<Range<usize>>| span.clone().map(|span| &body[span]);
    assert_eq!(at(&request.spans.model), Some(r#""m\u0041""#));
    assert_eq!(at(&request.spans.max_tokens), Some("7"));
    assert_eq!(at(&request.spans.max_completion_tokens), None);
    assert_eq!(
        at(&request.spans.stream_options),
        Some(r#"{"include_usage":true}"#)
    );
    assert_eq!(request.input.messages, 1);
    assert_eq!(request.input.body_bytes, body.len() as u64);
}

#[test]
fn null_is_the_same_as_absent() {
    let request = parse(
        r#"{"model":"m","messages":[{"content":null}],"stream":null,"stream_options":null,
            "max_tokens":null,"max_completion_tokens":null,"n":null,"tools":null}"#,
    )
    .unwrap();
    assert!(!request.stream && !request.include_usage);
    assert_eq!((request.output_tokens_max, request.choices), (None, 1));
    assert_eq!(request.input.hidden_prompts, 0);
}

#[test]
fn parts_are_counted_by_kind_even_when_the_kind_is_escaped() {
    let image = r#"{"type":"image\u005furl","image_url":{"url":"data:image/png;base64,AAAA"}}"#;
    let audio = r#"{"input_audio":{"data":"AAAA"},"type":"input_audio"}"#;
    let body = format!(
        r#"{{"model":"m","tools":[],"messages":[{{"content":[{image},{{"type":"text","text":"x"}},{audio}]}},
            {{"content":[{{"type":"file","file":{{}}}},{{"type":"unheard_of"}},{{}}, "text"]}}]}}"#
    );
    let input = parse(&body).unwrap().input;
    assert_eq!(
        (input.images, input.audios, input.files, input.messages),
        (1, 1, 1, 2)
    );
    assert_eq!(input.binary_bytes, image.len() as u64);
    assert_eq!(input.audio_bytes, audio.len() as u64);
    assert_eq!(input.hidden_prompts, 1);
}

#[test]
fn pdf_counts_as_a_file_however_it_is_sent() {
    for part in [
        r#"{"type":"image_url","image_url":{"url":"https://example.com/a.\u0070df"}}"#,
        r#"{"type":"image_url","image_url":"data:application/pdf;base64,AAAA"}"#,
        r#"{"type":"file","file":{"file_data":"data:application/pdf;base64,AAAA"}}"#,
    ] {
        let body = format!(r#"{{"model":"m","messages":[{{"content":[{part}]}}]}}"#);
        let input = parse(&body).unwrap().input;
        assert_eq!((input.images, input.files), (0, 1), "{part}");
        assert_eq!(input.binary_bytes, part.len() as u64, "{part}");
    }
    let text = r#"{"type":"file","file":{"file_data":"data:text/plain;base64,AAAA"}}"#;
    let body = format!(r#"{{"model":"m","messages":[{{"content":[{text}]}}]}}"#);
    let input = parse(&body).unwrap().input;
    assert_eq!((input.files, input.binary_bytes), (1, 0));
}
