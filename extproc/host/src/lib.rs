//! What every host of the engine shares: the calls in flight, and the driving of the engine's steps
//! that need the world (counting, the ledger).
//!
//! Fed by a host that speaks to Envoy (`extproc` over gRPC, `module` inside Envoy's process) and by
//! bundles; feeds the ledger and whoever is told of calls. It knows neither Envoy nor a wire.

#![forbid(unsafe_code)]

mod call;
mod drive;
mod host;
mod in_flight;
mod told;

pub use call::Call;
pub use drive::Rest;
pub use host::{Host, HostConfig};
pub use in_flight::SharedExchange;
pub use told::{CallTimes, Told};
