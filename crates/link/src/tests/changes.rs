//! Updates lead where they say, for gateways of any shape.

use std::sync::Arc;

use proptest::prelude::*;
use tollgate_ir::Gateway;

use super::sample::{gateway, host, one_host, route, routes_of, settings};
use crate::{ApplyError, ProxySettings, Snapshot, Update, update::SetPiece};

fn snapshot(gateway: impl Into<Arc<Gateway>>) -> Snapshot {
    Snapshot::new(gateway.into(), ProxySettings::default()).unwrap()
}

fn change(from: &Snapshot, to: Gateway) -> Update {
    let (_, update) = from
        .next(to.into(), ProxySettings::default())
        .unwrap()
        .unwrap();
    update
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_change_leads_from_one_gateway_to_the_other(
        (a, b) in (gateway(), gateway()),
        (with_a, with_b) in (settings(), settings()),
    ) {
        let from = Snapshot::new(a, with_a).unwrap();
        let to = Snapshot::new(b.clone(), with_b.clone()).unwrap();
        match from.next(b.clone(), with_b.clone()).unwrap() {
            None => prop_assert_eq!(from.version(), to.version()),
            Some((next, update)) => {
                prop_assert_eq!(next.version(), to.version());
                let applied = Snapshot::apply(Some(&from), &update).unwrap();
                prop_assert_eq!(&*applied.gateway, &*b);
                prop_assert_eq!(&*applied.settings, &with_b);
                prop_assert_eq!(applied.version(), to.version());
            }
        }
    }

    #[test]
    fn the_whole_leads_there_from_nothing_and_from_anything(
        (a, b) in (gateway(), gateway()),
        with in settings(),
    ) {
        let whole = Snapshot::new(b.clone(), with.clone()).unwrap();
        let update = whole.full().unwrap();
        prop_assert!(update.order.is_empty());
        let other = snapshot(a);
        for base in [None, Some(&other)] {
            let applied = Snapshot::apply(base, &update).unwrap();
            prop_assert_eq!(&*applied.gateway, &*b);
            prop_assert_eq!(&*applied.settings, &with);
            prop_assert_eq!(applied.version(), whole.version());
        }
    }

    #[test]
    fn versions_are_equal_where_content_is_and_nowhere_else((a, b) in (gateway(), gateway())) {
        prop_assert_eq!(a == b, snapshot(a).version() == snapshot(b).version());
    }

    #[test]
    fn a_damaged_update_is_refused_or_leads_to_what_it_says(
        (a, b) in (gateway(), gateway()),
        damage in any::<[prop::sample::Index; 2]>(),
    ) {
        let (from, to) = (snapshot(a), snapshot(b));
        let Some((_, mut update)) = from.next(to.gateway.clone(), ProxySettings::default()).unwrap()
        else {
            return Ok(());
        };
        let [what, at] = damage;
        match what.index(4) {
            0 if !update.set.is_empty() => { update.set.remove(at.index(update.set.len())); }
            1 if !update.remove.is_empty() => {
                update.remove.remove(at.index(update.remove.len()));
            }
            2 if !update.order.is_empty() => {
                let at = at.index(update.order.len());
                update.order[at].at ^= 1;
            }
            _ if !update.set.is_empty() => {
                let at = at.index(update.set.len());
                update.set[at].name.push('x');
            }
            _ => return Ok(()),
        }
        if let Ok(applied) = Snapshot::apply(Some(&from), &update) {
            prop_assert_eq!(&*applied.gateway, &*to.gateway);
        }
    }
}

#[test]
fn two_routes_that_change_places_are_a_change_of_order_alone() {
    let from = snapshot(one_host(4));
    let mut gateway = one_host(4);
    routes_of(&mut gateway, 0).swap(0, 3);
    let update = change(&from, gateway.clone());
    assert!(update.set.is_empty() && update.remove.is_empty());
    let applied = Snapshot::apply(Some(&from), &update).unwrap();
    assert_eq!(*applied.gateway, gateway);
}

#[test]
fn a_change_of_another_version_is_refused() {
    let from = snapshot(one_host(4));
    let update = change(&from, one_host(5));
    for base in [None, Some(&snapshot(one_host(3)))] {
        let refused = Snapshot::apply(base, &update);
        assert!(matches!(refused, Err(ApplyError::OtherBase { .. })));
    }
}

#[test]
fn a_piece_of_a_kind_of_the_future_is_refused_by_its_number() {
    let mut update = snapshot(one_host(1)).full().unwrap();
    update.set.push(SetPiece {
        kind: 77,
        ..SetPiece::default()
    });
    let refused = Snapshot::apply(None, &update).unwrap_err();
    assert!(refused.to_string().contains("kind 77"), "{refused}");
}

#[test]
fn a_field_of_the_future_is_passed_over() {
    let whole = snapshot(one_host(1));
    let mut update = whole.full().unwrap();
    let last = update.set.last_mut().unwrap();
    let json = String::from_utf8(last.json.to_vec()).unwrap();
    let json = json.replacen('{', "{\"colour\":\"blue\",", 1);
    last.json = json.into();
    // The version is that of the bytes: the sender has hashed the field.
    let says = Snapshot::apply(None, &update).unwrap_err();
    let ApplyError::OtherResult { result, .. } = says else {
        panic!("{says}");
    };
    update.version = result.to_string();
    let applied = Snapshot::apply(None, &update).unwrap();
    assert_eq!(applied.gateway, whole.gateway);
    let mut next = one_host(1);
    routes_of(&mut next, 0).push(route("another", "b").into());
    let on_top = Snapshot::apply(Some(&applied), &change(&whole, next));
    assert!(matches!(on_top, Err(ApplyError::OtherBase { .. })));
}

#[test]
fn a_route_without_its_host_is_refused() {
    let mut update = snapshot(one_host(1)).full().unwrap();
    update
        .set
        .retain(|it| it.kind != crate::piece::Kind::Host as i32);
    let refused = Snapshot::apply(None, &update).unwrap_err();
    assert!(matches!(refused, ApplyError::NoPlace { .. }), "{refused}");
}

#[test]
fn secrets_are_in_the_pieces_and_in_nothing_printed() {
    let mut gateway = one_host(1);
    let http = gateway.listeners[0].http_mut().next().unwrap();
    let mut ai = host("ai", Vec::new());
    ai.ai = Some(tollgate_ir::AiScope {
        rules: vec![super::sample::rule("default/r/0", "sk-live-1").into()],
    });
    http.virtual_hosts.push(ai.into());
    let snapshot = snapshot(gateway);
    let update = snapshot.full().unwrap();
    let written = update.set.iter().any(|it| {
        let json = String::from_utf8_lossy(&it.json);
        json.contains("sk-live-1")
    });
    assert!(written);
    assert!(!format!("{update:?} {snapshot:?}").contains("sk-live-1"));
}
