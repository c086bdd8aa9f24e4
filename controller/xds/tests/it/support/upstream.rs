//! A tiny upstream that tells what it got.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[derive(Clone)]
struct Upstream {
    name: &'static str,
    status: StatusCode,
}

/// Starts an upstream that answers with this status; returns its port.
pub(crate) async fn start(name: &'static str, status: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let upstream = Upstream {
        name,
        status: StatusCode::from_u16(status).unwrap(),
    };
    let app = Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::disable())
        .with_state(upstream);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    port
}

/// `/size/N` answers N bytes; anything else is described.
async fn answer(
    State(upstream): State<Upstream>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(size) = headers.get("x-answer-bytes") {
        let size: usize = size.to_str().unwrap().parse().unwrap();
        return (upstream.status, "x".repeat(size)).into_response();
    }
    let headers: Vec<Value> = headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), value.to_str().unwrap_or("?")]))
        .collect();
    let description = json!({
        "upstream": upstream.name,
        "method": method.as_str(),
        "path": uri.to_string(),
        "headers": headers,
        "body_bytes": body.len(),
        "body": if body.len() < 1000 { String::from_utf8_lossy(&body).into_owned() } else { String::new() },
    });
    (upstream.status, axum::Json(description)).into_response()
}

/// Starts an upstream that speaks HTTP/1.1 and nothing else, and answers 200; returns its port.
pub(crate) async fn start_http1_only() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                let _ = socket.read(&mut buffer).await;
                let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
                let _ = socket.write_all(answer).await;
            });
        }
    });
    port
}
