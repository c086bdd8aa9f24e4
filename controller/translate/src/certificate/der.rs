//! As much of DER (X.690) as it takes to find a public key in a private one.

/// `SEQUENCE`
pub(super) const SEQUENCE: u8 = 0x30;
/// `INTEGER`
pub(super) const INTEGER: u8 = 0x02;
/// `OCTET STRING`
pub(super) const OCTET_STRING: u8 = 0x04;
/// `BIT STRING`
pub(super) const BIT_STRING: u8 = 0x03;
/// `OBJECT IDENTIFIER`
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;

/// Values that follow one another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Der<'a>(&'a [u8]);

// === impl Der ===

impl<'a> Der<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next value: its tag, and what is in it.
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = if *first < 0x80 {
            (usize::from(*first), rest)
        } else {
            // Longer than 4 bytes of length is no key.
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 {
                return None;
            }
            let (bytes, rest) = rest.split_at_checked(count)?;
            let length = bytes
                .iter()
                .fold(0usize, |length, byte| (length << 8) | usize::from(*byte));
            (length, rest)
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, content))
    }

    /// What is in the next value, if it has this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (actual, content) = self.next()?;
        (actual == tag).then_some(content)
    }

    /// What is in the first of the values left that has this tag.
    pub(super) fn find(&mut self, tag: u8) -> Option<&'a [u8]> {
        loop {
            let (actual, content) = self.next()?;
            if actual == tag {
                return Some(content);
            }
        }
    }
}

/// A positive number without the zeros in front of it.
pub(super) fn magnitude(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|byte| **byte == 0).count();
    integer.get(zeros..).unwrap_or_default()
}
