//! How much the model thinks: `reasoning_effort`, or Anthropic's own `thinking` as given.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    client::ChatBody,
    generation::{Generation, Level, ThinkingMode},
    messages::Conversation,
    wire::{ChosenThinking, Thinking, ToolChoice, ToolChoiceKind},
};
use crate::{InvalidRequest, json::Text};

/// Smallest budget that Messages accepts ("Extended thinking").
const BUDGET_TOKENS_MIN: u64 = 1024;

/// What is asked of the model.
#[derive(Debug)]
pub(super) struct Reasoning<'a> {
    thinking: Option<Thinking<'a>>,
    effort: Option<&'static str>,
}

// === impl Reasoning ===

impl<'a> Reasoning<'a> {
    /// `thinking` wins over `reasoning_effort`.
    pub(super) fn choose(
        chat: &ChatBody<'a>,
        generation: Generation,
        max_tokens: u64,
        conversation: &Conversation<'_>,
        tool_choice: &Option<ToolChoice<'_>>,
    ) -> Result<Self, InvalidRequest> {
        let level = match &chat.reasoning_effort {
            Some(Text(effort)) => level(effort)?,
            None => None,
        };
        let effort = level.and_then(|level| generation.effort(level));
        if let Some(given) = chat.thinking {
            return Ok(Self {
                thinking: given_thinking(given, max_tokens)?,
                effort,
            });
        }
        let is_forced = matches!(
            tool_choice.as_ref().map(|choice| &choice.kind),
            Some(ToolChoiceKind::Any | ToolChoiceKind::Tool { .. })
        );
        // A forced tool and thinking exclude each other ("Extended thinking with tool use").
        let thinking = level
            .filter(|_| !is_forced)
            .and_then(|level| match generation.thinking() {
                ThinkingMode::None => None,
                ThinkingMode::Adaptive => Some(ChosenThinking::Adaptive),
                ThinkingMode::Budget if conversation.continues_without_thinking() => None,
                ThinkingMode::Budget => budget(level, max_tokens),
            });
        Ok(Self {
            thinking: thinking.map(Thinking::Chosen),
            effort,
        })
    }

    /// The model will think, which rules out most sampling parameters.
    pub(super) fn is_thinking(&self) -> bool {
        match &self.thinking {
            None => false,
            Some(Thinking::Chosen(_)) => true,
            Some(Thinking::Given(given)) => serde_json::from_str::<Kind<'_>>(given.get())
                .is_ok_and(|kind| kind.r#type.is_none_or(|kind| kind.0 != "disabled")),
        }
    }

    /// `thinking` and `output_config.effort`.
    pub(super) fn into_parts(self) -> (Option<Thinking<'a>>, Option<&'static str>) {
        (self.thinking, self.effort)
    }
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    budget_tokens: Option<u64>,
}

/// The client's own object, unless its budget no longer fits under a limit that the gateway
/// lowered (the budget must be smaller than `max_tokens`).
fn given_thinking<'a>(
    given: &'a RawValue,
    max_tokens: u64,
) -> Result<Option<Thinking<'a>>, InvalidRequest> {
    let kind: Kind<'_> = serde_json::from_str(given.get())
        .map_err(|error| InvalidRequest::field("thinking", error))?;
    match kind.budget_tokens {
        Some(asked) if asked >= max_tokens => {
            let fitting = max_tokens.saturating_sub(1);
            Ok((fitting >= BUDGET_TOKENS_MIN).then_some(Thinking::Chosen(
                ChosenThinking::Enabled {
                    budget_tokens: fitting,
                },
            )))
        }
        _ => Ok(Some(Thinking::Given(given))),
    }
}

/// A budget for models without effort levels, leaving a fifth of the limit for the answer.
fn budget(level: Level, max_tokens: u64) -> Option<ChosenThinking> {
    let wanted = match level {
        Level::Minimal | Level::Low => BUDGET_TOKENS_MIN,
        Level::Medium => 4096,
        Level::High => 16_384,
        Level::XHigh | Level::Max => 32_768,
    };
    let budget_tokens = wanted.min(max_tokens / 5 * 4);
    (budget_tokens >= BUDGET_TOKENS_MIN).then_some(ChosenThinking::Enabled { budget_tokens })
}

/// `none` is no level: Claude thinks only when asked to.
fn level(effort: &str) -> Result<Option<Level>, InvalidRequest> {
    Ok(Some(match effort {
        "none" => return Ok(None),
        "minimal" => Level::Minimal,
        "low" => Level::Low,
        "medium" => Level::Medium,
        "high" => Level::High,
        "xhigh" => Level::XHigh,
        "max" => Level::Max,
        other => {
            return Err(InvalidRequest::field(
                "reasoning_effort",
                format_args!(
                    "must be none, minimal, low, medium, high, xhigh or max; {:?} is not",
                    crate::json::prefix(other, 64)
                ),
            ));
        }
    }))
}
