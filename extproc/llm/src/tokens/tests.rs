//! Bounds and counts.

use super::*;

fn request(messages: serde_json::Value) -> (ChatRequest, Vec<u8>) {
    let body = serde_json::json!({"model": "gpt-4o", "messages": messages}).to_string();
    (
        ChatRequest::parse(body.as_bytes()).unwrap(),
        body.into_bytes(),
    )
}

#[test]
fn encoding_of_a_model_is_known_by_family() {
    for (models, encoding) in [
        (
            &[
                "gpt-4",
                "gpt-4-0613",
                "gpt-4-turbo-2024-04-09",
                "gpt-3.5-turbo",
                "gpt-35-turbo",
            ][..],
            Some(Encoding::Cl100k),
        ),
        (
            &[
                "gpt-4o",
                "gpt-4o-mini",
                "chatgpt-4o-latest",
                "gpt-4.1-nano",
                "gpt-4.5-preview",
                "gpt-5",
                "gpt-5.4-mini",
                "o1",
                "o3-mini",
                "o4-mini",
                "gpt-oss-120b",
                "openai/gpt-4o",
                "ft:gpt-4o-mini:acme::1",
            ],
            Some(Encoding::O200k),
        ),
        (
            &[
                "claude-sonnet-4-5",
                "o10",
                "gpt-40",
                "gpt-4.9",
                "llama",
                "my-gpt-4",
                "",
            ],
            None,
        ),
    ] {
        for model in models {
            assert_eq!(Encoding::of_model(model), encoding, "{model}");
        }
    }
}

#[test]
fn count_of_plain_messages_is_close_above_the_cookbook() {
    // OpenAI cookbook, "How to count tokens with tiktoken": its example is 129 tokens for gpt-4
    // and 124 for gpt-4o, as the API reports them.
    let (request, body) = request(serde_json::json!([
        {"role": "system", "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},
        {"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
        {"role": "system", "name": "example_assistant", "content": "Things working well together will increase revenue."},
        {"role": "system", "name": "example_user", "content": "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},
        {"role": "system", "name": "example_assistant", "content": "Let's talk later when we're less busy about how to do better."},
        {"role": "user", "content": "This late pivot means we don't have time to boil the ocean for the client deliverable."},
    ]));
    for (model, reported) in [("gpt-4", 129), ("gpt-4o", 124)] {
        let counted = count_input(model, &request, &body, usize::MAX).unwrap();
        assert!(
            (reported..reported + 24).contains(&counted),
            "{model}: {counted}"
        );
        assert!(counted < input_bound(model, &request.input));
        let estimated = estimate_input(model, &request, &body, usize::MAX);
        // Four of the messages have a name, which costs 1 more in the cookbook.
        assert_eq!(estimated, reported - 4, "{model}");
    }
}

#[test]
fn image_data_counts_as_an_image_not_as_text() {
    let data = format!("data:image/png;base64,{}", "A".repeat(500_000));
    let (request, body) = request(serde_json::json!([
        {"role": "user", "content": [
            {"type": "text", "text": "what is this?"},
            {"type": "image_url", "image_url": {"url": data}},
        ]},
    ]));
    assert!(input_bound("unknown", &request.input) < 50_000);
    assert!(input_bound("gpt-4o-2024-08-06", &request.input) < 2_000);
    assert!(input_bound("gpt-4o-mini", &request.input) > 48_000);
    let counted = count_input("gpt-4o", &request, &body, usize::MAX).unwrap();
    assert!((1445..1500).contains(&counted), "{counted}");
}

#[test]
fn text_beyond_the_cap_is_bounded_by_its_bytes() {
    let (request, body) = request(serde_json::json!([
        {"role": "user", "content": "word ".repeat(2000)},
    ]));
    let whole = count_input("gpt-4o", &request, &body, usize::MAX).unwrap();
    let capped = count_input("gpt-4o", &request, &body, 5000).unwrap();
    assert!((2000..2050).contains(&whole), "{whole}");
    assert!((6000..6050).contains(&capped), "{capped}");
}

#[test]
fn generated_text_is_counted_with_the_nearest_tokenizer() {
    assert_eq!(count_text("gpt-4o", ""), 0);
    assert_eq!(count_text("gpt-4", "hello world"), 2);
    assert_eq!(count_text("claude-sonnet-4-5", "hello world"), 2);
}

#[test]
fn tools_are_counted_and_bounded_with_the_prompt_that_they_bring() {
    let plain = r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#;
    let tools = r#"{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"weather"}}]}"#;
    let parse = |body: &str| ChatRequest::parse(body.as_bytes()).unwrap();
    let bound = |body: &str| input_bound("gpt-4o", &parse(body).input);
    assert!(bound(tools) > bound(plain) + HIDDEN_PROMPT);
    let count = |body: &str| count_input("gpt-4o", &parse(body), body.as_bytes(), 1000).unwrap();
    assert!(count(tools) > count(plain) + TOOLS_OVERHEAD);
}
