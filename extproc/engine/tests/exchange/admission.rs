//! Holds: the worst case first, the exact count only when it matters, lowering, denial.

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_bundle::{Limit, Subject};
use tollgate_engine::{BudgetDecision, Step};

use crate::host::{self, Host, bundle, forward, hello, reply};

#[test]
fn a_call_with_room_goes_on_byte_for_byte_without_counting() {
    let host = Host::new(&bundle(100_000));
    let mut exchange = host.exchange();
    let head = host::chat_headers(Some("sk-alice"));
    assert!(matches!(
        exchange.on_request_head(&head, false),
        Step::ReadBody
    ));
    let step = exchange.on_request_body(&head, hello().to_string().into(), 0, 0);
    let Step::Hold(request) = step else {
        panic!("{step:?}")
    };
    assert_eq!(request.output_want, 50);
    let rest = exchange.on_hold(host.store.hold_now(&request));
    let Step::Forward(forward) = rest else {
        panic!("{rest:?}")
    };
    assert_eq!(forward.body, None);
    assert_eq!(host::set(&forward, ":path"), None);
    assert_eq!(
        host::set(&forward, "x-tollgate-cluster"),
        Some("ai/default/llm/0/0")
    );
}

#[test]
fn near_the_limit_the_input_is_counted_and_the_output_lowered() {
    // The body's bytes do not fit beside 50 output tokens; the counted input does, with less.
    let host = Host::new(&bundle(40));
    let mut exchange = host.exchange();
    let forward = forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    let body: Value = serde_json::from_slice(forward.body.as_ref().unwrap()).unwrap();
    let lowered = body["max_tokens"].as_u64().unwrap();
    assert!((10..50).contains(&lowered), "{lowered}");
    assert_eq!(
        host.state("default/daily", "user:default/alice", 40).held,
        40
    );
    host.answer(&mut exchange, 200, &host::openai_answer(8, lowered));
    let record = exchange.record();
    assert_eq!(record.budget, BudgetDecision::Lowered);
    let state = host.state("default/daily", "user:default/alice", 40);
    assert_eq!((state.settled, state.held), (8 + lowered, 0));
}

#[test]
fn an_exhausted_budget_is_429_naming_it() {
    let host = Host::new(&bundle(12));
    let (status, body, reply) = reply(host.chat(&mut host.exchange(), Some("sk-alice"), &hello()));
    assert_eq!(status, 429);
    assert_eq!(body["error"]["type"], "tokens");
    assert_eq!(body["error"]["code"], "rate_limit_exceeded");
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("default/daily")
    );
    let header = |name: &str| {
        reply
            .headers
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(
        header("retry-after"),
        Some("43200"),
        "noon: twelve hours are left of the day"
    );
    assert_eq!(header("x-ratelimit-limit-tokens"), Some("12"));
    assert_eq!(header("x-ratelimit-reset-tokens"), Some("12h0m0s"));
    assert_eq!(
        host.state("default/daily", "user:default/alice", 12).held,
        0
    );
}

#[test]
fn one_callers_exhaustion_leaves_another_served() {
    let host = Host::new(&bundle(120));
    let mut served = 0;
    while let host::Rest::Forward(_) = {
        let mut exchange = host.exchange();
        let rest = host.chat(&mut exchange, Some("sk-alice"), &hello());
        if matches!(rest, host::Rest::Forward(_)) {
            host.answer(&mut exchange, 200, &host::openai_answer(8, 20));
        }
        rest
    } {
        served += 1;
    }
    assert_eq!(
        served, 4,
        "120 tokens are four calls of 28, and 8 tokens are not enough"
    );
    forward(host.chat(&mut host.exchange(), Some("sk-bob"), &hello()));
}

#[test]
fn a_call_without_a_limit_is_given_one() {
    let host = Host::new(&bundle(100_000));
    let mut body = hello();
    body.as_object_mut().unwrap().remove("max_tokens");
    let forward = forward(host.chat(&mut host.exchange(), Some("sk-alice"), &body));
    let body: Value = serde_json::from_slice(forward.body.as_ref().unwrap()).unwrap();
    assert_eq!(body["max_completion_tokens"], 100);
}

#[test]
fn several_choices_are_held_together() {
    let host = Host::new(&bundle(100_000));
    let mut body = hello();
    body["n"] = 8.into();
    forward(host.chat(&mut host.exchange(), Some("sk-alice"), &body));
    let held = host
        .state("default/daily", "user:default/alice", 100_000)
        .held;
    assert!(held >= 400, "{held}");
}

#[test]
fn two_limits_of_one_window_are_charged_once_and_the_smaller_holds() {
    let (id, mut budget) = host::budget("default/daily", 100_000, Subject::User);
    budget.limits.push(Limit {
        amount: 500,
        ..budget.limits[0].clone()
    });
    let host = Host::new(&host::with_rule(
        host::rule(&["default/daily"]),
        [(id, budget)],
    ));
    let mut exchange = host.exchange();
    forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    host.answer(&mut exchange, 200, &host::openai_answer(8, 20));
    let state = host.state("default/daily", "user:default/alice", 500);
    assert_eq!(state.settled, 28);
    let mut body = hello();
    body["max_tokens"] = 600.into();
    let forward = forward(host.chat(&mut host.exchange(), Some("sk-alice"), &body));
    let sent: Value = serde_json::from_slice(forward.body.as_ref().unwrap()).unwrap();
    assert!(sent["max_tokens"].as_u64().unwrap() < 472);
}

proptest! {
    /// Whatever is asked and however the provider answers within what it was asked for, what is
    /// settled stays within the limit.
    #[test]
    fn strict_spending_never_exceeds_the_limit(
        limit in 0_u64..2_000,
        calls in prop::collection::vec((0_usize..40, prop::option::of(1_u64..400), 0_u64..=100), 1..40),
    ) {
        let host = Host::new(&bundle(limit));
        for (words, max_tokens, percent) in calls {
            let mut body = json!({
                "model": "gpt-4",
                "messages": [{"role": "user", "content": "word ".repeat(words)}],
            });
            if let Some(max) = max_tokens {
                body["max_tokens"] = max.into();
            }
            let mut exchange = host.exchange();
            if let host::Rest::Forward(forward) = host.chat(&mut exchange, Some("sk-alice"), &body) {
                let sent: Value = forward
                    .body
                    .map_or(body, |body| serde_json::from_slice(&body).unwrap());
                let allowed = sent["max_tokens"]
                    .as_u64()
                    .or(sent["max_completion_tokens"].as_u64())
                    .unwrap();
                let prompt = words as u64 + 8;
                let output = allowed * percent / 100;
                host.answer(&mut exchange, 200, &host::openai_answer(prompt.max(1), output));
            }
            let state = host.state("default/daily", "user:default/alice", limit);
            prop_assert!(state.settled <= limit, "{state:?}");
            prop_assert_eq!(state.held, 0);
        }
    }
}
