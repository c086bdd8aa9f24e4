//! Waiting for a store, but not for long. A store in memory answers at the first look: then no
//! timer is made and no clock is read.

use std::{task::Poll, time::Duration};

use tokio::time::{Instant, timeout};
use tollgate_budget::{StoreError, StoreFuture};

/// What came of waiting.
pub(crate) enum Answer<T> {
    /// An answer of the store, and how long it took.
    Given(Result<T, StoreError>, Duration),
    /// None in time.
    TooLate(StoreError),
}

pub(crate) async fn within<T>(deadline: Duration, mut future: StoreFuture<'_, T>) -> Answer<T> {
    if let Poll::Ready(answer) = futures::poll!(&mut future) {
        return Answer::Given(answer, Duration::ZERO);
    }
    let begun = Instant::now();
    match timeout(deadline, future).await {
        Ok(answer) => Answer::Given(answer, begun.elapsed()),
        Err(_) => Answer::TooLate(StoreError::Unavailable(format!(
            "no answer within {} ms",
            deadline.as_millis()
        ))),
    }
}
