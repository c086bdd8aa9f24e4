//! What no configuration needs any more and requests under way still may: a fallback goes to the
//! cluster that was there when the request came. Pure. Kept by `publish`.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use tollgate_xds::Resources;

/// How long it is kept.
pub(super) const LINGER: Duration = Duration::from_secs(30);
/// Resources that linger at a time; of more, those that were left first go at once.
const RESOURCES_MAX: usize = 10_000;

/// What each configuration has left behind, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Lingering {
    left: VecDeque<Left>,
    resources: usize,
}

/// What was left at one time.
#[derive(Debug)]
struct Left {
    until: Instant,
    /// Clusters, and what they refer to.
    resources: Resources,
}

// === impl Lingering ===

impl Lingering {
    /// The configuration has gone from `old` to `new`.
    pub(super) fn leave(&mut self, old: &Resources, new: &Resources, now: Instant) {
        let resources = Resources {
            clusters: without(&old.clusters, &new.clusters),
            endpoints: without(&old.endpoints, &new.endpoints),
            secrets: without(&old.secrets, &new.secrets),
            ..Resources::default()
        };
        let count = count(&resources);
        if count == 0 {
            return;
        }
        self.resources += count;
        self.left.push_back(Left {
            until: now + LINGER,
            resources,
        });
        while self.resources > RESOURCES_MAX && self.left.len() > 1 {
            self.drop_first();
        }
    }

    /// Forgets what has lingered long enough.
    pub(super) fn retire(&mut self, now: Instant) {
        while self.left.front().is_some_and(|left| left.until <= now) {
            self.drop_first();
        }
    }

    /// When something has lingered long enough.
    pub(super) fn due(&self) -> Option<Instant> {
        self.left.front().map(|left| left.until)
    }

    /// `resources`, and behind them what lingers.
    pub(super) fn beside(&self, resources: Resources) -> Resources {
        let mut all = resources;
        // The newest of a name counts.
        for Left { resources: old, .. } in self.left.iter().rev() {
            add(&mut all.clusters, &old.clusters);
            add(&mut all.endpoints, &old.endpoints);
            add(&mut all.secrets, &old.secrets);
        }
        all
    }

    fn drop_first(&mut self) {
        if let Some(left) = self.left.pop_front() {
            self.resources = self.resources.saturating_sub(count(&left.resources));
        }
    }
}

fn count(resources: &Resources) -> usize {
    resources.clusters.len() + resources.endpoints.len() + resources.secrets.len()
}

/// Those of `old` whose names `new` does not have.
fn without<T: Clone>(old: &BTreeMap<String, T>, new: &BTreeMap<String, T>) -> BTreeMap<String, T> {
    let gone = old.iter().filter(|(name, _)| !new.contains_key(*name));
    gone.map(|(name, resource)| (name.clone(), resource.clone()))
        .collect()
}

fn add<T: Clone>(all: &mut BTreeMap<String, T>, old: &BTreeMap<String, T>) {
    for (name, resource) in old {
        if !all.contains_key(name) {
            all.insert(name.clone(), resource.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::Instant;
    use tollgate_xds::Resources;

    use super::{LINGER, Lingering, RESOURCES_MAX};

    fn clusters(names: &[&str]) -> Resources {
        let clusters = names.iter().map(|name| (name.to_string(), Arc::default()));
        Resources {
            clusters: clusters.collect(),
            ..Resources::default()
        }
    }

    fn names(lingering: &Lingering, current: &[&str]) -> String {
        let all = lingering.beside(clusters(current));
        Vec::from_iter(all.clusters.into_keys()).join("+")
    }

    #[test]
    fn each_thing_lingers_for_its_own_time_whatever_else_changes() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut lingering = Lingering::default();
        lingering.leave(&clusters(&["a", "b"]), &clusters(&["b"]), start);
        lingering.leave(&clusters(&["b"]), &clusters(&["c"]), start + second);
        assert_eq!(names(&lingering, &["c"]), "a+b+c");
        assert_eq!(lingering.due(), Some(start + LINGER));
        lingering.retire(start + LINGER);
        assert_eq!(names(&lingering, &["c"]), "b+c");
        lingering.retire(start + LINGER + second);
        assert_eq!(names(&lingering, &["c"]), "c");
        assert_eq!(lingering.due(), None);
    }

    #[test]
    fn what_comes_back_stays_when_its_earlier_leave_is_over() {
        let start = Instant::now();
        let mut lingering = Lingering::default();
        lingering.leave(&clusters(&["a"]), &clusters(&[]), start);
        lingering.retire(start + LINGER);
        assert_eq!(names(&lingering, &["a"]), "a");
    }

    #[test]
    fn the_oldest_go_at_once_where_too_many_linger() {
        let now = Instant::now();
        let mut lingering = Lingering::default();
        for at in 0..=RESOURCES_MAX {
            lingering.leave(&clusters(&[&format!("{at:05}")]), &clusters(&[]), now);
        }
        let all = lingering.beside(Resources::default()).clusters;
        assert_eq!(all.len(), RESOURCES_MAX);
        assert!(!all.contains_key("00000") && all.contains_key("00001"));
    }
}
