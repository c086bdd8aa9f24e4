//! Random interleavings against the reference of the conformance suite.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::conformance::{
    Figures, interleaving_answered_as_by_the_model, strict_use_never_exceeds_a_limit,
};

fn words(len: usize) -> impl Strategy<Value = Vec<u64>> {
    vec(any::<u64>(), 1..len)
}

proptest! {
    #[test]
    fn store_answers_as_the_model_does(words in words(120)) {
        let time = Time::default();
        let store = time.store(Bounds::default());
        let tally = drive(&time, &store, async |rig| {
            interleaving_answered_as_by_the_model(rig, 1, &words, Figures::Everyday).await
        });
        prop_assert_eq!(store.usage().holds, tally.live_holds);
        let charged = store.settled_total("conformance/budget");
        prop_assert_eq!(u128::from(charged), tally.charged);
    }

    #[test]
    fn store_answers_as_the_model_does_near_the_greatest_limit(words in words(120)) {
        let time = Time::default();
        let store = time.store(Bounds::default());
        drive(&time, &store, async |rig| {
            interleaving_answered_as_by_the_model(rig, 1, &words, Figures::Large).await
        });
    }

    #[test]
    fn strict_use_exceeds_no_limit(words in words(200)) {
        let time = Time::default();
        let store = time.store(Bounds::default());
        drive(&time, &store, async |rig| {
            strict_use_never_exceeds_a_limit(rig, 1, &words).await;
        });
        prop_assert_eq!(store.overrun_total(), 0);
    }
}
