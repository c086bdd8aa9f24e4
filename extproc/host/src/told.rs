//! Who is told of calls: the metrics and the access log, here or behind a wire.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tollgate_engine::CallRecord;

/// How long a call took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallTimes {
    /// From the first header to the end.
    pub duration: Duration,
    /// From the first header to the first content token; none came: `None`.
    pub first_token: Option<Duration>,
}

/// Is told of calls, each once. Must not wait.
pub trait Told: Send + Sync {
    /// A call is over, and its settlement on its way.
    fn call(&self, record: CallRecord, times: CallTimes, request_id: String);

    /// A call could not be charged.
    fn settle_failed(&self);

    /// The host itself failed in a call, and has answered in its place.
    fn host_failed(&self) {}
}
