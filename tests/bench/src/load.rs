//! The load: a case, sent many times over a few connections.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::json;

use crate::{cpu, subject::Subject};

/// What is sent.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) requests: usize,
    body: Bytes,
    /// Bytes that every answer must contain: a wrong answer is no measurement.
    must_contain: &'static str,
}

/// The kind of answer that is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Stream,
    Whole,
}

/// What one run cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) cpu_per_request: Duration,
    /// The part of it that is Envoy's.
    pub(crate) envoy_cpu_per_request: Duration,
    pub(crate) requests_per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Case {
    /// A chat request of about `bytes`, as agents send them: a system prompt and turns of text.
    pub(crate) fn new(name: &'static str, bytes: usize, answer: Answer, requests: usize) -> Self {
        let turn = "Please look at the results of the last run and tell me what to do next. ";
        let stream = answer == Answer::Stream;
        let mut messages = vec![json!({"role": "system", "content": "You are a careful agent."})];
        let request = |messages: &[serde_json::Value]| {
            let mut body = json!({
                "model": if stream { "bench-stream-52-flush" } else { "bench-whole" },
                "max_tokens": 512,
                "temperature": 0.2,
                "messages": messages,
            });
            if stream {
                body["stream"] = true.into();
                body["stream_options"] = json!({"include_usage": true});
            }
            Bytes::from(body.to_string())
        };
        let repeats = (bytes / 8 / turn.len()).max(1);
        while request(&messages).len() < bytes {
            let role = if messages.len() % 2 == 1 {
                "user"
            } else {
                "assistant"
            };
            messages.push(json!({"role": role, "content": turn.repeat(repeats)}));
        }
        Self {
            name,
            requests: requests.max(1),
            body: request(&messages),
            must_contain: if stream { "[DONE]" } else { "prompt_tokens" },
        }
    }
}

/// Sends `requests` over `connections` and says what it cost the subject.
pub(crate) async fn run(
    case: &Case,
    subject: &Subject,
    requests: usize,
    connections: usize,
) -> Result<Cost> {
    let left = Arc::new(AtomicUsize::new(requests));
    let cpu_before = cpu::time(&subject.pids())?;
    let envoy_before = cpu::time(&subject.envoy_pids())?;
    let begun = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            tokio::spawn(connection(
                subject.url.clone(),
                subject.key.clone(),
                case.body.clone(),
                case.must_contain,
                Arc::clone(&left),
            ))
        })
        .collect();
    let mut times = Vec::with_capacity(requests);
    for task in tasks {
        times.extend(task.await??);
    }
    let elapsed = begun.elapsed();
    let cpu = cpu::time(&subject.pids())?.saturating_sub(cpu_before);
    let envoy_cpu = cpu::time(&subject.envoy_pids())?.saturating_sub(envoy_before);
    times.sort_unstable();
    let count = u32::try_from(times.len())
        .context("too many requests")?
        .max(1);
    let at = |share: f64| {
        let index = (times.len() as f64 * share) as usize;
        times
            .get(index.min(times.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    };
    Ok(Cost {
        cpu_per_request: cpu / count,
        envoy_cpu_per_request: envoy_cpu / count,
        requests_per_second: f64::from(count) / elapsed.as_secs_f64(),
        p50: at(0.5),
        p99: at(0.99),
    })
}

/// One connection: the next request goes out when the answer is in.
async fn connection(
    url: String,
    key: Option<String>,
    body: Bytes,
    must_contain: &'static str,
    left: Arc<AtomicUsize>,
) -> Result<Vec<Duration>> {
    let http = reqwest::Client::builder()
        .pool_max_idle_per_host(1)
        .tcp_nodelay(true)
        .build()?;
    let mut times = Vec::new();
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        })
        .is_ok()
    {
        let begun = Instant::now();
        let mut request = http
            .post(&url)
            .header("content-type", "application/json")
            .body(body.clone());
        if let Some(key) = &key {
            request = request.bearer_auth(key);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        times.push(begun.elapsed());
        ensure!(status.is_success(), "{url} answered {status}: {text}");
        ensure!(
            text.contains(must_contain),
            "{url} answered without {must_contain}: {text}"
        );
    }
    Ok(times)
}
