//! Random requests against a model that keeps a number for each account and reads as the rules do.

use std::collections::HashMap;

use proptest::prelude::*;
use tollgate_bundle::{RateLimit, WindowKind};

use super::{Rig, costs, gives_back, limit, of};
use crate::wire::{Descriptor, OK, OVER_LIMIT};

const KEYS: [&str; 3] = ["plain", "later", "shadow"];
const AMOUNTS: [u64; 3] = [7, 12, 5];
const MINUTE_MS: i64 = 60_000;

#[derive(Clone, Copy, Debug)]
struct Part {
    key: usize,
    value: u8,
    /// `None`: not stated.
    units: Option<u64>,
    negative: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Ask(Vec<Part>),
    Pass(i64),
}

fn part() -> impl Strategy<Value = Part> {
    (
        0..KEYS.len(),
        0..2u8,
        prop::option::of(0..6u64),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(key, value, units, negative)| Part {
            key,
            value,
            units,
            negative,
        })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec(part(), 1..4).prop_map(Step::Ask),
        1 => (1..MINUTE_MS).prop_map(Step::Pass),
    ]
}

#[derive(Default)]
struct Model {
    now_ms: i64,
    used: HashMap<(usize, u8), u64>,
}

impl Model {
    fn pass(&mut self, ms: i64) {
        let window = |ms: i64| ms.div_euclid(MINUTE_MS);
        if window(self.now_ms) != window(self.now_ms + ms) {
            self.used.clear();
        }
        self.now_ms += ms;
    }

    /// The overall answer, and the code of each descriptor.
    fn ask(&mut self, parts: &[Part]) -> (bool, Vec<bool>) {
        let mut after = self.used.clone();
        let fits: Vec<bool> = parts
            .iter()
            .map(|part| {
                let used = after.entry((part.key, part.value)).or_default();
                let (limit, units) = (AMOUNTS[part.key], part.units.unwrap_or(1));
                let fits = *used < limit && *used + units <= limit;
                if part.negative {
                    *used = used.saturating_sub(units);
                    return fits || units > 0;
                }
                *used += units;
                fits
            })
            .collect();
        let shadow = |part: &Part| KEYS[part.key] == "shadow";
        let later = |part: &Part| KEYS[part.key] == "later" && part.units > Some(0);
        let back = |part: &Part| part.negative && part.units != Some(0);
        let forced = |part: &Part| shadow(part) || later(part) || back(part);
        let pairs = || parts.iter().zip(&fits);
        let admitted = pairs().all(|(part, fits)| *fits || forced(part));
        for part in parts.iter().filter(|part| admitted || forced(part)) {
            let used = self.used.entry((part.key, part.value)).or_default();
            let units = part.units.unwrap_or(1);
            *used = match part.negative {
                true => used.saturating_sub(units),
                false => *used + units,
            };
        }
        let codes: Vec<bool> = pairs().map(|(part, fits)| *fits || shadow(part)).collect();
        (codes.iter().all(|ok| *ok), codes)
    }
}

fn descriptor(part: &Part) -> Descriptor {
    let plain = of(KEYS[part.key], &part.value.to_string());
    match (part.units, part.negative) {
        (Some(units), true) => gives_back(units, plain),
        (Some(units), false) => costs(units, plain),
        (None, negative) => Descriptor {
            is_negative_hits: negative,
            ..plain
        },
    }
}

proptest! {
    #[test]
    fn the_service_answers_and_charges_as_the_model(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let rig = Rig::new(vec![
            limit("plain", AMOUNTS[0], WindowKind::Minute),
            RateLimit { charged_later: true, ..limit("later", AMOUNTS[1], WindowKind::Minute) },
            RateLimit { shadow: true, ..limit("shadow", AMOUNTS[2], WindowKind::Minute) },
        ]);
        let mut model = Model::default();
        for step in &steps {
            let parts = match step {
                Step::Pass(ms) => {
                    rig.pass(*ms);
                    model.pass(*ms);
                    continue;
                }
                Step::Ask(parts) => parts,
            };
            let answer = rig.ask(parts.iter().map(descriptor).collect());
            let (served, codes) = model.ask(parts);
            prop_assert_eq!(answer.overall_code == OK, served, "{:?}", step);
            for ((part, status), ok) in parts.iter().zip(&answer.statuses).zip(codes) {
                // A refusal from memory tells nothing of other accounts.
                if !served && status.current_limit.is_none() {
                    prop_assert_eq!(status.code, OK, "{:?}", step);
                    continue;
                }
                prop_assert_eq!(status.code, if ok { OK } else { OVER_LIMIT }, "{:?}", step);
                let used = model.used.get(&(part.key, part.value)).copied().unwrap_or(0);
                let remaining = AMOUNTS[part.key].saturating_sub(used);
                prop_assert_eq!(u64::from(status.limit_remaining), remaining, "{:?}", step);
            }
        }
    }
}
