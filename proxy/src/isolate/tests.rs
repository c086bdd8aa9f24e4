//! Isolation against an Envoy that is a rule.

use tollgate_ir as ir;
use tollgate_xds::{Rejection, ResourceType};

use super::{Aside, Question, Trials, isolate};
use crate::piece::samples::{gateway, listener, route, unreadable};
use crate::piece::{Form, has};
use crate::publish::Verdict;

/// Refuses route configurations with an expression, or with a path of this text, and listeners of
/// these ports.
#[derive(Default)]
struct Picky {
    ports: Vec<u16>,
    path: &'static str,
    seen: Vec<ir::Gateway>,
    away_after: Option<usize>,
}

impl Picky {
    fn verdict(&self, gateway: &ir::Gateway) -> Verdict {
        for listener in &gateway.listeners {
            if self.ports.contains(&listener.bind_port) {
                let error = format!("{}: cannot bind {}", listener.name, listener.bind_port);
                return refused(ResourceType::Listener, &listener.name, error);
            }
            let mut routes = listener.virtual_hosts().flat_map(|host| &host.routes);
            let bad = routes.find(|route| match &route.matches.path {
                ir::PathMatch::Regex(_) => true,
                ir::PathMatch::Prefix(path) => {
                    path == self.path && matches!(route.action, ir::HttpAction::Forward(_))
                }
                ir::PathMatch::Exact(_) => false,
            });
            if let Some(bad) = bad {
                let error = format!("bad {:?}", bad.matches.path);
                return refused(ResourceType::Route, &listener.name, error);
            }
        }
        Verdict::Accepted
    }
}

impl Trials for Picky {
    async fn attempt(&mut self, gateway: &ir::Gateway) -> Verdict {
        if self
            .away_after
            .is_some_and(|after| self.seen.len() >= after)
        {
            return Verdict::Unanswered;
        }
        self.seen.push(gateway.clone());
        self.verdict(gateway)
    }
}

fn refused(kind: ResourceType, name: &str, error: String) -> Verdict {
    Verdict::Refused(Rejection {
        version: String::new(),
        kind,
        names: vec![name.to_string()],
        error,
    })
}

/// Isolates what is wrong with `next`; gives what stands aside and its words.
async fn run(envoy: &mut Picky, base: &ir::Gateway, next: &ir::Gateway) -> (Aside, Verdict) {
    let Verdict::Refused(rejection) = envoy.verdict(next) else {
        panic!("nothing is wrong")
    };
    let question = Question {
        base,
        next,
        known: &Aside::new(),
        rejection,
    };
    isolate(envoy, question).await
}

fn told(aside: &Aside) -> Vec<String> {
    aside
        .iter()
        .map(|(piece, (form, error))| format!("{form:?} {}: {error}", piece.name()))
        .collect()
}

fn many(count: u16, bad: &[u16]) -> ir::Gateway {
    let routes = (0..count).map(|index| {
        let route = route(&format!("/{index}"), 1);
        match bad.contains(&index) {
            true => unreadable(route),
            false => route,
        }
    });
    gateway(vec![listener("80", 80, routes.collect())])
}

#[tokio::test]
async fn one_changed_route_is_set_aside_without_a_search() {
    let base = many(5, &[]);
    let mut next = many(5, &[]);
    for http in next.listeners[0].http_mut() {
        http.virtual_hosts[0].routes[3] = route("/forbidden", 1).into();
    }
    let mut envoy = Picky {
        path: "/forbidden",
        ..Picky::default()
    };
    let (aside, verdict) = run(&mut envoy, &base, &next).await;
    let expect = "Failing httproute/default/forbidden/rule/0/match/0: bad Prefix(\"/forbidden\")";
    assert_eq!(
        (told(&aside), verdict),
        (vec![expect.to_string()], Verdict::Accepted)
    );
    assert_eq!(envoy.seen.len(), 1);
}

#[tokio::test]
async fn bad_routes_among_hundreds_of_new_ones_are_found_and_the_rest_is_in_effect() {
    let mut envoy = Picky::default();
    let (aside, verdict) = run(&mut envoy, &ir::Gateway::default(), &many(400, &[77, 300])).await;
    assert_eq!(verdict, Verdict::Accepted);
    assert_eq!(aside.len(), 2, "{:?}", told(&aside));
    let in_effect = envoy.seen.last().unwrap();
    let host = in_effect.listeners[0].virtual_hosts().next().unwrap();
    assert_eq!(host.routes.len(), 398);
    // A failure under an expression that cannot be read is refused as well.
    let is_absent = |(form, _): &(Form, String)| *form == Form::Absent;
    assert!(aside.values().all(is_absent));
    assert!(aside.keys().all(|piece| !has(in_effect, piece)));
    assert!(envoy.seen.len() <= 26, "{} trials", envoy.seen.len());
}

#[tokio::test]
async fn listener_on_a_taken_port_is_set_aside_and_a_bad_route_beside_it_too() {
    let next = gateway(vec![
        listener("80", 80, vec![route("/a", 1), unreadable(route("/b", 1))]),
        listener("81", 81, vec![route("/a", 1)]),
        listener("82", 82, vec![route("/a", 1)]),
    ]);
    let mut envoy = Picky {
        ports: vec![81],
        ..Picky::default()
    };
    let (aside, verdict) = run(&mut envoy, &ir::Gateway::default(), &next).await;
    assert_eq!(verdict, Verdict::Accepted);
    assert_eq!(
        told(&aside),
        [
            "Failing default/gateway/81: default/gateway/81: cannot bind 81",
            "Absent httproute/default/b/rule/0/match/0: bad Regex(\"/(\")",
        ]
    );
    let ports: Vec<u16> = envoy
        .seen
        .last()
        .unwrap()
        .listeners
        .iter()
        .map(|it| it.port)
        .collect();
    assert_eq!(ports, [80, 82]);
}

#[tokio::test]
async fn routes_are_as_they_were_while_others_are_tried() {
    let base = many(8, &[]);
    let mut next = many(8, &[5]);
    for http in next.listeners[0].http_mut() {
        for route in &mut http.virtual_hosts[0].routes {
            route.timeouts.request_ms = Some(1);
        }
    }
    let mut envoy = Picky::default();
    let (aside, verdict) = run(&mut envoy, &base, &next).await;
    assert_eq!((aside.len(), verdict), (1, Verdict::Accepted));
    let (_, trials) = envoy.seen.split_last().unwrap();
    for trial in trials.iter().take(4) {
        let host = trial.listeners[0].virtual_hosts().next().unwrap();
        assert_eq!(host.routes.len(), 8);
    }
}

#[tokio::test]
async fn envoy_that_goes_away_leaves_all_suspects_as_they_were() {
    let base = many(4, &[]);
    let mut next = many(4, &[1]);
    for http in next.listeners[0].http_mut() {
        http.virtual_hosts[0].routes[0] = route("/other", 1).into();
    }
    let mut envoy = Picky {
        away_after: Some(0),
        ..Picky::default()
    };
    let (aside, verdict) = run(&mut envoy, &base, &next).await;
    assert_eq!(verdict, Verdict::Unanswered);
    assert!(aside.values().all(|(form, _)| *form == Form::Held));
    assert_eq!(aside.len(), 2);
}
