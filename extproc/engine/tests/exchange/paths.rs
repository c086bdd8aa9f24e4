//! Paths, methods, bodies: what is refused before anything is held.

use serde_json::Value;
use tollgate_engine::Step;

use crate::host::{self, Host, bundle, hello, reply};

fn refused(pairs: &[(&str, &str)], end: bool) -> (u16, Value) {
    let host = Host::new(&bundle(1000));
    let mut head = host::headers(pairs);
    head.0.push(("x-api-key".into(), "sk-alice".into()));
    match host.exchange().on_request_head(&head, end) {
        Step::Reply(reply) => (reply.status, serde_json::from_slice(&reply.body).unwrap()),
        step => panic!("not refused: {step:?}"),
    }
}

#[test]
fn an_unknown_path_is_404_in_openais_form() {
    let (status, body) = refused(&[(":method", "POST"), (":path", "/v1/embeddings")], false);
    assert_eq!(status, 404);
    assert_eq!(body["error"]["type"], "invalid_request_error");
    assert_eq!(body["error"]["code"], "unknown_url");
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("POST /v1/embeddings")
    );
}

#[test]
fn a_wrong_method_is_405() {
    let (status, _) = refused(
        &[(":method", "GET"), (":path", "/v1/chat/completions")],
        true,
    );
    assert_eq!(status, 405);
}

#[test]
fn a_missing_body_is_400() {
    let (status, _) = refused(
        &[(":method", "POST"), (":path", "/v1/chat/completions")],
        true,
    );
    assert_eq!(status, 400);
}

#[test]
fn a_body_over_the_limit_is_413_before_it_is_read() {
    let (status, body) = refused(
        &[
            (":method", "POST"),
            (":path", "/v1/chat/completions"),
            ("content-length", "100001"),
        ],
        false,
    );
    assert_eq!(status, 413);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("100000")
    );
}

#[test]
fn a_compressed_body_is_415() {
    let (status, _) = refused(
        &[
            (":method", "POST"),
            (":path", "/v1/chat/completions"),
            ("content-encoding", "gzip"),
        ],
        false,
    );
    assert_eq!(status, 415);
}

#[test]
fn a_query_string_does_not_hide_the_path() {
    let (status, body) = refused(&[(":method", "GET"), (":path", "/v1/models?limit=1")], true);
    assert_eq!(status, 200);
    assert_eq!(body["data"][0]["id"], "gpt-4");
}

#[test]
fn a_malformed_body_is_400() {
    let host = Host::new(&bundle(1000));
    for body in [
        "",
        "{",
        "[]",
        r#"{"messages": []}"#,
        r#"{"model": 3, "messages": []}"#,
    ] {
        let rest = host.send(
            &mut host.exchange(),
            &host::chat_headers(Some("sk-alice")),
            body.to_string(),
        );
        let (status, error, _) = reply(rest);
        assert_eq!(status, 400, "{body}");
        assert!(error["error"]["message"].is_string(), "{body}");
    }
}

#[test]
fn an_unknown_model_is_404_and_names_it() {
    let host = Host::new(&bundle(1000));
    let mut body = hello();
    body["model"] = "gpt-9".into();
    let (status, error, _) = reply(host.chat(&mut host.exchange(), Some("sk-alice"), &body));
    assert_eq!(status, 404);
    assert_eq!(error["error"]["code"], "model_not_found");
    assert_eq!(error["error"]["param"], "model");
    assert!(
        error["error"]["message"]
            .as_str()
            .unwrap()
            .contains("gpt-9")
    );
}

#[test]
fn record_names_what_was_called_even_where_it_is_refused() {
    let host = Host::new(&bundle(1000));
    for (method, path, operation) in [
        ("POST", "/v1/chat/completions", "chat"),
        ("GET", "/v1/models", "models"),
        ("GET", "/v1/usage", "usage"),
        ("GET", "/v1/chat/completions", "unknown"),
        ("POST", "/v1/embeddings", "unknown"),
    ] {
        let mut exchange = host.exchange();
        let head = host::headers(&[(":method", method), (":path", path)]);
        exchange.on_request_head(&head, true);
        assert_eq!(exchange.record().operation, operation, "{method} {path}");
    }
}
