//! Changing a gateway as an update says. Nothing is believed: what does not fit is refused.

use std::borrow::Cow;

use super::{Splice, Update, key};
use crate::{
    map::{HashMap, HashSet},
    piece::{Flat, Key, ListKey, Piece},
    version::Version,
};

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

/// Changes the pieces of `base` as the update says; in order, ready to be put together.
pub(crate) fn changed<'a>(
    base: Flat<'a>,
    update: &'a Update,
) -> Result<Vec<(Key<'a>, Piece<'a>)>, ApplyError> {
    let mut lists = base.lists();
    let mut pieces: HashMap<Key<'a>, Piece<'a>> = base.into_pieces().into_iter().collect();
    let mut shortened: HashSet<ListKey<'a>> = HashSet::default();
    for removed in &update.remove {
        let key = key(removed.kind, &removed.scope, &removed.name)?;
        if pieces.remove(&key).is_none() {
            return Err(ApplyError::BadOrder {
                key: key.to_string(),
            });
        }
        shortened.insert(ListKey::of(&key));
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
        lists.entry(ListKey::of(&key)).or_default().push(key.name);
    }
    in_order(lists, pieces)
}

/// Applies splices; the keys that they have put somewhere.
fn apply_order<'a>(
    lists: &mut HashMap<ListKey<'a>, Vec<Cow<'a, str>>>,
    order: &'a [Splice],
) -> Result<HashSet<Key<'a>>, ApplyError> {
    let mut placed = HashSet::default();
    for splice in order {
        let list = ListKey::of(&key(splice.kind, &splice.scope, "")?);
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
