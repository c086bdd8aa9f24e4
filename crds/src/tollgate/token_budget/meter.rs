//! What a budget counts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Meter {
    /// Input and output tokens.
    #[default]
    Total,
    /// Prompt tokens, cached ones included.
    Input,
    /// Completion tokens, reasoning included.
    Output,
    /// The part of the prompt that the provider read from its cache.
    CachedInput,
    /// The part of the prompt that the provider wrote to its cache.
    CacheWrite,
    /// The part of the completion that was reasoning.
    Reasoning,
    /// Requests that reached a provider.
    Requests,
    /// What `expression` makes of the token counts.
    Expression,
    /// Money, by the table that `prices` names.
    Money,
}

/// A ConfigMap of the same namespace with the prices of models.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PriceTableReference {
    /// Name of the ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}
