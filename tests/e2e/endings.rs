//! Every ending of a call has its charge: what the gateway's ledger says is compared with what the
//! provider simulator really produced.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_harness::{Backend, Client, Events, Gateway, Ledger, PROBED, Scenario, eventually};
use tollgate_provider::{Counts, Fault, FaultMatch, FaultRule, Simulator};

use crate::stage::{gateway, of, say, simulator};

/// The models of the stage: one of a provider that speaks OpenAI's API, one of Anthropic's.
const MODELS: [&str; 2] = ["gpt-4", "claude"];
const LIMIT: u64 = 1_000_000;
/// A hold must be gone this soon after its client.
const FREED_WITHIN: Duration = Duration::from_secs(1);

/// One gateway in front of one simulator, with both APIs and one consumer.
struct Stage {
    provider: Simulator,
    gateway: Gateway,
    alice: Client,
}

/// What a call came to, on both sides.
struct Bill {
    what: String,
    charged: u64,
    produced: Counts,
    /// The call's line of the access log.
    line: Value,
}

impl Stage {
    async fn new() -> Self {
        let provider = simulator().await;
        let backends = [
            Backend::openai("openai", provider.addr()),
            Backend::anthropic("anthropic", provider.addr())
                .model("claude-sonnet-4-5")
                .alias("claude"),
        ];
        let scenario = Scenario::default()
            .route("llm", &backends, PROBED)
            .consumer("alice", "search")
            .budget(
                "all",
                "User",
                &format!("[{{tokens: {LIMIT}, window: Month}}]"),
                &[],
            );
        let gateway = gateway(&scenario).await;
        let alice = of(&gateway, "alice");
        // The tables of a tokenizer are built once per process (a second without optimisation);
        // what follows is about calls, not about that.
        for model in MODELS {
            let told = say(&alice, &chat(model, "fault=no_usage")).await;
            assert_eq!(told.status, 200, "{}", told.body);
        }
        let stage = Self {
            provider,
            gateway,
            alice,
        };
        eventually("their lines in the access log", async || {
            (stage.served().len() == MODELS.len()).then_some(())
        })
        .await
        .expect("access log lines");
        stage
    }

    async fn ledger(&self) -> Ledger {
        self.alice
            .settled_ledger("gpt-4", FREED_WITHIN)
            .await
            .expect("a ledger without holds")
    }

    /// Bills what happens in `call`.
    async fn bill(&self, what: String, call: impl Future<Output = ()>) -> Bill {
        let before = self.ledger().await;
        self.provider.tally().reset();
        let lines = self.served().len();
        call.await;
        let after = self.ledger().await;
        let line = eventually("the call's line in the access log", async || {
            self.served().get(lines).cloned()
        });
        let line = line.await.expect("an access log line");
        eventually("the provider's last request ends", async || {
            (self.provider.tally().in_flight() == 0).then_some(())
        })
        .await
        .expect("an idle provider");
        Bill {
            what,
            charged: after.settled - before.settled,
            produced: self.provider.tally().total(),
            line,
        }
    }

    /// Access log lines of calls that went to the provider.
    fn served(&self) -> Vec<Value> {
        let calls = self.gateway.calls().into_iter();
        calls.filter(|call| call["attempts"] != 0).collect()
    }

    /// Bills a call that is read to its end, however that comes.
    async fn whole_and_streamed(&self, model: &str, directives: &str) -> [Bill; 2] {
        let body = chat(model, directives);
        let whole = self.bill(format!("{model}, whole, {directives:?}"), async {
            if let Ok(answer) = self.alice.chat(&body).await {
                let _ = answer.bytes().await;
            }
        });
        let whole = whole.await;
        let streamed = self.bill(format!("{model}, streamed, {directives:?}"), async {
            let mut body = body.clone();
            body["stream"] = true.into();
            if let Ok(answer) = self.alice.chat(&body).await {
                Events::new(answer).rest().await;
            }
        });
        [whole, streamed.await]
    }
}

impl Bill {
    #[track_caller]
    fn is_what_was_produced(&self) {
        let Self {
            what,
            charged,
            produced,
            line,
        } = self;
        assert_eq!(*charged, produced.tokens(), "{what}: {produced:?}\n{line}");
        assert!(*charged > 0, "{what}: nothing was produced");
    }

    #[track_caller]
    fn is_nothing(&self) {
        let Self {
            what,
            charged,
            produced,
            line,
        } = self;
        assert_eq!(*charged, 0, "{what}: {produced:?}\n{line}");
    }
}

fn chat(model: &str, directives: &str) -> Value {
    json!({
        "model": model,
        "max_tokens": 200,
        "messages": [
            {"role": "system", "content": "You are terse."},
            {"role": "user", "content": format!("Tell me about rivers. [[sim {directives}]]")},
        ],
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn complete_answer_is_charged_as_reported() {
    let stage = Stage::new().await;
    for model in MODELS {
        for directives in [
            "output=12",
            "output=500",
            "output=12 cached=7",
            "output=12 cached=5 cache_write=4",
            "output=12 chunk_tokens=5",
            "output=12 fault=slow_drip:1:48",
        ] {
            for bill in stage.whole_and_streamed(model, directives).await {
                bill.is_what_was_produced();
                assert_eq!(bill.line["estimated"], false, "{}", bill.line);
                assert_eq!(bill.line["ending"], "Complete", "{}", bill.line);
                assert_eq!(
                    bill.line["input_tokens"], bill.produced.input,
                    "{}",
                    bill.line
                );
                assert_eq!(
                    bill.line["cached_input_tokens"], bill.produced.cached,
                    "{}",
                    bill.line
                );
                assert_eq!(
                    bill.line["output_tokens"], bill.produced.output,
                    "{}",
                    bill.line
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reasoning_is_charged_once_within_output() {
    let stage = Stage::new().await;
    for model in MODELS {
        let mut body = chat(model, "output=12 reasoning=30");
        body["max_tokens"] = 4000.into();
        body["reasoning_effort"] = "low".into();
        for stream in [false, true] {
            body["stream"] = stream.into();
            let bill = stage.bill(format!("{model}, stream {stream}"), async {
                let answer = stage.alice.chat(&body).await.expect("an answer");
                assert_eq!(answer.status(), 200);
                let _ = answer.bytes().await;
            });
            let bill = bill.await;
            bill.is_what_was_produced();
            assert_eq!(bill.produced.reasoning, 30, "{}", bill.what);
            assert_eq!(bill.produced.output, 42, "{}", bill.what);
            assert_eq!(bill.line["reasoning_tokens"], 30, "{}", bill.line);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_that_is_missing_zero_late_or_repeated_is_charged_as_produced() {
    let stage = Stage::new().await;
    for model in MODELS {
        for (fault, estimated) in [
            ("no_usage", true),
            ("zero_usage", true),
            ("usage_twice", false),
            ("cumulative_usage", false),
            ("late_usage:50", false),
        ] {
            let directives = format!("output=12 fault={fault}");
            for bill in stage.whole_and_streamed(model, &directives).await {
                bill.is_what_was_produced();
                assert_eq!(
                    bill.line["estimated"], estimated,
                    "{}: {}",
                    bill.what, bill.line
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_that_the_provider_breaks_is_charged_with_prompt_and_what_was_generated() {
    // Each piece has time to pass before the connection breaks.
    const PACE: &str = "fault=slow_drip:100:4096";
    let stage = Stage::new().await;
    for model in MODELS {
        for fault in ["cut:3:fin", "cut:3:reset", "cut:0:fin"] {
            let directives = format!("output=12 fault={fault} {PACE}");
            let [_, streamed] = stage.whole_and_streamed(model, &directives).await;
            streamed.is_what_was_produced();
            assert_eq!(streamed.produced.broken, 1, "{}", streamed.what);
            assert_eq!(streamed.line["ending"], "Cut", "{}", streamed.line);
        }
        for fault in ["cut:3:end", "stream_error:3"] {
            let directives = format!("output=12 fault={fault}");
            let [_, streamed] = stage.whole_and_streamed(model, &directives).await;
            streamed.is_what_was_produced();
        }
        // The last of the twelve events has only half its bytes: its token cannot be read.
        let [_, streamed] = stage
            .whole_and_streamed(model, "output=12 fault=truncated_json")
            .await;
        assert_eq!(
            streamed.charged,
            streamed.produced.tokens() - 1,
            "{}",
            streamed.what
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answer_whose_bytes_a_break_overtakes_is_charged_at_least_its_prompt() {
    let stage = Stage::new().await;
    for model in MODELS {
        for fault in ["cut:3:fin", "cut:3:reset"] {
            let directives = format!("output=12 fault={fault}");
            for bill in stage.whole_and_streamed(model, &directives).await {
                let Bill {
                    what,
                    charged,
                    produced,
                    line,
                } = bill;
                let possible = produced.input..=produced.tokens();
                assert!(produced.input > 0, "{what}");
                assert!(
                    possible.contains(&charged),
                    "{what}: {charged} of {produced:?}\n{line}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provider_error_before_the_first_byte_is_charged_nothing() {
    let stage = Stage::new().await;
    for model in MODELS {
        for fault in [
            "status:400",
            "status:404",
            "status:429",
            "status:500",
            "status:529",
            "reset_before_head",
        ] {
            for bill in stage
                .whole_and_streamed(model, &format!("fault={fault}"))
                .await
            {
                bill.is_nothing();
                assert_eq!(bill.produced.tokens(), 0, "{}", bill.what);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answer_that_is_garbage_is_charged_with_the_prompt() {
    let stage = Stage::new().await;
    for model in MODELS {
        for fault in ["garbage_body", "empty_body"] {
            for bill in stage
                .whole_and_streamed(model, &format!("output=12 fault={fault}"))
                .await
            {
                bill.is_what_was_produced();
            }
        }
        let [_, streamed] = stage
            .whole_and_streamed(model, "output=12 fault=garbage_mid_stream:3")
            .await;
        streamed.is_what_was_produced();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_that_leaves_pays_for_the_prompt_and_what_was_generated() {
    let stage = Stage::new().await;
    for model in MODELS {
        // After the third chunk; the fourth would come half a second later.
        let bill = stage.bill(format!("{model}, left after chunk 3"), async {
            let body = chat(model, "output=12 chunk_delay_ms=500");
            let mut events = stage.alice.stream(&body).await.expect("a stream");
            events.contents(3).await.expect("three chunks");
            leave(&stage, events).await;
        });
        let bill = bill.await;
        bill.is_what_was_produced();
        assert_eq!(bill.produced.output, 3, "{}", bill.what);
        assert_eq!(bill.produced.cancelled, 1, "{}", bill.what);
        assert_eq!(bill.line["ending"], "Cut", "{}", bill.line);

        // After the last content, before usage.
        let bill = stage.bill(format!("{model}, left before usage"), async {
            let body = chat(model, "output=12 fault=late_usage:60000");
            let mut events = stage.alice.stream(&body).await.expect("a stream");
            events.contents(12).await.expect("all chunks");
            leave(&stage, events).await;
        });
        let bill = bill.await;
        bill.is_what_was_produced();
        assert_eq!(bill.produced.output, 12, "{}", bill.what);
        assert_eq!(bill.produced.cancelled, 1, "{}", bill.what);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_that_leaves_before_any_byte_pays_for_the_prompt() {
    let stage = Stage::new().await;
    for model in MODELS {
        for stream in [false, true] {
            let bill = stage.bill(format!("{model}, stream {stream}, left at once"), async {
                let mut body = chat(model, "fault=hang");
                body["stream"] = stream.into();
                let call = tokio::spawn({
                    let alice = stage.alice.clone();
                    async move { alice.chat(&body).await.map(drop) }
                });
                eventually("the provider has the request", async || {
                    (stage.provider.tally().in_flight() == 1).then_some(())
                })
                .await
                .expect("a request");
                leave(&stage, CallOnDrop(call)).await;
            });
            let bill = bill.await;
            assert_eq!(bill.produced.cancelled, 1, "{}", bill.what);
            assert!(bill.produced.unanswered_input > 0, "{}", bill.what);
            assert_eq!(
                bill.charged, bill.produced.unanswered_input,
                "{}: {}",
                bill.what, bill.line
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_that_leaves_after_usage_pays_what_was_reported() {
    let stage = Stage::new().await;
    for model in MODELS {
        let bill = stage.bill(format!("{model}, left after usage"), async {
            let mut body = chat(model, "output=12");
            body["stream_options"] = json!({"include_usage": true});
            let mut events = stage.alice.stream(&body).await.expect("a stream");
            loop {
                let data = events.next().await.expect("an event").expect("more events");
                let chunk: Value = serde_json::from_str(&data).expect("a chunk before [DONE]");
                if chunk["usage"].is_object() {
                    break;
                }
            }
        });
        let bill = bill.await;
        bill.is_what_was_produced();
        assert_eq!(bill.produced.output, 12, "{}", bill.what);
    }
}

/// A call that ends when this is dropped, and its connection with it.
struct CallOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for CallOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Closes the connection: the hold was there, and is gone within a second; so is the request at
/// the provider.
async fn leave<T>(stage: &Stage, connection: T) {
    let held = stage.alice.ledger("gpt-4").await.expect("a ledger").held;
    assert!(
        held > 200,
        "{held} tokens are held while the call is in flight"
    );
    let left = Instant::now();
    drop(connection);
    stage.ledger().await;
    eventually("the provider's request is cancelled", async || {
        (stage.provider.tally().total().cancelled == 1).then_some(())
    })
    .await
    .expect("a cancelled request");
    assert!(left.elapsed() < FREED_WITHIN, "{:?}", left.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_choice_of_an_answer_is_charged() {
    let stage = Stage::new().await;
    for fault in ["", "fault=no_usage"] {
        for stream in [false, true] {
            let mut body = chat("gpt-4", &format!("output=12 {fault}"));
            body["n"] = 3.into();
            body["stream"] = stream.into();
            let what = format!("three choices, stream {stream}, {fault:?}");
            let bill = stage.bill(what, async {
                let answer = stage.alice.chat(&body).await.expect("an answer");
                let _ = answer.bytes().await;
            });
            let bill = bill.await;
            assert_eq!(bill.produced.output, 36, "{}", bill.what);
            if fault.is_empty() {
                bill.is_what_was_produced();
            } else {
                // The texts of the choices are counted as one: a token may span two of them.
                let apart = bill.produced.tokens().abs_diff(bill.charged);
                assert!(
                    apart <= 3,
                    "{}: {} of {:?}",
                    bill.what,
                    bill.charged,
                    bill.produced
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_with_mixed_faults_leave_no_drift_between_ledger_and_providers() {
    const CALLS: u64 = 240;
    const IN_PARALLEL: u64 = 6;
    const FAULTS: [&str; 12] = [
        "none",
        "status:503",
        "no_usage",
        "zero_usage",
        "usage_twice",
        "reset_before_head",
        "late_usage:5",
        "cumulative_usage",
        "status:429",
        "cut:3:end",
        "stream_error:2",
        "garbage_body",
    ];
    let (openai, anthropic) = (simulator().await, simulator().await);
    // Beside the faults of both providers, every tenth call fails at the first alone.
    let rule = |nth| FaultRule {
        matches: FaultMatch {
            nth: Some(nth),
            ..FaultMatch::default()
        },
        fault: Fault::Status {
            status: 503,
            retry_after_s: None,
        },
    };
    openai
        .faults()
        .set((4..CALLS).step_by(10).map(rule).collect());
    let backends = [
        Backend::openai("openai", openai.addr()),
        Backend::anthropic("anthropic", anthropic.addr()).priority(1),
    ];
    let scenario = Scenario::default()
        .route("llm", &backends, PROBED)
        .consumer("alice", "search")
        .budget(
            "all",
            "User",
            &format!("[{{tokens: {LIMIT}, window: Month}}]"),
            &[],
        );
    let gateway = gateway(&scenario).await;
    let alice = of(&gateway, "alice");
    let workers: Vec<_> = (0..IN_PARALLEL)
        .map(|worker| {
            let alice = alice.clone();
            tokio::spawn(async move {
                for call in (worker..CALLS).step_by(IN_PARALLEL as usize) {
                    // Steps of 5 and 7 go through all faults and both forms, in no simple order.
                    let stream = call % 7 < 4;
                    let fault = match FAULTS[(call * 5 % 12) as usize] {
                        // Half a JSON body does not tell what it cost.
                        fault if fault.starts_with("cut") && !stream => "none",
                        fault => fault,
                    };
                    let fault = if fault == "none" {
                        String::new()
                    } else {
                        format!("fault={fault}")
                    };
                    let mut body = chat("gpt-4", &format!("output={} {fault}", 1 + call * 7 % 50));
                    body["stream"] = stream.into();
                    if let Ok(answer) = alice.chat(&body).await {
                        let _ = answer.bytes().await;
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("a worker");
    }
    let account = alice
        .settled_ledger("gpt-4", FREED_WITHIN)
        .await
        .expect("a ledger");
    let (first, second) = (openai.tally().total(), anthropic.tally().total());
    assert!(
        first.answered > 0 && second.answered > 0,
        "{first:?} {second:?}"
    );
    assert_eq!(
        account.settled,
        first.tokens() + second.tokens(),
        "{first:?} {second:?}"
    );
}
