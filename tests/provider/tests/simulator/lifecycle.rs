//! Start, kill, restart, shutdown.

use std::time::Duration;

use tollgate_provider::{Simulator, SimulatorConfig};

use super::client::{answer, chat, chat_stream, openai, read_events, start, until};

#[tokio::test]
async fn kill_resets_open_streams_and_restart_serves_the_same_address() {
    let mut simulator = start().await;
    let address = simulator.addr();
    let request = openai(
        &simulator,
        &chat_stream("hi [[sim output=1000 chunk_delay_ms=5]]"),
    );
    let response = request.send().await.expect("head");
    let reading = tokio::spawn(read_events(response));
    until("some output", || simulator.tally().total().output > 3).await;
    simulator.kill().await;
    let (_, ended_well) = reading.await.expect("reader");
    assert!(!ended_well);
    assert!(
        openai(&simulator, &chat("hi"))
            .send()
            .await
            .expect_err("refused")
            .is_connect()
    );
    let produced = simulator.tally().total().output;
    assert!(produced < 1000);
    simulator.restart().await.expect("restart");
    assert_eq!(simulator.addr(), address);
    assert_eq!(answer(openai(&simulator, &chat("hi"))).await.0, 200);
    assert!(simulator.tally().total().output > produced);
}

#[tokio::test]
async fn shutdown_lets_an_answer_in_flight_end() {
    let mut simulator = start().await;
    let request = openai(&simulator, &chat("hi [[sim fault=delay_head:200]]")).send();
    let asking = tokio::spawn(request);
    until("in flight", || simulator.tally().in_flight() == 1).await;
    simulator.shutdown().await;
    let response = asking.await.expect("task").expect("answer");
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn dropped_simulator_frees_its_address() {
    let simulator = start().await;
    let address = simulator.addr();
    drop(simulator);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let config = SimulatorConfig {
        address,
        ..SimulatorConfig::default()
    };
    Simulator::start(config).await.expect("the address is free");
}

#[tokio::test]
async fn key_not_on_the_list_is_refused() {
    let config = SimulatorConfig {
        keys: vec!["sk-good".into()],
        ..SimulatorConfig::default()
    };
    let simulator = Simulator::start(config).await.expect("simulator");
    let (status, body) = answer(openai(&simulator, &chat("hi"))).await;
    assert_eq!(status, 401);
    assert_eq!(body["error"]["code"], "invalid_api_key");
}
