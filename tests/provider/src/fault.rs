//! Faults on demand: what they are and how they are written. `rules` says when one applies,
//! `apply` edits the script of an answer with it.

use serde::{Deserialize, Serialize};

mod apply;
mod rules;

pub(crate) use self::apply::{apply, error_script, usage_mode};
pub use self::rules::{FaultMatch, FaultRule, Faults};

/// Something that goes wrong with one answer.
///
/// In JSON `{"kind": "status", "status": 503}`; in a directive or a model's suffix
/// `status:503`, the fields in the order below, separated by colons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// An error answer in the API's own form. `status:429:7` sends `retry-after: 7`.
    Status {
        /// HTTP status, 400-599.
        status: u16,
        /// Value of the `retry-after` header, in seconds.
        #[serde(default)]
        retry_after_s: Option<u64>,
    },
    /// Waits before the answer's head.
    DelayHead {
        /// Milliseconds.
        ms: u64,
    },
    /// Never answers; ends when the client closes.
    Hang,
    /// TCP reset before the head.
    ResetBeforeHead,
    /// Ends the connection after so many chunks of content; with more chunks than the answer has,
    /// after the last one and before finish reason and usage. A whole answer is cut in the middle.
    Cut {
        /// Chunks of content that are still sent.
        after_chunks: usize,
        /// How the connection ends.
        #[serde(default)]
        how: Ending,
    },
    /// Leaves usage out.
    NoUsage,
    /// Reports usage with zeros.
    ZeroUsage,
    /// Reports usage in two events (streams).
    UsageTwice,
    /// Reports usage so far with every chunk of content (streams).
    CumulativeUsage,
    /// Waits between the last content and the event with usage (streams).
    LateUsage {
        /// Milliseconds.
        ms: u64,
    },
    /// A body that is not JSON under status 200.
    GarbageBody,
    /// An event that is not JSON, after which the stream goes on.
    GarbageMidStream {
        /// Chunks of content before it.
        after_chunks: usize,
    },
    /// Sends a few bytes at a time.
    SlowDrip {
        /// Milliseconds between pieces.
        ms: u64,
        /// Bytes of a piece; 16 unless given.
        #[serde(default)]
        bytes: Option<usize>,
    },
    /// An error event inside the stream, which then ends.
    StreamError {
        /// Chunks of content before it.
        after_chunks: usize,
    },
    /// A JSON body, or the last chunk of content, without its second half; the connection ends well.
    TruncatedJson,
    /// Status 200 and no bytes.
    EmptyBody,
    /// An answer of so many tokens, whatever limit the request set.
    HugeAnswer {
        /// Output tokens.
        tokens: u64,
    },
}

/// How a cut connection ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// TCP reset.
    #[default]
    Reset,
    /// TCP FIN in the middle of the HTTP body.
    Fin,
    /// The HTTP body ends properly, the events do not.
    End,
}

// === impl Fault ===

impl Fault {
    /// Reads the short form, for example `status:429:7`, `cut:3:fin`, `no_usage`.
    ///
    /// # Errors
    /// Names the text and the rule it breaks.
    pub fn parse(spec: &str) -> Result<Self, String> {
        let mut words = spec.split(':');
        let kind = words.next().unwrap_or_default();
        let fields = match kind {
            "status" => &["status", "retry_after_s"][..],
            "delay_head" | "late_usage" => &["ms"],
            "cut" => &["after_chunks", "how"],
            "garbage_mid_stream" | "stream_error" => &["after_chunks"],
            "slow_drip" => &["ms", "bytes"],
            "huge_answer" => &["tokens"],
            _ => &[],
        };
        let mut object = serde_json::Map::from_iter([("kind".to_owned(), kind.into())]);
        for (index, word) in words.enumerate() {
            let Some(field) = fields.get(index) else {
                return Err(format!(
                    "fault {spec:?}: {kind:?} takes {} values",
                    fields.len()
                ));
            };
            let value = word.parse::<u64>().map_or_else(|_| word.into(), Into::into);
            object.insert((*field).to_owned(), value);
        }
        serde_json::from_value(object.into()).map_err(|error| format!("fault {spec:?}: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_read_as_their_json_does() {
        let check = |spec: &str, json: serde_json::Value| {
            let parsed = Fault::parse(spec).expect(spec);
            assert_eq!(
                parsed,
                serde_json::from_value(json).expect("json"),
                "{spec}"
            );
        };
        check(
            "status:503",
            serde_json::json!({"kind": "status", "status": 503}),
        );
        check(
            "cut:3:fin",
            serde_json::json!({"kind": "cut", "after_chunks": 3, "how": "fin"}),
        );
        check(
            "cut:0",
            serde_json::json!({"kind": "cut", "after_chunks": 0}),
        );
        check("hang", serde_json::json!({"kind": "hang"}));
        check(
            "slow_drip:5:1",
            serde_json::json!({"kind": "slow_drip", "ms": 5, "bytes": 1}),
        );
    }

    #[test]
    fn wrong_forms_are_refused_by_name() {
        for spec in ["", "explode", "cut:x", "hang:1", "status"] {
            let error = Fault::parse(spec).expect_err(spec);
            assert!(error.contains(&format!("{spec:?}")), "{error}");
        }
    }
}
