//! Token usage of one answer, in one convention whatever the provider's.

use serde::{Deserialize, Serialize};

/// Tokens of one answer. Cached tokens and cache writes are part of `input` (OpenAI's way;
/// Anthropic reports them beside it), reasoning is part of `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Prompt tokens, cached and cache-writing ones included.
    pub input: u64,
    /// Prompt tokens read from the provider's cache.
    pub cached_input: u64,
    /// Prompt tokens written to the provider's cache.
    pub cache_write: u64,
    /// Completion tokens, reasoning included.
    pub output: u64,
    /// Completion tokens spent on reasoning.
    pub reasoning: u64,
}

// === impl Usage ===

impl Usage {
    /// Input and output.
    pub const fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}
