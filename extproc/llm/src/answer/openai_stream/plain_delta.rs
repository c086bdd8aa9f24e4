//! The chunk that most of a stream is made of, read without parsing: one choice, one piece of
//! content without escapes, nothing else to note. On the hot path: a chunk for each token.
//!
//! A quote within a JSON string is always escaped, so `"choices":[{"index":0,"delta":{"content":"`
//! can only be what it looks like. Whatever looks otherwise is left to the parser.

use std::sync::LazyLock;

use memchr::{memchr2, memmem::Finder};

static CHOICE: LazyLock<Finder<'static>> =
    LazyLock::new(|| Finder::new(br#""choices":[{"index":0,"delta":{"content":""#));

/// Fields beside the choice that have to be noted. A string that holds such a word sends its
/// chunk to the parser, which is slower and just as right.
static NOTEWORTHY: LazyLock<[Finder<'static>; 3]> =
    LazyLock::new(|| ["\"usage", "\"error", "\"choices"].map(Finder::new));

/// How a choice goes on that has not finished.
const UNFINISHED: [&[u8]; 2] = [
    b",\"logprobs\":null,\"finish_reason\":null}]",
    b",\"finish_reason\":null}]",
];

/// Longest head or tail that is remembered.
const REMEMBERED_BYTES_MAX: usize = 4 << 10;

/// What stands around the content of a stream's plain chunks: all the same in most streams, so
/// that it is understood once.
#[derive(Debug, Default)]
pub(super) struct PlainDelta {
    head: Vec<u8>,
    tail: Vec<u8>,
}

// === impl PlainDelta ===

impl PlainDelta {
    /// The content of a plain chunk; `None`: parse it.
    pub(super) fn content<'a>(&mut self, data: &'a [u8]) -> Option<&'a str> {
        self.content_between(data).or_else(|| {
            let content = content(data)?;
            self.remember(data, content);
            Some(content)
        })
    }

    /// The content, if what is around it is as it was.
    fn content_between<'a>(&self, data: &'a [u8]) -> Option<&'a str> {
        if self.head.is_empty() {
            return None;
        }
        let text = data.strip_prefix(&*self.head)?;
        let (text, tail) = text.split_at_checked(memchr2(b'"', b'\\', text)?)?;
        (tail == self.tail).then(|| std::str::from_utf8(text).ok())?
    }

    fn remember(&mut self, data: &[u8], content: &str) {
        let head = content.as_ptr().addr() - data.as_ptr().addr();
        let tail = head + content.len();
        if let (Some(head), Some(tail)) = (data.get(..head), data.get(tail..))
            && head.len().max(tail.len()) <= REMEMBERED_BYTES_MAX
        {
            self.head = head.to_vec();
            self.tail = tail.to_vec();
        }
    }
}

/// The content of a plain chunk.
fn content(data: &[u8]) -> Option<&str> {
    let at = CHOICE.find(data)?;
    let (head, choice) = data.split_at_checked(at)?;
    let text = choice.get(CHOICE.needle().len()..)?;
    let (text, rest) = text.split_at_checked(memchr2(b'"', b'\\', text)?)?;
    let rest = rest.strip_prefix(b"\"}")?;
    let tail = UNFINISHED.iter().find_map(|end| rest.strip_prefix(*end))?;
    let tail = tail.strip_prefix(b",\"usage\":null").unwrap_or(tail);
    let is_plain = |part| NOTEWORTHY.iter().all(|word| word.find(part).is_none());
    if is_plain(head) && is_plain(tail) {
        std::str::from_utf8(text).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::super::seen::Seen, *};
    use crate::answer::openai::Completion;

    #[test]
    fn chunk_with_anything_to_note_is_left_to_the_parser() {
        let plain = r#"{"id":"a","model":"m","choices":[{"index":0,"delta":{"content":" river"},"logprobs":null,"finish_reason":null}],"usage":null}"#;
        assert_eq!(content(plain.as_bytes()), Some(" river"));
        for (from, to) in [
            ("\"usage\":null", "\"usage\":{\"prompt_tokens\":3}"),
            ("\"finish_reason\":null", "\"finish_reason\":\"stop\""),
            ("\"index\":0", "\"index\":1"),
            (" river", "a \\\" quote"),
            ("\"content\"", "\"reasoning_content\""),
            ("\"content\"", "\"role\":\"assistant\",\"content\""),
            ("\"id\":\"a\"", "\"error\":{\"message\":\"late\"}"),
            ("}],", "},{\"index\":1,\"delta\":{\"content\":\"b\"}}],"),
        ] {
            let other = plain.replacen(from, to, 1);
            assert_ne!(other, plain);
            assert_eq!(content(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn remembered_surroundings_are_compared_to_the_last_byte() {
        let chunk = |head: &str, text: &str, tail: &str| {
            format!(
                r#"{{{head}"choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]{tail}}}"#
            )
        };
        let mut plain = PlainDelta::default();
        for (head, text, tail, expected) in [
            ("\"id\":\"a\",", "one", "", Some("one")),
            ("\"id\":\"a\",", "two", "", Some("two")),
            ("\"id\":\"b\",", "three", "", Some("three")),
            ("\"id\":\"b\",", "", "", Some("")),
            ("\"id\":\"b\",", "a \\n", "", None),
            (
                "\"id\":\"b\",",
                "four",
                ",\"usage\":{\"prompt_tokens\":1}",
                None,
            ),
            ("\"id\":\"b\",\"error\":{},", "five", "", None),
            ("\"id\":\"b\",", "six", ",\"tier\":1", Some("six")),
            ("\"id\":\"b\",", "seven", ",\"tier\":12", Some("seven")),
        ] {
            let data = chunk(head, text, tail);
            assert_eq!(plain.content(data.as_bytes()), expected, "{data}");
            assert_eq!(content(data.as_bytes()), expected, "{data}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_the_parser_notes(
            text in ".{0,20}",
            extra in prop_oneof![Just(""), Just(r#","usage":null"#), Just(r#","service_tier":"x""#),
                Just(r#","usage":{"prompt_tokens":1,"completion_tokens":2}"#), Just(r#","error":"e""#)],
            ending in prop_oneof![Just("null"), Just("\"stop\""), Just("\"\"")],
        ) {
            let text = serde_json::to_string(&text).expect("text");
            let data = format!(r#"{{"id":"x","choices":[{{"index":0,"delta":{{"content":{text}}},"finish_reason":{ending}}}]{extra}}}"#);
            let mut parsed = Seen::default();
            let completion = Completion::parse(data.as_bytes()).expect("a completion");
            completion.note(&mut parsed);
            if let Some(content) = content(data.as_bytes()) {
                let mut read = Seen::default();
                read.generate(content);
                prop_assert_eq!(read.outcome(), parsed.outcome());
                prop_assert_eq!(completion.finished(), 0);
                prop_assert!(!completion.is_usage_only());
            }
        }
    }
}
