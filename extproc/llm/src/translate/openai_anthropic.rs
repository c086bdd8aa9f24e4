//! OpenAI clients to Anthropic: chat completions become Messages (Anthropic API reference,
//! "Messages"; OpenAI API reference, "Create chat completion").
//!
//! What Messages cannot express and what changes the answer is refused, naming the field (`n`,
//! `logprobs`, audio). Preferences without a counterpart are dropped: `seed`, the penalties,
//! `logit_bias`, `service_tier`, `store`, `metadata`, `prediction`, `verbosity` and unknown
//! fields. `thinking` and `top_k` are passed on as Anthropic's own.

mod client;
mod format;
mod generation;
mod media;
mod messages;
mod parts;
mod reasoning;
mod sampling;
mod tools;
mod wire;

use std::borrow::Cow;

use bytes::Bytes;

use self::{
    client::ChatBody,
    generation::Generation,
    messages::Conversation,
    reasoning::Reasoning,
    wire::{MessagesBody, Metadata},
};
use super::{ProviderRequest, Target, path::join};
use crate::{ChatRequest, InvalidRequest, json};

/// Version of the Messages API (Anthropic API reference, "Versions").
const VERSION: &str = "2023-06-01";

/// Output tokens asked for when neither the client nor the caller names a limit, which Messages
/// requires; every Claude model allows as many.
const OUTPUT_TOKENS_FALLBACK: u64 = 4096;

/// Longest `metadata.user_id` that Messages accepts.
const USER_BYTES_MAX: usize = 256;

/// To `POST /{prefix}/messages`.
pub(super) fn chat_request(
    target: Target<'_>,
    prefix: &str,
    request: &ChatRequest,
    body: &Bytes,
) -> Result<ProviderRequest, InvalidRequest> {
    let chat = ChatBody::parse(body)?;
    refuse_inexpressible(request, &chat)?;
    let model = target.model.unwrap_or(&request.model);
    let generation = Generation::of_model(model);
    let max_tokens = match (request.output_tokens_max, target.output_tokens_max) {
        (Some(asked), Some(allowed)) => asked.min(allowed),
        (Some(limit), None) | (None, Some(limit)) => limit,
        (None, None) => OUTPUT_TOKENS_FALLBACK,
    }
    .max(1);

    let mut conversation = Conversation::read(&chat.messages)?;
    let format = format::translate(chat.response_format, generation, &mut conversation)?;
    let (tools, tool_choice) = tools::translate(&chat, generation)?;
    if conversation.turns.is_empty() {
        return Err(InvalidRequest::field(
            "messages",
            "must have a user or assistant message that is not empty for this provider",
        ));
    }
    let reasoning = Reasoning::choose(&chat, generation, max_tokens, &conversation, &tool_choice)?;
    let sampling = sampling::choose(&chat, generation, reasoning.is_thinking());
    let (thinking, effort) = reasoning.into_parts();
    let messages_body = MessagesBody {
        model,
        max_tokens,
        system: conversation.system,
        messages: conversation.turns,
        tools,
        tool_choice,
        stop_sequences: sampling::stop_sequences(&chat)?,
        stream: request.stream,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        metadata: chat.user.as_ref().map(|user| Metadata {
            user_id: Cow::Borrowed(json::prefix(&user.0, USER_BYTES_MAX)),
        }),
        thinking,
        output_config: wire::OutputConfig::new(effort, format),
    };
    let new_body = serde_json::to_vec(&messages_body)
        .map_err(|error| InvalidRequest::body(format_args!("cannot be translated: {error}")))?;
    Ok(ProviderRequest {
        path: join(prefix, "/messages"),
        headers: vec![
            ("anthropic-version", VERSION.to_owned()),
            ("content-type", "application/json".to_owned()),
        ],
        body: Some(Bytes::from(new_body)),
    })
}

/// Refuses what would change the answer's meaning if it were dropped.
fn refuse_inexpressible(request: &ChatRequest, chat: &ChatBody<'_>) -> Result<(), InvalidRequest> {
    let refuse = |param: &str, what: &str| {
        Err(InvalidRequest::field(
            param,
            format_args!("{what} is not possible with this provider"),
        ))
    };
    if request.choices > 1 {
        return refuse("n", "more than one choice");
    }
    if chat.logprobs == Some(true) {
        return refuse("logprobs", "asking for log probabilities");
    }
    if chat
        .modalities
        .iter()
        .flatten()
        .any(|modality| modality.0 != "text")
    {
        return refuse("modalities", "an answer other than text");
    }
    if chat.web_search_options.is_some() {
        return refuse("web_search_options", "a web search");
    }
    Ok(())
}
