//! Which object is looked at next, and when.

use super::*;

fn object(name: &str) -> ObjectRef {
    ObjectRef::cluster_wide("g", "K", name)
}

#[test]
fn object_is_looked_at_once_however_often_it_is_named() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    queue.push(object("a"));
    queue.push(object("a"));
    assert_eq!(queue.pop(now), Some(object("a")));
    assert_eq!(queue.pop(now), None);
}

#[test]
fn object_under_way_is_looked_at_again_when_that_has_ended() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    queue.begin(&object("a"), 1, now).expect("the first write");
    queue.push(object("a"));
    assert_eq!(queue.pop(now), None);
    assert_eq!(queue.len(), 1);
    queue.end(&object("a"));
    assert_eq!(queue.pop(now), Some(object("a")));
}

#[test]
fn delayed_object_comes_when_it_is_due() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    let later = now + Duration::from_secs(1);
    queue.push_at(object("a"), later);
    assert_eq!(queue.pop(now), None);
    assert_eq!(queue.next_due(), Some(later));
    assert_eq!(queue.pop(later), Some(object("a")));
    assert_eq!(queue.next_due(), None);
}

#[test]
fn status_that_is_written_in_vain_is_written_ever_more_rarely() {
    let (mut queue, mut now) = (Queue::default(), Instant::now());
    let mut waits = Vec::new();
    for _ in 0..20 {
        if let Err(until) = queue.begin(&object("a"), 7, now) {
            waits.push((until - now).as_secs());
            now = until;
            queue.begin(&object("a"), 7, now).expect("after the wait");
        }
        queue.end(&object("a"));
    }
    assert_eq!(waits[..5], [1, 2, 4, 8, 16]);
    assert_eq!(waits.last(), Some(&300));
}

#[test]
fn another_status_is_written_at_once() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    for status in 0..50 {
        queue
            .begin(&object("a"), status, now)
            .expect("a new status");
        queue.end(&object("a"));
    }
}

#[test]
fn contest_is_forgotten_after_a_calm() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    for _ in 0..WRITES_FREE {
        queue.begin(&object("a"), 1, now).expect("a free write");
        queue.end(&object("a"));
    }
    queue.settled(&object("a"), now);
    assert!(queue.begin(&object("a"), 1, now).is_err());
    queue.settled(&object("a"), now + WAIT_MAX * 2);
    assert!(queue.begin(&object("a"), 1, now).is_ok());
}

#[test]
fn replica_that_no_longer_leads_has_nothing_to_do() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    queue.push(object("a"));
    queue.push_at(object("b"), now);
    queue.clear();
    assert_eq!(queue.pop(now), None);
    assert_eq!(queue.len(), 0);
}

#[test]
fn pace_lets_a_burst_through_and_then_so_many_in_a_second() {
    let start = Instant::now();
    let mut pace = Pace::new(start);
    let burst = (0..1000)
        .take_while(|_| pace.take(start, false).is_ok())
        .count();
    assert_eq!(burst, 400);
    let later = start + Duration::from_secs(1);
    let more = (0..1000)
        .take_while(|_| pace.take(later, false).is_ok())
        .count();
    assert_eq!(more, 200);
    let at = pace.take(later, false).expect_err("none is left");
    assert!(at > later && pace.take(at + Duration::from_micros(1), false).is_ok());
    // While it gives way there is no burst.
    let idle = at + Duration::from_secs(60);
    assert!(pace.take(idle, true).is_ok());
    let next = pace.take(idle, true).expect_err("none is left");
    assert!(next > idle + Duration::from_millis(19) && next < idle + Duration::from_millis(21));
}
