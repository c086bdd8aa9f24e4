//! A gateway that somebody else runs: an address, one key and its limit. Only items that need no
//! more than that can be carried out.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Result, bail};

use super::{Peer, Spent, User, UserSpec, Wait};

/// What is known of it.
#[derive(Clone, Debug)]
pub struct AddressConfig {
    /// Without a path.
    pub url: String,
    /// A client key to whose limit nothing is charged yet.
    pub key: String,
    /// Tokens per window.
    pub limit: u64,
    /// The model to ask for.
    pub model: String,
    /// Where the simulated OpenAI provider listens: the gateway's own provider.
    pub provider: SocketAddr,
}

/// The gateway.
#[derive(Debug)]
pub(crate) struct Address(pub(crate) AddressConfig);

/// What is said of everything that cannot be done there.
pub(crate) const ONE_KEY: &str = "the gateway was given with one key and its limit";

// === impl Peer for Address ===

impl Peer for Address {
    fn name(&self) -> String {
        format!("the gateway at {}", self.0.url)
    }

    fn replicas(&self) -> usize {
        1
    }

    fn url(&self, _replica: usize) -> String {
        self.0.url.clone()
    }

    fn user<'a>(&'a mut self, spec: UserSpec) -> Wait<'a, User> {
        Box::pin(async move {
            Ok(User {
                name: spec.name,
                key: self.0.key.clone(),
                model: self.0.model.clone(),
                limit: self.0.limit,
            })
        })
    }

    fn set_limit<'a>(&'a mut self, _user: &'a User, _limit: u64) -> Wait<'a, ()> {
        refused()
    }

    fn spent<'a>(&'a self, _replica: usize, _user: &'a User) -> Wait<'a, Spent> {
        Box::pin(async { bail!("{ONE_KEY}; its ledger cannot be read") })
    }

    fn kill<'a>(&'a mut self, _replica: usize) -> Wait<'a, ()> {
        refused()
    }

    fn restart<'a>(&'a mut self, _replica: usize) -> Wait<'a, ()> {
        refused()
    }

    fn revive<'a>(&'a mut self) -> Wait<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn hold_lifetime(&self) -> Duration {
        Duration::ZERO
    }

    fn only_limit(&self) -> Option<u64> {
        Some(self.0.limit)
    }
}

fn refused<'a>() -> Wait<'a, ()> {
    let refused: Result<()> = Err(anyhow::anyhow!(ONE_KEY));
    Box::pin(async { refused })
}
