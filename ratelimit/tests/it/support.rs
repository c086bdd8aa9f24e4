//! A running service, and limits and descriptors to ask it with.

pub(crate) mod envoy;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};
use tollgate_budget::{Clock, MemoryStore, store::memory::Bounds};
use tollgate_bundle::{DescriptorEntry, RateLimit, WindowKind};
use tollgate_envoy::{
    ratelimit::{
        RateLimitRequest, RateLimitResponse, rate_limit_service_client::RateLimitServiceClient,
    },
    ratelimit_descriptor::{RateLimitDescriptor, rate_limit_descriptor::Entry},
    well_known::UInt64Value,
};
use tollgate_ratelimit::{Headers, Listen, Service, Telemetry, serve};
use tonic::transport::Channel;

/// Longest wait for anything in a test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const DOMAIN: &str = "test";

/// A service on a socket, until it is dropped.
pub(crate) struct Running {
    pub(crate) service: Arc<Service>,
    pub(crate) address: Listen,
    pub(crate) folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Running {
    /// On a Unix socket, with the ledger in memory.
    pub(crate) async fn start(limits: Vec<RateLimit>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = Listen::Unix(folder.path().join("ratelimit.sock"));
        Self::start_at(folder, address, limits, Bounds::default()).await
    }

    pub(crate) async fn start_at(
        folder: TempDir,
        address: Listen,
        limits: Vec<RateLimit>,
        bounds: Bounds,
    ) -> Self {
        let store = Arc::new(MemoryStore::new(Clock::system(), bounds));
        let service = Service::new(store, Clock::system(), Headers::Envoy, Telemetry::default());
        apply(&service, limits);
        let listener = address.bind().await.unwrap();
        let address = listener.address().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = Arc::clone(&service);
        let server = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or_default() };
            serve(serving, listener, 2, stopped).await
        });
        Self {
            service,
            address,
            folder,
            stop: Some(stop),
            server: Some(server),
        }
    }

    pub(crate) async fn channel(&self) -> Channel {
        let address = match &self.address {
            Listen::Tcp(address) => format!("http://{address}"),
            Listen::Unix(path) => format!("unix://{}", path.display()),
        };
        tonic::transport::Endpoint::from_shared(address)
            .unwrap()
            .connect()
            .await
            .unwrap()
    }

    pub(crate) async fn client(&self) -> RateLimitServiceClient<Channel> {
        RateLimitServiceClient::new(self.channel().await)
    }

    /// Says that it shall stop.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits for the server's end.
    pub(crate) async fn ended(&mut self) {
        let server = self.server.take().unwrap();
        let ended = tokio::time::timeout(PATIENCE, server).await.unwrap();
        ended.unwrap().unwrap();
    }
}

pub(crate) fn apply(service: &Service, limits: Vec<RateLimit>) {
    service.apply(&BTreeMap::from([(DOMAIN.to_string(), limits)]));
}

/// A limit per hour; `k=v` is an exact entry, `k` one with any value.
pub(crate) fn limit(id: &str, entries: &[&str], amount: u64) -> RateLimit {
    let entry = |text: &&str| {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value.to_string())),
            None => (*text, None),
        };
        DescriptorEntry {
            key: key.to_string(),
            value,
        }
    };
    RateLimit {
        id: id.to_string(),
        entries: entries.iter().map(entry).collect(),
        amount,
        window: WindowKind::Hour,
        ..RateLimit::default()
    }
}

/// A request with one descriptor of one entry.
pub(crate) fn request(key: &str, value: &str, hits: Option<u64>) -> RateLimitRequest {
    RateLimitRequest {
        domain: DOMAIN.to_string(),
        descriptors: vec![RateLimitDescriptor {
            entries: vec![Entry {
                key: key.to_string(),
                value: value.to_string(),
            }],
            hits_addend: hits.map(|value| UInt64Value { value }),
            ..RateLimitDescriptor::default()
        }],
        hits_addend: 0,
    }
}

/// What a check, which charges nothing, says is left.
pub(crate) async fn remaining(
    client: &mut RateLimitServiceClient<Channel>,
    key: &str,
    value: &str,
) -> u32 {
    let answer: RateLimitResponse = client
        .should_rate_limit(request(key, value, Some(0)))
        .await
        .unwrap()
        .into_inner();
    answer.statuses[0].limit_remaining
}
