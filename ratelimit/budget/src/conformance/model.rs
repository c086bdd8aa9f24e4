//! Random interleavings of all operations, against a reference that keeps what happened and
//! counts anew each time.
//!
//! A script is made from words, so that a property test can draw (and shrink) them and a test on
//! a slower store can take a few fixed ones: [`interleaving_answered_as_by_the_model`] and
//! [`strict_use_never_exceeds_a_limit`] drive any store through one.

mod admission;
mod driver;
mod ledger;
mod script;
mod strict;

pub use driver::{Tally, interleaving_answered_as_by_the_model};
pub use script::Figures;
pub use strict::strict_use_never_exceeds_a_limit;

use super::Rig;

/// The grid of scripts on a store whose time does not stand still: all windows of a script and
/// all waits are multiples of it, so that the time the store takes itself crosses no edge.
const GRID_MS: u64 = 4_000;

/// Fixed scripts with everyday figures, for the suite of every store.
pub async fn fixed_interleavings_answered_as_by_the_model(rig: &Rig<'_>) {
    for name in 0..8 {
        let words = script::words(name, 60);
        interleaving_answered_as_by_the_model(rig, name, &words, Figures::Everyday).await;
    }
}

/// Fixed scripts with figures near 2^63.
pub async fn fixed_interleavings_of_large_figures_answered_as_by_the_model(rig: &Rig<'_>) {
    for name in 100..104 {
        let words = script::words(name, 60);
        interleaving_answered_as_by_the_model(rig, name, &words, Figures::Large).await;
    }
}

/// Fixed scripts of strict use.
pub async fn fixed_strict_use_never_exceeds_a_limit(rig: &Rig<'_>) {
    for name in 200..204 {
        let words = script::words(name, 60);
        strict_use_never_exceeds_a_limit(rig, name, &words).await;
    }
}
