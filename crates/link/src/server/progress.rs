//! What proxies have reported.

use std::collections::BTreeMap;

use crate::{GatewayIdentity, RefusedItem, Version};

/// Proxies that are gone and still listed, for each gateway.
const GONE_MAX: usize = 16;

/// Of all gateways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// By the identity under which they are served.
    pub gateways: BTreeMap<GatewayIdentity, GatewayProgress>,
}

/// Of one gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayProgress {
    /// What is published; `None`: proxies wait for it.
    pub version: Option<Version>,
    /// By the name of the pod.
    pub proxies: BTreeMap<String, ProxyProgress>,
}

/// Of one proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyProgress {
    /// Whether it follows this controller now. One that is gone may be followed elsewhere.
    pub connected: bool,
    /// The version in effect.
    pub applied: Option<Version>,
    /// What Envoy refused of the newest version of which it refused anything.
    pub refused: Option<Refusal>,
    /// Tells streams of one pod apart, and orders those that are gone.
    stream: u64,
}

/// What Envoy refused of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Of which version.
    pub version: Version,
    /// Resource by resource.
    pub items: Vec<RefusedItem>,
}

// === impl Progress ===

impl Progress {
    /// The entry of a gateway, made where there is none.
    pub(super) fn gateway(&mut self, gateway: &GatewayIdentity) -> &mut GatewayProgress {
        self.gateways.entry(gateway.clone()).or_default()
    }

    /// A gateway is no longer published; one whose proxies are still there is listed on.
    pub(super) fn remove(&mut self, gateway: &GatewayIdentity) {
        if let Some(progress) = self.gateways.get_mut(gateway) {
            progress.version = None;
            progress.proxies.retain(|_, it| it.connected);
            if progress.proxies.is_empty() {
                self.gateways.remove(gateway);
            }
        }
    }

    /// A proxy's stream has ended.
    pub(super) fn disconnected(&mut self, gateway: &GatewayIdentity, pod: &str, stream: u64) {
        let Some(progress) = self.gateways.get_mut(gateway) else {
            return;
        };
        let ended = progress.proxies.get_mut(pod);
        if let Some(proxy) = ended.filter(|it| it.stream == stream) {
            proxy.connected = false;
        }
        let gone = progress.proxies.iter().filter(|(_, it)| !it.connected);
        if gone.clone().count() > GONE_MAX {
            let oldest = gone.min_by_key(|(_, it)| it.stream);
            let oldest = oldest.map(|(pod, _)| pod.clone());
            oldest.and_then(|pod| progress.proxies.remove(&pod));
        }
        let waits = progress.proxies.values().any(|it| it.connected);
        if progress.version.is_none() && !waits {
            self.gateways.remove(gateway);
        }
    }
}

// === impl GatewayProgress ===

impl GatewayProgress {
    /// The proxies that follow this controller.
    pub fn connected(&self) -> impl Iterator<Item = (&String, &ProxyProgress)> {
        self.proxies.iter().filter(|(_, it)| it.connected)
    }

    /// Whether at least one proxy has the published version in effect, and all that follow do.
    pub fn is_in_effect(&self) -> bool {
        let mut connected = self.connected().peekable();
        self.version.is_some()
            && connected.peek().is_some()
            && connected.all(|(_, it)| it.applied == self.version)
    }

    /// A proxy follows from now on.
    pub(super) fn connect(&mut self, pod: &str, stream: u64) {
        let proxy = self.proxies.entry(pod.to_string()).or_default();
        (proxy.connected, proxy.stream) = (true, stream);
    }

    /// The entry of a proxy, as long as `stream` is its newest.
    pub(super) fn proxy(&mut self, pod: &str, stream: u64) -> Option<&mut ProxyProgress> {
        let proxy = self.proxies.get_mut(pod);
        proxy.filter(|it| it.stream == stream)
    }
}

// === impl ProxyProgress ===

impl ProxyProgress {
    pub(super) fn applied(&mut self, version: Version) {
        self.applied = Some(version);
        if self
            .refused
            .as_ref()
            .is_some_and(|it| it.version != version)
        {
            self.refused = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{GONE_MAX, Progress};
    use crate::GatewayIdentity;

    #[test]
    fn an_old_stream_that_ends_does_not_disconnect_the_new_one() {
        let gateway = GatewayIdentity::gateway("a", "b").unwrap();
        let mut progress = Progress::default();
        progress.gateway(&gateway).connect("pod", 1);
        progress.gateway(&gateway).connect("pod", 2);
        progress.disconnected(&gateway, "pod", 1);
        assert!(progress.gateway(&gateway).proxies["pod"].connected);
        assert!(progress.gateway(&gateway).proxy("pod", 1).is_none());
    }

    #[test]
    fn proxies_that_are_gone_are_listed_up_to_a_bound() {
        let gateway = GatewayIdentity::gateway("a", "b").unwrap();
        let mut progress = Progress::default();
        progress.gateway(&gateway).version = "00abcdef01234567".parse().ok();
        for stream in 0..100 {
            let pod = format!("pod-{stream}");
            progress.gateway(&gateway).connect(&pod, stream);
            progress.disconnected(&gateway, &pod, stream);
        }
        let listed = &progress.gateways[&gateway].proxies;
        assert_eq!(listed.len(), GONE_MAX);
        assert!(listed.contains_key("pod-99") && !listed.contains_key("pod-0"));
        progress.remove(&gateway);
        assert!(progress.gateways.is_empty());
    }
}
