//! What the scripts answer, as values of the ledger.

use tollgate_budget::{
    Account, AccountState, Denial, Entry, HoldOutcome, HoldReceipt, HoldRequest, ReceiptEntry,
    Spend, SpendOutcome, SpendState, window::words,
};

use crate::{
    keys::Name,
    request::Accounts,
    wire::{Malformed, Reader},
};

/// The hold's record itself: its body begins with the output and the time.
const GRANTED: u8 = 0;

/// An answer: which kind, and the server's time.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) kind: u8,
    pub(crate) now_ms: i64,
    rest: Reader<'a>,
}

/// One step of a list.
#[derive(Debug)]
pub(crate) struct Step {
    /// Where the next one begins; `0` after the last.
    pub(crate) cursor: String,
    pub(crate) entries: Vec<Entry>,
}

// === impl Answer ===

impl<'a> Answer<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (&kind, rest) = bytes.split_first().ok_or(Malformed)?;
        let mut rest = Reader::new(rest);
        let now_ms = if kind == GRANTED {
            let mut body = rest.clone();
            body.figure()?;
            body.int()?
        } else {
            rest.int()?
        };
        Ok(Self { kind, now_ms, rest })
    }

    /// Of `hold.lua`.
    pub(crate) fn into_outcome(
        mut self,
        request: &HoldRequest,
        accounts: &Accounts<'_>,
    ) -> Result<HoldOutcome, Malformed> {
        match self.kind {
            GRANTED | b'R' => self.into_receipt(request, accounts),
            b'N' => Ok(HoldOutcome::Granted(HoldReceipt {
                id: request.id,
                output_granted: request.output_want,
                entries: Vec::new(),
                recorded: true,
            })),
            b'D' => {
                let tightest = self.rest.index()?.checked_sub(1).ok_or(Malformed)?;
                let charge = request.charges.get(tightest).ok_or(Malformed)?;
                let state = self.state(charge.account.limit)?;
                let retry_ms = span_ms(self.rest.time()?);
                Ok(HoldOutcome::Denied(Denial {
                    tightest,
                    state,
                    needed: needed(request, accounts, tightest),
                    retry_ms,
                }))
            }
            _ => Err(Malformed),
        }
    }

    /// Of `settle.lua` and `account.lua`: a state for each of the mentions.
    pub(crate) fn into_states<'b>(
        mut self,
        accounts: &Accounts<'_>,
        mentions: impl Iterator<Item = &'b Account>,
    ) -> Result<Vec<AccountState>, Malformed> {
        if self.kind != b'S' {
            return Err(Malformed);
        }
        let different = (0..accounts.different.len())
            .map(|_| self.state(0))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(mentions
            .zip(&accounts.index)
            .map(|(account, index)| AccountState {
                limit: account.limit,
                ..different[*index].clone()
            })
            .collect())
    }

    /// Of `spend.lua`.
    pub(crate) fn into_spent(mut self, spends: &[Spend]) -> Result<SpendOutcome, Malformed> {
        if self.kind != b'A' {
            return Err(Malformed);
        }
        let admitted = self.rest.int()? == 1;
        let accounts = spends
            .iter()
            .map(|spend| {
                Ok(SpendState {
                    fits: self.rest.int()? == 1,
                    state: self.state(spend.account.limit)?,
                })
            })
            .collect::<Result<_, Malformed>>()?;
        Ok(SpendOutcome { admitted, accounts })
    }

    /// Of `list.lua`.
    pub(crate) fn into_step(mut self) -> Result<Step, Malformed> {
        if self.kind != b'L' {
            return Err(Malformed);
        }
        let cursor = self.rest.text()?.to_owned();
        let mut entries = Vec::new();
        while !self.rest.is_empty() {
            let name = Name::parse(self.rest.text()?).ok_or(Malformed)?;
            let state = self.state(0)?;
            entries.push(Entry {
                window: words(name.window),
                subject: name.subject,
                time_zone: name.time_zone,
                reset_ms: state.resets_in_ms(),
                settled: state.settled,
                held: state.held,
                granted: state.granted,
            });
        }
        Ok(Step { cursor, entries })
    }

    /// Settled, held, granted, end.
    fn state(&mut self, limit: u64) -> Result<AccountState, Malformed> {
        state(&mut self.rest, limit, self.now_ms)
    }

    /// A record's body: the hold as it was taken, perhaps by another request.
    fn into_receipt(
        mut self,
        request: &HoldRequest,
        accounts: &Accounts<'_>,
    ) -> Result<HoldOutcome, Malformed> {
        let rest = &mut self.rest;
        let output_granted = rest.figure()?;
        let at_ms = rest.int()?;
        let count = rest.index()?;
        let mut held_on = Vec::new();
        for _ in 0..count {
            let name = rest.text()?;
            let start_ms = rest.time()?;
            let _sum = rest.figure()?;
            let known = accounts.names.iter().position(|known| known == name);
            let account = match known {
                Some(known) => accounts.different[known].clone(),
                None => Name::parse(name).ok_or(Malformed)?.into_account(0),
            };
            held_on.push((account, start_ms));
        }
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let index = rest.index()?.checked_sub(1).ok_or(Malformed)?;
            let (account, start_ms) = held_on.get(index).ok_or(Malformed)?;
            let limit = rest.figure()?;
            entries.push(ReceiptEntry {
                account: Account {
                    limit,
                    ..account.clone()
                },
                window_start_ms: *start_ms,
                held: rest.figure()?,
                state: state(rest, limit, at_ms)?,
            });
        }
        Ok(HoldOutcome::Granted(HoldReceipt {
            id: request.id,
            output_granted,
            entries,
            recorded: true,
        }))
    }
}

fn state(rest: &mut Reader<'_>, limit: u64, now_ms: i64) -> Result<AccountState, Malformed> {
    Ok(AccountState {
        limit,
        settled: rest.figure()?,
        held: rest.figure()?,
        granted: rest.figure()?,
        reset_ms: match rest.time()? {
            i64::MAX => u64::MAX,
            end_ms => span_ms(end_ms.saturating_sub(now_ms)),
        },
    })
}

fn span_ms(ms: i64) -> u64 {
    match ms {
        i64::MAX => u64::MAX,
        _ => u64::try_from(ms).unwrap_or(0),
    }
}

/// What the request needed at least on the account of that charge.
fn needed(request: &HoldRequest, accounts: &Accounts<'_>, tightest: usize) -> u64 {
    let min = u128::from(request.output_min.min(request.output_want));
    let same = request.charges.iter().zip(&accounts.index);
    let need = same
        .filter(|(charge, index)| charge.enforce && **index == accounts.index[tightest])
        .fold(0_u128, |sum, (charge, _)| {
            let output = u128::from(charge.per_output).saturating_mul(min);
            sum.saturating_add(u128::from(charge.fixed).saturating_add(output))
        });
    u64::try_from(need).unwrap_or(u64::MAX)
}
