//! Matches of a rule: service, method and headers of a call.

use tollgate_ir::{HttpMatch, PathMatch};

use crate::http_route::{RuleSite, check_regex, header_matches};
use crate::k8s::grpc;
use crate::sort::{MatchPrecedence, Names};
use crate::status::{Problem, reason};

/// A service of any name, in an expression for a path.
const ANY_SERVICE: &str = "[^/]+";
/// A method of any name.
const ANY_METHOD: &str = "[^/]+";

/// The matches of a rule with their positions; none written is one for every call.
pub(super) fn translate(
    site: RuleSite<'_>,
    matches: Option<&[grpc::GrpcRouteRulesMatches]>,
    problems: &mut Vec<Problem>,
) -> Vec<(usize, MatchPrecedence, HttpMatch)> {
    let every_call = [grpc::GrpcRouteRulesMatches::default()];
    let matches = matches
        .filter(|list| !list.is_empty())
        .unwrap_or(&every_call);
    let mut translated = Vec::new();
    for (position, it) in matches.iter().enumerate() {
        match translate_one(it, &site.field(&format!("matches[{position}]"))) {
            Ok((precedence, it)) => translated.push((position, precedence, it)),
            Err(problem) => problems.push(problem),
        }
    }
    translated
}

fn translate_one(
    it: &grpc::GrpcRouteRulesMatches,
    field: &str,
) -> Result<(MatchPrecedence, HttpMatch), Problem> {
    let grpc::GrpcRouteRulesMatches { headers, method } = it;
    let expression = grpc::GrpcRouteRulesMatchesHeadersType::RegularExpression;
    let written = headers.iter().flatten().map(|header| {
        let is_regex = header.r#type.as_ref() == Some(&expression);
        (header.name.as_str(), header.value.as_str(), is_regex)
    });
    let headers = header_matches(written, field)?;
    let method = method.as_ref();
    let given = |text: Option<&String>| text.map(String::as_str).unwrap_or_default().to_string();
    let service = given(method.and_then(|method| method.service.as_ref()));
    let name = given(method.and_then(|method| method.method.as_ref()));
    let names = match method.and_then(|method| method.r#type.as_ref()) {
        Some(grpc::GrpcRouteRulesMatchesMethodType::RegularExpression) => Names::Regex,
        Some(grpc::GrpcRouteRulesMatchesMethodType::Exact) | None => Names::Exact,
    };
    let field = format!("{field}.method");
    let path = match names {
        Names::Exact => exact(&service, &name, &field)?,
        Names::Regex => regex(&service, &name, &field)?,
    };
    let precedence = MatchPrecedence::of_grpc((&service, &name), names, &headers);
    Ok((
        precedence,
        HttpMatch {
            path,
            method: None,
            headers,
            query: Vec::new(),
        },
    ))
}

/// A service and a method by name; either may be left out.
fn exact(service: &str, method: &str, field: &str) -> Result<PathMatch, Problem> {
    for (part, name) in [("service", service), ("method", method)] {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
        if !name.bytes().all(known) {
            return Err(Problem::new(
                reason::UNSUPPORTED_VALUE,
                format!("{field}.{part}: {name:?} must be letters, digits, _ and ."),
            ));
        }
    }
    Ok(match (service, method) {
        ("", "") => PathMatch::Prefix("/".to_string()),
        (service, "") => PathMatch::Prefix(format!("/{service}")),
        ("", method) => PathMatch::Regex(format!("/{ANY_SERVICE}/{method}")),
        (service, method) => PathMatch::Exact(format!("/{service}/{method}")),
    })
}

/// Expressions for the whole of a service's and a method's name.
fn regex(service: &str, method: &str, field: &str) -> Result<PathMatch, Problem> {
    let part = |text: &str, any: &str, name: &str| {
        if text.is_empty() {
            return Ok(any.to_string());
        }
        check_regex(text, &format!("{field}.{name}"))?;
        Ok(format!("(?:{text})"))
    };
    let service = part(service, ANY_SERVICE, "service")?;
    let method = part(method, ANY_METHOD, "method")?;
    let path = format!("/{service}/{method}");
    check_regex(&path, field)?;
    Ok(PathMatch::Regex(path))
}

#[cfg(test)]
mod tests {
    use super::{exact, regex};
    use tollgate_ir::PathMatch;

    #[test]
    fn a_call_is_matched_by_its_path() {
        let prefix = |text: &str| Ok(PathMatch::Prefix(text.to_string()));
        let whole = |text: &str| Ok(PathMatch::Regex(text.to_string()));
        assert_eq!(exact("", "", "f"), prefix("/"));
        assert_eq!(exact("a.B", "", "f"), prefix("/a.B"));
        assert_eq!(exact("", "Get", "f"), whole("/[^/]+/Get"));
        assert_eq!(
            exact("a.B", "Get", "f"),
            Ok(PathMatch::Exact("/a.B/Get".to_string()))
        );
        assert_eq!(regex("a|b", "Get.*", "f"), whole("/(?:a|b)/(?:Get.*)"));
        assert_eq!(regex("", "Get", "f"), whole("/[^/]+/(?:Get)"));
    }

    #[test]
    fn a_name_that_is_no_name_is_refused() {
        assert!(exact("a/b", "Get", "f").is_err());
        assert!(exact("a", "G*", "f").is_err());
        assert!(regex("a(", "", "f").is_err());
        // Each alone is an expression, together they would be another.
        assert!(regex("a)(?:b", "", "f").is_err());
    }
}
