//! What the gateway refuses by itself, in OpenAI's form; and what it must let pass untouched.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tollgate_harness::{Gateway, GatewayBuilder, manifests::two_models};
use tollgate_provider::{Simulator, SimulatorConfig};

const CHAT: &str = "/v1/chat/completions";

async fn start(args: &[&str]) -> Result<(Gateway, Simulator)> {
    let simulator = Simulator::start(SimulatorConfig::default()).await?;
    let yaml = two_models(simulator.addr(), simulator.addr());
    let mut builder = GatewayBuilder::new(env!("CARGO_BIN_EXE_tollgate")).manifests(yaml);
    for arg in args {
        builder = builder.arg(*arg);
    }
    Ok((builder.start().await?, simulator))
}

/// Checks that an answer is an OpenAI error of this status; gives its `error`.
async fn error_of(answer: reqwest::Response, status: u16) -> Result<Value> {
    let got = answer.status().as_u16();
    let content_type = answer.headers().get("content-type").cloned();
    let text = answer.text().await?;
    assert_eq!(got, status, "{text}");
    assert_eq!(
        content_type.context("content-type")?,
        "application/json",
        "{text}"
    );
    let body: Value = serde_json::from_str(&text).with_context(|| format!("parse {text:?}"))?;
    let error = body["error"].as_object().context("no `error`")?;
    assert_eq!(
        body.as_object().map(serde_json::Map::len),
        Some(1),
        "{body}"
    );
    let mut fields: Vec<_> = error.keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["code", "message", "param", "type"], "{body}");
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{body}"
    );
    Ok(body["error"].clone())
}

#[tokio::test]
async fn unknown_paths_methods_and_models_are_named() -> Result<()> {
    let (gateway, simulator) = start(&[]).await?;
    let client = gateway.client(None);
    for path in ["/v1/embeddings", "/v1/chat/completions/", "/v1/chat"] {
        let error = error_of(client.post(path, "{}").await?, 404).await?;
        assert_eq!(error["code"], "unknown_url", "{path}");
        let message = error["message"].as_str().context("message")?;
        assert!(message.contains(&format!("POST {path}")), "{message}");
        error_of(client.get(path).await?, 404).await?;
    }
    // Beyond /v1 no filter looks at the request; Envoy's own answer has the same form.
    for path in ["/", "/v1", "/v2/chat/completions", "/admin"] {
        error_of(client.post(path, "{}").await?, 404).await?;
        error_of(client.get(path).await?, 404).await?;
    }
    let wrong = client.get(CHAT).await?;
    assert_eq!(wrong.headers().get("allow").context("allow")?, "POST");
    let error = error_of(wrong, 405).await?;
    assert_eq!(error["code"], "method_not_allowed");
    error_of(client.post("/v1/models", "{}").await?, 405).await?;

    let body = json!({"model": "gpt-17", "messages": [{"role": "user", "content": "hi"}]});
    let error = error_of(client.chat(&body).await?, 404).await?;
    assert_eq!(
        (&error["code"], &error["param"]),
        (&json!("model_not_found"), &json!("model"))
    );
    assert_eq!(simulator.recorder().requests(), []);
    Ok(())
}

#[tokio::test]
async fn bodies_that_are_no_chat_request_are_refused_with_400() -> Result<()> {
    let (gateway, simulator) = start(&[]).await?;
    let client = gateway.client(None);
    for body in [
        "",
        " ",
        "null",
        "[]",
        "\"text\"",
        "{",
        "{}",
        "{\"model\": \"gpt-4o\", \"messages\": [}",
        "{\"model\": \"gpt-4o\"}",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}",
        "{\"model\": 4, \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}",
        "{\"model\": \"gpt-4o\", \"messages\": \"hi\"}",
        "{\"model\": \"gpt-4o\", \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}], \"stream\": \"yes\"}",
        "{\"model\": \"gpt-4o\", \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}], \"max_tokens\": -1}",
        "{\"model\": \"gpt-4o\", \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]} trailing",
    ] {
        let error = error_of(client.post(CHAT, body).await?, 400)
            .await
            .with_context(|| body.to_string())?;
        assert_eq!(error["type"], "invalid_request_error", "{body}");
    }
    let request = reqwest::Client::new().post(format!("{}{CHAT}", gateway.url()));
    error_of(request.send().await?, 400).await?;
    let not_text = client.post(CHAT, vec![0xff_u8, 0xfe, 0x00]).await?;
    error_of(not_text, 400).await?;
    assert_eq!(simulator.recorder().requests(), []);
    // Nothing of this has hurt the gateway.
    assert_eq!(client.say("gpt-4o", "hi").await?.0, 200);
    Ok(())
}

#[tokio::test]
async fn body_beyond_the_limit_is_refused_with_413() -> Result<()> {
    let (gateway, simulator) = start(&["--body-limit", "10000"]).await?;
    let client = gateway.client(None);
    let sized = |bytes: usize| {
        let frame = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "padding": ""});
        let padding = "x".repeat(bytes - frame.to_string().len());
        let mut body = frame;
        body["padding"] = padding.into();
        body.to_string()
    };
    assert_eq!(sized(10_000).len(), 10_000);
    assert_eq!(client.post(CHAT, sized(10_000)).await?.status(), 200);
    for bytes in [10_001, 100_000, 2_000_000] {
        let error = error_of(client.post(CHAT, sized(bytes)).await?, 413).await?;
        assert_eq!(error["code"], "request_too_large");
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|text| text.contains("10000")),
            "{error}"
        );
    }
    // Chunked: nobody says beforehand how long it is.
    for bytes in [10_001, 100_000, 2_000_000] {
        let pieces: Vec<_> = sized(bytes)
            .into_bytes()
            .chunks(4096)
            .map(<[u8]>::to_vec)
            .collect();
        let stream = futures::stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
        let answer = client
            .post(CHAT, reqwest::Body::wrap_stream(stream))
            .await?;
        assert_eq!(
            error_of(answer, 413).await?["code"],
            "request_too_large",
            "{bytes}"
        );
    }
    let pieces: Vec<_> = sized(10_000)
        .into_bytes()
        .chunks(4096)
        .map(<[u8]>::to_vec)
        .collect();
    let stream = futures::stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
    assert_eq!(
        client
            .post(CHAT, reqwest::Body::wrap_stream(stream))
            .await?
            .status(),
        200
    );
    assert_eq!(simulator.recorder().requests().len(), 2);
    Ok(())
}

#[tokio::test]
async fn encoded_body_is_refused_with_415() -> Result<()> {
    let (gateway, simulator) = start(&[]).await?;
    for encoding in ["gzip", "br", "zstd", "gzip, identity"] {
        let answer = reqwest::Client::new()
            .post(format!("{}{CHAT}", gateway.url()))
            .header("content-encoding", encoding)
            .body(vec![31_u8, 139, 8, 0])
            .send()
            .await?;
        let error = error_of(answer, 415).await?;
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|text| text.contains(encoding)),
            "{error}"
        );
    }
    assert_eq!(simulator.recorder().requests(), []);
    Ok(())
}

#[tokio::test]
async fn body_of_twenty_mebibytes_is_served() -> Result<()> {
    let (gateway, simulator) = start(&[]).await?;
    let client = gateway.client(None);
    for model in ["gpt-4o", "claude-sonnet-4-5"] {
        let image = format!(
            "data:image/png;base64,{}",
            "iVBORw0KGgo=".repeat((20 << 20) / 12)
        );
        let body = json!({"model": model, "messages": [{"role": "user", "content": [
            {"type": "text", "text": "what is this?"},
            {"type": "image_url", "image_url": {"url": image}},
        ]}]});
        let answer = client.chat(&body).await?;
        let status = answer.status();
        let text = answer.text().await?;
        // Base64 with padding in the middle is none; a provider may say so, the gateway has served.
        assert!(
            status == 200 || text.contains("image"),
            "{model}: {status} {text}"
        );
        let length: usize = simulator
            .recorder()
            .last()
            .and_then(|request| request.header("content-length")?.parse().ok())
            .context("content-length at the provider")?;
        assert!(length >= 20 << 20, "{model}: {length}");
    }
    Ok(())
}

#[tokio::test]
async fn body_that_needs_no_change_is_forwarded_byte_for_byte() -> Result<()> {
    let (gateway, simulator) = start(&[]).await?;
    let body = concat!(
        "{\n  \"zeta\": {\"b\": 1.0, \"a\": 1e3, \"big\": 123456789012345678901234567890},\t",
        "\"model\" : \"gpt-4o\",\r\n \"messages\": [ { \"content\": \"caf\\u00e9 \\ud83d\\ude00 ok\",",
        " \"role\": \"user\", \"name\": \"x\", \"future\": [null, {}] } ],",
        " \"temperature\": 0.50, \"future_option\": {\"deep\": [1, 2.50, \"\\/\"]}, \"seed\": 7 }\n",
    );
    let answer = gateway.client(None).post(CHAT, body).await?;
    assert_eq!(answer.status(), 200);
    let got = simulator.recorder().last().context("a request")?;
    assert_eq!(String::from_utf8_lossy(&got.body), body);
    assert_eq!(got.path, "/v1/chat/completions");
    Ok(())
}

#[tokio::test]
async fn unknown_fields_survive_where_the_body_must_change() -> Result<()> {
    let (gateway, simulator) = start(&[]).await?;
    let body = json!({
        "model": "gpt-4o", "stream": true, "future_option": {"deep": [1, 2.5, "x"]},
        "messages": [{"role": "user", "content": "hi", "future": [null, {}]}],
        "stream_options": {"future": true},
    });
    let answer = gateway.client(None).chat(&body).await?;
    assert_eq!(answer.status(), 200);
    answer.bytes().await?;
    let got = simulator.recorder().last().context("a request")?.json();
    assert_eq!(got["future_option"], body["future_option"]);
    assert_eq!(got["messages"], body["messages"]);
    assert_eq!(got["stream_options"]["future"], true);
    // Without usage the call could not be charged.
    assert_eq!(got["stream_options"]["include_usage"], true);
    Ok(())
}
