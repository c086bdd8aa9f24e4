//! Budgets through the whole product: who is refused, what the caller is told, what the provider
//! sees of it.

use std::time::Duration;

use serde_json::json;
use tollgate_harness::{Backend, Client, Ledger, PROBED, Scenario, eventually};
use tollgate_provider::Simulator;

use crate::stage::{Told, ask, gateway, of, say, simulator};

/// Long windows do not roll over in the middle of a test.
const MONTH: &str = "window: Month";

fn limits(tokens: u64) -> String {
    format!("[{{tokens: {tokens}, {MONTH}}}]")
}

/// One route at an OpenAI provider, consumers alice and bob, and one budget per user.
fn per_user(provider: &Simulator, tokens: u64, spec: &str) -> Scenario {
    Scenario::default()
        .route("llm", &[Backend::openai("openai", provider.addr())], spec)
        .consumer("alice", "search")
        .consumer("bob", "search")
        .budget("daily", "User", &limits(tokens), &[])
}

async fn ledger(client: &Client) -> Ledger {
    client.ledger("gpt-4").await.expect("a ledger")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_whose_budget_is_spent_gets_429_while_another_is_served() {
    let provider = simulator().await;
    let gateway = gateway(&per_user(&provider, 400, "")).await;
    let alice = of(&gateway, "alice");
    let mut spent = 0;
    let denied = loop {
        let told = say(&alice, &ask(64, 64)).await;
        if told.status != 200 {
            break told;
        }
        assert_eq!(told.number("x-ratelimit-limit-tokens"), 400);
        spent += told.tokens();
        assert!(spent <= 400, "{spent} tokens were served");
    };

    assert_eq!(denied.status, 429, "{}", denied.body);
    assert_eq!(denied.body["error"]["type"], "tokens");
    assert_eq!(denied.body["error"]["code"], "rate_limit_exceeded");
    assert!(
        denied.message().contains("default/daily"),
        "{}",
        denied.message()
    );
    let retry_after = denied.number("retry-after");
    assert!(
        (1..=31 * 24 * 3600).contains(&retry_after),
        "retry-after {retry_after}"
    );
    assert_eq!(denied.number("x-ratelimit-limit-tokens"), 400);
    assert_eq!(denied.number("x-ratelimit-remaining-tokens"), 400 - spent);
    assert!(denied.header("x-ratelimit-reset-tokens").ends_with('s'));
    assert_eq!(
        provider.tally().total().tokens(),
        spent,
        "what the provider produced"
    );
    assert!(spent > 300, "only {spent} of 400 tokens could be spent");

    let models = Told::of(alice.get("/v1/models").await.expect("models")).await;
    assert_eq!(models.status, 200);
    assert_eq!(models.body["data"][0]["id"], "gpt-4");
    assert_eq!(say(&of(&gateway, "bob"), &ask(64, 64)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_limits_of_a_budget_hold_together_and_the_denial_names_the_tighter() {
    let provider = simulator().await;
    let backend = || Backend::openai("openai", provider.addr());
    let scenario = Scenario::default()
        .route("quick", &[backend()], "")
        .route(
            "slow",
            &[Backend::openai("later", provider.addr()).alias("slow")],
            "",
        )
        .consumer("alice", "search")
        .budget(
            "minute",
            "User",
            "[{tokens: 100000, window: Day}, {tokens: 300, window: Minute}]",
            &["quick"],
        )
        .budget(
            "day",
            "User",
            "[{tokens: 300, window: Day}, {tokens: 100000, window: Minute}]",
            &["slow"],
        );
    let gateway = gateway(&scenario).await;
    let alice = of(&gateway, "alice");
    for (model, window, longest_s) in [("gpt-4", "per minute", 60), ("slow", "per day", 24 * 3600)]
    {
        let mut body = ask(64, 64);
        body["model"] = model.into();
        // A minute may end while it is being spent; the next one is spent as well.
        let denied = eventually("a denial", async || {
            let told = say(&alice, &body).await;
            if told.status == 200 {
                assert_eq!(told.number("x-ratelimit-limit-tokens"), 300, "{model}");
            }
            (told.status != 200).then_some(told)
        })
        .await
        .expect("a denial");
        assert_eq!(denied.status, 429, "{model}: {}", denied.body);
        assert!(denied.message().contains(window), "{}", denied.message());
        assert!(denied.number("retry-after") <= longest_s, "{model}");
        assert_eq!(denied.number("x-ratelimit-limit-tokens"), 300, "{model}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spent_team_denies_naming_the_team_and_charges_nothing_to_the_user() {
    let provider = simulator().await;
    let scenario = Scenario::default()
        .route("llm", &[Backend::openai("openai", provider.addr())], PROBED)
        .route(
            "own",
            &[Backend::openai("own", provider.addr()).alias("own")],
            PROBED,
        )
        .consumer("alice", "search")
        .consumer("bob", "search")
        .consumer("carol", "ads")
        .budget("each", "User", &limits(100_000), &[])
        .budget("team", "Team", &limits(300), &["llm"]);
    let gateway = gateway(&scenario).await;
    let (alice, bob) = (of(&gateway, "alice"), of(&gateway, "bob"));
    let mut spent = 0;
    loop {
        let told = say(&bob, &ask(64, 64)).await;
        if told.status == 429 {
            break;
        }
        spent += told.tokens();
    }
    let before = provider.tally().total();

    let denied = say(&alice, &ask(64, 64)).await;
    assert_eq!(denied.status, 429, "{}", denied.body);
    assert!(
        denied.message().contains("default/team"),
        "{}",
        denied.message()
    );
    assert!(denied.message().contains("team:"), "{}", denied.message());
    assert!(
        !denied.message().contains("default/each"),
        "{}",
        denied.message()
    );
    // The other route has only the budget of each user.
    let account = |settled| Ledger {
        limit: 100_000,
        settled,
        held: 0,
    };
    assert_eq!(
        alice.ledger("own").await.expect("alice's account"),
        account(0)
    );
    assert_eq!(
        bob.ledger("own").await.expect("bob's account"),
        account(spent)
    );
    assert_eq!(
        provider.tally().total(),
        before,
        "a refused call reached the provider"
    );
    assert_eq!(
        say(&of(&gateway, "carol"), &ask(64, 64)).await.status,
        200,
        "another team"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shared_budget_is_one_account_for_everybody() {
    let provider = simulator().await;
    let scenario = Scenario::default()
        .route("llm", &[Backend::openai("openai", provider.addr())], PROBED)
        .consumer("alice", "search")
        .consumer("bob", "ads")
        .budget("all", "Shared", &limits(300), &[]);
    let gateway = gateway(&scenario).await;
    let (alice, bob) = (of(&gateway, "alice"), of(&gateway, "bob"));
    while say(&alice, &ask(64, 64)).await.status == 200 {}
    assert_eq!(say(&bob, &ask(64, 64)).await.status, 429);
    assert_eq!(ledger(&alice).await, ledger(&bob).await);
    assert_eq!(
        ledger(&bob).await.settled,
        provider.tally().total().tokens()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn namespace_without_consumers_has_one_anonymous_account_whatever_callers_claim() {
    let provider = simulator().await;
    let scenario = Scenario::default()
        .route("llm", &[Backend::openai("openai", provider.addr())], PROBED)
        .budget("all", "User", &limits(1000), &[]);
    let gateway = gateway(&scenario).await;
    let nobody = gateway.client(None);
    let somebody = gateway.client(Some("a-key-that-nobody-knows"));
    let first = say(&nobody, &ask(64, 64)).await.tokens();
    let mut body = ask(64, 64);
    body["user"] = "mallory".into();
    let second = say(&somebody, &body).await.tokens();
    let account = Ledger {
        limit: 1000,
        settled: first + second,
        held: 0,
    };
    assert_eq!(ledger(&nobody).await, account);
    assert_eq!(ledger(&somebody).await, account);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limit_of_zero_denies_the_first_request() {
    let provider = simulator().await;
    let gateway = gateway(&per_user(&provider, 0, "")).await;
    let told = say(&of(&gateway, "alice"), &ask(1, 1)).await;
    assert_eq!(told.status, 429, "{}", told.body);
    assert_eq!(told.number("x-ratelimit-limit-tokens"), 0);
    assert_eq!(provider.recorder().requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limit_beyond_32_bits_is_held_and_told_exactly() {
    const LIMIT: u64 = 5_000_000_000;
    const OUTPUT: u64 = 4_500_000_000;
    let provider = simulator().await;
    let gateway = gateway(&per_user(&provider, LIMIT, PROBED)).await;
    let alice = of(&gateway, "alice");
    let told = say(&alice, &ask(10, OUTPUT)).await;
    assert_eq!(told.status, 200, "{}", told.body);
    assert_eq!(told.number("x-ratelimit-limit-tokens"), LIMIT);
    let remaining = told.number("x-ratelimit-remaining-tokens");
    assert!(
        remaining < LIMIT - OUTPUT,
        "{remaining} after a hold of more than {OUTPUT}"
    );
    let account = Ledger {
        limit: LIMIT,
        settled: told.tokens(),
        held: 0,
    };
    assert_eq!(ledger(&alice).await, account);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn remaining_falls_by_the_hold_and_is_corrected_after_the_answer() {
    let provider = simulator().await;
    let gateway = gateway(&per_user(&provider, 100_000, PROBED)).await;
    let alice = of(&gateway, "alice");
    let body = ask(3, 10_000);
    let first = say(&alice, &body).await;
    let remaining = first.number("x-ratelimit-remaining-tokens");
    assert!(
        remaining < 90_000,
        "{remaining} after a hold of more than 10000"
    );
    let second = say(&alice, &body).await;
    assert_eq!(
        second.number("x-ratelimit-remaining-tokens"),
        remaining - first.tokens(),
        "the same hold after the first call's charge"
    );

    let slow = json!({
        "model": "gpt-4",
        "max_tokens": 10_000,
        "messages": [{"role": "user", "content": "hello [[sim output=3 fault=late_usage:60000]]"}],
    });
    let mut events = alice.stream(&slow).await.expect("a stream");
    let left: u64 = events
        .header("x-ratelimit-remaining-tokens")
        .expect("a header")
        .parse()
        .expect("a number");
    events.contents(3).await.expect("content");
    let live = ledger(&alice).await;
    assert_eq!(live.settled, first.tokens() + second.tokens());
    assert_eq!(
        live.held,
        100_000 - live.settled - left,
        "the hold of the call in flight"
    );
    assert!(live.held > 10_000, "{live:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_limit_is_lowered_to_what_is_left_and_the_caller_is_told() {
    let (openai, anthropic) = (simulator().await, simulator().await);
    let backends = [
        Backend::openai("openai", openai.addr()),
        Backend::anthropic("anthropic", anthropic.addr()).alias("claude"),
    ];
    let scenario = Scenario::default()
        .route("llm", &backends, "outputTokens: {minimum: 50}")
        .consumer("alice", "search")
        .consumer("bob", "search")
        .budget("small", "User", &limits(300), &[]);
    let gateway = gateway(&scenario).await;
    for (model, consumer, provider) in [("gpt-4", "alice", &openai), ("claude", "bob", &anthropic)]
    {
        let client = of(&gateway, consumer);
        let mut body = ask(10_000, 10_000);
        body["model"] = model.into();
        let told = say(&client, &body).await;
        assert_eq!(told.status, 200, "{model}: {}", told.body);
        let limit = told.number("x-tollgate-output-tokens-limit");
        assert!((50..300).contains(&limit), "{model}: {limit}");
        let seen = provider.recorder().last().expect("a request").json();
        assert_eq!(
            seen["max_tokens"], limit,
            "{model}: what the provider was asked"
        );
        assert_eq!(told.body["usage"]["completion_tokens"], limit, "{model}");
        assert_eq!(
            told.body["choices"][0]["finish_reason"], "length",
            "{model}"
        );
        assert!(told.tokens() <= 300, "{model}: {} tokens", told.tokens());

        let denied = say(&client, &body).await;
        assert_eq!(
            denied.status, 429,
            "{model}: less than the minimum was left: {}",
            denied.body
        );
        assert_eq!(provider.recorder().requests().len(), 1, "{model}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_without_an_output_limit_gets_one_that_the_budget_can_pay() {
    let provider = simulator().await;
    let gateway = gateway(&per_user(&provider, 500, "outputTokens: {default: 100}")).await;
    let mut body = ask(10_000, 1);
    body.as_object_mut()
        .expect("an object")
        .remove("max_tokens");
    let told = say(&of(&gateway, "alice"), &body).await;
    assert_eq!(told.status, 200, "{}", told.body);
    assert_eq!(
        told.body["usage"]["completion_tokens"], 100,
        "the route's default"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limit_edited_in_the_file_takes_effect_and_keeps_what_was_used() {
    let provider = simulator().await;
    let gateway = gateway(&per_user(&provider, 1000, PROBED)).await;
    let alice = of(&gateway, "alice");
    let used = say(&alice, &ask(64, 64)).await.tokens();
    let edit = async |limit: u64| {
        gateway
            .rewrite(&per_user(&provider, limit, PROBED).to_string())
            .expect("rewritten");
        let account = eventually("the new limit", async || {
            alice
                .ledger("gpt-4")
                .await
                .ok()
                .filter(|account| account.limit == limit)
        });
        account.await.expect("the new limit")
    };

    // Exactly what was used: nothing is left, not even one token.
    let account = edit(used).await;
    assert_eq!((account.settled, account.held), (used, 0));
    let denied = say(&alice, &ask(1, 1)).await;
    assert_eq!(denied.status, 429, "{}", denied.body);
    assert_eq!(denied.number("x-ratelimit-remaining-tokens"), 0);

    let account = edit(used + 500).await;
    assert_eq!((account.settled, account.held), (used, 0));
    let told = say(&alice, &ask(64, 64)).await;
    assert_eq!(told.status, 200, "{}", told.body);
    assert_eq!(ledger(&alice).await.settled, used + told.tokens());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn day_ends_at_midnight_of_the_budgets_time_zone() {
    const ZONES: [(&str, &str); 2] = [
        ("kiritimati", "Pacific/Kiritimati"),
        ("pago", "Pacific/Pago_Pago"),
    ];
    let provider = simulator().await;
    let mut scenario = Scenario::default().consumer("alice", "search");
    for (name, zone) in ZONES {
        let limits = format!("[{{tokens: 0, window: Day, timeZone: {zone}}}]");
        scenario = scenario
            .route(
                name,
                &[Backend::openai(name, provider.addr()).alias(name)],
                "",
            )
            .budget(&format!("{name}-daily"), "User", &limits, &[name]);
    }
    let gateway = gateway(&scenario).await;
    let alice = of(&gateway, "alice");
    for (name, zone) in ZONES {
        let mut body = ask(1, 1);
        body["model"] = name.into();
        let told = say(&alice, &body).await;
        let told_s = i64::try_from(told.number("retry-after")).expect("seconds");
        let now = jiff::Zoned::now().in_tz(zone).expect("a zone");
        let midnight = now
            .tomorrow()
            .and_then(|day| day.start_of_day())
            .expect("midnight");
        let left_s = now.duration_until(&midnight).as_secs();
        // The day may have turned between the answer and this reckoning.
        let apart_s = (told_s - left_s).rem_euclid(24 * 3600);
        assert!(
            apart_s <= 60,
            "{zone}: retry-after {told_s}, midnight is in {left_s} s"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hold_of_a_refused_call_is_gone_with_it() {
    let provider = simulator().await;
    let gateway = gateway(&per_user(&provider, 1000, PROBED)).await;
    let alice = of(&gateway, "alice");
    // The provider refuses: nothing is charged, nothing stays held.
    let told = say(
        &alice,
        &json!({
            "model": "gpt-4",
            "max_tokens": 64,
            "messages": [{"role": "user", "content": "hello [[sim fault=status:400]]"}],
        }),
    )
    .await;
    assert_eq!(told.status, 400, "{}", told.body);
    let account = alice
        .settled_ledger("gpt-4", Duration::from_secs(1))
        .await
        .expect("a ledger");
    assert_eq!(
        account,
        Ledger {
            limit: 1000,
            settled: 0,
            held: 0
        }
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_is_let_in_again_when_the_window_ends() {
    let provider = simulator().await;
    let scenario = Scenario::default()
        .route("llm", &[Backend::openai("openai", provider.addr())], "")
        .consumer("alice", "search")
        .budget("pulse", "User", "[{tokens: 130, window: Second}]", &[]);
    let gateway = gateway(&scenario).await;
    let alice = of(&gateway, "alice");
    for round in 0..2 {
        let denied = eventually("a denial", async || {
            let told = say(&alice, &ask(64, 64)).await;
            (told.status == 429).then_some(told)
        });
        assert_eq!(denied.await.expect("a denial").number("retry-after"), 1);
        let served = eventually("the next second", async || {
            let told = say(&alice, &ask(64, 64)).await;
            (told.status == 200).then_some(told)
        });
        assert!(
            served.await.expect("an answer").tokens() <= 130,
            "round {round}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn meter_counts_only_its_own_tokens() {
    let provider = simulator().await;
    let mut scenario = Scenario::default().consumer("alice", "search");
    for (route, meter) in [
        ("inbound", "Input"),
        ("outbound", "Output"),
        ("both", "Total"),
    ] {
        let subject = format!("User, meter: {meter}");
        scenario = scenario
            .route(
                route,
                &[Backend::openai(route, provider.addr()).alias(route)],
                PROBED,
            )
            .budget(
                &format!("{route}-budget"),
                &subject,
                &limits(10_000),
                &[route],
            );
    }
    let gateway = gateway(&scenario).await;
    let alice = of(&gateway, "alice");
    for (route, field) in [
        ("inbound", "prompt_tokens"),
        ("outbound", "completion_tokens"),
        ("both", "total_tokens"),
    ] {
        let mut body = ask(40, 64);
        body["model"] = route.into();
        let told = say(&alice, &body).await;
        assert_eq!(told.status, 200, "{route}: {}", told.body);
        // The same body holds as much again: the difference is what the first call was charged.
        let again = say(&alice, &body).await;
        let remaining = |told: &Told| told.number("x-ratelimit-remaining-tokens");
        assert_eq!(
            told.body["usage"][field],
            remaining(&told) - remaining(&again),
            "{route}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compact_budget_of_a_route_holds_per_user() {
    let provider = simulator().await;
    let budget = "rateLimit: {tokenBudget: {perUser: 300, window: Month, perMinute: 100000}}";
    let scenario = Scenario::default()
        .route("llm", &[Backend::openai("openai", provider.addr())], budget)
        .consumer("alice", "search")
        .consumer("bob", "search");
    let gateway = gateway(&scenario).await;
    let alice = of(&gateway, "alice");
    let denied = loop {
        let told = say(&alice, &ask(64, 64)).await;
        if told.status != 200 {
            break told;
        }
    };
    assert_eq!(denied.status, 429, "{}", denied.body);
    assert!(
        denied.message().contains("default/llm"),
        "{}",
        denied.message()
    );
    assert!(
        denied.message().contains("of 300 tokens per month"),
        "{}",
        denied.message()
    );
    assert!(provider.tally().total().tokens() <= 300);
    assert_eq!(say(&of(&gateway, "bob"), &ask(64, 64)).await.status, 200);
}
