//! What an item has: the gateway, two simulated providers, and the Redis between fault proxies.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use tollgate_harness::{Client, FaultProxy, RedisServer};
use tollgate_provider::{Counts, Fault, FaultMatch, FaultRule, Simulator};

use crate::{
    call::{ask, say},
    peer::{Peer, Spent, User, UserSpec, tollgate::Tollgate},
};

/// Where the ledger is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// In each process by itself.
    Memory,
    /// In one Redis.
    Redis,
}

/// How long the suite may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Under a minute: fewer repetitions, 5 000 requests in the last item.
    Short,
    /// 10^6 requests in the last item.
    Long,
}

/// A real Redis and the proxy that gateways reach it by.
#[derive(Debug)]
pub struct SharedStore {
    /// The server.
    pub redis: RedisServer,
    /// Between gateways and server.
    pub proxy: FaultProxy,
}

/// The stage of all items.
pub struct Stage {
    /// The gateway.
    pub peer: Box<dyn Peer>,
    /// Speaks OpenAI's API.
    pub provider: Simulator,
    /// Speaks Anthropic's API.
    pub second: Simulator,
    /// `None` with the memory store.
    pub store: Option<SharedStore>,
    /// Short or long.
    pub form: Form,
    /// Requests of the last item, instead of those of the form.
    pub requests: Option<u64>,
    /// Of all random choices.
    pub seed: u64,
    /// The first call of a process builds tables; each pays for it once.
    pub warmed: bool,
}

/// Longest wait until calls that have ended are settled.
const SETTLE_PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two looks at an account.
const PAUSE: Duration = Duration::from_millis(20);

// === impl Stage ===

impl Stage {
    /// A client of one process with the key of a user.
    pub fn client(&self, replica: usize, user: &User) -> Client {
        Client::new(&self.peer.url(replica), Some(&user.key))
    }

    /// Makes a user.
    ///
    /// # Errors
    ///
    /// The gateway does not take it.
    pub async fn user(&mut self, spec: UserSpec) -> Result<User> {
        let name = spec.name.clone();
        self.peer
            .user(spec)
            .await
            .with_context(|| format!("make user {name}"))
    }

    /// Forgets what the providers produced and the faults they were given.
    pub fn clear(&self) {
        for provider in [&self.provider, &self.second] {
            provider.faults().clear();
            provider.tally().reset();
        }
    }

    /// What both providers produced since [`Stage::clear`].
    pub fn produced(&self) -> u64 {
        self.tally().tokens() + self.second.tally().total().tokens()
    }

    /// The first provider's tally.
    pub fn tally(&self) -> Counts {
        self.provider.tally().total()
    }

    /// A fault of every call at the first provider.
    pub fn always(&self, fault: Fault) {
        self.provider.faults().set(vec![FaultRule {
            matches: FaultMatch::default(),
            fault,
        }]);
    }

    /// What a call of [`ask`] costs, from a provider's own usage.
    ///
    /// # Errors
    ///
    /// It is not served.
    pub async fn cost(&mut self, name: &str, output: u64) -> Result<u64> {
        let user = self
            .user(UserSpec::new(&format!("{name}-cost"), 1_000_000))
            .await?;
        let told = say(&self.client(0, &user), &ask(&user.model, output, output)).await?;
        anyhow::ensure!(told.status == 200, "{}: {}", told.status, told.body);
        Ok(told.tokens())
    }

    /// Waits until nothing is held on a user's account and `expected` tokens are charged; gives
    /// what stands there then, or when patience ends.
    ///
    /// # Errors
    ///
    /// The account cannot be read.
    pub async fn settled(&self, user: &User, expected: u64) -> Result<Spent> {
        self.settled_at(0, user, expected).await
    }

    /// [`Stage::settled`] as one process tells it.
    ///
    /// # Errors
    ///
    /// The account cannot be read.
    pub async fn settled_at(&self, replica: usize, user: &User, expected: u64) -> Result<Spent> {
        self.settled_within(replica, user, expected, SETTLE_PATIENCE)
            .await
    }

    /// [`Stage::settled_at`] with another patience.
    ///
    /// # Errors
    ///
    /// The account cannot be read.
    pub async fn settled_within(
        &self,
        replica: usize,
        user: &User,
        expected: u64,
        patience: Duration,
    ) -> Result<Spent> {
        let begun = Instant::now();
        loop {
            let spent = self.peer.spent(replica, user).await;
            let is_expected = spent.as_ref().is_ok_and(|spent| {
                spent.charged == expected && spent.held.unwrap_or_default() == 0
            });
            if is_expected || begun.elapsed() > patience {
                return spent.with_context(|| format!("read the account of {}", user.name));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until the providers answer nobody.
    ///
    /// # Errors
    ///
    /// They still did after ten seconds.
    pub async fn idle(&self) -> Result<()> {
        tollgate_harness::eventually("the providers answer nobody", async || {
            let busy = self.provider.tally().in_flight() + self.second.tally().in_flight();
            (busy == 0).then_some(())
        })
        .await
    }

    /// Breaks off what the providers still answer.
    ///
    /// # Errors
    ///
    /// A provider does not come back.
    pub async fn forsake(&mut self) -> Result<()> {
        for provider in [&mut self.provider, &mut self.second] {
            if provider.tally().in_flight() > 0 {
                provider.kill().await;
                provider.restart().await?;
            }
        }
        Ok(())
    }

    /// Makes every process load its tokenizers: the first count of a process takes a second.
    ///
    /// # Errors
    ///
    /// A call is not served.
    pub async fn warm(&mut self) -> Result<()> {
        if self.warmed {
            return Ok(());
        }
        let user = self.user(UserSpec::new("warm", 10_000_000)).await?;
        for replica in 0..self.peer.replicas() {
            let mut body: Value = ask(&user.model, 3, 16);
            body["messages"][0]["content"] = "hello [[sim output=3 fault=no_usage]]".into();
            let told = say(&self.client(replica, &user), &body).await?;
            anyhow::ensure!(told.status == 200, "{}: {}", told.status, told.body);
        }
        self.warmed = true;
        Ok(())
    }

    /// Tollgate, where it is the peer.
    pub fn tollgate(&mut self) -> Option<&mut Tollgate> {
        self.peer.tollgate()
    }

    /// Whether the processes share one ledger.
    pub fn is_shared(&self) -> bool {
        self.store.is_some()
    }

    /// `short` in the short form, else `long`.
    pub fn of<T>(&self, short: T, long: T) -> T {
        match self.form {
            Form::Short => short,
            Form::Long => long,
        }
    }
}
