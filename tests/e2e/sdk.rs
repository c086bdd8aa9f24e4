//! Official and typed clients: OpenAI's Python SDK and async-openai, with an OpenAI and with an
//! Anthropic provider behind the same endpoint.

use anyhow::{Context, Result};
use async_openai::{
    Client,
    config::OpenAIConfig,
    types::chat::{
        ChatCompletionMessageToolCalls, ChatCompletionStreamOptions, CreateChatCompletionRequest,
        FinishReason,
    },
};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::process::Command;
use tollgate_harness::{
    Gateway, GatewayBuilder,
    command::{Finished, repository, run_command},
    manifests::{consumer, two_models},
};
use tollgate_provider::{Simulator, SimulatorConfig};

const KEY: &str = "sk-alice";
const MODELS: [&str; 2] = ["gpt-4o", "claude-sonnet-4-5"];

/// Two providers and a gateway in front of them.
struct Served {
    gateway: Gateway,
    _openai: Simulator,
    _anthropic: Simulator,
}

async fn start(provider: &str) -> Result<Served> {
    let openai = Simulator::start(SimulatorConfig::default()).await?;
    let anthropic = Simulator::start(SimulatorConfig::default()).await?;
    let address = if provider == "openai" {
        openai.addr()
    } else {
        anthropic.addr()
    };
    let yaml = format!(
        "{}{}{}{}",
        two_models(openai.addr(), anthropic.addr()),
        route("tiny", provider, (&address.to_string(), MODELS[0]))
            + "  rateLimit: {tokenBudget: {perMinute: 1}}\n",
        route(
            "throttled",
            provider,
            (&address.to_string(), "gpt-4o~status:429:7")
        ),
        consumer("alice", KEY),
    );
    let gateway = GatewayBuilder::new(env!("CARGO_BIN_EXE_tollgate"))
        .manifests(yaml)
        .start()
        .await?;
    Ok(Served {
        gateway,
        _openai: openai,
        _anthropic: anthropic,
    })
}

/// A route with one model of its own name.
fn route(name: &str, provider: &str, (address, model): (&str, &str)) -> String {
    format!(
        "\
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: AIGatewayRoute
metadata: {{name: {name}}}
spec:
  backends:
  - {{name: {provider}, provider: {provider}, endpoint: 'http://{address}/v1', model: '{model}',
     modelNameOverride: {name}, auth: {{apiKeyRef: {{name: {provider}-key}}}}}}
"
    )
}

/// Runs the script with the Python that has the SDKs.
async fn python(script: &str, args: &[&str]) -> Result<Finished> {
    let python = std::env::var_os("TOLLGATE_TEST_PYTHON")
        .map_or_else(|| repository().join(".cache/python/bin/python"), Into::into);
    assert!(
        python.exists(),
        "{} does not exist: `make test-deps` installs the official SDKs (or set TOLLGATE_TEST_PYTHON)",
        python.display(),
    );
    let mut command = Command::new(python);
    command
        .arg(repository().join("tests/sdk").join(script))
        .args(args);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    run_command(command).await
}

async fn check_python(provider: &str, model: &str) -> Result<()> {
    let served = start(provider).await?;
    let base = format!("{}/v1", served.gateway.url());
    let finished = python("openai_chat.py", &[&base, KEY, model]).await?;
    assert_eq!(
        finished.code,
        Some(0),
        "{}\n{}",
        finished.stdout,
        finished.stderr
    );
    assert!(finished.stdout.contains("\npassed "), "{}", finished.stdout);
    Ok(())
}

#[tokio::test]
async fn python_sdk_is_answered_right_by_an_openai_provider() -> Result<()> {
    check_python("openai", MODELS[0]).await
}

#[tokio::test]
async fn python_sdk_is_answered_right_by_an_anthropic_provider() -> Result<()> {
    check_python("anthropic", MODELS[1]).await
}

fn typed(gateway: &Gateway) -> Client<OpenAIConfig> {
    let config = OpenAIConfig::new()
        .with_api_base(format!("{}/v1", gateway.url()))
        .with_api_key(KEY);
    Client::with_config(config)
}

fn request(body: Value) -> Result<CreateChatCompletionRequest> {
    serde_json::from_value(body).context("make a typed request")
}

#[tokio::test]
async fn typed_client_reads_whole_answers_and_streams_of_both_providers() -> Result<()> {
    let served = start("openai").await?;
    let client = typed(&served.gateway);
    for model in MODELS {
        let body =
            json!({"model": model, "messages": [{"role": "user", "content": "hello there"}]});
        let whole = client.chat().create(request(body.clone())?).await?;
        let content = whole.choices[0]
            .message
            .content
            .clone()
            .context("content")?;
        assert!(content.contains("hello there"), "{content}");
        assert_eq!(whole.choices[0].finish_reason, Some(FinishReason::Stop));
        let usage = whole.usage.context("usage")?;

        let mut streamed = request(body)?;
        streamed.stream_options = Some(ChatCompletionStreamOptions {
            include_usage: Some(true),
            include_obfuscation: None,
        });
        let mut stream = client.chat().create_stream(streamed).await?;
        let (mut text, mut last) = (String::new(), None);
        while let Some(chunk) = stream.next().await {
            let chunk = chunk?;
            last = chunk.usage.or(last);
            text.extend(
                chunk
                    .choices
                    .into_iter()
                    .filter_map(|choice| choice.delta.content),
            );
        }
        assert_eq!(text, content, "{model}");
        let last = last.context("usage of the stream")?;
        assert_eq!(last.prompt_tokens, usage.prompt_tokens, "{model}");
        assert_eq!(last.completion_tokens, usage.completion_tokens, "{model}");
    }
    Ok(())
}

#[tokio::test]
async fn typed_client_makes_a_tool_round_trip_with_both_providers() -> Result<()> {
    let served = start("openai").await?;
    let client = typed(&served.gateway);
    let tools = json!([{"type": "function", "function": {"name": "get_weather", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]);
    for model in MODELS {
        let question = json!({"role": "user", "content": "use get_weather please"});
        let first = json!({"model": model, "messages": [question], "tools": tools});
        let first = client.chat().create(request(first)?).await?;
        assert_eq!(
            first.choices[0].finish_reason,
            Some(FinishReason::ToolCalls),
            "{model}"
        );
        let calls = first.choices[0]
            .message
            .tool_calls
            .clone()
            .context("tool calls")?;
        let ChatCompletionMessageToolCalls::Function(call) = &calls[0] else {
            panic!("{model}: not a function call: {calls:?}");
        };
        let arguments: Value = serde_json::from_str(&call.function.arguments)?;
        assert!(arguments["city"].is_string(), "{model}: {arguments}");
        let messages = json!([
            question,
            {"role": "assistant", "tool_calls": calls},
            {"role": "tool", "tool_call_id": call.id, "content": "22 degrees"},
        ]);
        let second = json!({"model": model, "messages": messages, "tools": tools});
        let second = client.chat().create(request(second)?).await?;
        let content = second.choices[0]
            .message
            .content
            .as_deref()
            .context("content")?;
        assert!(content.contains("22 degrees"), "{model}: {content}");
    }
    Ok(())
}
