//! A streamed answer, read event by event, so that a test can leave at a chosen one.

use anyhow::{Context, Result};
use reqwest::Response;
use serde_json::Value;

/// Server-sent events of one answer. Dropping it before its end closes the connection.
#[derive(Debug)]
pub struct Events {
    response: Response,
    buffer: Vec<u8>,
}

// === impl Events ===

impl Events {
    /// Reads the events of this answer.
    pub fn new(response: Response) -> Self {
        Self {
            response,
            buffer: Vec::new(),
        }
    }

    /// Value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The `data` of the next event; `None` at the end of the body.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub async fn next(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let event = String::from_utf8_lossy(&event);
                let data = event.lines().filter_map(|line| line.strip_prefix("data:"));
                return Ok(Some(data.map(str::trim_start).collect()));
            }
            match self.response.chunk().await.context("read the stream")? {
                Some(bytes) => self.buffer.extend_from_slice(&bytes),
                None => return Ok(None),
            }
        }
    }

    /// Reads until `count` chunks with content have come; gives their text.
    ///
    /// # Errors
    ///
    /// The connection broke, or the stream ended first.
    pub async fn contents(&mut self, count: usize) -> Result<String> {
        let mut text = String::new();
        let mut seen = 0;
        while seen < count {
            let data = self.next().await?.context("the stream ended early")?;
            if let Some(content) = content(&data) {
                text += &content;
                seen += 1;
            }
        }
        Ok(text)
    }

    /// Reads to the end: the chunks that are JSON, and whether `[DONE]` came. A break of the
    /// connection ends it too.
    pub async fn rest(mut self) -> (Vec<Value>, bool) {
        let mut chunks = Vec::new();
        let mut done = false;
        while let Ok(Some(data)) = self.next().await {
            done |= data == "[DONE]";
            chunks.extend(serde_json::from_str::<Value>(&data));
        }
        (chunks, done)
    }
}

fn content(data: &str) -> Option<String> {
    let chunk: Value = serde_json::from_str(data).ok()?;
    let content = chunk["choices"][0]["delta"]["content"].as_str()?;
    (!content.is_empty()).then(|| content.to_string())
}
