//! The configuration of the built-in demo: two simulated providers, two consumers, small budgets.
//!
//! Written in the kinds that people write, so that it can be printed and copied.

use std::net::SocketAddr;

/// Client key of the demo's consumer alice.
pub const DEMO_KEY_ALICE: &str = "sk-demo-alice";
/// Client key of the demo's consumer bob.
pub const DEMO_KEY_BOB: &str = "sk-demo-bob";
/// The model that the demo serves.
pub const DEMO_MODEL: &str = "gpt-4";

/// Tokens that each consumer may spend in a minute. The simulator answers a greeting with 22
/// tokens in all and a conversation with two tools takes some 500: a tour of the API fits, a loop
/// of some 45 greetings does not.
const TOKENS_PER_MINUTE: u64 = 1000;
/// Output tokens held for a request that names no limit: a few requests at once fit.
const OUTPUT_TOKENS: u64 = 128;

/// The demo's manifests, with the simulated OpenAI and Anthropic at these addresses.
pub fn demo_manifests(openai: SocketAddr, anthropic: SocketAddr) -> String {
    format!(
        "\
# The built-in demo: model {DEMO_MODEL}, first from a simulated OpenAI, then from a simulated Anthropic.
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: AIGatewayRoute
metadata:
  name: llm-router
spec:
  backends:
  - name: openai
    priority: 0
    provider: openai
    endpoint: http://{openai}/v1
    model: {DEMO_MODEL}
    auth: {{type: APIKey, apiKeyRef: {{name: openai-key}}}}
  - name: anthropic
    priority: 1
    provider: anthropic
    endpoint: http://{anthropic}/v1
    model: claude-3-opus
    modelNameOverride: {DEMO_MODEL}
    auth: {{type: APIKey, apiKeyRef: {{name: anthropic-key}}}}
  # Held for a request that names no max_tokens.
  outputTokens: {{default: {OUTPUT_TOKENS}}}
  rateLimit:
    tokenBudget: {{perMinute: {TOKENS_PER_MINUTE}, perDay: 20000}}
---
apiVersion: v1
kind: Secret
metadata: {{name: openai-key}}
stringData: {{apiKey: demo-openai-key}}
---
apiVersion: v1
kind: Secret
metadata: {{name: anthropic-key}}
stringData: {{apiKey: demo-anthropic-key}}
{alice}{bob}",
        alice = consumer("alice", DEMO_KEY_ALICE),
        bob = consumer("bob", DEMO_KEY_BOB),
    )
}

fn consumer(name: &str, key: &str) -> String {
    format!(
        "---
apiVersion: tollgate.dev/v1alpha1
kind: Consumer
metadata: {{name: {name}}}
spec: {{apiKeys: [{{secretRef: {{name: {name}-key}}}}], team: demo}}
---
apiVersion: v1
kind: Secret
metadata: {{name: {name}-key}}
stringData: {{apiKey: {key}}}
"
    )
}
