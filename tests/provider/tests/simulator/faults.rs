//! Every fault, seen from the client.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_provider::{Fault, FaultMatch, FaultRule};

use super::client::{
    answer, anthropic, chat, chat_stream, events, json_of, messages, openai, read_events, start,
    url, with,
};

fn content(events: &[String]) -> usize {
    let tokens = events
        .iter()
        .filter(|event| event.starts_with('{') && serde_json::from_str::<Value>(event).is_ok());
    tokens
        .filter(|event| {
            json_of(event)["choices"][0]["delta"]["content"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        })
        .count()
}

fn usages(events: &[String]) -> Vec<Value> {
    let chunks = events
        .iter()
        .filter(|event| event.starts_with('{'))
        .map(|event| json_of(event)["usage"].clone());
    chunks.filter(|usage| !usage.is_null()).collect()
}

#[tokio::test]
async fn status_has_the_form_of_each_api_and_retry_after() {
    let simulator = start().await;
    let response = openai(&simulator, &chat("hi [[sim fault=status:429:7]]"))
        .send()
        .await
        .expect("response");
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "7");
    let body: Value = response.json().await.expect("json");
    assert_eq!(body["error"]["code"], "rate_limit_exceeded");
    let (status, body) = answer(anthropic(
        &simulator,
        &messages("hi [[sim fault=status:529]]"),
    ))
    .await;
    assert_eq!(
        (status, &body["error"]["type"]),
        (529, &json!("overloaded_error"))
    );
    let total = simulator.tally().total();
    assert_eq!((total.begun, total.failed, total.tokens()), (2, 2, 0));
}

#[tokio::test]
async fn suffix_of_the_model_sets_a_fault() {
    let simulator = start().await;
    let (status, _) = answer(openai(
        &simulator,
        &with(chat("hi"), json!({"model": "gpt-4o~status:503"})),
    ))
    .await;
    assert_eq!(status, 503);
}

#[tokio::test]
async fn delayed_head_waits_and_answers() {
    let simulator = start().await;
    let start = Instant::now();
    let (status, _) = answer(openai(&simulator, &chat("hi [[sim fault=delay_head:150]]"))).await;
    assert_eq!(status, 200);
    assert!(start.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn reset_before_head_is_a_reset() {
    let simulator = start().await;
    let error = openai(&simulator, &chat("hi [[sim fault=reset_before_head]]"))
        .send()
        .await
        .expect_err("reset");
    assert!(
        format!("{error:?}").contains("ConnectionReset"),
        "{error:?}"
    );
    assert_eq!(simulator.tally().total().broken, 1);
}

#[tokio::test]
async fn cut_by_reset_and_by_fin_deliver_the_chunks_before_and_differ() {
    let simulator = start().await;
    for (how, names) in [("reset", "ConnectionReset"), ("fin", "IncompleteMessage")] {
        let text = format!("hi [[sim output=20 fault=cut:3:{how}]]");
        let mut response = openai(&simulator, &chat_stream(&text))
            .send()
            .await
            .expect("head");
        let mut body = Vec::new();
        let error = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => panic!("{how}: body ended well"),
                Err(error) => break error,
            }
        };
        let body = String::from_utf8(body).expect("text");
        let events: Vec<String> = body
            .split("\n\n")
            .filter_map(|event| event.strip_prefix("data: "))
            .map(str::to_owned)
            .collect();
        assert_eq!(content(&events), 3, "{how}: {body}");
        let error = format!("{error:?}");
        let is_reset = error.contains("ConnectionReset");
        assert_eq!(is_reset, names == "ConnectionReset", "{how}: {error}");
    }
}

#[tokio::test]
async fn cut_that_ends_well_lacks_finish_and_done() {
    let simulator = start().await;
    let (events, ended_well) = events(openai(
        &simulator,
        &chat_stream("hi [[sim output=20 fault=cut:999:end]]"),
    ))
    .await;
    assert!(ended_well);
    assert_eq!(content(&events), 20);
    assert!(
        !events
            .iter()
            .any(|event| event == "[DONE]" || event.contains("\"stop\"")),
        "{events:?}"
    );
}

#[tokio::test]
async fn cut_whole_answer_stops_in_the_middle() {
    let simulator = start().await;
    let response = openai(&simulator, &chat("hi [[sim fault=cut:0:fin]]"))
        .send()
        .await
        .expect("head");
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err());
}

#[tokio::test]
async fn usage_faults_change_how_often_and_what_is_reported() {
    let simulator = start().await;
    let stream = async |fault: &str| {
        let (events, _) = events(openai(
            &simulator,
            &chat_stream(&format!("hi [[sim output=5 fault={fault}]]")),
        ))
        .await;
        usages(&events)
    };
    assert_eq!(stream("no_usage").await.len(), 0);
    assert_eq!(stream("zero_usage").await[0]["total_tokens"], 0);
    assert_eq!(stream("usage_twice").await.len(), 2);
    let growing: Vec<u64> = stream("cumulative_usage")
        .await
        .iter()
        .filter_map(|usage| usage["completion_tokens"].as_u64())
        .collect();
    assert!(
        growing.is_sorted() && growing.contains(&3) && growing.last() == Some(&5),
        "{growing:?}"
    );
    let start = Instant::now();
    assert_eq!(stream("late_usage:120").await.len(), 1);
    assert!(start.elapsed() >= Duration::from_millis(120));
    let (_, whole) = answer(openai(&simulator, &chat("hi [[sim fault=no_usage]]"))).await;
    assert!(whole.get("usage").is_none());
    // What was reported does not change what was produced.
    assert_eq!(
        simulator.tally().total().output,
        5 * 5 + whole_tokens(&whole)
    );
}

fn whole_tokens(whole: &Value) -> u64 {
    let text = whole["choices"][0]["message"]["content"]
        .as_str()
        .expect("content");
    tiktoken_rs::o200k_base_singleton().count_ordinary(text) as u64
}

#[tokio::test]
async fn anthropic_without_usage_reports_none_anywhere() {
    let simulator = start().await;
    let request = with(
        messages("hi [[sim fault=no_usage]]"),
        json!({"stream": true}),
    );
    let (events, _) = events(anthropic(&simulator, &request)).await;
    assert!(
        events.iter().all(|event| !event.contains("usage")),
        "{events:?}"
    );
}

#[tokio::test]
async fn unreadable_bodies_are_sent_as_asked() {
    let simulator = start().await;
    let body = async |fault: &str| {
        let request = openai(&simulator, &chat(&format!("hi [[sim fault={fault}]]")));
        let response = request.send().await.expect("response");
        assert_eq!(response.status(), 200, "{fault}");
        response.bytes().await.expect("body")
    };
    assert!(body("empty_body").await.is_empty());
    let garbage = body("garbage_body").await;
    assert!(!garbage.is_empty() && serde_json::from_slice::<Value>(&garbage).is_err());
    let truncated = body("truncated_json").await;
    assert!(truncated.starts_with(b"{") && serde_json::from_slice::<Value>(&truncated).is_err());
}

#[tokio::test]
async fn garbage_inside_a_stream_is_followed_by_the_rest() {
    let simulator = start().await;
    let (events, _) = events(openai(
        &simulator,
        &chat_stream("hi [[sim output=6 fault=garbage_mid_stream:2]]"),
    ))
    .await;
    let broken = events
        .iter()
        .filter(|event| *event != "[DONE]" && serde_json::from_str::<Value>(event).is_err());
    assert_eq!(broken.count(), 1);
    assert_eq!(content(&events), 6);
}

#[tokio::test]
async fn error_inside_a_stream_ends_it() {
    let simulator = start().await;
    let (openai_events, ended_well) = events(openai(
        &simulator,
        &chat_stream("hi [[sim output=6 fault=stream_error:2]]"),
    ))
    .await;
    assert!(ended_well);
    assert!(json_of(openai_events.last().expect("event"))["error"]["message"].is_string());
    let request = with(
        messages("hi [[sim fault=stream_error:2]]"),
        json!({"stream": true}),
    );
    let (events, _) = events(anthropic(&simulator, &request)).await;
    assert_eq!(
        json_of(events.last().expect("event"))["error"]["type"],
        "overloaded_error"
    );
}

#[tokio::test]
async fn slow_drip_delivers_everything_in_small_pieces() {
    let simulator = start().await;
    let mut response = openai(&simulator, &chat("hi [[sim fault=slow_drip:1:20]]"))
        .send()
        .await
        .expect("head");
    let mut pieces = Vec::new();
    while let Some(piece) = response.chunk().await.expect("piece") {
        pieces.push(piece);
    }
    assert!(pieces.len() > 10, "{}", pieces.len());
    assert!(serde_json::from_slice::<Value>(&pieces.concat()).is_ok());
}

#[tokio::test]
async fn huge_answer_ignores_the_limit() {
    let simulator = start().await;
    let request = with(
        chat("hi [[sim fault=huge_answer:30000]]"),
        json!({"max_tokens": 5}),
    );
    let (_, body) = answer(openai(&simulator, &request)).await;
    assert_eq!(body["usage"]["completion_tokens"], 30000);
}

#[tokio::test]
async fn rules_over_http_and_in_process_are_the_same_rules() {
    let simulator = start().await;
    let control = url(&simulator, "/_control/faults");
    let rules = json!([{"match": {"model": "gpt-4o*", "key": "sk-provider", "times": 1}, "fault": {"kind": "status", "status": 500}}]);
    let (status, _) = answer(reqwest::Client::new().put(&control).json(&rules)).await;
    assert_eq!(status, 200);
    assert_eq!(simulator.faults().rules().len(), 1);
    assert_eq!(answer(openai(&simulator, &chat("hi"))).await.0, 500);
    assert_eq!(answer(openai(&simulator, &chat("hi"))).await.0, 200);
    answer(reqwest::Client::new().delete(&control)).await;
    assert!(simulator.faults().rules().is_empty());
    simulator.faults().add(FaultRule {
        matches: FaultMatch::default(),
        fault: Fault::EmptyBody,
    });
    let (_, listed) = answer(reqwest::Client::new().get(&control)).await;
    assert_eq!(listed[0]["fault"]["kind"], "empty_body");
    let (status, error) = answer(
        reqwest::Client::new()
            .put(&control)
            .json(&json!([{"fault": {"kind": "nope"}}])),
    )
    .await;
    assert_eq!(status, 400, "{error}");
}

#[tokio::test]
async fn misspelt_directive_is_refused() {
    let simulator = start().await;
    let (status, body) = answer(openai(&simulator, &chat("hi [[sim outptu=5]]"))).await;
    assert_eq!(status, 400);
    assert!(
        body["error"]["message"]
            .as_str()
            .expect("message")
            .contains("outptu")
    );
}

#[tokio::test]
async fn pace_of_a_stream_is_as_asked() {
    let simulator = start().await;
    let start = Instant::now();
    let response = openai(
        &simulator,
        &chat_stream("hi [[sim output=10 chunk_delay_ms=20 chunk_tokens=2]]"),
    )
    .send()
    .await
    .expect("head");
    let (events, _) = read_events(response).await;
    assert_eq!(content(&events), 5);
    assert!(start.elapsed() >= Duration::from_millis(100));
}
