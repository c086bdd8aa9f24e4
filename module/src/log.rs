//! What the module logs, in Envoy's log: the process that started Envoy reads it there.

use std::io::{self, Write};

use tracing::{Level, Metadata, level_filters::LevelFilter};
use tracing_subscriber::fmt::MakeWriter;

use crate::abi::{self, LogLevel};

/// Sends this module's events to Envoy's log, from the level on that Envoy logs now.
pub(crate) fn start() {
    let levels = [
        (LogLevel::Trace, LevelFilter::TRACE),
        (LogLevel::Debug, LevelFilter::DEBUG),
        (LogLevel::Info, LevelFilter::INFO),
        (LogLevel::Warn, LevelFilter::WARN),
    ];
    let logged = levels
        .into_iter()
        .find(|(level, _)| abi::is_logged(*level))
        .map_or(LevelFilter::ERROR, |(_, filter)| filter);
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(logged)
        .with_ansi(false)
        .without_time()
        .with_level(false)
        .with_writer(EnvoyLog)
        .finish();
    // A subscriber is there already: the module was loaded before.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

struct EnvoyLog;

/// One event.
struct Line {
    level: LogLevel,
    text: Vec<u8>,
}

impl<'a> MakeWriter<'a> for EnvoyLog {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line {
            level: LogLevel::Info,
            text: Vec::new(),
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line {
        let level = match *metadata.level() {
            Level::ERROR => LogLevel::Error,
            Level::WARN => LogLevel::Warn,
            Level::INFO => LogLevel::Info,
            Level::DEBUG => LogLevel::Debug,
            Level::TRACE => LogLevel::Trace,
        };
        Line {
            level,
            text: Vec::new(),
        }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.text);
        let line = text.trim_end();
        if !line.is_empty() {
            abi::log(self.level, line);
        }
    }
}
