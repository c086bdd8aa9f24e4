//! MessagePack, as far as the scripts and their callers use it: integers, figures, texts.
//!
//! A script's numbers are doubles. A figure of 2⁵³ or more travels as hexadecimal digits, and
//! tells the script to reckon exactly.

/// From here on doubles skip integers.
const DOUBLE_EXACT_MAX: u128 = 1 << 53;

/// Writes a sequence of values.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
    exact: bool,
    exact_flag_at: Option<usize>,
}

/// Reads a sequence of values.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Item<'a> {
    Int(i64),
    Float(f64),
    Text(&'a [u8]),
}

/// An answer is not what the script's contract says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the script's answer ends early or holds another kind of value than it must")]
pub(crate) struct Malformed;

// === impl Writer ===

impl Writer {
    pub(crate) fn int(&mut self, value: i64) {
        match u8::try_from(value) {
            Ok(small @ 0..0x80) => self.bytes.push(small),
            _ => {
                self.bytes.push(0xd3);
                self.bytes.extend_from_slice(&value.to_be_bytes());
            }
        }
    }

    pub(crate) fn index(&mut self, value: usize) {
        self.int(i64::try_from(value).unwrap_or(i64::MAX));
    }

    pub(crate) fn flag(&mut self, value: bool) {
        self.int(i64::from(value));
    }

    /// A place for whether any figure needs exact reckoning.
    pub(crate) fn exact_flag(&mut self) {
        self.exact_flag_at = Some(self.bytes.len());
        self.int(0);
    }

    /// An amount of tokens.
    pub(crate) fn figure(&mut self, value: u128) {
        match i64::try_from(value) {
            Ok(small) if value < DOUBLE_EXACT_MAX => self.int(small),
            _ => {
                self.exact = true;
                self.text(format!("{value:016x}").as_bytes());
            }
        }
    }

    /// Says that some sum of what is written may exceed doubles.
    pub(crate) fn need_exact(&mut self, value: u128) {
        self.exact |= value >= DOUBLE_EXACT_MAX;
    }

    /// An instant; the ends of time are infinite.
    pub(crate) fn time(&mut self, ms: i64) {
        match ms {
            i64::MAX => self.float(f32::INFINITY),
            i64::MIN => self.float(f32::NEG_INFINITY),
            _ => self.int(ms),
        }
    }

    pub(crate) fn text(&mut self, text: &[u8]) {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        match u8::try_from(length) {
            Ok(short @ 0..32) => self.bytes.push(0xa0 | short),
            _ => {
                self.bytes.push(0xdb);
                self.bytes.extend_from_slice(&length.to_be_bytes());
            }
        }
        self.bytes.extend_from_slice(text);
    }

    fn float(&mut self, value: f32) {
        self.bytes.push(0xca);
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// What was written.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        if let Some(at) = self.exact_flag_at {
            self.bytes[at] = u8::from(self.exact);
        }
        self.bytes
    }

    /// Whether any figure so far needs exact reckoning.
    pub(crate) fn is_exact(&self) -> bool {
        self.exact
    }

    /// Takes over that a part that was written elsewhere needs exact reckoning.
    pub(crate) fn set_exact(&mut self, exact: bool) {
        self.exact |= exact;
    }
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn item(&mut self) -> Result<Item<'a>, Malformed> {
        let kind = self.array::<1>()?[0];
        Ok(match kind {
            0..0x80 => Item::Int(i64::from(kind)),
            0xe0.. => Item::Int(i64::from(i8::from_be_bytes([kind]))),
            0xa0..0xc0 => Item::Text(self.take(usize::from(kind & 0x1f))?),
            0xcc => Item::Int(i64::from(self.array::<1>()?[0])),
            0xcd => Item::Int(i64::from(u16::from_be_bytes(self.array()?))),
            0xce => Item::Int(i64::from(u32::from_be_bytes(self.array()?))),
            0xcf => match i64::try_from(u64::from_be_bytes(self.array()?)) {
                Ok(int) => Item::Int(int),
                Err(_) => return Err(Malformed),
            },
            0xd0 => Item::Int(i64::from(i8::from_be_bytes(self.array()?))),
            0xd1 => Item::Int(i64::from(i16::from_be_bytes(self.array()?))),
            0xd2 => Item::Int(i64::from(i32::from_be_bytes(self.array()?))),
            0xd3 => Item::Int(i64::from_be_bytes(self.array()?)),
            0xca => Item::Float(f64::from(f32::from_be_bytes(self.array()?))),
            0xcb => Item::Float(f64::from_be_bytes(self.array()?)),
            0xd9 => {
                let length = self.array::<1>()?[0];
                Item::Text(self.take(usize::from(length))?)
            }
            0xda => {
                let length = u16::from_be_bytes(self.array()?);
                Item::Text(self.take(usize::from(length))?)
            }
            0xdb => {
                let length = u32::from_be_bytes(self.array()?);
                Item::Text(self.take(usize::try_from(length).map_err(|_| Malformed)?)?)
            }
            _ => return Err(Malformed),
        })
    }

    pub(crate) fn int(&mut self) -> Result<i64, Malformed> {
        match self.item()? {
            Item::Int(int) => Ok(int),
            _ => Err(Malformed),
        }
    }

    pub(crate) fn index(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.int()?).map_err(|_| Malformed)
    }

    /// An amount of tokens; more than 64 bits read as all of them.
    pub(crate) fn figure(&mut self) -> Result<u64, Malformed> {
        match self.item()? {
            Item::Int(int) => u64::try_from(int).map_err(|_| Malformed),
            Item::Text(hex) => {
                let hex = std::str::from_utf8(hex).map_err(|_| Malformed)?;
                let wide = u128::from_str_radix(hex, 16).map_err(|_| Malformed)?;
                Ok(u64::try_from(wide).unwrap_or(u64::MAX))
            }
            Item::Float(_) => Err(Malformed),
        }
    }

    /// An instant; beyond 64 bits lie the ends of time.
    pub(crate) fn time(&mut self) -> Result<i64, Malformed> {
        match self.item()? {
            Item::Int(int) => Ok(int),
            Item::Float(float) if float > 0.0 => Ok(i64::MAX),
            Item::Float(_) => Ok(i64::MIN),
            Item::Text(_) => Err(Malformed),
        }
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        match self.item()? {
            Item::Text(text) => std::str::from_utf8(text).map_err(|_| Malformed),
            _ => Err(Malformed),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::default();
        write(&mut writer);
        writer.into_bytes()
    }

    #[test]
    fn figure_of_any_size_reads_back() {
        for figure in [0, 1, 127, 128, (1 << 53) - 1, 1 << 53, u64::MAX] {
            let bytes = sequence(|w| w.figure(u128::from(figure)));
            assert_eq!(Reader::new(&bytes).figure(), Ok(figure));
        }
        let bytes = sequence(|w| w.figure(1 << 64));
        assert_eq!(Reader::new(&bytes).figure(), Ok(u64::MAX));
    }

    #[test]
    fn figure_beyond_doubles_asks_for_exact_reckoning() {
        for (figure, flag) in [((1_u128 << 53) - 1, 0), (1 << 53, 1)] {
            let bytes = sequence(|w| {
                w.exact_flag();
                w.figure(figure);
            });
            assert_eq!(bytes[0], flag);
        }
    }

    #[test]
    fn times_and_texts_read_back() {
        let long = "x".repeat(300);
        let bytes = sequence(|w| {
            for ms in [i64::MIN, -5, 0, 1_773_144_000_000, i64::MAX] {
                w.time(ms);
            }
            w.text(b"short");
            w.text(long.as_bytes());
        });
        let mut reader = Reader::new(&bytes);
        for ms in [i64::MIN, -5, 0, 1_773_144_000_000, i64::MAX] {
            assert_eq!(reader.time(), Ok(ms));
        }
        assert_eq!(reader.text(), Ok("short"));
        assert_eq!(reader.text(), Ok(long.as_str()));
        assert!(reader.is_empty());
    }

    #[test]
    fn answer_cut_anywhere_is_malformed() {
        let bytes = sequence(|w| w.text("x".repeat(40).as_bytes()));
        for end in 0..bytes.len() {
            assert_eq!(Reader::new(&bytes[..end]).text(), Err(Malformed), "{end}");
        }
    }
}
