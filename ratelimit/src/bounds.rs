//! How much one request may ask.

/// Longest message, in bytes. Envoy takes headers of 60 KiB by default, and each may stand in
/// several descriptors.
pub(crate) const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// Descriptors of one request. Envoy Gateway allows 256 rules on a route.
pub(crate) const DESCRIPTORS_MAX: usize = 512;
/// Entries of one descriptor. Bounded by the width of [`crate::limits::Wild`].
pub(crate) const ENTRIES_MAX: usize = 64;
/// Longest value that names an account as it is, in bytes; a longer one is named by its digest,
/// so that no client can escape its limit, or fill the store, by the length of a header.
pub(crate) const VALUE_BYTES_MAX: usize = 128;
