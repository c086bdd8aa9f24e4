//! Performs a script on one connection and counts what leaves: tokens when their bytes are handed
//! over, a cancellation when the client goes away first.

use std::{collections::VecDeque, io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::stream;
use http::{HeaderName, HeaderValue, Response, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame as HttpFrame;

use crate::{
    connection::ResetFlag,
    fault::Ending,
    script::{Script, Step},
    server::State,
    tally::{Account, Outcome},
};

/// Time the client has to read what was sent before a reset discards it.
const RESET_GRACE: Duration = Duration::from_millis(5);

/// The body of every answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A body known at once.
pub(crate) fn full(bytes: Bytes) -> Body {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A request being answered. Dropped before its end, it counts as cancelled.
pub(crate) struct Exchange {
    state: Arc<State>,
    account: Account,
    outcome: Outcome,
    /// Prompt tokens while the head is not sent.
    unanswered_input: u64,
}

/// Performs the steps before the head, then answers with a body that performs the rest.
///
/// # Errors
/// When the script breaks the connection before the head; hyper then drops it.
pub(crate) async fn play(
    script: Script,
    mut exchange: Exchange,
    reset: ResetFlag,
) -> Result<Response<Body>, io::Error> {
    exchange.unanswered_input = script.prompt.input;
    for step in &script.before_head {
        perform(step, &mut exchange, &reset).await?;
    }
    let response = Response::builder()
        .status(script.status)
        .header(header::CONTENT_TYPE, script.content_type);
    let response = match script.length {
        Some(length) => response.header(header::CONTENT_LENGTH, length),
        None => response,
    };
    let is_error = script.status.is_client_error() || script.status.is_server_error();
    let sent = if is_error {
        Outcome::Failed
    } else {
        Outcome::Answered
    };
    exchange.head_sent(&script);
    let mut response = response
        .body(body(script.steps, exchange, reset, sent))
        .map_err(io::Error::other)?;
    for (name, value) in script.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    }
    Ok(response)
}

fn body(steps: Vec<Step>, exchange: Exchange, reset: ResetFlag, sent: Outcome) -> Body {
    let start = (VecDeque::from(steps), exchange, reset);
    let frames = stream::try_unfold(start, move |(mut steps, mut exchange, reset)| async move {
        // Lets hyper flush what the previous step sent, so that each chunk travels alone and is
        // on the wire before the connection breaks.
        tokio::task::yield_now().await;
        while let Some(step) = steps.pop_front() {
            if let Step::Send(frame) = step {
                exchange
                    .state
                    .tally
                    .produced(&exchange.account, frame.produced);
                if steps.is_empty() {
                    exchange.ended(sent);
                }
                return Ok(Some((
                    HttpFrame::data(frame.bytes),
                    (steps, exchange, reset),
                )));
            }
            perform(&step, &mut exchange, &reset).await?;
        }
        exchange.ended(sent);
        Ok(None)
    });
    StreamBody::new(frames).boxed_unsync()
}

async fn perform(step: &Step, exchange: &mut Exchange, reset: &ResetFlag) -> Result<(), io::Error> {
    match step {
        Step::Send(_) => Ok(()),
        Step::Pause(pause) => {
            tokio::time::sleep(*pause).await;
            Ok(())
        }
        Step::Hang => std::future::pending().await,
        Step::Break(ending) => {
            exchange.ended(Outcome::Broken);
            exchange.unanswered_input = 0;
            if *ending == Ending::Reset {
                tokio::time::sleep(RESET_GRACE).await;
                reset.set();
            }
            Err(io::Error::other("the script breaks the connection here"))
        }
    }
}

// === impl Exchange ===

impl Exchange {
    pub(crate) fn begin(state: Arc<State>, account: Account) -> Self {
        state.tally.begin(&account);
        Self {
            state,
            account,
            outcome: Outcome::Cancelled,
            unanswered_input: 0,
        }
    }

    fn ended(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    fn head_sent(&mut self, script: &Script) {
        self.unanswered_input = 0;
        self.state.tally.head_sent(&self.account, script.prompt);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.state
            .tally
            .end(&self.account, self.outcome, self.unanswered_input);
    }
}
