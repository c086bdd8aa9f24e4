//! The exchange driven as a host drives it, with the real ledger in memory: one call at a time,
//! no proxy.

mod admission;
mod endings;
mod fallback;
mod host;
mod identity;
mod paths;
