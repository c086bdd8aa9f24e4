//! What an expression may read: the names and the token counts of one call.

/// Names of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Names<'a> {
    /// `model`: the model that is asked of the provider.
    pub model: &'a str,
    /// `backend`: the provider, as the user named it.
    pub backend: &'a str,
    /// `route_name`: `namespace/name` of the route.
    pub route: &'a str,
}

/// Token counts of one call: cached tokens and cache writes are parts of `input` that do not
/// overlap, reasoning is a part of `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// `input_tokens`
    pub input: u64,
    /// `cached_input_tokens`
    pub cached_input: u64,
    /// `cache_creation_input_tokens`
    pub cache_write: u64,
    /// `output_tokens`
    pub output: u64,
    /// `reasoning_tokens`
    pub reasoning: u64,
}

// === impl Counts ===

impl Counts {
    /// `total_tokens`
    pub const fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// These counts with every part cut to what there is: a provider may report anything, and an
    /// expression such as `input_tokens - cached_input_tokens` must never go below zero.
    #[must_use]
    pub fn coherent(self) -> Self {
        let cached_input = self.cached_input.min(self.input);
        Self {
            cached_input,
            cache_write: self.cache_write.min(self.input - cached_input),
            reasoning: self.reasoning.min(self.output),
            ..self
        }
    }

    /// The corners of what a call of at most so many tokens can come to: no input, or all of it
    /// plain, cached, or written to the cache; no output, or all of it plain or reasoning.
    pub fn corners(input: u64, output: u64) -> impl Iterator<Item = Self> {
        let inputs = [
            (0, 0, 0),
            (input, 0, 0),
            (input, input, 0),
            (input, 0, input),
        ];
        let outputs = [(0, 0), (output, 0), (output, output)];
        // Of nothing all corners are one.
        let inputs = inputs.into_iter().take(if input == 0 { 1 } else { 4 });
        let outputs_len = if output == 0 { 1 } else { 3 };
        inputs.flat_map(move |(input, cached_input, cache_write)| {
            let outputs = outputs.into_iter().take(outputs_len);
            outputs.map(move |(output, reasoning)| Self {
                input,
                cached_input,
                cache_write,
                output,
                reasoning,
            })
        })
    }
}
