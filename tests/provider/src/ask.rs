//! What a request asks for, whichever API it came by. Made by `openai::parse` and
//! `anthropic::parse`, read by `generate` and the renderers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{directive::Directives, tokens::Vocabulary};

/// The API a request came by, which also names the form of its answer and errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Api {
    /// `…/chat/completions`
    OpenAi,
    /// `/openai/deployments/{model}/chat/completions`
    Azure,
    /// `…/messages`
    Anthropic,
}

/// A parsed request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// The API it came by.
    pub(crate) api: Api,
    /// As the client spelled it, suffix included.
    pub(crate) model: String,
    /// The model's vocabulary.
    pub(crate) vocabulary: Vocabulary,
    /// True tokens of the prompt, cached ones included.
    pub(crate) prompt_tokens: u64,
    /// Whether and how the answer is streamed.
    pub(crate) stream: Streaming,
    /// Answers wanted (`n`), at least 1.
    pub(crate) choices: u32,
    /// Most output tokens of one choice.
    pub(crate) output_tokens_max: Option<u64>,
    /// Texts that end the answer.
    pub(crate) stop: Vec<String>,
    /// What the answer responds to.
    pub(crate) last: Turn,
    /// Functions the model may call.
    pub(crate) tools: Vec<Tool>,
    /// Whether it may or must call them.
    pub(crate) tool_choice: ToolChoice,
    /// The JSON Schema the answer must satisfy; `true` (any JSON object) for `json_object`.
    pub(crate) schema: Option<Value>,
    /// Reasoning tokens to spend before answering.
    pub(crate) reasoning_tokens: u64,
    /// Directives of the last user message and of the model's suffix.
    pub(crate) directives: Directives,
}

/// How the answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Streaming {
    /// As one JSON body.
    Whole,
    /// As server-sent events without usage (OpenAI's default).
    Events,
    /// As server-sent events with usage.
    EventsWithUsage,
}

/// The last message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Text by the user (or any other role), directives removed.
    User(String),
    /// The result of a tool call.
    ToolResult(String),
}

/// A function the model may call.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    /// Its name.
    pub(crate) name: String,
    /// The JSON Schema of its arguments.
    pub(crate) schema: Value,
}

/// Whether tools are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ToolChoice {
    /// When the last user message names one.
    Auto,
    /// Never.
    None,
    /// At least one.
    Any,
    /// This one.
    Named(String),
}

// === impl Ask ===

impl Ask {
    /// Cached and cache-write tokens of the prompt; both lie within `prompt_tokens`.
    /// OpenAI does not charge cache writes apart, so it has none.
    pub(crate) fn cache_split(&self) -> (u64, u64) {
        let cached = self.directives.cached.min(self.prompt_tokens);
        let written = match self.api {
            Api::Anthropic => self.directives.cache_write.min(self.prompt_tokens - cached),
            Api::OpenAi | Api::Azure => 0,
        };
        (cached, written)
    }
}
