//! Texts cut into documents, broken ones among them.

use proptest::prelude::*;
use serde_json::json;

use super::{Broken, DOCUMENTS_MAX, Document, Format, parse_documents};

fn parse(text: &str) -> Vec<Result<Document, Broken>> {
    parse_documents(text, Format::Yaml, &|name| {
        (name == "SET").then(|| "7".to_string())
    })
}

fn lines(text: &str) -> Vec<Result<usize, usize>> {
    parse(text)
        .into_iter()
        .map(|result| result.map(|d| d.line).map_err(|b| b.line))
        .collect()
}

#[test]
fn documents_carry_the_line_that_says_something_first() {
    let text =
        "# head\n\na: 1\n---\n# comment\nb: 2\n--- # three\n\nc: 3\n---\n--- {d: 4}\n...\ne: 5\n";
    assert_eq!(lines(text), [Ok(3), Ok(6), Ok(9), Ok(11), Ok(13)]);
    assert_eq!(parse(text)[3].as_ref().unwrap().value, json!({"d": 4}));
}

#[test]
fn empty_and_comment_documents_are_skipped() {
    for text in [
        "",
        "\n\n",
        "---",
        "---\n---\n",
        "# only\n--- # comments\n# here\n",
        "...\n",
        "null",
        "~",
    ] {
        assert_eq!(lines(text), [], "{text:?}");
    }
}

#[test]
fn a_broken_document_is_told_at_its_line_and_the_others_stay() {
    let text = "a: 1\n---\nkind: Secret\nb: [1, 2\nc: 3\n---\nd: 4\n---\n- x\n---\ne: 5\n";
    let results = parse(text);
    assert_eq!(results.len(), 5);
    let broken = results[1].as_ref().unwrap_err();
    assert!((4..=6).contains(&broken.line), "{broken:?}");
    assert!(broken.message.starts_with("not valid YAML: "), "{broken:?}");
    assert_eq!(results[2].as_ref().unwrap().value, json!({"d": 4}));
    let list = results[3].as_ref().unwrap_err();
    assert_eq!((list.line, list.message.contains("not a list")), (9, true));
    assert_eq!(results[4].as_ref().unwrap().line, 11);
}

#[test]
fn the_message_of_a_broken_document_repeats_none_of_it() {
    let text = "kind: Secret\nstringData:\n  apiKey: \"sk-very-secret\n  other: [\n";
    for text in [
        text,
        "a: sk-very-secret: b",
        "sk-very-secret: *sk-very-secret",
    ] {
        let message = parse(text)[0].as_ref().unwrap_err().message.clone();
        assert!(
            !message.contains("sk-very-secret") || !message.contains("apiKey"),
            "{message}"
        );
    }
}

#[test]
fn a_marker_inside_an_indented_block_divides_nothing() {
    let text = "data:\n  a: |\n    ---\n    x\n  b: '--- y'\n----: 1\n";
    let results = parse(text);
    assert_eq!(results.len(), 1);
    assert_eq!(
        results[0].as_ref().unwrap().value,
        json!({"data": {"a": "---\nx\n", "b": "--- y"}, "----": 1})
    );
}

#[test]
fn carriage_returns_a_byte_order_mark_and_directives_are_accepted() {
    assert_eq!(lines("\u{feff}a: 1\r\n---\r\nb: 2\r\n"), [Ok(1), Ok(3)]);
    assert_eq!(
        parse("%YAML 1.2\n---\na: 1\n")[0].as_ref().unwrap().value,
        json!({"a": 1})
    );
}

#[test]
fn an_unset_variable_breaks_its_document_only() {
    let results = parse("a: ${SET}\n---\nb: 1\nc: ${UNSET}\n---\nd: 1\n");
    assert_eq!(results[0].as_ref().unwrap().value, json!({"a": 7}));
    let broken = results[1].as_ref().unwrap_err();
    assert_eq!(broken.line, 4);
    assert!(broken.message.contains("UNSET"));
    assert!(results[2].is_ok());
}

#[test]
fn lists_come_item_by_item() {
    let text =
        "kind: List\nitems:\n- {kind: A}\n- {kind: List, items: [{kind: B}]}\n- 3\n---\nkind: C\n";
    let results = parse(text);
    let kinds: Vec<_> = results
        .iter()
        .flatten()
        .map(|d| (d.line, d.value["kind"].clone()))
        .collect();
    assert_eq!(kinds, [(1, json!("A")), (1, json!("B")), (7, json!("C"))]);
    assert_eq!(
        results[2].as_ref().unwrap_err().message,
        "an item of a list must be an object, not a number"
    );
}

#[test]
fn json_is_one_value_and_its_mistake_is_told_at_its_line() {
    let read = |text| parse_documents(text, Format::Json, &|_| None);
    assert_eq!(
        read("\n{\"a\": 1}\n")[0],
        Ok(Document {
            line: 2,
            value: json!({"a": 1})
        })
    );
    let broken = read("{\n \"a\": 1,\n \"b\": x\n}")[0].clone().unwrap_err();
    assert_eq!(broken.line, 3);
    assert!(broken.message.starts_with("not valid JSON: "), "{broken:?}");
}

#[test]
fn what_is_beyond_the_bound_is_told_once() {
    let results = parse(&"a: 1\n---\n".repeat(DOCUMENTS_MAX + 50));
    assert_eq!(results.len(), DOCUMENTS_MAX + 1);
    assert!(
        results[DOCUMENTS_MAX]
            .as_ref()
            .unwrap_err()
            .message
            .contains("more than")
    );
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic_and_lines_are_within_it(text in "(---|\\.\\.\\.|%|[a-c: \\n\\[\\]{}\"'|>&*#!-]){0,60}") {
        let count = text.split('\n').count().max(1);
        for line in lines(&text) {
            let line = line.unwrap_or_else(|line| line);
            prop_assert!((1..=count + 1).contains(&line), "{line} of {count}");
        }
    }

    #[test]
    fn each_good_document_survives_broken_neighbours(good in prop::collection::vec(any::<bool>(), 1..20)) {
        let text: String = good.iter().enumerate().map(|(i, good)| {
            if *good { format!("---\nn: {i}\n") } else { "---\nx: [\n".to_string() }
        }).collect();
        let numbers: Vec<_> = parse(&text).into_iter().flatten().map(|d| (d.line, d.value["n"].as_u64())).collect();
        let expect: Vec<_> = good.iter().enumerate().filter(|(_, good)| **good)
            .map(|(i, _)| (i * 2 + 2, Some(i as u64))).collect();
        prop_assert_eq!(numbers, expect);
    }
}
