//! Which limits meet which descriptors, and under which accounts.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tollgate_bundle::{DescriptorEntry, RateLimit, WindowKind};

use super::{Limits, Mode};
use crate::{bounds::ENTRIES_MAX, telemetry::Telemetry, wire::Entry};

/// `k=v` is an exact entry, `k` one with any value.
fn limit(id: &str, entries: &[&str]) -> RateLimit {
    let entries = entries.iter().map(|entry| {
        let (key, value) = match entry.split_once('=') {
            Some((key, value)) => (key, Some(value.to_string())),
            None => (*entry, None),
        };
        DescriptorEntry {
            key: key.to_string(),
            value,
        }
    });
    RateLimit {
        id: id.to_string(),
        entries: entries.collect(),
        amount: 10,
        ..RateLimit::default()
    }
}

fn entries(texts: &[&str]) -> Vec<Entry> {
    let entry = |text: &&str| {
        let (key, value) = text.split_once('=').unwrap();
        Entry {
            key: key.to_string().into(),
            value: value.to_string().into(),
        }
    };
    texts.iter().map(entry).collect()
}

fn compile(limits: Vec<RateLimit>) -> Limits {
    let domains = BTreeMap::from([("d".to_string(), limits)]);
    Limits::compile(&domains, &Telemetry::default())
}

/// `limit id / subject` of each limit that applies.
fn met(limits: &Limits, descriptor: &[&str]) -> Vec<String> {
    let entries = entries(descriptor);
    let found = limits.find(b"d", &entries);
    let accounts = found.iter().flat_map(|found| {
        found
            .limits
            .iter()
            .map(|limit| limit.account_of(&entries, found.wild))
    });
    accounts
        .map(|account| format!("{} / {}", account.budget, account.subject))
        .collect()
}

#[test]
fn a_limit_matches_all_its_entries_in_their_order_and_no_others() {
    let limits = compile(vec![limit("a", &["x=1", "y=2"])]);
    assert_eq!(met(&limits, &["x=1", "y=2"]), ["a / shared"]);
    for other in [
        &["x=1"][..],
        &["y=2", "x=1"],
        &["x=1", "y=3"],
        &["x=1", "y=2", "z=3"],
        &["z=1", "y=2"],
        &[],
    ] {
        assert_eq!(met(&limits, other), Vec::<String>::new(), "{other:?}");
    }
    assert!(limits.find(b"other", &entries(&["x=1", "y=2"])).is_none());
}

#[test]
fn each_value_of_an_open_entry_has_an_account_of_its_own() {
    let limits = compile(vec![limit("a", &["user", "plan=free", "region"])]);
    assert_eq!(
        met(&limits, &["user=alice", "plan=free", "region=eu"]),
        ["a / alice|eu"]
    );
    assert_eq!(
        met(&limits, &["user=bob", "plan=free", "region="]),
        ["a / bob|"]
    );
}

#[test]
fn an_exact_value_goes_before_any_value() {
    let limits = compile(vec![
        limit("everybody", &["user"]),
        limit("root", &["user=root"]),
    ]);
    assert_eq!(met(&limits, &["user=root"]), ["root / shared"]);
    assert_eq!(met(&limits, &["user=alice"]), ["everybody / alice"]);
}

#[test]
fn an_exact_value_that_leads_nowhere_gives_way_to_any_value() {
    let limits = compile(vec![
        limit("a", &["user=root", "path=/x"]),
        limit("b", &["user", "path=/y"]),
    ]);
    assert_eq!(met(&limits, &["user=root", "path=/y"]), ["b / root"]);
    assert_eq!(met(&limits, &["user=root", "path=/x"]), ["a / shared"]);
}

#[test]
fn limits_on_the_same_entries_apply_together() {
    let limits = compile(vec![
        limit("minute", &["user"]),
        RateLimit {
            window: WindowKind::Day,
            ..limit("day", &["user"])
        },
    ]);
    assert_eq!(
        met(&limits, &["user=alice"]),
        ["minute / alice", "day / alice"]
    );
}

#[test]
fn of_limits_with_the_same_accounts_the_first_counts() {
    let limits = compile(vec![
        limit("a", &["user"]),
        RateLimit {
            amount: 99,
            ..limit("a", &["user"])
        },
    ]);
    assert_eq!(met(&limits, &["user=alice"]), ["a / alice"]);
    let entries = entries(&["user=alice"]);
    let found = limits.find(b"d", &entries).unwrap();
    assert_eq!(found.limits[0].account.limit, 10);
}

#[test]
fn shadow_goes_before_a_quota_group() {
    let limits = compile(vec![RateLimit {
        shadow: true,
        quota_group: Some("g".to_string()),
        ..limit("a", &["x=1"])
    }]);
    let entries = entries(&["x=1"]);
    let found = limits.find(b"d", &entries).unwrap();
    assert_eq!(found.limits[0].mode, Mode::Shadow);
}

#[test]
fn the_longest_descriptor_has_an_account_by_its_last_value() {
    let mut names: Vec<String> = (1..ENTRIES_MAX).map(|n| format!("k{n}=v")).collect();
    names.push("last".to_string());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let limits = compile(vec![limit("a", &names)]);
    let mut descriptor = names.clone();
    descriptor[ENTRIES_MAX - 1] = "last=alice";
    assert_eq!(met(&limits, &descriptor), ["a / alice"]);
}

#[test]
fn a_limit_with_too_many_entries_is_left_out_and_the_others_stand() {
    let names: Vec<String> = (0..=ENTRIES_MAX).map(|n| format!("k{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let limits = compile(vec![limit("long", &names), limit("a", &["x=1"])]);
    assert_eq!(met(&limits, &["x=1"]), ["a / shared"]);
}

/// Few keys and values, so that limits and descriptors meet.
fn pattern() -> impl Strategy<Value = Vec<(u8, Option<u8>)>> {
    prop::collection::vec((0..2u8, prop::option::of(0..2u8)), 1..4)
}

proptest! {
    #[test]
    fn the_tree_finds_what_a_search_through_all_limits_finds(
        patterns in prop::collection::vec(pattern(), 0..12),
        descriptor in prop::collection::vec((0..2u8, 0..2u8), 1..4),
    ) {
        let limits = patterns.iter().enumerate().map(|(index, pattern)| RateLimit {
            id: index.to_string(),
            entries: pattern
                .iter()
                .map(|(key, value)| DescriptorEntry {
                    key: key.to_string(),
                    value: value.map(|value| value.to_string()),
                })
                .collect(),
            ..RateLimit::default()
        });
        let compiled = compile(limits.collect());
        let sent: Vec<Entry> = descriptor
            .iter()
            .map(|(key, value)| Entry {
                key: key.to_string().into(),
                value: value.to_string().into(),
            })
            .collect();
        let found: Vec<String> = compiled
            .find(b"d", &sent)
            .iter()
            .flat_map(|found| found.limits)
            .map(|limit| limit.account.budget.to_string())
            .collect();

        let matches = |pattern: &&Vec<(u8, Option<u8>)>| {
            pattern.len() == descriptor.len()
                && pattern.iter().zip(&descriptor).all(|((key, value), (sent_key, sent_value))| {
                    key == sent_key && value.is_none_or(|value| value == *sent_value)
                })
        };
        // Exact sorts before any, entry by entry.
        let openness = |pattern: &Vec<(u8, Option<u8>)>| -> Vec<bool> {
            pattern.iter().map(|(_, value)| value.is_none()).collect()
        };
        let best = patterns.iter().filter(matches).map(openness).min();
        let expected: Vec<String> = patterns
            .iter()
            .enumerate()
            .filter(|(_, pattern)| matches(pattern) && Some(openness(pattern)) == best)
            .map(|(index, _)| index.to_string())
            .collect();
        prop_assert_eq!(found, expected);
    }
}
