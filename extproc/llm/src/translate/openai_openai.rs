//! OpenAI clients to providers that speak OpenAI's API, Azure's deployments included.
//!
//! The body goes on byte for byte but for the model, a lowered limit, and the request for usage
//! (OpenAI API reference, "Create chat completion"; Azure OpenAI REST API reference,
//! "Completions").

use bytes::Bytes;

use super::{
    ProviderRequest, Target,
    path::{join, percent_encode},
    splice::Splices,
};
use crate::{ChatRequest, InvalidRequest, json::Fields};

/// To `POST /{prefix}/chat/completions`.
pub(super) fn chat_request(
    target: Target<'_>,
    prefix: &str,
    request: &ChatRequest,
    body: &Bytes,
) -> Result<ProviderRequest, InvalidRequest> {
    let mut splices = Splices::default();
    if let (Some(model), Some(span)) = (target.model, &request.spans.model)
        && model != request.model
    {
        splices.replace(span.clone(), json_string(model));
    }
    Ok(ProviderRequest {
        path: join(prefix, "/chat/completions"),
        headers: Vec::new(),
        body: finish(splices, target, request, body)?,
    })
}

/// To `POST /openai/deployments/{model}/chat/completions`: Azure reads the model from the path,
/// so the body keeps the client's.
pub(super) fn azure_chat_request(
    target: Target<'_>,
    version: &str,
    request: &ChatRequest,
    body: &Bytes,
) -> Result<ProviderRequest, InvalidRequest> {
    let model = percent_encode(target.model.unwrap_or(&request.model));
    let version = percent_encode(version);
    Ok(ProviderRequest {
        path: format!("/openai/deployments/{model}/chat/completions?api-version={version}"),
        headers: Vec::new(),
        body: finish(Splices::default(), target, request, body)?,
    })
}

/// What every OpenAI-like provider needs, whatever its path.
fn finish(
    mut splices: Splices,
    target: Target<'_>,
    request: &ChatRequest,
    body: &Bytes,
) -> Result<Option<Bytes>, InvalidRequest> {
    if let Some(total) = target.output_tokens_max {
        lower_limit(&mut splices, total, request, body);
    }
    if request.stream && !request.include_usage {
        request_usage(&mut splices, request, body)?;
    }
    Ok(splices.apply(body))
}

/// Allows `total` output tokens over all choices, unless the client asked for less.
///
/// Where the client named no limit, `max_completion_tokens` is added: OpenAI's reasoning models
/// refuse `max_tokens`, which is deprecated. A compatible server that only knows `max_tokens`
/// ignores it; the operator of such a server sees it in the reported usage.
fn lower_limit(splices: &mut Splices, total: u64, request: &ChatRequest, body: &[u8]) {
    let each = (total / request.choices.max(1)).max(1);
    if request.output_tokens_max.is_some_and(|asked| asked <= each) {
        return;
    }
    let is_number = |span: &&std::ops::Range<usize>| {
        body.get((*span).clone())
            .is_some_and(|value| value != b"null")
    };
    let old = request.spans.max_tokens.as_ref().filter(is_number);
    let new = request.spans.max_completion_tokens.as_ref();
    for span in [old, new.filter(is_number)].into_iter().flatten() {
        splices.replace(span.clone(), each.to_string());
    }
    if request.output_tokens_max.is_none() {
        match new {
            // `null`: a second field of the same name must not be added.
            Some(span) => splices.replace(span.clone(), each.to_string()),
            None => splices.add_field(body, "max_completion_tokens", &each.to_string()),
        }
    }
}

/// Sets `stream_options.include_usage`: without it a stream reports no usage, and would be free.
fn request_usage(
    splices: &mut Splices,
    request: &ChatRequest,
    body: &[u8],
) -> Result<(), InvalidRequest> {
    const OPTIONS: &str = r#"{"include_usage":true}"#;
    let Some(span) = &request.spans.stream_options else {
        splices.add_field(body, "stream_options", OPTIONS);
        return Ok(());
    };
    let options = body
        .get(span.clone())
        .and_then(|options| std::str::from_utf8(options).ok())
        .ok_or_else(|| InvalidRequest::field("stream_options", "is outside of the body"))?;
    if options == "null" {
        splices.replace(span.clone(), OPTIONS.to_owned());
        return Ok(());
    }
    let Fields(fields) = serde_json::from_str(options)
        .map_err(|error| InvalidRequest::field("stream_options", error))?;
    let given = fields.iter().find(|(key, _)| key == "include_usage");
    match given.and_then(|(_, value)| crate::json::span_in(options, value.get())) {
        Some(inner) => {
            let absolute = span.start + inner.start..span.start + inner.end;
            splices.replace(absolute, "true".to_owned());
        }
        None => {
            let after_brace = span.start + 1..span.start + 1;
            let comma = if fields.is_empty() { "" } else { "," };
            splices.replace(after_brace, format!("\"include_usage\":true{comma}"));
        }
    }
    Ok(())
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
