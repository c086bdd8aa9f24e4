//! What the tests share.

use std::time::Duration;

pub(crate) mod certs;
pub(crate) mod client;
pub(crate) mod collector;
pub(crate) mod engine;
pub(crate) mod envoy;
pub(crate) mod ir;
pub(crate) mod limited;
pub(crate) mod rich;
pub(crate) mod secure;
pub(crate) mod stream_upstream;
pub(crate) mod told;
pub(crate) mod upstream;

/// Waits until this is so; a test fails after a while.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), wait).await;
    assert!(waited.is_ok(), "not in time: {what}");
}
