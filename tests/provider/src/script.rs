//! The script of one answer: its head, then steps that send, wait or break off. The renderers write
//! it, `fault::apply` edits it, `play` performs it.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use crate::{ask::Ask, fault::Ending, generate::Answer};

/// One answer, ready to be performed.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    /// Headers besides content-type and content-length.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Waits and endings before the head; nothing is sent here.
    pub(crate) before_head: Vec<Step>,
    pub(crate) steps: Vec<Step>,
    /// `content-length`, which a cut body does not reach; chunked when `None`.
    pub(crate) length: Option<usize>,
    /// Prompt tokens the provider charges once it answers; zero for errors.
    pub(crate) prompt: Prompt,
}

/// One step of a script.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send(Frame),
    Pause(Duration),
    Hang,
    Break(Ending),
}

/// Bytes sent at once and the tokens that leave the provider with them.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    pub(crate) produced: Produced,
    pub(crate) kind: FrameKind,
}

/// What a frame holds, for the faults that count chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// Generated text, arguments or thinking.
    Content,
    /// The JSON body of an answer that is not streamed.
    Whole,
    /// Anything around them.
    Frame,
}

/// Output tokens of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Produced {
    /// All output tokens, reasoning included.
    pub(crate) output: u64,
    pub(crate) reasoning: u64,
}

/// Prompt tokens of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// All of them, the next two included.
    pub(crate) input: u64,
    pub(crate) cached: u64,
    pub(crate) cache_write: u64,
}

/// How usage is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum UsageMode {
    #[default]
    Once,
    None,
    Zero,
    Twice,
    Cumulative,
    Late(Duration),
}

/// Usage as reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) prompt: Prompt,
    pub(crate) produced: Produced,
}

/// What a renderer needs.
pub(crate) struct Rendering<'a> {
    pub(crate) ask: &'a Ask,
    pub(crate) answer: &'a Answer,
    /// Number of the request, from 1; ids are made of it.
    pub(crate) number: u64,
    /// Unix time, in seconds.
    pub(crate) created: u64,
    pub(crate) usage_mode: UsageMode,
}

// === impl Script ===

impl Script {
    /// A complete JSON body.
    pub(crate) fn json(status: StatusCode, body: Bytes) -> Self {
        let length = Some(body.len());
        let frame = Frame {
            bytes: body,
            produced: Produced::default(),
            kind: FrameKind::Whole,
        };
        Self {
            status,
            content_type: "application/json",
            headers: Vec::new(),
            before_head: Vec::new(),
            steps: vec![Step::Send(frame)],
            length,
            prompt: Prompt::default(),
        }
    }
}

// === impl Prompt ===

impl Prompt {
    pub(crate) fn of(ask: &Ask) -> Self {
        let (cached, cache_write) = ask.cache_split();
        Self {
            input: ask.prompt_tokens,
            cached,
            cache_write,
        }
    }
}

// === impl Produced ===

impl std::ops::AddAssign for Produced {
    fn add_assign(&mut self, other: Self) {
        self.output += other.output;
        self.reasoning += other.reasoning;
    }
}

// === impl Rendering ===

impl Rendering<'_> {
    /// Usage after `produced`, as the mode reports it.
    pub(crate) fn usage(&self, produced: Produced) -> Usage {
        match self.usage_mode {
            UsageMode::Zero => Usage::default(),
            _ => Usage {
                prompt: Prompt::of(self.ask),
                produced,
            },
        }
    }

    /// Puts the pause of the request's directive before a frame of content.
    pub(crate) fn push_content(&self, steps: &mut Vec<Step>, bytes: Bytes, produced: Produced) {
        let delay_ms = self.ask.directives.chunk_delay_ms;
        if delay_ms > 0 {
            steps.push(Step::Pause(Duration::from_millis(delay_ms)));
        }
        steps.push(Step::Send(Frame {
            bytes,
            produced,
            kind: FrameKind::Content,
        }));
    }
}

/// A frame around the content.
pub(crate) fn plain(bytes: Bytes) -> Step {
    Step::Send(Frame {
        bytes,
        produced: Produced::default(),
        kind: FrameKind::Frame,
    })
}
