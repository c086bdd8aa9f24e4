//! The quick ways to make a change and to apply one lead where the thorough ones do.

use std::{collections::HashSet, sync::Arc};

use proptest::prelude::*;
use tollgate_ir::{Gateway, HttpTraffic, TlsAction, Traffic};

use super::sample::{gateway, many_hosts, route, routes_of};
use crate::{ProxySettings, Snapshot, Update};

/// The same gateway with the first of each name alone.
fn unique(gateway: &Gateway) -> Gateway {
    let mut gateway = gateway.clone();
    let (mut holders, mut hosts) = (HashSet::new(), HashSet::new());
    let mut of_http = |http: &mut HttpTraffic| {
        http.virtual_hosts
            .retain(|host| hosts.insert(host.name.clone()));
        for host in &mut http.virtual_hosts {
            let mut names = HashSet::new();
            host.routes.retain(|route| names.insert(route.name.clone()));
            if let Some(ai) = &mut host.ai {
                let mut ids = HashSet::new();
                ai.rules.retain(|rule| ids.insert(rule.rule.id.clone()));
            }
        }
    };
    gateway
        .listeners
        .retain(|it| holders.insert(it.name.clone()));
    for listener in &mut gateway.listeners {
        match &mut listener.traffic {
            Traffic::Http(http) => of_http(http),
            Traffic::Tls(chains) => {
                chains.retain(|it| holders.insert(it.name.clone()));
                for chain in chains {
                    if let TlsAction::Https { http, .. } = &mut chain.action {
                        of_http(http);
                    }
                }
            }
            Traffic::Tcp(_) | Traffic::Udp(_) => {}
        }
    }
    for consumers in gateway.consumers.values_mut() {
        let mut names = HashSet::new();
        consumers.retain(|it| names.insert(it.name.clone()));
    }
    gateway
}

/// One that takes the thorough ways alone.
fn thorough(snapshot: &Snapshot) -> Snapshot {
    let settings = ProxySettings::clone(&snapshot.settings);
    let mut same = Snapshot::new(Arc::clone(&snapshot.gateway), settings).unwrap();
    assert!(std::mem::take(&mut same.has_unique_names));
    same
}

fn snapshot(gateway: Gateway) -> Snapshot {
    Snapshot::new(gateway.into(), ProxySettings::default()).unwrap()
}

/// Makes and applies the change in both ways.
fn check(before: Gateway, after: Gateway) -> Option<Update> {
    let from = snapshot(before);
    let slow = thorough(&from);
    let next = |from: &Snapshot| {
        let after = Arc::new(after.clone());
        from.next(after, ProxySettings::default()).unwrap()
    };
    let Some((next, update)) = next(&from)
        .map(|it| (it, next(&slow).unwrap().1))
        .map(|it| {
            assert_eq!(it.0.1, it.1, "made in both ways");
            it.0
        })
    else {
        assert_eq!(*from.gateway, after);
        return None;
    };
    assert_eq!(next.digests, snapshot(after.clone()).digests);
    for base in [&from, &slow] {
        let applied = Snapshot::apply(Some(base), &update).unwrap();
        assert_eq!(*applied.gateway, after);
        assert_eq!(applied.version(), next.version());
        assert_eq!(applied.digests, next.digests);
    }
    Some(update)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn change_between_any_two_gateways_is_the_same_in_both_ways((a, b) in (gateway(), gateway())) {
        check(unique(&a), unique(&b));
    }

    #[test]
    fn change_of_a_few_hosts_and_routes_is_the_same_in_both_ways(
        edits in prop::collection::vec((0..6usize, 0..12usize, 0..4usize), 1..5),
    ) {
        let before = many_hosts(12);
        let mut after = before.clone();
        for (at, (what, host, to)) in edits.into_iter().enumerate() {
            let http = after.listeners[0].http_mut().next().unwrap();
            let hosts = &mut http.virtual_hosts;
            if hosts.is_empty() {
                break;
            }
            let host = host % hosts.len();
            match what {
                0 => drop(hosts.remove(host)),
                1 => {
                    let moved = hosts.remove(host);
                    hosts.insert(to.min(hosts.len()), moved);
                }
                2 => {
                    let mut new = hosts[host].clone();
                    new.name = format!("new/{at}");
                    hosts.insert(to.min(hosts.len()), new);
                }
                3 => hosts[host].routes.push(route(&format!("new/{at}"), "b").into()),
                4 => hosts[host].routes.clear(),
                _ => hosts[host].hostname = tollgate_ir::Hostname::Suffix(format!(".{to}")),
            }
        }
        check(before, after);
    }
}

#[test]
fn host_that_takes_the_name_of_another_is_told_apart() {
    let before = many_hosts(4);
    let mut after = before.clone();
    let http = after.listeners[0].http_mut().next().unwrap();
    let first = http.virtual_hosts[0].name.clone();
    http.virtual_hosts[2].name = first;
    let from = snapshot(before);
    let next = from.next(after.clone().into(), ProxySettings::default());
    let (next, update) = next.unwrap().unwrap();
    assert!(!next.has_unique_names);
    let applied = Snapshot::apply(Some(&from), &update).unwrap();
    assert_eq!(*applied.gateway, after);
}

#[test]
fn change_of_one_route_leaves_all_other_hosts_shared_at_both_ends() {
    let before = many_hosts(8);
    let mut after = before.clone();
    routes_of(&mut after, 3)[0] = route("other", "b").into();
    let update = check(before.clone(), after).unwrap();
    let from = snapshot(before);
    let applied = Snapshot::apply(Some(&from), &update).unwrap();
    let hosts =
        |gateway: &Gateway| -> Vec<_> { gateway.listeners[0].virtual_hosts().cloned().collect() };
    let (old, new) = (hosts(&from.gateway), hosts(&applied.gateway));
    let shared: Vec<usize> = (0..8).filter(|at| new[*at].is_same(&old[*at])).collect();
    assert_eq!(shared, [0, 1, 2, 4, 5, 6, 7]);
}
