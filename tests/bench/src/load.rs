//! The load: a case, sent many times over a few connections.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{cpu, subject::Subject};

/// What is sent.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) answer: Answer,
    pub(crate) requests: usize,
    body: Bytes,
    /// Bytes that every answer must contain: a wrong answer is no measurement.
    must_contain: &'static str,
}

/// The kind of answer that is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Whole,
    /// 52 chunks, each as soon as the one before it is out.
    Stream,
    /// 52 chunks, one in each millisecond.
    PacedStream,
}

/// What one run cost.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    pub(crate) cpu_per_request: Duration,
    /// The part of it that is Envoy's.
    pub(crate) envoy_cpu_per_request: Duration,
    pub(crate) requests_per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) requests: u32,
    /// All requests together, by name of the thread.
    pub(crate) threads: BTreeMap<String, cpu::Thread>,
}

impl Case {
    /// A chat request of about `bytes`, as agents send them: a system prompt and turns of text.
    pub(crate) fn new(name: &'static str, bytes: usize, answer: Answer, requests: usize) -> Self {
        let turn = "Please look at the results of the last run and tell me what to do next. ";
        let stream = answer != Answer::Whole;
        let mut messages = vec![json!({"role": "system", "content": "You are a careful agent."})];
        let request = |messages: &[serde_json::Value]| {
            let mut body = json!({
                "model": match answer {
                    Answer::Whole => "bench-whole",
                    Answer::Stream => "bench-stream-52-flush",
                    Answer::PacedStream => "bench-stream-52-paced",
                },
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
            answer,
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
    let threads_before = cpu::threads(&subject.pids());
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
    let mut threads = cpu::threads(&subject.pids());
    for (name, before) in threads_before {
        if let Some(thread) = threads.get_mut(&name) {
            thread.ns = thread.ns.saturating_sub(before.ns);
            thread.waits = thread.waits.saturating_sub(before.waits);
        }
    }
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
        requests: count,
        threads,
    })
}

/// One connection: the next request goes out when the answer is in. Bytes on a socket and no HTTP
/// library: what the load costs disturbs what is measured on the same cores.
async fn connection(
    url: String,
    key: Option<String>,
    body: Bytes,
    must_contain: &'static str,
    left: Arc<AtomicUsize>,
) -> Result<Vec<Duration>> {
    let (host, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .with_context(|| format!("{url} is not http://host/path"))?;
    let mut stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    let key = key.unwrap_or_default();
    let length = body.len();
    let head = format!(
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    let request = [head.as_bytes(), &body].concat();
    let mut times = Vec::new();
    let mut answer = Vec::with_capacity(64 << 10);
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        })
        .is_ok()
    {
        let begun = Instant::now();
        stream.write_all(&request).await?;
        answer.clear();
        while !is_whole(&answer) {
            ensure!(
                stream.read_buf(&mut answer).await? > 0,
                "{url} closed the connection"
            );
        }
        times.push(begun.elapsed());
        let text = String::from_utf8_lossy(&answer);
        ensure!(text.starts_with("HTTP/1.1 200"), "{url} answered {text}");
        ensure!(
            text.contains(must_contain),
            "{url} answered without {must_contain}: {text}"
        );
    }
    Ok(times)
}

/// Whether an HTTP/1.1 answer is complete: by its `content-length`, or by its last chunk.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let (head, body) = answer.split_at(end + 4);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    match head.split_once("content-length: ") {
        Some((_, rest)) => {
            let length = rest.split("\r\n").next().and_then(|text| text.parse().ok());
            length.is_some_and(|length: usize| body.len() >= length)
        }
        None => body.ends_with(b"0\r\n\r\n"),
    }
}
