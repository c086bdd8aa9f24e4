//! What images, audio and files cost, at most (OpenAI docs, "Images and vision", "Calculating
//! costs"; Anthropic docs, "Vision", "PDF support").

use crate::InputShape;

/// The dearest model: gpt-4o-mini, 2833 and 5667 for each of at most 8 tiles (an image is scaled
/// into 2048 × 2048 and to 768 on its short side: 2 × 4 tiles of 512).
pub(super) const IMAGE_TOKENS_MAX: u64 = 2833 + 8 * 5667;

/// A page of a PDF: up to 3000 tokens of text and an image of at most 1600 (Anthropic, "PDF
/// support"), 100 pages to a request.
const FILE_TOKENS_MAX: u64 = 100 * (3000 + 1600);

/// Audio is 10 tokens a second (OpenAI, "Audio"); the thinnest format, MP3 at 8 kbit/s, is more
/// than 1300 bytes of base64 a second. Sixteen bytes to a token leaves room for odd encodings.
const AUDIO_BYTES_PER_TOKEN: u64 = 16;

/// The first family whose name begins a model's, and its image cost at high detail.
/// Longer names come before those that they begin with.
const IMAGE_TOKENS: [(&str, u64); 18] = [
    ("gpt-4o-mini", IMAGE_TOKENS_MAX),
    // 85 + 170 per tile.
    ("gpt-4o", 85 + 8 * 170),
    ("chatgpt-4o", 85 + 8 * 170),
    ("gpt-4-turbo", 85 + 8 * 170),
    ("gpt-4-vision", 85 + 8 * 170),
    // 1536 patches × 1.62, × 2.46.
    ("gpt-4.1-mini", 2489),
    ("gpt-4.1-nano", 3779),
    ("gpt-4.1", 1536),
    ("gpt-4.5", 85 + 8 * 170),
    ("gpt-5-mini", 2489),
    ("gpt-5-nano", 3779),
    // Not documented.
    ("gpt-5-codex", IMAGE_TOKENS_MAX),
    ("gpt-5-pro", IMAGE_TOKENS_MAX),
    // 70 + 140 per tile; dated snapshots and gpt-5-chat too. gpt-5.x is not meant: see below.
    ("gpt-5", 70 + 8 * 140),
    // 75 + 150 per tile.
    ("o1", 75 + 8 * 150),
    ("o3", 75 + 8 * 150),
    // 1536 patches × 1.72.
    ("o4-mini", 2642),
    // 2576 pixels on the long side from Opus 4.7 on, 1600 tokens before.
    ("claude", 4800),
];

/// What one image costs `model` at most; the dearest where the model is not known.
pub(super) fn image_tokens_max(model: &str) -> u64 {
    let name = super::base_name(model);
    let found = IMAGE_TOKENS.iter().find(|(family, _)| {
        // A name that goes on with a point is another generation (`gpt-5.4`), with costs of
        // its own.
        name.strip_prefix(family)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', ':']))
    });
    found.map_or(IMAGE_TOKENS_MAX, |(_, tokens)| *tokens)
}

/// All images, audio and files of a request.
pub(super) fn tokens_max(input: &InputShape, image_tokens_max: u64) -> u64 {
    let images = input.images.saturating_mul(image_tokens_max);
    let files = input.files.saturating_mul(FILE_TOKENS_MAX);
    images
        .saturating_add(files)
        .saturating_add(input.audio_bytes.div_ceil(AUDIO_BYTES_PER_TOKEN))
}
