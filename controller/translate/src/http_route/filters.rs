//! Filters of a rule and of a backend. One that this version cannot apply fails its rule: a
//! filter is never skipped (Gateway API, HTTPRouteFilter).

use serde::Serialize;
use serde::de::DeserializeOwned;
use tollgate_ir::{
    Filter, HeaderModifier, HttpMatch, PathMatch, PathRewrite, Redirect, UrlRewrite,
};

use crate::k8s::http;
use crate::status::{Problem, reason};

type RuleFilter = http::HttpRouteRulesFilters;
type Kind = http::HttpRouteRulesFiltersType;

/// Filters of a rule.
#[derive(Clone, Debug, Default)]
pub(super) struct RuleFilters {
    pub(super) filters: Vec<Filter>,
    pub(super) redirect: Option<Redirect>,
}

/// Filters of a rule; `matches` decide whether a prefix can be replaced.
pub(super) fn of_rule(
    filters: Option<&[RuleFilter]>,
    matches: &[(usize, HttpMatch)],
    rule: usize,
    problems: &mut Vec<Problem>,
) -> RuleFilters {
    let mut translated = RuleFilters::default();
    let mut fields = Vec::new();
    for (index, filter) in filters.unwrap_or_default().iter().enumerate() {
        let field = format!("spec.rules[{rule}].filters[{index}]");
        match translate(filter, &field) {
            Ok(Translated::Filter(filter)) => translated.filters.push(filter),
            Ok(Translated::Redirect(redirect)) => translated.redirect = Some(redirect),
            Err(problem) => problems.push(problem),
        }
        fields.push(field);
    }
    let rewrite = translated.filters.iter().find_map(|filter| match filter {
        Filter::UrlRewrite(rewrite) => Some(rewrite),
        Filter::RequestHeaders(_)
        | Filter::ResponseHeaders(_)
        | Filter::Mirror(_)
        | Filter::Cors(_) => None,
    });
    if translated.redirect.is_some() && rewrite.is_some() {
        problems.push(Problem::new(
            reason::INCOMPATIBLE_FILTERS,
            format!(
                "spec.rules[{rule}].filters: RequestRedirect and URLRewrite exclude each other"
            ),
        ));
    }
    let paths = [
        rewrite.and_then(|rewrite| rewrite.path.as_ref()),
        translated
            .redirect
            .as_ref()
            .and_then(|redirect| redirect.path.as_ref()),
    ];
    let replaces_prefix = paths
        .into_iter()
        .flatten()
        .any(|path| matches!(path, PathRewrite::Prefix(_)));
    let prefixes_only = matches
        .iter()
        .all(|(_, matches)| matches!(matches.path, PathMatch::Prefix(_)));
    if replaces_prefix && !prefixes_only {
        problems.push(Problem::new(
            reason::INCOMPATIBLE_FILTERS,
            format!("spec.rules[{rule}].filters: ReplacePrefixMatch needs every match of the rule to be a PathPrefix"),
        ));
    }
    translated
}

/// Filters of one backend: header changes, and a new host name.
pub(super) fn of_backend(
    filters: Option<&[http::HttpRouteRulesBackendRefsFilters]>,
    field: &str,
) -> Result<Vec<Filter>, Problem> {
    let mut translated = Vec::new();
    for (index, filter) in filters.unwrap_or_default().iter().enumerate() {
        let field = format!("{field}.filters[{index}]");
        // The generated types of both places differ in name only.
        let filter: RuleFilter = same_shape(filter, &field)?;
        match translate(&filter, &field)? {
            Translated::Filter(filter) => translated.push(filter),
            Translated::Redirect(_) => {
                return Err(Problem::new(
                    reason::UNSUPPORTED_VALUE,
                    format!("{field}.type: RequestRedirect has no effect on a single backend"),
                ));
            }
        }
    }
    Ok(translated)
}

enum Translated {
    Filter(Filter),
    Redirect(Redirect),
}

fn translate(filter: &RuleFilter, field: &str) -> Result<Translated, Problem> {
    let missing = |name: &str| {
        Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!("{field}.{name}: a filter of this type needs it"),
        )
    };
    match &filter.r#type {
        Kind::RequestHeaderModifier => {
            let modifier = filter.request_header_modifier.as_ref();
            let modifier = modifier.ok_or_else(|| missing("requestHeaderModifier"))?;
            let field = format!("{field}.requestHeaderModifier");
            Ok(Translated::Filter(Filter::RequestHeaders(headers(
                modifier, &field,
            )?)))
        }
        Kind::ResponseHeaderModifier => {
            let modifier = filter.response_header_modifier.as_ref();
            let modifier = modifier.ok_or_else(|| missing("responseHeaderModifier"))?;
            let field = format!("{field}.responseHeaderModifier");
            let modifier: http::HttpRouteRulesFiltersRequestHeaderModifier =
                same_shape(modifier, &field)?;
            Ok(Translated::Filter(Filter::ResponseHeaders(headers(
                &modifier, &field,
            )?)))
        }
        Kind::UrlRewrite => {
            let rewrite = filter
                .url_rewrite
                .as_ref()
                .ok_or_else(|| missing("urlRewrite"))?;
            let path = match &rewrite.path {
                Some(path) => Some(path_rewrite(&same_shape(path, field)?, field)?),
                None => None,
            };
            Ok(Translated::Filter(Filter::UrlRewrite(UrlRewrite {
                hostname: rewrite.hostname.clone(),
                path,
            })))
        }
        Kind::RequestRedirect => {
            let redirect = filter.request_redirect.as_ref();
            let redirect = redirect.ok_or_else(|| missing("requestRedirect"))?;
            Ok(Translated::Redirect(translate_redirect(redirect, field)?))
        }
        Kind::RequestMirror => Err(unsupported("RequestMirror", field)),
        Kind::ExtensionRef => Err(unsupported("ExtensionRef", field)),
        Kind::Cors => Err(unsupported("CORS", field)),
        Kind::ExternalAuth => Err(unsupported("ExternalAuth", field)),
    }
}

fn unsupported(kind: &str, field: &str) -> Problem {
    Problem::new(
        reason::UNSUPPORTED_VALUE,
        format!("{field}.type: filter {kind} arrives with a later release; its rule answers 500"),
    )
}

fn translate_redirect(
    redirect: &http::HttpRouteRulesFiltersRequestRedirect,
    field: &str,
) -> Result<Redirect, Problem> {
    use http::HttpRouteRulesFiltersRequestRedirectScheme as Scheme;
    let http::HttpRouteRulesFiltersRequestRedirect {
        hostname,
        path,
        port,
        scheme,
        status_code,
    } = redirect;
    let status = status_code.unwrap_or(302);
    let status = u16::try_from(status)
        .ok()
        .filter(|status| matches!(status, 301 | 302 | 303 | 307 | 308))
        .ok_or_else(|| {
            Problem::new(
                reason::UNSUPPORTED_VALUE,
                format!("{field}.requestRedirect.statusCode: {status} is none of 301, 302, 303, 307, 308"),
            )
        })?;
    Ok(Redirect {
        scheme: scheme.as_ref().map(|scheme| match scheme {
            Scheme::Http => "http".to_string(),
            Scheme::Https => "https".to_string(),
        }),
        hostname: hostname.clone(),
        path: match path {
            Some(path) => Some(path_rewrite(path, field)?),
            None => None,
        },
        port: port.and_then(|port| u16::try_from(port).ok()),
        status,
    })
}

fn path_rewrite(
    path: &http::HttpRouteRulesFiltersRequestRedirectPath,
    field: &str,
) -> Result<PathRewrite, Problem> {
    use http::HttpRouteRulesFiltersRequestRedirectPathType as Type;
    let (value, name) = match path.r#type {
        Type::ReplaceFullPath => (&path.replace_full_path, "replaceFullPath"),
        Type::ReplacePrefixMatch => (&path.replace_prefix_match, "replacePrefixMatch"),
    };
    let value = value.clone().ok_or_else(|| {
        Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!("{field}: path.{name}: a path of this type needs it"),
        )
    })?;
    Ok(match path.r#type {
        Type::ReplaceFullPath => PathRewrite::Full(value),
        Type::ReplacePrefixMatch => PathRewrite::Prefix(value),
    })
}

fn headers(
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
fn header_name(name: &str, field: &str) -> Result<String, Problem> {
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

/// From one generated type to another with the same fields.
fn same_shape<T: DeserializeOwned>(value: &impl Serialize, field: &str) -> Result<T, Problem> {
    serde_json::to_value(value)
        .and_then(serde_json::from_value)
        .map_err(|error| {
            Problem::new(
                reason::UNSUPPORTED_VALUE,
                format!("{field}: a value that this place cannot have: {error}"),
            )
        })
}
