//! What a Claude model can do, from the version in its name (Anthropic docs, "Models overview",
//! "Extended thinking", "Adaptive thinking", "Effort", "Structured outputs").

/// A generation of Claude. A name that is not Claude's has none: nothing that only some models
/// accept is sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generation {
    family: Family,
    major: u32,
    minor: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Opus,
    Other,
    Unknown,
}

/// How a model can be told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ThinkingMode {
    /// Not at all.
    None,
    /// `thinking: {type: enabled, budget_tokens}`.
    Budget,
    /// `thinking: {type: adaptive}`, guided by `output_config.effort`.
    Adaptive,
}

/// Which of `temperature`, `top_p` and `top_k` a model accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SamplingMode {
    /// All.
    Any,
    /// `temperature` or `top_p`, not both.
    One,
    /// None.
    None,
}

// === impl Generation ===

impl Generation {
    /// Reads `claude-3-7-sonnet-20250219`, `claude-opus-4-5`, `anthropic.claude-sonnet-4-6`, ….
    pub(super) fn of_model(model: &str) -> Self {
        let lower = model.to_ascii_lowercase();
        let words = || lower.split(|c: char| !c.is_ascii_alphanumeric());
        if !words().any(|word| word == "claude") {
            return Self {
                family: Family::Unknown,
                major: 0,
                minor: 0,
            };
        }
        let family = if words().any(|word| word == "opus") {
            Family::Opus
        } else {
            Family::Other
        };
        // Dates have eight digits, versions one or two.
        let mut numbers = words()
            .skip_while(|word| *word != "claude")
            .filter(|word| word.len() <= 2)
            .filter_map(|word| word.parse::<u32>().ok());
        match (numbers.next(), numbers.next()) {
            (Some(major), minor) => Self {
                family,
                major,
                minor: minor.unwrap_or(0),
            },
            // `claude-mythos-preview`: names without a version came with generation 5.
            (None, _) if words().any(|word| matches!(word, "mythos" | "fable")) => Self {
                family,
                major: 5,
                minor: 0,
            },
            (None, _) => Self {
                family,
                major: 0,
                minor: 0,
            },
        }
    }

    fn is_at_least(self, major: u32, minor: u32) -> bool {
        (self.major, self.minor) >= (major, minor)
    }

    /// How it thinks: budgets from 3.7 on, adaptive from 4.6 on (which 4.7 requires).
    pub(super) fn thinking(self) -> ThinkingMode {
        if self.is_at_least(4, 6) {
            ThinkingMode::Adaptive
        } else if self.is_at_least(3, 7) {
            ThinkingMode::Budget
        } else {
            ThinkingMode::None
        }
    }

    /// The value of `output_config.effort` for OpenAI's `reasoning_effort`; `None`: the model
    /// has no such field. `xhigh` came with 4.7, `max` with 4.6.
    pub(super) fn effort(self, level: Level) -> Option<&'static str> {
        let has_effort =
            self.is_at_least(4, 6) || (self.family == Family::Opus && self.is_at_least(4, 5));
        has_effort.then(|| match level {
            Level::Minimal | Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
            Level::XHigh if self.is_at_least(4, 7) => "xhigh",
            Level::XHigh => "high",
            Level::Max if self.is_at_least(4, 6) => "max",
            Level::Max => "high",
        })
    }

    /// Accepts `output_config.format` with a JSON schema, and `strict` tools.
    pub(super) fn has_structured_output(self) -> bool {
        self.is_at_least(4, 5)
    }

    /// Which sampling parameters it accepts: 4.1 to 4.6 one of two, later ones none.
    pub(super) fn sampling(self) -> SamplingMode {
        if self.is_at_least(4, 7) {
            SamplingMode::None
        } else if self.is_at_least(4, 1) {
            SamplingMode::One
        } else {
            SamplingMode::Any
        }
    }
}

/// OpenAI's `reasoning_effort`, and `max`, which Anthropic adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_is_read_from_every_naming_scheme() {
        for (model, major, minor) in [
            ("claude-3-opus", 3, 0),
            ("claude-3-5-haiku-latest", 3, 5),
            ("claude-3-7-sonnet-20250219", 3, 7),
            ("claude-sonnet-4-20250514", 4, 0),
            ("claude-opus-4-1-20250805", 4, 1),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 4, 5),
            ("anthropic/claude-opus-4.6", 4, 6),
            ("claude-opus-5", 5, 0),
            ("claude-mythos-preview", 5, 0),
            ("claude-2.1", 2, 1),
            ("my-alias-4-7", 0, 0),
        ] {
            let generation = Generation::of_model(model);
            assert_eq!(
                (generation.major, generation.minor),
                (major, minor),
                "{model}"
            );
        }
    }

    #[test]
    fn unknown_model_is_sent_nothing_special() {
        let unknown = Generation::of_model("smart");
        assert_eq!(unknown.thinking(), ThinkingMode::None);
        assert_eq!(unknown.effort(Level::High), None);
        assert!(!unknown.has_structured_output());
        assert_eq!(unknown.sampling(), SamplingMode::Any);
    }
}
