//! What the engine asks of its host: the vocabulary between the two.

use std::borrow::Cow;

use bytes::Bytes;
use tollgate_budget::{Account, HoldRequest, Settlement};
use tollgate_llm::{BodyChange, ChatRequest, Usage, tokens};

use crate::Reply;

/// What the host does next with a request.
#[derive(Debug)]
pub enum Step {
    /// Count tokens off the I/O threads, then call [`crate::Exchange::on_counted`].
    Count(CountJob),
    /// Send the request on.
    Forward(Forward),
    /// Ask the ledger, then call [`crate::Exchange::on_hold`].
    Hold(HoldRequest),
    /// As `Hold`, for a hold that exists: [`tollgate_budget::Store::raise`].
    Raise(HoldRequest),
    /// Read the whole body, then call [`crate::Exchange::on_request_body`].
    ReadBody,
    /// Ask the ledger what stands on these accounts, then call [`crate::Exchange::on_states`].
    States(Vec<Account>),
    /// Answer the client; the request ends here.
    Reply(Reply),
}

/// How a request goes on to the provider.
#[derive(Debug, Default)]
pub struct Forward {
    /// Headers to set, in the place of what is there. Pseudo-headers (`:path`) included.
    pub set_headers: Vec<(&'static str, Cow<'static, str>)>,
    /// Headers to remove.
    pub remove_headers: Vec<Cow<'static, str>>,
    /// New body; `None` forwards the client's byte for byte.
    pub body: Option<Bytes>,
}

/// Counts a request's input tokens. CPU-bound.
#[derive(Debug)]
pub struct CountJob {
    pub(crate) model: String,
    pub(crate) request: ChatRequest,
    pub(crate) body: Bytes,
}

/// What the host does with a piece of the answer.
#[derive(Debug)]
pub enum BodyStep {
    /// The piece is dealt with.
    Pass {
        /// What becomes of the piece.
        change: BodyChange,
        /// Set with the last piece: how the exchange ends.
        end: Option<EndStep>,
    },
    /// Before the piece goes on, ask the ledger for more ([`tollgate_budget::Store::raise`]), then
    /// call [`crate::Exchange::on_top_up`].
    TopUp(HoldRequest),
    /// The stream is about to be ended: estimate what was used so far off the I/O threads, for the
    /// client to be told, then call [`crate::Exchange::on_cut_estimated`].
    Estimate(Box<EstimateJob>),
}

/// How an exchange ends.
#[derive(Debug)]
pub enum EndStep {
    /// Nothing to settle; the exchange is over.
    Done,
    /// Estimate what was used off the I/O threads, then call [`crate::Exchange::on_estimated`].
    Estimate(Box<EstimateJob>),
    /// Settle with the ledger; the exchange is over.
    Settle(Settlement),
}

/// Estimates the usage of an answer that reported none. CPU-bound.
#[derive(Debug)]
pub struct EstimateJob {
    pub(crate) model: String,
    pub(crate) request: ChatRequest,
    pub(crate) body: Bytes,
    pub(crate) generated: String,
    /// What the provider said before the answer was cut.
    pub(crate) reported: Option<Usage>,
}

/// Text beyond this is bounded by its bytes instead of being counted: at 1 MiB the slowest
/// known tokenizer takes tens of milliseconds.
const COUNTED_TEXT_BYTES_MAX: usize = 1 << 20;

// === impl CountJob ===

impl CountJob {
    /// Input tokens, exactly or bounded from above.
    pub fn run(&self) -> u64 {
        tokens::count_input(
            &self.model,
            &self.request,
            &self.body,
            COUNTED_TEXT_BYTES_MAX,
        )
        .unwrap_or_else(|| tokens::input_bound(&self.model, &self.request.input))
    }
}

// === impl EstimateJob ===

impl EstimateJob {
    /// What the prompt and the generated text come to, or what the provider reported where that
    /// is more.
    pub fn run(&self) -> Usage {
        let reported = self.reported.unwrap_or_default();
        let input = if reported.input > 0 {
            reported.input
        } else {
            tokens::estimate_input(
                &self.model,
                &self.request,
                &self.body,
                COUNTED_TEXT_BYTES_MAX,
            )
        };
        let output = tokens::count_text(&self.model, &self.generated);
        Usage {
            input,
            output: reported.output.max(output),
            ..reported
        }
    }
}
