//! An input's first bytes, where a target needs more than a text: switches and numbers.

/// Reads settings off the front of an input; what is not there is zero.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    rest: &'a [u8],
}

impl<'a> Settings<'a> {
    /// Begins at the front of `input`.
    pub fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.bytes::<1>()[0]
    }

    /// The next eight bytes, the least significant first.
    pub fn number(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }

    /// What comes behind the settings.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.rest.split_at(self.rest.len().min(N));
        self.rest = rest;
        let mut bytes = [0; N];
        bytes[..taken.len()].copy_from_slice(taken);
        bytes
    }
}
