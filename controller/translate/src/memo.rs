//! What earlier translations came to, kept for the next one.
//!
//! A route is worked out from three things: its object, the settings, and the *surroundings*, which
//! are all objects but routes. Only what is placed together (hosts, policies, budgets) depends on
//! other routes, and is done anew each time. So what was worked out holds for as long as the object
//! and the surroundings are the very ones: both are told by their places in memory, and kept, so
//! that nothing else can come to be there.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use tollgate_ir as ir;

use crate::ai_routes::AttachedAiRoute;
use crate::plain_routes::PreparedRoute;
use crate::{Options, World};

/// Made once, and handed to each [`translate_again`](crate::translate_again).
#[derive(Debug, Default)]
pub struct Memo {
    surroundings: Option<(World, Options)>,
    pub(crate) plain: Known<PreparedRoute>,
    pub(crate) ai: Known<AttachedAiRoute>,
    /// What the last translation came to: what is equal is shared with it.
    last: BTreeMap<String, ir::Gateway>,
}

/// What was worked out of objects.
pub(crate) struct Known<T> {
    entries: HashMap<Key, Entry<T>, foldhash::fast::RandomState>,
    /// Counts translations.
    round: u64,
    /// Entries that were asked for in this one.
    asked: usize,
}

/// The object's place in memory; and whatever of other routes has a part in it.
type Key = (usize, bool);

struct Entry<T> {
    /// Kept, so that no other object comes to be at its place.
    _object: Arc<dyn Any + Send + Sync>,
    content: Arc<T>,
    /// When it was asked for last.
    round: u64,
}

// === impl Memo ===

impl Memo {
    /// A translation begins.
    pub(crate) fn begin(&mut self, world: &World, options: &Options) {
        let same = self
            .surroundings
            .as_ref()
            .is_some_and(|(before, told)| told == options && before.has_surroundings_of(world));
        if !same {
            self.plain.forget();
            self.ai.forget();
        }
        // Also where they are the same: the routes in it need not be kept for longer.
        self.surroundings = Some((world.clone(), options.clone()));
    }

    /// A translation has ended: what nobody has asked for is forgotten, and what is equal to what
    /// came of the last one is shared with it.
    pub(crate) fn end(&mut self, gateways: &mut BTreeMap<String, ir::Gateway>) {
        self.plain.end();
        self.ai.end();
        for (name, gateway) in gateways.iter_mut() {
            if let Some(last) = self.last.get(name) {
                gateway.adopt(last);
            }
        }
        self.last.clone_from(gateways);
    }
}

// === impl Known ===

impl<T> Known<T> {
    /// What comes of an object: as it is known, or made now. `beside` is all that other routes
    /// have to do with it.
    pub(crate) fn of<O: Send + Sync + 'static>(
        &mut self,
        object: &Arc<O>,
        beside: bool,
        make: impl FnOnce() -> T,
    ) -> Arc<T> {
        let key = (Arc::as_ptr(object).addr(), beside);
        let never = self.round.wrapping_sub(1);
        let entry = self.entries.entry(key).or_insert_with(|| Entry {
            _object: Arc::clone(object) as _,
            content: Arc::new(make()),
            round: never,
        });
        if entry.round != self.round {
            entry.round = self.round;
            self.asked += 1;
        }
        Arc::clone(&entry.content)
    }

    fn forget(&mut self) {
        self.entries.clear();
    }

    fn end(&mut self) {
        if self.asked < self.entries.len() {
            self.entries.retain(|_, entry| entry.round == self.round);
        }
        self.round = self.round.wrapping_add(1);
        self.asked = 0;
    }
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self {
            entries: HashMap::default(),
            round: 0,
            asked: 0,
        }
    }
}

impl<T> fmt::Debug for Known<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known")
            .field("objects", &self.entries.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
