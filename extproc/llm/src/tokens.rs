//! How many tokens a text is: exactly where the tokenizer is known, else bounded from above.

mod bpe;
mod media;
mod texts;

#[cfg(test)]
mod tests;

use crate::{ChatRequest, InputShape};

/// A tokenizer that is known exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// gpt-4, gpt-3.5
    Cl100k,
    /// gpt-4o, gpt-4.1, gpt-5, o-series
    O200k,
}

/// Around each message and each of its calls: 3 in OpenAI's formats and 1 for a name (OpenAI
/// cookbook, "How to count tokens with tiktoken"), 1 more to spare.
const MESSAGE_OVERHEAD: u64 = 4;

/// Around each message, and once to prime the answer (OpenAI cookbook, as above).
const COOKBOOK_MESSAGE: u64 = 3;
const COOKBOOK_PRIMING: u64 = 3;

/// What is estimated for text beyond the cap: a usual ratio, never used for a bound.
const BYTES_PER_TOKEN: u64 = 4;

/// Priming of the answer (3 in the cookbook), and what begins a conversation in newer formats.
const REQUEST_OVERHEAD: u64 = 16;

/// A prompt that a provider adds for tools or a response format. The largest that is documented:
/// Anthropic's tool use system prompt, under 1000 tokens ("Tool use", pricing).
const HIDDEN_PROMPT: u64 = 1024;

/// Around all tools of a request in OpenAI's own rendering, which is shorter than their JSON.
const TOOLS_OVERHEAD: u64 = 64;

// === impl Encoding ===

impl Encoding {
    /// The tokenizer of a model, if it is known. A provider's prefix (`openai/`) and what follows
    /// the family (dates, sizes) do not matter.
    pub fn of_model(model: &str) -> Option<Self> {
        let name = base_name(model);
        let is_of = |families: &[&str]| {
            families.iter().any(|family| {
                name.strip_prefix(family)
                    .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
            })
        };
        if is_of(&[
            "gpt-4o",
            "chatgpt-4o",
            "gpt-4.1",
            "gpt-4.5",
            "gpt-5",
            "gpt-oss",
            "o1",
            "o3",
            "o4",
        ]) {
            Some(Self::O200k)
        } else if !name.starts_with("gpt-4.") && is_of(&["gpt-4", "gpt-3.5", "gpt-35"]) {
            // `gpt-35` is Azure's spelling.
            Some(Self::Cl100k)
        } else {
            None
        }
    }
}

/// A true upper bound on the input tokens that `model` makes of a request, for any tokenizer that
/// takes at least one byte for each token: cheap, needs only the shape.
///
/// Bytes of images and PDFs are not text: an image costs what the model takes for one at most
/// (the dearest known model's price where the model is not known), and what files cost is
/// bounded by documented page limits; see the table in `media`.
pub fn input_bound(model: &str, input: &InputShape) -> u64 {
    bound(input, media::image_tokens_max(model))
}

/// Tightens [`input_bound`] by counting the text of `body`; `None`: the model's tokenizer is not
/// known. CPU-bound (up to tens of ms): never call it on an I/O thread. Texts longer than
/// `text_bytes_max` are counted up to there and bounded by bytes beyond.
pub fn count_input(
    model: &str,
    request: &ChatRequest,
    body: &[u8],
    text_bytes_max: usize,
) -> Option<u64> {
    let encoding = Encoding::of_model(model)?;
    let image_tokens_max = media::image_tokens_max(model);
    let bound = bound(&request.input, image_tokens_max);
    let Some(texts) = texts::read(body) else {
        return Some(bound);
    };
    let mut room = text_bytes_max;
    let mut tokens = REQUEST_OVERHEAD
        .saturating_add(request.input.messages.saturating_mul(MESSAGE_OVERHEAD))
        .saturating_add(texts.calls.saturating_mul(MESSAGE_OVERHEAD))
        .saturating_add(if request.input.hidden_prompts > 0 {
            TOOLS_OVERHEAD
        } else {
            0
        })
        .saturating_add(media::tokens_max(&request.input, image_tokens_max));
    for text in &texts.texts {
        let counted = crate::json::prefix(text, room);
        room -= counted.len();
        tokens = tokens
            .saturating_add(bpe::bound(encoding, counted))
            .saturating_add((text.len() - counted.len()) as u64);
    }
    Some(tokens.min(bound))
}

/// The most likely count, for charging an answer whose usage is missing: the cookbook's formula
/// with the nearest known tokenizer, without the reserves of a bound. CPU-bound as
/// [`count_input`], and capped alike.
pub fn estimate_input(
    model: &str,
    request: &ChatRequest,
    body: &[u8],
    text_bytes_max: usize,
) -> u64 {
    let encoding = Encoding::of_model(model).unwrap_or(Encoding::O200k);
    let media = media::tokens_max(&request.input, media::image_tokens_max(model));
    let around = COOKBOOK_PRIMING
        .saturating_add(request.input.messages.saturating_mul(COOKBOOK_MESSAGE))
        .saturating_add(media);
    let Some(texts) = texts::read(body) else {
        return around;
    };
    let mut room = text_bytes_max;
    texts.texts.iter().fold(around, |tokens, text| {
        let counted = crate::json::prefix(text, room);
        room -= counted.len();
        let beyond = (text.len() - counted.len()) as u64 / BYTES_PER_TOKEN;
        tokens
            .saturating_add(bpe::estimate(encoding, counted))
            .saturating_add(beyond)
    })
}

/// Tokens of a generated text: exact where the tokenizer is known, else estimated for charging
/// an answer whose usage is missing (an upper bound: one token per byte is *not* used here, the
/// nearest known tokenizer is).
pub fn count_text(model: &str, text: &str) -> u64 {
    let encoding = Encoding::of_model(model).unwrap_or(Encoding::O200k);
    bpe::estimate(encoding, text)
}

/// Builds the tokenizer's tables that [`count_text`] uses for `model`, if they are not there yet
/// (some 100 ms of CPU), so that no call has to wait for them.
pub fn load(model: &str) {
    count_text(model, "");
}

/// The model's own name: without a provider before it, or the mark of a fine-tuned one.
fn base_name(model: &str) -> &str {
    let name = model.rsplit('/').next().unwrap_or(model);
    name.strip_prefix("ft:").unwrap_or(name)
}

fn bound(input: &InputShape, image_tokens_max: u64) -> u64 {
    let text_bytes = input
        .body_bytes
        .saturating_sub(input.binary_bytes)
        .saturating_sub(input.audio_bytes);
    text_bytes
        .saturating_add(REQUEST_OVERHEAD)
        .saturating_add(input.messages.saturating_mul(MESSAGE_OVERHEAD))
        .saturating_add(input.hidden_prompts.saturating_mul(HIDDEN_PROMPT))
        .saturating_add(media::tokens_max(input, image_tokens_max))
}
