//! ExternalAuth (GEP-1494): the service that is asked whether a request may pass. One that cannot
//! be asked fails its rule: nobody passes unasked.

use tollgate_ir::{AuthProtocol, ExternalAuth, Filter};

use super::{RuleSite, header_modifier};
use crate::backend_ref::{self, BackendRef, Usage};
use crate::k8s::http::{
    HttpRouteRulesFiltersExternalAuth, HttpRouteRulesFiltersExternalAuthProtocol as Protocol,
};
use crate::status::{Problem, reason};

/// Why a filter cannot be applied.
#[derive(Debug)]
pub(super) enum Failure {
    /// The reference leads nowhere.
    Unresolved(Problem),
    /// Something else of it.
    Invalid(Problem),
}

/// The service of filter `position`, which is written at `field`.
pub(super) fn translate(
    site: RuleSite<'_>,
    position: usize,
    (written, field): (&HttpRouteRulesFiltersExternalAuth, &str),
) -> Result<Filter, Failure> {
    let HttpRouteRulesFiltersExternalAuth {
        backend_ref,
        forward_body,
        grpc,
        http,
        protocol,
    } = written;
    let usage = match protocol {
        Protocol::Http => Usage::Http,
        Protocol::Grpc => Usage::Grpc,
    };
    let protocol = match protocol {
        Protocol::Grpc => AuthProtocol::Grpc {
            headers: names(
                grpc.as_ref().and_then(|it| it.allowed_headers.as_deref()),
                &format!("{field}.grpc.allowedHeaders"),
            )?,
        },
        Protocol::Http => AuthProtocol::Http {
            path_prefix: path(
                http.as_ref().and_then(|it| it.path.as_deref()),
                &format!("{field}.http.path"),
            )?,
            headers: names(
                http.as_ref().and_then(|it| it.allowed_headers.as_deref()),
                &format!("{field}.http.allowedHeaders"),
            )?,
            answer_headers: names(
                http.as_ref()
                    .and_then(|it| it.allowed_response_headers.as_deref()),
                &format!("{field}.http.allowedResponseHeaders"),
            )?,
        },
    };
    let body_bytes_max = forward_body
        .as_ref()
        .and_then(|it| it.max_size)
        .unwrap_or(0);
    let body_bytes_max = u32::try_from(body_bytes_max).map_err(|_| {
        let field = format!("{field}.forwardBody.maxSize");
        invalid(format!(
            "{field}: {body_bytes_max} is not from 0 to {}",
            u32::MAX
        ))
    })?;
    let field = format!("{field}.backendRef");
    let reference = BackendRef {
        group: backend_ref.group.as_deref(),
        kind: backend_ref.kind.as_deref(),
        namespace: backend_ref.namespace.as_deref(),
        name: &backend_ref.name,
        port: backend_ref.port,
        field: &field,
    };
    let context = (site.world, site.options);
    let destination = backend_ref::resolve(context, site.referrer(), &reference, usage)
        .map_err(Failure::Unresolved)?;
    Ok(Filter::ExternalAuth(Box::new(ExternalAuth {
        name: site.auth_name(position),
        destination,
        protocol,
        body_bytes_max,
    })))
}

fn names(written: Option<&[String]>, field: &str) -> Result<Vec<String>, Failure> {
    let names = written.unwrap_or_default().iter();
    names
        .map(|name| header_modifier::header_name(name, field).map_err(Failure::Invalid))
        .collect()
}

/// A path without its last slash: the path of the request, which begins with one, follows.
fn path(written: Option<&str>, field: &str) -> Result<String, Failure> {
    let path = written.unwrap_or_default();
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:@".contains(&byte);
    let steps_back = path.split('/').any(|segment| segment == "..");
    if path.is_empty() || (path.starts_with('/') && path.bytes().all(is_path) && !steps_back) {
        return Ok(path.trim_end_matches('/').to_string());
    }
    Err(invalid(format!(
        "{field}: {path:?} is not an absolute path of URL characters without \"..\""
    )))
}

fn invalid(message: String) -> Failure {
    Failure::Invalid(Problem::new(reason::UNSUPPORTED_VALUE, message))
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn a_path_is_absolute_and_stays_where_it_is() {
        for (written, read) in [
            (None, Some("")),
            (Some("/"), Some("")),
            (Some("/check/"), Some("/check")),
            (Some("/a/b.c"), Some("/a/b.c")),
            (Some("check"), None),
            (Some("/a/../b"), None),
            (Some("/a?b"), None),
            (Some("/a b"), None),
        ] {
            assert_eq!(path(written, "path").ok().as_deref(), read, "{written:?}");
        }
    }
}
