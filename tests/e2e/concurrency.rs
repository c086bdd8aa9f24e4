//! Many calls at the same moment on one budget: what is settled never exceeds the limit.

use serde_json::Value;
use tollgate_harness::{Backend, Client, Events, PROBED, Scenario};
use tollgate_provider::{Fault, FaultMatch, FaultRule, Simulator};

use crate::stage::{ask, gateway, of, say, simulator};

const CALLS: usize = 500;
/// Output tokens of each call, exactly.
const OUTPUT: u64 = 512;

fn scenario(provider: &Simulator, limit: u64) -> Scenario {
    Scenario::default()
        .route("llm", &[Backend::openai("openai", provider.addr())], "")
        .route(
            "probe",
            &[Backend::openai("probe", provider.addr()).alias("probe")],
            PROBED,
        )
        .consumer("alice", "search")
        .consumer("meter", "search")
        .budget(
            "all",
            "User",
            &format!("[{{tokens: {limit}, window: Month}}]"),
            &[],
        )
}

/// What one call of [`ask`] costs, from the provider itself.
async fn cost(provider: &Simulator) -> u64 {
    let gateway = gateway(&scenario(provider, 10_000)).await;
    say(&of(&gateway, "meter"), &ask(OUTPUT, OUTPUT))
        .await
        .tokens()
}

/// Statuses of so many calls at once, each read to its end.
async fn at_once(client: &Client, calls: usize, body: &Value) -> Vec<u16> {
    let calls: Vec<_> = (0..calls)
        .map(|_| {
            let (client, body) = (client.clone(), body.clone());
            tokio::spawn(async move {
                let answer = client.chat(&body).await.expect("an answer");
                let status = answer.status().as_u16();
                if status == 200 && body["stream"] == true {
                    let (_, done) = Events::new(answer).rest().await;
                    assert!(done, "an admitted stream ends with [DONE]");
                } else {
                    answer.bytes().await.expect("a body");
                }
                status
            })
        })
        .collect();
    let mut statuses = Vec::new();
    for call in calls {
        statuses.push(call.await.expect("a call"));
    }
    statuses
}

async fn five_hundred_calls_on_the_budget_of_ten(stream: bool) {
    let provider = simulator().await;
    let cost = cost(&provider).await;
    let limit = 10 * cost;
    let gateway = gateway(&scenario(&provider, limit)).await;
    let alice = of(&gateway, "alice");
    // All are there before the first is settled.
    let fault = Fault::DelayHead { ms: 300 };
    provider.faults().set(vec![FaultRule {
        matches: FaultMatch::default(),
        fault,
    }]);
    provider.tally().reset();
    let mut body = ask(OUTPUT, OUTPUT);
    body["stream"] = stream.into();
    let statuses = at_once(&alice, CALLS, &body).await;

    let served = statuses.iter().filter(|status| **status == 200).count();
    let denied = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!(served + denied, CALLS, "{statuses:?}");
    let produced = provider.tally().total().tokens();
    assert!(
        produced <= limit,
        "{served} calls cost {produced} tokens of {limit}"
    );
    assert!(
        produced >= limit * 7 / 10,
        "{served} calls cost only {produced} tokens of {limit}"
    );
    let account = alice.ledger("probe").await.expect("a ledger");
    assert_eq!(
        (account.limit, account.settled, account.held),
        (limit, produced, 0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_calls_at_once_settle_at_most_the_limit() {
    five_hundred_calls_on_the_budget_of_ten(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_streams_at_once_settle_at_most_the_limit() {
    five_hundred_calls_on_the_budget_of_ten(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_calls_ever_of_a_user_get_only_what_fits() {
    let provider = simulator().await;
    let cost = cost(&provider).await;
    let gateway = gateway(&scenario(&provider, 2 * cost)).await;
    let alice = of(&gateway, "alice");
    let fault = Fault::DelayHead { ms: 300 };
    provider.faults().set(vec![FaultRule {
        matches: FaultMatch::default(),
        fault,
    }]);
    provider.tally().reset();
    let statuses = at_once(&alice, 8, &ask(OUTPUT, OUTPUT)).await;
    let served = statuses.iter().filter(|status| **status == 200).count();
    // The second is shortened to what is left, which may leave room for a third's few tokens.
    assert!((2..=3).contains(&served), "{statuses:?}");
    let produced = provider.tally().total().tokens();
    assert!(produced <= 2 * cost, "{produced} tokens of {}", 2 * cost);
    let account = alice.ledger("probe").await.expect("a ledger");
    assert_eq!((account.settled, account.held), (produced, 0));
}
