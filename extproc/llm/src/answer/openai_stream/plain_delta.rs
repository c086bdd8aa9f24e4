//! The chunk that most of a stream is made of, read without parsing: one choice, one piece of
//! content without escapes, nothing else to note. On the hot path: a chunk for each token.
//!
//! A quote within a JSON string is always escaped, so `"choices":[{"index":0,"delta":{"content":"`
//! can only be what it looks like. Whatever looks otherwise is left to the parser.

use std::sync::LazyLock;

use memchr::memmem::Finder;

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

/// A field whose value is other in each chunk, and says nothing (OpenAI pads its chunks with it).
static PADDING: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#","obfuscation":""#));

/// Longest surroundings that are remembered.
const REMEMBERED_BYTES_MAX: usize = 4 << 10;

/// What stands around the content of a stream's plain chunks: the same in all of most streams, so
/// that it is understood once.
#[derive(Debug, Default)]
pub(super) struct PlainDelta {
    /// From the event's first byte to its content. Empty: nothing is remembered.
    head: Vec<u8>,
    /// From the content to the padding, or to the event's end.
    middle: Vec<u8>,
    /// From the padding to the event's end, where there is padding.
    tail: Option<Vec<u8>>,
}

// === impl PlainDelta ===

impl PlainDelta {
    /// The content of the event that `bytes` begins with, and the event's length, if what is around
    /// the content is what was around the last; `None`: look for its end, and read it.
    pub(super) fn next<'a>(&self, bytes: &'a [u8]) -> Option<(&'a str, usize)> {
        if self.head.is_empty() {
            return None;
        }
        let text = bytes.strip_prefix(&*self.head)?;
        let (content, rest) = plain_text(text)?;
        let mut rest = rest.strip_prefix(&*self.middle)?;
        if let Some(tail) = &self.tail {
            let (_, after) = plain_text(rest)?;
            rest = after.strip_prefix(&**tail)?;
        }
        Some((content, bytes.len() - rest.len()))
    }

    /// The content of a plain chunk, the data of `event`; `None`: parse it.
    pub(super) fn content<'a>(&mut self, event: &[u8], data: &'a [u8]) -> Option<&'a str> {
        let content = content(data)?;
        self.remember(event, content);
        Some(content)
    }

    fn remember(&mut self, event: &[u8], content: &str) {
        // An event of several lines of data has its content elsewhere; one that ends in a CR may go
        // on in the next piece.
        let bytes = event.as_ptr_range();
        let is_inside = bytes.contains(&content.as_ptr());
        if !is_inside || !event.ends_with(b"\n") || event.len() > REMEMBERED_BYTES_MAX {
            return;
        }
        let at = content.as_ptr().addr() - bytes.start.addr();
        let (Some(head), Some(rest)) = (event.get(..at), event.get(at + content.len()..)) else {
            return;
        };
        let padding = PADDING.find(rest).map(|at| at + PADDING.needle().len());
        let (middle, after) = rest.split_at(padding.unwrap_or(rest.len()));
        let tail = padding.and_then(|_| Some(plain_text(after)?.1));
        if padding.is_some() && tail.is_none() {
            return;
        }
        self.head = head.to_vec();
        self.middle = middle.to_vec();
        self.tail = tail.map(<[u8]>::to_vec);
    }
}

/// The rest of a JSON string without escapes, which is short in most chunks, and what follows. A
/// quote does, unless the string is not plain: a line end would be the event's.
fn plain_text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let is_end = |byte: &u8| matches!(byte, b'"' | b'\\' | b'\n' | b'\r');
    let (text, rest) = bytes.split_at_checked(bytes.iter().position(is_end)?)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

/// The content of a plain chunk.
fn content(data: &[u8]) -> Option<&str> {
    let at = CHOICE.find(data)?;
    let (head, choice) = data.split_at_checked(at)?;
    let text = choice.get(CHOICE.needle().len()..)?;
    let (text, rest) = plain_text(text)?;
    let rest = rest.strip_prefix(b"\"}")?;
    let tail = UNFINISHED.iter().find_map(|end| rest.strip_prefix(*end))?;
    let tail = tail.strip_prefix(b",\"usage\":null").unwrap_or(tail);
    let is_plain = |part| NOTEWORTHY.iter().all(|word| word.find(part).is_none());
    (is_plain(head) && is_plain(tail)).then_some(text)
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

    /// What is read of an event, and whether it was by what is remembered of the one before.
    fn read(plain: &mut PlainDelta, event: &str) -> (Option<String>, bool) {
        if let Some((content, length)) = plain.next(format!("{event}data: next").as_bytes()) {
            assert_eq!(length, event.len(), "{event}");
            return (Some(content.to_string()), true);
        }
        let data = crate::answer::sse::data(event.as_bytes()).expect("data");
        let content = plain.content(event.as_bytes(), &data).map(str::to_string);
        (content, false)
    }

    #[test]
    fn remembered_surroundings_are_compared_to_the_last_byte() {
        let chunk = |head: &str, text: &str, tail: &str| {
            format!(
                "data: {{{head}\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}]{tail}}}\n\n"
            )
        };
        let (a, b) = ("\"id\":\"a\",", "\"id\":\"b\",");
        let mut plain = PlainDelta::default();
        for (head, text, tail, expected, is_remembered) in [
            (a, "one", "", Some("one"), false),
            (a, "two", "", Some("two"), true),
            (b, "three", "", Some("three"), false),
            (b, "", "", Some(""), true),
            (b, "a \\n", "", None, false),
            (b, "four", ",\"usage\":{\"prompt_tokens\":1}", None, false),
            ("\"id\":\"b\",\"error\":{},", "five", "", None, false),
            (b, "six", ",\"tier\":1", Some("six"), false),
            (b, "seven", ",\"tier\":12", Some("seven"), false),
            (b, "eight", ",\"tier\":12", Some("eight"), true),
            (b, "nine", ",\"obfuscation\":\"xYz\"", Some("nine"), false),
            (b, "ten", ",\"obfuscation\":\"\"", Some("ten"), true),
            (
                b,
                "more",
                ",\"obfuscation\":\"u\",\"usage\":{}",
                None,
                false,
            ),
            (
                b,
                "eleven",
                ",\"obfuscation\":\"a\\\"\"",
                Some("eleven"),
                false,
            ),
            (
                b,
                "twelve",
                ",\"obfuscation\":\"b\\\"\"",
                Some("twelve"),
                true,
            ),
        ] {
            let event = chunk(head, text, tail);
            let expected = expected.map(str::to_string);
            assert_eq!(
                read(&mut plain, &event),
                (expected, is_remembered),
                "{event}"
            );
        }
    }

    #[test]
    fn only_an_event_that_surely_ends_there_is_remembered() {
        let json =
            r#"{"id":"a","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}"#;
        let (before, after) = json.split_once(",").expect("a comma");
        for (event, is_remembered) in [
            (format!("data: {json}\n\n"), true),
            (format!("id: 1\r\ndata: {json}\r\n\r\n"), true),
            (format!("data: {json}\r\r"), false),
            (format!("data: {json}\r\n\r"), false),
            (format!("data: {before},\ndata: {after}\n\n"), false),
        ] {
            let mut plain = PlainDelta::default();
            let x = Some("x".to_string());
            assert_eq!(read(&mut plain, &event), (x.clone(), false), "{event}");
            assert_eq!(read(&mut plain, &event), (x, is_remembered), "{event}");
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
