//! Rate limits of the proxy: what it is told of a call, what it may read of a request, and what a
//! refusal of it is to the engine.

use tollgate_bundle::{Meter, RequestCost};
use tollgate_engine::{Ending, Exchange};

use crate::host::{self, End, Host, bundle, forward, hello};

const LIMIT: u64 = 100_000;
/// More than it takes to eject a backend.
const FAILURES: usize = 10;

fn with_costs(costs: &[(&str, Meter)]) -> Host {
    let mut bundle = bundle(LIMIT);
    for rule in bundle
        .scopes
        .values_mut()
        .flat_map(|scope| &mut scope.rules)
    {
        rule.costs = costs
            .iter()
            .map(|(key, meter)| RequestCost {
                metadata_key: (*key).to_string(),
                meter: meter.clone(),
            })
            .collect();
    }
    Host::new(&bundle)
}

fn begun(host: &Host) -> Exchange {
    let mut exchange = host.exchange();
    forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    exchange
}

#[test]
fn costs_are_told_once_the_answer_has_ended() {
    let host = with_costs(&[
        ("total", Meter::Total),
        ("output", Meter::Output),
        (
            "cost",
            Meter::Expression("input_tokens + output_tokens * 6u".into()),
        ),
    ]);
    let mut exchange = begun(&host);
    assert!(exchange.costs().is_empty(), "too early");
    host.answer(&mut exchange, 200, &host::openai_answer(9, 3));
    assert_eq!(
        exchange.costs(),
        [("total", 12), ("output", 3), ("cost", 27)]
    );
}

#[test]
fn a_call_that_no_provider_answered_tells_no_costs() {
    let host = with_costs(&[("total", Meter::Total)]);
    let mut exchange = begun(&host);
    host.answer(&mut exchange, 500, "{}");
    assert!(exchange.costs().is_empty());
    let mut exchange = begun(&host);
    host.stream(&mut exchange, &[], End::Cut);
    assert!(exchange.costs().is_empty());
}

#[test]
fn a_cost_that_has_no_value_is_the_most_there_is() {
    let huge = Meter::Expression("output_tokens * 90000000000u".into());
    let host = with_costs(&[("huge", huge), ("big", Meter::Output)]);
    let mut exchange = begun(&host);
    host.answer(&mut exchange, 200, &host::openai_answer(1, 2_000_000_000));
    assert_eq!(
        exchange.costs(),
        [("huge", 1_000_000_000), ("big", 1_000_000_000)]
    );
}

#[test]
fn headers_that_limits_read_stay_with_the_request() {
    let mut bundle = bundle(LIMIT);
    let kept = |bundle: &tollgate_bundle::Bundle| {
        let host = Host::new(bundle);
        let mut exchange = host.exchange();
        let mut head = host::chat_headers(Some("sk-alice"));
        for (name, value) in [("x-user-id", "ann"), ("x-ai-eg-model", "spoofed")] {
            head.0.push((name.into(), value.into()));
        }
        let sent = forward(host.send(&mut exchange, &head, hello().to_string()));
        let model = host::set(&sent, "x-ai-eg-model").map(str::to_string);
        (model, sent.remove_headers)
    };
    let (model, removed) = kept(&bundle);
    assert_eq!(model, None);
    assert!(
        removed.iter().any(|name| name == "x-user-id")
            && removed.iter().any(|name| name == "x-ai-eg-model")
    );
    for rule in bundle
        .scopes
        .values_mut()
        .flat_map(|scope| &mut scope.rules)
    {
        rule.kept_headers = vec!["x-ai-eg-model".into(), "x-user-id".into()];
    }
    let (model, removed) = kept(&bundle);
    assert_eq!(model.as_deref(), Some("gpt-4"), "not what the client says");
    assert!(
        !removed.iter().any(|name| name == "x-user-id")
            && !removed.iter().any(|name| name == "x-ai-eg-model")
    );
}

#[test]
fn a_rate_limit_of_the_proxy_is_no_failure_of_the_provider() {
    let host = Host::new(&bundle(LIMIT));
    for _ in 0..FAILURES {
        let mut exchange = begun(&host);
        exchange.on_rate_limited();
        let seen = host.answer(&mut exchange, 429, "limited");
        assert_eq!(seen, "limited");
        assert_eq!(exchange.record().ending, Ending::Refused);
    }
    let state = host.state("default/daily", "user:default/alice", LIMIT);
    assert_eq!((state.held, state.settled), (0, 0), "the holds are freed");
    assert!(host.health.ejected(0).is_empty(), "nobody is ejected");
    // The same answers from the provider itself.
    for _ in 0..FAILURES {
        host.answer(&mut begun(&host), 429, "limited");
    }
    assert!(!host.health.ejected(0).is_empty());
}
