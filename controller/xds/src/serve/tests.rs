//! The stream's state machine, driven by requests as Envoy sends them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_envoy as envoy;

use envoy::discovery::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};

use super::stream::StreamState;
use crate::ResourceType::{self, Cluster, Endpoint, Listener, Route, Secret};
use crate::{Resources, Snapshot};

/// A snapshot with these clusters, endpoints, listeners and routes; the text after `=` is
/// content that changes the version.
fn snapshot(names: &[(ResourceType, &str)]) -> Arc<Snapshot> {
    let mut resources = Resources::default();
    for (kind, text) in names {
        let (name, content) = text.split_once('=').unwrap_or((text, ""));
        let (name, content) = (name.to_string(), content.to_string());
        match kind {
            Cluster => {
                let cluster = envoy::cluster::Cluster {
                    name: name.clone(),
                    alt_stat_name: content,
                    ..Default::default()
                };
                resources.clusters.insert(name, Arc::new(cluster));
            }
            Endpoint => {
                let endpoints = envoy::endpoint::ClusterLoadAssignment {
                    cluster_name: name.clone(),
                    ..Default::default()
                };
                resources.endpoints.insert(name, Arc::new(endpoints));
            }
            Listener => {
                let listener = envoy::listener::Listener {
                    name: name.clone(),
                    stat_prefix: content,
                    ..Default::default()
                };
                resources.listeners.insert(name, Arc::new(listener));
            }
            Route => {
                let route = envoy::route::RouteConfiguration {
                    name: name.clone(),
                    vhost_header: content,
                    ..Default::default()
                };
                resources.routes.insert(name, Arc::new(route.into()));
            }
            ResourceType::Secret => {
                let secret = envoy::tls::Secret {
                    name: name.clone(),
                    ..Default::default()
                };
                resources.secrets.insert(name, secret.into());
            }
        }
    }
    Arc::new(Snapshot::new(&resources))
}

fn request(kind: ResourceType) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        type_url: kind.type_url(),
        ..DeltaDiscoveryRequest::default()
    }
}

fn subscribe(kind: ResourceType, names: &[&str]) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        resource_names_subscribe: names.iter().map(ToString::to_string).collect(),
        ..request(kind)
    }
}

fn ack(response: &DeltaDiscoveryResponse) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        type_url: response.type_url.clone(),
        response_nonce: response.nonce.clone(),
        ..DeltaDiscoveryRequest::default()
    }
}

fn nack(response: &DeltaDiscoveryResponse, error: &str) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        error_detail: Some(envoy::rpc::Status {
            code: 13,
            message: error.to_string(),
            ..Default::default()
        }),
        ..ack(response)
    }
}

/// What a response says, as text: `Cluster +a +b -c`.
fn said(response: &DeltaDiscoveryResponse) -> String {
    let kind = ResourceType::from_type_url(&response.type_url).unwrap();
    let added = response.resources.iter().map(|r| format!(" +{}", r.name));
    let removed = response.removed_resources.iter().map(|r| format!(" -{r}"));
    let changes: String = added.chain(removed).collect();
    format!("{kind:?}{changes}")
}

/// Accepts everything, subscribing to what Envoy would subscribe to; returns what was said.
fn run(state: &mut StreamState) -> Vec<String> {
    let mut log = Vec::new();
    while let Some(response) = state.next_response() {
        log.push(said(&response));
        assert!(state.on_request(ack(&response)).is_none());
    }
    log
}

/// A client that has asked for everything in `snapshot`, and has it.
fn settled(snapshot: &Arc<Snapshot>) -> StreamState {
    let mut state = StreamState::new(Arc::clone(snapshot));
    state.on_request(request(Cluster));
    state.on_request(request(Listener));
    for kind in [Endpoint, Route] {
        let names: Vec<&str> = snapshot.resources(kind).map(|(name, _)| name).collect();
        if !names.is_empty() {
            state.on_request(subscribe(kind, &names));
        }
    }
    run(&mut state);
    assert_eq!(state.live(), Some(snapshot.version()));
    state
}

#[test]
fn a_first_request_without_names_gets_everything_and_later_only_what_changed() {
    let before = snapshot(&[(Cluster, "a"), (Cluster, "b"), (Listener, "l")]);
    let mut state = StreamState::new(before);
    state.on_request(request(Cluster));
    state.on_request(request(Listener));
    assert_eq!(run(&mut state), ["Cluster +a +b", "Listener +l"]);

    state.on_snapshot(snapshot(&[
        (Cluster, "a"),
        (Cluster, "b=2"),
        (Listener, "l"),
    ]));
    assert_eq!(run(&mut state), ["Cluster +b"]);
}

#[test]
fn a_client_that_asks_for_everything_is_answered_even_if_there_is_nothing() {
    let empty = snapshot(&[]);
    let mut state = StreamState::new(Arc::clone(&empty));
    state.on_request(request(Cluster));
    state.on_request(request(Listener));
    assert_eq!(run(&mut state), ["Cluster", "Listener"]);
    assert_eq!(run(&mut state), Vec::<String>::new());
    assert_eq!(state.live(), Some(empty.version()));
}

#[test]
fn nothing_is_said_before_it_is_asked_for() {
    let mut state = StreamState::new(snapshot(&[(Cluster, "a"), (Listener, "l")]));
    assert_eq!(run(&mut state), Vec::<String>::new());
    state.on_request(request(Cluster));
    assert_eq!(run(&mut state), ["Cluster +a"]);
    assert_eq!(state.live(), None);
}

#[test]
fn updates_come_first_and_a_cluster_goes_when_no_route_names_it_any_more() {
    let mut state = settled(&snapshot(&[
        (Cluster, "old"),
        (Endpoint, "old"),
        (Listener, "l"),
        (Route, "r=old"),
    ]));
    let after = snapshot(&[
        (Cluster, "new"),
        (Endpoint, "new"),
        (Listener, "l"),
        (Route, "r=new"),
    ]);
    state.on_snapshot(Arc::clone(&after));
    let cluster = state.next_response().unwrap();
    assert_eq!(said(&cluster), "Cluster +new");
    // The route waits until the cluster is taken.
    assert!(state.next_response().is_none());
    state.on_request(ack(&cluster));
    state.on_request(subscribe(Endpoint, &["new"]));
    let said = run(&mut state);
    assert_eq!(
        said,
        ["Endpoint +new", "Route +r", "Cluster -old", "Endpoint -old"]
    );
    assert_eq!(state.live(), Some(after.version()));
}

#[test]
fn a_changed_cluster_gets_its_endpoints_again_although_they_are_the_same() {
    let names = [
        (Cluster, "a=1"),
        (Cluster, "b"),
        (Endpoint, "a"),
        (Endpoint, "b"),
    ];
    let mut state = settled(&snapshot(&[&names[..], &[(Listener, "l")]].concat()));
    let names = [
        (Cluster, "a=2"),
        (Cluster, "b"),
        (Endpoint, "a"),
        (Endpoint, "b"),
    ];
    let after = snapshot(&[&names[..], &[(Listener, "l")]].concat());
    state.on_snapshot(Arc::clone(&after));
    assert_eq!(run(&mut state), ["Cluster +a", "Endpoint +a"]);
    assert_eq!(state.live(), Some(after.version()));
}

#[test]
fn a_refusal_is_reported_with_its_names_and_not_offered_again() {
    let mut state = settled(&snapshot(&[(Cluster, "a"), (Listener, "l")]));
    let bad = snapshot(&[(Cluster, "a"), (Listener, "l=bad")]);
    state.on_snapshot(Arc::clone(&bad));
    let response = state.next_response().unwrap();
    let rejection = state.on_request(nack(&response, "no such filter")).unwrap();
    assert_eq!(rejection.kind, Listener);
    assert_eq!(rejection.names, ["l"]);
    assert_eq!(rejection.error, "no such filter");
    assert_eq!(rejection.version, bad.version());
    assert_eq!(run(&mut state), Vec::<String>::new());
    assert_eq!(state.live(), None);

    let good = snapshot(&[(Cluster, "a"), (Listener, "l=good")]);
    state.on_snapshot(Arc::clone(&good));
    assert_eq!(run(&mut state), ["Listener +l"]);
    assert_eq!(state.live(), Some(good.version()));
}

#[test]
fn what_was_refused_together_is_offered_again_with_the_next_snapshot() {
    let mut state = settled(&snapshot(&[
        (Cluster, "a"),
        (Listener, "l=1"),
        (Listener, "m=1"),
    ]));
    state.on_snapshot(snapshot(&[
        (Cluster, "a"),
        (Listener, "l=2"),
        (Listener, "m=bad"),
    ]));
    let response = state.next_response().unwrap();
    assert_eq!(said(&response), "Listener +l +m");
    assert!(state.on_request(nack(&response, "bad")).is_some());
    // Envoy may have taken the one and not the other.
    let good = snapshot(&[(Cluster, "a"), (Listener, "l=2"), (Listener, "m=1")]);
    state.on_snapshot(Arc::clone(&good));
    assert_eq!(run(&mut state), ["Listener +l +m"]);
    assert_eq!(state.live(), Some(good.version()));
}

#[test]
fn routes_and_secrets_come_one_by_one_so_that_a_bad_one_harms_no_other() {
    let before = snapshot(&[
        (Cluster, "a"),
        (Listener, "l"),
        (Route, "r=1"),
        (Route, "s=1"),
    ]);
    let mut state = settled(&before);
    let after = snapshot(&[
        (Cluster, "a"),
        (Listener, "l"),
        (Route, "r=bad"),
        (Route, "s=2"),
    ]);
    state.on_snapshot(after);
    let response = state.next_response().unwrap();
    assert_eq!(said(&response), "Route +r");
    assert!(state.next_response().is_none());
    let refused = state.on_request(nack(&response, "bad")).unwrap();
    assert_eq!(refused.names, ["r"]);
    assert_eq!(run(&mut state), ["Route +s"]);
}

#[test]
fn what_is_refused_after_the_next_snapshot_has_come_is_offered_again_with_that() {
    let mut state = settled(&snapshot(&[(Cluster, "a"), (Listener, "l")]));
    state.on_snapshot(snapshot(&[(Cluster, "a"), (Listener, "l=bad")]));
    let response = state.next_response().unwrap();
    let next = snapshot(&[(Cluster, "a"), (Listener, "l=bad"), (Listener, "m")]);
    state.on_snapshot(Arc::clone(&next));
    assert!(state.next_response().is_none());
    state.on_request(nack(&response, "bad")).unwrap();
    let response = state.next_response().unwrap();
    assert_eq!(said(&response), "Listener +l +m");
    let rejection = state.on_request(nack(&response, "bad")).unwrap();
    assert_eq!(rejection.version, next.version());
}

#[test]
fn what_was_refused_and_is_gone_is_taken_away() {
    let mut state = settled(&snapshot(&[(Cluster, "a"), (Listener, "l")]));
    state.on_snapshot(snapshot(&[(Cluster, "a"), (Listener, "l=bad")]));
    let response = state.next_response().unwrap();
    assert!(state.on_request(nack(&response, "bad")).is_some());
    let without = snapshot(&[(Cluster, "a")]);
    state.on_snapshot(Arc::clone(&without));
    assert_eq!(run(&mut state), ["Listener -l"]);
    assert_eq!(state.live(), Some(without.version()));
}

#[test]
fn secrets_that_nobody_has_asked_for_yet_hold_nothing_up_and_others_do() {
    let mut state = settled(&snapshot(&[(Cluster, "a"), (Listener, "l")]));
    let with_secret = snapshot(&[(Cluster, "a"), (Listener, "l"), (Secret, "s")]);
    state.on_snapshot(Arc::clone(&with_secret));
    assert_eq!(run(&mut state), Vec::<String>::new());
    assert_eq!(state.live(), Some(with_secret.version()));
    state.on_request(DeltaDiscoveryRequest {
        resource_names_subscribe: vec!["s".to_string()],
        ..request(Secret)
    });
    assert_eq!(state.live(), None);
    assert_eq!(run(&mut state), ["Secret +s"]);
    assert_eq!(state.live(), Some(with_secret.version()));
}

#[test]
fn a_refusal_does_not_hold_back_other_kinds() {
    let mut state = settled(&snapshot(&[
        (Cluster, "a"),
        (Listener, "l"),
        (Route, "r=1"),
    ]));
    state.on_snapshot(snapshot(&[
        (Cluster, "a=bad"),
        (Listener, "l"),
        (Route, "r=2"),
    ]));
    let response = state.next_response().unwrap();
    assert!(state.on_request(nack(&response, "bad")).is_some());
    assert_eq!(run(&mut state), ["Route +r"]);
}

#[test]
fn a_client_that_comes_back_gets_only_what_it_lacks_and_loses_what_is_gone() {
    let known = snapshot(&[(Cluster, "a"), (Cluster, "gone"), (Listener, "l")]);
    let now = snapshot(&[(Cluster, "a"), (Cluster, "b"), (Listener, "l")]);
    let mut state = StreamState::new(Arc::clone(&now));
    for kind in [Cluster, Listener] {
        let versions = known.resources(kind);
        let versions = versions.map(|(name, r)| (name.to_string(), r.version.clone()));
        state.on_request(DeltaDiscoveryRequest {
            initial_resource_versions: versions.collect(),
            ..request(kind)
        });
    }
    assert_eq!(run(&mut state), ["Cluster +b", "Listener", "Cluster -gone"]);
    assert_eq!(state.live(), Some(now.version()));
}

#[test]
fn a_name_that_is_not_there_is_said_to_be_absent_and_sent_when_it_appears() {
    let mut state = settled(&snapshot(&[(Cluster, "a"), (Listener, "l")]));
    state.on_request(subscribe(Route, &["r"]));
    assert_eq!(run(&mut state), ["Route -r"]);
    state.on_snapshot(snapshot(&[(Cluster, "a"), (Listener, "l"), (Route, "r")]));
    assert_eq!(run(&mut state), ["Route +r"]);
}

#[test]
fn a_name_that_is_subscribed_to_again_is_sent_again() {
    let mut state = settled(&snapshot(&[(Cluster, "a"), (Listener, "l"), (Route, "r")]));
    state.on_request(subscribe(Route, &["r"]));
    assert_eq!(run(&mut state), ["Route +r"]);
}

#[test]
fn a_name_that_was_unsubscribed_is_sent_no_more() {
    let names = [
        (Cluster, "a"),
        (Listener, "l"),
        (Route, "r=1"),
        (Route, "s=1"),
    ];
    let mut state = settled(&snapshot(&names));
    state.on_request(DeltaDiscoveryRequest {
        resource_names_unsubscribe: vec!["r".to_string()],
        ..request(Route)
    });
    let names = [
        (Cluster, "a"),
        (Listener, "l"),
        (Route, "r=2"),
        (Route, "s=2"),
    ];
    state.on_snapshot(snapshot(&names));
    assert_eq!(run(&mut state), ["Route +s"]);
}

#[test]
fn live_waits_for_the_routes_that_a_new_listener_needs() {
    let mut state = settled(&snapshot(&[(Cluster, "a")]));
    let after = snapshot(&[(Cluster, "a"), (Listener, "l"), (Route, "l")]);
    state.on_snapshot(Arc::clone(&after));
    assert_eq!(run(&mut state), ["Listener +l"]);
    assert_eq!(state.live(), None);
    state.on_request(subscribe(Route, &["l"]));
    assert_eq!(run(&mut state), ["Route +l"]);
    assert_eq!(state.live(), Some(after.version()));
}

#[test]
fn an_answer_to_another_response_counts_for_nothing() {
    let first = snapshot(&[(Cluster, "a"), (Listener, "l")]);
    let mut state = StreamState::new(first);
    state.on_request(request(Cluster));
    let response = state.next_response().unwrap();
    let stale = DeltaDiscoveryResponse {
        nonce: "999".to_string(),
        ..response.clone()
    };
    assert!(state.on_request(nack(&stale, "stale")).is_none());
    assert!(
        state.next_response().is_none(),
        "still waits for the right answer"
    );
    state.on_request(ack(&response));
    state.on_request(request(Listener));
    assert_eq!(run(&mut state), ["Listener +l"]);
}

#[test]
fn an_explicit_wildcard_asks_for_everything_and_can_be_given_back() {
    let names = [(Cluster, "a"), (Cluster, "b"), (Listener, "l")];
    let mut state = StreamState::new(snapshot(&names));
    state.on_request(subscribe(Cluster, &["*", "b"]));
    assert_eq!(run(&mut state), ["Cluster +a +b"]);
    state.on_request(DeltaDiscoveryRequest {
        resource_names_unsubscribe: vec!["*".to_string()],
        ..request(Cluster)
    });
    let names = [(Cluster, "a=2"), (Cluster, "b=2"), (Listener, "l")];
    state.on_snapshot(snapshot(&names));
    assert_eq!(run(&mut state), ["Cluster +b"]);
}

#[test]
fn a_kind_that_is_not_served_is_ignored() {
    let mut state = StreamState::new(snapshot(&[(Cluster, "a")]));
    let unknown = DeltaDiscoveryRequest {
        type_url: "type.googleapis.com/envoy.service.runtime.v3.Runtime".to_string(),
        ..DeltaDiscoveryRequest::default()
    };
    assert!(state.on_request(unknown).is_none());
    assert_eq!(run(&mut state), Vec::<String>::new());
}

#[test]
fn equal_resources_have_equal_versions_and_a_change_changes_only_its_own() {
    let versions = |snapshot: &Snapshot| -> BTreeMap<String, String> {
        let clusters = snapshot.resources(Cluster);
        clusters
            .map(|(name, resource)| (name.to_string(), resource.version.clone()))
            .collect()
    };
    let first = snapshot(&[(Cluster, "a"), (Cluster, "b")]);
    let same = snapshot(&[(Cluster, "b"), (Cluster, "a")]);
    let other = snapshot(&[(Cluster, "a"), (Cluster, "b=2")]);
    assert_eq!(first, same);
    assert_ne!(first.version(), other.version());
    assert_eq!(versions(&first)["a"], versions(&other)["a"]);
    assert_ne!(versions(&first)["b"], versions(&other)["b"]);
}
