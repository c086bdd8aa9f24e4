//! Two replicas and a lease.

use std::time::{Duration, Instant};

use tollgate_kubernetes::leader::{Leadership, LeaseOptions, Timing};

use crate::sandbox::{PATIENCE, Sandbox};

fn campaign(sandbox: &Sandbox, identity: &str) -> Leadership {
    let options = LeaseOptions {
        namespace: sandbox.namespace.clone(),
        name: "tollgate-controller".to_string(),
        identity: identity.to_string(),
        timing: Timing::default(),
    };
    Leadership::campaign(&sandbox.cluster, options, sandbox.metrics.clone())
}

async fn leads(leadership: &Leadership) {
    let mut watch = leadership.watch();
    let leads = tokio::time::timeout(PATIENCE, watch.wait_for(|leads| *leads)).await;
    drop(leads.expect("in time").expect("a campaign"));
}

#[tokio::test(flavor = "multi_thread")]
async fn leader_that_dies_is_followed_within_ten_seconds() {
    let Some(sandbox) = Sandbox::open("lease-death").await else {
        return;
    };
    let first = campaign(&sandbox, "first");
    leads(&first).await;
    let second = campaign(&sandbox, "second");
    // Dropped without giving the lease back, as a process that is killed.
    drop(first);
    let died = Instant::now();
    leads(&second).await;
    assert!(
        died.elapsed() > Duration::from_secs(4),
        "{:?}",
        died.elapsed()
    );
    assert!(
        died.elapsed() < Duration::from_secs(10),
        "{:?}",
        died.elapsed()
    );
    second.release().await;
    sandbox.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leader_that_leaves_is_followed_at_once() {
    let Some(sandbox) = Sandbox::open("lease-release").await else {
        return;
    };
    let first = campaign(&sandbox, "first");
    leads(&first).await;
    let second = campaign(&sandbox, "second");
    let first_leads = first.watch();
    first.release().await;
    assert!(!*first_leads.borrow());
    let left = Instant::now();
    leads(&second).await;
    assert!(
        left.elapsed() < Duration::from_secs(3),
        "{:?}",
        left.elapsed()
    );
    second.release().await;
    sandbox.close().await;
}
