//! Callers that never stop: chat completions one after the other, on a kept connection and on
//! fresh ones, so that a test can say that nobody noticed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::{sync::watch, task::JoinHandle};
use tollgate_harness::Client;

/// Between two calls of one caller.
const PAUSE: Duration = Duration::from_millis(20);
/// A call that takes longer has failed.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);
/// Failures that are kept.
const FAILURES_MAX: usize = 1000;

/// Two callers at work.
pub struct Steady {
    stop: watch::Sender<bool>,
    callers: Vec<JoinHandle<Calls>>,
}

/// What became of the calls.
#[derive(Debug, Default)]
pub struct Calls {
    /// Answered with 200.
    pub served: usize,
    /// The others: when they were begun, and what was said instead.
    pub failures: Vec<(Instant, String)>,
}

// === impl Steady ===

impl Steady {
    /// Begins to ask the gateway at `base` for `model` with `key`.
    pub fn begin(base: &str, key: &str, model: &str) -> Self {
        let (stop, stopped) = watch::channel(false);
        let caller = |fresh: bool| {
            let (base, key, model) = (base.to_string(), key.to_string(), model.to_string());
            let stopped = stopped.clone();
            tokio::spawn(async move { call_on(&base, &key, &model, fresh, &stopped).await })
        };
        let callers = vec![caller(true), caller(false)];
        Self { stop, callers }
    }

    /// Ends the calls and tells of them.
    ///
    /// # Errors
    ///
    /// A caller panicked.
    pub async fn end(self) -> Result<Calls> {
        // Callers that have ended already do not listen any more.
        let _ = self.stop.send(true);
        let mut all = Calls::default();
        for caller in self.callers {
            let calls = caller.await.context("a caller")?;
            all.served += calls.served;
            all.failures.extend(calls.failures);
        }
        Ok(all)
    }
}

async fn call_on(
    base: &str,
    key: &str,
    model: &str,
    fresh: bool,
    stopped: &watch::Receiver<bool>,
) -> Calls {
    let mut calls = Calls::default();
    let mut client = Client::new(base, Some(key));
    while !*stopped.borrow() {
        if fresh {
            client = Client::new(base, Some(key));
        }
        let begun = Instant::now();
        let outcome = tokio::time::timeout(ANSWER_WAIT_MAX, client.say(model, "hello")).await;
        let failure = match outcome {
            Ok(Ok((200, _))) => None,
            Ok(Ok((status, body))) => Some(format!("{status} {body}")),
            Ok(Err(error)) => Some(format!("{error:#}")),
            Err(_) => Some(format!("no answer in {ANSWER_WAIT_MAX:?}")),
        };
        match failure {
            None => calls.served += 1,
            Some(failure) if calls.failures.len() < FAILURES_MAX => {
                calls.failures.push((begun, failure));
            }
            Some(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
    calls
}
