//! How a stream ends that the gateway ends: as one that ran into its token limit.

use super::chunk::{ChunkChoice, Completion, Delta, Stamp, event};
use crate::Usage;

/// Writes the last chunk of every choice with `finish_reason: "length"`, the usage chunk if the
/// client asked for one, and `[DONE]`.
pub(super) fn write(
    out: &mut Vec<u8>,
    stamp: &Stamp,
    choices: u64,
    include_usage: bool,
    usage: Usage,
) {
    let chunk = |choices, usage| Completion {
        id: &stamp.id,
        object: "chat.completion.chunk",
        created: stamp.created,
        model: &stamp.model,
        choices,
        usage,
    };
    for index in 0..choices {
        let choice = ChunkChoice {
            index,
            delta: Delta::default(),
            logprobs: (),
            finish_reason: Some("length"),
        };
        event(out, &chunk(vec![choice], include_usage.then_some(None)));
    }
    if include_usage {
        event(out, &chunk(Vec::new(), Some(Some(usage.into()))));
    }
    out.extend_from_slice(b"data: [DONE]\n\n");
}
