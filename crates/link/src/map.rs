//! Maps by name, of which a change of a large gateway fills and reads many. Their hash is quick, and
//! seeded anew in each process.

/// By hash.
pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

/// The same without values.
pub(crate) type HashSet<K> = std::collections::HashSet<K, foldhash::fast::RandomState>;
