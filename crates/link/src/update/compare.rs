//! What has changed between two gateways.

use super::{
    Splice,
    edit::{Edit, edits},
};
use crate::map::{HashMap, HashSet};
use crate::piece::{Flat, Key, ListKey};

/// What has changed between two gateways: `set` without versions yet.
pub(crate) struct Changes<'n, 'o> {
    /// Indices into the new one's pieces.
    pub(crate) set: Vec<usize>,
    /// For each of the new one's pieces its index in the old one, where it is the same there.
    pub(crate) kept: Vec<Option<usize>>,
    pub(crate) remove: Vec<Key<'o>>,
    pub(crate) order: Vec<Splice>,
    pub(crate) new: &'n Flat<'n>,
}

/// Compares two gateways piece by piece.
pub(crate) fn changes<'n, 'o>(old: &Flat<'o>, new: &'n Flat<'n>) -> Changes<'n, 'o> {
    let pieces = new.pieces().iter();
    let kept: Vec<Option<usize>> = pieces
        .map(|(key, piece)| old.place_of(key, piece))
        .collect();
    let set = kept.iter().enumerate();
    let set = set
        .filter(|(_, kept)| kept.is_none())
        .map(|(at, _)| at)
        .collect();
    let gone = old.pieces().iter().filter(|(key, _)| !new.contains(key));
    let remove: Vec<Key<'o>> = gone.map(|(key, _)| key.clone()).collect();
    let order = order_changes(old, new, &remove, |_| true);
    Changes {
        set,
        kept,
        remove,
        order,
        new,
    }
}

/// Changes of the order of those lists that are `wanted`.
pub(super) fn order_changes(
    old: &Flat<'_>,
    new: &Flat<'_>,
    removed: &[Key<'_>],
    wanted: impl Fn(&Key<'_>) -> bool,
) -> Vec<Splice> {
    let removed: HashSet<&Key<'_>> = removed.iter().collect();
    let mut before: HashMap<ListKey<'_>, Vec<&str>> = HashMap::default();
    for (key, _) in old
        .pieces()
        .iter()
        .filter(|(key, _)| wanted(key) && !removed.contains(key))
    {
        before.entry(ListKey::of(key)).or_default().push(&key.name);
    }
    let mut after: HashMap<ListKey<'_>, Vec<&str>> = HashMap::default();
    // In the order of the walk, so that the output is the same every time.
    let mut lists = Vec::new();
    for (key, _) in new.pieces().iter().filter(|(key, _)| wanted(key)) {
        let list = ListKey::of(key);
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
