//! The providers that a compact AIGatewayRoute can name, and where each is reached.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A provider by name.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// OpenAI.
    Openai,
    /// Anthropic.
    Anthropic,
    /// Azure OpenAI; needs `endpoint`.
    AzureOpenai,
    /// Any server that speaks OpenAI's API; needs `endpoint`.
    OpenaiCompatible,
    /// DeepSeek.
    Deepseek,
    /// Fireworks AI.
    Fireworks,
    /// Google's Gemini, through its OpenAI-compatible API.
    Gemini,
    /// Groq.
    Groq,
    /// Mistral AI.
    Mistral,
    /// Ollama on the gateway's machine.
    Ollama,
    /// OpenRouter.
    Openrouter,
    /// Together AI.
    Together,
    /// xAI.
    Xai,
}

/// The API that a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderApi {
    /// OpenAI's, with its path prefix in the base URL.
    OpenAi,
    /// Azure's deployments with an `api-version`.
    AzureOpenAi,
    /// Anthropic's Messages.
    Anthropic,
}

// === impl Provider ===

impl Provider {
    /// Every provider, in the order of the schema.
    pub const ALL: [Self; 13] = [
        Self::Openai,
        Self::Anthropic,
        Self::AzureOpenai,
        Self::OpenaiCompatible,
        Self::Deepseek,
        Self::Fireworks,
        Self::Gemini,
        Self::Groq,
        Self::Mistral,
        Self::Ollama,
        Self::Openrouter,
        Self::Together,
        Self::Xai,
    ];

    /// Name in objects: `azure-openai`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::AzureOpenai => "azure-openai",
            Self::OpenaiCompatible => "openai-compatible",
            Self::Deepseek => "deepseek",
            Self::Fireworks => "fireworks",
            Self::Gemini => "gemini",
            Self::Groq => "groq",
            Self::Mistral => "mistral",
            Self::Ollama => "ollama",
            Self::Openrouter => "openrouter",
            Self::Together => "together",
            Self::Xai => "xai",
        }
    }

    /// The API this provider speaks.
    pub const fn api(self) -> ProviderApi {
        match self {
            Self::Anthropic => ProviderApi::Anthropic,
            Self::AzureOpenai => ProviderApi::AzureOpenAi,
            Self::Openai
            | Self::OpenaiCompatible
            | Self::Deepseek
            | Self::Fireworks
            | Self::Gemini
            | Self::Groq
            | Self::Mistral
            | Self::Ollama
            | Self::Openrouter
            | Self::Together
            | Self::Xai => ProviderApi::OpenAi,
        }
    }

    /// Base URL from the provider's API reference: everything before `/chat/completions` (or
    /// `/messages`). `None` where only the user can know it.
    pub const fn base_url(self) -> Option<&'static str> {
        Some(match self {
            // platform.openai.com/docs/api-reference
            Self::Openai => "https://api.openai.com/v1",
            // docs.anthropic.com/en/api/messages
            Self::Anthropic => "https://api.anthropic.com/v1",
            // api-docs.deepseek.com
            Self::Deepseek => "https://api.deepseek.com/v1",
            // docs.fireworks.ai/tools-sdks/openai-compatibility
            Self::Fireworks => "https://api.fireworks.ai/inference/v1",
            // ai.google.dev/gemini-api/docs/openai
            Self::Gemini => "https://generativelanguage.googleapis.com/v1beta/openai",
            // console.groq.com/docs/openai
            Self::Groq => "https://api.groq.com/openai/v1",
            // docs.mistral.ai/api
            Self::Mistral => "https://api.mistral.ai/v1",
            // docs.ollama.com/openai
            Self::Ollama => "http://127.0.0.1:11434/v1",
            // openrouter.ai/docs/quickstart
            Self::Openrouter => "https://openrouter.ai/api/v1",
            // docs.together.ai/docs/inference/openai-compatibility
            Self::Together => "https://api.together.ai/v1",
            // docs.x.ai/docs/api-reference
            Self::Xai => "https://api.x.ai/v1",
            Self::AzureOpenai | Self::OpenaiCompatible => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Provider;

    #[test]
    fn each_provider_is_written_by_its_name() {
        for provider in Provider::ALL {
            assert_eq!(serde_json::to_value(provider).unwrap(), provider.name());
        }
    }

    #[test]
    fn only_providers_without_a_public_address_have_no_base_url() {
        let without: Vec<_> = Provider::ALL
            .into_iter()
            .filter(|provider| provider.base_url().is_none())
            .collect();
        assert_eq!(without, [Provider::AzureOpenai, Provider::OpenaiCompatible]);
    }
}
