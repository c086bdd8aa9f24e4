//! The order in which Envoy and the engine are told.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use tokio::time::Instant;
use tollgate_bundle::{Bundle, Scope};
use tollgate_xds::{Rejection, ResourceType, Resources};

use super::lingering::LINGER;
use super::{Desired, Outlets, Publisher, Verdict};

/// A configuration whose listener, cluster and scope all bear this name.
fn desired(name: &str) -> Desired {
    let mut resources = Resources::default();
    resources
        .listeners
        .insert(name.to_string(), Default::default());
    resources
        .clusters
        .insert(name.to_string(), Default::default());
    let scopes = [(name.to_string(), Scope { rules: Vec::new() })].into();
    Desired {
        resources,
        bundle: Bundle {
            scopes,
            ..Bundle::default()
        },
    }
}

/// An Envoy that accepts everything and notes, at each snapshot, what it and the engine have.
fn envoy(outlets: Outlets) -> Arc<Mutex<Vec<[String; 3]>>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let Outlets {
        mut snapshots,
        progress,
        bundles,
        ..
    } = outlets;
    progress.send_modify(|progress| progress.streams = 1);
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        while snapshots.changed().await.is_ok() {
            let snapshot = snapshots.borrow_and_update().clone();
            let names = |kind| {
                let names: BTreeSet<&str> =
                    snapshot.resources(kind).map(|(name, _)| name).collect();
                Vec::from_iter(names).join("+")
            };
            let scopes = Vec::from_iter(bundles.borrow().scopes.keys().cloned()).join("+");
            let listeners = names(ResourceType::Listener);
            log.lock()
                .unwrap()
                .push([listeners, names(ResourceType::Cluster), scopes]);
            progress.send_modify(|progress| progress.live = Some(snapshot.version().to_string()));
        }
    });
    seen
}

#[tokio::test(start_paused = true)]
async fn clusters_come_first_and_go_last_and_scopes_outlive_their_routes() {
    let (mut publisher, outlets) = Publisher::new(desired("a"));
    let bundles = outlets.bundles.clone();
    let seen = envoy(outlets);
    assert_eq!(publisher.publish(desired("b")).await, Verdict::Accepted);
    assert_eq!(publisher.retirement(), Some(Instant::now() + LINGER));
    tokio::time::advance(LINGER).await;
    publisher.retire().await;
    let expect = [["a", "a+b", "a"], ["b", "a+b", "a+b"], ["b", "b", "b"]];
    assert_eq!(
        *seen.lock().unwrap(),
        expect.map(|row| row.map(String::from))
    );
    assert_eq!(**bundles.borrow(), desired("b").bundle);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_lingers_for_its_time_whatever_changes_after_it() {
    let (mut publisher, outlets) = Publisher::new(desired("a"));
    let seen = envoy(outlets);
    publisher.publish(desired("b")).await;
    tokio::time::advance(LINGER / 2).await;
    publisher.publish(desired("c")).await;
    tokio::time::advance(LINGER / 2).await;
    publisher.retire().await;
    let seen = seen.lock().unwrap().clone();
    let clusters: Vec<&str> = seen
        .iter()
        .map(|[_, clusters, _]| clusters.as_str())
        .collect();
    assert_eq!(clusters, ["a+b", "a+b", "a+b+c", "a+b+c", "b+c"]);
}

#[tokio::test]
async fn a_route_among_clusters_that_are_there_takes_one_snapshot() {
    let (mut publisher, outlets) = Publisher::new(desired("a"));
    let seen = envoy(outlets);
    let mut next = desired("a");
    let routes = &mut next.resources.routes;
    routes.insert("a".to_string(), Default::default());
    assert_eq!(publisher.publish(next).await, Verdict::Accepted);
    let mut after = publisher.current.clone();
    after.resources.routes.clear();
    assert_eq!(publisher.publish(after).await, Verdict::Accepted);
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn an_equal_configuration_is_not_sent_again() {
    let (mut publisher, outlets) = Publisher::new(desired("a"));
    let (snapshots, bundles) = (outlets.snapshots.clone(), outlets.bundles.clone());
    let seen = envoy(outlets);
    publisher.publish(desired("a")).await;
    publisher.retire().await;
    assert!(!snapshots.has_changed().unwrap() && !bundles.has_changed().unwrap());
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_change_for_the_engine_alone_does_not_wait_for_envoy() {
    let (mut publisher, outlets) = Publisher::new(desired("a"));
    // An Envoy that is there and never answers.
    outlets
        .progress
        .send_modify(|progress| progress.streams = 1);
    let mut next = desired("a");
    next.bundle
        .consumers
        .insert("default".to_string(), Vec::new());
    let publish = publisher.publish(next.clone());
    tokio::time::timeout(super::ANSWER_WAIT_MAX / 2, publish)
        .await
        .expect("no wait");
    assert_eq!(**outlets.bundles.borrow(), next.bundle);
}

#[tokio::test]
async fn without_an_envoy_nothing_waits() {
    let (mut publisher, outlets) = Publisher::new(desired("a"));
    let publish = publisher.publish(desired("b"));
    tokio::time::timeout(super::ANSWER_WAIT_MAX / 2, publish)
        .await
        .expect("no wait");
    assert_eq!(**outlets.bundles.borrow(), desired("b").bundle);
}

#[tokio::test(start_paused = true)]
async fn a_configuration_is_in_effect_once_the_engine_serves_it() {
    let (mut publisher, outlets) = Publisher::new(desired("a"));
    let mut bundles = outlets.bundles.clone();
    // It has told what it serves once, and is slow from then on.
    let first = Arc::clone(&bundles.borrow_and_update());
    outlets.served.send_replace(Some(first));
    let engine = tokio::spawn(async move {
        while bundles.changed().await.is_ok() {
            let bundle = Arc::clone(&bundles.borrow_and_update());
            tokio::time::sleep(super::ANSWER_WAIT_MAX / 4).await;
            outlets.served.send_replace(Some(bundle));
        }
    });
    let begun = tokio::time::Instant::now();
    publisher.publish(desired("b")).await;
    // The bundle between the two, and the new one.
    assert_eq!(begun.elapsed(), super::ANSWER_WAIT_MAX / 2);
    let served = publisher.served.borrow().clone().expect("a bundle");
    assert_eq!(*served, desired("b").bundle);
    engine.abort();
}

#[tokio::test(start_paused = true)]
async fn an_envoy_that_never_answers_delays_a_rollout_and_does_not_stop_it() {
    let (mut publisher, outlets) = Publisher::new(desired("a"));
    outlets
        .progress
        .send_modify(|progress| progress.streams = 1);
    assert_eq!(publisher.publish(desired("b")).await, Verdict::Unanswered);
    assert_eq!(**outlets.bundles.borrow(), desired("b").bundle);
}

/// Refuses each listener of this name, with a cluster beside it or not.
fn refusing_envoy(outlets: Outlets, refused: (ResourceType, &'static str)) {
    let Outlets {
        mut snapshots,
        progress,
        bundles,
        ..
    } = outlets;
    progress.send_modify(|progress| progress.streams = 1);
    tokio::spawn(async move {
        let (kind, name) = refused;
        let _open = bundles;
        while snapshots.changed().await.is_ok() {
            let snapshot = snapshots.borrow_and_update().clone();
            let version = snapshot.version().to_string();
            progress.send_modify(|progress| {
                if snapshot.resource(kind, name).is_none() {
                    progress.live = Some(version);
                    progress.rejection = None;
                    return;
                }
                progress.rejection = Some(Rejection {
                    version,
                    kind,
                    names: vec![name.to_string()],
                    error: "no such port".to_string(),
                });
            });
        }
    });
}

#[tokio::test]
async fn a_refused_listener_leaves_the_clusters_of_the_listener_before() {
    let (mut publisher, outlets) = Publisher::new(desired("a"));
    refusing_envoy(outlets, (ResourceType::Listener, "b"));
    let Verdict::Refused(rejection) = publisher.publish(desired("b")).await else {
        panic!("not refused")
    };
    assert_eq!(rejection.error, "no such port");
    let names = |publisher: &Publisher| {
        let resources = &publisher.current.resources;
        let listeners = Vec::from_iter(resources.listeners.keys().cloned()).join("+");
        let clusters = Vec::from_iter(resources.clusters.keys().cloned()).join("+");
        let scopes = Vec::from_iter(publisher.current.bundle.scopes.keys().cloned()).join("+");
        [listeners, clusters, scopes]
    };
    assert_eq!(names(&publisher), ["", "a+b", "a+b"]);
    assert_eq!(publisher.publish(desired("c")).await, Verdict::Accepted);
    assert_eq!(names(&publisher), ["c", "c", "c"]);
}

#[tokio::test]
async fn a_refused_cluster_is_not_switched_over_to() {
    let (mut publisher, outlets) = Publisher::new(desired("a"));
    let bundles = outlets.bundles.clone();
    refusing_envoy(outlets, (ResourceType::Cluster, "b"));
    let verdict = publisher.publish(desired("b")).await;
    assert!(matches!(verdict, Verdict::Refused(_)), "{verdict:?}");
    assert_eq!(**bundles.borrow(), desired("a").bundle);
    let listeners = publisher.current.resources.listeners.keys();
    assert_eq!(Vec::from_iter(listeners), ["a"]);
}
