//! Envoy's log lines become ours: same levels, target `envoy`, bounded length.

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader};

/// The format Envoy is told to log in: level, logger, message, between tabs.
pub(super) const LOG_FORMAT: &str = "%l\t%n\t%v";

/// Longest line that is kept, in bytes; the rest of it is dropped.
const LINE_BYTES_MAX: usize = 4096;

/// Reads lines until the stream ends and logs each.
pub(super) async fn forward_log(stream: impl AsyncRead + Unpin) {
    let mut reader = BufReader::new(stream);
    let mut level = tracing::Level::INFO;
    while let Some(line) = next_line(&mut reader).await {
        let line = parse_line(&line, level);
        level = line.level;
        emit(&line);
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Line<'a> {
    level: tracing::Level,
    logger: &'a str,
    message: &'a str,
}

/// A line without our format continues the message before it, and has its level.
fn parse_line(line: &str, previous: tracing::Level) -> Line<'_> {
    let mut parts = line.splitn(3, '\t');
    let level = parts.next().and_then(|level| match level {
        "trace" => Some(tracing::Level::TRACE),
        "debug" => Some(tracing::Level::DEBUG),
        "info" => Some(tracing::Level::INFO),
        "warning" | "warn" => Some(tracing::Level::WARN),
        "error" | "critical" => Some(tracing::Level::ERROR),
        _ => None,
    });
    match (level, parts.next(), parts.next()) {
        (Some(level), Some(logger), Some(message)) => Line {
            level,
            logger,
            message,
        },
        _ => Line {
            level: previous,
            logger: "",
            message: line,
        },
    }
}

fn emit(line: &Line<'_>) {
    let Line {
        level,
        logger,
        message,
    } = *line;
    match level {
        tracing::Level::ERROR => tracing::error!(target: "envoy", logger, "{message}"),
        tracing::Level::WARN => tracing::warn!(target: "envoy", logger, "{message}"),
        tracing::Level::INFO => tracing::info!(target: "envoy", logger, "{message}"),
        tracing::Level::DEBUG => tracing::debug!(target: "envoy", logger, "{message}"),
        _ => tracing::trace!(target: "envoy", logger, "{message}"),
    }
}

/// The next line without its end, cut at [`LINE_BYTES_MAX`]; `None` at the end of the stream.
async fn next_line(reader: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
    let mut line = Vec::new();
    let mut read_any = false;
    loop {
        let buffer = reader.fill_buf().await.ok()?;
        if buffer.is_empty() {
            return read_any.then(|| String::from_utf8_lossy(&line).into_owned());
        }
        read_any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        let room = LINE_BYTES_MAX - line.len();
        line.extend_from_slice(&part[..part.len().min(room)]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            return Some(String::from_utf8_lossy(&line).into_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE_BYTES_MAX, Line, next_line, parse_line};
    use tracing::Level;

    #[test]
    fn a_line_in_our_format_has_its_level_and_another_continues() {
        let line = parse_line("warning\tconfig\tgRPC\tconfig", Level::INFO);
        assert_eq!(
            line,
            Line {
                level: Level::WARN,
                logger: "config",
                message: "gRPC\tconfig"
            }
        );
        let next = parse_line("  at 0x1234", Level::ERROR);
        assert_eq!(
            next,
            Line {
                level: Level::ERROR,
                logger: "",
                message: "  at 0x1234"
            }
        );
    }

    #[tokio::test]
    async fn a_long_line_is_cut_and_the_next_is_whole() {
        let text = format!("{}\nnext\n\nlast", "x".repeat(LINE_BYTES_MAX * 3));
        let mut reader = tokio::io::BufReader::with_capacity(100, text.as_bytes());
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut reader).await {
            lines.push(line);
        }
        assert_eq!(lines[0].len(), LINE_BYTES_MAX);
        assert_eq!(lines[1..], ["next", "", "last"]);
    }
}
