//! Counts and splits text with the real vocabularies. Feeds `generate` (pieces of an answer with
//! their true token counts) and the request parsers (true prompt counts).

use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
};

use parking_lot::Mutex;
use tiktoken_rs::{CoreBPE, cl100k_base_singleton, o200k_base_singleton};

/// Tokens that every message costs besides its text (OpenAI cookbook).
pub(crate) const TOKENS_PER_MESSAGE: u64 = 3;
/// Tokens that a message's `name` costs besides its text (OpenAI cookbook).
pub(crate) const TOKENS_PER_NAME: u64 = 1;
/// Tokens that prime the answer, once per request (OpenAI cookbook).
pub(crate) const TOKENS_PRIMING: u64 = 3;
/// What one image costs here, whatever its size: OpenAI's price of a low-detail image.
pub const TOKENS_PER_IMAGE: u64 = 85;
/// What one document or audio clip costs here, whatever its size.
pub const TOKENS_PER_DOCUMENT: u64 = 1000;

/// Entries the cache holds before it starts over.
const CACHE_ENTRIES_MAX: usize = 4096;

/// A vocabulary the simulator counts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Vocabulary {
    /// gpt-4, gpt-4-turbo and gpt-3.5.
    Cl100k,
    /// Everything newer; also the simulator's own truth for Claude models.
    O200k,
}

/// A bounded cache of counts in front of the vocabularies.
#[derive(Debug, Default)]
pub(crate) struct TokenCounter {
    counts: Mutex<HashMap<u64, u64>>,
}

/// A piece of an answer and the tokens it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Never splits a character.
    pub(crate) text: String,
    /// Tokens of this piece; the sum over the pieces is the count of the answer.
    pub(crate) tokens: u64,
}

// === impl Vocabulary ===

impl Vocabulary {
    /// The vocabulary of a model, by its name.
    pub(crate) fn of_model(model: &str) -> Self {
        let newer = ["gpt-4o", "gpt-4.1", "gpt-4.5"];
        let older = ["gpt-4", "gpt-3.5", "gpt-35"];
        let is = |names: &[&str]| names.iter().any(|name| model.starts_with(name));
        if is(&older) && !is(&newer) {
            Self::Cl100k
        } else {
            Self::O200k
        }
    }

    fn bpe(self) -> &'static CoreBPE {
        match self {
            Self::Cl100k => cl100k_base_singleton(),
            Self::O200k => o200k_base_singleton(),
        }
    }

    /// Cuts `text` after `tokens_max` tokens and into pieces of `tokens_per_piece`.
    /// Tokens that hold part of a character join the piece that completes it.
    pub(crate) fn split(self, text: &str, tokens_max: u64, tokens_per_piece: usize) -> Vec<Piece> {
        let bpe = self.bpe();
        let mut ranks = bpe.encode_ordinary(text);
        ranks.truncate(usize::try_from(tokens_max).unwrap_or(usize::MAX));
        let mut pieces = Vec::new();
        let mut held: Vec<u32> = Vec::new();
        for rank in ranks {
            held.push(rank);
            if held.len() < tokens_per_piece.max(1) {
                continue;
            }
            if let Some(text) = decode(bpe, &held) {
                pieces.push(Piece {
                    text,
                    tokens: held.len() as u64,
                });
                held.clear();
            }
        }
        // What is left may end inside a character: the tokens count, the bytes cannot be shown.
        if !held.is_empty() {
            let bytes = bpe.decode_bytes(&held).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes)
                .trim_end_matches('\u{fffd}')
                .to_owned();
            pieces.push(Piece {
                text,
                tokens: held.len() as u64,
            });
        }
        pieces
    }
}

fn decode(bpe: &CoreBPE, ranks: &[u32]) -> Option<String> {
    String::from_utf8(bpe.decode_bytes(ranks).ok()?).ok()
}

// === impl TokenCounter ===

impl TokenCounter {
    /// The number of tokens in `text`; special-token spellings count as plain text.
    pub(crate) fn count(&self, vocabulary: Vocabulary, text: &str) -> u64 {
        if text.is_empty() {
            return 0;
        }
        let mut hasher = DefaultHasher::new();
        (vocabulary, text).hash(&mut hasher);
        let key = hasher.finish();
        if let Some(count) = self.counts.lock().get(&key) {
            return *count;
        }
        let count = vocabulary.bpe().count_ordinary(text) as u64;
        let mut counts = self.counts.lock();
        if counts.len() >= CACHE_ENTRIES_MAX {
            counts.clear();
        }
        counts.insert(key, count);
        count
    }
}
