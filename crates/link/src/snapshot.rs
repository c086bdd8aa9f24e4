//! A gateway with its settings and the version of both: what is published, sent and followed.

use std::sync::Arc;

use tollgate_ir::Gateway;

use crate::{
    ApplyError, ProxySettings,
    map::HashMap,
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
    /// Of each piece in the order of the walk, so that a change costs only its own.
    pub(crate) digests: Vec<PieceDigest>,
    /// No two names had to be told apart.
    pub(crate) has_unique_names: bool,
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
        // A change of few routes, if this is one.
        let near = base.filter(|it| it.has_unique_names).and_then(|base| {
            let old = Flat::listed(&base.gateway, &base.settings);
            let new = Flat::listed(&gateway, &settings);
            let changes = update::near(&old, &new)?;
            Some(written(Some(base), &changes))
        });
        let (has_unique_names, written) = match near {
            Some(written) => (true, written),
            None => {
                let old = base.map(|it| Flat::new(&it.gateway, &it.settings));
                let old = old.unwrap_or_default();
                let new = Flat::new(&gateway, &settings);
                let changes = update::changes(&old, &new);
                (new.has_unique_names(), written(base, &changes))
            }
        };
        let (version, digests, update) = written?;
        let snapshot = Self {
            gateway,
            settings,
            version,
            digests,
            has_unique_names,
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
        if let Some(near) = base.and_then(|it| it.patched(update, says)) {
            return Ok(near);
        }
        let flat = base.map(|it| Flat::new(&it.gateway, &it.settings));
        let flat = flat.unwrap_or_default();
        let known = base.map(|it| it.digests.as_slice()).unwrap_or_default();
        let known = digests_by_key(&flat, known, update);
        let pieces = update::changed(flat, update)?;
        let (mut gateway, settings) = assemble(pieces)?;
        if let Some(base) = base {
            gateway.adopt(&base.gateway);
        }
        let flat = Flat::new(&gateway, &settings);
        // Where a piece has no digest the version fits nothing, so that a sender whose keys are
        // not those of its pieces is found out.
        let known: &HashMap<Key<'_>, PieceDigest> = &known;
        let digests = flat.pieces().iter();
        let digests = digests.map(|(key, _)| known.get(key).copied().unwrap_or_default());
        let digests: Vec<PieceDigest> = digests.collect();
        let version = version_of(&flat, &digests);
        if version != says {
            let result = version;
            return Err(ApplyError::OtherResult { result, says });
        }
        let has_unique_names = flat.has_unique_names();
        Ok(Self {
            gateway: Arc::new(gateway),
            settings: Arc::new(settings),
            version,
            digests,
            has_unique_names,
        })
    }

    /// The same for a change of few routes, if this is one and leads to what it says.
    fn patched(&self, update: &Update, says: Version) -> Option<Self> {
        if !self.has_unique_names {
            return None;
        }
        let gateway = update::patched(&self.gateway, update)?;
        let old = Flat::listed(&self.gateway, &self.settings);
        let new = Flat::listed(&gateway, &self.settings);
        let changes = update::near(&old, &new)?;
        let set = update.set.iter().filter_map(|it| {
            let key = update::key(it.kind, &it.scope, &it.name).ok()?;
            Some((key, piece_digest(&it.json)))
        });
        let set: HashMap<Key<'_>, PieceDigest> = set.collect();
        let new_pieces = new.pieces().iter().zip(&changes.kept);
        let digests: Option<Vec<PieceDigest>> = new_pieces
            .map(|((key, _), kept)| {
                let set: &HashMap<Key<'_>, PieceDigest> = &set;
                match (set.get(key), kept) {
                    (Some(digest), _) => Some(*digest),
                    (None, Some(at)) => self.digests.get(*at).copied(),
                    (None, None) => None,
                }
            })
            .collect();
        let digests = digests?;
        let version = version_of(&new, &digests);
        drop(changes);
        drop((old, new));
        (version == says).then(|| Self {
            gateway: Arc::new(gateway),
            settings: Arc::clone(&self.settings),
            version,
            digests,
            has_unique_names: true,
        })
    }
}

/// What has changed, as it is sent, and what it leads to.
fn written(
    base: Option<&Snapshot>,
    changes: &Changes<'_, '_>,
) -> serde_json::Result<(Version, Vec<PieceDigest>, Update)> {
    let mut update = to_update(changes)?;
    let mut written = update.set.iter().map(|it| piece_digest(&it.json));
    let known = base.map(|it| it.digests.as_slice()).unwrap_or_default();
    let digest = |kept: &Option<usize>| match kept {
        Some(at) => known.get(*at).copied(),
        None => written.next(),
    };
    let digests = changes.kept.iter().map(digest);
    let digests: Vec<PieceDigest> = digests.map(Option::unwrap_or_default).collect();
    let version = version_of(changes.new, &digests);
    update.version = version.to_string();
    update.base = base.map(|it| it.version.to_string()).unwrap_or_default();
    Ok((version, digests, update))
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

/// The digests of what an update leads to; `known` are those of `flat`, in its order.
fn digests_by_key<'a>(
    flat: &Flat<'a>,
    known: &[PieceDigest],
    update: &'a Update,
) -> HashMap<Key<'a>, PieceDigest> {
    let keys = flat.pieces().iter().map(|(key, _)| key.clone());
    let mut digests: HashMap<Key<'a>, PieceDigest> = keys.zip(known.iter().copied()).collect();
    for it in &update.remove {
        if let Ok(key) = update::key(it.kind, &it.scope, &it.name) {
            digests.remove(&key);
        }
    }
    for it in &update.set {
        if let Ok(key) = update::key(it.kind, &it.scope, &it.name) {
            digests.insert(key, piece_digest(&it.json));
        }
    }
    digests
}

fn version_of(flat: &Flat<'_>, digests: &[PieceDigest]) -> Version {
    let mut hash = VersionHash::default();
    for ((key, _), digest) in flat.pieces().iter().zip(digests) {
        hash.add(key, digest);
    }
    hash.version()
}
