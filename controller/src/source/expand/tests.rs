//! Variables in manifests.

use proptest::prelude::*;

use super::{ExpandError, ExpandReason, expand};

fn environment(name: &str) -> Option<String> {
    let value = match name {
        "PORT" => "8080",
        "EMPTY" => "",
        "KEY" => r#"a"b\c'd"#,
        "PEM" => "first\nsecond\n",
        "HASH" => "a # b",
        _ => return None,
    };
    Some(value.to_string())
}

#[track_caller]
fn check(input: &str, expect: &str) {
    assert_eq!(expand(input, &environment).as_deref(), Ok(expect));
}

#[test]
fn a_set_name_is_replaced_wherever_it_stands() {
    check("port: ${PORT}\n", "port: 8080\n");
    check("a: x${PORT}y${PORT}\nb: 1", "a: x8080y8080\nb: 1");
    check("[${PORT}, ${PORT:=1}]", "[8080, 8080]");
}

#[test]
fn a_default_stands_in_for_what_is_not_set_or_empty() {
    check("${NONE:=a b}|${NONE:-c}|${NONE:=}", "a b|c|");
    check("${EMPTY:=full}|${EMPTY}|", "full||");
    check(
        "url: ${NONE:=http://a.b:80/c?d=$e}",
        "url: http://a.b:80/c?d=$e",
    );
}

#[test]
fn every_other_dollar_is_left_alone() {
    for text in [
        "$PORT",
        "$$",
        "a$",
        "^x$$",
        "${1}",
        "${a.b}",
        "${",
        "${PORT",
        "${PORT:?x}",
        "${}",
        "$(PORT)",
        "${PORT:=x\n}",
    ] {
        check(text, text);
    }
}

#[test]
fn a_doubled_dollar_keeps_the_reference() {
    check("a: $${PORT} ${PORT}", "a: ${PORT} 8080");
    check("$${NONE}", "${NONE}");
}

#[test]
fn an_unset_name_without_default_is_an_error_at_its_line() {
    let error = expand("a: 1\nb: ${PORT}\nc: ${MISSING}\n", &environment);
    let expect = ExpandError {
        line: 3,
        name: "MISSING".to_string(),
        reason: ExpandReason::Undefined,
    };
    assert_eq!(error, Err(expect));
}

#[test]
fn a_comment_may_name_what_is_not_set() {
    check(
        "# use ${MISSING}\na: 1 # ${MISSING} ${PORT}\n",
        "# use ${MISSING}\na: 1 # ${MISSING} 8080\n",
    );
    check("# ${PEM}", "# ${PEM}");
    assert!(
        expand("a: x#${MISSING}", &environment).is_err(),
        "no comment without a space"
    );
    assert!(
        expand("a: \" # ${MISSING}\"", &environment).is_err(),
        "no comment in quotes"
    );
}

#[test]
fn a_value_cannot_leave_the_quotes_it_stands_in() {
    check(r#"a: "${KEY}""#, r#"a: "a\"b\\c'd""#);
    check("a: '${KEY}'", r#"a: 'a"b\c''d'"#);
    check("a: don't ${KEY}", r#"a: don't a"b\c'd"#);
    check(r#"{"a":"\"${KEY}"}"#, r#"{"a":"\"a\"b\\c'd"}"#);
}

#[test]
fn a_value_with_line_breaks_needs_double_quotes_or_a_line_of_its_own() {
    check("a: \"${PEM}\"", "a: \"first\\nsecond\\n\"");
    check("a: |\n  ${PEM}\n", "a: |\n  first\n  second\n");
    let error = expand("a: ${PEM}", &environment).unwrap_err();
    assert_eq!(error.reason, ExpandReason::LineBreak);
}

proptest! {
    #[test]
    fn text_without_references_is_unchanged(text in "[^{]{0,200}") {
        prop_assert_eq!(expand(&text, &environment), Ok(text));
    }

    #[test]
    fn any_text_is_handled_without_a_panic(text in "[${}:=\\-\"'# \\n\\\\A-Za-zé]{0,80}") {
        let _ = expand(&text, &environment);
    }

    #[test]
    fn any_value_in_double_quotes_parses_back_to_itself(value in "[ -~\\n\\t\\ré€]{0,60}") {
        let text = expand("a: \"${ANY}\"", &|_| Some(value.clone())).unwrap();
        let parsed: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        prop_assert_eq!(parsed["a"].as_str(), Some(value.as_str()));
    }
}
