//! The store: each operation is one script call, repeated where its windows were out of date.

use tollgate_budget::{
    Account, AccountState, HoldOutcome, HoldReceipt, HoldRequest, Page, PageRequest, Settlement,
    Spend, SpendOutcome, Store, StoreError, StoreFuture,
};

use crate::{
    address::{Address, InvalidUrl},
    answer::Answer,
    clock::StoreClock,
    keys::Keys,
    link::{Link, Opener, Unopenable},
    options::{InvalidOptions, RedisOptions},
    request::{Accounts, Head},
    script::{Loaded, Scripts},
    wire::Malformed,
};

/// Times that a call is repeated because the server's clock was elsewhere.
const ATTEMPTS_MAX: usize = 4;
/// Accounts that one call may name, each as often as it likes: a script's stack is bounded.
const MENTIONS_MAX: usize = 200;
/// Most entries on a page.
const PAGE_MAX: usize = 1_000;
/// Keys looked at in one step of a list.
const STEP: usize = 400;

/// The ledger on Redis.
///
/// Whatever happens to the connection, the store lives: while it is down every call answers
/// [`StoreError::Unavailable`] at once, and it comes back by itself. The server must not evict
/// keys (`maxmemory-policy noeviction`), or it forgets what was spent.
///
/// A user of an access list needs the keys `~tg1:{PREFIX}:*` and the commands `evalsha`, `eval`,
/// `mget`, `get`, `set`, `del`, `zadd`, `zrem`, `zrange`, `zrangebyscore`, `scan`, `time` and
/// `role`.
#[derive(Debug)]
pub struct RedisStore {
    link: Link,
    keys: Keys,
    scripts: Scripts,
    clock: StoreClock,
    hold_lifetime_ms: u64,
    settled_lifetime_ms: u64,
}

/// A store cannot be made of what was given.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRedis {
    /// The URL.
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// An option.
    #[error(transparent)]
    Options(#[from] InvalidOptions),
    /// The certificate authorities.
    #[error(transparent)]
    Client(#[from] Unopenable),
}

// === impl RedisStore ===

impl RedisStore {
    /// A store at `url` (forms: `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`, `rediss://…`,
    /// `unix://PATH`, `redis-cluster://H1,H2`, `redis-sentinel://H1,H2/MASTER`). It connects in
    /// the background: an unreachable server or a refused password is no error here, see
    /// [`RedisStore::ready`]. Must be called in a tokio runtime.
    pub fn connect(url: &str, options: RedisOptions) -> Result<Self, InvalidRedis> {
        options.check()?;
        let address = Address::parse(url)?;
        let RedisOptions {
            prefix,
            hold_lifetime_ms,
            settled_lifetime_ms,
            password,
            ca_pem,
            connect_timeout,
            response_timeout,
            local_clock,
            test_clock,
        } = options;
        let opener = Opener::new(address, password, ca_pem.as_deref(), connect_timeout)?;
        Ok(Self {
            link: Link::start(opener, response_timeout),
            keys: Keys::new(&prefix),
            scripts: Scripts::new(),
            clock: StoreClock::new(local_clock, test_clock),
            hold_lifetime_ms,
            settled_lifetime_ms: settled_lifetime_ms.max(hold_lifetime_ms.saturating_mul(2)),
        })
    }

    /// Waits for the first attempt to connect, and tells why the store is not there yet, if so.
    /// It goes on trying all the same.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.link.attempted().await
    }

    fn head(&self) -> Head<'_> {
        Head {
            clock: &self.clock,
            hold_lifetime_ms: self.hold_lifetime_ms,
            settled_lifetime_ms: self.settled_lifetime_ms,
        }
    }

    /// One round trip, unless the windows were not those of the server's time.
    async fn run<T>(
        &self,
        script: &Loaded,
        keys: &[String],
        argument: impl Fn() -> Vec<u8>,
        read: impl Fn(Answer<'_>) -> Result<T, Malformed>,
    ) -> Result<T, StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            let bytes = self.link.eval(script, keys, &argument()).await?;
            let answer = Answer::new(&bytes).map_err(malformed)?;
            self.clock.learn(answer.now_ms);
            if answer.kind != b'T' {
                return read(answer).map_err(malformed);
            }
        }
        Err(StoreError::Unavailable(
            "the server's clock does not stand in any window known here".to_owned(),
        ))
    }

    /// The accounts of a call, unless they are too many.
    fn accounts<'a>(
        mentions: impl ExactSizeIterator<Item = &'a Account>,
    ) -> Result<Accounts<'a>, StoreError> {
        if mentions.len() > MENTIONS_MAX {
            return Err(StoreError::Full {
                what: "accounts in one call",
                bound: MENTIONS_MAX,
            });
        }
        Ok(Accounts::of(mentions))
    }

    async fn admit(&self, request: &HoldRequest, raise: bool) -> Result<HoldOutcome, StoreError> {
        let accounts = Self::accounts(request.charges.iter().map(|charge| &charge.account))?;
        let keys = accounts.keys(&self.keys, Some(self.keys.hold(request.id)));
        let argument = || self.head().hold(request, &accounts, raise);
        self.run(&self.scripts.hold, &keys, argument, |answer| {
            answer.into_outcome(request, &accounts)
        })
        .await
    }

    async fn keep_alive(&self, receipt: &HoldReceipt) -> Result<(), StoreError> {
        if receipt.entries.is_empty() {
            return Ok(());
        }
        let accounts = Self::accounts(receipt.entries.iter().map(|entry| &entry.account))?;
        let keys = accounts.keys(&self.keys, Some(self.keys.hold(receipt.id)));
        let argument = || self.head().renew(receipt, &accounts);
        self.run(&self.scripts.renew, &keys, argument, |_| Ok(()))
            .await
    }

    async fn end(&self, settlement: &Settlement) -> Result<Vec<AccountState>, StoreError> {
        let entries = &settlement.receipt.entries;
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let mentions = || entries.iter().map(|entry| &entry.account);
        let accounts = Self::accounts(mentions())?;
        let keys = accounts.keys(&self.keys, Some(self.keys.hold(settlement.receipt.id)));
        let argument = || self.head().settle(settlement, &accounts);
        self.run(&self.scripts.settle, &keys, argument, |answer| {
            answer.into_states(&accounts, mentions())
        })
        .await
    }

    async fn charge(&self, spends: &[Spend]) -> Result<SpendOutcome, StoreError> {
        if spends.is_empty() {
            return Ok(SpendOutcome {
                admitted: true,
                accounts: Vec::new(),
            });
        }
        let accounts = Self::accounts(spends.iter().map(|spend| &spend.account))?;
        let keys = accounts.keys(&self.keys, None);
        let argument = || self.head().spend(spends, &accounts);
        self.run(&self.scripts.spend, &keys, argument, |answer| {
            answer.into_spent(spends)
        })
        .await
    }

    /// `what` as `script/account.lua` has it.
    async fn look(
        &self,
        mentions: &[Account],
        what: i64,
        amount: u64,
    ) -> Result<Vec<AccountState>, StoreError> {
        if mentions.is_empty() {
            return Ok(Vec::new());
        }
        let accounts = Self::accounts(mentions.iter())?;
        let keys = accounts.keys(&self.keys, None);
        let argument = || self.head().account(&accounts, what, amount);
        self.run(&self.scripts.account, &keys, argument, |answer| {
            answer.into_states(&accounts, mentions.iter())
        })
        .await
    }

    async fn look_at_one(
        &self,
        account: &Account,
        what: i64,
        amount: u64,
    ) -> Result<AccountState, StoreError> {
        let states = self
            .look(std::slice::from_ref(account), what, amount)
            .await?;
        states
            .into_iter()
            .next()
            .ok_or_else(|| malformed(Malformed))
    }

    /// A cursor is `CURSOR` or `CURSOR-SKIPPED`: a step may find more than a page takes.
    async fn page(&self, request: &PageRequest) -> Result<Page, StoreError> {
        let after = request.after.as_deref().unwrap_or("0");
        let (cursor, skipped) = after.split_once('-').unwrap_or((after, "0"));
        let (Ok(_), Ok(skipped)) = (cursor.parse::<u64>(), skipped.parse::<usize>()) else {
            return Ok(Page::default());
        };
        let size = request.size.clamp(1, PAGE_MAX);
        let accounts = Accounts::of(std::iter::empty());
        let keys = accounts.keys(&self.keys, None);
        let pattern = self.keys.accounts_of(&request.budget);
        let argument = || self.head().list(cursor, &pattern, STEP);
        let step = self
            .run(&self.scripts.list, &keys, argument, |answer| {
                answer.into_step()
            })
            .await?;
        let found = step.entries.len();
        let entries: Vec<_> = step.entries.into_iter().skip(skipped).take(size).collect();
        let seen = skipped.saturating_add(entries.len());
        let next = if seen < found {
            Some(format!("{cursor}-{seen}"))
        } else {
            Some(step.cursor).filter(|cursor| cursor != "0")
        };
        Ok(Page { entries, next })
    }
}

impl Store for RedisStore {
    fn hold<'a>(&'a self, request: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome> {
        Box::pin(self.admit(request, false))
    }

    fn raise<'a>(&'a self, request: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome> {
        Box::pin(self.admit(request, true))
    }

    fn renew<'a>(&'a self, receipt: &'a HoldReceipt) -> StoreFuture<'a, ()> {
        Box::pin(self.keep_alive(receipt))
    }

    fn settle<'a>(&'a self, settlement: &'a Settlement) -> StoreFuture<'a, Vec<AccountState>> {
        Box::pin(self.end(settlement))
    }

    fn spend<'a>(&'a self, spends: &'a [Spend]) -> StoreFuture<'a, SpendOutcome> {
        Box::pin(self.charge(spends))
    }

    fn grant<'a>(&'a self, account: &'a Account, amount: u64) -> StoreFuture<'a, AccountState> {
        Box::pin(self.look_at_one(account, 2, amount))
    }

    fn reset<'a>(&'a self, account: &'a Account) -> StoreFuture<'a, AccountState> {
        Box::pin(self.look_at_one(account, 3, 0))
    }

    fn list<'a>(&'a self, request: &'a PageRequest) -> StoreFuture<'a, Page> {
        Box::pin(self.page(request))
    }

    fn states<'a>(&'a self, accounts: &'a [Account]) -> StoreFuture<'a, Vec<AccountState>> {
        Box::pin(self.look(accounts, 1, 0))
    }
}

fn malformed(error: Malformed) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
