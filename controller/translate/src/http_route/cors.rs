//! CORS: who may ask from another origin, and for what.

use tollgate_ir::Cors;

use crate::k8s::http;
use crate::status::{Problem, reason};

/// How long the answer to a preflight holds where nothing is said, in seconds (Gateway API,
/// HTTPCORSFilter.maxAge).
const MAX_AGE_S_DEFAULT: u32 = 5;

/// The filter that is written at `field`.
pub(super) fn translate(
    cors: &http::HttpRouteRulesFiltersCors,
    field: &str,
) -> Result<Cors, Problem> {
    let http::HttpRouteRulesFiltersCors {
        allow_credentials,
        allow_headers,
        allow_methods,
        allow_origins,
        expose_headers,
        max_age,
    } = cors;
    let max_age_s = match max_age {
        None => MAX_AGE_S_DEFAULT,
        Some(seconds) => u32::try_from(*seconds)
            .ok()
            .filter(|seconds| *seconds > 0)
            .ok_or_else(|| invalid(field, "maxAge", &seconds.to_string(), "at least 1"))?,
    };
    let list = |values: &Option<Vec<String>>, name: &str, rule: Rule| {
        let values = values.clone().unwrap_or_default();
        match values.iter().find(|value| !rule.allows(value)) {
            Some(value) => Err(invalid(field, name, value, rule.words())),
            None => Ok(values),
        }
    };
    Ok(Cors {
        allow_origins: list(allow_origins, "allowOrigins", Rule::Origin)?,
        allow_methods: list(allow_methods, "allowMethods", Rule::Token)?,
        allow_headers: list(allow_headers, "allowHeaders", Rule::Token)?,
        expose_headers: list(expose_headers, "exposeHeaders", Rule::Token)?,
        allow_credentials: allow_credentials.unwrap_or(false),
        max_age_s: Some(max_age_s),
    })
}

fn invalid(field: &str, name: &str, value: &str, rule: &str) -> Problem {
    Problem::new(
        reason::UNSUPPORTED_VALUE,
        format!("{field}.{name}: {value:?} must be {rule}"),
    )
}

/// What an entry of a list must be.
#[derive(Clone, Copy, Debug)]
enum Rule {
    Origin,
    Token,
}

// === impl Rule ===

impl Rule {
    fn words(self) -> &'static str {
        match self {
            Self::Origin => "an origin such as https://a.example, https://*.a.example:8443 or *",
            Self::Token => "a name, or *",
        }
    }

    fn allows(self, value: &str) -> bool {
        match self {
            Self::Origin => is_origin(value),
            // `*` is a token too.
            Self::Token => {
                !value.is_empty()
                    && value.bytes().all(|byte| {
                        byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
                    })
            }
        }
    }
}

fn is_origin(value: &str) -> bool {
    if value == "*" {
        return true;
    }
    let Some((scheme, rest)) = value.split_once("://") else {
        return false;
    };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let host_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*');
    matches!(scheme, "http" | "https")
        && !host.is_empty()
        && host.bytes().all(host_byte)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0))
}

#[cfg(test)]
mod tests {
    use super::is_origin;

    #[test]
    fn an_origin_has_a_scheme_a_host_and_perhaps_a_port() {
        for (value, valid) in [
            ("*", true),
            ("https://www.foo.com", true),
            ("https://*.bar.com", true),
            ("http://*", true),
            ("http://a.example:8080", true),
            ("a.example", false),
            ("ftp://a.example", false),
            ("https://", false),
            ("https://a.example/path", false),
            ("https://a.example:0", false),
            ("https://a.example:99999", false),
            ("https://a.example\r\n", false),
        ] {
            assert_eq!(is_origin(value), valid, "{value:?}");
        }
    }
}
