//! The one method, for a server and for a client, as tonic's generator would write it.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::uri::PathAndQuery;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    client,
    server::{self, NamedService, StreamingService},
    transport::Channel,
};
use tonic_prost::ProstCodec;
use tower::Service;

use super::{Part, REPORT_BYTES_MAX, Report};

const METHOD: &str = "/tollgate.link.v1.Link/Follow";

/// Longest message to a client: a part and its frame.
const MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Answers `Follow`.
pub(crate) trait Follow: Clone + Send + Sync + 'static {
    /// Takes a proxy's reports and gives it updates in parts.
    fn follow(
        self,
        request: Request<Streaming<Report>>,
    ) -> impl Future<Output = Result<Parts, Status>> + Send;
}

/// What a proxy is sent.
pub(crate) type Parts = ReceiverStream<Result<Part, Status>>;

/// The service over HTTP/2.
#[derive(Clone)]
pub(crate) struct LinkService<T>(pub(crate) T);

struct FollowMethod<T>(T);

/// Calls `Follow`.
pub(crate) async fn follow(
    channel: Channel,
    reports: impl tokio_stream::Stream<Item = Report> + Send + 'static,
) -> Result<Streaming<Part>, Status> {
    let mut grpc = client::Grpc::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let ready = grpc.ready().await;
    ready.map_err(|error| Status::unavailable(format!("the connection is gone: {error}")))?;
    let path = PathAndQuery::from_static(METHOD);
    let codec = ProstCodec::<Report, Part>::default();
    let answer = grpc.streaming(Request::new(reports), path, codec).await?;
    Ok(answer.into_inner())
}

// === impl LinkService ===

impl<T> NamedService for LinkService<T> {
    const NAME: &'static str = "tollgate.link.v1.Link";
}

impl<T: Follow> Service<http::Request<Body>> for LinkService<T> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Boxed<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.0.clone();
        Box::pin(async move {
            if request.uri().path() != METHOD {
                return Ok(Status::unimplemented("there is no such method").into_http());
            }
            let mut grpc = server::Grpc::new(ProstCodec::default())
                .apply_max_message_size_config(Some(REPORT_BYTES_MAX), None);
            Ok(grpc.streaming(FollowMethod(service), request).await)
        })
    }
}

impl<T: Follow> StreamingService<Report> for FollowMethod<T> {
    type Response = Part;
    type ResponseStream = Parts;
    type Future = Boxed<Result<Response<Parts>, Status>>;

    fn call(&mut self, request: Request<Streaming<Report>>) -> Self::Future {
        let service = self.0.clone();
        Box::pin(async move { service.follow(request).await.map(Response::new) })
    }
}
