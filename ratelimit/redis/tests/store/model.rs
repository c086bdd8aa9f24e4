//! Random interleavings against the reference of the conformance suite, on one server: each case
//! under a prefix of its own.

use proptest::{collection::vec, prelude::*};
use tollgate_budget::conformance::{
    Figures, Rig, interleaving_answered_as_by_the_model, strict_use_never_exceeds_a_limit,
};

use crate::{
    server::Server,
    values::{Time, block_on, connected},
};

const CASES: u32 = 64;

fn words() -> impl Strategy<Value = Vec<u64>> {
    vec(any::<u64>(), 1..80)
}

fn check_all(drive: impl AsyncFn(&Rig<'_>, &[u64])) {
    let server = Server::start();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let case = std::cell::Cell::new(0_u64);
    let outcome = runner.run(&words(), |words| {
        case.set(case.get() + 1);
        let time = Time::default();
        block_on(async {
            let mut options = time.options();
            options.prefix = format!("case-{}", case.get());
            let store = connected(&server.url(), options).await;
            let rig = Rig {
                store: &store,
                clock: &time,
                hold_lifetime_ms: 30_000,
                run: 1,
            };
            drive(&rig, &words).await;
        });
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn store_answers_as_the_model_does() {
    check_all(async |rig, words| {
        interleaving_answered_as_by_the_model(rig, 1, words, Figures::Everyday).await;
    });
}

#[test]
fn store_answers_as_the_model_does_near_the_greatest_limit() {
    check_all(async |rig, words| {
        interleaving_answered_as_by_the_model(rig, 1, words, Figures::Large).await;
    });
}

#[test]
fn strict_use_exceeds_no_limit() {
    check_all(async |rig, words| {
        strict_use_never_exceeds_a_limit(rig, 1, words).await;
    });
}
