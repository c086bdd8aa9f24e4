//! Quota groups: served until nothing is left in the whole group.

use tollgate_bundle::{RateLimit, WindowKind};
use tollgate_envoy::well_known::{Struct, Value, value::Kind};

use super::{Rig, costs, limit, of};
use crate::wire::{Descriptor, OK, OVER_LIMIT, RateLimitResponse};

fn quota(id: &str, group: &str, amount: u64) -> RateLimit {
    RateLimit {
        quota_group: Some(group.to_string()),
        ..limit(id, amount, WindowKind::Hour)
    }
}

fn codes(answer: &RateLimitResponse) -> (i32, Vec<i32>) {
    let statuses = answer.statuses.iter().map(|status| status.code);
    (answer.overall_code, statuses.collect())
}

/// The indices in `quotaModeViolations`.
fn violations(answer: &RateLimitResponse) -> Vec<f64> {
    let metadata: &Struct = answer.dynamic_metadata.as_ref().unwrap();
    let Some(Value {
        kind: Some(Kind::ListValue(list)),
    }) = metadata.fields.get("quotaModeViolations")
    else {
        return Vec::new();
    };
    let indices = list.values.iter().map(|value| match value.kind {
        Some(Kind::NumberValue(index)) => index,
        _ => panic!("{value:?} is no index"),
    });
    indices.collect()
}

#[test]
fn a_group_refuses_only_when_nothing_is_left_in_any_of_its_limits() {
    let rig = Rig::new(vec![quota("a", "g", 1), quota("b", "g", 2)]);
    let both = || rig.ask(vec![of("a", "x"), of("b", "x")]);
    let first = both();
    assert_eq!(codes(&first), (OK, vec![OK, OK]));
    assert_eq!(violations(&first), Vec::<f64>::new());
    let second = both();
    assert_eq!(codes(&second), (OK, vec![OVER_LIMIT, OK]));
    assert_eq!(violations(&second), [0.0]);
    let third = both();
    assert_eq!(codes(&third), (OVER_LIMIT, vec![OVER_LIMIT, OVER_LIMIT]));
    assert_eq!(violations(&third), [0.0, 1.0]);
}

#[test]
fn an_exhausted_group_refuses_whatever_another_group_has() {
    let rig = Rig::new(vec![quota("a", "g", 1), quota("b", "h", 9)]);
    let both = || rig.ask(vec![of("a", "x"), of("b", "x")]);
    assert_eq!(codes(&both()).0, OK);
    assert_eq!(codes(&both()), (OVER_LIMIT, vec![OVER_LIMIT, OK]));
}

#[test]
fn an_enforced_limit_refuses_whatever_a_group_has() {
    let rig = Rig::new(vec![
        quota("a", "g", 9),
        limit("user", 1, WindowKind::Minute),
    ]);
    let both = || rig.ask(vec![of("a", "x"), of("user", "alice")]);
    assert_eq!(codes(&both()).0, OK);
    assert_eq!(codes(&both()), (OVER_LIMIT, vec![OK, OVER_LIMIT]));
}

#[test]
fn a_check_of_quotas_charges_nothing_and_tells_which_are_exhausted() {
    let rig = Rig::new(vec![quota("a", "g", 1), quota("b", "g", 1)]);
    let check = || rig.ask(vec![costs(0, of("a", "x")), costs(0, of("b", "x"))]);
    assert_eq!(codes(&check()).0, OK);
    rig.ask(vec![costs(5, of("b", "x"))]);
    let answer = check();
    assert_eq!(codes(&answer), (OK, vec![OK, OVER_LIMIT]));
    assert_eq!(violations(&answer), [1.0]);
}

#[test]
fn metadata_names_domain_and_descriptors_and_only_where_there_are_quotas() {
    let rig = Rig::new(vec![
        quota("a", "g", 1),
        limit("user", 9, WindowKind::Minute),
    ]);
    let plain = rig.ask(vec![of("user", "alice")]);
    assert_eq!(plain.dynamic_metadata, None);
    let mut two: Descriptor = of("a", "x");
    two.hits_addend = None;
    let answer = rig.ask(vec![of("user", "alice"), two]);
    let metadata = answer.dynamic_metadata.unwrap();
    let text = format!("{:?}", metadata.fields["descriptors"]);
    assert!(
        text.contains("user=alice") && text.contains("a=x"),
        "{text}"
    );
    assert_eq!(
        metadata.fields["domain"].kind,
        Some(Kind::StringValue("d".to_string()))
    );
    assert_eq!(
        metadata.fields["quotaModeEnabled"].kind,
        Some(Kind::BoolValue(true))
    );
    assert!(!metadata.fields.contains_key("hitsAddend"));
}
