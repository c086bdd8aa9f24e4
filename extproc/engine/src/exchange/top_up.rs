//! A hold that grows while its answer streams, and the end of a stream whose hold cannot.
//!
//! The hold of an overcommitted budget covers a share of the output. Text is counted as it comes:
//! first by its bytes, which no tokenizer exceeds, and only when those might be more than what is
//! covered by the tokenizer itself.

use tollgate_budget::{Denial, HoldOutcome, HoldReceipt, HoldRequest, StoreError};
use tollgate_llm::{Answer, AnswerOutcome, BodyChange, Usage, tokens};

use super::{Chat, Exchange};
use crate::{
    charge::{self, Ask, Covered, Due},
    step::{BodyStep, EstimateJob},
};

/// How far the hold of a streaming answer reaches.
#[derive(Debug)]
pub(super) struct TopUps {
    /// Output tokens that the hold covers on every account.
    covered: u64,
    /// Output tokens that each top-up adds.
    step: u64,
    /// Tokens of the first `counted_bytes` of the generated text.
    counted: u64,
    counted_bytes: u64,
    /// Output tokens that the top-up in progress would cover.
    asking: u64,
    /// Times that the top-up in progress was asked for with less.
    refits: u8,
    /// The last top-up was denied: the next is asked for only when all is used.
    is_denied: bool,
    pub(super) is_cut: bool,
    pub(super) granted: u32,
}

/// Fewest output tokens of a top-up: each is a round trip to the ledger.
const STEP_MIN: u64 = 64;

/// Text beyond this is not counted while it streams, but estimated from its bytes: a piece is
/// counted on an I/O thread.
const COUNTED_BYTES_MAX: usize = 64 << 10;

/// What a token of text that is not counted has, at least as a rule.
const BYTES_PER_TOKEN: u64 = 4;

const REFITS_MAX: u8 = 2;

impl Exchange {
    /// What becomes of a piece that is not the last: it goes on, once enough is held.
    pub(super) fn pass_or_top_up(&mut self, change: BodyChange) -> BodyStep {
        if !self.needs_top_up() {
            return BodyStep::Pass { change, end: None };
        }
        self.waiting = Some(change);
        self.ask_for_more()
    }

    fn needs_top_up(&mut self) -> bool {
        let Some(chat) = &mut self.chat else {
            return false;
        };
        let (Some(top_ups), Some(answer)) = (&mut chat.top_ups, &chat.answer) else {
            return false;
        };
        let model = (chat.rule.backends.get(chat.backend))
            .and_then(|backend| backend.model.as_deref())
            .unwrap_or(&chat.request.model);
        top_ups.is_needed(answer, model, chat.output_granted.unwrap_or(0))
    }

    /// Takes the ledger's answer to [`BodyStep::TopUp`].
    pub fn on_top_up(&mut self, outcome: Result<HoldOutcome, StoreError>) -> BodyStep {
        let Some(Chat {
            top_ups: Some(top_ups),
            ..
        }) = &mut self.chat
        else {
            return self.pass_on();
        };
        match outcome {
            Ok(HoldOutcome::Granted(receipt)) => {
                top_ups.covered = top_ups.asking;
                top_ups.granted = top_ups.granted.saturating_add(1);
                top_ups.is_denied = false;
                top_ups.refits = 0;
                self.keep(receipt);
                self.pass_on()
            }
            Ok(HoldOutcome::Denied(denial)) => self.on_top_up_denied(&denial),
            Err(_) => self.run_dry(),
        }
    }

    /// Takes the result of the [`EstimateJob`] of [`BodyStep::Estimate`].
    pub fn on_cut_estimated(&mut self, usage: Usage) -> BodyStep {
        self.cut(usage)
    }

    fn on_top_up_denied(&mut self, denial: &Denial) -> BodyStep {
        let Some(chat) = &mut self.chat else {
            return self.pass_on();
        };
        let fitting = chat.top_up_that_fits(denial);
        if let Some(top_ups) = &mut chat.top_ups
            && let Some(fitting) = fitting
        {
            top_ups.asking = fitting;
            top_ups.refits += 1;
            return self.raise();
        }
        if let Some(due) = chat.dues.get(denial.tightest) {
            self.denied_by = Some(due.account.budget.to_string());
        }
        self.run_dry()
    }

    /// No more can be held: the piece goes on as long as it is covered, else the stream ends.
    fn run_dry(&mut self) -> BodyStep {
        let Some(chat) = &mut self.chat else {
            return self.pass_on();
        };
        let Some(top_ups) = &mut chat.top_ups else {
            return self.pass_on();
        };
        top_ups.is_denied = true;
        top_ups.refits = 0;
        if top_ups.counted <= top_ups.covered {
            return self.pass_on();
        }
        if let Some(answer) = chat.answer.as_ref().filter(|answer| answer.include_usage()) {
            return BodyStep::Estimate(Box::new(chat.estimate_job(answer.outcome())));
        }
        self.cut(Usage::default())
    }

    fn cut(&mut self, usage: Usage) -> BodyStep {
        let closing = self
            .chat
            .as_mut()
            .and_then(|chat| chat.answer.as_mut())
            .and_then(|answer| answer.cut(usage));
        if let Some(closing) = closing {
            self.waiting = Some(BodyChange::Replace(closing));
        }
        if let Some(Chat {
            top_ups: Some(top_ups),
            ..
        }) = &mut self.chat
        {
            top_ups.is_cut = true;
        }
        self.pass_on()
    }

    fn pass_on(&mut self) -> BodyStep {
        BodyStep::Pass {
            change: self.waiting.take().unwrap_or(BodyChange::Keep),
            end: None,
        }
    }

    fn ask_for_more(&mut self) -> BodyStep {
        if let Some(chat) = &mut self.chat
            && let Some(top_ups) = &mut chat.top_ups
        {
            let reached = top_ups.covered.max(top_ups.counted);
            let most = chat.output_granted.unwrap_or(0);
            top_ups.asking = reached.saturating_add(top_ups.step).min(most);
        }
        self.raise()
    }

    fn raise(&mut self) -> BodyStep {
        let id = self.hold_id();
        let request = self.chat.as_ref().and_then(|chat| {
            let output = chat.output_granted?;
            let ask = chat.top_up_ask()?;
            Some(HoldRequest {
                id,
                charges: charge::charges(&chat.dues, ask).ok()?,
                output_want: output,
                output_min: output,
            })
        });
        match request {
            Some(request) => BodyStep::TopUp(request),
            None => self.run_dry(),
        }
    }

    fn keep(&mut self, receipt: HoldReceipt) {
        // Without a receipt the call was settled meanwhile.
        let chat = self.chat.as_mut();
        if let Some(kept) = chat.and_then(|chat| chat.receipt.as_mut()) {
            *kept = receipt;
        }
    }
}

// === impl Chat ===

impl Chat {
    /// For the charge of an answer of which the provider did not report all.
    pub(super) fn estimate_job(&self, outcome: AnswerOutcome) -> EstimateJob {
        EstimateJob {
            model: self.asked_model().to_string(),
            request: self.request.clone(),
            body: self.body.clone(),
            generated: outcome.generated,
            reported: outcome.usage,
        }
    }

    fn top_up_ask(&self) -> Option<Ask<'_>> {
        Some(Ask {
            size: self.size(),
            output: self.output_granted?,
            covered: Covered::Tokens(self.top_ups.as_ref()?.asking),
        })
    }

    /// A smaller top-up that fits on the account that denied, and still covers what is generated.
    fn top_up_that_fits(&self, denial: &Denial) -> Option<u64> {
        let top_ups = self.top_ups.as_ref().filter(|t| t.refits < REFITS_MAX)?;
        let due = self.dues.get(denial.tightest)?;
        let ask = Ask {
            output: top_ups.asking,
            ..self.top_up_ask()?
        };
        let least = top_ups.covered.max(top_ups.counted).saturating_add(1);
        charge::output_that_fits(due, ask, self.room(due, denial), least)
    }
}

// === impl TopUps ===

impl TopUps {
    /// `None`: everything that was granted is held. `output` is what was asked for.
    pub(super) fn new(dues: &[Due], output: u64, receipt: &HoldReceipt) -> Option<Self> {
        let percent = dues
            .iter()
            .filter_map(|due| due.budget.overcommit_percent())
            .min()?;
        let share = Covered::share(percent, output);
        (share < receipt.output_granted).then_some(Self {
            covered: share,
            step: share.max(STEP_MIN),
            counted: 0,
            counted_bytes: 0,
            asking: share,
            refits: 0,
            is_denied: false,
            is_cut: false,
            granted: 0,
        })
    }

    /// Whether the hold is, or soon will be, used up.
    fn is_needed(&mut self, answer: &Answer, model: &str, output_granted: u64) -> bool {
        if self.is_cut || self.covered >= output_granted {
            return false;
        }
        let margin = if self.is_denied { 0 } else { self.step / 4 };
        let reach = self.covered.saturating_sub(margin);
        let (text, bytes) = answer.generated();
        let new_bytes = bytes.saturating_sub(self.counted_bytes);
        if new_bytes == 0 || self.counted.saturating_add(new_bytes) <= reach {
            return false;
        }
        let from = usize::try_from(self.counted_bytes).unwrap_or(usize::MAX);
        let new = text.get(from..).unwrap_or_default();
        let end = new.floor_char_boundary(COUNTED_BYTES_MAX);
        let count = tokens::count_text(model, new.get(..end).unwrap_or_default());
        let beyond = new_bytes.saturating_sub(end as u64) / BYTES_PER_TOKEN;
        self.counted = self.counted.saturating_add(count).saturating_add(beyond);
        self.counted_bytes = bytes;
        self.counted > reach
    }
}
