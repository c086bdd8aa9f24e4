//! The certificates by which proxies prove whose they are: issued by the leader, kept in the
//! fleet's own Secret, renewed before they end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use serde_json::Value;
use tokio::time::Instant;
use tollgate_fleet::{identity_due, identity_secret, identity_secret_name};
use tollgate_kubernetes::Cluster;
use tollgate_pki::{Authority, LEAF_VALID_FOR};
use tollgate_secret::Secret;

use super::round::Fleet;

/// How long what was read of the authority counts.
const AUTHORITY_AGE_MAX: Duration = Duration::from_secs(60);

/// Where the authority stands.
#[derive(Clone, Debug)]
pub struct AuthoritySecret {
    /// Namespace.
    pub namespace: String,
    /// Name; it has `tls.crt` and `tls.key`.
    pub name: String,
}

/// The certificates of all fleets.
pub(super) struct Identities {
    cluster: Cluster,
    source: AuthoritySecret,
    authority: Option<(Instant, Authority)>,
    /// Secrets as they are wanted, by URI of the gateway.
    issued: BTreeMap<String, Value>,
}

// === impl Identities ===

impl Identities {
    pub(super) fn new(cluster: Cluster, source: AuthoritySecret) -> Self {
        Self {
            cluster,
            source,
            authority: None,
            issued: BTreeMap::new(),
        }
    }

    /// The Secret of a fleet: as it is there, or with a new certificate where that is due.
    ///
    /// # Errors
    /// When the authority or the Secret cannot be read.
    pub(super) async fn secret(&mut self, fleet: &Fleet) -> anyhow::Result<Value> {
        let uri = fleet.identity.uri();
        let now = SystemTime::now();
        self.read_authority().await?;
        let (_, authority) = self.authority.as_ref().context("no authority was read")?;
        let is_good = |secret: &Value| {
            !identity_due(Some(secret), &fleet.identity, authority.trust_pem(), now)
        };
        if let Some(secret) = self.issued.get(&uri)
            && is_good(secret)
        {
            return Ok(secret.clone());
        }
        let (namespace, name) = (&fleet.spec.namespace, identity_secret_name(&fleet.spec));
        let stored = self.cluster.secret(namespace, &name).await;
        let stored = stored.with_context(|| format!("read Secret {namespace}/{name}"))?;
        let identity = authority
            .issue_client(&uri, LEAF_VALID_FOR, now)
            .with_context(|| format!("issue a certificate for {uri}"))?;
        let mut secret = identity_secret(&fleet.spec, &identity);
        match stored.filter(is_good) {
            Some(stored) => secret["data"] = stored["data"].clone(),
            None => tracing::info!(uri, "issued a certificate for a fleet"),
        }
        self.issued.insert(uri, secret.clone());
        Ok(secret)
    }

    /// Forgets those of fleets that are no more.
    pub(super) fn retain(&mut self, fleets: &[Fleet]) {
        let known: BTreeSet<String> = fleets.iter().map(|fleet| fleet.identity.uri()).collect();
        self.issued.retain(|uri, _| known.contains(uri));
    }

    async fn read_authority(&mut self) -> anyhow::Result<()> {
        let is_fresh = |(read, _): &(Instant, Authority)| read.elapsed() < AUTHORITY_AGE_MAX;
        if self.authority.as_ref().is_some_and(is_fresh) {
            return Ok(());
        }
        let AuthoritySecret { namespace, name } = &self.source;
        let secret = self.cluster.secret(namespace, name).await;
        let secret = secret
            .with_context(|| format!("read Secret {namespace}/{name}"))?
            .with_context(|| {
                format!("Secret {namespace}/{name} is not there; tollgate certgen makes it")
            })?;
        let field = |field: &str| {
            tollgate_kubernetes::secret_field(&secret, field)
                .with_context(|| format!("Secret {namespace}/{name} has no {field}"))
        };
        let authority = Authority::from_pem(&field("tls.crt")?, &Secret::new(field("tls.key")?))
            .with_context(|| format!("Secret {namespace}/{name} holds no authority"))?;
        self.authority = Some((Instant::now(), authority));
        Ok(())
    }
}
