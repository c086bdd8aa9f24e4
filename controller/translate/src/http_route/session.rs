//! `sessionPersistence` of a rule (GEP-1619): the cookie or header that names an endpoint.

use tollgate_ir::Session;

use super::RuleSite;
use crate::duration::parse_limit_ms;
use crate::k8s::http::{
    HttpRouteRulesSessionPersistence, HttpRouteRulesSessionPersistenceCookieConfigLifetimeType,
    HttpRouteRulesSessionPersistenceType as Kind,
};
use crate::status::{Problem, reason};

/// Longest name (Gateway API, SessionPersistence.sessionName).
const NAME_BYTES_MAX: usize = 128;

/// The session of a rule with so many backends, and what of it works otherwise than hoped.
pub(crate) fn translate(
    site: RuleSite<'_>,
    written: &HttpRouteRulesSessionPersistence,
    backends: usize,
) -> Result<(Session, Vec<Problem>), Problem> {
    let HttpRouteRulesSessionPersistence {
        absolute_timeout,
        cookie_config,
        idle_timeout,
        session_name,
        r#type,
    } = written;
    let field = |name: &str| site.field(&format!("sessionPersistence.{name}"));
    let mut warnings = Vec::new();
    if idle_timeout.is_some() {
        warnings.push(Problem::ignored(field("idleTimeout")));
    }
    let lifetime_ms = parse_limit_ms(absolute_timeout.as_deref(), &field("absoluteTimeout"))?;
    let name = match session_name {
        Some(name) => checked(name, &field("sessionName"))?.to_string(),
        None => format!(
            "tollgate-session-{}-{}-{}",
            site.route.namespace, site.route.name, site.rule
        ),
    };
    let permanent = Some(&HttpRouteRulesSessionPersistenceCookieConfigLifetimeType::Permanent);
    let lifetime = cookie_config
        .as_ref()
        .and_then(|it| it.lifetime_type.as_ref());
    let is_permanent = lifetime == permanent;
    let session = match r#type.as_ref().unwrap_or(&Kind::Cookie) {
        Kind::Cookie if is_permanent => {
            if lifetime_ms.is_none() {
                let message = format!(
                    "{}: a cookie with cookieConfig.lifetimeType Permanent needs one",
                    field("absoluteTimeout")
                );
                return Err(Problem::new(reason::UNSUPPORTED_VALUE, message));
            }
            Session::Cookie { name, lifetime_ms }
        }
        kind => {
            if absolute_timeout.is_some() {
                warnings.push(Problem::ignored(field("absoluteTimeout")));
            }
            match kind {
                Kind::Cookie => Session::Cookie {
                    name,
                    lifetime_ms: None,
                },
                Kind::Header => Session::Header {
                    name: name.to_ascii_lowercase(),
                },
            }
        }
    };
    if backends > 1 {
        let message = format!(
            "{}: weights pick the backend of each request, and a session stays with an endpoint only while they pick its backend",
            site.field("sessionPersistence")
        );
        warnings.push(Problem::new(reason::UNSUPPORTED_VALUE, message));
    }
    Ok((session, warnings))
}

/// Names of cookies (RFC 6265, section 4.1.1) and of headers (RFC 9110, section 5.1) are tokens.
fn checked<'a>(name: &'a str, field: &str) -> Result<&'a str, Problem> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_ours = name.to_ascii_lowercase().starts_with("x-tollgate-");
    if !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(is_token) && !is_ours {
        return Ok(name);
    }
    let message = format!(
        "{field}: {name:?} is not 1 to {NAME_BYTES_MAX} characters of a token, and not of x-tollgate-"
    );
    Err(Problem::new(reason::UNSUPPORTED_VALUE, message))
}
