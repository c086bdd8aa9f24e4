//! The ledger in this process' memory.

/// The ledger in memory.
#[derive(Debug)]
pub struct MemoryStore;
