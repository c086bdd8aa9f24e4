//! The Lease: read, written, given back.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::PostParams;
use kube::core::ObjectMeta;
use kube::{Api, Client};
use tokio::sync::{oneshot, watch};

use super::LeaseOptions;
use super::election::{Election, Record, Step};
use crate::metrics::Metrics;

/// Standing for election.
pub(super) struct Campaign {
    api: Api<Lease>,
    options: LeaseOptions,
    election: Election,
    leads: watch::Sender<bool>,
    metrics: Metrics,
    /// The lease as it was read or written last.
    lease: Option<Lease>,
    /// Whether the last turn failed, so that the log says it once.
    fails: bool,
}

// === impl Campaign ===

impl Campaign {
    pub(super) fn new(
        client: Client,
        options: LeaseOptions,
        leads: watch::Sender<bool>,
        metrics: Metrics,
    ) -> Self {
        Self {
            api: Api::namespaced(client, &options.namespace),
            election: Election::new(options.identity.clone(), options.timing),
            options,
            leads,
            metrics,
            lease: None,
            fails: false,
        }
    }

    /// Runs until it is asked to stop; gives the lease back then.
    pub(super) async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                () = self.turn() => {}
                _ = &mut stopped => break,
            }
            self.tell();
            let next = Instant::now() + self.options.timing.retry;
            let next = self
                .election
                .leads_until()
                .map_or(next, |until| until.min(next));
            tokio::select! {
                () = tokio::time::sleep_until(next.into()) => {}
                _ = &mut stopped => break,
            }
            self.tell();
        }
        self.give_back().await;
    }

    /// Reads the lease, and writes it if the rules allow.
    async fn turn(&mut self) {
        // An answer that comes after the deadline is of no use.
        let limit = self.options.timing.renew_deadline / 2;
        let limit = match self.election.leads_until() {
            Some(until) => limit.min(until.saturating_duration_since(Instant::now())),
            None => limit,
        };
        let limit = limit.max(Duration::from_millis(100));
        let result = tokio::time::timeout(limit, self.read_and_claim()).await;
        let failure = match result {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {} ms", limit.as_millis())),
        };
        if failure.is_some() {
            self.election.lost_race();
        }
        let lease = &self.options.name;
        match failure {
            Some(error) if !std::mem::replace(&mut self.fails, true) => {
                tracing::warn!(lease, error, "the lease can not be read or written");
            }
            Some(_) => {}
            None if std::mem::replace(&mut self.fails, false) => {
                tracing::info!(lease, "the lease can be read and written again");
            }
            None => {}
        }
    }

    async fn read_and_claim(&mut self) -> Result<(), kube::Error> {
        self.lease = self.api.get_opt(&self.options.name).await?;
        let record = self.lease.as_ref().map(record);
        let begun = Instant::now();
        let Step::Claim { transitions } = self.election.read(record, begun) else {
            return Ok(());
        };
        let identity = self.options.identity.clone();
        match self.write(identity, transitions).await {
            Ok(()) => self.election.claimed(begun),
            // Another was quicker.
            Err(kube::Error::Api(status)) if status.code == 409 => self.election.lost_race(),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Writes the lease as it was read, with another holder; refused if it was written meanwhile.
    async fn write(&mut self, holder: String, transitions: i32) -> Result<(), kube::Error> {
        let now = MicroTime(jiff::Timestamp::now());
        let before = self.lease.take();
        let old = before.as_ref().and_then(|lease| lease.spec.clone());
        let old = old.unwrap_or_default();
        let acquired = match old.holder_identity {
            Some(old_holder) if old_holder == holder => old.acquire_time,
            Some(_) | None => Some(now.clone()),
        };
        let seconds = self.options.timing.lease.as_secs();
        let spec = LeaseSpec {
            acquire_time: acquired,
            holder_identity: Some(holder),
            lease_duration_seconds: Some(i32::try_from(seconds).unwrap_or(i32::MAX)),
            lease_transitions: Some(transitions),
            renew_time: Some(now),
            ..LeaseSpec::default()
        };
        let params = PostParams {
            field_manager: Some("tollgate".to_string()),
            ..PostParams::default()
        };
        let written = match before {
            Some(lease) => {
                let lease = Lease {
                    spec: Some(spec),
                    ..lease
                };
                self.api
                    .replace(&self.options.name, &params, &lease)
                    .await?
            }
            None => {
                let metadata = ObjectMeta {
                    name: Some(self.options.name.clone()),
                    namespace: Some(self.options.namespace.clone()),
                    ..ObjectMeta::default()
                };
                let lease = Lease {
                    metadata,
                    spec: Some(spec),
                };
                self.api.create(&params, &lease).await?
            }
        };
        self.lease = Some(written);
        Ok(())
    }

    async fn give_back(&mut self) {
        let led = self.election.resign(Instant::now());
        self.tell();
        if !led {
            return;
        }
        let lease = self.lease.as_ref().map(record).unwrap_or_default();
        match self.write(String::new(), lease.transitions).await {
            Ok(()) => tracing::info!(lease = self.options.name, "the lease is given back"),
            Err(error) => {
                tracing::warn!(lease = self.options.name, %error, "the lease is not given back; it runs out");
            }
        }
    }

    fn tell(&self) {
        let leads = self.election.leads(Instant::now());
        let changed = self
            .leads
            .send_if_modified(|before| std::mem::replace(before, leads) != leads);
        if changed {
            self.metrics.leader.set(i64::from(leads));
            let (lease, identity) = (&self.options.name, &self.options.identity);
            if leads {
                tracing::info!(lease, identity, "this replica leads");
            } else {
                tracing::warn!(lease, identity, "this replica leads no more");
            }
        }
    }
}

fn record(lease: &Lease) -> Record {
    let spec = lease.spec.clone().unwrap_or_default();
    let seconds = spec.lease_duration_seconds.unwrap_or_default();
    Record {
        holder: spec.holder_identity.unwrap_or_default(),
        renewed: spec
            .renew_time
            .map(|time| time.0.to_string())
            .unwrap_or_default(),
        transitions: spec.lease_transitions.unwrap_or_default(),
        duration: Duration::from_secs(u64::try_from(seconds).unwrap_or_default()),
    }
}
