//! What an expression may say, what it costs, and what is refused.

use proptest::prelude::*;

use super::*;

const NAMES: Names<'_> = Names {
    model: "gpt-4o",
    backend: "openai",
    route: "default/chat",
};

const COUNTS: Counts = Counts {
    input: 100,
    cached_input: 40,
    cache_write: 10,
    output: 30,
    reasoning: 20,
};

fn cost(text: &str) -> u64 {
    Expression::compile(text)
        .expect("compiles")
        .evaluate(NAMES, COUNTS)
        .expect("has a cost")
}

fn problem(text: &str) -> String {
    Expression::compile(text).expect_err("is refused")
}

#[test]
fn every_variable_reads_its_count() {
    assert_eq!(cost("input_tokens"), 100);
    assert_eq!(cost("cached_input_tokens"), 40);
    assert_eq!(cost("cache_creation_input_tokens"), 10);
    assert_eq!(cost("output_tokens"), 30);
    assert_eq!(cost("reasoning_tokens"), 20);
    assert_eq!(cost("total_tokens"), 130);
    assert_eq!(cost("model == 'gpt-4o' ? 7u : 8u"), 7);
    assert_eq!(cost("backend.startsWith('open') ? 7u : 8u"), 7);
    assert_eq!(cost("route_name in ['a', 'default/chat'] ? 7u : 8u"), 7);
}

#[test]
fn arithmetic_gives_whole_numbers() {
    assert_eq!(cost("input_tokens + output_tokens * 6u"), 280);
    assert_eq!(
        cost("(input_tokens - cached_input_tokens) + cached_input_tokens / 10u"),
        64
    );
    assert_eq!(cost("uint(double(output_tokens) * 1.5)"), 45);
    assert_eq!(cost("int(input_tokens) * 2"), 200);
    assert_eq!(cost("42"), 42);
}

#[test]
fn what_is_wrong_with_an_expression_is_said() {
    for (text, part) in [
        ("input_tokens +", "is not CEL"),
        ("", "is not CEL"),
        ("input_tokens * 2", "`*` does not take uint and int"),
        ("tokens", "\"tokens\" is not known"),
        ("input_tokens > 3u", "gives a bool"),
        ("double(input_tokens)", "gives a double"),
        ("'a'", "gives a string"),
        ("model == 'other' ? model : 'x'", "gives a string"),
        ("now()", "`now` does not take"),
        ("[1u].map(x, x)[0]", "a list stands only"),
        ("request.headers", "no variable has fields"),
        (
            "input_tokens - output_tokens",
            "has no cost for 0 input tokens",
        ),
        ("int(input_tokens) - 5", "below zero"),
        ("100u / output_tokens", "has no cost"),
        ("input_tokens * 1000000000000000u", "has no cost"),
    ] {
        let said = problem(text);
        assert!(said.contains(part), "{text:?}: {said:?}");
    }
}

#[test]
fn expression_of_any_size_is_bounded() {
    assert!(problem(&"1u + ".repeat(1000)).contains("4096 are the most"));
    let wide = format!("{}1u", "1u + ".repeat(300));
    assert!(problem(&wide).contains("256 parts"), "{}", problem(&wide));
    for hostile in [
        format!("{}1u{}", "(".repeat(1500), ")".repeat(1500)),
        "[".repeat(1000),
        format!("a{}", ".a".repeat(2000)),
        format!("{}2u", "true ? 1u : ".repeat(300)),
        format!("{}true ? 1u : 2u", "true && ".repeat(500)),
    ] {
        assert!(Expression::compile(&hostile).is_err(), "{hostile:.40}");
    }
}

#[test]
fn parts_that_exceed_their_whole_are_cut() {
    let expression =
        Expression::compile("input_tokens - cached_input_tokens - cache_creation_input_tokens")
            .expect("compiles");
    let counts = Counts {
        input: 10,
        cached_input: 8,
        cache_write: 7,
        ..Counts::default()
    };
    assert_eq!(expression.evaluate(NAMES, counts), Ok(0));
}

#[test]
fn overflow_at_run_time_is_an_error_and_no_small_number() {
    let expression = Expression::compile("input_tokens * 1000u").expect("compiles");
    let counts = Counts {
        input: u64::MAX / 2,
        ..Counts::default()
    };
    assert!(expression.evaluate(NAMES, counts).is_err());
    assert!(expression.worst_case(NAMES, u64::MAX / 2, 1).is_err());
}

proptest! {
    #[test]
    fn worst_case_of_a_linear_expression_bounds_every_call(
        weights in prop::array::uniform5(0_u64..50),
        bounds in (0_u64..1_000_000, 0_u64..1_000_000),
        parts in prop::array::uniform5(0.0_f64..=1.0),
    ) {
        let [plain, cached, written, output, reasoning] = weights;
        let text = format!(
            "(input_tokens - cached_input_tokens - cache_creation_input_tokens) * {plain}u + cached_input_tokens * {cached}u + cache_creation_input_tokens * {written}u + output_tokens * {output}u + reasoning_tokens * {reasoning}u"
        );
        let expression = Expression::compile(&text).expect("compiles");
        let share = |of: u64, part: f64| (of as f64 * part) as u64;
        let input = share(bounds.0, parts[0]);
        let output = share(bounds.1, parts[3]);
        let counts = Counts {
            input,
            cached_input: share(input, parts[1]),
            cache_write: share(input, parts[2]),
            output,
            reasoning: share(output, parts[4]),
        };
        let worst = expression.worst_case(NAMES, bounds.0, bounds.1).expect("has a worst case");
        let cost = expression.evaluate(NAMES, counts).expect("has a cost");
        prop_assert!(cost <= worst, "{cost} > {worst} for {counts:?}");
    }
}
