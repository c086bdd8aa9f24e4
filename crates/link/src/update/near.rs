//! What has changed between two gateways that are the same for the most part: a walk over both, side
//! by side, and work for what stands between their equal beginnings and their equal ends.

use std::ops::Range;

use super::compare::{Changes, order_changes};
use crate::map::{HashMap, HashSet};
use crate::piece::{Flat, Key, ListKey, Piece};

/// As [`changes`](super::changes), of gateways that were [listed](Flat::listed). In `old` no two names
/// are equal; `None` where some in `new` are.
pub(crate) fn near<'n, 'o>(old: &Flat<'o>, new: &'n Flat<'n>) -> Option<Changes<'n, 'o>> {
    let (gone, come) = between(old.pieces(), new.pieces());
    let (before, after) = (
        old.pieces().get(gone.clone())?,
        new.pieces().get(come.clone())?,
    );
    if !is_unique(new.pieces(), &come) {
        return None;
    }
    let places = before.iter().enumerate();
    let places: HashMap<&Key<'_>, usize> = places.map(|(at, (key, _))| (key, at)).collect();
    let place = |(key, piece): &(Key<'_>, Piece<'_>)| {
        let places: &HashMap<&Key<'_>, usize> = &places;
        let at = *places.get(key)?;
        let (_, known) = before.get(at)?;
        known.is_same(piece).then_some(gone.start + at)
    };
    let behind = gone.end..old.pieces().len();
    let kept: Vec<Option<usize>> = (0..gone.start)
        .map(Some)
        .chain(after.iter().map(place))
        .chain(behind.map(Some))
        .collect();
    let set = come.clone().filter(|at| kept.get(*at) == Some(&None));
    let stays: HashSet<&Key<'_>> = after.iter().map(|(key, _)| key).collect();
    let stays = |key: &Key<'_>| {
        let stays: &HashSet<&Key<'_>> = &stays;
        stays.contains(key)
    };
    let remove = before.iter().filter(|(key, _)| !stays(key));
    let remove: Vec<Key<'o>> = remove.map(|(key, _)| key.clone()).collect();
    let touched = before.iter().chain(after).map(|(key, _)| ListKey::of(key));
    let touched: HashSet<ListKey<'_>> = touched.collect();
    let is_touched = |key: &Key<'_>| {
        let touched: &HashSet<ListKey<'_>> = &touched;
        touched.contains(&ListKey::of(key))
    };
    Some(Changes {
        set: set.collect(),
        order: order_changes(old, new, &remove, is_touched),
        kept,
        remove,
        new,
    })
}

type Pieces<'a> = [(Key<'a>, Piece<'a>)];

/// What stands between the equal beginnings and the equal ends.
fn between(old: &Pieces<'_>, new: &Pieces<'_>) -> (Range<usize>, Range<usize>) {
    let same =
        |((key, piece), (other_key, other)): &(&(Key<'_>, Piece<'_>), &(Key<'_>, Piece<'_>))| {
            key.is_same(other_key) && piece.is_same(other)
        };
    let front = old.iter().zip(new).take_while(same).count();
    let longest = old.len().min(new.len()) - front;
    let back = old.iter().rev().zip(new.iter().rev()).take(longest);
    let back = back.take_while(same).count();
    (front..old.len() - back, front..new.len() - back)
}

/// Whether no name of the pieces in `part` is there twice.
fn is_unique(pieces: &Pieces<'_>, part: &Range<usize>) -> bool {
    let Some(own) = pieces.get(part.clone()) else {
        return false;
    };
    if own.is_empty() {
        return true;
    }
    let names: HashSet<_> = own.iter().map(|(key, _)| key.unique_name()).collect();
    let others = pieces.iter().enumerate();
    let mut others = others.filter(|(at, _)| !part.contains(at));
    names.len() == own.len() && others.all(|(_, (key, _))| !names.contains(&key.unique_name()))
}
