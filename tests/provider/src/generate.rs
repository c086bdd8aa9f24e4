//! Decides what the simulated model says: text, tool calls, structured output, reasoning, each
//! with true token counts. Reads an `Ask`; the renderers put its `Answer` on the wire.

use crate::{
    ask::{Api, Ask, Tool, ToolChoice, Turn},
    script::Produced,
    tokens::Piece,
};

mod sample;
mod text;

/// Tool calls of one answer at most.
const CALLS_MAX: usize = 8;

/// Output tokens of one request at most, all choices together.
pub(crate) const OUTPUT_TOKENS_MAX: u64 = 1_000_000;

/// What the model says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// `n` of them.
    pub(crate) choices: Vec<Choice>,
}

/// One choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Thinking, before the content.
    pub(crate) reasoning: Vec<Piece>,
    pub(crate) content: Content,
    pub(crate) finish: Finish,
}

/// What follows the thinking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Text(Vec<Piece>),
    Calls(Vec<Call>),
}

/// A tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// Charged with the first piece's chunk.
    pub(crate) name_tokens: u64,
    /// The JSON of its arguments.
    pub(crate) arguments: Vec<Piece>,
}

/// Why the choice ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    Stop,
    StopSequence(String),
    Length,
    ToolCalls,
}

/// Answers `ask`; the same ask gets the same answer.
pub(crate) fn generate(ask: &Ask) -> Answer {
    let choices = (0..ask.choices).map(|index| choice(ask, index)).collect();
    Answer { choices }
}

fn choice(ask: &Ask, index: u32) -> Choice {
    // Choices share one bound, so that no request can ask for more memory than one huge answer.
    let share = OUTPUT_TOKENS_MAX / u64::from(ask.choices.max(1));
    let limit = ask.output_tokens_max.unwrap_or(u64::MAX).min(share);
    let reasoning = think(ask, limit);
    let limit = limit - tokens_of(&reasoning);
    let called = called_tools(ask);
    let (content, finish) = if called.is_empty() {
        say(ask, index, limit)
    } else {
        call(ask, &called, limit)
    };
    Choice {
        reasoning,
        content,
        finish,
    }
}

fn think(ask: &Ask, limit: u64) -> Vec<Piece> {
    let tokens = ask.reasoning_tokens.min(limit);
    if tokens == 0 {
        return Vec::new();
    }
    let text = text::of_length("Thinking about the question, as a simulation", tokens);
    ask.vocabulary.split(&text, tokens, tokens_per_piece(ask))
}

fn say(ask: &Ask, index: u32, limit: u64) -> (Content, Finish) {
    let (wanted, text) = match &ask.schema {
        Some(schema) => (u64::MAX, sample::value(schema).to_string()),
        None => said(ask, index, limit),
    };
    // A stop sequence ends the text before any limit does, if it comes first.
    let stop = ask
        .stop
        .iter()
        .filter(|stop| !stop.is_empty())
        .filter_map(|stop| text.find(stop.as_str()).map(|at| (at, stop)))
        .min();
    let (shown, mut finish) = match stop {
        Some((at, stop)) => (&text[..at], Finish::StopSequence(stop.clone())),
        None => (text.as_str(), Finish::Stop),
    };
    let pieces = ask
        .vocabulary
        .split(shown, limit.min(wanted), tokens_per_piece(ask));
    let complete = pieces.iter().map(|piece| piece.text.len()).sum::<usize>() == shown.len();
    if !complete {
        // The directive's length is where the model means to stop; the request's limit is not.
        finish = if wanted <= limit {
            Finish::Stop
        } else {
            Finish::Length
        };
    }
    (Content::Text(pieces), finish)
}

/// Exact tokens wanted, if a directive says so, and text that has more than them or than `limit`.
fn said(ask: &Ask, index: u32, limit: u64) -> (u64, String) {
    let provider = match ask.api {
        Api::OpenAi => "OpenAI",
        Api::Azure => "Azure OpenAI",
        Api::Anthropic => "Anthropic",
    };
    let which = match index {
        0 => String::new(),
        index => format!(" (choice {index})"),
    };
    let base = match &ask.last {
        Turn::User(said) => format!(
            "This is a simulated {provider} answer{which}. You said: “{}”",
            text::bounded(said)
        ),
        Turn::ToolResult(result) => format!(
            "This is a simulated {provider} answer{which}. The tool returned: {}",
            text::bounded(result)
        ),
    };
    match ask.directives.output {
        Some(tokens) => (tokens, text::of_length(&base, tokens.min(limit))),
        None => (u64::MAX, base),
    }
}

/// The tools this answer calls, in the order they were declared.
fn called_tools(ask: &Ask) -> Vec<&Tool> {
    let said = match &ask.last {
        Turn::User(text) => text.to_lowercase(),
        Turn::ToolResult(_) => String::new(),
    };
    let mentioned = ask
        .tools
        .iter()
        .filter(|tool| said.contains(&tool.name.to_lowercase()));
    match &ask.tool_choice {
        ToolChoice::None => Vec::new(),
        ToolChoice::Named(name) => ask.tools.iter().filter(|tool| tool.name == *name).collect(),
        ToolChoice::Auto => mentioned.take(CALLS_MAX).collect(),
        ToolChoice::Any => {
            let mentioned: Vec<_> = mentioned.take(CALLS_MAX).collect();
            if mentioned.is_empty() {
                ask.tools.first().into_iter().collect()
            } else {
                mentioned
            }
        }
    }
}

fn call(ask: &Ask, tools: &[&Tool], mut limit: u64) -> (Content, Finish) {
    let mut calls = Vec::new();
    let mut finish = Finish::ToolCalls;
    for tool in tools {
        let name_tokens = tokens_of(&ask.vocabulary.split(&tool.name, u64::MAX, usize::MAX));
        if limit <= name_tokens {
            finish = Finish::Length;
            break;
        }
        limit -= name_tokens;
        let json = sample::value(&tool.schema).to_string();
        let arguments = ask.vocabulary.split(&json, limit, tokens_per_piece(ask));
        limit -= tokens_of(&arguments);
        let complete = arguments
            .iter()
            .map(|piece| piece.text.len())
            .sum::<usize>()
            == json.len();
        calls.push(Call {
            name: tool.name.clone(),
            name_tokens,
            arguments,
        });
        if !complete {
            finish = Finish::Length;
            break;
        }
    }
    if calls.is_empty() {
        return (Content::Text(Vec::new()), finish);
    }
    (Content::Calls(calls), finish)
}

fn tokens_per_piece(ask: &Ask) -> usize {
    ask.directives.chunk_tokens.unwrap_or(1)
}

fn tokens_of(pieces: &[Piece]) -> u64 {
    pieces.iter().map(|piece| piece.tokens).sum()
}

// === impl Answer ===

impl Answer {
    /// Output and reasoning tokens of all choices.
    pub(crate) fn produced(&self) -> Produced {
        let mut sum = Produced::default();
        for choice in &self.choices {
            let reasoning = tokens_of(&choice.reasoning);
            let content: u64 = match &choice.content {
                Content::Text(pieces) => tokens_of(pieces),
                Content::Calls(calls) => calls
                    .iter()
                    .map(|call| call.name_tokens + tokens_of(&call.arguments))
                    .sum(),
            };
            sum += Produced {
                output: reasoning + content,
                reasoning,
            };
        }
        sum
    }
}

/// The text of the pieces together.
pub(crate) fn joined(pieces: &[Piece]) -> String {
    pieces.iter().map(|piece| piece.text.as_str()).collect()
}
