//! Which backend the first attempt goes to.

use tollgate_bundle::{Backend, Rule};

use crate::Health;

/// When a request was admitted, and its ticket among backends of equal priority.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance {
    pub(crate) now_ms: u64,
    pub(crate) random: u64,
}

/// Picks the backend for the first attempt: the lowest priority that has a usable backend, by
/// weight within it. Ejected backends are skipped while another is left; invalid ones and those
/// whose budget is `spent` always. `None`: no backend of the rule can be used at all.
pub(crate) fn choose(
    rule: &Rule,
    health: &Health,
    spent: &[usize],
    Chance { now_ms, random }: Chance,
) -> Option<usize> {
    let usable: Vec<(usize, &Backend)> = rule
        .backends
        .iter()
        .enumerate()
        .filter(|(index, backend)| backend.invalid.is_none() && !spent.contains(index))
        .collect();
    let mut priorities: Vec<u32> = usable.iter().map(|(_, backend)| backend.priority).collect();
    priorities.sort_unstable();
    priorities.dedup();
    for priority in &priorities {
        let healthy: Vec<(usize, &Backend)> = usable
            .iter()
            .filter(|(_, backend)| backend.priority == *priority)
            .filter(|(_, backend)| !health.is_ejected(&backend.id, now_ms))
            .copied()
            .collect();
        if let Some(index) = by_weight(&healthy, random)
            && health.admits(&rule.backends[index].id, now_ms)
        {
            return Some(index);
        }
    }
    // Everybody is ejected: trying the first is better than refusing.
    priorities.iter().find_map(|priority| {
        let same: Vec<(usize, &Backend)> = usable
            .iter()
            .filter(|(_, backend)| backend.priority == *priority)
            .copied()
            .collect();
        by_weight(&same, random)
    })
}

fn by_weight(backends: &[(usize, &Backend)], random: u64) -> Option<usize> {
    let total: u64 = backends
        .iter()
        .map(|(_, backend)| u64::from(backend.weight))
        .sum();
    let mut ticket = random.checked_rem(total)?;
    for (index, backend) in backends {
        let weight = u64::from(backend.weight);
        if ticket < weight {
            return Some(*index);
        }
        ticket -= weight;
    }
    None
}
