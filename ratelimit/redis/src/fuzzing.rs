//! The door for `fuzz/`: reading a URL without connecting.

use crate::{InvalidUrl, address::Address};

/// Reads a URL as [`crate::RedisStore::connect`] does, and shows it as it stands in logs.
///
/// # Errors
///
/// The URL breaks a rule.
pub fn read_url(url: &str) -> Result<String, InvalidUrl> {
    Address::parse(url).map(|address| address.to_string())
}
