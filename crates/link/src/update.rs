//! What leads from one version of a gateway to the next; also its form on the wire.

mod edit;

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fmt,
};

use prost::bytes::Bytes;

use crate::{
    piece::{Flat, Key, Kind, ListKey, Piece},
    version::Version,
};

use edit::{Edit, edits};

/// A change, or a whole gateway: `base` says which.
///
/// Applied in this order: `remove` takes pieces away, and out of the order of their scope; `set`
/// puts content in their place; `order` moves and inserts; what is new and that `order` does not
/// name goes to the end of its scope, in the order of `set`.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub struct Update {
    /// Version of the result ([`Version`] as text).
    #[prost(string, tag = "1")]
    pub version: String,
    /// Version that this changes; empty: nothing, this is a whole gateway.
    #[prost(string, tag = "2")]
    pub base: String,
    /// Pieces that are new or have changed.
    #[prost(message, repeated, tag = "3")]
    pub(crate) set: Vec<SetPiece>,
    /// Pieces that are gone.
    #[prost(message, repeated, tag = "4")]
    pub(crate) remove: Vec<RemovedPiece>,
    /// Changes of order.
    #[prost(message, repeated, tag = "5")]
    pub order: Vec<Splice>,
}

/// A piece with its content.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct SetPiece {
    #[prost(enumeration = "Kind", tag = "1")]
    pub(crate) kind: i32,
    #[prost(string, tag = "2")]
    pub(crate) scope: String,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
    /// JSON with secrets.
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) json: Bytes,
}

/// The key of a piece.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RemovedPiece {
    #[prost(enumeration = "Kind", tag = "1")]
    pub(crate) kind: i32,
    #[prost(string, tag = "2")]
    pub(crate) scope: String,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
}

/// A change of the order of the pieces of one kind in one scope. Several of one list are applied
/// one after the other.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Splice {
    #[prost(enumeration = "Kind", tag = "1")]
    pub(crate) kind: i32,
    /// Name of what they stand in.
    #[prost(string, tag = "2")]
    pub scope: String,
    /// Where.
    #[prost(uint32, tag = "3")]
    pub at: u32,
    /// How many names are taken out there.
    #[prost(uint32, tag = "4")]
    pub delete: u32,
    /// Names that are put in there.
    #[prost(string, repeated, tag = "5")]
    pub insert: Vec<String>,
}

/// Why an update cannot be applied. What was there before stays.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It changes something else.
    #[error("the update changes version {base:?}, and this side has {have:?}")]
    OtherBase {
        /// What it changes.
        base: String,
        /// What is there; empty: nothing.
        have: String,
    },
    /// A version that is none.
    #[error("the update's version {0:?} is not one")]
    BadVersion(String),
    /// A kind that this side does not know.
    #[error("a piece is of kind {0}, which this release does not know")]
    UnknownKind(i32),
    /// JSON that this side cannot read.
    #[error("{key} cannot be read: {source}")]
    Unreadable {
        /// Which piece.
        key: String,
        /// Where, and what is wrong.
        source: serde_json::Error,
    },
    /// A place that is not there.
    #[error("the order of {list} has {length} names, and the update changes {at}..{end}")]
    BadSplice {
        /// Which list.
        list: String,
        /// Where the change begins.
        at: usize,
        /// Where it ends.
        end: usize,
        /// How long the list is.
        length: usize,
    },
    /// An order that names what is not there, or the same twice, or leaves something out.
    #[error("the order of pieces is not that of the pieces there are, at {key}")]
    BadOrder {
        /// Which piece.
        key: String,
    },
    /// A piece in something that is not there.
    #[error("{key} stands in nothing")]
    NoPlace {
        /// Which piece.
        key: String,
    },
    /// Every gateway has settings.
    #[error("there are no settings")]
    NoSettings,
    /// The result is something else than the sender says.
    #[error("the result is version {result}, and the update says {says}")]
    OtherResult {
        /// What came out.
        result: Version,
        /// What it should be.
        says: Version,
    },
}

/// What has changed between two gateways: `set` without versions yet.
pub(crate) struct Changes<'n, 'o> {
    /// Indices into the new one's pieces.
    pub(crate) set: Vec<usize>,
    pub(crate) remove: Vec<Key<'o>>,
    pub(crate) order: Vec<Splice>,
    pub(crate) new: &'n Flat<'n>,
}

/// Compares two gateways piece by piece.
pub(crate) fn changes<'n, 'o>(old: &Flat<'o>, new: &'n Flat<'n>) -> Changes<'n, 'o> {
    let set = new.pieces().iter().enumerate();
    let set = set
        .filter(|(_, (key, piece))| old.get(key) != Some(piece))
        .map(|(at, _)| at)
        .collect();
    let gone = old
        .pieces()
        .iter()
        .filter(|(key, _)| new.get(key).is_none());
    let remove: Vec<Key<'o>> = gone.map(|(key, _)| key.clone()).collect();
    let order = order_changes(old, new, &remove);
    Changes {
        set,
        remove,
        order,
        new,
    }
}

fn order_changes(old: &Flat<'_>, new: &Flat<'_>, removed: &[Key<'_>]) -> Vec<Splice> {
    let removed: HashSet<&Key<'_>> = removed.iter().collect();
    let mut before: HashMap<ListKey<'_>, Vec<&str>> = HashMap::new();
    for (key, _) in old
        .pieces()
        .iter()
        .filter(|(key, _)| !removed.contains(key))
    {
        before.entry(list_of(key)).or_default().push(&key.name);
    }
    let mut after: HashMap<ListKey<'_>, Vec<&str>> = HashMap::new();
    // In the order of the walk, so that the output is the same every time.
    let mut lists = Vec::new();
    for (key, _) in new.pieces() {
        let list = list_of(key);
        let names = after.entry(list.clone()).or_insert_with(|| {
            lists.push(list);
            Vec::new()
        });
        names.push(&key.name);
    }
    let mut order = Vec::new();
    for list in lists {
        let after = after.get(&list).map(Vec::as_slice).unwrap_or_default();
        let before = before.get(&list).map(Vec::as_slice).unwrap_or_default();
        if after.starts_with(before) {
            continue;
        }
        order.extend(edits(before, after).into_iter().map(|edit| {
            let Edit { at, delete, insert } = edit;
            Splice {
                kind: list.kind as i32,
                scope: list.scope.to_string(),
                at: u32::try_from(at).unwrap_or(u32::MAX),
                delete: u32::try_from(delete).unwrap_or(u32::MAX),
                insert: insert.iter().map(ToString::to_string).collect(),
            }
        }));
    }
    order
}

/// Changes the pieces of `base` as the update says; in order, ready to be put together.
pub(crate) fn changed<'a>(
    base: Flat<'a>,
    update: &'a Update,
) -> Result<Vec<(Key<'a>, Piece<'a>)>, ApplyError> {
    let mut lists = base.lists();
    let mut pieces: HashMap<Key<'a>, Piece<'a>> = base.into_pieces().into_iter().collect();
    let mut shortened: HashSet<ListKey<'a>> = HashSet::new();
    for removed in &update.remove {
        let key = key(removed.kind, &removed.scope, &removed.name)?;
        if pieces.remove(&key).is_none() {
            return Err(ApplyError::BadOrder {
                key: key.to_string(),
            });
        }
        shortened.insert(list_of(&key));
    }
    for list in &shortened {
        if let Some(names) = lists.get_mut(list) {
            names.retain(|name| pieces.contains_key(&list.piece(name.clone())));
        }
    }
    let mut new = Vec::new();
    for set in &update.set {
        let key = key(set.kind, &set.scope, &set.name)?;
        let parsed =
            Piece::parse(key.kind, &set.json).map_err(|source| ApplyError::Unreadable {
                key: key.to_string(),
                source,
            })?;
        let piece = parsed.ok_or(ApplyError::UnknownKind(set.kind))?;
        if pieces.insert(key.clone(), piece).is_none() {
            new.push(key);
        }
    }
    let placed = apply_order(&mut lists, &update.order)?;
    for key in new.into_iter().filter(|key| !placed.contains(key)) {
        lists.entry(list_of(&key)).or_default().push(key.name);
    }
    in_order(lists, pieces)
}

/// Applies splices; the keys that they have put somewhere.
fn apply_order<'a>(
    lists: &mut HashMap<ListKey<'a>, Vec<Cow<'a, str>>>,
    order: &'a [Splice],
) -> Result<HashSet<Key<'a>>, ApplyError> {
    let mut placed = HashSet::new();
    for splice in order {
        let list = list_of(&key(splice.kind, &splice.scope, "")?);
        let names = lists.entry(list.clone()).or_default();
        let at = splice.at as usize;
        let end = at.saturating_add(splice.delete as usize);
        if end > names.len() {
            return Err(ApplyError::BadSplice {
                list: list.piece("".into()).to_string(),
                at,
                end,
                length: names.len(),
            });
        }
        let insert = splice
            .insert
            .iter()
            .map(|name| Cow::Borrowed(name.as_str()));
        names.splice(at..end, insert.clone());
        placed.extend(insert.map(|name| list.piece(name)));
    }
    Ok(placed)
}

fn in_order<'a>(
    lists: HashMap<ListKey<'a>, Vec<Cow<'a, str>>>,
    mut pieces: HashMap<Key<'a>, Piece<'a>>,
) -> Result<Vec<(Key<'a>, Piece<'a>)>, ApplyError> {
    let mut ordered = Vec::with_capacity(pieces.len());
    for (list, names) in lists {
        for name in names {
            let key = list.piece(name);
            let Some(piece) = pieces.remove(&key) else {
                return Err(ApplyError::BadOrder {
                    key: key.to_string(),
                });
            };
            ordered.push((key, piece));
        }
    }
    match pieces.into_keys().next() {
        Some(key) => Err(ApplyError::BadOrder {
            key: key.to_string(),
        }),
        None => Ok(ordered),
    }
}

/// A key as it stands on the wire.
pub(crate) fn key<'a>(kind: i32, scope: &'a str, name: &'a str) -> Result<Key<'a>, ApplyError> {
    let known = Kind::try_from(kind).ok().filter(|it| *it != Kind::Unknown);
    Ok(Key {
        kind: known.ok_or(ApplyError::UnknownKind(kind))?,
        scope: Cow::Borrowed(scope),
        name: Cow::Borrowed(name),
    })
}

fn list_of<'a>(key: &Key<'a>) -> ListKey<'a> {
    ListKey {
        kind: key.kind,
        scope: key.scope.clone(),
    }
}

// === impl ListKey ===

impl<'a> ListKey<'a> {
    fn piece(&self, name: Cow<'a, str>) -> Key<'a> {
        Key {
            kind: self.kind,
            scope: self.scope.clone(),
            name,
        }
    }
}

// === impl Update ===

/// Content may be secret: only how much there is.
impl fmt::Debug for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update")
            .field("version", &self.version)
            .field("base", &self.base)
            .field("set", &self.set)
            .field("remove", &self.remove)
            .field("order", &self.order)
            .finish()
    }
}

/// Content may be secret: only its length.
impl fmt::Debug for SetPiece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            scope,
            name,
            json,
        } = self;
        write!(f, "{kind} {scope:?} {name:?}: {} bytes", json.len())
    }
}
