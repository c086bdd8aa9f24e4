//! Datagrams to backends, by weight.
//!
//! A session (a client's address and port) has one backend, and has the same one after it was
//! idle: what the client's address and port hash to chooses it.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::consistent_hashing::ConsistentHashing;
use envoy::listener::{ListenerFilter, listener_filter};
use envoy::network_inputs::{SourceIpInput, SourcePortInput};
use envoy::udp_proxy::{Route, UdpProxyConfig, udp_proxy_config::RouteSpecifier};
use envoy::xds_matcher::Matcher;
use envoy::xds_matcher::matcher::matcher_list::{
    FieldMatcher, Predicate,
    predicate::{MatchType, SinglePredicate, single_predicate},
};
use envoy::xds_matcher::matcher::{MatcherList, MatcherType, OnMatch, on_match};
use envoy::{Message, Name};

use super::names;
use super::stream_route::{self, Share};
use super::telemetry::Telemetry;
use super::value::{duration_ms, extension};

/// How long a session may be silent in both directions.
const IDLE_MS: u64 = 60_000;
/// Clients' addresses fall into so many classes; in each of them ports hash in another way, so
/// that clients that all send from one port do not all go to one backend.
const ADDRESS_CLASSES: u32 = 16;

/// The listener filter that sends datagrams where the route says. One that no cluster takes is
/// dropped.
pub(super) fn build_filter(
    stat_prefix: String,
    route: &ir::StreamRoute,
    told: &Telemetry,
) -> ListenerFilter {
    let shares: Vec<Share<'_>> = stream_route::shares(route).collect();
    let proxy = UdpProxyConfig {
        stat_prefix,
        idle_timeout: Some(duration_ms(IDLE_MS)),
        access_log: told.stream.clone(),
        route_specifier: Some(RouteSpecifier::Matcher(build_matcher(&shares))),
        ..UdpProxyConfig::default()
    };
    ListenerFilter {
        name: "envoy.filters.udp_listener.udp_proxy".to_string(),
        config_type: Some(listener_filter::ConfigType::TypedConfig(envoy::pack(
            &proxy,
        ))),
        ..ListenerFilter::default()
    }
}

fn build_matcher(shares: &[Share<'_>]) -> Matcher {
    match shares {
        [] => ladder(Vec::new(), to_cluster(names::NO_CLUSTER)),
        [only] => ladder(Vec::new(), to_cluster(only.cluster)),
        _ => {
            let by_port = |class: u32| OnMatch {
                on_match: Some(on_match::OnMatch::Matcher(Box::new(build_by_port(
                    shares,
                    class.into(),
                )))),
                ..OnMatch::default()
            };
            let rungs = (1..ADDRESS_CLASSES)
                .rev()
                .map(|class| {
                    let hash = ConsistentHashing {
                        threshold: class,
                        modulo: ADDRESS_CLASSES,
                        seed: 0,
                    };
                    rung(&SourceIpInput {}, &hash, by_port(class))
                })
                .collect();
            ladder(rungs, by_port(0))
        }
    }
}

/// Hashes of ports, from 0 to the sum of the weights, are given out in the order of the shares.
fn build_by_port(shares: &[Share<'_>], seed: u64) -> Matcher {
    let mut rungs = Vec::new();
    let modulo = shares
        .iter()
        .fold(0, |sum: u32, share| sum.saturating_add(share.weight));
    let mut threshold: u32 = 0;
    let mut first = None;
    for share in shares {
        let target = to_cluster(share.cluster);
        if first.is_none() {
            first = Some(target);
        } else {
            let hash = ConsistentHashing {
                threshold,
                modulo,
                seed,
            };
            rungs.push(rung(&SourcePortInput {}, &hash, target));
        }
        threshold = threshold.saturating_add(share.weight);
    }
    // "At least the threshold": the highest is asked first.
    rungs.reverse();
    ladder(
        rungs,
        first.unwrap_or_else(|| to_cluster(names::NO_CLUSTER)),
    )
}

/// The first rung that matches, else the last resort.
fn ladder(rungs: Vec<FieldMatcher>, otherwise: OnMatch) -> Matcher {
    let list =
        (!rungs.is_empty()).then_some(MatcherType::MatcherList(MatcherList { matchers: rungs }));
    Matcher {
        on_no_match: Some(Box::new(otherwise)),
        matcher_type: list,
    }
}

/// Matches where the input's hash, modulo `hash.modulo`, is at least `hash.threshold`.
fn rung<T: Message + Name>(input: &T, hash: &ConsistentHashing, then: OnMatch) -> FieldMatcher {
    FieldMatcher {
        predicate: Some(Predicate {
            match_type: Some(MatchType::SinglePredicate(SinglePredicate {
                input: Some(extension(input)),
                matcher: Some(single_predicate::Matcher::CustomMatch(extension(hash))),
            })),
        }),
        on_match: Some(then),
    }
}

fn to_cluster(cluster: &str) -> OnMatch {
    let route = Route {
        cluster: cluster.to_string(),
    };
    OnMatch {
        on_match: Some(on_match::OnMatch::Action(extension(&route))),
        ..OnMatch::default()
    }
}
