//! The gateway that is tortured: what the items need of one, whichever it is.

pub(crate) mod address;
pub(crate) mod litellm;
pub(crate) mod tollgate;

use std::{future::Future, pin::Pin};

use anyhow::Result;

use self::{
    address::AddressConfig,
    litellm::LiteLlmConfig,
    tollgate::{Tollgate, TollgateConfig},
};

/// A boxed answer of a peer, or of an item.
pub type Wait<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Which gateway, and how to start it.
#[derive(Clone, Debug)]
pub enum PeerConfig {
    /// The product.
    Tollgate(TollgateConfig),
    /// LiteLLM's proxy.
    LiteLlm(LiteLlmConfig),
    /// One that somebody else started.
    Address(AddressConfig),
}

/// A gateway of several processes with one set of users.
pub trait Peer: Send + Sync {
    /// Product and version.
    fn name(&self) -> String;

    /// How many processes it has.
    fn replicas(&self) -> usize;

    /// Address of one of them, without a path.
    fn url(&self, replica: usize) -> String;

    /// Makes a user; it is in effect on all processes when this returns.
    fn user<'a>(&'a mut self, spec: UserSpec) -> Wait<'a, User>;

    /// Changes the limit of a user; in effect on all processes when this returns.
    fn set_limit<'a>(&'a mut self, user: &'a User, limit: u64) -> Wait<'a, ()>;

    /// What one process says stands on a user's account.
    fn spent<'a>(&'a self, replica: usize, user: &'a User) -> Wait<'a, Spent>;

    /// Kills a process as `kill -9` does.
    fn kill<'a>(&'a mut self, replica: usize) -> Wait<'a, ()>;

    /// Starts it again, with the same users.
    fn restart<'a>(&'a mut self, replica: usize) -> Wait<'a, ()>;

    /// Starts the processes that an item left dead.
    fn revive<'a>(&'a mut self) -> Wait<'a, ()>;

    /// How long a killed process' reservations may last.
    fn hold_lifetime(&self) -> std::time::Duration;

    /// The limit of the only user there is, where users cannot be made.
    fn only_limit(&self) -> Option<u64> {
        None
    }

    /// Tollgate, for items that need its manifests.
    fn tollgate(&mut self) -> Option<&mut Tollgate> {
        None
    }
}

/// A user to make.
#[derive(Clone, Debug)]
pub struct UserSpec {
    /// Unique in a run; lower case letters, digits and `-`.
    pub name: String,
    /// Tokens in a window that does not end within the item.
    pub limit: u64,
    /// Further limits that are shared.
    pub team: Option<Team>,
    /// Which providers serve the user's model.
    pub providers: Providers,
    /// The model that the provider is asked for, where the gateway can be told.
    pub asked: &'static str,
    /// What happens while the ledger's store does not answer, where the gateway can be told.
    pub on_failure: OnFailure,
}

/// What happens while the ledger's store does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Calls are refused.
    Closed,
    /// Calls are served.
    Open,
    /// Each process serves up to so many tokens by itself.
    Leased(u64),
}

/// A team and what its members may spend together.
#[derive(Clone, Debug)]
pub struct Team {
    /// Its name.
    pub name: String,
    /// Tokens per window.
    pub limit: u64,
}

/// Which providers serve a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Providers {
    /// The OpenAI provider alone.
    First,
    /// The OpenAI provider, and the Anthropic one where it fails.
    FirstThenSecond,
    /// The Anthropic provider alone.
    Second,
}

/// A user that was made.
#[derive(Clone, Debug)]
pub struct User {
    /// As asked for.
    pub name: String,
    /// Client key.
    pub key: String,
    /// The model to ask for.
    pub model: String,
    /// Its limit when it was made.
    pub limit: u64,
}

/// What stands on an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Tokens charged. Where a gateway has one counter for charges and reservations, both.
    pub charged: u64,
    /// Tokens reserved by calls in flight; `None` where they cannot be told apart.
    pub held: Option<u64>,
}

// === impl UserSpec ===

impl UserSpec {
    /// A user without a team, served by the first provider.
    pub fn new(name: &str, limit: u64) -> Self {
        Self {
            name: name.to_string(),
            limit,
            team: None,
            providers: Providers::First,
            asked: "gpt-4",
            on_failure: OnFailure::Closed,
        }
    }

    /// Served in this way while the store does not answer.
    #[must_use]
    pub fn on_failure(self, on_failure: OnFailure) -> Self {
        Self { on_failure, ..self }
    }

    /// Served by these.
    #[must_use]
    pub fn providers(self, providers: Providers) -> Self {
        Self { providers, ..self }
    }

    /// In a team that has this limit.
    #[must_use]
    pub fn team(self, name: &str, limit: u64) -> Self {
        let team = Some(Team {
            name: name.to_string(),
            limit,
        });
        Self { team, ..self }
    }

    /// Asks the first provider for another model.
    #[must_use]
    pub fn asked(self, model: &'static str) -> Self {
        Self {
            asked: model,
            ..self
        }
    }
}
