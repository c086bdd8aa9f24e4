//! What was pinned before, beside what it was translated as: where the latter comes again, the former
//! is taken.

use std::collections::HashMap;

use tollgate_ir::{self as ir, Shared};

/// Something as it was translated, and pinned; `None` where there was none.
#[derive(Debug)]
pub(super) struct Pair<'a, T: ?Sized>(Option<(&'a T, &'a T)>);

/// Things by their places, which are those of their pinned forms.
pub(super) struct Pairs<'a, T> {
    lists: Pair<'a, [Shared<T>]>,
    name: fn(&T) -> &String,
}

/// The traffic of a gateway by its name.
pub(super) struct Last<'a>(HashMap<&'a str, Pair<'a, ir::HttpTraffic>>);

// === impl Last ===

impl<'a> Last<'a> {
    pub(super) fn new(translated: &'a ir::Gateway, pinned: &'a ir::Gateway) -> Self {
        let traffic = |gateway: &'a ir::Gateway| gateway.listeners.iter().flat_map(|it| it.http());
        let pairs = traffic(translated).zip(traffic(pinned));
        let pairs = pairs.map(|(old, pinned)| (old.name.as_str(), Pair(Some((old, pinned)))));
        Self(pairs.collect())
    }

    pub(super) fn hosts(&self, traffic: &str) -> Pairs<'a, ir::VirtualHost> {
        let pair = self.0.get(traffic).copied().unwrap_or(Pair(None));
        Pairs::new(pair.map(|it| it.virtual_hosts.as_slice()), |it| &it.name)
    }
}

// === impl Pair ===

impl<T: ?Sized> Clone for Pair<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Pair<'_, T> {}

impl<'a, T: ?Sized> Pair<'a, T> {
    /// A part of both.
    pub(super) fn map<U: ?Sized>(self, part: impl Fn(&'a T) -> &'a U) -> Pair<'a, U> {
        Pair(self.0.map(|(old, pinned)| (part(old), part(pinned))))
    }
}

// === impl Pairs ===

impl<'a, T: Clone + PartialEq> Pairs<'a, T> {
    pub(super) fn new(lists: Pair<'a, [Shared<T>]>, name: fn(&T) -> &String) -> Self {
        Self { lists, name }
    }

    /// Puts the pinned form of each item in its place: the one that is known, or what `pin` makes of
    /// it, knowing what was there of its name.
    pub(super) fn carry(&self, items: &mut [Shared<T>], mut pin: impl FnMut(&mut T, Pair<'a, T>)) {
        let Some((old, pinned)) = self.lists.0 else {
            items.iter_mut().for_each(|item| pin(item, Pair(None)));
            return;
        };
        let mut places: Option<HashMap<&str, usize>> = None;
        let mut next = 0;
        for item in items {
            let in_turn = old.get(next).is_some_and(|it| it.is_same(item));
            let at = if in_turn {
                Some(next)
            } else {
                let named = || {
                    let named = old.iter().enumerate();
                    named
                        .map(|(at, it)| ((self.name)(it).as_str(), at))
                        .collect()
                };
                let places = places.get_or_insert_with(named);
                places.get((self.name)(item).as_str()).copied()
            };
            let known = at.and_then(|at| Some((old.get(at)?, pinned.get(at)?)));
            match known {
                Some((old, pinned)) if old == item => *item = pinned.clone(),
                Some((old, pinned)) => pin(item, Pair(Some((&**old, &**pinned)))),
                None => pin(item, Pair(None)),
            }
            next = at.map_or(next, |at| at + 1);
        }
    }
}
