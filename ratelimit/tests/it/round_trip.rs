//! gRPC as any client speaks it.

use prost::Message;
use tollgate_budget::store::memory::Bounds;
use tollgate_envoy::ratelimit::{
    RateLimitRequest, RateLimitResponse,
    rate_limit_response::{Code, rate_limit::Unit},
};
use tollgate_ratelimit::{Headers, Listen, Service, Telemetry, serve};
use tonic::{Request, codegen::http::uri::PathAndQuery, transport::Channel};
use tonic_prost::ProstCodec;

use crate::support::{PATIENCE, Running, apply, limit, request};

/// `grpc.health.v1.HealthCheckRequest`
#[derive(Clone, PartialEq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

/// `grpc.health.v1.HealthCheckResponse`
#[derive(Clone, PartialEq, Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

async fn call<A, B>(channel: Channel, path: &'static str, message: A) -> Result<B, tonic::Status>
where
    A: Message + 'static,
    B: Message + Default + 'static,
{
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let path = PathAndQuery::from_static(path);
    let codec = ProstCodec::<A, B>::default();
    let answer = grpc.unary(Request::new(message), path, codec).await?;
    Ok(answer.into_inner())
}

async fn health(channel: Channel, service: &str) -> Result<i32, tonic::Status> {
    let request = HealthCheckRequest {
        service: service.to_string(),
    };
    let answer: HealthCheckResponse =
        call(channel, "/grpc.health.v1.Health/Check", request).await?;
    Ok(answer.status)
}

#[tokio::test]
async fn requests_are_decided_on_a_unix_socket() {
    let running = Running::start(vec![limit("user", &["user"], 2)]).await;
    let mut client = running.client().await;
    let mut told = Vec::new();
    for _ in 0..3 {
        let answer = client.should_rate_limit(request("user", "alice", None));
        let RateLimitResponse {
            overall_code,
            statuses,
            ..
        } = answer.await.unwrap().into_inner();
        let limit = statuses[0].current_limit.clone().unwrap();
        assert_eq!((limit.requests_per_unit, limit.unit()), (2, Unit::Hour));
        told.push((overall_code, statuses[0].limit_remaining));
    }
    let (ok, over) = (Code::Ok.into(), Code::OverLimit.into());
    assert_eq!(told, [(ok, 1), (ok, 0), (over, 0)]);
}

#[tokio::test]
async fn requests_are_decided_over_tcp() {
    let folder = tempfile::tempdir().unwrap();
    let address = Listen::Tcp("127.0.0.1:0".parse().unwrap());
    let limits = vec![limit("user", &["user"], 0)];
    let running = Running::start_at(folder, address, limits, Bounds::default()).await;
    let mut client = running.client().await;
    let answer = client.should_rate_limit(request("user", "alice", None));
    assert_eq!(
        answer.await.unwrap().into_inner().overall_code(),
        Code::OverLimit
    );
}

#[tokio::test]
async fn parallel_requests_admit_exactly_the_limit() {
    let running = Running::start(vec![limit("user", &["user"], 100)]).await;
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let client = running.client().await;
        for _ in 0..50 {
            let mut client = client.clone();
            tasks.push(tokio::spawn(async move {
                let answer = client.should_rate_limit(request("user", "alice", None));
                answer.await.unwrap().into_inner().overall_code() == Code::Ok
            }));
        }
    }
    let mut admitted = 0;
    for task in tasks {
        admitted += usize::from(task.await.unwrap());
    }
    assert_eq!(admitted, 100);
}

#[tokio::test]
async fn new_limits_hold_from_the_next_request_on_a_connection_that_stays() {
    let running = Running::start(vec![limit("user", &["user"], 1)]).await;
    let mut client = running.client().await;
    let mut code = async || {
        let answer = client.should_rate_limit(request("user", "alice", None));
        answer.await.unwrap().into_inner().overall_code()
    };
    assert_eq!(code().await, Code::Ok);
    assert_eq!(code().await, Code::OverLimit);
    apply(&running.service, vec![limit("user", &["user"], 2)]);
    assert_eq!(code().await, Code::Ok);
    apply(&running.service, Vec::new());
    assert_eq!(code().await, Code::Ok);
}

#[tokio::test]
async fn a_request_that_is_none_is_refused_with_a_reason() {
    let running = Running::start(Vec::new()).await;
    let mut client = running.client().await;
    let refused = client.should_rate_limit(RateLimitRequest::default()).await;
    let status = refused.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    assert_eq!(status.message(), "domain: must not be empty");

    let huge = request("user", &"x".repeat(5 << 20), None);
    let status = client.should_rate_limit(huge).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::OutOfRange, "{status}");

    let nothing: Result<HealthCheckResponse, _> = call(
        running.channel().await,
        "/no/Such",
        HealthCheckRequest::default(),
    )
    .await;
    assert_eq!(nothing.unwrap_err().code(), tonic::Code::Unimplemented);
    // The connection serves on.
    let answer = client.should_rate_limit(request("user", "alice", None));
    assert_eq!(answer.await.unwrap().into_inner().overall_code(), Code::Ok);
}

#[tokio::test]
async fn health_tells_whether_there_is_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let address = Listen::Unix(folder.path().join("ratelimit.sock"));
    let mut running = Running::start_at(folder, address, Vec::new(), Bounds::default()).await;
    let channel = running.channel().await;
    let rate_limit = "envoy.service.ratelimit.v3.RateLimitService";
    assert_eq!(health(channel.clone(), "").await.unwrap(), 1);
    assert_eq!(health(channel.clone(), rate_limit).await.unwrap(), 1);
    let unknown = health(channel.clone(), "other").await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound);
    running.stop();
    running.ended().await;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.sock");
    let listener = Listen::Unix(path.clone()).bind().await.unwrap();
    let store = std::sync::Arc::new(tollgate_budget::MemoryStore::new(
        tollgate_budget::Clock::system(),
        Bounds::default(),
    ));
    let service = Service::new(
        store,
        tollgate_budget::Clock::system(),
        Headers::Envoy,
        Telemetry::default(),
    );
    let server = tokio::spawn(serve(service, listener, 1, std::future::pending()));
    let endpoint = tonic::transport::Endpoint::from_shared(format!("unix://{}", path.display()));
    let channel = endpoint.unwrap().connect().await.unwrap();
    assert_eq!(health(channel, "").await.unwrap(), 2);
    server.abort();
}

#[tokio::test]
async fn a_stopped_service_ends_its_connections_and_removes_its_socket() {
    let mut running = Running::start(Vec::new()).await;
    let mut client = running.client().await;
    let ask = || request("user", "alice", None);
    client.should_rate_limit(ask()).await.unwrap();
    let begun = std::time::Instant::now();
    running.stop();
    running.ended().await;
    assert!(begun.elapsed() < PATIENCE / 2);
    assert!(!running.folder.path().join("ratelimit.sock").exists());
    let status = client.should_rate_limit(ask()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable);
}
