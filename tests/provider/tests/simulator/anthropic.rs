//! Anthropic: wire format and rules.

use serde_json::{Value, json};

use super::client::{answer, anthropic, events, json_of, messages, start, url, with};

#[tokio::test]
async fn stream_has_every_event_in_order() {
    let simulator = start().await;
    let (events, ended_well) = events(anthropic(
        &simulator,
        &with(messages("hi [[sim output=3]]"), json!({"stream": true})),
    ))
    .await;
    assert!(ended_well);
    let events: Vec<Value> = events.iter().map(|event| json_of(event)).collect();
    let kinds: Vec<&str> = events
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    assert!(
        events[0]["message"]["usage"]["input_tokens"]
            .as_u64()
            .expect("input")
            > 0
    );
    assert_eq!(events[7]["usage"]["output_tokens"], 3);
    assert_eq!(events[7]["delta"]["stop_reason"], "end_turn");
}

#[tokio::test]
async fn limit_ends_the_answer_with_max_tokens() {
    let simulator = start().await;
    let (_, body) = answer(anthropic(
        &simulator,
        &with(messages("hi [[sim output=50]]"), json!({"max_tokens": 4})),
    ))
    .await;
    assert_eq!(body["stop_reason"], "max_tokens");
    assert_eq!(body["usage"]["output_tokens"], 4);
}

#[tokio::test]
async fn cached_tokens_lie_beside_input_and_the_total_stays_true() {
    let simulator = start().await;
    let plain = answer(anthropic(
        &simulator,
        &messages("hello world [[sim cached=0 cache_write=0]]"),
    ))
    .await
    .1;
    let cached = answer(anthropic(
        &simulator,
        &messages("hello world [[sim cached=8 cache_write=4]]"),
    ))
    .await
    .1;
    assert_eq!(cached["usage"]["cache_read_input_tokens"], 8);
    assert_eq!(cached["usage"]["cache_creation_input_tokens"], 4);
    let input = |body: &Value| body["usage"]["input_tokens"].as_u64().expect("input");
    assert_eq!(input(&cached) + 12, input(&plain));
}

#[tokio::test]
async fn thinking_comes_first_with_a_signature_the_api_takes_back() {
    let simulator = start().await;
    let thinking = json!({"thinking": {"type": "enabled", "budget_tokens": 1024}});
    let request = with(messages("hi"), thinking.clone());
    let (_, body) = answer(anthropic(&simulator, &request)).await;
    assert_eq!(body["content"][0]["type"], "thinking");
    assert_eq!(body["content"][1]["type"], "text");
    let turn = |content: &Value| {
        let messages = json!([request["messages"][0], {"role": "assistant", "content": content}, {"role": "user", "content": "go on"}]);
        anthropic(
            &simulator,
            &with(request.clone(), json!({"messages": messages})),
        )
    };
    assert_eq!(answer(turn(&body["content"])).await.0, 200);
    let mut forged = body["content"].clone();
    forged[0]["signature"] = "made up".into();
    assert_eq!(answer(turn(&forged)).await.0, 400);

    let (events, _) = events(anthropic(
        &simulator,
        &with(request.clone(), json!({"stream": true})),
    ))
    .await;
    let kinds: Vec<String> = events
        .iter()
        .filter_map(|event| Some(json_of(event)["delta"]["type"].as_str()?.to_owned()))
        .collect();
    let signature = kinds
        .iter()
        .position(|kind| kind == "signature_delta")
        .expect("signature");
    assert!(
        kinds[..signature]
            .iter()
            .all(|kind| kind == "thinking_delta"),
        "{kinds:?}"
    );
    assert!(
        kinds[signature + 1..]
            .iter()
            .all(|kind| kind == "text_delta"),
        "{kinds:?}"
    );
    assert!(simulator.tally().total().reasoning > 0);
}

#[tokio::test]
async fn tool_is_called_and_its_result_quoted() {
    let simulator = start().await;
    let tools = json!([{"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}]);
    let request = with(
        messages("hi"),
        json!({"tools": tools, "tool_choice": {"type": "any"}}),
    );
    let (_, body) = answer(anthropic(&simulator, &request)).await;
    assert_eq!(
        (&body["stop_reason"], &body["content"][0]["type"]),
        (&json!("tool_use"), &json!("tool_use"))
    );
    assert!(body["content"][0]["input"]["city"].is_string());
    let result = json!({"type": "tool_result", "tool_use_id": body["content"][0]["id"], "content": "22 degrees"});
    let messages = json!([request["messages"][0], {"role": "assistant", "content": body["content"]}, {"role": "user", "content": [result]}]);
    let (status, body) = answer(anthropic(
        &simulator,
        &with(
            request,
            json!({"messages": messages, "tool_choice": {"type": "auto"}}),
        ),
    ))
    .await;
    assert_eq!(status, 200, "{body}");
    assert!(
        body["content"][0]["text"]
            .as_str()
            .expect("text")
            .contains("22 degrees"),
        "{body}"
    );
}

#[tokio::test]
async fn schema_of_the_request_is_satisfied() {
    let simulator = start().await;
    let schema =
        json!({"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]});
    let config = json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}});
    let (_, body) = answer(anthropic(&simulator, &with(messages("hi"), config))).await;
    assert_eq!(
        json_of(body["content"][0]["text"].as_str().expect("text")),
        json!({"ok": true})
    );
}

#[tokio::test]
async fn bad_translations_are_refused_naming_the_field() {
    let simulator = start().await;
    let user = json!({"role": "user", "content": "hi"});
    let result = json!({"type": "tool_result", "tool_use_id": "x", "content": "y"});
    let tool_use = json!({"type": "tool_use", "id": "x", "name": "f", "input": {}});
    for (fields, named) in [
        (json!({"max_tokens": null}), "max_tokens"),
        (json!({"stream_options": {}}), "stream_options"),
        (json!({"temperature": 1.5}), "temperature"),
        (json!({"messages": []}), "messages"),
        (
            json!({"messages": [{"role": "system", "content": "x"}, user]}),
            "messages.0.role",
        ),
        (
            json!({"messages": [{"role": "user", "content": ""}]}),
            "messages.0.content",
        ),
        (
            json!({"messages": [user, {"role": "user", "content": [result]}]}),
            "messages.1.content",
        ),
        (
            json!({"messages": [user, {"role": "assistant", "content": [tool_use]}, user]}),
            "messages.2",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
            "messages.0.content.0.type",
        ),
        (
            json!({"tools": [{"type": "function", "function": {"name": "f"}}]}),
            "tools.0.name",
        ),
        (json!({"tool_choice": "auto"}), "tool_choice"),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 5}}),
            "thinking.budget_tokens",
        ),
    ] {
        let (status, body) =
            answer(anthropic(&simulator, &with(messages("hi"), fields.clone()))).await;
        assert_eq!(
            (status, &body["error"]["type"]),
            (400, &json!("invalid_request_error")),
            "{fields}"
        );
        let message = body["error"]["message"].as_str().expect("message");
        assert!(message.starts_with(named), "{fields}: {message}");
    }
}

#[tokio::test]
async fn missing_headers_are_refused_in_its_own_form() {
    let simulator = start().await;
    let post = || {
        reqwest::Client::new()
            .post(url(&simulator, "/anthropic/v1/messages"))
            .json(&messages("hi"))
    };
    let (status, body) = answer(post().header("anthropic-version", "2023-06-01")).await;
    assert_eq!(
        (status, &body["type"], &body["error"]["type"]),
        (401, &json!("error"), &json!("authentication_error"))
    );
    let (status, body) = answer(post().header("x-api-key", "k")).await;
    assert_eq!(
        (status, &body["error"]["type"]),
        (400, &json!("invalid_request_error"))
    );
}

#[tokio::test]
async fn count_tokens_agrees_with_the_answer() {
    let simulator = start().await;
    let request = with(
        messages("how many tokens are these?"),
        json!({"system": "be brief"}),
    );
    let (_, whole) = answer(anthropic(&simulator, &request)).await;
    let count = reqwest::Client::new()
        .post(url(&simulator, "/v1/messages/count_tokens"))
        .header("x-api-key", "k")
        .header("anthropic-version", "2023-06-01")
        .json(&with(request, json!({"max_tokens": null})));
    let (_, count) = answer(count).await;
    assert_eq!(count["input_tokens"], whole["usage"]["input_tokens"]);
}
