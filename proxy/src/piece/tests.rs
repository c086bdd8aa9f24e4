//! Which pieces are changed, and what a gateway is with some of them set aside.

use std::collections::BTreeMap;

use tollgate_ir as ir;

use super::samples::{ai_gateway, gateway, listener, route, to_service};
use super::{Form, Piece, changed, compose, has};

fn names(base: &ir::Gateway, next: &ir::Gateway) -> Vec<String> {
    let suspects = changed(base, next);
    suspects
        .iter()
        .map(|suspect| format!("{:?} {}", suspect.piece.level(), suspect.piece.name()))
        .collect()
}

fn route_piece(of: &str, path: &str) -> Piece {
    Piece::Route {
        host: format!("default/gateway/{of}/*"),
        name: format!("httproute/default{path}/rule/0/match/0"),
    }
}

/// The routes of the first host, as the path and what is done.
fn routes(gateway: &ir::Gateway) -> Vec<String> {
    let host = gateway.listeners[0].virtual_hosts().next().unwrap();
    host.routes
        .iter()
        .map(|route| match (&route.matches.path, &route.action) {
            (ir::PathMatch::Prefix(path), ir::HttpAction::Fail { status, .. }) => {
                format!("{path} {status}")
            }
            (ir::PathMatch::Prefix(path), ir::HttpAction::Forward(backends)) => {
                let port = backends[0].destination.as_ref().unwrap().endpoints[0].port;
                format!("{path} to {port}")
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn everything_is_changed_that_was_not_there() {
    let next = gateway(vec![listener("80", 80, vec![route("/a", 1)])]);
    assert_eq!(
        names(&ir::Gateway::default(), &next),
        [
            "Listener default/gateway/80",
            "Host default/gateway/80/*",
            "Route httproute/default/a/rule/0/match/0",
        ]
    );
    assert_eq!(names(&next, &next), Vec::<String>::new());
}

#[test]
fn only_what_differs_is_changed() {
    let base = gateway(vec![
        listener("80", 80, vec![route("/a", 1), route("/b", 1)]),
        listener("81", 81, vec![route("/a", 1)]),
    ]);
    let next = gateway(vec![
        listener(
            "80",
            80,
            vec![route("/new", 1), route("/b", 1), route("/a", 2)],
        ),
        listener("81", 82, vec![route("/a", 1)]),
    ]);
    assert_eq!(
        names(&base, &next),
        [
            "Route httproute/default/new/rule/0/match/0",
            "Route httproute/default/a/rule/0/match/0",
            "Listener default/gateway/81",
        ]
    );
    let suspect = &changed(&base, &next)[1];
    assert_eq!(suspect.routes.as_deref(), Some("default/gateway/80"));
    let clusters = Vec::from_iter(&suspect.clusters);
    assert_eq!(clusters, ["httproute/default/a/rule/0/backend/0"]);
}

#[test]
fn changed_ai_rule_is_named_with_its_clusters() {
    let found = changed(&ai_gateway(1), &ai_gateway(2));
    let [suspect] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(suspect.piece.name(), "default/llm/0");
    assert!(suspect.clusters.contains("default/llm/0/0"));
}

#[test]
fn pieces_set_aside_are_as_before_or_fail_or_are_not_there() {
    let base = gateway(vec![listener("80", 80, vec![route("/a", 1)])]);
    let next = gateway(vec![listener(
        "80",
        80,
        vec![route("/a", 2), route("/b", 2), route("/c", 2)],
    )]);
    let with = |forms: &[(&str, Form)]| {
        let forms = forms
            .iter()
            .map(|(path, form)| (route_piece("80", path), *form));
        routes(&compose(&base, &next, &forms.collect()))
    };
    assert_eq!(with(&[]), ["/a to 2", "/b to 2", "/c to 2"]);
    assert_eq!(
        with(&[("/a", Form::Held), ("/b", Form::Held)]),
        ["/a to 1", "/c to 2"]
    );
    assert_eq!(
        with(&[("/a", Form::Failing), ("/c", Form::Absent)]),
        ["/a 500", "/b to 2"]
    );
}

#[test]
fn refused_listener_is_the_last_good_one_or_none() {
    let base = gateway(vec![listener("80", 80, vec![route("/a", 1)])]);
    let next = gateway(vec![
        listener("80", 90, vec![route("/a", 2)]),
        listener("81", 91, Vec::new()),
    ]);
    let forms: BTreeMap<Piece, Form> = ["80", "81"]
        .map(|name| {
            let name = format!("default/gateway/{name}");
            (Piece::Listener { name }, Form::Failing)
        })
        .into();
    assert_eq!(compose(&base, &next, &forms).listeners, base.listeners);
}

#[test]
fn refused_ai_rule_answers_500() {
    let rule = Piece::Rule {
        host: "default/gateway/80/*".to_string(),
        id: "default/llm/0".to_string(),
    };
    let next = ai_gateway(2);
    assert!(has(&next, &rule) && !has(&ir::Gateway::default(), &rule));
    let composed = compose(&ai_gateway(1), &next, &[(rule, Form::Failing)].into());
    let host = composed.listeners[0].virtual_hosts().next().unwrap();
    let rule = &host.ai.as_ref().unwrap().rules[0];
    assert_eq!(rule.destinations, [None]);
    assert!(rule.rule.backends[0].invalid.is_some());
}

#[test]
fn refused_server_name_without_a_past_closes_its_connections() {
    let chain = |name: &str| ir::TlsChain {
        name: name.to_string(),
        server_name: ir::Hostname::parse(Some(name)),
        action: ir::TlsAction::Passthrough(ir::StreamRoute {
            name: format!("tlsroute/{name}"),
            backends: vec![ir::StreamBackend {
                name: "one".to_string(),
                weight: 1,
                destination: Err(ir::InvalidBackend {
                    status: 500,
                    reason: String::new(),
                }),
            }],
        }),
    };
    let of = |names: &[&str]| {
        let mut listener = listener("443", 443, Vec::new());
        listener.traffic = ir::Traffic::Tls(names.iter().map(|name| chain(name)).collect());
        gateway(vec![listener])
    };
    let piece = Piece::Chain {
        name: "b".to_string(),
    };
    let (base, next) = (of(&["a"]), of(&["a", "b"]));
    assert_eq!(names(&base, &next), ["Chain b"]);
    let composed = compose(&base, &next, &[(piece, Form::Failing)].into());
    let ir::Traffic::Tls(chains) = &composed.listeners[0].traffic else {
        panic!("{composed:?}")
    };
    assert_eq!(chains[0], chain("a"));
    let ir::TlsAction::Passthrough(route) = &chains[1].action else {
        panic!("{chains:?}")
    };
    assert_eq!(route.backends, []);
}

#[test]
fn piece_that_is_as_it_was_leads_to_the_new_endpoints_of_a_cluster_it_shares() {
    let web = |path, upstream| to_service(route(path, upstream), "web/80");
    let at = |upstream| {
        let routes = vec![web("/a", upstream), web("/b", upstream)];
        let mut gateway = gateway(vec![listener("80", 80, routes)]);
        crate::pin_clusters(&mut gateway);
        gateway
    };
    let held = Piece::Route {
        host: "default/gateway/80/*".to_string(),
        name: "httproute/default/a/rule/0/match/0".to_string(),
    };
    let forms = [(held, Form::Held)].into();
    let composed = compose(&at(1), &at(2), &forms);
    let hosts = composed.listeners[0].virtual_hosts();
    let routes = hosts.flat_map(|host| &host.routes);
    let all: Vec<_> = routes.flat_map(|route| route.destinations()).collect();
    let ports = all.iter().map(|(_, it)| it.endpoints[0].port);
    assert_eq!(Vec::from_iter(ports), [2, 2]);
}
