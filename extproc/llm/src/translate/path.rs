//! Paths of providers.

/// `/{prefix}{suffix}`, or the suffix alone where the prefix is empty.
pub(super) fn join(prefix: &str, suffix: &str) -> String {
    let prefix = prefix.trim_matches('/');
    if prefix.is_empty() {
        suffix.to_owned()
    } else {
        format!("/{prefix}{suffix}")
    }
}

/// Percent-encodes everything but RFC 3986 unreserved characters, for a path segment or a query
/// value.
pub(super) fn percent_encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    encoded
}
