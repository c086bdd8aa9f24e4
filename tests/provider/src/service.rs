//! One request from its head to its script: which API, whose key, recorded, parsed, answered.

use std::{io, sync::Arc, time::SystemTime};

use bytes::Bytes;
use http::{Request, Response, StatusCode, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use crate::{
    anthropic,
    ask::{Api, Ask},
    bench,
    connection::ResetFlag,
    control,
    fault::{self, Fault},
    generate::generate,
    openai,
    play::{Body, Exchange, full, play},
    record::RecordedRequest,
    refusal::{Refusal, request_id},
    script::{Rendering, Script},
    server::State,
    tally::Account,
};

mod endpoint;

use self::endpoint::{Endpoint, authenticate, no_such_path, route};

/// Bodies and answers above these are worked on off the event loop.
const INLINE_BODY_BYTES_MAX: usize = 16 * 1024;
const INLINE_OUTPUT_TOKENS_MAX: u64 = 2000;

/// Answers one request.
///
/// # Errors
/// When a fault breaks the connection.
pub(crate) async fn serve(
    state: Arc<State>,
    reset: ResetFlag,
    request: Request<Incoming>,
) -> Result<Response<Body>, io::Error> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, state.config.body_bytes_max)
        .collect()
        .await
    {
        Ok(body) => body.to_bytes(),
        Err(error) => return too_large_or_gone(&head, error.as_ref()),
    };
    if head.uri.path().starts_with("/_control/") {
        return Ok(control::serve(&state, &head, &body));
    }
    if let Some(response) = bench::serve(&state, &head, &body) {
        return Ok(response);
    }
    let number = state.next_number();
    state
        .recorder
        .push(RecordedRequest::of(number, &head, &body));
    match prepare(&state, &head, body, number).await {
        Ok(Prepared::Script(script)) => Ok(at_once(script)),
        Ok(Prepared::Answer(account, script)) => {
            play(script, Exchange::begin(state, account), reset).await
        }
        Err((api, refusal)) => Ok(at_once(with_headers(
            refusal.into_script(api, number),
            api,
            number,
        ))),
    }
}

enum Prepared {
    /// An answer that charges nothing.
    Script(Script),
    /// An answer to count for an account.
    Answer(Account, Script),
}

async fn prepare(
    state: &Arc<State>,
    head: &Parts,
    body: Bytes,
    number: u64,
) -> Result<Prepared, (Api, Refusal)> {
    let path = head.uri.path();
    let (api, endpoint) = route(&head.method, path, &head.headers)
        .ok_or_else(|| (Api::OpenAi, no_such_path(&head.method, path)))?;
    let refuse = |refusal| (api, refusal);
    let key = authenticate(state, api, &head.headers).map_err(refuse)?;
    if endpoint == Endpoint::Models {
        let script = match api {
            Api::Anthropic => anthropic::models(&state.config.models),
            Api::OpenAi | Api::Azure => openai::models(&state.config.models),
        };
        return Ok(Prepared::Script(with_headers(script, api, number)));
    }
    if api == Api::Azure
        && !head
            .uri
            .query()
            .unwrap_or_default()
            .contains("api-version=")
    {
        let refusal = Refusal::with_status(
            StatusCode::NOT_FOUND,
            "Resource not found: api-version is missing",
        );
        return Err((api, refusal));
    }
    let work = Work {
        state: Arc::clone(state),
        api,
        endpoint,
        deployment: openai::deployment(path).map(str::to_owned),
        key,
        number,
    };
    let is_long = body.len() > INLINE_BODY_BYTES_MAX;
    let parsed =
        inline_or_blocking(is_long, move || work.parse(&body).map(|ask| (work, ask))).await;
    let (work, ask) = parsed.map_err(refuse)?;
    if endpoint == Endpoint::CountTokens {
        return Ok(Prepared::Script(with_headers(
            anthropic::counted(&ask),
            api,
            number,
        )));
    }
    let mut faults = state.faults.take(api, &ask.model, &work.key);
    faults.extend(ask.directives.faults.iter().cloned());
    let is_long = ask.choices > 1
        || ask
            .directives
            .output
            .is_some_and(|tokens| tokens > INLINE_OUTPUT_TOKENS_MAX)
        || faults
            .iter()
            .any(|fault| matches!(fault, Fault::HugeAnswer { .. }));
    Ok(inline_or_blocking(is_long, move || work.answer(ask, &faults)).await)
}

struct Work {
    state: Arc<State>,
    api: Api,
    endpoint: Endpoint,
    deployment: Option<String>,
    key: String,
    number: u64,
}

// === impl Work ===

impl Work {
    fn parse(&self, body: &[u8]) -> Result<Ask, Refusal> {
        let body: Value = serde_json::from_slice(body).map_err(|error| {
            Refusal::invalid(format!("the request body is not valid JSON: {error}"))
        })?;
        let tokens = &self.state.tokens;
        match (self.api, self.endpoint) {
            (Api::Anthropic, Endpoint::CountTokens) => {
                anthropic::parse(&body, tokens, anthropic::Purpose::CountTokens)
            }
            (Api::Anthropic, _) => anthropic::parse(&body, tokens, anthropic::Purpose::Answer),
            (Api::OpenAi | Api::Azure, _) => openai::parse(
                &body,
                self.deployment.as_deref(),
                tokens,
                self.state.config.openai_unknown_arguments,
            ),
        }
    }

    fn answer(self, mut ask: Ask, faults: &[Fault]) -> Prepared {
        let Self {
            api, key, number, ..
        } = self;
        let mut script = match fault::error_script(faults, api, number) {
            Some(script) => script,
            None => {
                let usage_mode = fault::usage_mode(faults, &mut ask);
                let answer = generate(&ask);
                let created = SystemTime::UNIX_EPOCH
                    .elapsed()
                    .map_or(0, |since| since.as_secs());
                let rendering = Rendering {
                    ask: &ask,
                    answer: &answer,
                    number,
                    created,
                    usage_mode,
                };
                match api {
                    Api::Anthropic => anthropic::render(&rendering),
                    Api::OpenAi | Api::Azure => openai::render(&rendering),
                }
            }
        };
        fault::apply(&mut script, faults, api);
        let account = Account {
            api,
            key,
            model: ask.model,
        };
        Prepared::Answer(account, with_headers(script, api, number))
    }
}

fn with_headers(mut script: Script, api: Api, number: u64) -> Script {
    let request_id = request_id(number);
    script.headers.extend(match api {
        Api::Anthropic => anthropic::headers(request_id),
        Api::OpenAi | Api::Azure => openai::headers(request_id),
    });
    script
}

/// Answers that no fault touches and nobody pays for.
fn at_once(script: Script) -> Response<Body> {
    let bytes = script.steps.into_iter().find_map(|step| match step {
        crate::script::Step::Send(frame) => Some(frame.bytes),
        _ => None,
    });
    let mut response = json_response(script.status, bytes.unwrap_or_default());
    for (name, value) in script.headers {
        if let Ok(value) = value.try_into() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// A JSON answer of this status.
pub(crate) fn json_response(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    response
}

fn too_large_or_gone(
    head: &Parts,
    error: &(dyn std::error::Error + 'static),
) -> Result<Response<Body>, io::Error> {
    if error.downcast_ref::<LengthLimitError>().is_none() {
        return Err(io::Error::other(format!(
            "request body ended early: {error}"
        )));
    }
    let api =
        route(&head.method, head.uri.path(), &head.headers).map_or(Api::OpenAi, |(api, _)| api);
    let refusal = Refusal::with_status(
        StatusCode::PAYLOAD_TOO_LARGE,
        "the request body is too large",
    );
    Ok(at_once(refusal.into_script(api, 0)))
}

/// Runs `work` here when it is short, else on the blocking pool. A panic in `work` is a panic here.
async fn inline_or_blocking<T: Send + 'static>(
    is_long: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    if !is_long {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // Only a runtime that shuts down cancels blocking work; nobody waits for this answer then.
        Err(_) => std::future::pending().await,
    }
}
