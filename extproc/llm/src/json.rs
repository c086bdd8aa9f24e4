//! Pieces of JSON reading that serde lacks: fields in order with their spans, strings that
//! borrow inside an `Option`, counts that tolerate what providers send. Used everywhere here.

use std::{borrow::Cow, fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// A string that borrows unless it has escapes, also inside an `Option` (where serde's own
/// `Cow` always copies).
#[derive(Debug, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// The fields of an object in the order in which they were written, duplicates included.
#[derive(Debug)]
pub(crate) struct Fields<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

/// A token count: an integer; `null`, negative numbers and other types are 0, fractions are cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

/// All the text within a value of any shape: a string, parts, nested objects. Labels (`type`,
/// `id`, `signature`, …) are not text.
#[derive(Debug, Default)]
pub(crate) struct AnyText<'a>(pub(crate) Cow<'a, str>);

/// Keys whose strings are labels, not generated text.
const LABELS: [&str; 6] = ["type", "id", "index", "role", "signature", "data"];

/// Where `value` stands in `body`; `None` when it is not a slice of it.
pub(crate) fn span_in(body: &str, value: &str) -> Option<Range<usize>> {
    let start = (value.as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
    let end = start.checked_add(value.len())?;
    (end <= body.len()).then_some(start..end)
}

/// The longest prefix of `text` of at most `bytes_max` bytes.
pub(crate) fn prefix(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max))
        .unwrap_or(text)
}

// === impl Fields ===

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(Text(key)) = map.next_key()? {
                    fields.push((key, map.next_value()?));
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(FieldsVisitor).map(Self)
    }
}

// === impl Count ===

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountVisitor;
        impl<'de> Visitor<'de> for CountVisitor {
            type Value = u64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_u64<E>(self, count: u64) -> Result<u64, E> {
                Ok(count)
            }
            fn visit_i64<E>(self, count: i64) -> Result<u64, E> {
                Ok(u64::try_from(count).unwrap_or(0))
            }
            fn visit_f64<E>(self, count: f64) -> Result<u64, E> {
                // A cast saturates at the ends, and NaN is 0.
                Ok(count as u64)
            }
            fn visit_bool<E>(self, _: bool) -> Result<u64, E> {
                Ok(0)
            }
            fn visit_str<E>(self, _: &str) -> Result<u64, E> {
                Ok(0)
            }
            fn visit_unit<E>(self) -> Result<u64, E> {
                Ok(0)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<u64, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(0)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<u64, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(0)
            }
        }
        deserializer.deserialize_any(CountVisitor).map(Self)
    }
}

// === impl AnyText ===

impl<'de: 'a, 'a> Deserialize<'de> for AnyText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyTextVisitor;
        impl<'de> Visitor<'de> for AnyTextVisitor {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(""))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(""))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(""))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(""))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(""))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut all = String::new();
                while let Some(AnyText(text)) = seq.next_element()? {
                    all.push_str(&text);
                }
                Ok(Cow::Owned(all))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = String::new();
                while let Some(Text(key)) = map.next_key()? {
                    if LABELS.contains(&key.as_ref()) {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        all.push_str(&map.next_value::<AnyText<'de>>()?.0);
                    }
                }
                Ok(Cow::Owned(all))
            }
        }
        deserializer.deserialize_any(AnyTextVisitor).map(Self)
    }
}
