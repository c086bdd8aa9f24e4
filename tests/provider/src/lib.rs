//! The provider simulator: OpenAI, Azure OpenAI and Anthropic chat APIs on one listener, with true
//! token counts, faults on demand and a tally of what was really produced. Tests put a gateway in
//! front of it; `tollgate run --demo` uses it where no provider key is at hand.
//!
//! ```no_run
//! # async fn demo() -> anyhow::Result<()> {
//! use tollgate_provider::{Fault, FaultMatch, FaultRule, Simulator, SimulatorConfig};
//!
//! let mut provider = Simulator::start(SimulatorConfig::default()).await?;
//! let first = FaultMatch { times: Some(1), ..FaultMatch::default() };
//! let fault = Fault::Status { status: 503, retry_after_s: None };
//! provider.faults().add(FaultRule { matches: first, fault });
//! // … send requests to http://{provider.addr()}/v1/chat/completions …
//! assert_eq!(provider.tally().total().output, 0);
//! provider.kill().await;
//! provider.restart().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Endpoints
//! Any path that ends in `/chat/completions` (OpenAI; Azure under `/openai/deployments/{model}/`),
//! `/messages` and `/messages/count_tokens` (Anthropic) by POST, and `/models` by GET. Malformed
//! requests get the 400 the real API would give. Keys: `Authorization: Bearer`, `api-key`, `x-api-key`.
//!
//! # Answers
//! Deterministic: a sentence that says it is simulated and quotes the last user message. A tool is
//! called when the last user message names it or `tool_choice` asks for it; a tool result is quoted;
//! a JSON Schema is satisfied; `reasoning_effort` and `thinking` spend reasoning tokens.
//!
//! # Directives
//! In the last user message, `[[sim name=value …]]`:
//!
//! | directive | effect |
//! |---|---|
//! | `output=200` | exactly so many output tokens, as far as the request's limit allows |
//! | `chunk_delay_ms=10` | pause before each chunk of content |
//! | `chunk_tokens=5` | tokens of a chunk (default 1) |
//! | `reasoning=50` | reasoning tokens before the content (Anthropic: only with `thinking`) |
//! | `cached=50 cache_write=20` | parts of the prompt reported as cached: within `prompt_tokens` for OpenAI, beside `input_tokens` for Anthropic; the prompt's total stays true |
//! | `fault=cut:3:fin` | a [`Fault`] in its short form; may be repeated |
//!
//! Faults may also follow the model's name: `gpt-4o-mini~status:503`, `gpt-4o~late_usage:500`.
//!
//! # Control endpoint
//! ```text
//! curl -X PUT localhost:8081/_control/faults -d '[
//!   {"match": {"model": "gpt-4o*", "times": 2}, "fault": {"kind": "status", "status": 429, "retry_after_s": 1}},
//!   {"match": {"api": "anthropic", "nth": 3}, "fault": {"kind": "cut", "after_chunks": 5, "how": "fin"}}]'
//! curl -X DELETE localhost:8081/_control/faults
//! curl localhost:8081/_control/tally        # DELETE resets it
//! curl localhost:8081/_control/requests     # the last 256, oldest first; DELETE forgets them
//! ```
//!
//! # What the tally counts
//! Prompt tokens when an answer's head is sent, output tokens when their bytes are handed to the
//! socket: a cut or abandoned stream counts what left. `input` holds cached tokens once, whatever the
//! API. Error answers count no tokens, nor do bodies that a fault replaced count output.
//!
//! # Benchmarks
//! Models `bench-whole` and `bench-stream-52` get canned bytes (52 chunks) without any
//! counting, key check, fault or recording; `bench-stream-52-flush` writes each chunk by itself, and
//! `bench-stream-52-paced` one in each millisecond.

mod anthropic;
mod ask;
mod bench;
mod connection;
mod control;
mod directive;
mod fault;
mod generate;
mod openai;
mod play;
mod record;
mod refusal;
mod script;
mod server;
mod service;
mod tally;
mod tokens;

pub use self::{
    ask::Api,
    fault::{Ending, Fault, FaultMatch, FaultRule, Faults},
    openai::UnknownArguments,
    record::{RecordedRequest, Recorder},
    server::{Simulator, SimulatorConfig},
    tally::{Account, Counts, Tally, TallyRow},
    tokens::{TOKENS_PER_DOCUMENT, TOKENS_PER_IMAGE},
};
