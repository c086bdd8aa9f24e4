//! Log lines as JSON: one object a line, its fields beside `timestamp`, `level` and `target`.
//!
//! A busy gateway writes a line for each call, so this writes an event's fields as they come, into
//! a buffer that the thread keeps. There are no spans in Tollgate, and none are written.

use std::{
    cell::Cell,
    fmt::{self, Write as _},
    io::Write as _,
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    fmt::{
        format::Writer,
        time::{FormatTime as _, SystemTime},
    },
    layer::Context,
};

use super::batch::Batch;

/// A buffer that has grown beyond this is not kept.
const KEPT_BYTES_MAX: usize = 16 << 10;

thread_local! {
    static LINE: Cell<String> = const { Cell::new(String::new()) };
}

/// Writes every event as a line.
pub(super) struct JsonLines {
    batch: Batch,
}

/// The fields of an event, each with its comma before it.
struct Fields<'a> {
    line: &'a mut String,
    /// Of events of the `log` crate, which carry it as a field.
    target: Option<String>,
}

// === impl JsonLines ===

impl JsonLines {
    pub(super) fn new(batch: Batch) -> Self {
        Self { batch }
    }
}

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // Taken, not borrowed: a value may log while it is being written.
        let mut line = LINE.take();
        line.clear();
        write_line(&mut line, event);
        // A batch takes all of it and does not fail.
        let _ = self.batch.clone().write_all(line.as_bytes());
        if line.capacity() <= KEPT_BYTES_MAX {
            LINE.set(line);
        }
    }
}

fn write_line(line: &mut String, event: &Event<'_>) {
    let metadata = event.metadata();
    line.push_str(r#"{"timestamp":""#);
    // Nothing that is written to a string fails.
    let _ = SystemTime.format_time(&mut Writer::new(line));
    line.push_str(r#"","level":""#);
    line.push_str(metadata.level().as_str());
    line.push('"');
    let mut fields = Fields { line, target: None };
    event.record(&mut fields);
    let target = fields.target.take();
    line.push_str(r#","target":"#);
    write_text(line, target.as_deref().unwrap_or(metadata.target()));
    line.push_str("}\n");
}

/// `text` in quotes, escaped as RFC 8259, section 7 asks.
fn write_text(line: &mut String, text: &str) {
    line.push('"');
    let mut begin = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => r#"\""#,
            b'\\' => r"\\",
            b'\n' => r"\n",
            b'\r' => r"\r",
            b'\t' => r"\t",
            0..0x20 => "",
            _ => continue,
        };
        line.push_str(text.get(begin..at).unwrap_or_default());
        begin = at + 1;
        if escape.is_empty() {
            let _ = write!(line, "\\u{byte:04x}");
        } else {
            line.push_str(escape);
        }
    }
    line.push_str(text.get(begin..).unwrap_or_default());
    line.push('"');
}

// === impl Fields ===

impl Fields<'_> {
    fn name(&mut self, field: &Field) {
        self.line.push(',');
        // `r#type` is a field named `type`.
        let name = field.name();
        write_text(self.line, name.strip_prefix("r#").unwrap_or(name));
        self.line.push(':');
    }

    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        self.name(field);
        let _ = write!(self.line, "{value}");
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "log.target" => self.target = Some(value.to_string()),
            // Where in the source; other events do not say it either.
            "log.module_path" | "log.file" => {}
            _ => {
                self.name(field);
                write_text(self.line, value);
            }
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() != "log.line" {
            self.plain(field, value);
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.plain(field, value);
        } else {
            self.plain(field, "null");
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;
    use serde_json::{Value, json};
    use tracing_subscriber::layer::SubscriberExt;

    use super::{Batch, JsonLines, write_text};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn lines(log: impl FnOnce()) -> Vec<Value> {
        let sink = Sink::default();
        let (batch, flush) = Batch::start(Box::new(sink.clone())).unwrap();
        let subscriber = tracing_subscriber::registry().with(JsonLines::new(batch));
        tracing::subscriber::with_default(subscriber, log);
        drop(flush);
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        let parse = |line| serde_json::from_str(line).unwrap();
        text.lines().map(parse).collect()
    }

    #[test]
    fn every_kind_of_field_is_in_the_line_beside_what_all_lines_have() {
        let lines = lines(|| {
            let nobody: Option<&str> = None;
            let error = std::io::Error::other("full");
            tracing::warn!(
                target: "access",
                r#type = "chat",
                consumer = "al\"ice\n",
                nobody,
                tokens = 12_u64,
                delta = -3,
                ms = 1.5,
                never = f64::NAN,
                stream = true,
                ending = ?Some(1),
                error = %error,
                "a call"
            );
            // As the `log` crate's come.
            tracing::info!(
                target: "log",
                { log.target = "rustls", log.line = 7_u64, log.file = "a.rs" },
                "second"
            );
        });
        let mut first = lines[0].clone();
        let timestamp = first.as_object_mut().unwrap().remove("timestamp").unwrap();
        assert!(
            timestamp.as_str().unwrap().ends_with('Z'),
            "{timestamp} is UTC"
        );
        let expected = json!({
            "level": "WARN", "target": "access", "message": "a call",
            "type": "chat", "consumer": "al\"ice\n", "tokens": 12, "delta": -3, "ms": 1.5,
            "never": null, "stream": true, "ending": "Some(1)", "error": "full",
        });
        assert_eq!(first, expected);
        let mut second = lines[1].clone();
        second.as_object_mut().unwrap().remove("timestamp");
        let expected = json!({"level": "INFO", "target": "rustls", "message": "second"});
        assert_eq!(second, expected);
        assert_eq!(lines.len(), 2);
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in any::<String>()) {
            let mut line = String::new();
            write_text(&mut line, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        }
    }
}
