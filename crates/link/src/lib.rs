//! What controller and proxy say to each other: a gateway piece by piece, so that one change costs
//! what it is, not what the gateway is.
//!
//! Pure: [`Snapshot`] (a gateway with its version), [`Update`] (what leads from one to the next).
//! I/O: [`LinkServer`] in the controller, [`follow`] in the proxy, mutual TLS between them. The
//! one place where secrets are written down for a wire.

#![forbid(unsafe_code)]

mod client;
mod map;
mod piece;
mod server;
mod settings;
mod snapshot;
mod tls;
mod update;
mod version;
mod wire;

pub use client::{Connection, FollowConfig, Following, Reporter, follow};
pub use server::{
    GatewayProgress, LinkServer, LinkStats, Progress, ProxyProgress, PublishError, Refusal,
    ServeError,
};
pub use settings::{ProxySettings, RedisSettings, StoreSettings};
pub use snapshot::Snapshot;
pub use tls::{TlsError, TlsFiles};
pub use tollgate_pki::GatewayIdentity;
pub use update::{ApplyError, Splice, Update};
pub use version::Version;
pub use wire::{PROTOCOL, RefusedItem};

#[cfg(test)]
mod tests;
