//! The content of a message: a string, nothing, or parts.

use std::borrow::Cow;

use super::{
    client::{Message, Part},
    media,
    wire::Block,
};
use crate::{InvalidRequest, json::Text};

/// Which parts a role may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Allowed {
    Text,
    Any,
}

/// Text, images and files.
pub(super) fn any<'a>(
    message: &Message<'a>,
    param: &str,
) -> Result<Vec<Block<'a>>, InvalidRequest> {
    read(message, param, Allowed::Any)
}

/// Text only (system, developer and assistant messages).
pub(super) fn text_only<'a>(
    message: &Message<'a>,
    param: &str,
) -> Result<Vec<Block<'a>>, InvalidRequest> {
    read(message, param, Allowed::Text)
}

/// Empty texts are left out: Messages refuses them. A `cache_control` of the message goes on
/// its last block.
fn read<'a>(
    message: &Message<'a>,
    param: &str,
    allowed: Allowed,
) -> Result<Vec<Block<'a>>, InvalidRequest> {
    let param = format!("{param}.content");
    let Some(content) = message.content else {
        return Ok(Vec::new());
    };
    let mut blocks = Vec::new();
    if content.get().starts_with('"') {
        let Text(text) = serde_json::from_str(content.get())
            .map_err(|error| InvalidRequest::field(param.as_str(), error))?;
        if !text.is_empty() {
            blocks.push(Block::text(text));
        }
    } else {
        let parts: Vec<Part<'a>> = serde_json::from_str(content.get())
            .map_err(|error| InvalidRequest::field(param.as_str(), error))?;
        for (index, part) in parts.into_iter().enumerate() {
            blocks.extend(block(part, &format!("{param}[{index}]"), allowed)?);
        }
    }
    if let (Some(mark), Some(last)) = (message.cache_control, blocks.last_mut()) {
        last.cache_control = Some(mark);
    }
    Ok(blocks)
}

fn block<'a>(
    part: Part<'a>,
    param: &str,
    allowed: Allowed,
) -> Result<Option<Block<'a>>, InvalidRequest> {
    let Part {
        r#type,
        text,
        refusal,
        image_url,
        file,
        cache_control,
    } = part;
    let missing = |field: &str| InvalidRequest::field(format!("{param}.{field}"), "is required");
    let kind = match (r#type.0.as_ref(), allowed) {
        ("text" | "input_text" | "output_text", _) => {
            return text_block(text.ok_or_else(|| missing("text"))?.0, cache_control);
        }
        ("refusal", _) => {
            return text_block(refusal.ok_or_else(|| missing("refusal"))?.0, cache_control);
        }
        ("image_url", Allowed::Any) => {
            let url = image_url.ok_or_else(|| missing("image_url"))?.0.0;
            media::image(url, &format!("{param}.image_url.url"))?
        }
        ("file", Allowed::Any) => media::file(
            file.ok_or_else(|| missing("file"))?,
            &format!("{param}.file"),
        )?,
        ("image_url" | "file", Allowed::Text) => {
            return Err(InvalidRequest::field(
                format!("{param}.type"),
                "must be text: only user and tool messages may have images and files",
            ));
        }
        (other, _) => {
            return Err(InvalidRequest::field(
                format!("{param}.type"),
                format_args!(
                    "must be text, image_url or file for this provider; {:?} is not",
                    crate::json::prefix(other, 64)
                ),
            ));
        }
    };
    Ok(Some(Block {
        kind,
        cache_control,
    }))
}

fn text_block<'a>(
    text: Cow<'a, str>,
    cache_control: Option<&'a serde_json::value::RawValue>,
) -> Result<Option<Block<'a>>, InvalidRequest> {
    let block = (!text.is_empty()).then(|| Block {
        cache_control,
        ..Block::text(text)
    });
    Ok(block)
}
