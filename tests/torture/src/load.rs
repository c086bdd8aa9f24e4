//! Load on plain sockets: one connection sends a request when the answer to the last is in. No
//! HTTP library, so that a million calls cost little beside the gateway.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Longest wait for more of an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// When the client goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// After the answer.
    AtTheEnd,
    /// In a stream, after so many pieces of content.
    AfterContents(usize),
}

/// One connection to a gateway; opened anew after it broke.
pub(crate) struct Connection {
    host: String,
    stream: Option<TcpStream>,
    answer: Vec<u8>,
}

// === impl Connection ===

impl Connection {
    /// To `http://host:port`.
    pub(crate) fn new(url: &str) -> Self {
        Self {
            host: url.trim_start_matches("http://").to_string(),
            stream: None,
            answer: Vec::with_capacity(16 << 10),
        }
    }

    /// Posts a chat; its status, or 0 where the connection broke or the client left.
    pub(crate) async fn chat(&mut self, key: &str, body: &str, leave: Leave) -> u16 {
        let told = self.try_chat(key, body, leave).await;
        if told.is_err() || leave != Leave::AtTheEnd {
            self.stream = None;
        }
        told.unwrap_or(0)
    }

    async fn try_chat(&mut self, key: &str, body: &str, leave: Leave) -> Result<u16> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(&self.host).await.context("connect")?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        self.answer.clear();
        let mut ends = None;
        loop {
            let read = stream.read_buf(&mut self.answer);
            if tokio::time::timeout(PATIENCE, read)
                .await
                .context("no answer")??
                == 0
            {
                bail!("the connection was closed");
            }
            if ends.is_none() {
                ends = End::of(&self.answer);
            }
            if let Leave::AfterContents(count) = leave
                && contents(&self.answer) >= count
            {
                return Ok(0);
            }
            if ends
                .as_ref()
                .is_some_and(|end| end.is_reached(&self.answer))
            {
                break;
            }
        }
        let status = status(&self.answer)?;
        if !ends.is_some_and(|end| end.closes) {
            self.stream = Some(stream);
        }
        Ok(status)
    }
}

/// Where an answer ends.
struct End {
    body_at: usize,
    length: Option<usize>,
    closes: bool,
}

// === impl End ===

impl End {
    /// Once the head is there.
    fn of(answer: &[u8]) -> Option<Self> {
        let body_at = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&answer[..body_at]).to_ascii_lowercase();
        let value = |name: &str| {
            let (_, rest) = head.split_once(name)?;
            rest.split("\r\n").next()
        };
        Some(Self {
            body_at,
            length: value("\r\ncontent-length: ").and_then(|text| text.parse().ok()),
            closes: value("\r\nconnection: ") == Some("close"),
        })
    }

    fn is_reached(&self, answer: &[u8]) -> bool {
        match self.length {
            Some(length) => answer.len() >= self.body_at + length,
            None => answer.len() > self.body_at && answer.ends_with(b"0\r\n\r\n"),
        }
    }
}

fn status(answer: &[u8]) -> Result<u16> {
    let word = answer.get(9..12).context("no status line")?;
    std::str::from_utf8(word)?
        .parse()
        .context("parse the status")
}

/// Pieces of content in a stream so far.
fn contents(answer: &[u8]) -> usize {
    let text = String::from_utf8_lossy(answer);
    let all = text.matches("\"content\":\"").count();
    all - text.matches("\"content\":\"\"").count()
}

#[cfg(test)]
mod tests {
    use super::{End, contents};

    #[test]
    fn answer_ends_by_its_length_or_its_last_chunk() {
        let sized = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        let end = End::of(sized).expect("a head");
        assert!(end.is_reached(sized));
        assert!(!end.is_reached(&sized[..sized.len() - 1]));
        let chunked = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        let end = End::of(chunked).expect("a head");
        assert!(end.closes && end.is_reached(chunked));
        assert!(End::of(b"HTTP/1.1 200 OK\r\n").is_none());
    }

    #[test]
    fn empty_content_is_no_piece() {
        assert_eq!(
            contents(br#"{"content":""} {"content":"a"} {"content":"b"}"#),
            2
        );
    }
}
