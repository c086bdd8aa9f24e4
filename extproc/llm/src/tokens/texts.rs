//! The texts of a chat request that a model reads: every string of the messages but those within
//! media, and tools and response format as they were written.

use std::{borrow::Cow, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::json::Text;

/// What is to be counted.
#[derive(Debug, Default)]
pub(super) struct Texts<'a> {
    pub(super) texts: Vec<Cow<'a, str>>,
    /// Tool calls in the messages, and tools.
    pub(super) calls: u64,
}

/// Parts whose cost comes from a table; file contents are in theirs.
const MEDIA: [&str; 7] = [
    "image_url",
    "input_image",
    "image",
    "input_audio",
    "audio_url",
    "file",
    "video_url",
];

/// Fields that only label a message or part.
const LABELS: [&str; 2] = ["type", "cache_control"];

/// `None`: the body is not a JSON object.
pub(super) fn read(body: &[u8]) -> Option<Texts<'_>> {
    struct Top<'t, 'a>(&'t mut Texts<'a>);
    impl<'de> Visitor<'de> for Top<'_, 'de> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a chat request")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(Text(key)) = map.next_key()? {
                match key.as_ref() {
                    "messages" => map.next_value_seed(Strings(&mut *self.0))?,
                    "tools" | "functions" | "response_format" => {
                        let raw: &RawValue = map.next_value()?;
                        self.0.texts.push(Cow::Borrowed(raw.get()));
                    }
                    _ => {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
            }
            Ok(())
        }
    }
    let mut texts = Texts::default();
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    deserializer.deserialize_map(Top(&mut texts)).ok()?;
    Some(texts)
}

/// Takes every string of a value.
struct Strings<'t, 'a>(&'t mut Texts<'a>);

// === impl Strings ===

impl<'de> DeserializeSeed<'de> for Strings<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strings<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.0.texts.push(Cow::Borrowed(text));
        Ok(())
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.texts.push(Cow::Owned(text.to_owned()));
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Strings(&mut *self.0))?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            if MEDIA.contains(&key.as_ref()) || LABELS.contains(&key.as_ref()) {
                map.next_value::<IgnoredAny>()?;
            } else {
                self.0.calls += u64::from(key == "function" || key == "function_call");
                map.next_value_seed(Strings(&mut *self.0))?;
            }
        }
        Ok(())
    }
}
