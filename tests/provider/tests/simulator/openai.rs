//! OpenAI and Azure: wire format and rules.

use serde_json::{Value, json};
use tiktoken_rs::{cl100k_base_singleton, o200k_base_singleton};
use tollgate_provider::{Simulator, SimulatorConfig, UnknownArguments};

use super::client::{answer, chat, chat_stream, events, json_of, openai, start, url, with};

#[tokio::test]
async fn whole_answer_has_the_true_usage_of_its_prompt_and_text() {
    let simulator = start().await;
    for (model, bpe) in [
        ("gpt-4", cl100k_base_singleton()),
        ("gpt-4o", o200k_base_singleton()),
    ] {
        let (status, body) = answer(openai(
            &simulator,
            &with(chat("héllo wörld, 你好"), json!({"model": model})),
        ))
        .await;
        assert_eq!(status, 200, "{body}");
        let content = body["choices"][0]["message"]["content"]
            .as_str()
            .expect("content");
        assert!(
            content.contains("simulated") && content.contains("你好"),
            "{content}"
        );
        let prompt = 3 + bpe.count_ordinary("user") + bpe.count_ordinary("héllo wörld, 你好") + 3;
        assert_eq!(body["usage"]["prompt_tokens"], prompt, "{model}");
        assert_eq!(
            body["usage"]["completion_tokens"],
            bpe.count_ordinary(content),
            "{model}"
        );
        assert_eq!(body["choices"][0]["finish_reason"], "stop");
        assert_eq!(body["object"], "chat.completion");
    }
}

#[tokio::test]
async fn stream_without_include_usage_never_mentions_usage() {
    let simulator = start().await;
    let (events, ended_well) = events(openai(
        &simulator,
        &with(chat("hi"), json!({"stream": true})),
    ))
    .await;
    assert!(ended_well);
    assert_eq!(events.last().expect("events"), "[DONE]");
    assert!(
        events.iter().all(|event| !event.contains("usage")),
        "{events:?}"
    );
}

#[tokio::test]
async fn stream_with_include_usage_has_null_usage_until_the_last_chunk() {
    let simulator = start().await;
    let (events, _) = events(openai(&simulator, &chat_stream("hi [[sim output=9]]"))).await;
    let chunks: Vec<Value> = events[..events.len() - 1]
        .iter()
        .map(|event| json_of(event))
        .collect();
    let (last, others) = chunks.split_last().expect("chunks");
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["completion_tokens"], 9);
    assert!(
        others
            .iter()
            .all(|chunk| chunk.get("usage") == Some(&Value::Null)),
        "{others:?}"
    );
    let with_text = others.iter().filter(|chunk| {
        chunk["choices"][0]["delta"]["content"]
            .as_str()
            .is_some_and(|t| !t.is_empty())
    });
    assert_eq!(with_text.count(), 9);
    assert_eq!(others[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(
        others.last().expect("finish")["choices"][0]["finish_reason"],
        "stop"
    );
}

#[tokio::test]
async fn limit_of_the_request_ends_the_answer_with_length() {
    let simulator = start().await;
    for field in ["max_tokens", "max_completion_tokens"] {
        let body = with(chat("hi [[sim output=100]]"), json!({field: 7, "n": 3}));
        let (_, body) = answer(openai(&simulator, &body)).await;
        assert_eq!(body["choices"].as_array().expect("choices").len(), 3);
        assert_eq!(body["usage"]["completion_tokens"], 21, "{field}");
        assert_eq!(body["choices"][2]["finish_reason"], "length");
    }
}

#[tokio::test]
async fn stop_sequence_ends_the_answer_before_it() {
    let simulator = start().await;
    let (_, body) = answer(openai(
        &simulator,
        &with(chat("one STOP two"), json!({"stop": "STOP"})),
    ))
    .await;
    let content = body["choices"][0]["message"]["content"]
        .as_str()
        .expect("content");
    assert!(content.ends_with("one "), "{content}");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn named_tool_is_called_and_its_result_quoted() {
    let simulator = start().await;
    let tools = json!([{"type": "function", "function": {"name": "get_weather", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city", "days"]}}}]);
    let request = with(chat("use get_weather please"), json!({"tools": tools}));
    let (_, body) = answer(openai(&simulator, &request)).await;
    let call = body["choices"][0]["message"]["tool_calls"][0].clone();
    assert_eq!(body["choices"][0]["finish_reason"], "tool_calls");
    let arguments = json_of(call["function"]["arguments"].as_str().expect("arguments"));
    assert!(
        arguments["city"].is_string() && arguments["days"].is_i64(),
        "{arguments}"
    );

    let (events, _) = events(openai(
        &simulator,
        &with(request.clone(), json!({"stream": true})),
    ))
    .await;
    let streamed: String = events[..events.len() - 1]
        .iter()
        .filter_map(|event| {
            Some(
                json_of(event)["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"]
                    .as_str()?
                    .to_owned(),
            )
        })
        .collect();
    assert_eq!(json_of(&streamed), arguments);

    let messages = json!([request["messages"][0], body["choices"][0]["message"],
        {"role": "tool", "tool_call_id": call["id"], "content": "22 degrees"}]);
    let (status, body) = answer(openai(
        &simulator,
        &with(request, json!({"messages": messages})),
    ))
    .await;
    assert_eq!(status, 200, "{body}");
    let content = body["choices"][0]["message"]["content"]
        .as_str()
        .expect("content");
    assert!(content.contains("22 degrees"), "{content}");
}

#[tokio::test]
async fn schema_of_the_request_is_satisfied() {
    let simulator = start().await;
    let schema = json!({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name", "age"]});
    let format =
        json!({"type": "json_schema", "json_schema": {"name": "person", "schema": schema}});
    let (_, body) = answer(openai(
        &simulator,
        &with(chat("who?"), json!({"response_format": format})),
    ))
    .await;
    let value = json_of(
        body["choices"][0]["message"]["content"]
            .as_str()
            .expect("content"),
    );
    assert!(jsonschema::is_valid(&schema, &value), "{value}");
}

#[tokio::test]
async fn reasoning_and_cached_tokens_are_detailed_within_usage() {
    let simulator = start().await;
    let request = with(
        chat("hi [[sim cached=5 output=10]]"),
        json!({"reasoning_effort": "low"}),
    );
    let (_, body) = answer(openai(&simulator, &request)).await;
    assert_eq!(
        body["usage"]["completion_tokens_details"]["reasoning_tokens"],
        16
    );
    assert_eq!(body["usage"]["completion_tokens"], 26);
    assert_eq!(body["usage"]["prompt_tokens_details"]["cached_tokens"], 5);
    let limited = with(request, json!({"max_completion_tokens": 12}));
    let (_, body) = answer(openai(&simulator, &limited)).await;
    assert_eq!(body["usage"]["completion_tokens"], 12);
    assert_eq!(body["choices"][0]["finish_reason"], "length");
}

#[tokio::test]
async fn missing_key_is_refused_in_the_form_of_the_api() {
    let simulator = start().await;
    let client = reqwest::Client::new();
    let (status, body) = answer(
        client
            .post(url(&simulator, "/v1/chat/completions"))
            .json(&chat("hi")),
    )
    .await;
    assert_eq!(
        (status, &body["error"]["type"]),
        (401, &json!("invalid_request_error"))
    );
    let azure = url(
        &simulator,
        "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
    );
    let (status, body) = answer(client.post(&azure).bearer_auth("k").json(&chat("hi"))).await;
    assert_eq!((status, &body["error"]["code"]), (401, &json!("401")));
}

#[tokio::test]
async fn azure_takes_the_model_from_its_path() {
    let simulator = start().await;
    let azure = url(
        &simulator,
        "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21",
    );
    let request = reqwest::Client::new()
        .post(&azure)
        .header("api-key", "k")
        .json(&chat("hi"));
    let (status, body) = answer(request).await;
    assert_eq!((status, &body["model"]), (200, &json!("my-gpt")));
}

#[tokio::test]
async fn bad_translations_are_refused_naming_the_field() {
    let simulator = start().await;
    let user = json!({"role": "user", "content": "hi"});
    for (fields, param) in [
        (json!({"messages": []}), "messages"),
        (json!({"max_tokens": 0}), "max_tokens"),
        (
            json!({"max_tokens": 5, "max_completion_tokens": 5}),
            "max_tokens",
        ),
        (json!({"temperature": 3}), "temperature"),
        (
            json!({"stream_options": {"include_usage": true}}),
            "stream_options",
        ),
        (json!({"tool_choice": "auto"}), "tool_choice"),
        (
            json!({"messages": [user, {"role": "tool", "tool_call_id": "x", "content": "y"}]}),
            "messages[1]",
        ),
        (
            json!({"messages": [{"role": "robot", "content": "y"}]}),
            "messages[0]",
        ),
        (json!({"model": ""}), "model"),
    ] {
        let (status, body) = answer(openai(&simulator, &with(chat("hi"), fields.clone()))).await;
        assert_eq!(
            (status, &body["error"]["param"]),
            (400, &json!(param)),
            "{fields}"
        );
    }
    assert_eq!(simulator.tally().total().begun, 0);
}

#[tokio::test]
async fn unknown_argument_is_refused_only_when_asked() {
    let body = with(chat("hi"), json!({"extra_thing": 1}));
    assert_eq!(answer(openai(&start().await, &body)).await.0, 200);
    let config = SimulatorConfig {
        openai_unknown_arguments: UnknownArguments::Refuse,
        ..SimulatorConfig::default()
    };
    let strict = Simulator::start(config).await.expect("simulator");
    let (status, body) = answer(openai(&strict, &body)).await;
    assert_eq!(status, 400);
    assert!(
        body["error"]["message"]
            .as_str()
            .expect("message")
            .contains("extra_thing")
    );
}

#[tokio::test]
async fn models_are_listed() {
    let simulator = start().await;
    let request = reqwest::Client::new()
        .get(url(&simulator, "/v1/models"))
        .bearer_auth("k");
    let (status, body) = answer(request).await;
    assert_eq!((status, &body["object"]), (200, &json!("list")));
    assert_eq!(body["data"][0]["id"], "gpt-4o");
}

#[tokio::test]
async fn bench_models_get_canned_answers() {
    let simulator = start().await;
    let (_, body) = answer(openai(
        &simulator,
        &with(chat("hi"), json!({"model": "bench-whole"})),
    ))
    .await;
    assert_eq!(body["usage"]["total_tokens"], 96);
    for model in [
        "bench-stream-52",
        "bench-stream-52-flush",
        "bench-stream-52-paced",
    ] {
        let (events, _) = events(openai(
            &simulator,
            &with(chat("hi"), json!({"model": model})),
        ))
        .await;
        assert_eq!(
            events
                .iter()
                .filter(|event| event.contains("river"))
                .count(),
            52,
            "{model}"
        );
        let usage = events
            .iter()
            .find(|event| event.contains("total_tokens"))
            .expect("usage");
        assert_eq!(json_of(usage)["usage"]["completion_tokens"], 52);
    }
    assert_eq!(simulator.tally().total().output, 64 + 3 * 52);
}
