//! A change costs what it is, however large the gateway.

use std::time::Instant;

use prost::Message;
use tollgate_ir::Gateway;

use super::sample::{many_hosts, one_host, route, routes_of};
use crate::{ProxySettings, Snapshot};

const ROUTES: usize = 5000;
const CHANGE_BYTES_MAX: usize = 8 * 1024;

/// Bytes of the change that `edit` makes; it is applied, too.
fn bytes(mut gateway: Gateway, edit: impl FnOnce(&mut Gateway)) -> usize {
    let before = Snapshot::new(gateway.clone().into(), ProxySettings::default()).unwrap();
    edit(&mut gateway);
    let began = Instant::now();
    let next = before.next(gateway.clone().into(), ProxySettings::default());
    let (_, update) = next.unwrap().unwrap();
    let made = began.elapsed();
    let applied = Snapshot::apply(Some(&before), &update).unwrap();
    println!("made in {made:?}, applied in {:?}", began.elapsed() - made);
    assert_eq!(*applied.gateway, gateway);
    println!("{} bytes", update.encoded_len());
    update.encoded_len()
}

#[test]
fn one_changed_route_of_five_thousand_in_one_host_is_small() {
    let change = |gateway: &mut Gateway| {
        let changed = &mut routes_of(gateway, 0)[2500];
        *changed = route(&changed.name.clone(), "another.default.svc").into();
    };
    assert!(bytes(one_host(ROUTES), change) < CHANGE_BYTES_MAX);
}

#[test]
fn one_changed_route_of_five_thousand_hosts_is_small() {
    let change = |gateway: &mut Gateway| {
        let changed = &mut routes_of(gateway, 2500)[0];
        *changed = route(&changed.name.clone(), "another.default.svc").into();
    };
    assert!(bytes(many_hosts(ROUTES), change) < CHANGE_BYTES_MAX);
}

#[test]
fn routes_inserted_at_both_ends_and_one_taken_out_are_small() {
    let change = |gateway: &mut Gateway| {
        let routes = routes_of(gateway, 0);
        routes.insert(1, route("new/0", "b").into());
        routes.remove(2500);
        routes.insert(4990, route("new/1", "b").into());
        let moved = routes.remove(10);
        routes.insert(3000, moved);
    };
    assert!(bytes(one_host(ROUTES), change) < CHANGE_BYTES_MAX);
}

#[test]
fn a_host_taken_out_is_small() {
    let change = |gateway: &mut Gateway| {
        let http = gateway.listeners[0].http_mut().next().unwrap();
        http.virtual_hosts.remove(7);
    };
    assert!(bytes(many_hosts(ROUTES), change) < CHANGE_BYTES_MAX);
}
