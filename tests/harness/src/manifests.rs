//! Manifests that many tests start from.

use std::net::SocketAddr;

/// Key that [`two_models`] sends to the OpenAI provider.
pub const OPENAI_KEY: &str = "sk-provider-openai";
/// Key that [`two_models`] sends to the Anthropic provider.
pub const ANTHROPIC_KEY: &str = "sk-provider-anthropic";

/// Model `gpt-4o` from an OpenAI provider, `claude-sonnet-4-5` from an Anthropic one, with keys
/// for both and no budget.
pub fn two_models(openai: SocketAddr, anthropic: SocketAddr) -> String {
    format!(
        "\
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: AIGatewayRoute
metadata: {{name: llm}}
spec:
  backends:
  - {{name: openai, provider: openai, endpoint: 'http://{openai}/v1', model: gpt-4o,
     auth: {{apiKeyRef: {{name: openai-key}}}}}}
  - {{name: anthropic, provider: anthropic, endpoint: 'http://{anthropic}/v1', model: claude-sonnet-4-5,
     auth: {{apiKeyRef: {{name: anthropic-key}}}}}}
{}{}",
        secret("openai-key", OPENAI_KEY),
        secret("anthropic-key", ANTHROPIC_KEY),
    )
}

/// One compact route with one backend on an OpenAI provider: clients ask for `model`, the provider
/// is asked for `asked`. Sends the key of [`two_models`]' Secret `openai-key`, which it needs.
pub fn one_model(route: &str, model: &str, (provider, asked): (SocketAddr, &str)) -> String {
    format!(
        "\
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: AIGatewayRoute
metadata: {{name: {route}}}
spec:
  backends:
  - {{name: openai, provider: openai, endpoint: 'http://{provider}/v1', model: '{asked}',
     modelNameOverride: '{model}', auth: {{apiKeyRef: {{name: openai-key}}}}}}
"
    )
}

/// A Secret with this `apiKey`, as a further document.
pub fn secret(name: &str, key: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData: {{apiKey: '{key}'}}\n"
    )
}

/// A Consumer and the Secret with its key, as further documents.
pub fn consumer(name: &str, key: &str) -> String {
    format!(
        "\
---
apiVersion: tollgate.dev/v1alpha1
kind: Consumer
metadata: {{name: {name}}}
spec: {{apiKeys: [{{secretRef: {{name: {name}-client-key}}}}], team: search}}
{}",
        secret(&format!("{name}-client-key"), key)
    )
}
