//! The top-level object of a chat request, in one pass; known fields may stand in it once.

use std::fmt;

use serde::{
    Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{InputShape, shape::Messages};
use crate::{InvalidRequest, json::Text};

/// Values as they were written; `None`: the field is absent.
#[derive(Debug, Default)]
pub(super) struct Top<'a> {
    pub(super) model: Option<&'a RawValue>,
    pub(super) messages: Option<InputShape>,
    pub(super) stream: Option<&'a RawValue>,
    pub(super) stream_options: Option<&'a RawValue>,
    pub(super) max_tokens: Option<&'a RawValue>,
    pub(super) max_completion_tokens: Option<&'a RawValue>,
    pub(super) n: Option<&'a RawValue>,
    pub(super) tools: Option<&'a RawValue>,
    pub(super) functions: Option<&'a RawValue>,
    pub(super) response_format: Option<&'a RawValue>,
}

/// Reads the whole body.
pub(super) fn read(body: &str) -> Result<Top<'_>, InvalidRequest> {
    let mut top = Top::default();
    let mut param = None;
    let mut deserializer = serde_json::Deserializer::from_str(body);
    let visitor = TopVisitor {
        top: &mut top,
        param: &mut param,
    };
    let read = deserializer
        .deserialize_any(visitor)
        .and_then(|()| deserializer.end());
    match read {
        Ok(()) => Ok(top),
        Err(error) if error.is_data() => {
            let message = match &param {
                Some(param) => format!("{param}: {error}"),
                None => format!("the body is not a chat request: {error}"),
            };
            Err(InvalidRequest { message, param })
        }
        Err(error) => Err(InvalidRequest::body(format_args!(
            "is not valid JSON: {error}"
        ))),
    }
}

struct TopVisitor<'t, 'a> {
    top: &'t mut Top<'a>,
    /// Field that was being read when an error arose.
    param: &'t mut Option<String>,
}

// === impl TopVisitor ===

impl<'de> TopVisitor<'_, 'de> {
    fn slot(&mut self, key: &str) -> Option<&mut Option<&'de RawValue>> {
        let top = &mut *self.top;
        Some(match key {
            "model" => &mut top.model,
            "stream" => &mut top.stream,
            "stream_options" => &mut top.stream_options,
            "max_tokens" => &mut top.max_tokens,
            "max_completion_tokens" => &mut top.max_completion_tokens,
            "n" => &mut top.n,
            "tools" => &mut top.tools,
            "functions" => &mut top.functions,
            "response_format" => &mut top.response_format,
            _ => return None,
        })
    }

    fn duplicate<E: Error>(&mut self, key: &str) -> E {
        *self.param = Some(key.to_owned());
        E::custom("is given twice")
    }
}

impl<'de> Visitor<'de> for TopVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            if key == "messages" {
                if self.top.messages.is_some() {
                    return Err(self.duplicate(&key));
                }
                let mut shape = InputShape::default();
                let read = Messages {
                    shape: &mut shape,
                    param: &mut *self.param,
                };
                if let Err(error) = map.next_value_seed(read) {
                    self.param.get_or_insert_with(|| "messages".to_owned());
                    return Err(error);
                }
                self.top.messages = Some(shape);
            } else if let Some(slot) = self.slot(&key) {
                if slot.is_some() {
                    return Err(self.duplicate(&key));
                }
                *slot = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
