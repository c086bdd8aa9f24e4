//! Modes: shadow, overcommit with a hold that grows, and warnings.

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_bundle::{Budget, Bundle, Meter, Mode, Subject};
use tollgate_engine::{BodyStep, BudgetDecision, Ending, Exchange};

use crate::host::{self, End, Host, forward, hello, reply};

const ID: &str = "default/daily";
const ALICE: &str = "user:default/alice";

fn budgeted(limit: u64, change: impl FnOnce(&mut Budget)) -> Bundle {
    let (id, mut budget) = host::budget(ID, limit, Subject::User);
    change(&mut budget);
    host::with_rule(host::rule(&[ID]), [(id, budget)])
}

fn overcommitted(limit: u64, percent: u8) -> Bundle {
    budgeted(limit, |budget| {
        budget.mode = Mode::Overcommit(percent);
        budget.meter = Meter::Output;
    })
}

/// A stream that may have 1000 output tokens.
fn ask(include_usage: bool) -> Value {
    json!({
        "model": "gpt-4", "max_tokens": 1000, "stream": true,
        "stream_options": {"include_usage": include_usage},
        "messages": [{"role": "user", "content": "hello"}],
    })
}

/// A chunk of `words` tokens of cl100k.
fn chunk(words: usize) -> String {
    let text = " river".repeat(words);
    format!(
        "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"gpt-4\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}]}}\n\n"
    )
}

const END: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"gpt-4\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"gpt-4\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":600,\"total_tokens\":609}}\n\ndata: [DONE]\n\n";

fn begun(host: &Host, include_usage: bool) -> Exchange {
    let mut exchange = host.exchange();
    forward(host.chat(&mut exchange, Some("sk-alice"), &ask(include_usage)));
    exchange
}

#[test]
fn shadow_budget_that_is_spent_serves_and_says_so() {
    let host = Host::new(&budgeted(10, |budget| {
        budget.mode = Mode::Shadow;
        budget.warn_percent = Some(50);
    }));
    let mut exchange = host.exchange();
    let sent = forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    assert_eq!(sent.body, None, "the output is not lowered for it");
    let change = host::head(&mut exchange, 200, "application/json");
    let told = |name: &str| {
        change
            .set_headers
            .iter()
            .any(|(set, _)| set.starts_with(name))
    };
    for name in ["x-ratelimit", "x-tollgate-budget-warning"] {
        assert!(!told(name), "{name} is not the caller's business");
    }
    host.answer(&mut exchange, 200, &host::openai_answer(9, 20));
    let record = exchange.record();
    assert_eq!(record.would_deny, [ID]);
    assert!(record.warnings.is_empty(), "nothing was spent before");
    assert_eq!(record.budget, BudgetDecision::Admitted);
    assert_eq!(host.state(ID, ALICE, 10).settled, 29, "it is counted");
    let mut second = host.exchange();
    forward(host.chat(&mut second, Some("sk-alice"), &hello()));
    let change = host::head(&mut second, 200, "application/json");
    let is_told = |(name, _): &(&str, _)| *name == "x-tollgate-budget-warning";
    assert!(!change.set_headers.iter().any(is_told), "nor is a warning");
    assert!(second.record().warnings[0].is_first, "but the operator's");
}

#[test]
fn shadow_budget_with_room_has_nothing_to_say() {
    let host = Host::new(&budgeted(100_000, |budget| budget.mode = Mode::Shadow));
    let mut exchange = host.exchange();
    forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    assert!(exchange.record().would_deny.is_empty());
}

#[test]
fn shadow_budget_without_a_subject_or_a_price_serves() {
    for change in [
        (|budget: &mut Budget| budget.subject = Subject::Org) as fn(&mut Budget),
        |budget| budget.subject = Subject::Unknown("a claim that is not read here".into()),
        |budget| budget.subject = Subject::Header("x-tenant".into()),
        |budget| budget.meter = Meter::Money(tollgate_bundle::PriceTable::default()),
    ] {
        let host = Host::new(&budgeted(100, |budget| {
            change(budget);
            budget.mode = Mode::Shadow;
        }));
        let mut exchange = host.exchange();
        forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
        host.answer(&mut exchange, 200, &host::openai_answer(9, 20));
    }
}

#[test]
fn overcommitted_call_holds_its_share_and_is_charged_what_it_used() {
    let host = Host::new(&overcommitted(100_000, 10));
    let mut exchange = begun(&host, false);
    assert_eq!(host.state(ID, ALICE, 100_000).held, 100);
    let seen = host.stream(&mut exchange, &[&chunk(20), END, ""], End::Complete);
    assert!(
        seen.contains("river") && !seen.contains("\"usage\":{"),
        "{seen}"
    );
    let record = exchange.record();
    assert_eq!((record.top_ups, record.ending), (0, Ending::Complete));
    assert_eq!(host.state(ID, ALICE, 100_000).settled, 600);
}

#[test]
fn hold_of_a_stream_grows_before_it_is_used_up() {
    let host = Host::new(&overcommitted(100_000, 10));
    let mut exchange = begun(&host, false);
    host::head(&mut exchange, 200, "text/event-stream");
    let mut produced = 0;
    for _ in 0..60 {
        host.pieces(&mut exchange, &[&chunk(10)], End::Cut);
        produced += 10;
        let held = host.state(ID, ALICE, 100_000).held;
        assert!(held >= produced, "{held} of {produced} are held");
        assert!(held <= produced + 200, "{held} for {produced}: too much");
    }
    let record = host.close(&mut exchange);
    assert!((4..=12).contains(&record.top_ups), "{}", record.top_ups);
    assert_eq!(host.state(ID, ALICE, 100_000).settled, 600);
}

#[test]
fn stream_whose_hold_cannot_grow_ends_as_one_that_ran_into_its_limit() {
    for include_usage in [false, true] {
        let host = Host::new(&overcommitted(250, 10));
        let mut exchange = begun(&host, include_usage);
        host::head(&mut exchange, 200, "text/event-stream");
        let mut seen = String::new();
        for _ in 0..60 {
            seen.push_str(&host.pieces(&mut exchange, &[&chunk(10)], End::Cut));
        }
        assert!(seen.ends_with("data: [DONE]\n\n"), "{seen}");
        assert_eq!(seen.matches("[DONE]").count(), 1);
        assert_eq!(seen.matches("\"finish_reason\":\"length\"").count(), 1);
        assert_eq!(
            seen.matches("\"id\":\"c\"").count(),
            seen.matches("\"id\"").count()
        );
        let passed = seen.matches(" river").count();
        assert!((200..=250).contains(&passed), "{passed} tokens went on");
        assert_eq!(
            seen.matches("\"completion_tokens\":").count(),
            usize::from(include_usage)
        );

        // The client is served, so it goes; or the provider comes to its end.
        if include_usage {
            host.pieces(&mut exchange, &[END, ""], End::Complete);
        } else {
            host.close(&mut exchange);
        }
        let record = exchange.record();
        assert_eq!(record.ending, Ending::Limited);
        assert_eq!(record.denied_by.as_deref(), Some(ID));
        let state = host.state(ID, ALICE, 250);
        assert_eq!(
            (state.settled, state.held),
            (600, 0),
            "what the provider produced"
        );
    }
}

#[test]
fn piece_waits_until_the_ledger_has_answered() {
    let host = Host::new(&overcommitted(100_000, 10));
    let mut exchange = begun(&host, false);
    host::head(&mut exchange, 200, "text/event-stream");
    let step = exchange.on_response_body(&chunk(90).into(), false);
    let BodyStep::TopUp(request) = step else {
        panic!("{step:?}")
    };
    assert_eq!((request.output_want, request.output_min), (1000, 1000));
    let failed = tollgate_budget::StoreError::Unavailable("gone".into());
    let step = exchange.on_top_up(Err(failed));
    assert!(
        matches!(step, BodyStep::Pass { end: None, .. }),
        "what is covered goes on: {step:?}"
    );
    let step = exchange.on_response_body(&chunk(30).into(), false);
    assert!(matches!(step, BodyStep::TopUp(_)), "asked again: {step:?}");
}

#[test]
fn overcommitted_call_that_does_not_fit_is_lowered_to_what_does() {
    let host = Host::new(&overcommitted(50, 10));
    let mut exchange = host.exchange();
    let sent = forward(host.chat(&mut exchange, Some("sk-alice"), &ask(false)));
    let body: Value = serde_json::from_slice(sent.body.as_ref().unwrap()).unwrap();
    assert_eq!(body["max_tokens"], 500, "of which 50 are held");
    assert_eq!(exchange.record().budget, BudgetDecision::Lowered);

    let (status, _, _) = reply(host.chat(&mut host.exchange(), Some("sk-alice"), &ask(false)));
    assert_eq!(status, 429, "nothing is left");
}

#[test]
fn strict_budget_beside_an_overcommitted_one_keeps_its_worst_case() {
    let (id, mut loose) = host::budget("default/loose", 100_000, Subject::User);
    loose.mode = Mode::Overcommit(10);
    loose.meter = Meter::Output;
    let (strict_id, mut strict) = host::budget("default/strict", 1000, Subject::User);
    strict.meter = Meter::Output;
    let rule = host::rule(&["default/loose", "default/strict"]);
    let host = Host::new(&host::with_rule(rule, [(id, loose), (strict_id, strict)]));
    let mut exchange = begun(&host, false);
    host::head(&mut exchange, 200, "text/event-stream");
    for _ in 0..30 {
        host.pieces(&mut exchange, &[&chunk(10)], End::Cut);
        assert_eq!(host.state("default/strict", ALICE, 1000).held, 1000);
    }
    assert!(host.state("default/loose", ALICE, 100_000).held > 100);
    host.close(&mut exchange);
    assert_eq!(host.state("default/strict", ALICE, 1000).settled, 300);
}

#[test]
fn passed_threshold_is_told_in_a_header_and_once_as_an_event() {
    let host = Host::new(&budgeted(200, |budget| budget.warn_percent = Some(25)));
    let mut told = Vec::new();
    for _ in 0..4 {
        let mut exchange = host.exchange();
        forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
        let change = host::head(&mut exchange, 200, "application/json");
        let header = change
            .set_headers
            .into_iter()
            .find(|(name, _)| *name == "x-tollgate-budget-warning")
            .map(|(_, value)| value.into_owned());
        host.pieces(&mut exchange, &[&host::openai_answer(9, 21)], End::Complete);
        let is_first = exchange
            .record()
            .warnings
            .first()
            .map(|warning| warning.is_first);
        told.push((header, is_first));
    }
    let at_30 = "default/daily at 30%".to_string();
    let at_45 = "default/daily at 45%".to_string();
    assert_eq!(
        told,
        [
            (None, None),
            (None, None),
            (Some(at_30), Some(true)),
            (Some(at_45), Some(false))
        ],
        "30 tokens of 200 each; what is held does not count"
    );

    let quiet = Host::new(&budgeted(100_000, |budget| budget.warn_percent = Some(50)));
    let mut exchange = quiet.exchange();
    forward(quiet.chat(&mut exchange, Some("sk-alice"), &hello()));
    assert!(exchange.record().warnings.is_empty());
}

proptest! {
    /// Overrun is at most what calls used beyond their holds; what was passed on to clients of
    /// streams is within the limit but for the piece that was on its way; and nothing stays held.
    #[test]
    fn overrun_of_overcommitted_streams_is_what_they_used_beyond_their_holds(
        limit in 0_u64..3_000,
        percent in 1_u8..=99,
        calls in prop::collection::vec((1_usize..60, 1_usize..12, any::<bool>()), 1..8),
    ) {
        let host = Host::new(&overcommitted(limit, percent));
        let mut beyond = 0;
        for (pieces, words, leaves) in calls {
            let mut exchange = host.exchange();
            let rest = host.chat(&mut exchange, Some("sk-alice"), &ask(false));
            let host::Rest::Forward(forward) = rest else { continue };
            let sent: Value = forward.body.map_or_else(
                || ask(false),
                |body| serde_json::from_slice(&body).unwrap(),
            );
            let allowed = sent["max_tokens"].as_u64().unwrap();
            host::head(&mut exchange, 200, "text/event-stream");
            let (mut produced, mut held, mut is_over) = (0, 0, false);
            for _ in 0..pieces {
                if produced + words as u64 > allowed || is_over && leaves {
                    break;
                }
                let seen = host.pieces(&mut exchange, &[&chunk(words)], End::Cut);
                produced += words as u64;
                held = exchange.receipt().map_or(held, |receipt| receipt.entries[0].held);
                let passed_on = !is_over && !seen.contains("[DONE]");
                prop_assert!(!passed_on || produced <= held, "{produced} passed on, {held} held");
                is_over |= seen.contains("[DONE]");
            }
            host.close(&mut exchange);
            beyond += produced.saturating_sub(held);
            let state = host.state(ID, ALICE, limit);
            prop_assert_eq!(state.held, 0);
            prop_assert!(state.settled <= limit + beyond, "{state:?}, {beyond} beyond holds");
        }
    }
}
