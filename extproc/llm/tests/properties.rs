//! Properties: what must hold for any bytes, any split, any body.

#![expect(clippy::unwrap_used, reason = "a test may unwrap, its helpers too")]

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tollgate_bundle::Api;
use tollgate_llm::{Answer, ChatRequest, Target, tokens, translate};

#[path = "common/stream.rs"]
mod stream;

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

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i16>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "user",
            "assistant",
            "tool",
            "text",
            "image_url",
            "system"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any_key(), inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "role",
            "content",
            "type",
            "text",
            "image_url",
            "url",
            "file",
            "tool_calls",
            "function",
            "name",
            "arguments",
            "id",
            "tool_call_id",
            "delta",
            "usage",
            "choices",
            "message",
            "index",
            "content_block",
            "error",
            "input",
            "thinking",
            "stop_reason",
            "input_tokens",
        ])
        .prop_map(str::to_owned),
        ".{0,8}",
    ]
}

/// A chat request with unknown fields around what the gateway may change.
fn any_body() -> impl Strategy<Value = Map<String, Value>> {
    (
        prop::collection::vec(("x_.{0,6}", any_json()), 0..4),
        ".{1,12}",
        prop::option::of(1u64..1000),
        prop::option::of(1u64..1000),
        prop::option::of(any::<bool>()),
        1u64..5,
    )
        .prop_map(|(unknown, model, max_tokens, both, include_usage, n)| {
            let mut body: Map<String, Value> = unknown.into_iter().collect();
            body.insert("model".into(), model.into());
            body.insert("n".into(), n.into());
            body.insert(
                "messages".into(),
                json!([{"role": "user", "content": "hi \u{e9}\n"}]),
            );
            if let Some(limit) = max_tokens {
                body.insert("max_tokens".into(), limit.into());
                if both.is_some() {
                    body.insert("max_completion_tokens".into(), limit.into());
                }
            }
            if let Some(include_usage) = include_usage {
                body.insert("stream".into(), true.into());
                body.insert(
                    "stream_options".into(),
                    json!({"include_usage": include_usage, "x": 1}),
                );
            }
            body
        })
}

/// An event of an OpenAI stream: its text, what of it is generated, and whether it is only usage.
#[derive(Clone, Debug)]
struct Event {
    text: String,
    content: String,
    is_usage: bool,
}

/// A chunk as providers send them: the same surroundings again and again, and now and then others.
fn any_event() -> impl Strategy<Value = Event> {
    let content = prop_oneof![8 => "[a-zé ]{0,6}", 1 => ".{0,6}"];
    let fields = prop_oneof![
        6 => Just(String::new()),
        2 => Just(",\"usage\":null".to_owned()),
        3 => "[a-zA-Z]{0,5}".prop_map(|it| format!(",\"usage\":null,\"obfuscation\":\"{it}\"")),
        1 => Just(",\"obfuscation\":\"a\\\"b\"".to_owned()),
    ];
    let framing = prop_oneof![
        8 => Just(("data: ", "\n\n")),
        1 => Just(("data:", "\r\n\r\n")),
        1 => Just(("data: ", "\r\r")),
        1 => Just(("id: 7\ndata: ", "\n\n")),
    ];
    let key = prop_oneof![9 => Just("content"), 1 => Just("role")];
    let finish = prop_oneof![9 => Just("null"), 1 => Just("\"stop\"")];
    let is_usage = prop::bool::weighted(0.1);
    (content, fields, framing, key, finish, is_usage).prop_map(
        |(content, fields, (before, after), key, finish, is_usage)| {
            let head = r#"{"id":"a","model":"m","choices":["#;
            if is_usage {
                let usage = r#"],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
                return Event {
                    text: format!("{before}{head}{usage}{after}"),
                    content: String::new(),
                    is_usage,
                };
            }
            let value = serde_json::to_string(&content).unwrap();
            let choice =
                format!(r#"{{"index":0,"delta":{{"{key}":{value}}},"finish_reason":{finish}}}]"#);
            Event {
                text: format!("{before}{head}{choice}{fields}}}{after}"),
                content: if key == "content" {
                    content
                } else {
                    String::new()
                },
                is_usage,
            }
        },
    )
}

fn split<'a>(text: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
    at.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for to in at.into_iter().chain([text.len()]) {
        pieces.push(&text[from..to]);
        from = to;
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parsing_never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ChatRequest::parse(&body);
    }

    #[test]
    fn parsing_and_translating_any_json_never_panics(messages in any_json(), extra in any_json()) {
        let body = json!({
            "model": "m", "messages": messages, "tools": extra.clone(), "stop": extra.clone(),
            "response_format": extra.clone(), "tool_choice": extra.clone(), "thinking": extra,
        });
        let body = Bytes::from(body.to_string());
        if let Ok(request) = ChatRequest::parse(&body) {
            let target = Target { api: &anthropic(), model: None, output_tokens_max: None };
            let _ = translate::chat_request(target, &request, &body);
        }
    }

    #[test]
    fn splices_change_only_what_they_must(
        body in any_body(),
        model in prop::option::of(".{0,12}"),
        total in prop::option::of(1u64..2000),
        is_pretty in any::<bool>(),
    ) {
        let text = if is_pretty {
            format!("\n {} \n", serde_json::to_string_pretty(&body).unwrap())
        } else {
            serde_json::to_string(&body).unwrap()
        };
        let text = Bytes::from(text);
        let request = ChatRequest::parse(&text).unwrap();
        let target = Target { api: &openai(), model: model.as_deref(), output_tokens_max: total };
        let changed = translate::chat_request(target, &request, &text).unwrap().body;

        let mut expected = body.clone();
        if let Some(model) = &model {
            expected.insert("model".into(), model.clone().into());
        }
        let each = total.map(|total| (total / request.choices).max(1));
        if let Some(each) = each.filter(|each| request.output_tokens_max.is_none_or(|asked| asked > *each)) {
            let mut named = false;
            for field in ["max_tokens", "max_completion_tokens"] {
                if expected.contains_key(field) {
                    expected.insert(field.into(), each.into());
                    named = true;
                }
            }
            if !named {
                expected.insert("max_completion_tokens".into(), each.into());
            }
        }
        if request.stream {
            expected["stream_options"]["include_usage"] = true.into();
        }
        match changed {
            None => prop_assert_eq!(&body, &expected),
            Some(changed) => {
                prop_assert_ne!(&body, &expected);
                let changed: Map<String, Value> = serde_json::from_slice(&changed).unwrap();
                prop_assert_eq!(changed, expected);
            }
        }
    }

    #[test]
    fn answers_never_panic_and_do_not_depend_on_splits(
        events in prop::collection::vec(
            prop_oneof![
                any_json().prop_map(|json| format!("data: {json}\n\n")),
                any_json().prop_map(|json| format!("data:{{\"choices\":[],\"usage\":{json}}}\r\n\r\n")),
                any_json().prop_map(|json| format!("data: {{\"choices\":{json},\"error\":null}}\r\r")),
                any_json().prop_map(|json| format!("data: {{\"type\":\"content_block_delta\",\"delta\":{json}}}\n\n")),
                "[\\x00-\\x7f\n\r]{0,12}",
                Just("\r\n".to_owned()),
                Just("data: [DONE]\n\n".to_owned()),
                Just("data: {\"type\":\"message_stop\"}\n\n".to_owned()),
            ],
            0..8,
        ),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        include_usage in any::<bool>(),
    ) {
        let text = events.concat().into_bytes();
        for api in [openai(), anthropic()] {
            let whole = stream::run(&api, include_usage, &[&text]);
            let pieces = split(&text, &cuts);
            prop_assert_eq!(stream::run(&api, include_usage, &pieces), whole);
        }
    }

    #[test]
    fn stream_is_what_its_chunks_say(
        events in prop::collection::vec(any_event(), 0..40),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        include_usage in any::<bool>(),
    ) {
        let all: String = events.iter().map(|event| &*event.text).collect();
        let passed = events.iter().filter(|event| include_usage || !event.is_usage);
        let (out, outcome) = stream::run(&openai(), include_usage, &split(all.as_bytes(), &cuts));
        prop_assert_eq!(out, passed.map(|event| &*event.text).collect::<String>().into_bytes());
        let content: String = events.iter().map(|event| &*event.content).collect();
        prop_assert_eq!(outcome.generated, content);
        let is_reported = events.iter().any(|event| event.is_usage);
        prop_assert_eq!(outcome.usage.map(|usage| usage.total()), is_reported.then_some(5));
    }

    #[test]
    fn watched_stream_is_kept_byte_for_byte(
        text in prop::collection::vec(any::<u8>(), 0..300),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let (out, _) = stream::run(&openai(), true, &split(&text, &cuts));
        prop_assert_eq!(out, text);
    }

    #[test]
    fn whole_answers_never_panic(
        body in any_json(),
        noise in prop::collection::vec(any::<u8>(), 0..60),
        status in 100u16..600,
    ) {
        for api in [openai(), anthropic()] {
            for body in [Bytes::from(body.to_string()), Bytes::from(noise.clone())] {
                let mut answer = Answer::new(&api, &stream::request(false), 0, "id");
                answer.on_head(status, Some("application/json"));
                answer.on_body(&body, true);
                prop_assert!(answer.outcome().usage.is_none_or(|usage| usage.total() > 0));
            }
        }
    }

    #[test]
    fn count_is_never_above_the_bound(body in any_body(), text in "(?s).{0,200}") {
        let mut body = body;
        body.insert("messages".into(), json!([{"role": "user", "content": text}]));
        let text = serde_json::to_string(&body).unwrap();
        let request = ChatRequest::parse(text.as_bytes()).unwrap();
        for model in ["gpt-4", "gpt-4o"] {
            let count = |cap| tokens::count_input(model, &request, text.as_bytes(), cap).unwrap();
            prop_assert!(count(usize::MAX) <= count(64), "a smaller cap is a looser bound");
            prop_assert!(count(64) <= tokens::input_bound(model, &request.input));
        }
    }
}
