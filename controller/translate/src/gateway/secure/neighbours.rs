//! The host names of the other listeners of a port: requests for them are misdirected.
//!
//! As few as say it: of names that cover each other the widest, but for those that lie within a
//! listener's own, which it must not serve.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_ir::Hostname;

use crate::gateway::claims::upward;

/// Names outside of a listener's own that it answers 421 for. A port may have thousands of
/// listeners, and each of them would list all others; for what is beyond it answers 404, as for
/// any host that nobody serves.
const OUTSIDE_MAX: usize = 64;

/// Host names of a port.
#[derive(Debug)]
pub(super) struct Neighbours {
    /// Names that no other covers, widest first.
    widest: Vec<Hostname>,
    /// Names that another covers, and those within each.
    within: BTreeMap<Hostname, BTreeSet<Hostname>>,
    covered: BTreeSet<Hostname>,
}

// === impl Neighbours ===

impl Neighbours {
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a Hostname>) -> Self {
        let names: BTreeSet<&Hostname> = names.collect();
        let mut within: BTreeMap<Hostname, BTreeSet<Hostname>> = BTreeMap::new();
        let mut covered = BTreeSet::new();
        for name in &names {
            for outer in upward(name).filter(|outer| outer != *name && names.contains(outer)) {
                within.entry(outer).or_default().insert((*name).clone());
                covered.insert((*name).clone());
            }
        }
        let mut widest: Vec<Hostname> = names
            .into_iter()
            .filter(|name| !covered.contains(*name))
            .cloned()
            .collect();
        widest.sort_by(|a, b| crate::sort::hostname_order(b, a));
        Self {
            widest,
            within,
            covered,
        }
    }

    /// Whether another name covers this one.
    pub(super) fn cover(&self, own: &Hostname) -> bool {
        self.covered.contains(own)
    }

    /// The names that are misdirected at a listener with this one; sorted.
    pub(super) fn of(&self, own: &Hostname) -> Vec<Hostname> {
        let outside = self.widest.iter().filter(|name| *name != own);
        let mut names: Vec<Hostname> = outside.take(OUTSIDE_MAX).cloned().collect();
        names.extend(self.within.get(own).into_iter().flatten().cloned());
        names.sort();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::{Neighbours, OUTSIDE_MAX};
    use tollgate_ir::Hostname;

    fn check(names: &[&str], own: &str, expect: &[&str]) {
        let names: Vec<Hostname> = names.iter().map(|it| Hostname::parse(Some(it))).collect();
        let actual: Vec<String> = Neighbours::new(names.iter())
            .of(&Hostname::parse(Some(own)))
            .iter()
            .map(Hostname::domain)
            .collect();
        assert_eq!(actual, expect, "{own}");
    }

    #[test]
    fn a_listener_knows_the_widest_others_and_all_within_its_own() {
        let names = ["a.com", "*.b.com", "x.b.com", "*.y.b.com", "z.y.b.com"];
        check(&names, "a.com", &["*.b.com"]);
        check(
            &names,
            "*.b.com",
            &["a.com", "x.b.com", "z.y.b.com", "*.y.b.com"],
        );
        check(&names, "z.y.b.com", &["a.com", "*.b.com"]);
        let with_any = ["*", "a.com", "*.b.com", "x.b.com"];
        check(&with_any, "*.b.com", &["x.b.com", "*"]);
        check(&with_any, "*", &["a.com", "x.b.com", "*.b.com"]);
        check(&["*"], "*", &[]);
    }

    #[test]
    fn a_port_of_many_listeners_lists_some_of_them_at_each() {
        let names: Vec<Hostname> = (0..1_000)
            .map(|index| Hostname::Exact(format!("h{index}.com")))
            .collect();
        let neighbours = Neighbours::new(names.iter());
        for own in &names {
            let others = neighbours.of(own);
            assert_eq!(others.len(), OUTSIDE_MAX);
            assert!(!others.contains(own));
        }
    }
}
