//! What is handed on, and when, of what watches report.

use std::collections::BTreeSet;

use prometheus::Registry;
use serde_json::json;
use tollgate_crds::KINDS;

use super::*;
use crate::watch::raw::Raw;
use crate::watch::read::read;

struct Running {
    reports: mpsc::Sender<Report>,
    newest: watch::Receiver<Option<Snapshot>>,
    waiting: watch::Receiver<Vec<String>>,
}

fn start() -> Running {
    let (reports, receiver) = mpsc::channel(16);
    let (newest_tx, newest) = watch::channel(None);
    let (waiting_tx, waiting) = watch::channel(Vec::new());
    let follower = Follower {
        index: Index::new(Scope::default(), Arc::default()),
        newest: newest_tx,
        waiting: waiting_tx,
        metrics: Metrics::new(&Registry::new()).expect("metrics"),
    };
    tokio::spawn(follower.run(receiver));
    Running {
        reports,
        newest,
        waiting,
    }
}

fn services() -> WatchId {
    let kind = KINDS.iter().position(|kind| kind.kind == "Service");
    WatchId {
        kind: kind.expect("services"),
        namespace: None,
    }
}

fn service(port: u16) -> Report {
    let kind = services().kind().expect("services");
    let body =
        json!({"metadata": {"name": "s", "namespace": "a"}, "spec": {"ports": [{"port": port}]}});
    Report::Applied(services(), Box::new(read(kind, "v1", Raw::new(body))))
}

impl Running {
    async fn send(&self, report: Report) {
        self.reports.send(report).await.expect("the follower lives");
    }

    async fn next(&mut self) -> Arc<World> {
        self.newest.changed().await.expect("the follower lives");
        let snapshot = self.newest.borrow_and_update().clone();
        snapshot.expect("a snapshot").world
    }
}

#[tokio::test]
async fn first_snapshot_comes_when_everything_is_listed() {
    let mut running = start();
    running.send(service(80)).await;
    running
        .send(Report::Expected(BTreeSet::from([services()])))
        .await;
    let waiting = running.waiting.wait_for(|it| !it.is_empty()).await;
    assert_eq!(*waiting.expect("the follower lives"), ["services"]);
    assert!(running.newest.borrow().is_none());
    let name = crate::watch::read::object_ref(
        services().kind().expect("services"),
        &Raw::new(json!({"metadata": {"name": "s", "namespace": "a"}})),
    );
    running
        .send(Report::Complete(services(), BTreeSet::from([name])))
        .await;
    assert_ne!(*running.next().await, World::default());
    assert!(running.waiting.borrow().is_empty());
}

#[tokio::test]
async fn change_becomes_a_snapshot_and_the_same_again_does_not() {
    let mut running = start();
    running.send(Report::Expected(BTreeSet::new())).await;
    assert_eq!(*running.next().await, World::default());
    running.send(service(80)).await;
    let first = running.next().await;
    running.send(service(80)).await;
    running.send(service(81)).await;
    let second = running.next().await;
    assert_ne!(first, second);
    assert!(!running.newest.has_changed().expect("the follower lives"));
}

#[test]
fn snapshot_is_due_when_a_burst_is_over_or_has_lasted_long() {
    let now = Instant::now();
    let mut due = Due::new(now, Some(now));
    assert_eq!(due.at(), now + QUIET);
    due.again(now + QUIET);
    assert_eq!(due.at(), now + QUIET * 2);
    due.again(now + LATEST);
    assert_eq!(due.at(), now + LATEST);
}

#[test]
fn change_that_comes_alone_is_due_at_once_and_one_soon_after_another_waits_for_more() {
    let before = Instant::now();
    let alone = Due::new(before + LATEST, Some(before));
    assert_eq!(alone.at(), before + LATEST);
    let soon = before + LATEST / 2;
    assert_eq!(Due::new(soon, Some(before)).at(), soon + QUIET);
}
