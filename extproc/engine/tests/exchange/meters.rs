//! Meters: what each holds at most, and what it charges.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_bundle::{Budget, Bundle, Meter, Price, PriceTable, Subject};
use tollgate_engine::Step;

use crate::host::{self, End, Host, forward, hello, reply};

const ID: &str = "default/daily";

fn metered(limit: u64, meter: Meter) -> Bundle {
    let (id, budget) = host::budget(ID, limit, Subject::User);
    host::with_rule(host::rule(&[ID]), [(id, Budget { meter, ..budget })])
}

fn prices(models: &[(&str, Price)]) -> Meter {
    Meter::Money(PriceTable {
        currency: "USD".into(),
        models: models
            .iter()
            .map(|(model, price)| (model.to_string(), *price))
            .collect::<BTreeMap<_, _>>(),
    })
}

/// 2.5, 1.25, 3 and 10 USD for a million tokens.
const PRICE: Price = Price {
    input: 2_500_000,
    cached_input: 1_250_000,
    cache_write: 3_000_000,
    output: 10_000_000,
};

/// 100 input tokens, of which 40 cached and 10 written to the cache; 30 output, 20 of reasoning.
fn answer() -> String {
    let mut answer: Value = serde_json::from_str(&host::openai_answer(100, 30)).unwrap();
    answer["usage"]["prompt_tokens_details"] =
        json!({"cached_tokens": 40, "cache_creation_tokens": 10});
    answer["usage"]["completion_tokens_details"] = json!({"reasoning_tokens": 20});
    answer.to_string()
}

/// What was held for `hello` (bytes of the body + 20 for the input, 50 for the output), and what
/// was charged for [`answer`].
fn held_and_charged(meter: Meter) -> (u64, u64) {
    let limit = u64::MAX >> 1;
    let host = Host::new(&metered(limit, meter));
    let mut exchange = host.exchange();
    forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    let held = host.state(ID, "user:default/alice", limit).held;
    host.answer(&mut exchange, 200, &answer());
    let state = host.state(ID, "user:default/alice", limit);
    assert_eq!(state.held, 0);
    (held, state.settled)
}

fn input_bound() -> u64 {
    hello().to_string().len() as u64 + 20
}

#[test]
fn every_meter_holds_its_worst_case_and_charges_what_was_used() {
    let input = input_bound();
    let expression = |text: &str| Meter::Expression(text.into());
    for (meter, held, charged) in [
        (Meter::Total, input + 50, 130),
        (Meter::Input, input, 100),
        (Meter::Output, 50, 30),
        (Meter::CachedInput, input, 40),
        (Meter::CacheWrite, input, 10),
        (Meter::Reasoning, 50, 20),
        (Meter::Requests, 1, 1),
        (
            expression("input_tokens + output_tokens * 6u"),
            input + 300,
            280,
        ),
        (
            expression("(input_tokens - cached_input_tokens) * 2u + cached_input_tokens / 4u"),
            input * 2,
            130,
        ),
        (
            prices(&[("gpt-4", PRICE)]),
            input * 3_000_000 + 50 * 10_000_000,
            50 * 2_500_000 + 40 * 1_250_000 + 10 * 3_000_000 + 30 * 10_000_000,
        ),
    ] {
        let shown = format!("{meter:?}");
        assert_eq!(held_and_charged(meter), (held, charged), "{shown}");
    }
}

#[test]
fn an_expression_that_divides_is_held_exactly_and_lowered_to_what_is_left() {
    let meter = || Meter::Expression("output_tokens / 10u".into());
    assert_eq!(held_and_charged(meter()).0, 5);
    // 4 units are left: at most 49 output tokens.
    let host = Host::new(&metered(4, meter()));
    let mut exchange = host.exchange();
    let forward = forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    let body: Value = serde_json::from_slice(forward.body.as_ref().unwrap()).unwrap();
    assert_eq!(body["max_tokens"], 49);
    assert_eq!(host.state(ID, "user:default/alice", 4).held, 4);
}

#[test]
fn an_expression_with_a_dearer_tier_is_held_by_its_dearest() {
    let tiers = "output_tokens > 30u ? output_tokens * 10u : output_tokens";
    let (held, charged) = held_and_charged(Meter::Expression(tiers.into()));
    assert_eq!((held, charged), (500, 30));
}

#[test]
fn an_expression_with_a_step_near_its_end_is_held_by_what_is_beyond_it() {
    let step = "output_tokens > 45u ? 1000u : output_tokens";
    let meter = || Meter::Expression(step.into());
    assert_eq!(held_and_charged(meter()), (1000, 30));
    // 100 units: 45 output tokens fit, one more does not.
    let host = Host::new(&metered(100, meter()));
    let mut exchange = host.exchange();
    let forward = forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    let body: Value = serde_json::from_slice(forward.body.as_ref().unwrap()).unwrap();
    assert_eq!(body["max_tokens"], 45);
}

#[test]
fn a_request_is_charged_when_a_provider_answers_it_and_not_when_it_fails() {
    for (status, charged) in [(200, 1), (400, 1), (429, 0), (500, 0), (503, 0)] {
        let host = Host::new(&metered(10, Meter::Requests));
        let mut exchange = host.exchange();
        forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
        let body = if status == 200 { answer() } else { "{}".into() };
        host.answer(&mut exchange, status, &body);
        let state = host.state(ID, "user:default/alice", 10);
        assert_eq!((state.settled, state.held), (charged, 0), "{status}");
    }
}

#[test]
fn a_call_that_never_reached_a_provider_is_no_request() {
    let host = Host::new(&metered(10, Meter::Requests));
    let mut exchange = host.exchange();
    let mut rule = hello();
    rule["model"] = "other".into();
    assert_eq!(
        reply(host.chat(&mut exchange, Some("sk-alice"), &rule)).0,
        404
    );
    host.close(&mut exchange);
    assert_eq!(host.state(ID, "user:default/alice", 10).settled, 0);
}

#[test]
fn requests_have_headers_of_their_own_and_money_has_none() {
    let names = |meter: Meter| {
        let host = Host::new(&metered(u64::MAX >> 1, meter));
        let mut exchange = host.exchange();
        forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
        let change = host::head(&mut exchange, 200, "application/json");
        let names = change.set_headers.into_iter().map(|(name, _)| name);
        names
            .filter(|name| name.starts_with("x-ratelimit"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(Meter::Requests),
        [
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests"
        ]
    );
    assert_eq!(names(Meter::Output)[0], "x-ratelimit-limit-tokens");
    assert!(names(prices(&[("*", PRICE)])).is_empty());
}

#[test]
fn what_a_provider_says_of_its_own_limits_is_hidden_from_callers_of_a_budget() {
    let provider = ["x-ratelimit-limit-tokens", "x-ratelimit-limit-requests"];
    let removed = |bundle: &Bundle| {
        let host = Host::new(bundle);
        let mut exchange = host.exchange();
        forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
        let head = tollgate_engine::ResponseHead {
            status: 200,
            content_type: Some("application/json"),
            retry_after: None,
            rate_limits: &provider,
            end: false,
        };
        exchange.on_response_head(head, 0).remove_headers
    };
    assert_eq!(removed(&metered(1000, Meter::Total)), [provider[1]]);
    assert_eq!(removed(&metered(1000, Meter::Requests)), [provider[0]]);
    let free = host::with_rule(host::rule(&[]), []);
    assert!(removed(&free).is_empty());
}

#[test]
fn a_model_without_a_price_is_refused_naming_budget_and_model() {
    let host = Host::new(&metered(1 << 60, prices(&[("gpt-5", PRICE)])));
    let (status, body, _) = reply(host.chat(&mut host.exchange(), Some("sk-alice"), &hello()));
    assert_eq!(status, 500);
    let message = body["error"]["message"].as_str().unwrap();
    for part in [ID, "\"gpt-4\"", "ConfigMap", "`*`"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_fallback_is_held_by_the_price_of_its_own_model() {
    let dear = Price {
        output: 100_000_000,
        ..PRICE
    };
    let limit = 1 << 60;
    let host = Host::new(&metered(
        limit,
        prices(&[("gpt-4", PRICE), ("claude-3-opus", dear)]),
    ));
    let mut exchange = host.exchange();
    forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    let before = host.state(ID, "user:default/alice", limit).held;
    let step = exchange.on_attempt("ai/default/llm/0/1", 0);
    assert!(matches!(step, Step::Raise(_)), "{step:?}");
    forward(host.drive(&mut exchange, step));
    let after = host.state(ID, "user:default/alice", limit).held;
    assert!(after >= before + 50 * 90_000_000, "{before} {after}");
    host.stream(&mut exchange, &[], End::Cut);
    let usage = host.close(&mut exchange).usage.unwrap();
    assert_eq!(
        host.state(ID, "user:default/alice", limit).settled,
        usage.input * PRICE.input + usage.output * dear.output
    );
}

#[test]
fn a_spent_money_budget_says_so_in_its_currency() {
    let host = Host::new(&metered(1_500_000_000, prices(&[("*", PRICE)])));
    let (status, body, reply) = reply(host.chat(
        &mut host.exchange(),
        Some("sk-alice"),
        &json!({"model": "gpt-4", "max_tokens": 500, "messages": [
            {"role": "user", "content": "word ".repeat(2000)}]}),
    ));
    assert_eq!(status, 429);
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("of 0.0015 USD per day"), "{message}");
    assert!(
        reply
            .headers
            .iter()
            .all(|(name, _)| !name.starts_with("x-ratelimit"))
    );
}

#[test]
fn a_cost_that_cannot_be_told_is_what_was_held() {
    // Overflows for what the provider reports, not for what was held.
    let limit = u64::MAX >> 1;
    let meter = Meter::Expression("output_tokens * 100000000000u".into());
    let host = Host::new(&metered(limit, meter));
    let mut exchange = host.exchange();
    forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    host.answer(&mut exchange, 200, &host::openai_answer(9, 200_000_000));
    let state = host.state(ID, "user:default/alice", limit);
    assert_eq!((state.settled, state.held), (50 * 100_000_000_000, 0));
    assert_eq!(exchange.record().not_measured, [ID]);
}

#[test]
fn an_expression_that_does_not_compile_refuses_and_is_told() {
    let bundle = metered(10, Meter::Expression("input_tokens -".into()));
    let (table, problems) = tollgate_engine::RouteTable::compile(&bundle);
    assert!(problems[0].contains(ID), "{problems:?}");
    let host = Host::with_table(table);
    let (status, body, _) = reply(host.chat(&mut host.exchange(), Some("sk-alice"), &hello()));
    assert_eq!(status, 500);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("is not CEL")
    );
}

proptest! {
    /// Whatever the provider reports within what it was sent and asked for, money is never spent
    /// beyond its limit.
    #[test]
    fn strict_money_never_exceeds_its_limit(
        limit in 0_u64..3_000_000_000,
        calls in prop::collection::vec((0_usize..40, 0_u64..=100, 0_u64..=100, 0_u64..=100), 1..20),
    ) {
        let host = Host::new(&metered(limit, prices(&[("*", PRICE)])));
        for (words, output, cached, written) in calls {
            let body = json!({
                "model": "gpt-4",
                "messages": [{"role": "user", "content": "word ".repeat(words)}],
            });
            let mut exchange = host.exchange();
            if let host::Rest::Forward(forward) = host.chat(&mut exchange, Some("sk-alice"), &body) {
                let sent: Value = serde_json::from_slice(&forward.body.unwrap()).unwrap();
                let allowed = sent["max_completion_tokens"].as_u64().unwrap();
                let prompt = words as u64 + 8;
                let mut answer: Value = serde_json::from_str(
                    &host::openai_answer(prompt, allowed * output / 100)).unwrap();
                answer["usage"]["prompt_tokens_details"] = json!({
                    "cached_tokens": prompt * cached / 100,
                    "cache_creation_tokens": prompt * written / 100,
                });
                host.answer(&mut exchange, 200, &answer.to_string());
            }
            let state = host.state(ID, "user:default/alice", limit);
            prop_assert!(state.settled <= limit, "{state:?}");
            prop_assert_eq!(state.held, 0);
        }
    }
}
