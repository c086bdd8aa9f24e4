//! RequestHeaderModifier and ResponseHeaderModifier: which headers are changed.

use tollgate_ir::HeaderModifier;

use crate::k8s::http;
use crate::status::{Problem, reason};

/// The changes that are written at `field`.
pub(super) fn translate(
    modifier: &http::HttpRouteRulesFiltersRequestHeaderModifier,
    field: &str,
) -> Result<HeaderModifier, Problem> {
    let http::HttpRouteRulesFiltersRequestHeaderModifier { add, remove, set } = modifier;
    let mut translated = HeaderModifier::default();
    for header in add.iter().flatten() {
        let name = header_name(&header.name, field)?;
        translated
            .add
            .push((name, header_value(&header.value, field)?));
    }
    for header in set.iter().flatten() {
        let name = header_name(&header.name, field)?;
        translated
            .set
            .push((name, header_value(&header.value, field)?));
    }
    for name in remove.iter().flatten() {
        translated.remove.push(header_name(name, field)?);
    }
    Ok(translated)
}

/// Envoy refuses to change `host` and pseudo headers this way, and with it the whole
/// configuration.
pub(super) fn header_name(name: &str, field: &str) -> Result<String, Problem> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.is_empty() && name.bytes().all(token) && !name.eq_ignore_ascii_case("host") {
        return Ok(name.to_ascii_lowercase());
    }
    Err(Problem::new(
        reason::UNSUPPORTED_VALUE,
        format!(
            "{field}: {name:?} is not a header that can be changed: it must be a header name, and host needs a URLRewrite"
        ),
    ))
}

fn header_value(value: &str, field: &str) -> Result<String, Problem> {
    if value.contains(['\r', '\n', '\0']) {
        return Err(Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!("{field}: the header value {value:?} has a line break or a zero byte"),
        ));
    }
    Ok(value.to_string())
}
