//! What operators call a budget: a token budget of the AI routes, or a limit of the rate limit
//! service.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_budget::window;
use tollgate_bundle::{Budget, Bundle, Limit, Meter, RateLimit};

use super::{problem::Problem, subjects};

/// Names in an error message.
const NAMES_MAX: usize = 10;
/// The rate limit service keeps its windows in this zone.
const RATE_LIMIT_ZONE: &str = "UTC";

/// A budget or a rate limit.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) id: &'a str,
    pub(super) limits: Vec<Limit>,
    pub(super) kind: Kind<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'a> {
    Budget(&'a Budget),
    /// The first of the limits with this id.
    RateLimit(&'a RateLimit),
}

/// All of a configuration, by id.
pub(super) fn all(bundle: &Bundle) -> BTreeMap<&str, View<'_>> {
    let mut views: BTreeMap<&str, View<'_>> = BTreeMap::new();
    for limit in bundle.rate_limits.values().flatten() {
        let view = views.entry(&limit.id).or_insert_with(|| View {
            id: &limit.id,
            limits: Vec::new(),
            kind: Kind::RateLimit(limit),
        });
        view.limits.push(Limit {
            amount: limit.amount,
            window: limit.window,
            time_zone: RATE_LIMIT_ZONE.to_string(),
        });
    }
    for budget in bundle.budgets.values() {
        let view = View {
            id: &budget.id,
            limits: budget.limits.clone(),
            kind: Kind::Budget(budget),
        };
        views.insert(view.id, view);
    }
    views
}

/// The one of this id, or the only one of this name.
pub(super) fn named<'a>(bundle: &'a Bundle, written: &str) -> Result<View<'a>, Problem> {
    let mut views = all(bundle);
    if let Some(view) = views.remove(written) {
        return Ok(view);
    }
    let of_name = |id: &&str| id.split_once('/').is_some_and(|(_, name)| name == written);
    let ids: Vec<&str> = views.keys().copied().filter(of_name).collect();
    match ids.as_slice() {
        [id] => views.remove(id).ok_or_else(|| unknown(written, &views)),
        [] => Err(unknown(written, &views)),
        several => Err(Problem::Invalid(format!(
            "{written:?} is the name of several budgets: {}",
            several.join(", ")
        ))),
    }
}

fn unknown(written: &str, views: &BTreeMap<&str, View<'_>>) -> Problem {
    Problem::Unknown(format!(
        "there is no budget {written:?}; {}",
        names("there are", views.keys().copied())
    ))
}

// === impl View ===

impl View<'_> {
    /// The windows of its limits, in words.
    pub(super) fn windows(&self) -> Vec<String> {
        let mut windows: Vec<String> = Vec::new();
        for limit in &self.limits {
            let words = window::words(limit.window);
            if !windows.contains(&words) {
                windows.push(words);
            }
        }
        windows
    }

    /// What its limits count, for people.
    pub(super) fn unit(&self) -> String {
        match self.kind {
            Kind::RateLimit(_) => "units".to_string(),
            Kind::Budget(budget) => match &budget.meter {
                Meter::Requests => "requests".to_string(),
                Meter::Expression(_) => "units".to_string(),
                Meter::Money(table) => format!("1e-12 {}", table.currency),
                Meter::Total
                | Meter::Input
                | Meter::Output
                | Meter::CachedInput
                | Meter::CacheWrite
                | Meter::Reasoning => "tokens".to_string(),
            },
        }
    }

    /// The full name of a subject.
    pub(super) fn subject(&self, written: &str) -> String {
        match self.kind {
            Kind::Budget(budget) => subjects::full_name(budget, written),
            Kind::RateLimit(_) => written.to_string(),
        }
    }

    /// All subjects that can pay; `None` where the configuration does not tell.
    pub(super) fn subjects(&self, bundle: &Bundle) -> Option<BTreeSet<String>> {
        match self.kind {
            Kind::Budget(budget) => subjects::known(budget, bundle),
            Kind::RateLimit(_) => None,
        }
    }
}

/// `there are a, b and 3 more`.
pub(super) fn names<'a>(verb: &str, all: impl ExactSizeIterator<Item = &'a str>) -> String {
    let count = all.len();
    if count == 0 {
        return format!("{verb} none");
    }
    let shown: Vec<&str> = all.take(NAMES_MAX).collect();
    let more = match count.saturating_sub(NAMES_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{verb} {}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tollgate_bundle::{Bundle, RateLimit, WindowKind};

    use super::{named, names};

    fn limit(id: &str, window: WindowKind) -> RateLimit {
        RateLimit {
            id: id.to_string(),
            amount: 5,
            window,
            ..RateLimit::default()
        }
    }

    #[test]
    fn rate_limits_are_found_by_id_and_by_name() {
        let limits = vec![
            limit("shop/policy/0", WindowKind::Minute),
            limit("shop/policy/0", WindowKind::Day),
            limit("shop/policy/1", WindowKind::Day),
            limit("other/policy/1", WindowKind::Day),
        ];
        let bundle = Bundle {
            rate_limits: BTreeMap::from([("domain".to_string(), limits)]),
            ..Bundle::default()
        };
        for written in ["shop/policy/0", "policy/0"] {
            let view = named(&bundle, written).unwrap();
            assert_eq!(
                (view.id, view.windows()),
                (
                    "shop/policy/0",
                    vec!["Minute".to_string(), "Day".to_string()]
                )
            );
        }
        assert!(named(&bundle, "shop/policy/2").is_err());
        assert!(named(&bundle, "policy/1").is_err(), "two have this name");
    }

    #[test]
    fn long_lists_of_names_are_cut() {
        assert_eq!(names("it has", [].into_iter()), "it has none");
        let all: Vec<String> = (0..12).map(|n| n.to_string()).collect();
        assert_eq!(
            names("it has", all.iter().map(String::as_str)),
            "it has 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
        );
    }
}
