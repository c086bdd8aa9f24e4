//! What an item found: requirements that held or not, and figures.

use std::{fmt::Display, time::Duration};

/// Requirements of one item and what was measured.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    failures: Vec<String>,
    measured: Vec<String>,
    outside: Option<String>,
}

/// How an item ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every requirement held.
    Passed,
    /// One did not, or the item could not be carried out.
    Failed,
    /// The item asks for something that this gateway, or this store, does not have.
    NotApplicable,
}

// === impl Findings ===

impl Findings {
    /// Nothing found yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The item does not apply; `why` says so in the table.
    pub fn not_applicable(why: impl Into<String>) -> Self {
        Self {
            outside: Some(why.into()),
            ..Self::default()
        }
    }

    /// A figure for the table.
    pub fn measure(&mut self, text: impl Into<String>) {
        self.measured.push(text.into());
    }

    /// A requirement; `otherwise` says what was found instead.
    pub fn require(&mut self, holds: bool, otherwise: impl Into<String>) {
        if !holds {
            self.failures.push(otherwise.into());
        }
    }

    /// What the provider produced may not exceed the limit.
    pub fn no_overrun(&mut self, of: &str, produced: u64, limit: u64) {
        let overrun = produced.saturating_sub(limit);
        self.measure(format!(
            "{of}: {produced} of {limit} tokens, overrun {overrun}"
        ));
        self.require(
            overrun == 0,
            format!("{of}: {produced} tokens were produced under a limit of {limit}"),
        );
    }

    /// What was charged must be what was produced.
    pub fn no_drift(&mut self, of: &str, charged: u64, produced: u64) {
        let drift = i128::from(charged) - i128::from(produced);
        self.measure(format!(
            "{of}: charged {charged}, produced {produced}, drift {drift}"
        ));
        self.require(
            drift == 0,
            format!("{of}: {charged} tokens were charged for {produced}"),
        );
    }

    /// Equality of anything that can be shown.
    pub fn equal<T: PartialEq + Display>(&mut self, of: &str, found: T, wanted: T) {
        let text = format!("{of}: {found} instead of {wanted}");
        self.require(found == wanted, text);
    }

    /// A time that must not be exceeded.
    pub fn within(&mut self, of: &str, took: Duration, longest: Duration) {
        self.measure(format!("{of} {} ms", took.as_millis()));
        self.require(
            took <= longest,
            format!("{of} took {took:?}, more than {longest:?}"),
        );
    }

    /// How the item ended.
    pub fn outcome(&self) -> Outcome {
        if self.outside.is_some() {
            Outcome::NotApplicable
        } else if self.failures.is_empty() {
            Outcome::Passed
        } else {
            Outcome::Failed
        }
    }

    /// Requirements that did not hold.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// What was measured, in one line.
    pub fn measured(&self) -> String {
        self.outside
            .clone()
            .unwrap_or_else(|| self.measured.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::{Findings, Outcome};

    #[test]
    fn item_fails_as_soon_as_one_requirement_does_not_hold() {
        let mut findings = Findings::new();
        assert_eq!(findings.outcome(), Outcome::Passed);
        findings.no_overrun("crowd", 90, 100);
        findings.no_drift("crowd", 90, 90);
        assert_eq!(findings.outcome(), Outcome::Passed);
        findings.no_drift("crowd", 80, 90);
        assert_eq!(findings.outcome(), Outcome::Failed);
        assert_eq!(findings.failures().len(), 1);
        assert!(findings.measured().contains("drift -10"));
    }

    #[test]
    fn item_that_does_not_apply_is_no_success() {
        let findings = Findings::not_applicable("no replicas");
        assert_eq!(findings.outcome(), Outcome::NotApplicable);
        assert_eq!(findings.measured(), "no replicas");
    }
}
