//! `GET /v1/usage` through real Envoy: what a caller is told of its own accounts.

use serde_json::{Value, json};
use tollgate_harness::{Backend, Scenario, eventually};

use crate::stage::{Told, ask, gateway, of, say, simulator};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caller_sees_its_own_budgets_before_within_and_after_a_call_and_when_they_are_spent() {
    let provider = simulator().await;
    let scenario = Scenario::default()
        .route("llm", &[Backend::openai("openai", provider.addr())], "")
        .consumer("alice", "search")
        .consumer("bob", "ads")
        .budget("own", "User", "[{tokens: 500, window: Month}]", &[])
        .budget(
            "team",
            "Team",
            "[{tokens: 100000, window: Day, timeZone: Europe/Madrid}]",
            &[],
        );
    let gateway = gateway(&scenario).await;
    let (alice, bob) = (of(&gateway, "alice"), of(&gateway, "bob"));
    let told = async |client: &tollgate_harness::Client| {
        let told = Told::of(client.get("/v1/usage").await.expect("usage")).await;
        assert_eq!(told.status, 200, "{}", told.body);
        assert_eq!(told.body["object"], "list");
        told.body["data"].as_array().cloned().expect("a list")
    };
    let before = told(&alice).await;
    let subjects: Vec<&Value> = before.iter().map(|account| &account["subject"]).collect();
    assert_eq!(subjects, ["user:default/alice", "team:default/search"]);
    let own = &before[0];
    assert_eq!(own["budget"], "default/own");
    assert_eq!(own["unit"], "tokens");
    assert_eq!(own["window"], "month");
    assert_eq!(own["mode"], "strict");
    assert_eq!(own["limit"], 500);
    assert_eq!(own["remaining"], 500);
    let reset = own["reset"].as_str().expect("a time");
    assert!(
        reset.ends_with("-01T00:00:00Z"),
        "{reset}: the next month begins"
    );
    assert!(own["reset_seconds"].as_u64().expect("seconds") <= 31 * 24 * 3600);
    assert_eq!(before[1]["time_zone"], "Europe/Madrid");

    let body = json!({"model": "gpt-4", "max_tokens": 64, "messages": [
        {"role": "user", "content": "hello [[sim output=64 chunk_delay_ms=20]]"}]});
    let mut events = alice.stream(&body).await.expect("a stream");
    events.contents(1).await.expect("a token");
    let within = told(&alice).await;
    let held = within[0]["held"].as_u64().expect("a number");
    assert!(held >= 64, "{held}");
    assert_eq!(within[0]["remaining"], 500 - held);
    events.rest().await;
    let after = eventually("the call is settled", async || {
        Some(told(&alice).await).filter(|accounts| accounts[0]["held"] == 0)
    })
    .await
    .expect("a settled call");
    let made = provider.tally().total().tokens();
    assert_eq!(after[0]["used"], made);
    assert_eq!(after[1]["used"], made);

    while say(&alice, &ask(64, 64)).await.status == 200 {}
    let spent = told(&alice).await;
    assert!(spent[0]["remaining"].as_u64().expect("a number") < 100);
    assert_eq!(told(&bob).await[0]["used"], 0, "another caller");
    for client in [gateway.client(None), gateway.client(Some("nobody's"))] {
        let refused = Told::of(client.get("/v1/usage").await.expect("an answer")).await;
        assert_eq!(refused.status, 401, "{}", refused.body);
    }
}
