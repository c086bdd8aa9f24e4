//! A gateway with its settings and the version of both: what is published, sent and followed.

use std::{collections::HashMap, sync::Arc};

use tollgate_ir::Gateway;

use crate::{
    ApplyError, ProxySettings,
    piece::{Flat, Key, assemble},
    update::{self, Changes, RemovedPiece, SetPiece, Update},
    version::{PieceDigest, Version, VersionHash, piece_digest},
};

/// A gateway at one version. Immutable.
#[derive(Debug)]
pub struct Snapshot {
    /// What proxies do.
    pub gateway: Arc<Gateway>,
    /// What they are told beside it.
    pub settings: Arc<ProxySettings>,
    version: Version,
    /// Of each piece, so that a change costs only its own.
    digests: HashMap<Key<'static>, PieceDigest>,
}

// === impl Snapshot ===

impl Snapshot {
    /// Takes a first gateway.
    ///
    /// # Errors
    ///
    /// Where a value has no JSON form.
    pub fn new(gateway: Arc<Gateway>, settings: ProxySettings) -> serde_json::Result<Self> {
        let (snapshot, _) = Self::made(None, gateway, settings)?;
        Ok(snapshot)
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Takes the gateway that follows, and says what has changed. `None`: nothing has.
    ///
    /// # Errors
    ///
    /// Where a value has no JSON form.
    pub fn next(
        &self,
        gateway: Arc<Gateway>,
        settings: ProxySettings,
    ) -> serde_json::Result<Option<(Self, Update)>> {
        let (next, update) = Self::made(Some(self), gateway, settings)?;
        Ok((next.version != self.version).then_some((next, update)))
    }

    /// The whole of it, as a change of nothing.
    ///
    /// # Errors
    ///
    /// Where a value has no JSON form.
    pub fn full(&self) -> serde_json::Result<Update> {
        let (new, old) = (Flat::new(&self.gateway, &self.settings), Flat::default());
        let mut update = to_update(&update::changes(&old, &new))?;
        update.version = self.version.to_string();
        Ok(update)
    }

    fn made(
        base: Option<&Self>,
        gateway: Arc<Gateway>,
        settings: ProxySettings,
    ) -> serde_json::Result<(Self, Update)> {
        let settings = Arc::new(settings);
        let old = base.map(|it| Flat::new(&it.gateway, &it.settings));
        let old = old.unwrap_or_default();
        let new = Flat::new(&gateway, &settings);
        let mut update = to_update(&update::changes(&old, &new))?;
        let mut digests = base.map(|it| it.digests.clone()).unwrap_or_default();
        redigest(&mut digests, &update);
        let version = version_of(&new, &digests);
        update.version = version.to_string();
        update.base = base.map(|it| it.version.to_string()).unwrap_or_default();
        drop((old, new));
        let snapshot = Self {
            gateway,
            settings,
            version,
            digests,
        };
        Ok((snapshot, update))
    }

    /// What comes of `base` (or of nothing) by an update.
    ///
    /// # Errors
    ///
    /// Where the update changes another version, cannot be read, or leads to something else than it
    /// says.
    pub fn apply(base: Option<&Self>, update: &Update) -> Result<Self, ApplyError> {
        let says: Version = update
            .version
            .parse()
            .map_err(|_| ApplyError::BadVersion(update.version.clone()))?;
        let base = if update.base.is_empty() { None } else { base };
        let have = base.map(|it| it.version.to_string()).unwrap_or_default();
        if have != update.base {
            return Err(ApplyError::OtherBase {
                base: update.base.clone(),
                have,
            });
        }
        let flat = base.map(|it| Flat::new(&it.gateway, &it.settings));
        let pieces = update::changed(flat.unwrap_or_default(), update)?;
        let (gateway, settings) = assemble(pieces)?;
        let mut digests = base.map(|it| it.digests.clone()).unwrap_or_default();
        redigest(&mut digests, update);
        let version = version_of(&Flat::new(&gateway, &settings), &digests);
        if version != says {
            let result = version;
            return Err(ApplyError::OtherResult { result, says });
        }
        Ok(Self {
            gateway: Arc::new(gateway),
            settings: Arc::new(settings),
            version,
            digests,
        })
    }
}

fn to_update(changes: &Changes<'_, '_>) -> serde_json::Result<Update> {
    let pieces = changes.new.pieces();
    let set = changes.set.iter().filter_map(|at| pieces.get(*at));
    let set = set.map(|(key, piece)| {
        Ok(SetPiece {
            kind: key.kind as i32,
            scope: key.scope.to_string(),
            name: key.name.to_string(),
            json: piece.to_json()?.into(),
        })
    });
    let remove = changes.remove.iter().map(|key| RemovedPiece {
        kind: key.kind as i32,
        scope: key.scope.to_string(),
        name: key.name.to_string(),
    });
    Ok(Update {
        version: String::new(),
        base: String::new(),
        set: set.collect::<serde_json::Result<_>>()?,
        remove: remove.collect(),
        order: changes.order.clone(),
    })
}

/// Brings digests to what an update leads to.
fn redigest(digests: &mut HashMap<Key<'static>, PieceDigest>, update: &Update) {
    for it in &update.remove {
        if let Ok(key) = update::key(it.kind, &it.scope, &it.name) {
            digests.remove(&key.to_static());
        }
    }
    for it in &update.set {
        if let Ok(key) = update::key(it.kind, &it.scope, &it.name) {
            digests.insert(key.to_static(), piece_digest(&it.json));
        }
    }
}

/// Where a piece has no digest the version fits nothing, so that a sender whose keys are not those
/// of its pieces is found out.
fn version_of(flat: &Flat<'_>, digests: &HashMap<Key<'static>, PieceDigest>) -> Version {
    let mut hash = VersionHash::default();
    let digests: &HashMap<Key<'_>, PieceDigest> = digests;
    for (key, _) in flat.pieces() {
        let digest = digests.get(key).copied().unwrap_or_default();
        hash.add(key, &digest);
    }
    hash.version()
}
