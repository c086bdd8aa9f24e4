//! The simulator through a typed client that other people wrote.

use async_openai::{
    Client,
    config::OpenAIConfig,
    types::chat::{ChatCompletionStreamOptions, CreateChatCompletionRequest},
};
use futures::StreamExt;
use tollgate_provider::Simulator;

use super::client::{chat, start, url};

fn client(simulator: &Simulator) -> Client<OpenAIConfig> {
    let config = OpenAIConfig::new()
        .with_api_base(url(simulator, "/v1"))
        .with_api_key("sk-provider");
    Client::with_config(config)
}

fn request(text: &str) -> CreateChatCompletionRequest {
    serde_json::from_value(chat(text)).expect("request")
}

#[tokio::test]
async fn typed_client_reads_a_whole_answer() {
    let simulator = start().await;
    let answer = client(&simulator)
        .chat()
        .create(request("hello"))
        .await
        .expect("answer");
    assert!(
        answer.choices[0]
            .message
            .content
            .as_deref()
            .is_some_and(|text| text.contains("hello"))
    );
    assert_eq!(
        u64::from(answer.usage.expect("usage").completion_tokens),
        simulator.tally().total().output
    );
}

#[tokio::test]
async fn typed_client_reads_a_stream() {
    let simulator = start().await;
    let mut request = request("hello [[sim output=12]]");
    request.stream_options = Some(ChatCompletionStreamOptions {
        include_usage: Some(true),
        include_obfuscation: None,
    });
    let mut stream = client(&simulator)
        .chat()
        .create_stream(request)
        .await
        .expect("stream");
    let mut text = String::new();
    let mut usage = None;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.expect("chunk");
        usage = chunk.usage.or(usage);
        text.extend(
            chunk
                .choices
                .into_iter()
                .filter_map(|choice| choice.delta.content),
        );
    }
    assert!(text.starts_with("This is a simulated"), "{text}");
    assert_eq!(usage.expect("usage").completion_tokens, 12);
}
