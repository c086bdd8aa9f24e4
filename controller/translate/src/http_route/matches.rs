//! Matches of a rule. One that cannot be expressed is left out, and its rule is told.

use tollgate_ir::{HeaderMatch, HttpMatch, PathMatch, QueryMatch, TextMatch};

use crate::k8s::http;
use crate::status::{Problem, reason};

/// The matches of a rule with their positions; none written is one for every path.
pub(super) fn translate(
    matches: Option<&[http::HttpRouteRulesMatches]>,
    rule: usize,
    problems: &mut Vec<Problem>,
) -> Vec<(usize, HttpMatch)> {
    let every_path = [http::HttpRouteRulesMatches::default()];
    let matches = matches
        .filter(|list| !list.is_empty())
        .unwrap_or(&every_path);
    let mut translated = Vec::new();
    for (position, it) in matches.iter().enumerate() {
        match translate_one(it, &format!("spec.rules[{rule}].matches[{position}]")) {
            Ok(it) => translated.push((position, it)),
            Err(problem) => problems.push(problem),
        }
    }
    translated
}

fn translate_one(it: &http::HttpRouteRulesMatches, field: &str) -> Result<HttpMatch, Problem> {
    let http::HttpRouteRulesMatches {
        headers,
        method,
        path,
        query_params,
    } = it;
    let expression = http::HttpRouteRulesMatchesHeadersType::RegularExpression;
    let written = headers.iter().flatten().map(|header| {
        let is_regex = header.r#type.as_ref() == Some(&expression);
        (header.name.as_str(), header.value.as_str(), is_regex)
    });
    let headers = header_matches(written, field)?;
    let mut query: Vec<QueryMatch> = Vec::new();
    for param in query_params.iter().flatten() {
        if query.iter().any(|it| it.name == param.name) {
            continue;
        }
        let is_regex =
            param.r#type == Some(http::HttpRouteRulesMatchesQueryParamsType::RegularExpression);
        let field = format!("{field}.queryParams[{}]", param.name);
        query.push(QueryMatch {
            name: param.name.clone(),
            value: text_match(&param.value, is_regex, &field)?,
        });
    }
    Ok(HttpMatch {
        path: path_match(path.as_ref(), field)?,
        method: method.as_ref().map(method_name),
        headers,
        query,
    })
}

/// Conditions on headers, given by name, value and whether the value is an expression.
pub(crate) fn header_matches<'a>(
    written: impl Iterator<Item = (&'a str, &'a str, bool)>,
    field: &str,
) -> Result<Vec<HeaderMatch>, Problem> {
    let mut matches: Vec<HeaderMatch> = Vec::new();
    for (name, value, is_regex) in written {
        let name = name.to_ascii_lowercase();
        // Gateway API: of equal names only the first counts.
        if matches.iter().any(|it| it.name == name) {
            continue;
        }
        let value = text_match(value, is_regex, &format!("{field}.headers[{name}]"))?;
        matches.push(HeaderMatch { name, value });
    }
    Ok(matches)
}

fn path_match(
    path: Option<&http::HttpRouteRulesMatchesPath>,
    field: &str,
) -> Result<PathMatch, Problem> {
    use http::HttpRouteRulesMatchesPathType as Type;
    let value = path.and_then(|path| path.value.as_deref()).unwrap_or("/");
    let kind = path
        .and_then(|path| path.r#type.as_ref())
        .unwrap_or(&Type::PathPrefix);
    if *kind != Type::RegularExpression && !value.starts_with('/') {
        return Err(Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!("{field}.path.value: {value:?} must begin with a slash"),
        ));
    }
    match kind {
        Type::Exact => Ok(PathMatch::Exact(value.to_string())),
        Type::PathPrefix => {
            let prefix = value.trim_end_matches('/');
            let prefix = if prefix.is_empty() { "/" } else { prefix };
            Ok(PathMatch::Prefix(prefix.to_string()))
        }
        Type::RegularExpression => {
            check_regex(value, &format!("{field}.path.value"))?;
            Ok(PathMatch::Regex(value.to_string()))
        }
    }
}

fn text_match(value: &str, is_regex: bool, field: &str) -> Result<TextMatch, Problem> {
    if is_regex {
        check_regex(value, field)?;
        Ok(TextMatch::Regex(value.to_string()))
    } else {
        Ok(TextMatch::Exact(value.to_string()))
    }
}

/// Envoy refuses a whole configuration for one bad expression, so none may get there. This
/// crate's syntax is RE2's, but for what neither Gateway API nor people use.
pub(crate) fn check_regex(value: &str, field: &str) -> Result<(), Problem> {
    match regex::Regex::new(value) {
        Ok(_) => Ok(()),
        Err(_) => Err(Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!("{field}: {value:?} is not a regular expression (RE2 syntax)"),
        )),
    }
}

fn method_name(method: &http::HttpRouteRulesMatchesMethod) -> String {
    use http::HttpRouteRulesMatchesMethod as Method;
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
    }
    .to_string()
}
