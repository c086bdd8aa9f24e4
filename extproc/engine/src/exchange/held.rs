//! The hold of a call: what is asked for, and what the ledger's answer means.

use std::sync::Arc;

use tollgate_budget::{Denial, HoldOutcome, HoldReceipt, HoldRequest, StoreError};

use super::{Chat, Exchange, InputBound, TopUps};
use crate::{
    BudgetDecision, Health, Reply, Warning,
    charge::{self, Ask, Covered, Due, NoSubject},
    choose::choose,
    step::Step,
};

/// Times that a hold is asked for again with less output where the ledger cannot lower it itself:
/// once for each of so many accounts.
const REFITS_MAX: u8 = 4;

impl Exchange {
    /// Takes the result of a [`crate::CountJob`].
    pub fn on_counted(&mut self, input_tokens: u64) -> Step {
        if let Some(chat) = &mut self.chat {
            chat.bound = InputBound::Counted(input_tokens.min(chat.bound.tokens()));
        }
        self.ask_for_hold()
    }

    /// Takes the ledger's answer to [`Step::Hold`] or [`Step::Raise`].
    pub fn on_hold(&mut self, outcome: Result<HoldOutcome, StoreError>) -> Step {
        match outcome {
            Ok(HoldOutcome::Granted(receipt)) => self.granted(receipt),
            Ok(HoldOutcome::Denied(denial)) => self.denied(&denial),
            Err(_) => {
                self.budget = BudgetDecision::StoreFailed;
                self.refuse(Reply::store_failed())
            }
        }
    }

    /// The first question is the cheap one: the whole worst case, with the input bounded by the
    /// body's length. Only when that does not fit is the input counted, and the output lowered
    /// to what is left: a caller with room never pays for tokenizing.
    pub(super) fn ask_for_hold(&mut self) -> Step {
        let id = self.hold_id();
        let Some(chat) = &mut self.chat else {
            return self.refuse(Reply::internal("a hold without a request"));
        };
        let has_receipt = chat.receipt.is_some();
        if chat.asked_dues().is_empty() && !has_receipt {
            chat.next_dues = None;
            return self.send();
        }
        let ask = chat.ask();
        let charges = match charge::charges(chat.asked_dues(), ask) {
            Ok(charges) => charges,
            Err(refused) => {
                let reply = Reply::not_measured(&refused);
                return self.refuse(reply);
            }
        };
        let will_count = matches!(chat.bound, InputBound::Cheap(_)) && chat.can_count();
        let request = HoldRequest {
            id,
            charges,
            output_want: ask.output,
            output_min: if will_count {
                ask.output
            } else {
                chat.output_min().min(ask.output)
            },
        };
        if has_receipt {
            Step::Raise(request)
        } else {
            Step::Hold(request)
        }
    }

    fn granted(&mut self, receipt: HoldReceipt) -> Step {
        let Some(chat) = &mut self.chat else {
            return self.refuse(Reply::internal("a hold without a request"));
        };
        chat.top_ups = TopUps::new(chat.asked_dues(), chat.ask().output, &receipt)
            .filter(|_| chat.request.stream);
        if let Some(dues) = chat.next_dues.take() {
            chat.dues = dues;
        }
        self.budget = if !receipt.recorded {
            BudgetDecision::Open
        } else if receipt.output_granted < chat.output_want() {
            BudgetDecision::Lowered
        } else {
            BudgetDecision::Admitted
        };
        chat.output_granted = (!chat.dues.is_empty()).then_some(receipt.output_granted);
        chat.receipt = Some(receipt);
        self.watch_accounts();
        self.send()
    }

    /// What the accounts of the hold say beside yes: which shadow budgets would have refused, and
    /// which thresholds are passed.
    fn watch_accounts(&mut self) {
        self.warnings.clear();
        let Some(chat) = &self.chat else { return };
        let Some(receipt) = chat.receipt.as_ref().filter(|receipt| receipt.recorded) else {
            return;
        };
        for (due, entry) in chat.dues.iter().zip(&receipt.entries) {
            let limit = entry.state.limit.saturating_add(entry.state.granted);
            let used = entry.state.settled.saturating_add(entry.state.held);
            if due.budget.is_shadow() && used > limit && !self.would_deny.contains(&due.budget.id) {
                self.would_deny.push(Arc::clone(&due.budget.id));
            }
            let Some(threshold) = due.budget.warn_percent else {
                continue;
            };
            // What is spent: a hold is mostly given back, and would warn too early.
            let percent = (u128::from(entry.state.settled) * 100)
                .checked_div(u128::from(limit))
                .map_or(100, |percent| u64::try_from(percent).unwrap_or(u64::MAX));
            if percent >= u64::from(threshold) {
                self.warnings.push(Warning {
                    budget: due.account.budget.to_string(),
                    subject: due.account.subject.to_string(),
                    percent,
                    is_shadow: due.budget.is_shadow(),
                    is_first: self
                        .input
                        .warned
                        .is_first(&due.account, entry.window_start_ms),
                });
            }
        }
    }

    fn send(&mut self) -> Step {
        match &self.chat {
            Some(chat) if chat.attempts > 0 => self.retry(),
            _ => self.forward(),
        }
    }

    fn denied(&mut self, denial: &Denial) -> Step {
        let Some(chat) = &mut self.chat else {
            return self.refuse(Reply::internal("a denial without a request"));
        };
        if matches!(chat.bound, InputBound::Cheap(_)) && chat.can_count() {
            return Step::Count(chat.count_job());
        }
        if let Some(output) = chat.refit(denial) {
            chat.output_cap = Some(output);
            chat.refits += 1;
            return self.ask_for_hold();
        }
        if let Some(next) = chat.backend_that_may_pay(denial, &self.input.health) {
            chat.move_to(next);
            match chat.dues_here(&mut self.would_deny) {
                Ok(dues) => chat.dues = dues,
                Err(missing) => return self.refuse(Reply::no_subject(&missing)),
            }
            return self.ask_for_hold();
        }
        let reply = match chat.asked_dues().get(denial.tightest) {
            Some(due) => {
                self.denied_by = Some(due.account.budget.to_string());
                Reply::budget_denied(due, denial)
            }
            None => Reply::internal("the ledger named no account"),
        };
        self.budget = BudgetDecision::Denied;
        self.refuse(reply)
    }
}

// === impl Chat ===

impl Chat {
    /// The accounts of a call through the present backend.
    pub(super) fn dues_here(&self, unheld: &mut Vec<Arc<str>>) -> Result<Vec<Due>, NoSubject> {
        charge::dues(&self.budgets, self.backend, &self.payer(), unheld)
    }

    /// Accounts of the hold that is asked for.
    pub(super) fn asked_dues(&self) -> &[Due] {
        self.next_dues.as_deref().unwrap_or(&self.dues)
    }

    /// What the hold is asked for.
    pub(super) fn ask(&self) -> Ask<'_> {
        Ask {
            size: self.size(),
            output: self.output_want().min(self.output_cap.unwrap_or(u64::MAX)),
            covered: Covered::Share,
        }
    }

    /// Before the first attempt: another backend, where what denied is a budget of the present
    /// one. Each backend is tried once.
    fn backend_that_may_pay(&mut self, denial: &Denial, health: &Health) -> Option<usize> {
        let due = self.asked_dues().get(denial.tightest)?;
        if self.attempts > 0 || !self.budgets.is_of(self.backend, &due.budget) {
            return None;
        }
        self.spent.push(self.backend);
        choose(&self.rule, health, &self.spent, self.chance)
    }

    /// What is free on the account that denied, this call's own hold there included.
    pub(super) fn room(&self, due: &Due, denial: &Denial) -> u64 {
        let entries = self.receipt.iter().flat_map(|receipt| &receipt.entries);
        let own = entries
            .filter(|entry| entry.account == due.account)
            .fold(0_u64, |own, entry| own.saturating_add(entry.held));
        denial.state.remaining().saturating_add(own)
    }

    /// Less output, with which the call fits on the account that denied.
    fn refit(&self, denial: &Denial) -> Option<u64> {
        if self.refits >= REFITS_MAX {
            return None;
        }
        let due = self.asked_dues().get(denial.tightest)?;
        let room = self.room(due, denial);
        charge::output_that_fits(due, self.ask(), room, self.output_min())
    }
}
