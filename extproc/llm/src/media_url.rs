//! Addresses of images and files: `data:` URIs and web addresses. Bounds (`chat`) and
//! translation must agree on what is a document, since it costs more than an image.

/// Media type of PDFs.
pub(crate) const PDF: &str = "application/pdf";

/// Media type and data of `data:{type};base64,{data}`.
pub(crate) fn data_uri(uri: &str) -> Option<(&str, &str)> {
    let scheme = uri.get(..5)?;
    if !scheme.eq_ignore_ascii_case("data:") {
        return None;
    }
    let (head, data) = uri.get(5..)?.split_once(',')?;
    let head = head.strip_suffix(";base64")?;
    // Parameters (`;charset=…`) do not matter.
    Some((head.split(';').next().unwrap_or(head), data))
}

/// A PDF, by its media type or by the end of its path.
pub(crate) fn is_pdf(url: &str) -> bool {
    if let Some((media_type, _)) = data_uri(url) {
        return media_type.eq_ignore_ascii_case(PDF);
    }
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.len() >= 4
        && path
            .get(path.len() - 4..)
            .is_some_and(|end| end.eq_ignore_ascii_case(".pdf"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pdf_is_told_by_media_type_or_path() {
        for (url, expected) in [
            ("data:application/pdf;base64,JVBERi0=", true),
            ("DATA:Application/PDF;name=x;base64,JVBERi0=", true),
            ("data:image/png;base64,.pdf", false),
            ("https://example.com/a.PDF?x=.png#y", true),
            ("https://example.com/a.png?x=.pdf", false),
            (".pdf", true),
            ("é.p", false),
            ("", false),
        ] {
            assert_eq!(is_pdf(url), expected, "{url}");
        }
    }
}
