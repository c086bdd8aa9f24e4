//! The election by its rules: who leads, and that never two do.

use proptest::prelude::*;

use super::*;

fn record(holder: &str, renewed: u32) -> Record {
    Record {
        holder: holder.to_string(),
        renewed: renewed.to_string(),
        transitions: 3,
        duration: Timing::default().lease,
    }
}

fn election() -> (Election, Instant) {
    (
        Election::new("us".to_string(), Timing::default()),
        Instant::now(),
    )
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn lease_that_is_not_there_is_claimed() {
    let (mut election, now) = election();
    assert_eq!(election.read(None, now), Step::Claim { transitions: 0 });
    assert!(!election.leads(now));
    election.claimed(now);
    assert!(election.leads(now));
}

#[test]
fn lease_that_was_given_back_is_claimed_at_once() {
    let (mut election, now) = election();
    assert_eq!(
        election.read(Some(record("", 1)), now),
        Step::Claim { transitions: 4 }
    );
}

#[test]
fn lease_of_another_is_waited_for_from_when_it_was_seen() {
    let (mut election, now) = election();
    assert_eq!(election.read(Some(record("other", 1)), now), Step::Wait);
    assert_eq!(
        election.read(Some(record("other", 1)), now + seconds(5)),
        Step::Wait
    );
    assert_eq!(
        election.read(Some(record("other", 1)), now + seconds(6)),
        Step::Claim { transitions: 4 }
    );
}

#[test]
fn renewal_by_another_begins_the_wait_anew() {
    let (mut election, now) = election();
    election.read(Some(record("other", 1)), now);
    assert_eq!(
        election.read(Some(record("other", 2)), now + seconds(6)),
        Step::Wait
    );
    assert_eq!(
        election.read(Some(record("other", 2)), now + seconds(11)),
        Step::Wait
    );
    assert_ne!(
        election.read(Some(record("other", 2)), now + seconds(12)),
        Step::Wait
    );
}

#[test]
fn wait_is_as_long_as_the_holder_asked_for() {
    let (mut election, now) = election();
    let mut long = record("other", 1);
    long.duration = seconds(60);
    election.read(Some(long.clone()), now);
    assert_eq!(election.read(Some(long), now + seconds(59)), Step::Wait);
}

#[test]
fn own_lease_is_renewed_without_a_transition() {
    let (mut election, now) = election();
    assert_eq!(
        election.read(Some(record("us", 1)), now),
        Step::Claim { transitions: 3 }
    );
}

#[test]
fn leader_that_cannot_renew_gives_up_before_another_may_take_over() {
    let (mut election, now) = election();
    election.claimed(now);
    assert!(election.leads(now + seconds(3)));
    assert!(!election.leads(now + seconds(4)));
    assert!(Timing::default().renew_deadline < Timing::default().lease);
}

#[test]
fn leader_that_sees_another_holder_leads_no_more() {
    let (mut election, now) = election();
    election.claimed(now);
    assert_eq!(election.read(Some(record("other", 1)), now), Step::Wait);
    assert!(!election.leads(now));
}

#[test]
fn leader_that_resigns_has_a_lease_to_give_back_and_others_have_none() {
    let (mut election, now) = election();
    assert!(!election.resign(now));
    election.claimed(now);
    assert!(election.resign(now));
    assert!(!election.leads(now));
    assert!(!election.resign(now));
}

#[test]
fn death_of_a_leader_is_over_within_ten_seconds() {
    let Timing { lease, retry, .. } = Timing::default();
    assert!(lease + retry * 2 < seconds(10));
}

/// One thing that happens to two replicas that share a lease.
#[derive(Clone, Debug)]
enum Event {
    /// Replica reads and, if it may, writes; the writing takes so long.
    Turn {
        replica: usize,
        write_ms: u64,
    },
    /// Replica reads, and its write is lost after it was carried out.
    AnswerLost {
        replica: usize,
    },
    Pass {
        ms: u64,
    },
    GiveBack {
        replica: usize,
    },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0..2_usize, 0..900_u64).prop_map(|(replica, write_ms)| Event::Turn { replica, write_ms }),
        1 => (0..2_usize).prop_map(|replica| Event::AnswerLost { replica }),
        4 => (0..5000_u64).prop_map(|ms| Event::Pass { ms }),
        1 => (0..2_usize).prop_map(|replica| Event::GiveBack { replica }),
    ];
    prop::collection::vec(event, 0..120)
}

proptest! {
    #[test]
    fn two_replicas_never_lead_at_once(events in events()) {
        let names = ["a", "b"];
        let mut replicas = names.map(|name| Election::new(name.to_string(), Timing::default()));
        let mut lease: Option<Record> = None;
        let (mut now, mut count) = (Instant::now(), 0_u32);
        for event in events {
            match event {
                Event::Pass { ms } => now += Duration::from_millis(ms),
                Event::Turn { replica, write_ms } => {
                    let step = replicas[replica].read(lease.clone(), now);
                    if let Step::Claim { transitions } = step {
                        let begun = now;
                        count += 1;
                        lease = Some(Record { transitions, ..record(names[replica], count) });
                        now += Duration::from_millis(write_ms);
                        replicas[replica].claimed(begun);
                    }
                }
                Event::AnswerLost { replica } => {
                    let step = replicas[replica].read(lease.clone(), now);
                    if let Step::Claim { transitions } = step {
                        count += 1;
                        lease = Some(Record { transitions, ..record(names[replica], count) });
                        replicas[replica].lost_race();
                    }
                }
                Event::GiveBack { replica } => {
                    if replicas[replica].resign(now)
                        && lease.as_ref().is_some_and(|it| it.holder == names[replica])
                    {
                        count += 1;
                        lease = Some(record("", count));
                    }
                }
            }
            prop_assert!(!(replicas[0].leads(now) && replicas[1].leads(now)));
        }
    }
}
