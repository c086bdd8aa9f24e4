//! Many routes: how long a list takes, and how soon a change is seen.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tollgate_kubernetes::watch::{Scope, Snapshots, WatchOptions};

use crate::sandbox::{PATIENCE, Sandbox, gateway_api};

/// How many, unless `TOLLGATE_TEST_ROUTES` says otherwise.
const ROUTES: usize = 1000;

/// Longest time from the end of a write to a snapshot with it, in a debug build.
const SEEN_WITHIN: Duration = Duration::from_millis(200);

/// Routes that are written at the same time.
const AT_ONCE: usize = 16;

fn route(namespace: &str, number: usize) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": format!("r{number}"), "namespace": namespace},
        "spec": {"parentRefs": [{"name": "g"}], "hostnames": [format!("h{number}.example.com")],
            "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"name": "s", "port": 80}]}]}})
}

fn follow(sandbox: &Sandbox) -> Snapshots {
    let scope = Scope::parse([sandbox.namespace.clone()], None).expect("a scope");
    sandbox
        .cluster
        .follow(WatchOptions { scope }, sandbox.metrics.clone())
}

async fn next(snapshots: &mut Snapshots) {
    let next = tokio::time::timeout(PATIENCE, snapshots.next()).await;
    next.expect("in time").expect("the watches live");
}

#[tokio::test(flavor = "multi_thread")]
async fn change_among_many_routes_is_seen_at_once() {
    let Some(sandbox) = Sandbox::open("scale").await else {
        return;
    };
    let count = std::env::var("TOLLGATE_TEST_ROUTES").ok();
    let count = count.and_then(|it| it.parse().ok()).unwrap_or(ROUTES);
    let routes = gateway_api("HTTPRoute", "httproutes");
    stream::iter(0..count)
        .for_each_concurrent(AT_ONCE, |number| {
            let body = route(&sandbox.namespace, number);
            async {
                sandbox.create(&routes, body).await;
            }
        })
        .await;
    let started = Instant::now();
    let mut snapshots = follow(&sandbox);
    next(&mut snapshots).await;
    let listed_ms = started.elapsed().as_millis();
    let mut times = Vec::new();
    for number in 0..20 {
        let hostnames = json!([format!("new{number}.example.com")]);
        let name = format!("r{}", number * count / 20);
        sandbox
            .merge(&routes, &name, json!({"spec": {"hostnames": hostnames}}))
            .await;
        let written = Instant::now();
        next(&mut snapshots).await;
        times.push(written.elapsed());
    }
    times.sort();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    tracing::warn!(count, listed_ms, ?median, longest = ?times.last(), "measured");
    assert!(median < SEEN_WITHIN, "{times:?}");
    sandbox.close().await;
}
