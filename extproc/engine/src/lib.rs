//! The engine: one LLM call as a pure state machine.
//!
//! Headers and bodies in, decisions out: no await, no socket, no Envoy types, and time and
//! randomness come in as parameters, so that any host can drive it (the ext_proc service today,
//! a module inside Envoy's process next). It asks for budget holds and reports settlements as
//! values; the host talks to the ledger.
//!
//! Entry point: [`Exchange`]. Its table of routes: [`RouteTable`].

#![forbid(unsafe_code)]

mod caller;
mod charge;
mod choose;
mod client_certificate;
mod exchange;
mod explain;
mod health;
mod record;
mod reply;
mod step;
mod subject;
mod table;
mod warned;

pub use caller::Caller;
pub use exchange::{
    Exchange, ExchangeInput, RATE_LIMIT_HEADERS, RequestHead, ResponseHead, ResponseHeadChange,
};
pub use explain::{Explanation, explain};
pub use health::{Health, HealthPolicy};
pub use record::{BudgetDecision, CallRecord, Ending, Warning};
pub use reply::Reply;
pub use step::{BodyStep, CountJob, EndStep, EstimateJob, Forward, Step};
pub use table::RouteTable;
pub use warned::Warned;
