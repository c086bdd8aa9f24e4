//! A chat request of any bytes: parsing, translation to each provider, counting.
#![no_main]

use std::collections::BTreeMap;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use tollgate_bundle::Api;
use tollgate_fuzz::apis;
use tollgate_llm::{ChatRequest, ProviderRequest, Target, tokens, translate};

const COUNTED_BYTES_MAX: usize = 2048;

// The tokenizer's tables take a second to build.
fuzz_target!(init: tokens::load("gpt-4o"), |input: &[u8]| {
    let body = Bytes::copy_from_slice(input);
    let Ok(request) = ChatRequest::parse(&body) else {
        return;
    };
    let spans = [
        &request.spans.model,
        &request.spans.max_tokens,
        &request.spans.max_completion_tokens,
        &request.spans.stream_options,
    ];
    for span in spans.into_iter().flatten() {
        let value = &body[span.clone()];
        serde_json::from_slice::<&RawValue>(value).expect("a span is a value");
    }
    check_counts(&request, &body);
    for api in &apis() {
        for (model, output_tokens_max) in [(None, None), (Some("new \"model\""), Some(700))] {
            let target = Target {
                api,
                model,
                output_tokens_max,
            };
            if let Ok(made) = translate::chat_request(target, &request, &body) {
                check_translated(target, &request, &body, &made);
            }
        }
    }
});

fn check_counts(request: &ChatRequest, body: &[u8]) {
    let bound = tokens::input_bound("gpt-4o", &request.input);
    let counted = tokens::count_input("gpt-4o", request, body, COUNTED_BYTES_MAX);
    assert!(counted.expect("a known model") <= bound);
    tokens::estimate_input("gpt-4o", request, body, COUNTED_BYTES_MAX);
}

fn check_translated(
    target: Target<'_>,
    request: &ChatRequest,
    body: &Bytes,
    made: &ProviderRequest,
) {
    assert!(made.path.starts_with('/'), "{}", made.path);
    assert!(made.path.bytes().all(|byte| byte.is_ascii_graphic()));
    let made = made.body.as_ref().unwrap_or(body);
    assert!(made.len() <= 16 * body.len() + 4096, "bounded");
    let model = target.model.unwrap_or(&request.model);
    match target.api {
        Api::OpenAi { .. } => assert_eq!(check_kept(target, request, made), model),
        // Azure reads the model from the path.
        Api::AzureOpenAi { .. } => assert_eq!(check_kept(target, request, made), request.model),
        Api::Anthropic { .. } => {
            let fields: BTreeMap<String, &RawValue> =
                serde_json::from_slice(made).expect("an object");
            let limit = fields["max_tokens"].get().parse::<u64>();
            assert!(limit.is_ok_and(|limit| limit > 0));
            assert!(fields["messages"].get().starts_with('['));
            assert_eq!(
                serde_json::from_str::<String>(fields["model"].get()).expect("a name"),
                model
            );
        }
    }
}

/// What goes on in OpenAI's form still says what the client said. Returns its model.
fn check_kept(target: Target<'_>, request: &ChatRequest, made: &[u8]) -> String {
    let again = ChatRequest::parse(made).expect("what goes on is a chat request");
    assert_eq!(again.stream, request.stream);
    assert_eq!(again.choices, request.choices);
    assert_eq!(again.input.messages, request.input.messages);
    assert!(again.include_usage || !again.stream, "usage is asked for");
    match target.output_tokens_max {
        None => assert_eq!(again.output_tokens_max, request.output_tokens_max),
        Some(most) => {
            let each = (most / request.choices).max(1);
            assert!(again.output_tokens_max.is_some_and(|limit| limit <= each));
        }
    }
    again.model
}
