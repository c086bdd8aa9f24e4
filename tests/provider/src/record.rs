//! The last requests as they came in, so that a test can see what a gateway really sent: path,
//! headers, body bytes, key.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};

/// Requests kept.
const REQUESTS_MAX: usize = 256;
/// Bytes of a body kept.
const BODY_BYTES_MAX: usize = 1 << 20;

/// A request as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRequest {
    /// Number of the request, from 1 over the simulator's life.
    pub number: u64,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers in the order they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The first mebibyte of the body.
    pub body: Bytes,
}

/// The last 256 requests.
#[derive(Debug, Default)]
pub struct Recorder {
    requests: Mutex<VecDeque<RecordedRequest>>,
}

// === impl RecordedRequest ===

impl RecordedRequest {
    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(of, _)| of == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `null` if it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether `text` occurs in the path, in a header or in the body.
    pub fn contains(&self, text: &str) -> bool {
        self.path.contains(text)
            || self.headers.iter().any(|(_, value)| value.contains(text))
            || memchr::memmem::find(&self.body, text.as_bytes()).is_some()
    }

    pub(crate) fn of(number: u64, head: &http::request::Parts, body: &Bytes) -> Self {
        let headers = head.headers.iter();
        let text =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Self {
            number,
            method: head.method.to_string(),
            path: head
                .uri
                .path_and_query()
                .map(ToString::to_string)
                .unwrap_or_default(),
            headers: headers
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body: body.slice(..body.len().min(BODY_BYTES_MAX)),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let Self {
            number,
            method,
            path,
            headers,
            body,
        } = self;
        json!({
            "number": number,
            "method": method,
            "path": path,
            "headers": headers,
            "body": String::from_utf8_lossy(body),
        })
    }
}

// === impl Recorder ===

impl Recorder {
    /// The requests kept, oldest first.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.requests.lock().iter().cloned().collect()
    }

    /// The last request.
    pub fn last(&self) -> Option<RecordedRequest> {
        self.requests.lock().back().cloned()
    }

    /// Forgets all requests.
    pub fn clear(&self) {
        self.requests.lock().clear();
    }

    pub(crate) fn push(&self, request: RecordedRequest) {
        let mut requests = self.requests.lock();
        if requests.len() >= REQUESTS_MAX {
            requests.pop_front();
        }
        requests.push_back(request);
    }
}
