//! A CEL expression of any text: compiled or refused, and evaluated for any counts in short time.
#![no_main]

use std::{panic, thread};

use libfuzzer_sys::fuzz_target;
use tollgate_cost::{Counts, Expression, Names};

const EXTREMES: [u64; 5] = [0, 1, 100_000_000, 1 << 53, u64::MAX];

fuzz_target!(init: allow_panics_of_the_parser(), |input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let Ok(expression) = Expression::compile(text) else {
        return;
    };
    assert_eq!(expression.text(), text);
    let names = Names {
        model: "gpt-4o",
        backend: "openai",
        route: "default/llm",
    };
    for input in EXTREMES {
        for output in EXTREMES {
            for counts in Counts::corners(input, output) {
                let cost = expression.evaluate(names, counts);
                assert_eq!(cost, expression.evaluate(names, counts));
            }
            let _ = expression.worst_case(names, input, output);
            let _ = expression.evaluate(names, Counts {
                input,
                cached_input: output,
                cache_write: output,
                output,
                reasoning: input,
            });
        }
    }
});

/// The parser runs on a thread of its own because it may panic; that is a refusal, no fault.
fn allow_panics_of_the_parser() {
    let abort = panic::take_hook();
    let fuzzing = thread::current().id();
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() == fuzzing {
            abort(info);
        }
    }));
}
