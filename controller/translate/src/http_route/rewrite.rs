//! URLRewrite and RequestRedirect: new hosts and paths.

use tollgate_ir::{self as ir, PathRewrite, Redirect, UrlRewrite};

use super::filters::same_shape;
use crate::base_url::parse_host;
use crate::k8s::http;
use crate::status::{Problem, reason};

/// Status of a redirect that names none (Gateway API, HTTPRequestRedirectFilter).
const STATUS_DEFAULT: i64 = 302;

/// The URLRewrite of the filter at `field`.
pub(super) fn url_rewrite(
    rewrite: &http::HttpRouteRulesFiltersUrlRewrite,
    field: &str,
) -> Result<UrlRewrite, Problem> {
    let http::HttpRouteRulesFiltersUrlRewrite { hostname, path } = rewrite;
    let field = format!("{field}.urlRewrite");
    Ok(UrlRewrite {
        hostname: host(hostname.as_ref(), &field)?,
        path: match path {
            Some(path) => Some(path_rewrite(&same_shape(path, &field)?, &field)?),
            None => None,
        },
    })
}

/// The RequestRedirect of the filter at `field`.
pub(super) fn redirect(
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
    let field = format!("{field}.requestRedirect");
    let invalid = |name: &str, value: i64, rule: &str| {
        Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!("{field}.{name}: {value} is {rule}"),
        )
    };
    let status = status_code.unwrap_or(STATUS_DEFAULT);
    let status = u16::try_from(status)
        .ok()
        .filter(|status| matches!(status, 301 | 302 | 303 | 307 | 308))
        .ok_or_else(|| invalid("statusCode", status, "none of 301, 302, 303, 307, 308"))?;
    let port = match port {
        None => None,
        Some(port) => Some(
            u16::try_from(*port)
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| invalid("port", i64::from(*port), "not a port from 1 to 65535"))?,
        ),
    };
    Ok(Redirect {
        scheme: scheme.as_ref().map(|scheme| match scheme {
            Scheme::Http => "http".to_string(),
            Scheme::Https => "https".to_string(),
        }),
        hostname: host(hostname.as_ref(), &field)?,
        path: match path {
            Some(path) => Some(path_rewrite(path, &field)?),
            None => None,
        },
        port,
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
    let invalid = |rule: String| {
        Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!("{field}.path.{name}: {rule}"),
        )
    };
    let value = value
        .clone()
        .ok_or_else(|| invalid("a path of this type needs it".to_string()))?;
    // What is no part of a path could end the header that carries it.
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid(format!(
            "{value:?} must be visible ASCII; other characters are percent-encoded in a path"
        )));
    }
    Ok(match path.r#type {
        Type::ReplaceFullPath => PathRewrite::Full(value),
        Type::ReplacePrefixMatch => PathRewrite::Prefix(value),
    })
}

fn host(hostname: Option<&String>, field: &str) -> Result<Option<String>, Problem> {
    let Some(hostname) = hostname else {
        return Ok(None);
    };
    match parse_host(hostname) {
        Some(ir::Host::Dns(_)) => Ok(Some(hostname.clone())),
        Some(ir::Host::Ip(_)) | None => Err(Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!("{field}.hostname: {hostname:?} is not a host name"),
        )),
    }
}
