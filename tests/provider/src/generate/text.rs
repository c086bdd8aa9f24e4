//! Text of a wanted length and bounded echoes. Feeds `generate`.

/// Characters of a message that an answer quotes at most.
const ECHO_CHARS_MAX: usize = 400;

/// Words that are one token each, after a space, in both vocabularies.
const FILLER: [&str; 12] = [
    "the", "river", "and", "light", "over", "water", "in", "early", "morning", "with", "small",
    "birds",
];

/// `base`, continued with plain words until it has at least `tokens` tokens.
pub(super) fn of_length(base: &str, tokens: u64) -> String {
    let words = usize::try_from(tokens).unwrap_or(usize::MAX);
    let mut text = String::with_capacity(base.len() + words.saturating_mul(6));
    text.push_str(base);
    for word in FILLER.iter().cycle().take(words) {
        text.push(' ');
        text.push_str(word);
    }
    text
}

/// The first characters of `text`.
pub(super) fn bounded(text: &str) -> String {
    match text.char_indices().nth(ECHO_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
