//! What the messages are made of, counted while they are read over: nothing is allocated.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::InputShape;
use crate::{json::Text, media_url};

/// Reads the value of `messages`.
pub(super) struct Messages<'t> {
    pub(super) shape: &'t mut InputShape,
    /// Set to the field that was being read when an error arose.
    pub(super) param: &'t mut Option<String>,
}

struct Message<'t> {
    shape: &'t mut InputShape,
}

/// `type` of a content part. Names beyond OpenAI's are those of compatible servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum PartKind {
    #[serde(rename = "image_url", alias = "input_image", alias = "image")]
    Image,
    #[serde(rename = "input_audio", alias = "audio_url", alias = "audio")]
    Audio,
    #[serde(
        rename = "file",
        alias = "input_file",
        alias = "document",
        alias = "video_url"
    )]
    File,
    #[serde(other)]
    Other,
}

// === impl Messages ===

impl<'de> DeserializeSeed<'de> for Messages<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Messages<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of messages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { shape, param } = self;
        loop {
            match seq.next_element_seed(Message { shape: &mut *shape }) {
                Ok(Some(())) => shape.messages += 1,
                Ok(None) => return Ok(()),
                Err(error) => {
                    *param = Some(format!("messages[{}]", shape.messages));
                    return Err(error);
                }
            }
        }
    }
}

// === impl Message ===

impl<'de> DeserializeSeed<'de> for Message<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Message<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut has_content = false;
        while let Some(Text(key)) = map.next_key()? {
            if key != "content" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if has_content {
                return Err(A::Error::duplicate_field("content"));
            }
            has_content = true;
            // A string is by far the most frequent: it is skipped, not decoded.
            let content: &RawValue = map.next_value()?;
            match content.get().as_bytes().first() {
                Some(b'"' | b'n') => {}
                Some(b'[') => count_parts(content, self.shape).map_err(A::Error::custom)?,
                _ => {
                    return Err(A::Error::custom(
                        "content must be a string, null or an array of parts",
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Counts the parts of one message's content.
fn count_parts(content: &RawValue, shape: &mut InputShape) -> Result<(), serde_json::Error> {
    struct Parts<'t>(&'t mut InputShape);
    impl<'de> Visitor<'de> for Parts<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array of content parts")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
            while let Some(part) = seq.next_element::<&RawValue>()? {
                let bytes = part.get().len() as u64;
                let (kind, is_pdf) = part_kind(part).map_err(A::Error::custom)?;
                match kind {
                    PartKind::Image if is_pdf => {
                        self.0.files += 1;
                        self.0.binary_bytes += bytes;
                    }
                    PartKind::Image => {
                        self.0.images += 1;
                        self.0.binary_bytes += bytes;
                    }
                    PartKind::Audio => {
                        self.0.audios += 1;
                        self.0.audio_bytes += bytes;
                    }
                    PartKind::File => {
                        self.0.files += 1;
                        self.0.binary_bytes += if is_pdf { bytes } else { 0 };
                    }
                    PartKind::Other => {}
                }
            }
            Ok(())
        }
    }
    serde_json::Deserializer::from_str(content.get()).deserialize_seq(Parts(shape))
}

/// The kind of a part, and whether it is a PDF; a string among the parts is text. A field that is
/// given twice is an error, so that the gateway and the provider cannot read different ones.
fn part_kind(part: &RawValue) -> Result<(PartKind, bool), serde_json::Error> {
    #[derive(Deserialize)]
    struct Part<'a> {
        r#type: Option<PartKind>,
        #[serde(borrow)]
        image_url: Option<&'a RawValue>,
        #[serde(borrow)]
        file: Option<&'a RawValue>,
    }
    if part.get().starts_with('"') {
        return Ok((PartKind::Other, false));
    }
    let part: Part<'_> = serde_json::from_str(part.get())?;
    let kind = part.r#type.unwrap_or(PartKind::Other);
    let media = match kind {
        PartKind::Image => part.image_url,
        PartKind::File => part.file,
        PartKind::Audio | PartKind::Other => None,
    };
    Ok((kind, media.is_some_and(is_pdf)))
}

/// `"url"`, `{"url": …}` or `{"file_data": …}` of a PDF.
fn is_pdf(media: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Address<'a> {
        #[serde(borrow)]
        url: Option<Text<'a>>,
        #[serde(borrow)]
        file_data: Option<Text<'a>>,
    }
    if let Ok(Text(url)) = serde_json::from_str(media.get()) {
        return media_url::is_pdf(&url);
    }
    let address = serde_json::from_str::<Address<'_>>(media.get()).ok();
    let url = address.and_then(|address| address.url.or(address.file_data));
    url.is_some_and(|url| media_url::is_pdf(&url.0))
}
