//! The torture suite: twenty ways in which token budgets fail elsewhere, tried over HTTP on a
//! running gateway, with its provider simulated and its Redis harmed. The verdict compares what
//! the gateway charged with what the provider produced.
//!
//! `main.rs` reads arguments; `suite` starts a stage and runs the items; `items` holds them;
//! `peer` is the gateway that is tortured; `report` prints.

#![forbid(unsafe_code)]

mod call;
mod crowd;
mod findings;
mod items;
mod load;
mod peer;
mod report;
mod stage;
mod suite;

pub use findings::{Findings, Outcome};
pub use items::{ITEMS, Item};
pub use peer::{
    Peer, PeerConfig, Spent, Team, User, UserSpec, Wait, address::AddressConfig,
    litellm::LiteLlmConfig, tollgate::TollgateConfig,
};
pub use report::{Report, Row};
pub use stage::{Form, Stage, StoreKind};
pub use suite::{SuiteConfig, run};
