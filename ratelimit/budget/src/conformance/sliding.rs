//! Sliding windows: 20 buckets to a span, and each counts until all of it is older than the span.

use tollgate_bundle::WindowKind;

use super::{Rig, expect_denied, expect_granted};
use crate::Account;

const SPAN_MS: u64 = 80_000;
const BUCKET_MS: u64 = 4_000;
/// From the start of a bucket until it counts no more.
const COUNTS_MS: u64 = SPAN_MS + BUCKET_MS;

/// An account of this check's own, at the start of a bucket.
async fn sliding(rig: &Rig<'_>, limit: u64) -> Account {
    // 15 buckets are a minute.
    let minute = rig.account_per(WindowKind::Minute, "minute", 1);
    rig.enter_next_window(&minute).await;
    rig.account_per(WindowKind::Sliding(SPAN_MS), "alice", limit)
}

/// Not a millisecond shorter, and not longer.
pub async fn sliding_charge_counts_until_its_bucket_is_older_than_the_span(rig: &Rig<'_>) {
    let alice = sliding(rig, 100).await;
    rig.clock.advance(1_000);
    rig.spend_on(&[(&alice, 60)]).await;
    rig.clock.advance(COUNTS_MS - 1_000 - rig.shy_ms());
    assert_eq!(rig.standing(&alice).await, (60, 0));
    rig.denied(&rig.ask(1, &[(&alice, 41)])).await;
    assert!(!rig.spend_on(&[(&alice, 41)]).await.admitted);
    rig.clock.advance(rig.shy_ms());
    assert_eq!(rig.standing(&alice).await, (0, 0));
    rig.granted(&rig.ask(2, &[(&alice, 100)])).await;
}

/// Twice the limit around the minute is what a calendar window lets through, and this does not.
pub async fn sliding_edge_of_the_clock_frees_nothing(rig: &Rig<'_>) {
    let alice = sliding(rig, 100).await;
    rig.clock.advance(58_000);
    let receipt = rig.granted(&rig.ask(1, &[(&alice, 100)])).await;
    rig.settle(&receipt, &[100]).await;
    for id in 2..12 {
        rig.clock.advance(BUCKET_MS);
        rig.denied(&rig.ask(id, &[(&alice, 1)])).await;
    }
}

/// A call that streams for longer than the span still counts, and when it ends is too old to.
pub async fn sliding_hold_counts_whatever_its_bucket(rig: &Rig<'_>) {
    let alice = sliding(rig, 100).await;
    let receipt = rig.granted(&rig.ask(1, &[(&alice, 60)])).await;
    let mut passed_ms = 0;
    while passed_ms < 2 * SPAN_MS {
        rig.clock.advance(rig.hold_lifetime_ms - 1_000);
        passed_ms += rig.hold_lifetime_ms - 1_000;
        rig.renew(&receipt).await;
        assert_eq!(rig.standing(&alice).await, (0, 60));
    }
    rig.denied(&rig.ask(2, &[(&alice, 41)])).await;
    // Renewed after it had expired: as well.
    rig.outlive_hold();
    assert_eq!(rig.standing(&alice).await, (0, 0));
    rig.renew(&receipt).await;
    assert_eq!(rig.standing(&alice).await, (0, 60));
    rig.settle(&receipt, &[60]).await;
    assert_eq!(rig.standing(&alice).await, (0, 0));
}

/// The charge leaves when that bucket does, however late it came.
pub async fn sliding_settle_charges_the_bucket_of_admission(rig: &Rig<'_>) {
    let alice = sliding(rig, 100).await;
    let receipt = rig.granted(&rig.ask(1, &[(&alice, 60)])).await;
    rig.clock.advance(20_000);
    rig.spend_on(&[(&alice, 3)]).await;
    rig.settle(&receipt, &[50]).await;
    assert_eq!(rig.standing(&alice).await, (53, 0));
    rig.clock.advance(COUNTS_MS - 20_000 - rig.shy_ms());
    assert_eq!(rig.standing(&alice).await, (53, 0));
    rig.clock.advance(rig.shy_ms());
    assert_eq!(rig.standing(&alice).await, (3, 0));
}

/// A bill that comes when its bucket counts no more is charged to no later one.
pub async fn sliding_settle_after_the_span_charges_nothing(rig: &Rig<'_>) {
    let alice = sliding(rig, 100).await;
    let receipt = rig.granted(&rig.ask(1, &[(&alice, 60)])).await;
    rig.clock.advance(COUNTS_MS);
    let states = rig.settle(&receipt, &[60]).await;
    assert_eq!((states[0].settled, states[0].held), (0, 0));
    rig.settle(&receipt, &[60]).await;
    assert_eq!(rig.standing(&alice).await, (0, 0));
}

/// A raise is an admission: what it is settled for counts from then on.
pub async fn sliding_raise_moves_the_hold_to_the_present_bucket(rig: &Rig<'_>) {
    let alice = sliding(rig, 100).await;
    let first = rig.granted(&rig.ask(1, &[(&alice, 10)])).await;
    rig.clock.advance(2 * BUCKET_MS);
    rig.renew(&first).await;
    let raised = expect_granted(rig.raise(&rig.ask(1, &[(&alice, 100)])).await);
    let moved_ms = raised.entries[0].window_start_ms - first.entries[0].window_start_ms;
    assert_eq!(moved_ms, 8_000);
    rig.settle(&raised, &[30]).await;
    rig.clock.advance(COUNTS_MS - rig.shy_ms());
    assert_eq!(rig.standing(&alice).await, (30, 0));
    rig.clock.advance(rig.shy_ms());
    assert_eq!(rig.standing(&alice).await, (0, 0));
}

/// Little is free before much is.
pub async fn sliding_retry_is_when_enough_is_too_old(rig: &Rig<'_>) {
    let alice = sliding(rig, 100).await;
    rig.spend_on(&[(&alice, 30)]).await;
    rig.clock.advance(BUCKET_MS);
    rig.spend_on(&[(&alice, 30)]).await;
    rig.clock.advance(BUCKET_MS);
    rig.spend_on(&[(&alice, 40)]).await;
    let bucket = |n: u64| COUNTS_MS - (2 - n) * BUCKET_MS;
    for (id, need, retry_ms) in [
        (1, 0, bucket(0)),
        (2, 30, bucket(0)),
        (3, 31, bucket(1)),
        (4, 60, bucket(1)),
        (5, 61, bucket(2)),
        (6, 100, bucket(2)),
    ] {
        let denial = rig.denied(&rig.ask(id, &[(&alice, need)])).await;
        rig.same_time(denial.retry_ms, retry_ms, "retry");
        rig.same_time(denial.state.reset_ms, COUNTS_MS, "reset");
    }
    // And so it is.
    rig.clock.advance(bucket(1));
    rig.granted(&rig.ask(7, &[(&alice, 60)])).await;
}

/// They may end earlier, but nobody knows.
pub async fn sliding_retry_takes_holds_of_others_as_spent_now(rig: &Rig<'_>) {
    let alice = sliding(rig, 100).await;
    rig.spend_on(&[(&alice, 30)]).await;
    rig.clock.advance(BUCKET_MS);
    rig.granted(&rig.ask(1, &[(&alice, 70)])).await;
    let retry = async |id, need| rig.denied(&rig.ask(id, &[(&alice, need)])).await.retry_ms;
    rig.same_time(retry(2, 30).await, SPAN_MS, "fits beside the hold");
    rig.same_time(retry(3, 31).await, COUNTS_MS, "needs its room");
    // One's own hold is no obstacle.
    let denial = expect_denied(rig.raise(&rig.ask(1, &[(&alice, 100)])).await);
    rig.same_time(denial.retry_ms, SPAN_MS, "raise");
}

/// To come back earlier is in vain, to come back then as well: but the limit may be another.
pub async fn sliding_retry_of_what_never_fits_is_a_whole_span(rig: &Rig<'_>) {
    let alice = sliding(rig, 100).await;
    let nobody = rig.account_per(WindowKind::Sliding(SPAN_MS), "nobody", 0);
    let denial = rig.denied(&rig.ask(1, &[(&alice, 101)])).await;
    rig.same_time(denial.retry_ms, COUNTS_MS, "untouched");
    assert_eq!(denial.state.reset_ms, 0);
    let denial = rig.denied(&rig.ask(2, &[(&nobody, 0)])).await;
    rig.same_time(denial.retry_ms, COUNTS_MS, "limit 0");
    rig.spend_on(&[(&alice, 100)]).await;
    rig.clock.advance(BUCKET_MS);
    let denial = rig.denied(&rig.ask(3, &[(&alice, 101)])).await;
    rig.same_time(denial.retry_ms, COUNTS_MS, "used");
}

/// What was charged last leaves last; what is held is taken as charged now.
pub async fn sliding_reset_is_when_nothing_counts(rig: &Rig<'_>) {
    let alice = sliding(rig, 100).await;
    let reset = async || rig.state(&alice).await.reset_ms;
    assert_eq!(reset().await, 0);
    rig.grant(&alice, 1).await;
    assert_eq!(reset().await, 0);
    rig.spend_on(&[(&alice, 10)]).await;
    rig.clock.advance(BUCKET_MS);
    rig.same_time(reset().await, SPAN_MS, "charged");
    rig.clock.advance(BUCKET_MS);
    let receipt = rig.granted(&rig.ask(1, &[(&alice, 1)])).await;
    rig.same_time(receipt.entries[0].state.reset_ms, COUNTS_MS, "held");
    rig.settle(&receipt, &[0]).await;
    rig.same_time(reset().await, SPAN_MS - BUCKET_MS, "released");
    rig.spend_on(&[(&alice, 5)]).await;
    rig.same_time(reset().await, COUNTS_MS, "charged again");
    rig.spend_on(&[(&alice, -5)]).await;
    rig.same_time(reset().await, SPAN_MS - BUCKET_MS, "given back");
    rig.reset(&alice).await;
    assert_eq!(reset().await, 0);
}

/// It counts for as long as a charge of that moment does, and a retry knows that it will be gone.
pub async fn sliding_grant_gone_with_its_bucket(rig: &Rig<'_>) {
    let alice = sliding(rig, 100).await;
    rig.grant(&alice, 50).await;
    rig.clock.advance(BUCKET_MS);
    rig.spend_on(&[(&alice, 120)]).await;
    assert_eq!(rig.state(&alice).await.remaining(), 30);
    rig.clock.advance(BUCKET_MS);
    let denial = rig.denied(&rig.ask(1, &[(&alice, 31)])).await;
    rig.same_time(denial.retry_ms, SPAN_MS, "when the charge leaves");
    rig.clock.advance(COUNTS_MS - 2 * BUCKET_MS - rig.shy_ms());
    assert_eq!(rig.state(&alice).await.granted, 50);
    rig.clock.advance(rig.shy_ms());
    let state = rig.state(&alice).await;
    assert_eq!(
        (state.granted, state.settled, state.remaining()),
        (0, 120, 0)
    );
    rig.clock.advance(BUCKET_MS);
    assert_eq!(rig.state(&alice).await.remaining(), 100);
}

/// What is given back concerns most likely what was charged last.
pub async fn sliding_give_back_takes_the_latest_first(rig: &Rig<'_>) {
    let alice = sliding(rig, 100).await;
    rig.spend_on(&[(&alice, 40)]).await;
    rig.clock.advance(BUCKET_MS);
    rig.spend_on(&[(&alice, 30)]).await;
    rig.clock.advance(BUCKET_MS);
    rig.spend_on(&[(&alice, -10)]).await;
    assert_eq!(rig.standing(&alice).await, (60, 0));
    rig.spend_on(&[(&alice, -25)]).await;
    let state = rig.state(&alice).await;
    assert_eq!(state.settled, 35);
    rig.same_time(
        state.reset_ms,
        SPAN_MS - BUCKET_MS,
        "only the first is left",
    );
    // What is too old to count is no more to be had.
    rig.clock.advance(SPAN_MS - BUCKET_MS);
    rig.spend_on(&[(&alice, 20)]).await;
    rig.spend_on(&[(&alice, -30)]).await;
    assert_eq!(rig.standing(&alice).await, (0, 0));
    assert!(!rig.spend_on(&[(&alice, 101)]).await.admitted);
}

/// Two spans are two accounts.
pub async fn sliding_spans_of_one_subject_are_apart(rig: &Rig<'_>) {
    let short = sliding(rig, 100).await;
    // 12 of its buckets are a minute.
    let long = rig.account_per(WindowKind::Sliding(100_000), "alice", 100);
    rig.spend_on(&[(&short, 60), (&long, 60)]).await;
    rig.spend_on(&[(&short, 1)]).await;
    rig.clock.advance(COUNTS_MS);
    assert_eq!(rig.standing(&short).await, (0, 0));
    assert_eq!(rig.standing(&long).await, (60, 0));
    let denial = rig.denied(&rig.ask(1, &[(&short, 50), (&long, 50)])).await;
    assert_eq!(denial.tightest, 1);
    rig.same_time(denial.retry_ms, 105_000 - COUNTS_MS, "the long one leaves");
}
