//! A host for tests: a bundle by hand, a clock that stands still, the memory ledger.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_budget::{AccountState, Clock, MemoryStore, store::memory::Bounds};
use tollgate_bundle::{
    Api, Backend, Budget, Bundle, Consumer, Credential, Limit, Match, Meter, Mode, ModelListing,
    OnStoreFailure, Rule, Scope, Subject, ValueMatch, WindowKind,
};
use tollgate_engine::{
    BodyStep, CallRecord, EndStep, Exchange, ExchangeInput, Forward, Health, Reply, RequestHead,
    ResponseHead, ResponseHeadChange, RouteTable, Step, Warned,
};
use tollgate_llm::BodyChange;
use tollgate_secret::Secret;

pub(crate) struct Host {
    pub(crate) store: MemoryStore,
    pub(crate) health: Arc<Health>,
    pub(crate) warned: Arc<Warned>,
    pub(crate) table: Arc<RouteTable>,
    next_id: AtomicI64,
}

pub(crate) struct Headers(pub(crate) Vec<(String, String)>);

/// Where a request came to rest.
#[derive(Debug)]
pub(crate) enum Rest {
    Forward(Forward),
    Reply(Reply),
}

/// 2026-11-21T12:00:00Z
const NOW_MS: i64 = 1_795_262_400_000;

/// Whether an answer comes to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Complete,
    Cut,
}

// === impl Host ===

impl Host {
    pub(crate) fn new(bundle: &Bundle) -> Self {
        let (table, problems) = RouteTable::compile(bundle);
        assert_eq!(problems, Vec::<String>::new());
        Self::with_table(table)
    }

    pub(crate) fn with_table(table: RouteTable) -> Self {
        Self {
            store: MemoryStore::new(Clock::new(|| NOW_MS), Bounds::default()),
            health: Arc::default(),
            warned: Arc::default(),
            table: Arc::new(table),
            next_id: AtomicI64::new(1),
        }
    }

    pub(crate) fn exchange(&self) -> Exchange {
        Exchange::new(ExchangeInput {
            table: Arc::clone(&self.table),
            health: Arc::clone(&self.health),
            warned: Arc::clone(&self.warned),
            scope: "scope".into(),
            id: self.next_id.fetch_add(1, Ordering::Relaxed) as u128,
            created: 1_795_262_400,
            body_bytes_max: 100_000,
        })
    }

    /// Sends a chat request up to the point where the proxy acts.
    pub(crate) fn chat(&self, exchange: &mut Exchange, key: Option<&str>, body: &Value) -> Rest {
        self.send(exchange, &chat_headers(key), body.to_string())
    }

    pub(crate) fn send(&self, exchange: &mut Exchange, head: &Headers, body: String) -> Rest {
        match exchange.on_request_head(head, false) {
            Step::ReadBody => {
                let step = exchange.on_request_body(head, Bytes::from(body), 0, 0);
                self.drive(exchange, step)
            }
            step => self.drive(exchange, step),
        }
    }

    pub(crate) fn drive(&self, exchange: &mut Exchange, mut step: Step) -> Rest {
        loop {
            step = match step {
                Step::Count(job) => exchange.on_counted(job.run()),
                Step::Hold(request) => exchange.on_hold(self.store.hold_now(&request)),
                Step::Raise(request) => exchange.on_hold(self.store.raise_now(&request)),
                Step::States(accounts) => exchange.on_states(Ok(self.store.states_now(&accounts))),
                Step::Forward(forward) => return Rest::Forward(forward),
                Step::Reply(reply) => return Rest::Reply(reply),
                Step::ReadBody => panic!("the body was read already"),
            };
        }
    }

    /// Gives the exchange a provider's whole answer; returns what the client gets.
    pub(crate) fn answer(&self, exchange: &mut Exchange, status: u16, body: &str) -> String {
        head(exchange, status, "application/json");
        self.pieces(exchange, &[body], End::Complete)
    }

    /// Gives the exchange a provider's stream of events; returns what the client gets.
    pub(crate) fn stream(&self, exchange: &mut Exchange, pieces: &[&str], end: End) -> String {
        head(exchange, 200, "text/event-stream");
        self.pieces(exchange, pieces, end)
    }

    pub(crate) fn pieces(&self, exchange: &mut Exchange, pieces: &[&str], end: End) -> String {
        let mut seen = String::new();
        for (index, piece) in pieces.iter().enumerate() {
            let last = end == End::Complete && index + 1 == pieces.len();
            let mut step = exchange.on_response_body(&Bytes::from(piece.to_string()), last);
            let (change, end) = loop {
                step = match step {
                    BodyStep::Pass { change, end } => break (change, end),
                    BodyStep::TopUp(request) => exchange.on_top_up(self.store.raise_now(&request)),
                    BodyStep::Estimate(job) => exchange.on_cut_estimated(job.run()),
                };
            };
            match change {
                BodyChange::Keep => seen.push_str(piece),
                BodyChange::Replace(bytes) => seen.push_str(std::str::from_utf8(&bytes).unwrap()),
            }
            if let Some(end) = end {
                self.conclude(exchange, end);
            }
        }
        seen
    }

    pub(crate) fn close(&self, exchange: &mut Exchange) -> CallRecord {
        let end = exchange.on_closed();
        self.conclude(exchange, end);
        exchange.record()
    }

    fn conclude(&self, exchange: &mut Exchange, mut end: EndStep) {
        loop {
            end = match end {
                EndStep::Done => return,
                EndStep::Estimate(job) => exchange.on_estimated(job.run()),
                EndStep::Settle(settlement) => {
                    self.store.settle_now(&settlement).unwrap();
                    return;
                }
            };
        }
    }

    /// State of the first account of the last hold of `exchange`'s kind: alice's daily budget.
    pub(crate) fn state(&self, budget: &str, subject: &str, limit: u64) -> AccountState {
        let account = tollgate_budget::Account {
            budget: budget.into(),
            subject: subject.into(),
            window: WindowKind::Day,
            time_zone: "UTC".into(),
            limit,
        };
        self.store.states_now(&[account]).remove(0)
    }
}

impl RequestHead for Headers {
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_bytes())
    }
}

pub(crate) fn head(exchange: &mut Exchange, status: u16, content_type: &str) -> ResponseHeadChange {
    let head = ResponseHead {
        status,
        content_type: Some(content_type),
        retry_after: None,
        rate_limits: &[],
        end: false,
    };
    exchange.on_response_head(head, 0)
}

pub(crate) fn headers(pairs: &[(&str, &str)]) -> Headers {
    Headers(
        pairs
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
    )
}

pub(crate) fn chat_headers(key: Option<&str>) -> Headers {
    let mut head = headers(&[(":method", "POST"), (":path", "/v1/chat/completions")]);
    if let Some(key) = key {
        head.0
            .push(("authorization".into(), format!("Bearer {key}")));
    }
    head
}

pub(crate) fn backend(index: u32, name: &str, api: Api, model: Option<&str>) -> Backend {
    let (header, value) = match api {
        Api::Anthropic { .. } => ("x-api-key", format!("sk-{name}")),
        _ => ("authorization", format!("Bearer sk-{name}")),
    };
    Backend {
        id: format!("default/llm/0/{index}"),
        name: name.into(),
        cluster: format!("ai/default/llm/0/{index}"),
        priority: index,
        weight: 1,
        model: model.map(str::to_string),
        api,
        credential: Some(Credential {
            header: header.into(),
            value: Secret::new(value),
        }),
        budgets: Vec::new(),
        invalid: None,
    }
}

pub(crate) fn openai(index: u32) -> Backend {
    backend(
        index,
        "openai",
        Api::OpenAi {
            prefix: "v1".into(),
        },
        None,
    )
}

pub(crate) fn anthropic(index: u32) -> Backend {
    let api = Api::Anthropic {
        prefix: "v1".into(),
    };
    backend(index, "anthropic", api, Some("claude-3-opus"))
}

pub(crate) fn rule(budgets: &[&str]) -> Rule {
    Rule {
        id: "default/llm/0".into(),
        route: "default/llm".into(),
        namespace: "default".into(),
        matches: vec![Match {
            model: Some(ValueMatch::Exact("gpt-4".into())),
            headers: vec![],
        }],
        backends: vec![openai(0), anthropic(1)],
        budgets: budgets.iter().map(ToString::to_string).collect(),
        output_tokens_default: 100,
        kept_headers: Vec::new(),
        costs: Vec::new(),
        output_tokens_min: 10,
        models: vec![ModelListing {
            id: "gpt-4".into(),
            owned_by: "tollgate".into(),
            created: 0,
        }],
    }
}

pub(crate) fn budget(id: &str, tokens: u64, subject: Subject) -> (String, Budget) {
    let budget = Budget {
        id: id.into(),
        subject,
        limits: vec![Limit {
            amount: tokens,
            window: WindowKind::Day,
            time_zone: "UTC".into(),
        }],
        meter: Meter::Total,
        mode: Mode::Strict,
        on_store_failure: OnStoreFailure::Closed,
        warn_percent: None,
    };
    (id.into(), budget)
}

/// Alice of team search, and bob of none; one rule under a budget of `tokens` for each user.
pub(crate) fn bundle(tokens: u64) -> Bundle {
    with_rule(
        rule(&["default/daily"]),
        [budget("default/daily", tokens, Subject::User)],
    )
}

pub(crate) fn with_rule<const N: usize>(rule: Rule, budgets: [(String, Budget); N]) -> Bundle {
    let consumer = |name: &str, team: Option<&str>| Consumer {
        name: name.into(),
        keys: vec![(format!("{name}-key"), Secret::new(format!("sk-{name}")))],
        team: team.map(str::to_string),
        org: None,
    };
    Bundle {
        scopes: BTreeMap::from([(
            "scope".into(),
            Scope {
                rules: vec![rule.into()],
            },
        )]),
        consumers: BTreeMap::from([(
            "default".into(),
            vec![consumer("alice", Some("search")), consumer("bob", None)],
        )]),
        budgets: BTreeMap::from(budgets),
        ..Bundle::default()
    }
}

pub(crate) fn hello() -> Value {
    json!({"model": "gpt-4", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]})
}

pub(crate) fn openai_answer(input: u64, output: u64) -> String {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4-0613",
        "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": "hello to you"}}],
        "usage": {"prompt_tokens": input, "completion_tokens": output,
            "total_tokens": input + output},
    })
    .to_string()
}

pub(crate) fn reply(rest: Rest) -> (u16, Value, Reply) {
    match rest {
        Rest::Reply(reply) => {
            let body = serde_json::from_slice(&reply.body).unwrap();
            (reply.status, body, reply)
        }
        Rest::Forward(forward) => panic!("forwarded: {forward:?}"),
    }
}

pub(crate) fn forward(rest: Rest) -> Forward {
    match rest {
        Rest::Forward(forward) => forward,
        Rest::Reply(reply) => panic!("refused: {reply:?}"),
    }
}

pub(crate) fn set<'f>(forward: &'f Forward, name: &str) -> Option<&'f str> {
    forward
        .set_headers
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.as_ref())
}
