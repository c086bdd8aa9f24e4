//! Who pays: routes, models, providers, headers; budgets of one provider; what a caller is told
//! of its own accounts.

use serde_json::Value;
use tollgate_budget::AccountState;
use tollgate_bundle::{Bundle, Match, Rule, Subject, ValueMatch};
use tollgate_engine::Step;

use crate::host::{self, End, Headers, Host, forward, hello, reply};

const LIMIT: u64 = 100_000;
const SECOND: &str = "ai/default/llm/0/1";

fn of(subject: Subject) -> Bundle {
    host::with_rule(
        host::rule(&["default/b"]),
        [host::budget("default/b", LIMIT, subject)],
    )
}

fn settled(host: &Host, subject: &str) -> u64 {
    let state: AccountState = host.state("default/b", subject, LIMIT);
    assert_eq!(state.held, 0, "{subject}");
    state.settled
}

fn with_header(value: Option<&str>) -> Headers {
    let mut head = host::chat_headers(Some("sk-alice"));
    if let Some(value) = value {
        head.0.push(("x-tenant".into(), value.into()));
    }
    head
}

#[test]
fn route_and_model_and_provider_each_have_an_account() {
    for (subject, account) in [
        (Subject::Route, "route:default/llm"),
        (Subject::Model, "model:gpt-4"),
        (Subject::Backend, "backend:default/openai"),
        (Subject::Shared, "shared"),
        (Subject::Key, "key:default/alice/alice-key"),
        (Subject::Team, "team:default/search"),
    ] {
        let host = Host::new(&of(subject));
        let mut exchange = host.exchange();
        forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
        host.answer(&mut exchange, 200, &host::openai_answer(9, 20));
        assert_eq!(settled(&host, account), 29, "{account}");
    }
}

#[test]
fn model_that_a_client_makes_up_has_no_account_of_its_own() {
    let mut rule = host::rule(&["default/b"]);
    rule.matches = vec![Match {
        model: Some(ValueMatch::Regex(".*".into())),
        headers: vec![],
    }];
    let budget = host::budget("default/b", LIMIT, Subject::Model);
    let host = Host::new(&host::with_rule(rule, [budget]));
    for model in ["gpt-4", "made-up-1", "made-up-2"] {
        let mut body = hello();
        body["model"] = model.into();
        let mut exchange = host.exchange();
        forward(host.chat(&mut exchange, Some("sk-alice"), &body));
        host.answer(&mut exchange, 200, &host::openai_answer(9, 20));
    }
    assert_eq!(settled(&host, "model:gpt-4"), 29, "the rule lists it");
    assert_eq!(settled(&host, "model:*"), 58);
}

#[test]
fn header_names_the_payer_and_without_it_the_call_is_refused() {
    let host = Host::new(&of(Subject::Header("x-tenant".into())));
    let send = |value: Option<&str>| {
        let mut exchange = host.exchange();
        let rest = host.send(&mut exchange, &with_header(value), hello().to_string());
        (exchange, rest)
    };
    let (mut exchange, rest) = send(Some("acme"));
    let sent = forward(rest);
    let is_removed = sent.remove_headers.iter().any(|name| name == "x-tenant");
    assert!(is_removed, "the provider is not told who pays");
    host.answer(&mut exchange, 200, &host::openai_answer(9, 20));
    assert_eq!(settled(&host, "header:x-tenant/acme"), 29);
    for (value, part) in [
        (None, "this request has none"),
        (Some(""), "this request has none"),
        (Some("x".repeat(257).as_str()), "longer than 256 bytes"),
    ] {
        let (status, body, _) = reply(send(value).1);
        assert_eq!(status, 403);
        let message = body["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("default/b") && message.contains("x-tenant"),
            "{message}"
        );
        assert!(message.contains(part), "{message}");
    }
    forward(send(Some(&"x".repeat(256))).1);
}

#[test]
fn verified_certificate_names_the_payer_and_without_one_the_call_is_refused() {
    let host = Host::new(&of(Subject::ClientCertificate));
    let send = |certificate: Option<&str>| {
        let mut exchange = host.exchange();
        let mut head = host::chat_headers(Some("sk-alice"));
        let value = certificate.map(|value| ("x-forwarded-client-cert".into(), value.into()));
        head.0.extend(value);
        let rest = host.send(&mut exchange, &head, hello().to_string());
        (exchange, rest)
    };
    let long = "Hash=0123456789abcdef".repeat(20);
    let shown = format!("{long};Subject=\"CN=agent\";URI=spiffe://acme/agent");
    let (mut exchange, rest) = send(Some(&shown));
    let sent = forward(rest);
    let removed = |name: &str| sent.remove_headers.iter().any(|removed| removed == name);
    assert!(removed("x-forwarded-client-cert"));
    host.answer(&mut exchange, 200, &host::openai_answer(9, 20));
    assert_eq!(settled(&host, "certificate:spiffe://acme/agent"), 29);
    for nobody in [None, Some("Hash=ab;Subject=\"\"")] {
        let (status, body, _) = reply(send(nobody).1);
        assert_eq!(status, 403);
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains("client certificate"), "{message}");
    }
}

#[test]
fn subject_that_cannot_be_told_refuses_every_call_naming_the_reason() {
    let host = Host::new(&of(Subject::Unknown("no JWT is verified here".into())));
    let (status, body, _) = reply(host.chat(&mut host.exchange(), Some("sk-alice"), &hello()));
    assert_eq!(status, 500);
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("default/b"), "{message}");
    assert!(message.contains("no JWT is verified here"), "{message}");
}

#[test]
fn provider_pays_for_the_attempt_that_it_served() {
    let host = Host::new(&of(Subject::Backend));
    let mut exchange = host.exchange();
    forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    let held = |subject: &str| host.state("default/b", subject, LIMIT).held;
    assert!(held("backend:default/openai") > 0);
    let step = exchange.on_attempt(SECOND, 0);
    forward(host.drive(&mut exchange, step));
    assert_eq!(held("backend:default/openai"), 0, "the hold moves");
    assert!(held("backend:default/anthropic") > 0);
    let usage = host.close(&mut exchange).usage.unwrap();
    assert_eq!(settled(&host, "backend:default/anthropic"), usage.total());
    assert_eq!(settled(&host, "backend:default/openai"), 0);
}

/// A rule under `default/b`, whose second provider has a budget of its own of `tokens`.
fn with_backend_budget(tokens: u64) -> Bundle {
    let mut rule: Rule = host::rule(&["default/b"]);
    rule.backends[1].budgets = vec!["default/dear".into(), "default/b".into()];
    host::with_rule(
        rule,
        [
            host::budget("default/b", LIMIT, Subject::User),
            host::budget("default/dear", tokens, Subject::Shared),
        ],
    )
}

#[test]
fn budget_of_a_provider_is_held_only_for_attempts_at_it() {
    let host = Host::new(&with_backend_budget(1000));
    let mut exchange = host.exchange();
    forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    assert_eq!(host.state("default/dear", "shared", 1000).held, 0);
    let step = exchange.on_attempt(SECOND, 0);
    assert!(
        matches!(&step, Step::Raise(request) if request.charges.len() == 2),
        "{step:?}"
    );
    forward(host.drive(&mut exchange, step));
    assert!(host.state("default/dear", "shared", 1000).held > 50);
    host.stream(&mut exchange, &[], End::Cut);
    let used = host.close(&mut exchange).usage.unwrap().total();
    let state = host.state("default/dear", "shared", 1000);
    assert_eq!((state.settled, state.held), (used, 0));
    assert_eq!(settled(&host, "user:default/alice"), used);
}

#[test]
fn provider_whose_budget_is_spent_is_passed_over_and_the_last_one_refuses() {
    let bundle = |first: u64, second: u64| {
        let mut rule: Rule = host::rule(&["default/b"]);
        rule.backends[0].budgets = vec!["default/first".into()];
        rule.backends[1].budgets = vec!["default/second".into()];
        let budgets = [
            host::budget("default/b", LIMIT, Subject::User),
            host::budget("default/first", first, Subject::Shared),
            host::budget("default/second", second, Subject::Shared),
        ];
        host::with_rule(rule, budgets)
    };
    let host = Host::new(&bundle(5, 1000));
    let mut exchange = host.exchange();
    let sent = forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    assert_eq!(
        host::set(&sent, ":path"),
        Some("/v1/messages"),
        "the second provider"
    );
    let held = |id: &str, limit| host.state(id, "shared", limit).held;
    assert_eq!(held("default/first", 5), 0);
    assert!(held("default/second", 1000) > 0);

    let host = Host::new(&bundle(5, 5));
    let mut exchange = host.exchange();
    let (status, body, _) = reply(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    assert_eq!(status, 429);
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("default/second"), "{message}");
    assert_eq!(host.state("default/b", "user:default/alice", LIMIT).held, 0);
}

#[test]
fn budget_of_a_provider_that_is_spent_refuses_the_attempt_and_charges_nothing() {
    let host = Host::new(&with_backend_budget(5));
    let mut exchange = host.exchange();
    forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    let step = exchange.on_attempt(SECOND, 0);
    let (status, body, _) = reply(host.drive(&mut exchange, step));
    assert_eq!(status, 429);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("default/dear")
    );
    assert_eq!(exchange.record().denied_by.as_deref(), Some("default/dear"));
    host.close(&mut exchange);
    assert_eq!(settled(&host, "user:default/alice"), 0);
}

#[test]
fn budget_of_the_first_provider_alone_is_freed_by_a_fallback() {
    let mut rule = host::rule(&[]);
    rule.backends[0].budgets = vec!["default/b".into()];
    let budget = host::budget("default/b", LIMIT, Subject::Shared);
    let host = Host::new(&host::with_rule(rule, [budget]));
    let mut exchange = host.exchange();
    forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    assert!(host.state("default/b", "shared", LIMIT).held > 0);
    let step = exchange.on_attempt(SECOND, 0);
    forward(host.drive(&mut exchange, step));
    assert_eq!(settled(&host, "shared"), 0);
    host.close(&mut exchange);
    assert_eq!(settled(&host, "shared"), 0);
}

#[test]
fn missing_budget_of_a_provider_refuses() {
    let mut rule = host::rule(&[]);
    rule.backends[1].budgets = vec!["default/gone".into()];
    let (table, problems) = tollgate_engine::RouteTable::compile(&host::with_rule(rule, []));
    assert_eq!(problems.len(), 1);
    let host = Host::with_table(table);
    let (status, _, _) = reply(host.chat(&mut host.exchange(), Some("sk-alice"), &hello()));
    assert_eq!(status, 500);
}

fn usage(host: &Host, key: Option<&str>) -> (u16, Value) {
    let mut head = host::headers(&[(":method", "GET"), (":path", "/v1/usage")]);
    if let Some(key) = key {
        head.0.push(("x-api-key".into(), key.into()));
    }
    let mut exchange = host.exchange();
    let step = exchange.on_request_head(&head, true);
    let (status, body, _) = reply(host.drive(&mut exchange, step));
    assert!(exchange.is_closed());
    (status, body)
}

#[test]
fn usage_tells_the_callers_own_accounts_also_when_they_are_spent() {
    let host = Host::new(&with_backend_budget(300));
    let mut exchange = host.exchange();
    forward(host.chat(&mut exchange, Some("sk-alice"), &hello()));
    host.answer(&mut exchange, 200, &host::openai_answer(9, LIMIT));
    forward(host.chat(&mut host.exchange(), Some("sk-bob"), &hello()));

    let (status, body) = usage(&host, Some("sk-alice"));
    assert_eq!(status, 200);
    let accounts = body["data"].as_array().unwrap();
    assert_eq!(accounts.len(), 2, "{body}");
    let own = &accounts[0];
    for (field, value) in [
        ("budget", "default/b".into()),
        ("subject", "user:default/alice".into()),
        ("unit", "tokens".into()),
        ("window", "day".into()),
        ("mode", "strict".into()),
        ("limit", LIMIT.into()),
        ("granted", 0.into()),
        ("used", Value::from(LIMIT + 9)),
        ("held", 0.into()),
        ("remaining", 0.into()),
        ("reset", "2026-11-22T00:00:00Z".into()),
        ("reset_seconds", 43_200.into()),
    ] {
        assert_eq!(own[field], value, "{field}");
    }
    assert_eq!(accounts[1]["budget"], "default/dear");
    assert_eq!(accounts[1]["limit"], 300);
    let (_, bobs) = usage(&host, Some("sk-bob"));
    assert_eq!(bobs["data"][0]["used"], 0);
    assert!(bobs["data"][0]["held"].as_u64().unwrap() > 0);
}

#[test]
fn usage_of_one_model_tells_only_the_budgets_of_its_rule() {
    let mut bundle = with_backend_budget(300);
    let scope = bundle.scopes.get_mut("scope").unwrap();
    let other = Rule {
        id: "default/other/0".into(),
        matches: vec![Match {
            model: Some(ValueMatch::Exact("a model/x".into())),
            headers: vec![],
        }],
        budgets: vec!["default/dear".into()],
        ..host::rule(&[])
    };
    scope.rules.push(other.into());
    let host = Host::new(&bundle);
    let told = |path: &str| {
        let head = host::headers(&[
            (":method", "GET"),
            (":path", path),
            ("x-api-key", "sk-alice"),
        ]);
        let mut exchange = host.exchange();
        let step = exchange.on_request_head(&head, true);
        let (status, body, _) = reply(host.drive(&mut exchange, step));
        let data = body["data"].as_array().cloned().unwrap_or_default();
        let budgets = data.into_iter().map(|account| account["budget"].clone());
        (status, budgets.collect::<Vec<_>>())
    };
    let (both, dear) = (["default/b", "default/dear"], ["default/dear"]);
    assert_eq!(told("/v1/usage").1, both);
    assert_eq!(told("/v1/usage?model=gpt-4").1, both);
    assert_eq!(told("/v1/usage?x=1&model=a%20model%2fx").1, dear);
    assert_eq!(told("/v1/usage?model=a+model/x").1, dear);
    assert_eq!(told("/v1/usage?model=%zz%e").0, 404);
}

#[test]
fn usage_needs_a_key_where_calls_do_and_only_get() {
    let host = Host::new(&with_backend_budget(300));
    assert_eq!(usage(&host, None).0, 401);
    assert_eq!(usage(&host, Some("sk-eve")).0, 401);
    let head = host::headers(&[
        (":method", "POST"),
        (":path", "/v1/usage"),
        ("x-api-key", "sk-alice"),
    ]);
    let step = host.exchange().on_request_head(&head, true);
    assert!(matches!(step, Step::Reply(reply) if reply.status == 405));
}

#[test]
fn usage_without_budgets_is_an_empty_list_and_failed_ledger_is_503() {
    let host = Host::new(&host::with_rule(host::rule(&[]), []));
    assert_eq!(
        usage(&host, Some("sk-alice")).1["data"],
        serde_json::json!([])
    );

    let host = Host::new(&of(Subject::Model));
    let head = host::headers(&[
        (":method", "GET"),
        (":path", "/v1/usage"),
        ("x-api-key", "sk-alice"),
    ]);
    let mut exchange = host.exchange();
    let step = exchange.on_request_head(&head, true);
    let Step::States(accounts) = step else {
        panic!("{step:?}")
    };
    assert_eq!(&*accounts[0].subject, "model:gpt-4");
    let failed = tollgate_budget::StoreError::Unavailable("gone".into());
    let step = exchange.on_states(Err(failed));
    assert!(matches!(step, Step::Reply(reply) if reply.status == 503));
}

#[test]
fn store_that_fails_is_503_and_a_hold_it_does_not_know_is_served_as_open() {
    let host = Host::new(&of(Subject::User));
    let begin = || {
        let mut exchange = host.exchange();
        let head = host::chat_headers(Some("sk-alice"));
        exchange.on_request_head(&head, false);
        let step = exchange.on_request_body(&head, hello().to_string().into(), 0, 0);
        let Step::Hold(request) = step else {
            panic!("{step:?}")
        };
        (exchange, request)
    };
    let (mut exchange, _) = begin();
    let failed = tollgate_budget::StoreError::Unavailable("gone".into());
    let step = exchange.on_hold(Err(failed));
    let Step::Reply(reply) = step else {
        panic!("{step:?}")
    };
    assert_eq!(reply.status, 503);
    assert!(reply.headers.contains(&("retry-after", "1".into())));

    let (mut exchange, request) = begin();
    let outcome = host.store.hold_now(&request).map(|outcome| match outcome {
        tollgate_budget::HoldOutcome::Granted(receipt) => {
            tollgate_budget::HoldOutcome::Granted(tollgate_budget::HoldReceipt {
                recorded: false,
                ..receipt
            })
        }
        denied => denied,
    });
    assert!(matches!(exchange.on_hold(outcome), Step::Forward(_)));
    let change = host::head(&mut exchange, 200, "application/json");
    assert!(
        change
            .set_headers
            .iter()
            .all(|(name, _)| !name.starts_with("x-ratelimit")),
        "what is left is not known"
    );
    assert_eq!(
        exchange.record().budget,
        tollgate_engine::BudgetDecision::Open
    );
}

#[test]
fn denial_says_when_to_try_again_rounded_up_to_a_second() {
    let host = Host::new(&of(Subject::User));
    let deny = |retry_ms: u64, reset_ms: u64| {
        let mut exchange = host.exchange();
        let head = host::chat_headers(Some("sk-alice"));
        exchange.on_request_head(&head, false);
        let mut step = exchange.on_request_body(&head, hello().to_string().into(), 0, 0);
        loop {
            let denial = tollgate_budget::Denial {
                tightest: 0,
                state: AccountState {
                    limit: LIMIT,
                    granted: 500,
                    settled: LIMIT,
                    held: 0,
                    reset_ms,
                },
                needed: 59,
                retry_ms,
            };
            step = match step {
                Step::Hold(_) => exchange.on_hold(Ok(tollgate_budget::HoldOutcome::Denied(denial))),
                Step::Count(job) => exchange.on_counted(job.run()),
                Step::Reply(reply) => return reply,
                step => panic!("{step:?}"),
            };
        }
    };
    let retry_after = |reply: tollgate_engine::Reply| {
        let mut headers = reply.headers.into_iter();
        headers
            .find(|(name, _)| *name == "retry-after")
            .map(|(_, value)| value)
    };
    for (retry_ms, seconds) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (59_999, "60")] {
        assert_eq!(
            retry_after(deny(retry_ms, 70_000)).as_deref(),
            Some(seconds)
        );
    }
    assert_eq!(retry_after(deny(u64::MAX, u64::MAX)), None, "never");
    let body: Value = serde_json::from_slice(&deny(5, 70_000).body).unwrap();
    let message = body["error"]["message"].as_str().unwrap();
    for part in [
        "default/b",
        "user:default/alice",
        "100000 of 100000 tokens (and 500 tokens granted) per day are used",
        "0 are held",
        "at least 59",
        "1m10s",
    ] {
        assert!(message.contains(part), "{message}");
    }
}
