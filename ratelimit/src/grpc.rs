//! gRPC calls: which methods there are, and how their messages are framed.

use std::{convert::Infallible, marker::PhantomData, sync::Arc};

use hyper::body::Incoming;
use prost::Message;
use tonic::{
    Request, Response, Status,
    body::Body,
    codec::{BufferSettings, Codec},
    server::{Grpc, UnaryService},
};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

use crate::{
    bounds::MESSAGE_BYTES_MAX,
    health,
    service::Service,
    wire::{HealthCheckRequest, RateLimitRequest},
};

const SHOULD_RATE_LIMIT: &str = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";
const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";

/// A message's buffer begins with this many bytes: most need no more.
const BUFFER_BYTES: usize = 512;
/// What a unary call never reaches: its message goes out whole.
const YIELD_BYTES: usize = 32 << 10;

/// One gRPC call. Tonic frames the messages; its router and layers are left out, because each
/// request of a client comes through here.
pub(crate) async fn call(
    service: Arc<Service>,
    request: http::Request<Incoming>,
) -> Result<http::Response<Body>, Infallible> {
    let answer = match request.uri().path() {
        SHOULD_RATE_LIMIT => {
            let decide = |request: Request<RateLimitRequest>| {
                let service = &service;
                async move {
                    service
                        .decide(request.into_inner())
                        .await
                        .map(Response::new)
                }
            };
            grpc().unary(Unary(decide), request).await
        }
        HEALTH_CHECK => {
            let check = |request: Request<HealthCheckRequest>| {
                let answer = health::check(&service, request.get_ref());
                std::future::ready(answer.map(Response::new))
            };
            grpc().unary(Unary(check), request).await
        }
        path => Status::unimplemented(format!("{path} is not served here")).into_http(),
    };
    Ok(answer)
}

fn grpc<T, U>() -> Grpc<SmallBuffers<T, U>>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    Grpc::new(SmallBuffers(PhantomData)).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

/// A function as a unary method.
struct Unary<F>(F);

impl<F, Answer, T, U> UnaryService<U> for Unary<F>
where
    F: FnMut(Request<U>) -> Answer,
    Answer: Future<Output = Result<Response<T>, Status>>,
{
    type Response = T;
    type Future = Answer;

    fn call(&mut self, request: Request<U>) -> Answer {
        (self.0)(request)
    }
}

/// As `ProstCodec`, whose buffers begin with 8 KiB for each message.
struct SmallBuffers<T, U>(PhantomData<(T, U)>);

impl<T, U> Codec for SmallBuffers<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::new(BUFFER_BYTES, YIELD_BYTES))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<T, U>::raw_decoder(BufferSettings::new(BUFFER_BYTES, YIELD_BYTES))
    }
}
