//! Services that decide whether a request may pass, on real Envoy.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tollgate_envoy as envoy;
use tollgate_ir as ir;
use tonic::Status;

use envoy::core::{HeaderValue, HeaderValueOption};
use envoy::ext_authz::authorization_server::{Authorization, AuthorizationServer};
use envoy::ext_authz::{
    CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse, check_response::HttpResponse,
};

use crate::support::envoy::{Envoy, free_port};
use crate::support::ir::{forward, gateway, host, listener, local, prefix, route};
use crate::support::upstream;

/// What a service was told: method and path, headers, body.
type Told = Arc<Mutex<Vec<(String, Vec<String>, String)>>>;

fn tell(told: &Told, line: String, headers: Vec<String>, body: String) {
    told.lock().unwrap().push((line, headers, body));
}

/// Lets `authorization: good` pass, as alice.
async fn over_http(told: Told) -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let decide =
        async move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| -> Response {
            let names = headers.keys().map(ToString::to_string).collect();
            let body = String::from_utf8_lossy(&body).into_owned();
            tell(&told, format!("{method} {uri}"), names, body);
            match headers.get("authorization").map(|it| it.as_bytes()) {
                Some(b"good") => {
                    ([("x-user", "alice"), ("x-tollgate-user", "root")], "fine").into_response()
                }
                _ => (StatusCode::UNAUTHORIZED, [("x-why", "no")], "who are you?").into_response(),
            }
        };
    let app = axum::Router::new().fallback(decide);
    tokio::spawn(async move { axum::serve(socket, app).await.unwrap() });
    port
}

struct OverGrpc(Told);

#[tonic::async_trait]
impl Authorization for OverGrpc {
    async fn check(
        &self,
        request: tonic::Request<CheckRequest>,
    ) -> Result<tonic::Response<CheckResponse>, Status> {
        let attributes = request.into_inner().attributes.unwrap();
        let http = attributes.request.unwrap().http.unwrap();
        let good = http
            .headers
            .get("authorization")
            .is_some_and(|it| it == "good");
        let names = http.headers.into_keys().collect();
        let body = String::from_utf8_lossy(&http.raw_body).into_owned();
        tell(
            &self.0,
            format!("{} {}", http.method, http.path),
            names,
            body,
        );
        let header = |key: &str, value: &str| HeaderValueOption {
            header: Some(HeaderValue {
                key: key.to_string(),
                value: value.to_string(),
                ..HeaderValue::default()
            }),
            ..HeaderValueOption::default()
        };
        let (code, answer) = match good {
            true => (
                0,
                HttpResponse::OkResponse(OkHttpResponse {
                    headers: vec![header("x-user", "alice")],
                    ..OkHttpResponse::default()
                }),
            ),
            false => (
                7,
                HttpResponse::DeniedResponse(DeniedHttpResponse {
                    body: "who are you?".to_string(),
                    ..DeniedHttpResponse::default()
                }),
            ),
        };
        Ok(tonic::Response::new(CheckResponse {
            status: Some(envoy::rpc::Status {
                code,
                ..envoy::rpc::Status::default()
            }),
            http_response: Some(answer),
            ..CheckResponse::default()
        }))
    }
}

async fn over_grpc(told: Told) -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let serving = tonic::transport::Server::builder()
        .add_service(AuthorizationServer::new(OverGrpc(told)))
        .serve_with_incoming(TcpListenerStream::new(socket));
    tokio::spawn(async move { serving.await.unwrap() });
    port
}

fn asking(name: &str, auth: ir::ExternalAuth, up: u16) -> ir::HttpRoute {
    let mut route = route(name, prefix(&format!("/{name}")), forward("b", local(up)));
    route.filters = vec![ir::Filter::ExternalAuth(Box::new(auth))];
    route
}

/// `/http`, `/grpc` with bodies of at most 8 bytes, `/gone` whose service is not there, `/open`.
async fn start(told: &Told) -> (String, Envoy) {
    let up = upstream::start("up", 200).await;
    let http = ir::ExternalAuth {
        name: "auth/http".to_string(),
        destination: local(over_http(Arc::clone(told)).await),
        protocol: ir::AuthProtocol::Http {
            path_prefix: "/check".to_string(),
            headers: vec!["x-tenant".to_string()],
            answer_headers: Vec::new(),
        },
        body_bytes_max: 0,
    };
    let mut grpc = ir::ExternalAuth {
        name: "auth/grpc".to_string(),
        destination: local(over_grpc(Arc::clone(told)).await),
        protocol: ir::AuthProtocol::Grpc {
            headers: Vec::new(),
        },
        body_bytes_max: 8,
    };
    grpc.destination.protocol = ir::UpstreamProtocol::Http2;
    let gone = ir::ExternalAuth {
        name: "auth/gone".to_string(),
        destination: local(free_port()),
        ..http.clone()
    };
    let routes = vec![
        asking("http", http, up),
        asking("grpc", grpc, up),
        asking("gone", gone, up),
        route("open", prefix("/open"), forward("b", local(up))),
    ];
    let port = free_port();
    let hosts = vec![host("*", routes, Vec::new())];
    let envoy = Envoy::start(&gateway(vec![listener(port, hosts)])).await;
    (format!("http://127.0.0.1:{port}"), envoy)
}

async fn post(url: &str, key: &str, body: &'static str) -> (u16, String) {
    let answer = reqwest::Client::new()
        .post(url)
        .header("authorization", key)
        .header("x-tenant", "a")
        .header("x-other", "b")
        .body(body)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn header(echo: &str, name: &str) -> Option<String> {
    let echo: Value = serde_json::from_str(echo).unwrap();
    let headers = echo["headers"].as_array().unwrap().iter();
    let found = headers.clone().find(|it| it[0] == name)?;
    Some(found[1].as_str().unwrap().to_string())
}

#[tokio::test]
async fn service_over_http_lets_pass_names_the_user_or_answers_itself() {
    let told = Told::default();
    let (base, _envoy) = start(&told).await;
    let (status, echo) = post(&format!("{base}/http/x"), "good", "0123456789").await;
    assert_eq!(status, 200, "{echo}");
    assert_eq!(header(&echo, "x-user").as_deref(), Some("alice"));
    // What describes the service's answer, or is ours, is not the request's.
    assert_eq!(header(&echo, "content-length").as_deref(), Some("10"));
    assert_eq!(header(&echo, "content-type"), None);
    assert_eq!(header(&echo, "x-tollgate-user"), None);
    let (status, body) = post(&format!("{base}/http/x"), "bad", "").await;
    assert_eq!((status, body.as_str()), (401, "who are you?"));

    let told = told.lock().unwrap();
    let (line, names, body) = &told[0];
    assert_eq!((line.as_str(), body.as_str()), ("POST /check/http/x", ""));
    assert!(names.contains(&"x-tenant".to_string()), "{names:?}");
    assert!(!names.contains(&"x-other".to_string()), "{names:?}");
}

#[tokio::test]
async fn service_over_grpc_sees_headers_and_body_up_to_its_limit() {
    let told = Told::default();
    let (base, _envoy) = start(&told).await;
    let (status, echo) = post(&format!("{base}/grpc"), "good", "01234567").await;
    assert_eq!(status, 200, "{echo}");
    assert_eq!(header(&echo, "x-user").as_deref(), Some("alice"));
    let (status, body) = post(&format!("{base}/grpc"), "bad", "").await;
    assert_eq!((status, body.as_str()), (403, "who are you?"));
    let (status, _) = post(&format!("{base}/grpc"), "good", "012345678").await;
    assert_eq!(status, 413);

    let told = told.lock().unwrap();
    let (line, names, body) = &told[0];
    assert_eq!((line.as_str(), body.as_str()), ("POST /grpc", "01234567"));
    assert!(names.contains(&"x-other".to_string()), "{names:?}");
    assert_eq!(told.len(), 2, "a body that is too long is refused unasked");
}

#[tokio::test]
async fn nobody_passes_where_the_service_is_not_there_and_other_routes_ask_nobody() {
    let told = Told::default();
    let (base, _envoy) = start(&told).await;
    let (status, _) = post(&format!("{base}/gone"), "good", "").await;
    assert_eq!(status, 403);
    let (status, _) = post(&format!("{base}/open"), "bad", "").await;
    assert_eq!(status, 200);
    assert!(told.lock().unwrap().is_empty());
}
