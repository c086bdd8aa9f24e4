//! The admin endpoint, the metrics and the access log, after calls of every sort.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tollgate_harness::{
    Gateway, GatewayBuilder, eventually,
    manifests::{consumer, one_model, two_models},
};
use tollgate_provider::{Simulator, SimulatorConfig};

const ALICE: &str = "sk-alice";

async fn start() -> Result<(Gateway, Simulator)> {
    let simulator = Simulator::start(SimulatorConfig::default()).await?;
    let yaml = format!(
        "{}{}  rateLimit: {{tokenBudget: {{perMinute: 60}}}}\n  outputTokens: {{default: 20, minimum: 16}}\n{}",
        two_models(simulator.addr(), simulator.addr()),
        one_model("scarce", "scarce", (simulator.addr(), "gpt-4o-mini")),
        consumer("alice", ALICE),
    );
    let gateway = GatewayBuilder::new(env!("CARGO_BIN_EXE_tollgate"))
        .manifests(yaml)
        .start()
        .await?;
    Ok((gateway, simulator))
}

/// Sum of the samples of a metric whose labels contain all of these.
fn sum(metrics: &str, name: &str, labels: &[&str]) -> f64 {
    let samples = metrics.lines().filter_map(|line| {
        let (sample, value) = line.rsplit_once(' ')?;
        let (of, with) = sample.split_once('{').unwrap_or((sample, ""));
        (of == name && labels.iter().all(|label| with.contains(label)))
            .then(|| value.parse::<f64>().ok())?
    });
    samples.sum()
}

/// Waits for so many calls in the access log.
async fn calls(gateway: &Gateway, count: usize) -> Result<Vec<Value>> {
    eventually(&format!("{count} calls in the access log"), async || {
        Some(gateway.calls()).filter(|calls| calls.len() >= count)
    })
    .await
}

#[tokio::test]
async fn health_and_readiness_are_told() -> Result<()> {
    let (gateway, _provider) = start().await?;
    let admin = gateway.admin();
    for path in ["/health", "/ready"] {
        assert_eq!(admin.get(path).await?.status(), 200, "{path}");
    }
    assert_eq!(admin.get("/nothing").await?.status(), 404);
    // The gateway's own port does not show it.
    assert_eq!(
        gateway.client(Some(ALICE)).get("/status").await?.status(),
        404
    );

    let (pid, _) = gateway.envoy()?;
    let killed = tokio::process::Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .status()
        .await?;
    assert!(killed.success());
    eventually("/ready is 503 while Envoy is down", async || {
        let answer = admin.get("/ready").await.ok()?;
        (answer.status() == 503).then_some(())
    })
    .await?;
    assert_eq!(admin.get("/health").await?.status(), 200);
    eventually("/ready is 200 again", async || {
        let answer = admin.get("/ready").await.ok()?;
        (answer.status() == 200).then_some(())
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn status_names_every_object_and_its_conditions() -> Result<()> {
    let (gateway, _provider) = start().await?;
    let status = gateway.status().await?;
    let objects: BTreeMap<String, &Value> = status["objects"]
        .as_array()
        .context("objects")?
        .iter()
        .map(|entry| {
            let object = &entry["object"];
            let name = format!("{} {}", object["kind"], object["name"]).replace('"', "");
            (name, &entry["status"])
        })
        .collect();
    let names: Vec<_> = objects.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "AIGatewayRoute llm",
            "AIGatewayRoute scarce",
            "Consumer alice"
        ]
    );
    for (name, status) in objects {
        let conditions = status["conditions"].as_array().context("conditions")?;
        let accepted = conditions
            .iter()
            .find(|condition| condition["type"] == "Accepted");
        assert_eq!(accepted.context("Accepted")?["status"], "True", "{name}");
    }
    assert_eq!(status["problems"], json!([]));
    assert_eq!(status["callsInFlight"], 0);
    Ok(())
}

#[tokio::test]
async fn metrics_agree_with_what_the_provider_counted() -> Result<()> {
    let (gateway, provider) = start().await?;
    let client = gateway.client(Some(ALICE));
    for model in ["gpt-4o", "claude-sonnet-4-5"] {
        assert_eq!(client.say(model, "hello").await?.0, 200);
        let body = json!({"model": model, "stream": true, "messages": [
            {"role": "user", "content": "hi [[sim output=10 chunk_delay_ms=5]]"}]});
        let answer = client.chat(&body).await?;
        assert_eq!(answer.status(), 200);
        answer.bytes().await?;
    }
    assert_eq!(client.with_key(None).say("gpt-4o", "hi").await?.0, 401);
    assert_eq!(client.say("invented-by-a-client", "hi").await?.0, 404);
    calls(&gateway, 6).await?;

    let metrics = gateway.admin().get("/metrics").await?.text().await?;
    let total = provider.tally().total();
    let tokens = |kind: &str| {
        sum(
            &metrics,
            "gen_ai_client_token_usage_sum",
            &[&format!("gen_ai_token_type=\"{kind}\"")],
        )
    };
    assert!(
        (tokens("input") - total.input as f64).abs() < 0.5,
        "{total:?}\n{metrics}"
    );
    assert!(
        (tokens("output") - total.output as f64).abs() < 0.5,
        "{total:?}\n{metrics}"
    );
    for (model, api) in [("gpt-4o", "openai"), ("claude-sonnet-4-5", "anthropic")] {
        let labels = [
            format!("gen_ai_request_model=\"{model}\""),
            format!("gen_ai_provider_name=\"{api}\""),
        ];
        let labels: Vec<_> = labels.iter().map(String::as_str).collect();
        for name in [
            "request_duration",
            "time_to_first_token",
            "time_per_output_token",
        ] {
            let count = sum(
                &metrics,
                &format!("gen_ai_server_{name}_seconds_count"),
                &labels,
            );
            assert!((count - 2.0).abs() < 0.1, "{name} of {model}: {count}");
        }
        let duration = sum(
            &metrics,
            "gen_ai_server_request_duration_seconds_sum",
            &labels,
        );
        let first = sum(
            &metrics,
            "gen_ai_server_time_to_first_token_seconds_sum",
            &labels,
        );
        // The stream takes ten pauses of 5 ms, all but the first after its first token.
        assert!(
            first > 0.0 && duration - first > 0.035 && duration < 60.0,
            "{first} {duration}"
        );
    }
    let failed = |status: &str| {
        sum(
            &metrics,
            "gen_ai_server_request_duration_seconds_count",
            &[&format!("error_type=\"{status}\"")],
        )
    };
    assert!(
        (failed("401") - 1.0).abs() < 0.1 && (failed("404") - 1.0).abs() < 0.1,
        "{metrics}"
    );
    assert!(
        !metrics.contains("invented-by-a-client"),
        "a client can make time series"
    );
    Ok(())
}

#[tokio::test]
async fn budget_decisions_are_counted_and_logged() -> Result<()> {
    let (gateway, _provider) = start().await?;
    let client = gateway.client(Some(ALICE));
    let body = json!({"model": "scarce", "messages": [{"role": "user", "content": "hi [[sim output=20]]"}]});
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let answer = client.chat(&body).await?;
        statuses.push(answer.status().as_u16());
        answer.bytes().await?;
    }
    assert_eq!((statuses[0], statuses[5]), (200, 429), "{statuses:?}");
    let denied = statuses.iter().filter(|status| **status == 429).count();
    let calls = calls(&gateway, 6).await?;
    let logged = |decision: &str| {
        calls
            .iter()
            .filter(|call| call["budget"] == decision)
            .count()
    };
    assert_eq!(logged("Denied"), denied, "{calls:?}");
    assert!(
        calls.iter().all(|call| call["budget"] != "None"),
        "{calls:?}"
    );
    let last = calls.last().context("a call")?;
    assert!(
        last["denied_by"]
            .as_str()
            .is_some_and(|budget| budget.contains("scarce")),
        "{last}"
    );

    let metrics = gateway.admin().get("/metrics").await?.text().await?;
    let counted = |decision: &str| {
        sum(
            &metrics,
            "tollgate_budget_decisions_total",
            &[&format!("decision=\"{decision}\"")],
        )
    };
    assert!((counted("denied") - denied as f64).abs() < 0.1, "{metrics}");
    assert!(
        (counted("admitted") + counted("lowered") - (6 - denied) as f64).abs() < 0.1,
        "{metrics}"
    );
    Ok(())
}

#[tokio::test]
async fn access_log_tells_all_of_a_call() -> Result<()> {
    let (gateway, provider) = start().await?;
    let body = json!({"model": "claude-sonnet-4-5", "stream": true, "messages": [
        {"role": "user", "content": "hi [[sim output=10 cached=2 chunk_delay_ms=5]]"}]});
    let answer = gateway.client(Some(ALICE)).chat(&body).await?;
    assert_eq!(answer.status(), 200);
    answer.bytes().await?;
    // By its id a call is found again at the provider.
    let request = provider.recorder().last().context("a request")?;
    let id = request.header("x-request-id").context("x-request-id")?;
    let calls = calls(&gateway, 1).await?;
    let call = &calls[0];
    let total = provider.tally().total();
    for (field, value) in [
        ("request_id", json!(id)),
        ("consumer", json!("alice")),
        ("team", json!("search")),
        ("route", json!("default/llm")),
        ("provider", json!("anthropic")),
        ("model", json!("claude-sonnet-4-5")),
        ("served_model", json!("claude-sonnet-4-5")),
        ("status", json!(200)),
        ("stream", json!(true)),
        ("input_tokens", json!(total.input)),
        ("cached_input_tokens", json!(2)),
        ("output_tokens", json!(total.output)),
        ("reasoning_tokens", json!(0)),
        ("estimated", json!(false)),
        ("budget", json!("None")),
        ("attempts", json!(1)),
        ("ending", json!("Complete")),
    ] {
        assert_eq!(call[field], value, "{field} of {call}");
    }
    let ms = |field: &str| {
        call[field]
            .as_f64()
            .with_context(|| format!("{field} of {call}"))
    };
    let (first, whole) = (ms("first_token_ms")?, ms("duration_ms")?);
    assert!(first > 0.0 && whole - first > 35.0, "{call}");
    assert!(
        call["timestamp"].is_string() && call["level"] == "INFO",
        "{call}"
    );
    Ok(())
}
