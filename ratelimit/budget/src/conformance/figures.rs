//! 64 bits: exact to the greatest limit, and beyond it too much rather than too little.

use tollgate_bundle::WindowKind;

use super::Rig;

const MAX: u64 = i64::MAX as u64;

/// Not a unit is lost where doubles have steps of 1024.
pub async fn figures_near_the_greatest_limit_exact(rig: &Rig<'_>) {
    for (id, window) in [
        (1, WindowKind::Month),
        (100, WindowKind::Sliding(80_000_000)),
    ] {
        let alice = rig.account_per(window, "alice", MAX);
        rig.enter_next_window(&alice).await;
        let receipt = rig.granted(&rig.ask(id, &[(&alice, MAX - 7)])).await;
        assert_eq!(receipt.entries[0].held, MAX - 7);
        assert_eq!(rig.denied(&rig.ask(id + 1, &[(&alice, 8)])).await.needed, 8);
        let states = rig.settle(&receipt, &[MAX - 9]).await;
        assert_eq!((states[0].settled, states[0].remaining()), (MAX - 9, 9));
        let output = rig.ask_output(id + 2, &[(&alice, 2)], (u64::MAX, 1));
        let last = rig.granted(&output).await;
        assert_eq!((last.output_granted, last.entries[0].held), (7, 9));
        assert_eq!(rig.standing(&alice).await, (MAX - 9, 9));
        rig.denied(&rig.ask(id + 3, &[(&alice, 0)])).await;
        rig.settle(&last, &[9]).await;
        assert_eq!(rig.standing(&alice).await, (MAX, 0));
        let lower = rig.account_per(window, "alice", MAX - 1);
        assert_eq!(rig.state(&lower).await.remaining(), 0);
    }
}

/// The same for spends, in both directions.
pub async fn spends_near_the_greatest_limit_exact(rig: &Rig<'_>) {
    for window in [WindowKind::Month, WindowKind::Sliding(80_000_000)] {
        let alice = rig.account_per(window, "alice", MAX);
        assert!(rig.spend_on(&[(&alice, i64::MAX - 3)]).await.admitted);
        assert!(!rig.spend_on(&[(&alice, 4)]).await.admitted);
        assert!(!rig.spend_on(&[(&alice, i64::MAX)]).await.admitted);
        assert!(rig.spend_on(&[(&alice, 3)]).await.admitted);
        assert_eq!(rig.standing(&alice).await, (MAX, 0));
        let outcome = rig.spend_on(&[(&alice, -(i64::MAX - 1))]).await;
        assert_eq!(outcome.accounts[0].state.settled, 1);
        assert!(rig.spend_on(&[(&alice, i64::MIN)]).await.admitted);
        assert_eq!(rig.standing(&alice).await, (0, 0));
        let twice = rig
            .spend_on(&[(&alice, i64::MAX), (&alice, i64::MAX)])
            .await;
        assert!(twice.accounts[0].fits && !twice.accounts[1].fits && !twice.admitted);
        assert_eq!(rig.standing(&alice).await, (0, 0));
    }
}

/// Charges of all bits, again and again: full is full.
pub async fn sums_beyond_the_greatest_limit_do_not_wrap(rig: &Rig<'_>) {
    let alice = rig.account_per(WindowKind::Month, "alice", MAX);
    let receipts = [
        rig.granted(&rig.ask(11, &[(&alice, 1)])).await,
        rig.granted(&rig.ask(12, &[(&alice, 1)])).await,
        rig.granted(&rig.ask(13, &[(&alice, 1)])).await,
    ];
    for (receipt, charge) in receipts.iter().zip([u64::MAX, 1, u64::MAX]) {
        let states = rig.settle(receipt, &[charge]).await;
        assert!(states[0].settled >= MAX, "{states:?}");
        assert_eq!(states[0].remaining(), 0);
    }
    rig.denied(&rig.ask(14, &[(&alice, 0)])).await;
    let forced = rig.spend_forced(&alice, i64::MAX).await;
    assert!(!forced.accounts[0].fits && forced.accounts[0].state.settled >= MAX);
    assert!(!rig.spend_on(&[(&alice, 0)]).await.admitted);
    assert_eq!(rig.reset(&alice).await.remaining(), MAX);
}

/// An operator may be generous.
pub async fn grant_beyond_the_greatest_limit_does_not_wrap(rig: &Rig<'_>) {
    let alice = rig.account_per(WindowKind::Month, "alice", MAX);
    assert_eq!(rig.grant(&alice, MAX).await.granted, MAX);
    rig.granted(&rig.ask(1, &[(&alice, MAX)])).await;
    assert!(rig.grant(&alice, u64::MAX).await.granted >= MAX);
    assert_eq!(rig.state(&alice).await.held, MAX);
}

/// Nor do the sums over buckets, and each leaves with its own.
pub async fn sliding_sums_beyond_the_greatest_limit_do_not_wrap(rig: &Rig<'_>) {
    let alice = rig.account_per(WindowKind::Sliding(80_000), "alice", MAX);
    let minute = rig.account_per(WindowKind::Minute, "alice", MAX);
    rig.enter_next_window(&minute).await;
    rig.spend_forced(&alice, i64::MAX).await;
    rig.clock.advance(4_000);
    rig.spend_forced(&alice, i64::MAX).await;
    rig.clock.advance(4_000);
    assert!(rig.state(&alice).await.settled >= MAX);
    let denial = rig.denied(&rig.ask(1, &[(&alice, 1)])).await;
    rig.same_time(denial.retry_ms, 80_000, "both have to leave");
    rig.clock.advance(76_000);
    assert_eq!(rig.standing(&alice).await, (MAX, 0));
    rig.clock.advance(4_000);
    assert_eq!(rig.standing(&alice).await, (0, 0));
}
