//! Sampling parameters and stop sequences.
//!
//! `temperature` is clamped to Anthropic's 0..1 (OpenAI allows 2), so that a fallback to Claude
//! serves the request; what a model refuses is left out: it is a preference, not a promise.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    client::ChatBody,
    generation::{Generation, SamplingMode},
};
use crate::{InvalidRequest, json::Text};

/// What is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sampling {
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: Option<u64>,
}

/// Thinking excludes all three ("Extended thinking", feature compatibility).
pub(super) fn choose(chat: &ChatBody<'_>, generation: Generation, is_thinking: bool) -> Sampling {
    if is_thinking || generation.sampling() == SamplingMode::None {
        return Sampling::default();
    }
    let temperature = chat
        .temperature
        .map(|temperature| temperature.clamp(0.0, 1.0));
    let is_exclusive = generation.sampling() == SamplingMode::One && temperature.is_some();
    Sampling {
        temperature,
        top_p: chat.top_p.filter(|_| !is_exclusive),
        top_k: chat.top_k,
    }
}

/// `stop`: a string or a list. Sequences of white space only are left out: Messages refuses them.
pub(super) fn stop_sequences<'a>(chat: &ChatBody<'a>) -> Result<Vec<Cow<'a, str>>, InvalidRequest> {
    let Some(stop) = chat.stop else {
        return Ok(Vec::new());
    };
    let stops = read_stops(stop)
        .map_err(|_| InvalidRequest::field("stop", "must be a string or an array of strings"))?;
    Ok(stops
        .into_iter()
        .map(|stop| stop.0)
        .filter(|stop| !stop.trim().is_empty())
        .collect())
}

fn read_stops(stop: &RawValue) -> Result<Vec<Text<'_>>, serde_json::Error> {
    if stop.get().starts_with('"') {
        Ok(vec![serde_json::from_str(stop.get())?])
    } else {
        serde_json::from_str(stop.get())
    }
}
