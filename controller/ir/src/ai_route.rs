//! LLM traffic: which provider may answer which model, where it is, and how long it may take.
//!
//! What the engine is told stands in the contract's own types ([`tollgate_bundle::Rule`]);
//! beside it stands what only the proxy needs: addresses, timeouts, retries.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use tollgate_bundle::{Bundle, Rule, Scope};

use crate::{Destination, Gateway, Listener, RateLimits, Retry, Shared, Timeouts, rate_limit};

/// LLM traffic of one virtual host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AiScope {
    /// In order of precedence: the first that matches wins.
    pub rules: Vec<Shared<AiRule>>,
}

/// One way to serve a set of models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AiRule {
    /// What the engine is told.
    pub rule: Shared<Rule>,
    /// Where each of `rule.backends` is, in the same order. `None` stands beside a backend whose
    /// `invalid` says why.
    pub destinations: Vec<Option<Destination>>,
    /// How long a call may take.
    pub timeouts: Timeouts,
    /// When the next backend is tried.
    pub retry: Retry,
    /// How many requests are served per unit of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limits: Option<RateLimits>,
    /// Only in a proxy: what the names of its clusters begin with, by which Envoy finds the route
    /// with its times and retries. Rules in which these are equal share one. `None`: `ai/{id}/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_prefix: Option<String>,
}

// === impl AiRule ===

impl AiRule {
    /// What the names of its clusters begin with.
    pub fn cluster_prefix(&self) -> Cow<'_, str> {
        match &self.cluster_prefix {
            Some(prefix) => Cow::Borrowed(prefix),
            None => Cow::Owned(format!("ai/{}/", self.rule.id)),
        }
    }
}

// === impl Gateway ===

impl Gateway {
    /// The half of this gateway that the engine needs.
    pub fn bundle(&self) -> Bundle {
        let scopes = self
            .listeners
            .iter()
            .flat_map(Listener::virtual_hosts)
            .filter_map(|host| host.ai.as_ref().map(|ai| (host.name.clone(), ai)))
            .map(|(name, ai)| {
                let rules = ai.rules.iter().map(|rule| rule.rule.clone()).collect();
                (name, Scope { rules })
            })
            .collect();
        Bundle {
            scopes,
            consumers: self.consumers.clone(),
            budgets: self.budgets.clone(),
            rate_limits: rate_limit::contracts(
                self.listeners
                    .iter()
                    .flat_map(Listener::virtual_hosts)
                    .flat_map(|host| host.rate_limits()),
            ),
        }
    }
}
