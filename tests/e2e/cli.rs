//! The command line: what each command says, its exit codes, the demo, and keys in the environment.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::process::Command;
use tollgate_harness::{
    Gateway, GatewayBuilder,
    command::{Finished, repository, run, run_command},
    eventually,
    manifests::{consumer, two_models},
};
use tollgate_provider::{Simulator, SimulatorConfig};

const TOLLGATE: &str = env!("CARGO_BIN_EXE_tollgate");

async fn tollgate(args: &[&str]) -> Result<Finished> {
    run(TOLLGATE, args).await
}

fn write(folder: &Path, name: &str, text: &str) -> Result<String> {
    let path = folder.join(name);
    std::fs::write(&path, text)?;
    Ok(path.to_str().context("path")?.to_string())
}

const CHAT: &str = r#"{"model": "gpt-4", "messages": [{"role": "user", "content": "hello"}]}"#;

#[tokio::test]
async fn help_of_each_command_mentions_what_matters() -> Result<()> {
    for (command, words) in [
        (
            &["--help"][..],
            &[
                "run",
                "check",
                "explain",
                "translate",
                "status",
                "crds",
                "provider",
            ][..],
        ),
        (
            &["budget", "--help"],
            &["list", "get", "reset", "grant", "SUBJECT", "alice"],
        ),
        (
            &["budget", "grant", "--help"],
            &[
                "--admin",
                "--token-file",
                "TOLLGATE_ADMIN_TOKEN",
                "--output",
                "--window",
            ],
        ),
        (
            &["run", "--help"],
            &[
                "[PATH]",
                "--port",
                "1975",
                "--admin-port",
                "1064",
                "--admin-token-file",
                "--redis",
                "TOLLGATE_REDIS_URL",
                "--redis-password-file",
                "--store-deadline",
                "--envoy",
                "ENVOY_BIN",
                "--provider-url",
                "--concurrency",
                "--body-limit",
                "--drain-timeout",
                "--log-level",
                "OPENAI_API_KEY",
                "ANTHROPIC_API_KEY",
                "AZURE_OPENAI_API_KEY",
                "demo",
            ],
        ),
        (&["check", "--help"], &["PATH", "--provider-url"]),
        (
            &["explain", "--help"],
            &["CHAT.json", "--file", "--key", "--json", "stdin"],
        ),
        (
            &["translate", "--help"],
            &["--file", "--to", "ir", "xds", "status"],
        ),
        (&["status", "--help"], &["--admin", "--json"]),
        (&["crds", "--help"], &["--out"]),
        (&["provider", "--help"], &["--listen"]),
    ] {
        let finished = tollgate(command).await?;
        assert_eq!(finished.code, Some(0), "{command:?}");
        for word in words {
            assert!(
                finished.stdout.contains(word),
                "{word} is not in {command:?}: {}",
                finished.stdout
            );
        }
    }
    let version = tollgate(&["--version"]).await?;
    assert_eq!(
        version.stdout.trim(),
        concat!("tollgate ", env!("CARGO_PKG_VERSION"))
    );
    Ok(())
}

#[tokio::test]
async fn wrong_arguments_are_named() -> Result<()> {
    for (args, code, words) in [
        (&[][..], 2, "Usage:"),
        (&["bogus"], 2, "bogus"),
        (&["run", "--bogus"], 2, "--bogus"),
        (&["run", "--port", "65536"], 2, "65536"),
        (
            &["run", "--provider-url", "openai"],
            2,
            "\"openai\" is not NAME=URL",
        ),
        (
            &["run", "--provider-url", "openai=127.0.0.1:1"],
            2,
            "http:// or https://",
        ),
        (
            &["run", "no-such-file.yaml"],
            1,
            "no-such-file.yaml does not exist",
        ),
        (
            &["run", "--log-level", "tollgate=loud", "no-such-file.yaml"],
            1,
            "--log-level",
        ),
        (&["check"], 1, "name the files or folders to check"),
        (
            &["check", "no-such-file.yaml"],
            1,
            "no-such-file.yaml does not exist",
        ),
        (&["translate"], 2, "--file"),
        (
            &["translate", "-f", "no-such-file.yaml"],
            1,
            "no-such-file.yaml does not exist",
        ),
        (&["translate", "-f", "examples", "--to", "yaml"], 2, "yaml"),
        (
            &["explain", "-f", "examples", "no-such-chat.json"],
            1,
            "no-such-chat.json",
        ),
        (&["explain", "chat.json"], 2, "--file"),
        (
            &["status", "--admin", "http://127.0.0.1:1"],
            1,
            "no gateway answers at http://127.0.0.1:1",
        ),
        (&["provider", "--listen", "nowhere"], 2, "nowhere"),
    ] {
        let finished = tollgate(args).await?;
        assert_eq!(finished.code, Some(code), "{args:?}: {finished:?}");
        assert!(
            finished.stderr.contains(words),
            "{args:?}: {}",
            finished.stderr
        );
        assert!(
            !finished.stderr.contains("panicked"),
            "{args:?}: {}",
            finished.stderr
        );
    }
    Ok(())
}

#[tokio::test]
async fn check_names_file_line_object_field_and_rule() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let good = write(
        folder.path(),
        "good.yaml",
        &std::fs::read_to_string(repository().join("examples/02-consumers.yaml"))?,
    )?;
    let finished = tollgate(&["check", &good]).await?;
    assert_eq!(
        (finished.code, finished.stdout.as_str()),
        (Some(0), "all 8 objects are in effect\n")
    );

    let bad = write(
        folder.path(),
        "bad.yaml",
        "# a comment\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: AIGatewayRoute\nmetadata: {name: llm}\nspec:\n  backends:\n  - {name: a, provider: nobody, model: m}\n",
    )?;
    let finished = tollgate(&["check", &bad]).await?;
    assert_eq!(finished.code, Some(1));
    let line = format!(
        "{bad}:2: AIGatewayRoute default/llm: spec.backends[0].provider: \"nobody\" must be one of "
    );
    assert!(finished.stdout.starts_with(&line), "{}", finished.stdout);

    let dangling = write(
        folder.path(),
        "dangling.yaml",
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: AIGatewayRoute\nmetadata: {name: llm}\nspec:\n  backends:\n  - {name: a, provider: openai, model: m, auth: {apiKeyRef: {name: missing}}}\n",
    )?;
    let finished = tollgate(&["check", &dangling]).await?;
    assert_eq!(finished.code, Some(1));
    let line = format!("{dangling}:1: AIGatewayRoute default/llm: ");
    let said: Vec<_> = finished
        .stdout
        .lines()
        .filter(|said| said.starts_with(&line))
        .collect();
    assert_eq!(said.len(), 1, "once, with its place: {}", finished.stdout);
    assert!(
        said[0].contains("ResolvedRefs is False (SecretNotFound)"),
        "{}",
        said[0]
    );
    assert!(
        said[0].contains("spec.backends[0].auth.apiKeyRef: Secret default/missing does not exist"),
        "{}",
        said[0]
    );
    Ok(())
}

#[tokio::test]
async fn explain_says_rule_backends_and_budgets() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let chat = write(folder.path(), "chat.json", CHAT)?;
    let seed = "examples/01-fallback-and-budget.yaml";
    let finished = tollgate(&["explain", "-f", seed, &chat]).await?;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    for words in [
        "gpt-4",
        "default/llm-router",
        "openai (priority 0",
        "anthropic (priority 1",
        "claude-3-opus",
        "counted",
        "10000 tokens per minute",
        "100000 tokens per day",
        "anonymous",
    ] {
        assert!(
            finished.stdout.contains(words),
            "{words:?} is not in {}",
            finished.stdout
        );
    }
    let finished = tollgate(&["explain", "-f", seed, &chat, "--json"]).await?;
    let explanation: Value = serde_json::from_str(&finished.stdout)?;
    assert_eq!(explanation["model"], "gpt-4");
    assert_eq!(
        explanation["backends"].as_array().map(Vec::len),
        Some(2),
        "{explanation}"
    );
    assert_eq!(explanation["backends"][1]["model"], "claude-3-opus");
    assert_eq!(
        explanation["budgets"].as_array().map(Vec::len),
        Some(2),
        "{explanation}"
    );

    let keyed = "examples/02-consumers.yaml";
    let chat = write(folder.path(), "chat.json", &CHAT.replace("gpt-4", "gpt-4o"))?;
    let known = tollgate(&["explain", "-f", keyed, &chat, "--key", "sk-alice-example"]).await?;
    assert!(known.stdout.contains("alice"), "{}", known.stdout);
    assert!(
        known.stdout.contains("user:default/alice") && known.stdout.contains("team:default/search"),
        "{}",
        known.stdout
    );
    let stranger = tollgate(&["explain", "-f", keyed, &chat, "--key", "sk-nobody"]).await?;
    assert!(
        stranger.stdout.contains("refused (401)") && !stranger.stdout.contains("user:default/"),
        "an unknown key is what refuses, not a team that it lacks: {}",
        stranger.stdout
    );
    let unknown = write(
        folder.path(),
        "other.json",
        &CHAT.replace("gpt-4", "gpt-17"),
    )?;
    let finished = tollgate(&["explain", "-f", seed, &unknown]).await?;
    assert!(
        (finished.stdout.clone() + &finished.stderr).contains("gpt-17"),
        "{finished:?}"
    );
    let broken = write(folder.path(), "broken.json", "{")?;
    let finished = tollgate(&["explain", "-f", seed, &broken]).await?;
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.starts_with("tollgate: "), "{finished:?}");
    Ok(())
}

#[tokio::test]
async fn translate_prints_the_same_each_time() -> Result<()> {
    for to in ["ir", "xds", "status"] {
        let args = [
            "translate",
            "-f",
            "examples/02-consumers.yaml",
            "--to",
            to,
            "--port",
            "1999",
        ];
        let (first, second) = (tollgate(&args).await?, tollgate(&args).await?);
        assert_eq!(first, second, "{to}");
        assert_eq!(first.code, Some(0));
        let value: Value = serde_json::from_str(&first.stdout)?;
        assert!(!value.is_null());
        assert_eq!(
            to != "status",
            first.stdout.contains("1999"),
            "{to}: {}",
            first.stdout
        );
    }
    Ok(())
}

#[tokio::test]
async fn crds_are_those_of_the_repository() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("new/folder");
    let finished = tollgate(&["crds", "--out", out.to_str().context("path")?]).await?;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let mut written = 0;
    for entry in std::fs::read_dir(&out)? {
        let path = entry?.path();
        let kept = repository()
            .join("crds")
            .join(path.file_name().context("name")?);
        assert_eq!(
            std::fs::read_to_string(&path)?,
            std::fs::read_to_string(&kept)?,
            "{}",
            kept.display()
        );
        written += 1;
    }
    assert!(written >= 7, "{written}");
    let all = tollgate(&["crds"]).await?.stdout;
    assert_eq!(
        all.matches("kind: CustomResourceDefinition").count(),
        written
    );
    Ok(())
}

#[tokio::test]
async fn status_shows_a_running_gateway() -> Result<()> {
    let simulator = Simulator::start(SimulatorConfig::default()).await?;
    let yaml = two_models(simulator.addr(), simulator.addr())
        + &consumer("alice", "sk-alice")
        + "---\nkind: [\n";
    let gateway = GatewayBuilder::new(TOLLGATE)
        .manifests(yaml)
        .start()
        .await?;
    let finished = tollgate(&["status", "--admin", gateway.admin_url()]).await?;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    for words in [
        "AIGatewayRoute default/llm\n  Accepted=True (Accepted)",
        "Consumer default/alice",
        "problem: ",
        "manifests.yaml:",
    ] {
        assert!(
            finished.stdout.contains(words),
            "{words:?} is not in {}",
            finished.stdout
        );
    }
    let finished = tollgate(&["status", "--admin", gateway.admin_url(), "--json"]).await?;
    let status: Value = serde_json::from_str(&finished.stdout)?;
    assert_eq!(
        status["objects"].as_array().map(Vec::len),
        Some(2),
        "{status}"
    );
    Ok(())
}

/// What the demo prints after `Try:`, up to the next blank line.
fn printed_curl(gateway: &Gateway) -> Result<String> {
    let output = gateway.output();
    let (_, after) = output
        .split_once("Try:\n\n")
        .with_context(|| output.clone())?;
    let (curl, _) = after.split_once("\n\n").context("the end of the command")?;
    assert!(curl.starts_with("curl "), "{curl}");
    Ok(curl.to_string())
}

async fn shell(command: &str) -> Result<Finished> {
    let mut sh = Command::new("sh");
    sh.args(["-c", command]);
    run_command(sh).await
}

#[tokio::test]
async fn demo_prints_a_curl_that_works_and_a_budget_that_runs_out() -> Result<()> {
    let gateway = GatewayBuilder::new(TOLLGATE).start().await?;
    let curl = eventually("the demo's hint", async || printed_curl(&gateway).ok()).await?;
    let finished = shell(&curl).await?;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let answer: Value =
        serde_json::from_str(&finished.stdout).with_context(|| finished.stdout.clone())?;
    assert!(
        answer["choices"][0]["message"]["content"]
            .as_str()
            .is_some_and(|text| text.contains("Hello")),
        "{answer}"
    );
    for key in ["sk-demo-alice", "sk-demo-bob"] {
        assert!(gateway.output().contains(key), "{}", gateway.output());
    }

    let alice = gateway.client(Some("sk-demo-alice"));
    let mut served = 0;
    let refused = loop {
        let (status, body) = alice.say("gpt-4", "Hello").await?;
        if status != 200 {
            break (status, body);
        }
        served += 1;
        assert!(served < 200, "the demo's budget does not run out");
    };
    assert!(served >= 5, "only {served} calls fit in the demo's budget");
    assert_eq!(refused.0, 429, "{}", refused.1);
    assert_eq!(refused.1["error"]["code"], "rate_limit_exceeded");
    assert_eq!(
        gateway
            .client(Some("sk-demo-bob"))
            .say("gpt-4", "Hello")
            .await?
            .0,
        200
    );
    assert_eq!(gateway.client(None).say("gpt-4", "Hello").await?.0, 401);
    Ok(())
}

/// A gateway with these variables; the provider's last request after a call of `model`.
async fn served_by(variables: &[(&str, String)], model: &str) -> Result<Gateway> {
    let mut builder = GatewayBuilder::new(TOLLGATE);
    for (name, value) in variables {
        builder = builder.env(name, value);
    }
    let gateway = builder.start().await?;
    let (status, body) = gateway.client(None).say(model, "hi").await?;
    assert_eq!(status, 200, "{body}");
    Ok(gateway)
}

#[tokio::test]
async fn keys_in_the_environment_make_the_configuration() -> Result<()> {
    let provider = Simulator::start(SimulatorConfig::default()).await?;
    let url = format!("http://{}", provider.addr());
    let key = |name: &'static str, value: &str| (name, value.to_string());

    let openai = [
        key("OPENAI_API_KEY", "sk-env-openai"),
        ("OPENAI_BASE_URL", format!("{url}/proxy/v1")),
    ];
    let gateway = served_by(&openai, "gpt-4o").await?;
    let request = provider.recorder().last().context("a request")?;
    assert_eq!(request.path, "/proxy/v1/chat/completions");
    assert_eq!(
        request.header("authorization"),
        Some("Bearer sk-env-openai")
    );
    assert!(
        gateway
            .output()
            .contains(&format!("all models go to openai at {url}/proxy/v1")),
        "{}",
        gateway.output()
    );
    assert!(!gateway.output().contains("sk-env-openai"));

    let both = [
        openai[0].clone(),
        openai[1].clone(),
        key("ANTHROPIC_API_KEY", "sk-env-anthropic"),
        ("ANTHROPIC_BASE_URL", format!("{url}/claude")),
    ];
    let gateway = served_by(&both, "claude-sonnet-4-5").await?;
    let request = provider.recorder().last().context("a request")?;
    assert_eq!(request.path, "/claude/v1/messages");
    assert_eq!(request.header("x-api-key"), Some("sk-env-anthropic"));
    assert_eq!(gateway.client(None).say("gpt-4o", "hi").await?.0, 200);
    let request = provider.recorder().last().context("a request")?;
    assert_eq!(
        request.header("authorization"),
        Some("Bearer sk-env-openai")
    );

    let azure = [
        key("AZURE_OPENAI_API_KEY", "env-azure"),
        ("AZURE_OPENAI_ENDPOINT", url.clone()),
        key("OPENAI_API_VERSION", "2024-10-21"),
    ];
    served_by(&azure, "my-deployment").await?;
    let request = provider.recorder().last().context("a request")?;
    assert_eq!(
        request.path,
        "/openai/deployments/my-deployment/chat/completions?api-version=2024-10-21"
    );
    assert_eq!(request.header("api-key"), Some("env-azure"));
    Ok(())
}

#[tokio::test]
async fn variables_that_cannot_be_used_are_named() -> Result<()> {
    for (variables, words) in [
        (
            &[("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "nonsense")][..],
            "OPENAI_BASE_URL",
        ),
        (&[("AZURE_OPENAI_API_KEY", "k")], "AZURE_OPENAI_ENDPOINT"),
        (
            &[
                ("AZURE_OPENAI_API_KEY", "k"),
                ("AZURE_OPENAI_ENDPOINT", "https://a.test"),
            ],
            "OPENAI_API_VERSION",
        ),
    ] {
        // Without the helper that hides the variables: they are what is tested.
        let mut command = std::process::Command::new(TOLLGATE);
        command
            .args(["run", "--port", "0", "--admin-port", "0"])
            .env_remove("OPENAI_API_VERSION");
        for (name, value) in variables {
            command.env(name, value);
        }
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    }
    Ok(())
}

#[tokio::test]
async fn provider_simulator_runs_by_itself() -> Result<()> {
    let mut child = Command::new(TOLLGATE)
        .args(["provider", "--listen", "127.0.0.1:0"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = child.stdout.take().context("stdout")?;
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(stdout));
    let line = lines.next_line().await?.context("a line")?;
    let url = line.strip_prefix("ready ").context("ready")?;
    let answer = reqwest::Client::new()
        .post(format!("{url}/chat/completions"))
        .bearer_auth("any")
        .json(&json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}))
        .send()
        .await?;
    assert_eq!(answer.status(), 200);
    let pid = child.id().context("pid")?.to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await?
            .success()
    );
    assert_eq!(child.wait().await?.code(), Some(0));
    Ok(())
}
