//! What becomes of a gateway that Envoy refuses: the pieces at fault stand aside, all else comes
//! into effect.
//!
//! Envoy refuses resources whole, and one holds all routes of a port. Which piece is at fault is
//! found by trying: the changed pieces as they were, then more and more of them as they shall be.

mod bisect;
mod narrow;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;
use tollgate_ir as ir;
use tollgate_xds::Rejection;

use crate::piece::{Form, Level, Piece, Suspect, changed, compose};
use crate::publish::Verdict;
use bisect::Bisection;
use narrow::narrow;

/// Configurations that Envoy is tried with. Eleven tell one route among a thousand.
const TRIALS_MAX: u32 = 32;
/// Time after which no more are begun.
const TIME_MAX: Duration = Duration::from_secs(8);
/// Refusals that lead to more suspects within a search.
const WIDENINGS_MAX: usize = 4;
/// Searches: each kind of resource may be refused for a reason of its own.
const HUNTS_MAX: usize = 4;

/// Brings gateways into effect, to see whether they are accepted.
pub(crate) trait Trials: Send {
    /// Envoy's word on a gateway.
    fn attempt(&mut self, gateway: &ir::Gateway) -> impl Future<Output = Verdict> + Send;
}

/// Pieces that stand aside, each with Envoy's words.
pub(crate) type Aside = BTreeMap<Piece, (Form, String)>;

/// What is asked.
pub(crate) struct Question<'a> {
    /// The gateway that Envoy accepted last.
    pub(crate) base: &'a ir::Gateway,
    /// The gateway that it refuses.
    pub(crate) next: &'a ir::Gateway,
    /// Pieces of it that stand aside already.
    pub(crate) known: &'a Aside,
    /// What it says.
    pub(crate) rejection: Rejection,
}

/// Finds what stands aside so that Envoy accepts the rest. The last attempt is the answer put into
/// effect, and its verdict comes with it.
pub(crate) async fn isolate(trials: &mut impl Trials, question: Question<'_>) -> (Aside, Verdict) {
    let Question {
        base,
        next,
        known,
        rejection,
    } = question;
    let nothing = ir::Gateway::default();
    let unknown = |base| {
        let mut suspects = changed(base, next);
        suspects.retain(|suspect| !known.contains_key(&suspect.piece));
        suspects
    };
    // An Envoy that was started anew may refuse what the one before had.
    let (base, all) = match unknown(base) {
        none if none.is_empty() => (&nothing, unknown(&nothing)),
        some => (base, some),
    };
    let mut hunt = Hunt {
        trials,
        base,
        next,
        known,
        all,
        suspects: Vec::new(),
        error: String::new(),
        trials_left: TRIALS_MAX,
        until: Instant::now() + TIME_MAX,
        culprits: Aside::new(),
        good: BTreeSet::new(),
    };
    let mut refusal = Some(rejection);
    for _ in 0..HUNTS_MAX {
        let Some(rejection) = refusal.take() else {
            break;
        };
        if !hunt.hunt(rejection).await {
            break;
        }
        let verdict = hunt.publish().await;
        match verdict {
            Verdict::Refused(rejection) => refusal = Some(rejection),
            verdict => return (hunt.aside(), verdict),
        }
    }
    hunt.give_way().await
}

struct Hunt<'a, T> {
    trials: &'a mut T,
    base: &'a ir::Gateway,
    next: &'a ir::Gateway,
    known: &'a Aside,
    /// All changed pieces.
    all: Vec<Suspect>,
    suspects: Vec<Suspect>,
    /// The newest refusal.
    error: String,
    trials_left: u32,
    until: Instant,
    culprits: Aside,
    good: BTreeSet<Piece>,
}

// === impl Hunt ===

impl<T: Trials> Hunt<'_, T> {
    /// Looks for what a refusal is about, beside the culprits that are known; whether there is
    /// anything new.
    async fn hunt(&mut self, rejection: Rejection) -> bool {
        self.suspects = self.new_suspects(&rejection);
        self.error = rejection.error;
        if self.suspects.is_empty() {
            return false;
        }
        if self.widen().await {
            self.find().await;
        } else {
            let held = self.held(&self.suspects);
            self.culprits.extend(held);
        }
        true
    }

    /// Suspects more until Envoy accepts all suspects as they were; whether there is something to
    /// tell apart.
    async fn widen(&mut self) -> bool {
        if self.suspects.len() == 1 {
            return true;
        }
        for _ in 0..WIDENINGS_MAX {
            match self.attempt(&BTreeSet::new()).await {
                Verdict::Accepted => return true,
                Verdict::Unanswered => return false,
                Verdict::Refused(rejection) => {
                    let more = self.new_suspects(&rejection);
                    if more.is_empty() {
                        return false;
                    }
                    self.suspects.extend(more);
                }
            }
        }
        false
    }

    /// What a refusal can be about of which nothing is known.
    fn new_suspects(&self, rejection: &Rejection) -> Vec<Suspect> {
        let is_new = |suspect: &Suspect| {
            !self.culprits.contains_key(&suspect.piece) && !self.suspects.contains(suspect)
        };
        let mut new = narrow(&self.all, rejection);
        new.retain(is_new);
        if new.is_empty() {
            new = self.all.iter().filter(|it| is_new(it)).cloned().collect();
        }
        new
    }

    /// Tells the suspects apart, from the outside in.
    async fn find(&mut self) {
        let levels = Level::ALL.map(|level| {
            let suspects = self.suspects.iter().enumerate();
            let of_level = suspects.filter(|(_, suspect)| suspect.piece.level() == level);
            Vec::from_iter(of_level.map(|(index, _)| index))
        });
        let known_before = self.culprits.len();
        let last = levels.iter().rposition(|members| !members.is_empty());
        for (at, members) in levels.into_iter().enumerate() {
            if members.is_empty() {
                continue;
            }
            // If it is nothing outside, it is in here.
            let is_known = Some(at) == last && self.culprits.len() == known_before;
            let error = is_known.then(|| self.error.clone());
            let bad = self.bisect(Bisection::new(members.clone(), error)).await;
            let is_bad = |index: &usize| bad.iter().any(|(bad, _)| bad == index);
            for index in members.iter().filter(|index| !is_bad(index)) {
                self.good.insert(self.suspects[*index].piece.clone());
            }
            for (index, error) in bad {
                let piece = self.suspects[index].piece.clone();
                self.culprits.insert(piece, (Form::Failing, error));
            }
        }
    }

    async fn bisect(&mut self, mut search: Bisection) -> Vec<(usize, String)> {
        while self.trials_left > 0 && Instant::now() < self.until {
            let Some(tried) = search.next_trial() else {
                break;
            };
            let tried = tried.into_iter();
            let tried = tried
                .map(|index| self.suspects[index].piece.clone())
                .collect();
            match self.attempt(&tried).await {
                Verdict::Accepted => search.answer(Ok(())),
                Verdict::Refused(rejection) => search.answer(Err(rejection.error)),
                Verdict::Unanswered => break,
            }
        }
        search.finish(&self.error)
    }

    /// Brings the answer into effect: failures in the place of the culprits, or nothing where
    /// Envoy refuses those too: under the same conditions, and those may be at fault.
    async fn publish(&mut self) -> Verdict {
        let verdict = self.trials.attempt(&self.gateway(&self.aside())).await;
        let failing = |(piece, (form, _)): (&Piece, &(Form, String))| {
            piece.level() == Level::Route && *form == Form::Failing
        };
        if !matches!(verdict, Verdict::Refused(_)) || !self.culprits.iter().any(failing) {
            return verdict;
        }
        for (piece, (form, _)) in &mut self.culprits {
            if piece.level() == Level::Route {
                *form = Form::Absent;
            }
        }
        self.trials.attempt(&self.gateway(&self.aside())).await
    }

    /// The last resort: all that has changed is as it was.
    async fn give_way(mut self) -> (Aside, Verdict) {
        let held = self.held(&self.all);
        self.culprits.extend(held);
        let aside = self.aside();
        let verdict = self.trials.attempt(&self.gateway(&aside)).await;
        (aside, verdict)
    }

    /// These as they were.
    fn held(&self, suspects: &[Suspect]) -> Aside {
        suspects
            .iter()
            .map(|suspect| (suspect.piece.clone(), (Form::Held, self.error.clone())))
            .collect()
    }

    /// Everything that stands aside.
    fn aside(&self) -> Aside {
        let mut aside = self.known.clone();
        aside.extend(self.culprits.clone());
        aside
    }

    /// Tries the gateway with these suspects as they shall be, the good ones too, and the others
    /// as they were.
    async fn attempt(&mut self, tried: &BTreeSet<Piece>) -> Verdict {
        self.trials_left = self.trials_left.saturating_sub(1);
        let mut aside = self.aside();
        for suspect in &self.suspects {
            let piece = &suspect.piece;
            if !tried.contains(piece) && !self.good.contains(piece) {
                let held = (Form::Held, String::new());
                aside.entry(piece.clone()).or_insert(held);
            }
        }
        self.trials.attempt(&self.gateway(&aside)).await
    }

    fn gateway(&self, aside: &Aside) -> ir::Gateway {
        compose(self.base, self.next, &forms(aside))
    }
}

/// How the pieces stand.
pub(crate) fn forms(aside: &Aside) -> BTreeMap<Piece, Form> {
    let forms = aside.iter();
    forms
        .map(|(piece, (form, _))| (piece.clone(), *form))
        .collect()
}

#[cfg(test)]
mod tests;
