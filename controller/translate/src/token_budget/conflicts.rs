//! Budgets that say the same twice: one subject, meter and window on one rule.
//!
//! Both apply, so nothing is unenforced; but whoever raises the greater limit waits in vain.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tollgate_bundle::{Budget, Meter, Mode, Subject, WindowKind};

use super::Draft;
use crate::ai_routes::AttachedAiRoute;

/// Rivals told to one budget; beyond these it knows that there is a muddle.
const RIVALS_MAX: usize = 8;

/// What two budgets may have in common.
type Key<'a> = (&'a Subject, String, WindowKind, &'a str);

/// For each budget that has rivals, a line about each of them.
pub(super) fn find(
    drafts: &[Draft<'_>],
    routes: &[Arc<AttachedAiRoute>],
) -> BTreeMap<String, Vec<String>> {
    let mut sites: BTreeMap<(Key<'_>, &str), BTreeSet<&str>> = BTreeMap::new();
    for draft in drafts {
        if let Ok(budget) = &draft.built.budget {
            let reach = draft.reach.rules.iter().chain(&draft.reach.backends);
            add(&mut sites, budget, reach.map(String::as_str));
        }
    }
    for route in routes {
        if let Some(budget) = &route.draft.budget {
            let rules = route.draft.rules.iter();
            add(&mut sites, budget, rules.map(|it| it.rule.rule.id.as_str()));
        }
    }
    let mut told: BTreeMap<String, BTreeMap<(&str, WindowKind), &str>> = BTreeMap::new();
    for ((key, site), ids) in &sites {
        for id in ids {
            let rivals = ids.iter().filter(|rival| *rival != id);
            for rival in rivals.take(RIVALS_MAX) {
                let told = told.entry((*id).to_string()).or_default();
                told.entry((rival, key.2)).or_insert(site);
            }
        }
    }
    told.into_iter()
        .map(|(id, rivals)| {
            let lines = rivals.into_iter().take(RIVALS_MAX);
            let lines = lines.map(|((rival, window), site)| {
                format!(
                    "budget {rival} has the same subject, meter and window ({window:?}) on {site}: both apply, the smaller limit decides"
                )
            });
            (id, lines.collect())
        })
        .collect()
}

fn add<'a>(
    sites: &mut BTreeMap<(Key<'a>, &'a str), BTreeSet<&'a str>>,
    budget: &'a Budget,
    reach: impl Iterator<Item = &'a str> + Clone,
) {
    // A shadow beside a budget in force is how a limit is tried out.
    if budget.mode == Mode::Shadow || matches!(budget.subject, Subject::Unknown(_)) {
        return;
    }
    for limit in &budget.limits {
        for site in reach.clone() {
            let key = (
                &budget.subject,
                meter(&budget.meter),
                limit.window,
                limit.time_zone.as_str(),
            );
            sites.entry((key, site)).or_default().insert(&budget.id);
        }
    }
}

fn meter(meter: &Meter) -> String {
    match meter {
        Meter::Money(_) => "Money".to_string(),
        other => format!("{other:?}"),
    }
}
