//! Waiting for a condition.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// How long a condition may take unless a test says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until `condition` gives a value, at most ten seconds.
///
/// # Errors
///
/// It did not in time; `what` says what was waited for.
pub async fn eventually<T, F, Fut>(what: &str, condition: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    eventually_within(PATIENCE, what, condition).await
}

/// As [`eventually`], with another deadline.
///
/// # Errors
///
/// The condition did not hold in time.
pub async fn eventually_within<T, F, Fut>(
    patience: Duration,
    what: &str,
    mut condition: F,
) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let begun = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return Ok(value);
        }
        if begun.elapsed() > patience {
            bail!("not within {patience:?}: {what}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}
