//! When objects are told: what a status says is true in the proxies by then, or they have had
//! their time.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tollgate_kubernetes::status::Wanted;
use tollgate_link::{GatewayIdentity, Progress, Version};

use crate::reconcile::Report;

/// Longest wait for proxies. A proxy that is being started, or is gone and not yet missed, must
/// not hold up everybody's statuses.
const PATIENCE: Duration = Duration::from_secs(1);

/// What waits to be told.
#[derive(Default)]
pub(super) struct Telling {
    /// With the moment at which it is told in any case. A later one does not put it off.
    waiting: Option<(Instant, Wanted, Report)>,
    /// The newest version of each gateway.
    expected: BTreeMap<GatewayIdentity, Version>,
    /// The last that was told, so that a refusal that comes later is told too.
    told: Option<(Wanted, Report)>,
    /// How far proxies were then.
    told_at: Progress,
}

// === impl Telling ===

impl Telling {
    /// A gateway's proxies shall come to this version.
    pub(super) fn expect(&mut self, gateway: &GatewayIdentity, version: Version) {
        self.expected.insert(gateway.clone(), version);
    }

    /// A gateway is no more.
    pub(super) fn forget(&mut self, gateway: &GatewayIdentity) {
        self.expected.remove(gateway);
    }

    /// This is to be told.
    pub(super) fn want(&mut self, wanted: Wanted, report: Report) {
        let at = match self.waiting.take() {
            Some((at, ..)) => at,
            None => Instant::now() + PATIENCE,
        };
        self.waiting = Some((at, wanted, report));
    }

    /// Whether something is to be told that proxies may not have yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether something is to be told, and every proxy that follows has what it is about; or
    /// proxies have refused something else than when it was told.
    pub(super) fn is_in_effect(&self, progress: &Progress) -> bool {
        if self.waiting.is_none() {
            return self.told.is_some() && refusals(progress).ne(refusals(&self.told_at));
        }
        self.expected.iter().all(|(gateway, version)| {
            let proxies = progress.gateways.get(gateway);
            let mut connected = proxies.into_iter().flat_map(|it| it.connected());
            connected.all(|(_, proxy)| {
                let refused = proxy.refused.as_ref();
                proxy.applied == Some(*version)
                    || refused.is_some_and(|refusal| refusal.version == *version)
            })
        })
    }

    /// Waits until what is to be told has waited long enough; for ever where there is nothing.
    pub(super) async fn due(&self) {
        match &self.waiting {
            Some((at, ..)) => sleep_until(*at).await,
            None => std::future::pending().await,
        }
    }

    /// What is to be told now.
    pub(super) fn take(&mut self, progress: &Progress) -> Option<(Wanted, Report)> {
        if let Some((_, wanted, report)) = self.waiting.take() {
            self.told = Some((wanted, report));
        }
        self.told_at = progress.clone();
        self.told.clone()
    }
}

/// What proxies refuse, by gateway and pod.
fn refusals(
    progress: &Progress,
) -> impl Iterator<Item = (&GatewayIdentity, &String, &tollgate_link::Refusal)> {
    progress.gateways.iter().flat_map(|(gateway, proxies)| {
        let proxies = proxies.proxies.iter();
        proxies.filter_map(move |(pod, proxy)| Some((gateway, pod, proxy.refused.as_ref()?)))
    })
}
