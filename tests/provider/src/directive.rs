//! Directives: `[[sim output=200 fault=cut:3]]` in the last user message, or `~status:503` after
//! the model's name. Feeds `generate` (length, pace) and `fault`.

use crate::{fault::Fault, generate::OUTPUT_TOKENS_MAX};

/// Longest pause a directive may ask for, in milliseconds.
const DELAY_MS_MAX: u64 = 3_600_000;

/// What the directives of one request ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directives {
    /// Exact output tokens, where the request's own limit allows them.
    pub(crate) output: Option<u64>,
    /// Pause before each chunk of content, in milliseconds.
    pub(crate) chunk_delay_ms: u64,
    /// Tokens of one chunk; 1 unless given.
    pub(crate) chunk_tokens: Option<usize>,
    /// Prompt tokens that were read from the cache.
    pub(crate) cached: u64,
    /// Prompt tokens that were written to the cache.
    pub(crate) cache_write: u64,
    /// Reasoning tokens, whatever the request's effort.
    pub(crate) reasoning: Option<u64>,
    /// Faults, in the order given.
    pub(crate) faults: Vec<Fault>,
}

/// Takes the directives out of `text`: what they ask for, and the text without them.
///
/// # Errors
/// Names the word that is not a directive and the rule.
pub(crate) fn parse_text(text: &str) -> Result<(Directives, String), String> {
    let mut directives = Directives::default();
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[[sim") {
        let Some((inside, tail)) = after.split_once("]]") else {
            break;
        };
        plain.push_str(before);
        for word in inside.split_whitespace() {
            directives.parse_word(word)?;
        }
        rest = tail;
    }
    plain.push_str(rest);
    Ok((directives, plain.trim().to_owned()))
}

/// Adds the faults after the model's name: `gpt-4o-mini~status:503~delay_head:50`.
///
/// # Errors
/// Names the word that is not a fault and the rule.
pub(crate) fn parse_model_suffix(model: &str, directives: &mut Directives) -> Result<(), String> {
    for spec in model.split('~').skip(1) {
        directives.faults.push(Fault::parse(spec)?);
    }
    Ok(())
}

// === impl Directives ===

impl Directives {
    fn parse_word(&mut self, word: &str) -> Result<(), String> {
        let Some((key, value)) = word.split_once('=') else {
            return Err(format!("sim directive {word:?} must be `name=value`"));
        };
        match key {
            "output" => self.output = Some(number(word, value, OUTPUT_TOKENS_MAX)?),
            "chunk_delay_ms" => self.chunk_delay_ms = number(word, value, DELAY_MS_MAX)?,
            "chunk_tokens" => {
                let tokens = number(word, value, OUTPUT_TOKENS_MAX)?;
                self.chunk_tokens = usize::try_from(tokens).ok();
            }
            "cached" => self.cached = number(word, value, OUTPUT_TOKENS_MAX)?,
            "cache_write" => self.cache_write = number(word, value, OUTPUT_TOKENS_MAX)?,
            "reasoning" => self.reasoning = Some(number(word, value, OUTPUT_TOKENS_MAX)?),
            "fault" => self.faults.push(Fault::parse(value)?),
            _ => {
                return Err(format!(
                    "sim directive {word:?} is not one of output, chunk_delay_ms, chunk_tokens, \
                     cached, cache_write, reasoning, fault"
                ));
            }
        }
        Ok(())
    }
}

fn number(word: &str, value: &str, max: u64) -> Result<u64, String> {
    match value.parse::<u64>() {
        Ok(number) if number <= max => Ok(number),
        _ => Err(format!(
            "sim directive {word:?} must be a whole number up to {max}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_inside_a_sentence_are_read_and_removed() {
        let text = "Say hi [[sim output=7 fault=status:503 cached=5]] please";
        let (directives, plain) = parse_text(text).expect("directives");
        assert_eq!(plain, "Say hi  please");
        assert_eq!(directives.output, Some(7));
        assert_eq!(directives.cached, 5);
        assert_eq!(directives.faults.len(), 1);
    }

    #[test]
    fn unknown_directive_is_named() {
        let error = parse_text("[[sim outptu=7]]").expect_err("misspelt");
        assert!(error.contains("outptu=7"), "{error}");
    }

    #[test]
    fn model_suffixes_are_faults_in_order() {
        let mut directives = Directives::default();
        parse_model_suffix("gpt-4o~status:500~hang", &mut directives).expect("faults");
        assert_eq!(directives.faults.len(), 2);
        assert_eq!(directives.faults[1], Fault::Hang);
    }
}
