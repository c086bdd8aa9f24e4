//! One proxy's stream: who it is, what it is sent, what it reports.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use tokio::{
    sync::{mpsc, watch},
    time,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Status, Streaming,
    transport::server::{TcpConnectInfo, TlsConnectInfo},
};

use super::{LinkServer, Refusal, published::Published, published::Updates};
use crate::{
    GatewayIdentity, RefusedItem, Version,
    wire::{Follow, Hello, PROTOCOL, Part, Report, report::What, split},
};

/// How long a proxy may take to say who it is.
const HELLO_DEADLINE: Duration = Duration::from_secs(10);

/// Parts that wait for a slow proxy, of at most a mebibyte each.
const PARTS_WAITING: usize = 1;

/// Refused resources of one version that are kept, and bytes of each text.
const REFUSED_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 1024;

/// Longest name of a pod (RFC 1123 subdomain).
const POD_BYTES_MAX: usize = 253;

/// Tells streams apart, in their order.
static STREAMS: AtomicU64 = AtomicU64::new(1);

/// A proxy that follows.
struct Session {
    server: LinkServer,
    gateway: GatewayIdentity,
    pod: String,
    stream: u64,
    /// When its certificate ends.
    not_after: SystemTime,
}

// === impl LinkServer ===

impl Follow for LinkServer {
    async fn follow(
        self,
        request: Request<Streaming<Report>>,
    ) -> Result<ReceiverStream<Result<Part, Status>>, Status> {
        let opened = self.open(request).await;
        let (session, have, reports) = opened.inspect_err(|status| {
            let counter = &self.0.counters.streams_refused;
            counter.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(code = ?status.code(), reason = status.message(), "a proxy is refused");
        })?;
        let (tx, rx) = mpsc::channel(PARTS_WAITING);
        tokio::spawn(session.run(have, reports, tx));
        Ok(ReceiverStream::new(rx))
    }
}

impl LinkServer {
    /// By its certificate, and by nothing else, it is decided what a proxy gets; its hello must not
    /// say otherwise.
    async fn open(
        &self,
        request: Request<Streaming<Report>>,
    ) -> Result<(Session, Option<Version>, Streaming<Report>), Status> {
        let (gateway, not_after) = identify(&request)?;
        let mut reports = request.into_inner();
        let first = time::timeout(HELLO_DEADLINE, reports.message()).await;
        let first = first.map_err(|_| Status::deadline_exceeded("no hello came"))??;
        let Some(What::Hello(hello)) = first.and_then(|it| it.what) else {
            return Err(Status::invalid_argument("the first report must be a hello"));
        };
        let Hello {
            gateway: asked,
            pod,
            protocol,
            have,
        } = hello;
        if protocol != PROTOCOL {
            return Err(Status::failed_precondition(format!(
                "the proxy speaks link protocol {protocol} and this controller {PROTOCOL}: they \
                 must be of releases that fit"
            )));
        }
        if asked != gateway.uri() {
            let asked: String = asked.chars().take(TEXT_BYTES_MAX).collect();
            return Err(Status::permission_denied(format!(
                "the certificate is that of {gateway}, and {asked:?} is asked for"
            )));
        }
        if pod.is_empty() || pod.len() > POD_BYTES_MAX {
            return Err(Status::invalid_argument(format!(
                "the name of the pod must have 1 to {POD_BYTES_MAX} bytes"
            )));
        }
        let session = Session {
            server: self.clone(),
            gateway,
            pod,
            stream: STREAMS.fetch_add(1, Ordering::Relaxed),
            not_after,
        };
        // A version that is none is as good as nothing: the whole is sent.
        Ok((session, have.parse().ok(), reports))
    }
}

/// Whose certificate the connection has, and when it ends.
fn identify<T>(request: &Request<T>) -> Result<(GatewayIdentity, SystemTime), Status> {
    let info = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>();
    let certificates = info.and_then(TlsConnectInfo::peer_certs);
    let certificate = certificates.as_ref().and_then(|it| it.first());
    let Some(certificate) = certificate else {
        return Err(Status::unauthenticated("there is no client certificate"));
    };
    let uri = tollgate_pki::peer_uri(certificate).ok_or_else(|| {
        Status::permission_denied("the client certificate has not exactly one URI")
    })?;
    let gateway = GatewayIdentity::parse_uri(&uri)
        .map_err(|error| Status::permission_denied(error.to_string()))?;
    let validity = tollgate_pki::peer_validity(certificate)
        .ok_or_else(|| Status::unauthenticated("the client certificate cannot be read"))?;
    Ok((gateway, validity.not_after))
}

// === impl Session ===

impl Session {
    async fn run(
        self,
        have: Option<Version>,
        reports: Streaming<Report>,
        tx: mpsc::Sender<Result<Part, Status>>,
    ) {
        let Self {
            server,
            gateway,
            pod,
            stream,
            not_after,
        } = &self;
        server.0.progress.send_modify(|progress| {
            progress.gateway(gateway).connect(pod, *stream);
        });
        tracing::info!(%gateway, pod, "a proxy follows");
        let state = server.state(gateway).subscribe();
        let mut stopping = server.0.stopping.subscribe();
        let left = not_after.duration_since(SystemTime::now());
        let why = tokio::select! {
            why = self.write(state, have, &tx) => why,
            why = self.read(reports) => why,
            () = time::sleep(left.unwrap_or_default()) =>
                Some(Status::unauthenticated("the client certificate has ended")),
            _ = stopping.wait_for(|it| *it) =>
                Some(Status::unavailable("this controller stops")),
        };
        tracing::info!(%gateway, pod, reason = ?why.as_ref().map(Status::message), "a proxy is gone");
        server
            .0
            .progress
            .send_modify(|progress| progress.disconnected(gateway, pod, *stream));
        server.release(gateway);
        if let Some(status) = why {
            // The proxy may be gone, or so slow that it learns this from the connection's end.
            let _ = tx.try_send(Err(status));
        }
    }

    /// Brings the proxy to the newest state, first of all to what is known now, again and again. While it is slow nothing piles up: the
    /// next look is at what is newest then.
    async fn write(
        &self,
        mut state: watch::Receiver<Option<Arc<Published>>>,
        mut have: Option<Version>,
        tx: &mpsc::Sender<Result<Part, Status>>,
    ) -> Option<Status> {
        self.server.0.behind.over().await;
        loop {
            let published = state.borrow_and_update().clone();
            if let Some(published) = published {
                let version = published.version();
                let updates = tokio::task::spawn_blocking(move || published.updates_since(have));
                let updates = match updates.await {
                    Ok(Ok(updates)) => updates,
                    Ok(Err(error)) => {
                        let gateway = &self.gateway;
                        tracing::error!(%gateway, %error, "a gateway cannot be sent");
                        return Some(Status::resource_exhausted(error.to_string()));
                    }
                    Err(error) => return Some(Status::internal(error.to_string())),
                };
                self.send(updates, tx).await?;
                have = Some(version);
            }
            if state.changed().await.is_err() {
                return None;
            }
        }
    }

    /// `None`: the proxy is gone.
    async fn send(&self, updates: Updates, tx: &mpsc::Sender<Result<Part, Status>>) -> Option<()> {
        let counters = &self.server.0.counters;
        let (updates, counter) = match updates {
            Updates::Steps(steps) => (steps, &counters.updates),
            Updates::Full(full) => (vec![full], &counters.full_updates),
        };
        for encoded in updates {
            counter.fetch_add(1, Ordering::Relaxed);
            let bytes = u64::try_from(encoded.len()).unwrap_or(u64::MAX);
            counters.bytes.fetch_add(bytes, Ordering::Relaxed);
            for part in split((*encoded).clone()) {
                tx.send(Ok(part)).await.ok()?;
            }
        }
        Some(())
    }

    async fn read(&self, mut reports: Streaming<Report>) -> Option<Status> {
        loop {
            let report = match reports.message().await {
                Ok(Some(report)) => report,
                Ok(None) => return None,
                Err(status) => return Some(status),
            };
            if let Err(status) = self.take(report) {
                return Some(status);
            }
        }
    }

    fn take(&self, report: Report) -> Result<(), Status> {
        let version = |text: &str| {
            let parsed = text.parse::<Version>();
            parsed.map_err(|error| Status::invalid_argument(error.to_string()))
        };
        match report.what {
            Some(What::Applied(applied)) => {
                let version = version(&applied.version)?;
                self.note(|it| it.applied(version));
            }
            Some(What::Refused(refused)) => {
                let refusal = Refusal {
                    version: version(&refused.version)?,
                    items: refused
                        .items
                        .into_iter()
                        .take(REFUSED_MAX)
                        .map(short)
                        .collect(),
                };
                self.note(|it| it.refused = Some(refusal));
            }
            Some(What::Hello(_)) => {
                return Err(Status::invalid_argument("there is one hello only"));
            }
            // Of a later release.
            None => {}
        }
        Ok(())
    }

    fn note(&self, change: impl FnOnce(&mut super::ProxyProgress)) {
        self.server.0.progress.send_modify(|progress| {
            let gateway = progress.gateway(&self.gateway);
            if let Some(proxy) = gateway.proxy(&self.pod, self.stream) {
                change(proxy);
            }
        });
    }
}

/// What a proxy says is kept for statuses: no longer than a status should be.
fn short(item: RefusedItem) -> RefusedItem {
    let cut = |text: String| match text.char_indices().nth(TEXT_BYTES_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    let RefusedItem { resource, error } = item;
    RefusedItem {
        resource: cut(resource),
        error: cut(error),
    }
}
