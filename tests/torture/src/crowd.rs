//! Many calls at the same moment.

use std::{collections::BTreeMap, time::Duration, time::Instant};

use anyhow::Result;
use serde_json::Value;
use tollgate_harness::Client;

/// What became of a crowd's calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crowd {
    /// Calls by status; 0 for a broken connection.
    pub(crate) statuses: BTreeMap<u16, usize>,
    /// The longest call.
    pub(crate) longest: Duration,
}

/// Sends `calls` at once, the clients in turn, and reads every answer to its end.
pub(crate) async fn at_once(clients: &[Client], calls: usize, body: &Value) -> Result<Crowd> {
    let tasks: Vec<_> = (0..calls)
        .map(|call| {
            let client = clients[call % clients.len()].clone();
            let body = body.clone();
            tokio::spawn(async move {
                let begun = Instant::now();
                let status = crate::call::say_anyway(&client, &body).await.unwrap_or(0);
                (status, begun.elapsed())
            })
        })
        .collect();
    let mut crowd = Crowd::default();
    for task in tasks {
        let (status, took) = task.await?;
        *crowd.statuses.entry(status).or_default() += 1;
        crowd.longest = crowd.longest.max(took);
    }
    Ok(crowd)
}

// === impl Crowd ===

impl Crowd {
    /// Calls with this status.
    pub(crate) fn count(&self, status: u16) -> usize {
        self.statuses.get(&status).copied().unwrap_or_default()
    }

    /// `200 × 10, 429 × 490`
    pub(crate) fn text(&self) -> String {
        let parts = self
            .statuses
            .iter()
            .map(|(status, count)| format!("{status} × {count}"));
        parts.collect::<Vec<_>>().join(", ")
    }
}
