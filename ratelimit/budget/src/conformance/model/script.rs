//! What a script consists of: each word becomes one step.

use tollgate_bundle::WindowKind;

/// Which figures a script uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figures {
    /// Limits of 0, 50 and 120, also charges that are not enforced, forced spends and settles
    /// above the hold.
    Everyday,
    /// Limits near `i64::MAX` and asks up to `u64::MAX`. Without the operations by which a sum
    /// could exceed `i64::MAX`, beyond which a store need not be exact.
    Large,
}

/// One step. Accounts and ids are drawn from few, so that steps meet.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Hold(Ask),
    Raise(Ask),
    /// Of the latest receipts the n-th.
    Renew(usize),
    /// Which receipt, and what is charged (to be cut to size).
    Settle(usize, [u64; 4]),
    Spend(Vec<SpendAsk>),
    Grant(usize, u64),
    Reset(usize),
    Wait(u64),
}

#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) id: u64,
    pub(super) charges: Vec<ChargeAsk>,
    pub(super) want: u64,
    pub(super) min: u64,
}

#[derive(Clone, Debug)]
pub(super) struct ChargeAsk {
    pub(super) pot: usize,
    pub(super) limit: u64,
    pub(super) fixed: u64,
    pub(super) per_output: u64,
    pub(super) enforce: bool,
}

#[derive(Clone, Debug)]
pub(super) struct SpendAsk {
    pub(super) pot: usize,
    pub(super) limit: u64,
    pub(super) amount: i64,
    pub(super) forced: bool,
}

/// Accounts of a script: two subjects in three kinds of window.
pub(super) const POTS: usize = 6;

const KINDS: [WindowKind; 8] = [
    WindowKind::Hour,
    WindowKind::Day,
    WindowKind::Week,
    WindowKind::Month,
    WindowKind::Year,
    WindowKind::Lifetime,
    WindowKind::Sliding(160_000),
    WindowKind::Sliding(86_400_000),
];

/// The kinds of a script: a minute and a short sliding window, whose edges it meets, and another.
pub(super) fn kinds(words: &[u64]) -> [WindowKind; 3] {
    let mut draw = Draw(words.first().copied().unwrap_or(0));
    let other = KINDS[draw.below(KINDS.len() as u64) as usize];
    [WindowKind::Minute, WindowKind::Sliding(80_000), other]
}

/// Words of a fixed script.
pub(super) fn words(seed: u64, len: usize) -> Vec<u64> {
    let mut draw = Draw(seed);
    (0..len).map(|_| draw.next()).collect()
}

/// The greatest of the limits that a script asks under.
pub(super) fn limit_max(figures: Figures) -> u64 {
    match figures {
        Figures::Everyday => 120,
        Figures::Large => i64::MAX as u64,
    }
}

pub(super) fn step(word: u64, figures: Figures) -> Step {
    let mut draw = Draw(word);
    match draw.below(20) {
        0..=4 => Step::Hold(draw.ask(figures)),
        5..=6 => Step::Raise(draw.ask(figures)),
        7..=8 if figures == Figures::Everyday => Step::Renew(draw.below(20) as usize),
        7..=11 => Step::Settle(
            draw.below(20) as usize,
            std::array::from_fn(|_| draw.next()),
        ),
        12..=14 => {
            let spends = 1 + draw.below(3);
            Step::Spend((0..spends).map(|_| draw.spend(figures)).collect())
        }
        15 if figures == Figures::Everyday => Step::Grant(draw.pot(), draw.below(60)),
        15 if draw.below(2) == 0 => Step::Reset(draw.pot()),
        16 if draw.below(4) == 0 => Step::Reset(draw.pot()),
        _ => Step::Wait(draw.wait(figures)),
    }
}

/// Pseudo-random figures (splitmix64): good enough to make steps meet, the same everywhere.
struct Draw(u64);

// === impl Draw ===

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn pot(&mut self) -> usize {
        self.below(POTS as u64) as usize
    }

    /// Mostly the same, so that usage is judged under the limit it was made under.
    fn limit(&mut self, figures: Figures) -> u64 {
        let max = limit_max(figures);
        match (figures, self.below(12)) {
            (Figures::Everyday, 0) => 0,
            (Figures::Everyday, 1..=3) => 50,
            (Figures::Large, 0) => 1 << 62,
            (Figures::Large, 1..=3) => max - 3,
            _ => max,
        }
    }

    fn amount(&mut self, figures: Figures) -> u64 {
        match (figures, self.below(6)) {
            (Figures::Everyday, _) | (_, 0) => self.below(40),
            (Figures::Large, 1..=3) => (1 << 62) - self.below(9),
            (Figures::Large, 4) => i64::MAX as u64 - self.below(9),
            (Figures::Large, _) => u64::MAX - self.below(9),
        }
    }

    fn ask(&mut self, figures: Figures) -> Ask {
        let id = self.below(12);
        let charges = (0..self.below(4)).map(|_| self.charge(figures)).collect();
        let (want, min) = match (figures, self.below(4)) {
            (Figures::Large, 0) => (u64::MAX, self.below(1 << 62)),
            (Figures::Large, 1) => (1 << 62, self.below(20)),
            _ => (self.below(30), self.below(20)),
        };
        Ask {
            id,
            charges,
            want,
            min,
        }
    }

    fn charge(&mut self, figures: Figures) -> ChargeAsk {
        let everyday = figures == Figures::Everyday;
        ChargeAsk {
            pot: self.pot(),
            limit: self.limit(figures),
            fixed: self.amount(figures),
            per_output: match self.below(4) {
                3 if !everyday => 1 << 40,
                few => few % 3,
            },
            enforce: self.below(6) > 0 || !everyday,
        }
    }

    fn spend(&mut self, figures: Figures) -> SpendAsk {
        let size = i64::try_from(self.amount(figures)).unwrap_or(i64::MAX);
        let amount = match self.below(8) {
            0 => 0,
            1..=2 => -size,
            _ => size,
        };
        let forced = self.below(3) == 0;
        SpendAsk {
            pot: self.pot(),
            limit: self.limit(figures),
            amount,
            forced: forced && (figures == Figures::Everyday || amount <= 0),
        }
    }

    /// Large figures must not outlive their holds: what expired and is settled all the same may
    /// exceed the limit.
    fn wait(&mut self, figures: Figures) -> u64 {
        match (figures, self.below(3)) {
            (Figures::Large, _) => self.below(100),
            (Figures::Everyday, 0) => self.below(3_000),
            (Figures::Everyday, _) => 5_000 + self.below(35_000),
        }
    }
}
