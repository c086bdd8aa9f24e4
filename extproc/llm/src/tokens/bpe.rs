//! Counting with the tokenizers, in pieces: the splitting expression backtracks and merging is
//! superlinear, so that a text without end ("a" × 200 000, a megabyte of spaces) must not reach
//! them whole.
//!
//! Cutting a text does not in general keep its count: a cut inside of a word usually adds tokens,
//! but merging is greedy and a cut can also take some away. So texts are cut where both
//! tokenizers begin a new word anyway, which keeps the count exactly; a bound takes the bytes of
//! a stretch that has no such place.

use tiktoken_rs::{CoreBPE, cl100k_base_singleton, o200k_base_singleton};

use super::Encoding;

/// Longest stretch that a tokenizer gets.
const CHUNK_BYTES_MAX: usize = 32 << 10;

/// Tokens of `text`; where it cannot be cut safely its bytes are counted: never too few.
pub(super) fn bound(encoding: Encoding, text: &str) -> u64 {
    let bpe = tokenizer(encoding);
    chunks(text)
        .map(|chunk| match chunk {
            Chunk::Word(text) => bpe.count_ordinary(text) as u64,
            Chunk::Stretch(text) => text.len() as u64,
        })
        .sum()
}

/// Tokens of `text`; where it cannot be cut safely it is cut anywhere: nearly exact.
pub(super) fn estimate(encoding: Encoding, text: &str) -> u64 {
    let bpe = tokenizer(encoding);
    chunks(text)
        .map(|chunk| match chunk {
            Chunk::Word(text) | Chunk::Stretch(text) => bpe.count_ordinary(text) as u64,
        })
        .sum()
}

/// The tables are built on first use (some 100 ms).
fn tokenizer(encoding: Encoding) -> &'static CoreBPE {
    match encoding {
        Encoding::Cl100k => cl100k_base_singleton(),
        Encoding::O200k => o200k_base_singleton(),
    }
}

/// A part of a text of at most [`CHUNK_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk<'a> {
    /// Begins and ends where a word does.
    Word(&'a str),
    /// Begins or ends within a word.
    Stretch(&'a str),
}

fn chunks(text: &str) -> impl Iterator<Item = Chunk<'_>> {
    let mut rest = text;
    let mut begins_word = true;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (end, ends_word) = if rest.len() <= CHUNK_BYTES_MAX {
            (rest.len(), true)
        } else {
            let window = crate::json::prefix(rest, CHUNK_BYTES_MAX);
            // One character more, so that a cut at the window's end can be judged.
            let seen = crate::json::prefix(rest, CHUNK_BYTES_MAX + 4);
            match last_boundary(seen, window.len()) {
                Some(end) => (end, true),
                None => (window.len(), false),
            }
        };
        let (chunk, after) = rest.split_at(end);
        rest = after;
        let is_whole = std::mem::replace(&mut begins_word, ends_word) && ends_word;
        Some(if is_whole {
            Chunk::Word(chunk)
        } else {
            Chunk::Stretch(chunk)
        })
    })
}

/// The last place in `text`, up to `end_max`, where a word begins in both tokenizers' splitting expressions
/// (`cl100k_base` and `o200k_base` in tiktoken), whatever stands before and after:
/// before a space that follows something else than white space (no alternative has a space
/// within or at its end, save runs of white space), behind a line end before something that is
/// neither white space nor a slash (`[\r\n/]*` may follow punctuation), and between an ideograph
/// or kana and a full-width comma or full stop (letters end there; Chinese and Japanese have no
/// spaces).
fn last_boundary(text: &str, end_max: usize) -> Option<usize> {
    let mut after: Option<(usize, char)> = None;
    for (at, before) in text.char_indices().rev() {
        if let Some((cut, next)) = after
            && cut <= end_max
            && is_boundary(before, next)
        {
            return Some(cut);
        }
        after = Some((at, before));
    }
    None
}

fn is_boundary(before: char, next: char) -> bool {
    match (before, next) {
        (before, ' ') => !before.is_whitespace(),
        ('\n', next) => !next.is_whitespace() && next != '/',
        ('\u{4e00}'..='\u{9fff}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}', next) => {
            matches!(next, '。' | '，' | '、' | '！' | '？')
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn count_is_the_same_when_a_text_is_cut_at_a_boundary(
            text in "(?s)([a-zA-Z]{1,6}|[0-9]{1,5}| {1,3}|\n{1,2}|\r\n|\t|[.,;/'!\\-]{1,3}|'s|[你好世界のカ]{1,4}|[。，、]|é|\u{0301}|😀){1,40}",
        ) {
            let mut before = None;
            for (at, next) in text.char_indices() {
                if before.is_some_and(|before| is_boundary(before, next)) {
                    for encoding in [Encoding::Cl100k, Encoding::O200k] {
                        let bpe = tokenizer(encoding);
                        let parts = bpe.count_ordinary(&text[..at]) + bpe.count_ordinary(&text[at..]);
                        prop_assert_eq!(bpe.count_ordinary(&text), parts, "{:?} cut at {}", &text, at);
                    }
                }
                before = Some(next);
            }
        }
    }

    #[test]
    fn long_text_counts_as_if_it_were_whole() {
        let text = "The quick brown fox, 你好世界。 jumps over 12345 lazy dogs!\n".repeat(3000);
        for encoding in [Encoding::Cl100k, Encoding::O200k] {
            let whole = tokenizer(encoding).count_ordinary(&text) as u64;
            assert_eq!(bound(encoding, &text), whole);
            assert_eq!(estimate(encoding, &text), whole);
        }
    }

    #[test]
    fn text_without_boundaries_is_bounded_by_its_bytes_and_estimated_below() {
        for text in [
            "a".repeat(200_000),
            " ".repeat(1_200_000),
            "\u{1f600}".repeat(40_000),
        ] {
            assert_eq!(bound(Encoding::O200k, &text), text.len() as u64);
            assert!(estimate(Encoding::O200k, &text) < text.len() as u64);
        }
    }
}
