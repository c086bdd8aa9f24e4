//! The process: how it ends, what it does when Envoy dies, what it says when it cannot start.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use serde_json::json;
use tokio::{net::TcpListener, process::Command, task::JoinHandle};
use tollgate_harness::{
    Gateway, GatewayBuilder,
    command::{Finished, run_command},
    eventually, eventually_within,
    manifests::two_models,
};
use tollgate_provider::{Simulator, SimulatorConfig};

const TOLLGATE: &str = env!("CARGO_BIN_EXE_tollgate");

async fn start(args: &[&str]) -> Result<(Gateway, Simulator)> {
    let simulator = Simulator::start(SimulatorConfig::default()).await?;
    let yaml = two_models(simulator.addr(), simulator.addr());
    let mut builder = GatewayBuilder::new(TOLLGATE).manifests(yaml);
    for arg in args {
        builder = builder.arg(*arg);
    }
    Ok((builder.start().await?, simulator))
}

/// A streamed call that takes at least a second and has begun; its whole text in the end.
async fn slow_stream(
    gateway: &Gateway,
    provider: &Simulator,
) -> Result<JoinHandle<Result<String>>> {
    let body = json!({"model": "gpt-4o", "stream": true, "messages": [
        {"role": "user", "content": "hi [[sim output=50 chunk_delay_ms=20]]"}]});
    let answer = gateway.client(None).chat(&body).await?;
    assert_eq!(answer.status(), 200);
    assert_eq!(provider.tally().in_flight(), 1);
    Ok(tokio::spawn(async move { Ok(answer.text().await?) }))
}

fn is_running(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}/cmdline")).exists()
}

#[derive(Clone, Copy, Debug)]
enum Stop {
    Terminate,
    Interrupt,
}

async fn check_drain(how: Stop) -> Result<()> {
    let (mut gateway, provider) = start(&[]).await?;
    let (envoy, line) = gateway.envoy()?;
    let bootstrap = line
        .iter()
        .find(|word| word.ends_with("bootstrap.json"))
        .context("bootstrap")?
        .clone();
    let stream = slow_stream(&gateway, &provider).await?;
    match how {
        Stop::Terminate => gateway.terminate().await?,
        Stop::Interrupt => gateway.interrupt().await?,
    }
    let status = gateway.wait().await?;
    assert_eq!(status.code(), Some(0), "{how:?}: {}", gateway.output());
    let text = stream.await??;
    assert!(
        text.ends_with("data: [DONE]\n\n"),
        "{how:?}: the stream was cut: {text}"
    );
    assert_eq!(provider.tally().total().cancelled, 0, "{how:?}");
    eventually("Envoy is gone", async || (!is_running(envoy)).then_some(())).await?;
    assert!(
        !Path::new(&bootstrap).exists(),
        "{bootstrap} is left behind"
    );
    let call = gateway
        .calls()
        .pop()
        .context("the call in the access log")?;
    assert_eq!(call["ending"], "Complete", "{call}");
    Ok(())
}

#[tokio::test]
async fn sigterm_lets_streams_end_and_exits_with_0() -> Result<()> {
    check_drain(Stop::Terminate).await
}

#[tokio::test]
async fn ctrl_c_lets_streams_end_and_exits_with_0() -> Result<()> {
    check_drain(Stop::Interrupt).await
}

#[tokio::test]
async fn stream_that_outlasts_the_drain_is_cut_and_the_process_still_ends() -> Result<()> {
    let (mut gateway, provider) = start(&["--drain-timeout", "1"]).await?;
    let body = json!({"model": "gpt-4o", "stream": true, "messages": [
        {"role": "user", "content": "hi [[sim output=1000 chunk_delay_ms=100]]"}]});
    let answer = gateway.client(None).chat(&body).await?;
    assert_eq!(provider.tally().in_flight(), 1);
    gateway.terminate().await?;
    let status = gateway.wait().await?;
    assert_eq!(status.code(), Some(0), "{}", gateway.output());
    let text = answer.text().await;
    assert!(text.is_err() || text.is_ok_and(|text| !text.contains("[DONE]")));
    Ok(())
}

#[tokio::test]
async fn killed_envoy_is_started_again_and_serves() -> Result<()> {
    let (gateway, _provider) = start(&[]).await?;
    let client = gateway.client(None);
    assert_eq!(client.say("gpt-4o", "hi").await?.0, 200);
    for _ in 0..2 {
        let (envoy, _) = gateway.envoy()?;
        let killed = Command::new("kill")
            .args(["-KILL", &envoy.to_string()])
            .status()
            .await?;
        assert!(killed.success());
        eventually_within(
            Duration::from_secs(20),
            "another Envoy serves",
            async || {
                let (other, _) = gateway.envoy().ok()?;
                let (status, _) = client.say("gpt-4o", "hi").await.ok()?;
                (other != envoy && status == 200).then_some(())
            },
        )
        .await?;
    }
    let output = gateway.output();
    assert!(
        output.contains("envoy died; it is started again"),
        "{output}"
    );
    Ok(())
}

#[tokio::test]
async fn envoy_does_not_outlive_a_killed_gateway() -> Result<()> {
    let (gateway, _provider) = start(&[]).await?;
    let (envoy, _) = gateway.envoy()?;
    let pid = gateway.pid().context("pid")?;
    let killed = Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .status()
        .await?;
    assert!(killed.success());
    eventually("Envoy is gone", async || (!is_running(envoy)).then_some(())).await
}

/// `tollgate run` with these arguments, which must end by itself.
async fn run_to_its_end(args: &[&str]) -> Result<Finished> {
    let mut command = Command::new(TOLLGATE);
    command.arg("run").args(args);
    run_command(command).await
}

#[tokio::test]
async fn admin_port_that_is_taken_ends_with_a_clear_error() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0").await?;
    let port = taken.local_addr()?.port().to_string();
    let finished = run_to_its_end(&["--port", "0", "--admin-port", &port]).await?;
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let message = format!("listen on 127.0.0.1:{port} for the admin endpoint (--admin-port)");
    assert!(finished.stderr.contains(&message), "{}", finished.stderr);
    Ok(())
}

#[tokio::test]
async fn port_that_is_taken_ends_with_a_clear_error() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0").await?;
    let port = taken.local_addr()?.port().to_string();
    let finished = run_to_its_end(&["--port", &port, "--admin-port", "0"]).await?;
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let last = finished.stderr.lines().last().context("an error")?;
    assert!(
        last.starts_with("tollgate: ") && last.contains(&port),
        "{}",
        finished.stderr
    );
    assert!(!finished.stdout.contains("ready"), "{}", finished.stdout);
    Ok(())
}

#[tokio::test]
async fn envoy_that_cannot_be_run_ends_with_a_clear_error() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("not-executable");
    std::fs::write(&file, "text")?;
    for (path, reason) in [
        ("/nonexistent/envoy", "is not an executable file"),
        (file.to_str().context("path")?, "is not an executable file"),
        ("/bin/true", "does not answer `--version` as Envoy does"),
    ] {
        let args = ["--port", "0", "--admin-port", "0", "--envoy", path];
        let finished = run_to_its_end(&args).await?;
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(
            finished.stderr.contains(reason) && finished.stderr.contains(path),
            "{finished:?}"
        );
    }
    let mut command = Command::new(TOLLGATE);
    command
        .args(["run", "--port", "0", "--admin-port", "0"])
        .env("ENVOY_BIN", "/nonexistent/envoy");
    let finished = run_command(command).await?;
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(
        finished.stderr.contains("/nonexistent/envoy"),
        "{finished:?}"
    );
    Ok(())
}

#[tokio::test]
async fn two_gateways_run_side_by_side() -> Result<()> {
    let ((first, _one), (second, _two)) = tokio::try_join!(start(&[]), start(&[]))?;
    assert_ne!(first.url(), second.url());
    for gateway in [&first, &second] {
        assert_eq!(gateway.client(None).say("gpt-4o", "hi").await?.0, 200);
    }
    let (status, _) = first.stop().await?;
    assert!(status.success());
    assert_eq!(second.client(None).say("gpt-4o", "hi").await?.0, 200);
    Ok(())
}
