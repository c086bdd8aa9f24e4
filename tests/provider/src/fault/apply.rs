//! Faults as edits of a script: nothing here sends, waits or counts.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::{Ending, Fault};
use crate::{
    ask::{Api, Ask},
    generate::OUTPUT_TOKENS_MAX,
    refusal::{Refusal, anthropic_type},
    script::{Frame, FrameKind, Produced, Script, Step, UsageMode, plain},
};

/// Bytes of one piece of a slow drip, unless the fault says otherwise.
const DRIP_BYTES: usize = 16;
/// Pieces one frame is dripped in at most.
const DRIP_PIECES_MAX: usize = 4096;

/// The error answer that replaces any other, if a fault asks for one.
pub(crate) fn error_script(faults: &[Fault], api: Api, number: u64) -> Option<Script> {
    let (status, retry_after_s) = faults.iter().find_map(|fault| match fault {
        Fault::Status {
            status,
            retry_after_s,
        } => Some((*status, *retry_after_s)),
        _ => None,
    })?;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut script = Refusal::of_status(status).into_script(api, number);
    if let Some(seconds) = retry_after_s {
        script.headers.push(("retry-after", seconds.to_string()));
    }
    Some(script)
}

/// What the faults change before the answer is written: its length and how it reports usage.
pub(crate) fn usage_mode(faults: &[Fault], ask: &mut Ask) -> UsageMode {
    let mut mode = UsageMode::Once;
    for fault in faults {
        match fault {
            Fault::NoUsage => mode = UsageMode::None,
            Fault::ZeroUsage => mode = UsageMode::Zero,
            Fault::UsageTwice => mode = UsageMode::Twice,
            Fault::CumulativeUsage => mode = UsageMode::Cumulative,
            Fault::LateUsage { ms } => mode = UsageMode::Late(Duration::from_millis(*ms)),
            Fault::HugeAnswer { tokens } => {
                ask.output_tokens_max = None;
                ask.directives.output = Some((*tokens).min(OUTPUT_TOKENS_MAX));
            }
            _ => {}
        }
    }
    mode
}

/// Edits a written script, in the order of the faults.
pub(crate) fn apply(script: &mut Script, faults: &[Fault], api: Api) {
    for fault in faults {
        match fault {
            Fault::DelayHead { ms } => script.before_head.push(pause(*ms)),
            Fault::Hang => script.before_head.push(Step::Hang),
            Fault::ResetBeforeHead => script.before_head.push(Step::Break(Ending::Reset)),
            Fault::Cut { after_chunks, how } => cut(script, *after_chunks, *how),
            Fault::GarbageBody => {
                let garbage = Bytes::from_static(b"<html>this is \xff\xfe not what you asked for");
                replace_body(script, garbage);
            }
            Fault::EmptyBody => replace_body(script, Bytes::new()),
            Fault::GarbageMidStream { after_chunks } => {
                let at = after(script, *after_chunks);
                script.steps.insert(
                    at,
                    plain(Bytes::from_static(b"data: {\"id\": \"bro\x00ken, \n\n")),
                );
                script.length = None;
            }
            Fault::StreamError { after_chunks } => {
                let at = after(script, *after_chunks);
                script.steps.truncate(at);
                script.steps.push(plain(error_event(api)));
                script.length = None;
            }
            Fault::TruncatedJson => truncate_json(script),
            Fault::SlowDrip { ms, bytes } => drip(script, *ms, bytes.unwrap_or(DRIP_BYTES)),
            Fault::Status { .. }
            | Fault::NoUsage
            | Fault::ZeroUsage
            | Fault::UsageTwice
            | Fault::CumulativeUsage
            | Fault::LateUsage { .. }
            | Fault::HugeAnswer { .. } => {}
        }
    }
}

fn pause(ms: u64) -> Step {
    Step::Pause(Duration::from_millis(ms))
}

/// The place after the nth chunk of content, or after the last if there are fewer; 0 is the start.
fn after(script: &Script, chunks: usize) -> usize {
    let content = script
        .steps
        .iter()
        .enumerate()
        .filter_map(|(index, step)| match step {
            Step::Send(Frame {
                kind: FrameKind::Content,
                ..
            }) => Some(index + 1),
            _ => None,
        });
    content.take(chunks).last().unwrap_or(0)
}

fn cut(script: &mut Script, chunks: usize, how: Ending) {
    if let [
        Step::Send(Frame {
            kind: FrameKind::Whole,
            bytes,
            ..
        }),
    ] = script.steps.as_mut_slice()
    {
        bytes.truncate(bytes.len() / 2);
    } else {
        let at = after(script, chunks);
        script.steps.truncate(at);
    }
    if how == Ending::End {
        script.length = None;
    } else {
        script.steps.push(Step::Break(how));
    }
}

/// Tokens that nobody can read do not count as produced.
fn replace_body(script: &mut Script, bytes: Bytes) {
    script.length = Some(bytes.len());
    script.steps = vec![plain(bytes)];
}

fn truncate_json(script: &mut Script) {
    if let [
        Step::Send(Frame {
            kind: FrameKind::Whole,
            bytes,
            ..
        }),
    ] = script.steps.as_mut_slice()
    {
        bytes.truncate(bytes.len() / 2);
        script.length = Some(bytes.len());
        return;
    }
    let at = after(script, usize::MAX);
    script.steps.truncate(at);
    if let Some(Step::Send(frame)) = script.steps.last_mut() {
        frame.bytes.truncate(frame.bytes.len() / 2);
    }
}

fn drip(script: &mut Script, ms: u64, piece_bytes: usize) {
    let mut steps = Vec::new();
    for step in std::mem::take(&mut script.steps) {
        let Step::Send(frame) = step else {
            steps.push(step);
            continue;
        };
        let size = piece_bytes.max(1).max(frame.bytes.len() / DRIP_PIECES_MAX);
        let mut rest = frame.bytes.clone();
        while rest.len() > size {
            let bytes = rest.split_to(size);
            steps.push(Step::Send(Frame {
                bytes,
                produced: Produced::default(),
                ..frame
            }));
            steps.push(pause(ms));
        }
        steps.push(Step::Send(Frame {
            bytes: rest,
            ..frame
        }));
        steps.push(pause(ms));
    }
    script.steps = steps;
}

fn error_event(api: Api) -> Bytes {
    let message = "simulated failure inside the stream";
    let text = match api {
        Api::Anthropic => {
            let kind = anthropic_type(StatusCode::from_u16(529).unwrap_or_default());
            let body =
                serde_json::json!({"type": "error", "error": {"type": kind, "message": message}});
            format!("event: error\ndata: {body}\n\n")
        }
        Api::OpenAi | Api::Azure => {
            let body = serde_json::json!({"error": {"message": message, "type": "server_error", "param": null, "code": null}});
            format!("data: {body}\n\n")
        }
    };
    text.into()
}
