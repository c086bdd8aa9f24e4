//! Holding back what a thread says on uplinks, so that several calls' words are one write.

use std::cell::Cell;

thread_local! {
    static CORK: Cell<State> = const { Cell::new(State::Open) };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// What is said is written at once.
    Open,
    /// What is said waits; so far nothing was.
    Silent,
    /// Something waits.
    Said,
}

/// What this thread says waits as long as this lives.
///
/// Whoever holds it is told by [`Cork::pull`] that something was said, and sees to it that
/// [`crate::Client::flush`] is called soon. One at a time: a second one, within, holds nothing.
#[derive(Debug)]
#[must_use = "without it nothing waits"]
pub struct Cork {
    is_first: bool,
}

// === impl Cork ===

impl Cork {
    /// From now on what this thread says waits.
    pub fn new() -> Self {
        let is_first = CORK.get() == State::Open;
        if is_first {
            CORK.set(State::Silent);
        }
        Self { is_first }
    }

    /// Ends it; whether there is something to flush.
    #[must_use = "what was said has to be flushed"]
    pub fn pull(self) -> bool {
        self.is_first && CORK.get() == State::Said
    }
}

impl Default for Cork {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Cork {
    fn drop(&mut self) {
        if self.is_first {
            CORK.set(State::Open);
        }
    }
}

/// Something is about to be written; whether it is to wait.
pub(crate) fn holds() -> bool {
    let is_held = CORK.get() != State::Open;
    if is_held {
        CORK.set(State::Said);
    }
    is_held
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cork_tells_once_that_something_was_said() {
        assert!(!holds());
        let cork = Cork::new();
        let inner = Cork::new();
        assert!(holds());
        assert!(!inner.pull());
        assert!(cork.pull());
        assert!(!holds());
        assert!(!Cork::new().pull());
    }
}
