//! Who calls, and what of it reaches a provider.

use serde_json::Value;
use tollgate_bundle::Subject;
use tollgate_engine::Step;

use crate::host::{self, Host, bundle, forward, hello, reply, set};

#[test]
fn a_missing_key_is_401_before_the_body_is_read() {
    let host = Host::new(&bundle(1000));
    let step = host
        .exchange()
        .on_request_head(&host::chat_headers(None), false);
    let Step::Reply(reply) = step else {
        panic!("{step:?}")
    };
    assert_eq!(reply.status, 401);
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body["error"]["code"], "invalid_api_key");
}

#[test]
fn an_unknown_key_is_401() {
    let host = Host::new(&bundle(1000));
    let step = host
        .exchange()
        .on_request_head(&host::chat_headers(Some("sk-eve")), false);
    assert!(matches!(step, Step::Reply(reply) if reply.status == 401));
}

#[test]
fn a_key_is_read_from_either_header_in_any_case_of_bearer() {
    let host = Host::new(&bundle(1000));
    for (name, value) in [
        ("authorization", "Bearer sk-alice"),
        ("authorization", "bearer sk-alice"),
        ("x-api-key", "sk-alice"),
    ] {
        let mut head = host::chat_headers(None);
        head.0.push((name.into(), value.into()));
        let step = host.exchange().on_request_head(&head, false);
        assert!(matches!(step, Step::ReadBody), "{name}: {value}");
    }
}

#[test]
fn a_namespace_without_consumers_serves_anonymous_callers_as_one_user() {
    let mut bundle = bundle(1000);
    bundle.consumers.clear();
    let host = Host::new(&bundle);
    for key in [None, Some("sk-whatever")] {
        let mut exchange = host.exchange();
        forward(host.chat(&mut exchange, key, &hello()));
        host.answer(&mut exchange, 200, &host::openai_answer(10, 5));
        assert_eq!(exchange.record().consumer, "anonymous");
    }
    let state = host.state("default/daily", "user:default/anonymous", 1000);
    assert_eq!(state.settled, 30);
}

#[test]
fn the_providers_key_replaces_the_clients() {
    let host = Host::new(&bundle(1000));
    let mut head = host::chat_headers(Some("sk-alice"));
    head.0.push(("x-api-key".into(), "sk-alice".into()));
    head.0.push(("cookie".into(), "session=1".into()));
    let forward = forward(host.send(&mut host.exchange(), &head, hello().to_string()));
    assert_eq!(set(&forward, "authorization"), Some("Bearer sk-openai"));
    assert_eq!(forward.remove_headers, ["x-api-key", "cookie"]);
    assert!(!format!("{forward:?}").contains("sk-alice"));
}

#[test]
fn a_user_field_in_the_body_does_not_change_who_pays() {
    let host = Host::new(&bundle(1000));
    let mut body = hello();
    body["user"] = "bob".into();
    let mut exchange = host.exchange();
    forward(host.chat(&mut exchange, Some("sk-alice"), &body));
    host.answer(&mut exchange, 200, &host::openai_answer(10, 5));
    assert_eq!(
        host.state("default/daily", "user:default/alice", 1000)
            .settled,
        15
    );
    assert_eq!(
        host.state("default/daily", "user:default/bob", 1000)
            .settled,
        0
    );
}

#[test]
fn a_team_budget_refuses_a_caller_without_a_team() {
    let budget = host::budget("default/team", 1000, Subject::Team);
    let host = Host::new(&host::with_rule(host::rule(&["default/team"]), [budget]));
    forward(host.chat(&mut host.exchange(), Some("sk-alice"), &hello()));
    let (status, body, _) = reply(host.chat(&mut host.exchange(), Some("sk-bob"), &hello()));
    assert_eq!(status, 403);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("default/team")
    );
}

#[test]
fn a_rule_whose_budget_is_not_defined_refuses() {
    let bundle = host::with_rule(host::rule(&["default/gone"]), []);
    let (table, problems) = tollgate_engine::RouteTable::compile(&bundle);
    assert_eq!(problems.len(), 1);
    let mut host = Host::new(&host::bundle(1));
    host.table = std::sync::Arc::new(table);
    let (status, body, _) = reply(host.chat(&mut host.exchange(), Some("sk-alice"), &hello()));
    assert_eq!(status, 500);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("default/gone")
    );
}
