//! The tally against what a client saw.

use serde_json::json;

use super::client::{
    answer, anthropic, chat, chat_stream, events, messages, openai, start, until, url, with,
};

#[tokio::test]
async fn complete_answers_count_what_they_report() {
    let simulator = start().await;
    let (_, a) = answer(openai(&simulator, &chat("one"))).await;
    let (_, b) = answer(anthropic(&simulator, &messages("two [[sim cached=4]]"))).await;
    let openai = simulator.tally().of_key("sk-provider");
    assert_eq!(openai.input, a["usage"]["prompt_tokens"]);
    assert_eq!(openai.output, a["usage"]["completion_tokens"]);
    let anthropic = simulator.tally().of_model("claude-sonnet-4-5");
    assert_eq!(
        anthropic.input,
        b["usage"]["input_tokens"].as_u64().expect("input") + 4
    );
    assert_eq!(anthropic.cached, 4);
    assert_eq!(simulator.tally().total().answered, 2);
}

#[tokio::test]
async fn cut_stream_counts_the_chunks_that_left() {
    let simulator = start().await;
    for how in ["reset", "fin", "end"] {
        simulator.tally().reset();
        let (_, ended_well) = events(openai(
            &simulator,
            &chat_stream(&format!("hi [[sim output=50 fault=cut:7:{how}]]")),
        ))
        .await;
        assert_eq!(ended_well, how == "end");
        let total = simulator.tally().total();
        assert_eq!(total.output, 7, "{how}");
        assert!(total.input > 0);
        assert_eq!(
            (total.broken, total.answered),
            if how == "end" { (0, 1) } else { (1, 0) }
        );
    }
}

#[tokio::test]
async fn streamed_answer_counts_as_much_as_the_same_answer_whole() {
    let simulator = start().await;
    let tools = json!([{"type": "function", "function": {"name": "look_up", "parameters": {
        "type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}}}]);
    for fields in [
        json!({"n": 3, "reasoning_effort": "high"}),
        json!({"tools": tools, "tool_choice": "required"}),
        json!({"max_tokens": 5}),
    ] {
        let text = "Grüße, 世界 🌍 [[sim chunk_tokens=3]]";
        answer(openai(&simulator, &with(chat(text), fields.clone()))).await;
        let whole = simulator.tally().total();
        simulator.tally().reset();
        events(openai(&simulator, &with(chat_stream(text), fields.clone()))).await;
        assert_eq!(simulator.tally().total(), whole, "{fields}");
        simulator.tally().reset();
    }
}

#[tokio::test]
async fn client_that_leaves_mid_stream_is_noticed_and_charged_what_left() {
    let simulator = start().await;
    let request = openai(
        &simulator,
        &chat_stream("hi [[sim output=1000 chunk_delay_ms=10]]"),
    );
    let mut response = request.send().await.expect("head");
    while simulator.tally().total().output < 3 {
        response.chunk().await.expect("chunk");
    }
    drop(response);
    until("cancelled", || simulator.tally().total().cancelled == 1).await;
    let total = simulator.tally().total();
    assert!((3..40).contains(&total.output), "{total:?}");
    tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    assert_eq!(
        simulator.tally().total(),
        total,
        "nothing is produced after the client left"
    );
    assert_eq!(simulator.tally().in_flight(), 0);
}

#[tokio::test]
async fn client_that_leaves_a_hanging_request_is_noticed() {
    let simulator = start().await;
    let request = openai(&simulator, &chat("hi [[sim fault=hang]]")).send();
    let task = tokio::spawn(request);
    until("in flight", || simulator.tally().in_flight() == 1).await;
    task.abort();
    until("cancelled", || simulator.tally().total().cancelled == 1).await;
    let total = simulator.tally().total();
    assert_eq!((total.input, total.output), (0, 0));
    assert!(total.unanswered_input > 0);
}

#[tokio::test]
async fn tally_and_requests_are_read_and_reset_over_http() {
    let simulator = start().await;
    answer(openai(
        &simulator,
        &with(chat("hi"), json!({"user": "u-1"})),
    ))
    .await;
    let client = reqwest::Client::new();
    let (_, tally) = answer(client.get(url(&simulator, "/_control/tally"))).await;
    assert_eq!(tally["rows"][0]["key"], "sk-provider");
    assert_eq!(tally["rows"][0]["api"], "openai");
    assert_eq!(tally["total"]["answered"], 1);
    let (_, requests) = answer(client.get(url(&simulator, "/_control/requests"))).await;
    assert_eq!(requests[0]["path"], "/v1/chat/completions");
    assert!(requests[0]["body"].as_str().expect("body").contains("u-1"));
    let recorded = simulator.recorder().last().expect("request");
    assert_eq!(recorded.header("authorization"), Some("Bearer sk-provider"));
    assert!(recorded.contains("u-1") && !recorded.contains("u-2"));
    answer(client.delete(url(&simulator, "/_control/tally"))).await;
    answer(client.delete(url(&simulator, "/_control/requests"))).await;
    assert!(simulator.tally().rows().is_empty() && simulator.recorder().requests().is_empty());
}

#[tokio::test]
async fn recorder_keeps_the_last_256() {
    let simulator = start().await;
    for _ in 0..260 {
        // Refused for want of a key, and still recorded.
        answer(reqwest::Client::new().get(url(&simulator, "/v1/models"))).await;
    }
    let requests = simulator.recorder().requests();
    assert_eq!((requests.len(), requests[0].number), (256, 5));
}
