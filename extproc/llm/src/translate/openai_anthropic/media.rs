//! Images and documents: `data:` URIs become base64 sources, web addresses url sources
//! (Anthropic docs, "Vision", "PDF support").

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    client::File,
    wire::{BlockKind, Source},
};
use crate::{
    InvalidRequest,
    media_url::{PDF, data_uri, is_pdf},
};

/// An `image_url`. One that is a PDF becomes a document.
pub(super) fn image<'a>(url: Cow<'a, str>, param: &str) -> Result<BlockKind<'a>, InvalidRequest> {
    if let Some((media_type, data)) = data_uri(&url) {
        let data = owned_suffix(&url, data);
        return match media_type.to_ascii_lowercase().as_str() {
            "image/jpeg" | "image/jpg" => Ok(image_of("image/jpeg", data)),
            "image/png" => Ok(image_of("image/png", data)),
            "image/gif" => Ok(image_of("image/gif", data)),
            "image/webp" => Ok(image_of("image/webp", data)),
            PDF => Ok(document(
                Source::Base64 {
                    media_type: PDF,
                    data,
                },
                None,
            )),
            other => Err(InvalidRequest::field(
                param,
                format_args!(
                    "must be a jpeg, png, gif or webp image or a pdf; {:?} is not",
                    crate::json::prefix(other, 64)
                ),
            )),
        };
    }
    let is_web = ["http://", "https://"].iter().any(|scheme| {
        url.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    if !is_web {
        return Err(InvalidRequest::field(
            param,
            "must be a base64 data: URI or begin with http:// or https://",
        ));
    }
    if is_pdf(&url) {
        Ok(document(Source::Url { url }, None))
    } else {
        Ok(BlockKind::Image {
            source: Source::Url { url },
        })
    }
}

/// A `file` part: a PDF or plain text, as a `data:` URI. A `file_id` belongs to the provider that
/// keeps the file.
pub(super) fn file<'a>(file: File<'a>, param: &str) -> Result<BlockKind<'a>, InvalidRequest> {
    let File {
        file_data,
        file_id,
        filename,
    } = file;
    let title = filename.map(|name| name.0);
    let Some(data) = file_data else {
        let (field, rule) = match file_id {
            Some(_) => (
                "file_id",
                "names a file that this provider does not have; send file_data",
            ),
            None => ("file_data", "is required"),
        };
        return Err(InvalidRequest::field(format!("{param}.{field}"), rule));
    };
    let param = format!("{param}.file_data");
    let Some((media_type, data)) = data_uri(&data.0) else {
        return Err(InvalidRequest::field(param, "must be a base64 data: URI"));
    };
    match media_type.to_ascii_lowercase().as_str() {
        PDF => {
            let data = Cow::Owned(data.to_owned());
            Ok(document(
                Source::Base64 {
                    media_type: PDF,
                    data,
                },
                title,
            ))
        }
        "text/plain" => {
            let text = STANDARD
                .decode(data)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok());
            let Some(data) = text else {
                return Err(InvalidRequest::field(param, "must be UTF-8 text in base64"));
            };
            Ok(document(
                Source::Text {
                    media_type: "text/plain",
                    data,
                },
                title,
            ))
        }
        other => Err(InvalidRequest::field(
            param,
            format_args!(
                "must be application/pdf or text/plain; {:?} is not",
                crate::json::prefix(other, 64)
            ),
        )),
    }
}

fn image_of<'a>(media_type: &'static str, data: Cow<'a, str>) -> BlockKind<'a> {
    BlockKind::Image {
        source: Source::Base64 { media_type, data },
    }
}

fn document<'a>(source: Source<'a>, title: Option<Cow<'a, str>>) -> BlockKind<'a> {
    BlockKind::Document { source, title }
}

/// `suffix` of `whole`, borrowed where `whole` is.
fn owned_suffix<'a>(whole: &Cow<'a, str>, suffix: &str) -> Cow<'a, str> {
    match whole {
        Cow::Borrowed(text) => {
            let start = text.len() - suffix.len();
            Cow::Borrowed(text.get(start..).unwrap_or_default())
        }
        Cow::Owned(_) => Cow::Owned(suffix.to_owned()),
    }
}
