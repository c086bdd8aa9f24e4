//! Finds the bad ones among numbered things by trying groups of them. Pure.
//!
//! A group in which one is bad is refused whole, and a group of good ones is accepted. So halves
//! are tried: of one bad one among `n`, `log2 n + 1` trials tell which.

use std::collections::BTreeSet;

/// The search. After each [`Bisection::next_trial`] comes one [`Bisection::answer`].
#[derive(Debug)]
pub(super) struct Bisection {
    good: BTreeSet<usize>,
    bad: Vec<(usize, String)>,
    /// What is left; the last is looked at first.
    groups: Vec<Group>,
    trial: Option<Trial>,
}

#[derive(Debug)]
struct Group {
    members: Vec<usize>,
    /// Why one of them is bad; `None` as long as nobody has tried them.
    error: Option<String>,
}

#[derive(Debug)]
enum Trial {
    /// Nobody knows anything of these.
    Whole(Vec<usize>),
    /// One of both is bad.
    Halves {
        tried: Vec<usize>,
        other: Vec<usize>,
        error: String,
    },
}

// === impl Bisection ===

impl Bisection {
    /// A search among `members`; `error` says why one of them is bad, if that is known.
    pub(super) fn new(members: Vec<usize>, error: Option<String>) -> Self {
        Self {
            good: BTreeSet::new(),
            bad: Vec::new(),
            groups: vec![Group { members, error }],
            trial: None,
        }
    }

    /// Which of them shall be tried together, without all others; `None` when all is known.
    pub(super) fn next_trial(&mut self) -> Option<BTreeSet<usize>> {
        loop {
            let Group { mut members, error } = self.groups.pop()?;
            let (tried, trial) = match (error, members.as_slice()) {
                (_, []) => continue,
                (Some(error), [only]) => {
                    self.bad.push((*only, error));
                    continue;
                }
                (Some(error), _) => {
                    let other = members.split_off(members.len() / 2);
                    let tried = members.clone();
                    let trial = Trial::Halves {
                        tried: members,
                        other,
                        error,
                    };
                    (tried, trial)
                }
                (None, _) => (members.clone(), Trial::Whole(members)),
            };
            self.trial = Some(trial);
            return Some(self.good.iter().copied().chain(tried).collect());
        }
    }

    /// What became of the trial: the words of a refusal.
    pub(super) fn answer(&mut self, answer: Result<(), String>) {
        match (self.trial.take(), answer) {
            (None, _) => {}
            (Some(Trial::Whole(members)), Ok(())) => self.good.extend(members),
            (Some(Trial::Whole(members)), Err(error)) => self.push(members, Some(error)),
            (
                Some(Trial::Halves {
                    tried,
                    other,
                    error,
                }),
                Ok(()),
            ) => {
                self.good.extend(tried);
                self.push(other, Some(error));
            }
            (Some(Trial::Halves { tried, other, .. }), Err(error)) => {
                self.push(tried, Some(error));
                self.put_off(other);
            }
        }
    }

    /// The bad ones with the words of the refusal, and with them those of which nothing is known
    /// (`unknown` are their words).
    pub(super) fn finish(mut self, unknown: &str) -> Vec<(usize, String)> {
        match self.trial.take() {
            Some(Trial::Whole(members)) => self.push(members, None),
            Some(Trial::Halves {
                tried,
                other,
                error,
            }) => {
                self.push(tried, Some(error.clone()));
                self.push(other, Some(error));
            }
            None => {}
        }
        for Group { members, error } in self.groups {
            let error = error.unwrap_or_else(|| unknown.to_string());
            self.bad
                .extend(members.into_iter().map(|member| (member, error.clone())));
        }
        self.bad.sort();
        self.bad
    }

    /// Whatever nobody knows anything of is tried together in the end: most likely it is good.
    fn put_off(&mut self, members: Vec<usize>) {
        let error = None;
        match self.groups.first_mut() {
            Some(first) if first.error.is_none() => first.members.extend(members),
            _ => self.groups.insert(0, Group { members, error }),
        }
    }

    fn push(&mut self, members: Vec<usize>, error: Option<String>) {
        self.groups.push(Group { members, error });
    }
}

#[cfg(test)]
mod tests {
    use super::Bisection;

    /// Searches with so many trials at most; gives the bad ones found and the trials needed.
    fn search(count: usize, bad: &[usize], trials_max: usize) -> (Vec<usize>, usize) {
        let mut search = Bisection::new((0..count).collect(), Some("first".to_string()));
        let mut trials = 0;
        while trials < trials_max {
            let Some(tried) = search.next_trial() else {
                break;
            };
            trials += 1;
            let refused = bad.iter().find(|bad| tried.contains(bad));
            search.answer(refused.map_or(Ok(()), |bad| Err(format!("error {bad}"))));
        }
        let found = search.finish("unknown");
        (
            found.into_iter().map(|(member, _)| member).collect(),
            trials,
        )
    }

    #[test]
    fn one_bad_one_among_a_thousand_is_found_in_eleven_trials() {
        for bad in [0, 1, 499, 500, 998, 999] {
            let (found, trials) = search(1000, &[bad], 100);
            assert_eq!(found, [bad]);
            assert!(trials <= 11, "{trials}");
        }
    }

    #[test]
    fn all_bad_ones_are_found_wherever_they_are() {
        for bad in [&[0, 1][..], &[0, 31], &[3, 4, 5, 30], &[0, 1, 2, 3]] {
            let (found, trials) = search(32, bad, 100);
            assert_eq!(found, bad);
            assert!(trials <= 6 * bad.len(), "{trials} for {bad:?}");
        }
        assert_eq!(search(3, &[0, 1, 2], 100).0, [0, 1, 2]);
        assert_eq!(search(1, &[0], 100), (vec![0], 0));
    }

    #[test]
    fn search_that_is_broken_off_gives_all_that_may_be_bad() {
        let (found, trials) = search(1000, &[700], 3);
        assert_eq!(trials, 3);
        assert!(found.contains(&700) && found.len() <= 375, "{found:?}");
        assert_eq!(search(4, &[2], 0).0, [0, 1, 2, 3]);
    }

    #[test]
    fn each_bad_one_has_the_words_of_its_own_refusal() {
        let mut search = Bisection::new(vec![0, 1], None);
        for (trial, answer) in [
            (vec![0, 1], Err("both")),
            (vec![0], Err("of 0")),
            (vec![1], Err("of 1")),
        ] {
            let tried = search.next_trial().unwrap();
            assert_eq!(Vec::from_iter(tried), trial);
            search.answer(answer.map_err(str::to_string));
        }
        assert_eq!(search.next_trial(), None);
        let expect = [(0, "of 0".to_string()), (1, "of 1".to_string())];
        assert_eq!(search.finish("unknown"), expect);
    }
}
