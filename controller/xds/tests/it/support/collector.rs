//! A tiny gRPC service that keeps what it is sent, and answers every call with nothing.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http_body_util::BodyExt;
use tokio::net::TcpListener;

use super::until;

/// One piece of a body, with what it came with.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) path: String,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) bytes: Bytes,
}

/// What was sent so far.
#[derive(Clone, Default)]
pub(crate) struct Collector {
    pieces: Arc<Mutex<Vec<Piece>>>,
}

impl Collector {
    /// Starts one, for HTTP/1.1 and HTTP/2 with prior knowledge; its port too.
    pub(crate) async fn start() -> (Self, u16) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let app = Router::new().fallback(keep).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (collector, port)
    }

    /// Waits for a piece of a call of this method that has this text in it.
    pub(crate) async fn wait_for(&self, path: &str, text: &str) -> Piece {
        let find = || {
            let pieces = self.pieces.lock().unwrap();
            let has = |it: &&Piece| {
                let bytes = text.as_bytes();
                it.path == path && it.bytes.windows(bytes.len()).any(|part| part == bytes)
            };
            pieces.iter().find(has).cloned()
        };
        until(&format!("{text} at {path}"), async || find().is_some()).await;
        find().unwrap()
    }
}

async fn keep(State(collector): State<Collector>, request: Request) -> Response {
    let (parts, mut body) = request.into_parts();
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(bytes) = frame.into_data() {
            collector.pieces.lock().unwrap().push(Piece {
                path: parts.uri.path().to_string(),
                headers: parts.headers.clone(),
                bytes,
            });
        }
    }
    let answer = Response::builder()
        .header("content-type", "application/grpc")
        .header("grpc-status", "0");
    answer.body(Body::empty()).unwrap()
}
