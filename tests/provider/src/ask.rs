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
pub struct Ask {
    /// The API it came by.
    pub api: Api,
    /// As the client spelled it, suffix included.
    pub model: String,
    /// The model's vocabulary.
    pub vocabulary: Vocabulary,
    /// True tokens of the prompt, cached ones included.
    pub prompt_tokens: u64,
    /// Whether and how the answer is streamed.
    pub stream: Streaming,
    /// Answers wanted (`n`), at least 1.
    pub choices: u32,
    /// Most output tokens of one choice.
    pub output_tokens_max: Option<u64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// What the answer responds to.
    pub last: Turn,
    /// Functions the model may call.
    pub tools: Vec<Tool>,
    /// Whether it may or must call them.
    pub tool_choice: ToolChoice,
    /// The JSON Schema the answer must satisfy; `true` (any JSON object) for `json_object`.
    pub schema: Option<Value>,
    /// Reasoning tokens to spend before answering.
    pub reasoning_tokens: u64,
    /// Directives of the last user message and of the model's suffix.
    pub directives: Directives,
}

/// How the answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streaming {
    /// As one JSON body.
    Whole,
    /// As server-sent events without usage (OpenAI's default).
    Events,
    /// As server-sent events with usage.
    EventsWithUsage,
}

/// The last message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Text by the user (or any other role), directives removed.
    User(String),
    /// The result of a tool call.
    ToolResult(String),
}

/// A function the model may call.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// The JSON Schema of its arguments.
    pub schema: Value,
}

/// Whether tools are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// When the last user message names one.
    Auto,
    /// Never.
    None,
    /// At least one.
    Any,
    /// This one.
    Named(String),
}

// === impl Api ===

impl Api {
    /// Lower-case name, as in tallies and fault rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Azure => "azure",
            Self::Anthropic => "anthropic",
        }
    }
}

// === impl Ask ===

impl Ask {
    /// Cached and cache-write tokens of the prompt; both lie within `prompt_tokens`.
    /// OpenAI does not charge cache writes apart, so it has none.
    pub fn cache_split(&self) -> (u64, u64) {
        let cached = self.directives.cached.min(self.prompt_tokens);
        let written = match self.api {
            Api::Anthropic => self.directives.cache_write.min(self.prompt_tokens - cached),
            Api::OpenAi | Api::Azure => 0,
        };
        (cached, written)
    }
}
