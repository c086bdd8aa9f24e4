//! Mirrors, cross-origin requests, WebSocket and gRPC on real Envoy.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::envoy::{Envoy, free_port};
use crate::support::ir::{forward, gateway, host, listener, local, prefix, route, weighted};
use crate::support::{stream_upstream, until, upstream};
use axum::Router;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tollgate_ir as ir;

const PATIENCE: Duration = Duration::from_secs(10);

async fn start(routes: Vec<ir::HttpRoute>) -> (u16, Envoy) {
    let port = free_port();
    let hosts = vec![host("*", routes, Vec::new())];
    let envoy = Envoy::start(&gateway(vec![listener(port, hosts)])).await;
    (port, envoy)
}

/// An upstream that counts requests for `/mirrored` with their own host name; returns its port.
async fn counting() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let app = Router::new().fallback(async move |headers: HeaderMap, body: Bytes| {
        if headers["host"] == "a.example.com" && body == "copied" {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (port, count)
}

fn mirror(name: &str, port: u16, numerator: u32, denominator: u32) -> ir::Filter {
    ir::Filter::Mirror(ir::Mirror {
        name: name.to_string(),
        destination: local(port),
        fraction: ir::Fraction {
            numerator,
            denominator,
        },
    })
}

#[tokio::test]
async fn each_mirror_gets_its_share_of_copies_with_host_and_body() {
    let up = upstream::start("up", 200).await;
    let (all, all_count) = counting().await;
    let (third, third_count) = counting().await;
    let (none, none_count) = counting().await;
    let mut mirrored = route("r", prefix("/"), forward("b", local(up)));
    mirrored.filters = vec![
        mirror("b/mirror/0", all, 1, 1),
        mirror("b/mirror/1", third, 1, 3),
        mirror("b/mirror/2", none, 0, 100),
    ];
    let (port, _envoy) = start(vec![mirrored]).await;
    let client = reqwest::Client::new();
    for _ in 0..300 {
        let request = client.post(format!("http://127.0.0.1:{port}/"));
        let request = request.header("host", "a.example.com").body("copied");
        let answer: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["upstream"], "up");
    }
    until("all copies arrive", async || {
        all_count.load(Ordering::Relaxed) >= 300
    })
    .await;
    assert_eq!(all_count.load(Ordering::Relaxed), 300);
    let third = third_count.load(Ordering::Relaxed);
    // Seven standard deviations.
    assert!((43..157).contains(&third), "{third}");
    assert_eq!(none_count.load(Ordering::Relaxed), 0);
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

async fn with_cors(cors: ir::Cors) -> (u16, Envoy) {
    let up = upstream::start("up", 200).await;
    let mut posts = route("posts", prefix("/posts"), forward("b", local(up)));
    posts.matches.method = Some("POST".to_string());
    posts.matches.headers = vec![ir::HeaderMatch {
        name: "x-kind".to_string(),
        value: ir::TextMatch::Exact("1".to_string()),
    }];
    let mut open = route("open", prefix("/"), forward("b", local(up)));
    posts.filters = vec![ir::Filter::Cors(cors.clone())];
    open.filters = vec![ir::Filter::Cors(cors)];
    let plain = route("plain", prefix("/plain"), forward("b", local(up)));
    start(vec![posts, plain, open]).await
}

/// The answer's headers for cross-origin requests, without their prefix.
async fn asked(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
) -> (u16, Vec<(String, String)>) {
    let request = reqwest::Client::new().request(method, url);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    let answer = request.send().await.unwrap();
    let mut found: Vec<(String, String)> = answer
        .headers()
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("access-control-")?;
            Some((name.to_string(), value.to_str().unwrap().to_string()))
        })
        .collect();
    found.sort();
    (answer.status().as_u16(), found)
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

#[tokio::test]
async fn preflights_of_allowed_origins_are_answered_and_others_get_no_leave() {
    let (port, _envoy) = with_cors(ir::Cors {
        allow_origins: texts(&["https://www.foo.com", "https://*.bar.com"]),
        allow_methods: texts(&["GET", "OPTIONS"]),
        allow_headers: texts(&["x-1", "x-2"]),
        expose_headers: texts(&["x-3", "x-4"]),
        allow_credentials: true,
        max_age_s: Some(3600),
    })
    .await;
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    for (origin, allowed) in [
        ("https://www.foo.com", true),
        ("https://www.bar.com", true),
        ("https://a.b.bar.com", true),
        ("https://bar.com", false),
        ("http://www.bar.com", false),
        ("https://www.foo.com.evil.example", false),
        ("https://wwwxfoo.com", false),
        ("https://evil.example/.bar.com", false),
    ] {
        let asks = [
            ("origin", origin),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "x-1"),
        ];
        let (status, headers) = asked(Method::OPTIONS, &url("/a"), &asks).await;
        assert_eq!(status, 200, "{origin}");
        let leave = headers.iter().find(|(name, _)| name == "allow-origin");
        assert_eq!(
            leave.map(|(_, value)| value.as_str()),
            allowed.then_some(origin)
        );
        if allowed {
            let expected = pairs(&[
                ("allow-credentials", "true"),
                ("allow-headers", "x-1, x-2"),
                ("allow-methods", "GET, OPTIONS"),
                ("allow-origin", origin),
                ("expose-headers", "x-3, x-4"),
                ("max-age", "3600"),
            ]);
            assert_eq!(headers, expected);
        }
        let (_, headers) = asked(Method::GET, &url("/a"), &[("origin", origin)]).await;
        let expected = pairs(&[
            ("allow-credentials", "true"),
            ("allow-origin", origin),
            ("expose-headers", "x-3, x-4"),
        ]);
        assert_eq!(headers, if allowed { expected } else { Vec::new() });
    }
    // A preflight has neither method nor headers of the request that it is for.
    let asks = [
        ("origin", "https://www.foo.com"),
        ("access-control-request-method", "POST"),
    ];
    let (_, headers) = asked(Method::OPTIONS, &url("/posts"), &asks).await;
    assert!(headers.contains(&("allow-origin".to_string(), asks[0].1.to_string())));
    let (_, headers) = asked(Method::OPTIONS, &url("/plain"), &asks).await;
    assert_eq!(headers, []);
}

#[tokio::test]
async fn wildcards_are_answered_with_what_was_asked_for_so_that_credentials_are_sound() {
    for credentials in [true, false] {
        let (port, _envoy) = with_cors(ir::Cors {
            allow_origins: texts(&["*"]),
            allow_methods: texts(&["*"]),
            allow_headers: texts(&["*"]),
            expose_headers: texts(&["*"]),
            allow_credentials: credentials,
            max_age_s: None,
        })
        .await;
        let asks = [
            ("origin", "https://any.example:12345"),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "x-1, x-2"),
        ];
        let url = format!("http://127.0.0.1:{port}/");
        let (_, mut headers) = asked(Method::OPTIONS, &url, &asks).await;
        let allowed = ("allow-credentials".to_string(), "true".to_string());
        assert_eq!(headers.contains(&allowed), credentials);
        headers.retain(|header| *header != allowed);
        let exposed = ("expose-headers".to_string(), "*".to_string());
        assert_eq!(headers.contains(&exposed), !credentials);
        headers.retain(|header| *header != exposed);
        let expected = pairs(&[
            ("allow-headers", "x-1, x-2"),
            ("allow-methods", "PUT"),
            ("allow-origin", "https://any.example:12345"),
        ]);
        assert_eq!(headers, expected);
        let (_, headers) = asked(Method::GET, &url, &asks[..1]).await;
        assert_eq!(headers.contains(&exposed), !credentials);
    }
}

/// Asks to go on to WebSocket; what is said until the end of the answer's head.
async fn upgrade(port: u16, path: &str) -> (TcpStream, String) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: a.example.com\r\nconnection: Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    (socket, String::from_utf8(head).unwrap())
}

#[tokio::test]
async fn a_client_goes_on_to_websocket_where_the_route_lets_it() {
    let up = stream_upstream::websocket().await;
    let mut open = route("open", prefix("/open"), forward("b/open", local(up)));
    open.websocket = true;
    let closed = route("closed", prefix("/"), forward("b/closed", local(up)));
    let (port, _envoy) = start(vec![open, closed]).await;
    let (mut socket, head) = upgrade(port, "/open").await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    for text in ["hello", "again"] {
        socket.write_all(text.as_bytes()).await.unwrap();
        let mut echo = vec![0; text.len()];
        let read = socket.read_exact(&mut echo);
        tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
        assert_eq!(echo, text.as_bytes());
    }
    let (_, head) = upgrade(port, "/closed").await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
}

/// A gRPC server as far as Envoy sees it: HTTP/2 only, status in the trailers. Returns its port.
async fn grpc() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let service = service_fn(async |request: Request<Incoming>| {
                let te = request.headers().get("te").cloned();
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", "7".parse().unwrap());
                trailers.insert("x-te", te.unwrap());
                let frames = [
                    Ok::<_, hyper::Error>(Frame::data(Bytes::from_static(b"message"))),
                    Ok(Frame::trailers(trailers)),
                ];
                let body = StreamBody::new(futures::stream::iter(frames));
                let answer = Response::builder().header("content-type", "application/grpc");
                Ok::<_, hyper::Error>(answer.body(body).unwrap())
            });
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(socket), service));
        }
    });
    port
}

#[tokio::test]
async fn grpc_calls_pass_with_their_trailers_and_a_missing_backend_is_told_in_grpcs_way() {
    let up = ir::Destination {
        protocol: ir::UpstreamProtocol::Http2,
        ..local(grpc().await)
    };
    let mut call = route(
        "call",
        ir::PathMatch::Exact("/echo.Echo/Say".to_string()),
        forward("b", up),
    );
    call.matches.method = Some("POST".to_string());
    let invalid = ir::InvalidBackend {
        status: 500,
        reason: "no such service".to_string(),
    };
    let missing = ir::HttpAction::Forward(vec![weighted("b/1", 1, Err(invalid))]);
    let (port, _envoy) = start(vec![call, route("missing", prefix("/missing.M"), missing)]).await;
    let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let made = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket));
    let (mut sender, connection) = made.await.unwrap();
    tokio::spawn(connection);
    let mut ask = async |path: &str| {
        let request = Request::post(format!("http://a.example.com{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::<Bytes>::from("message"))
            .unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        (head, body.collect().await.unwrap())
    };
    let (head, body) = ask("/echo.Echo/Say").await;
    assert_eq!(head.status, 200);
    let trailers = body.trailers().unwrap();
    assert_eq!(
        (&trailers["grpc-status"], &trailers["x-te"]),
        (&"7".parse().unwrap(), &"trailers".parse().unwrap())
    );
    assert_eq!(body.to_bytes(), "message");
    let (head, _) = ask("/missing.M/Do").await;
    assert_eq!(head.status, 200);
    assert!(
        head.headers.contains_key("grpc-status"),
        "{:?}",
        head.headers
    );
}
