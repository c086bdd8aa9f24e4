//! Filters of a rule and of a backend. One that cannot be applied fails its rule: a filter is
//! never skipped (Gateway API, HTTPRouteFilter).

use serde::Serialize;
use serde::de::DeserializeOwned;
use tollgate_ir::{Filter, HttpMatch, PathMatch, PathRewrite, Redirect};

use super::external_auth::{self, Failure};
use super::mirror::{self, Outcome};
use super::{RuleSite, cors, header_modifier, rewrite};
use crate::k8s::http;
use crate::status::{Problem, reason};

type RuleFilter = http::HttpRouteRulesFilters;
type Kind = http::HttpRouteRulesFiltersType;

/// Filters of a rule.
#[derive(Clone, Debug, Default)]
pub(super) struct RuleFilters {
    pub(super) filters: Vec<Filter>,
    pub(super) redirect: Option<Redirect>,
    /// Mirrors that lead nowhere.
    pub(super) ref_problems: Vec<Problem>,
}

/// Filters of a rule; `matches` decide whether a prefix can be replaced.
pub(super) fn of_rule(
    site: RuleSite<'_>,
    filters: &[RuleFilter],
    matches: &[(usize, HttpMatch)],
    problems: &mut Vec<Problem>,
) -> RuleFilters {
    let mut translated = RuleFilters::default();
    for (index, filter) in filters.iter().enumerate() {
        let field = site.field(&format!("filters[{index}]"));
        let outcome = match (
            &filter.r#type,
            &filter.request_mirror,
            &filter.external_auth,
        ) {
            (Kind::ExternalAuth, _, Some(auth)) => {
                let written = (auth, format!("{field}.externalAuth"));
                match external_auth::translate(site, index, (written.0, &written.1)) {
                    Ok(filter) => Ok(Some(Translated::Filter(filter))),
                    Err(Failure::Invalid(problem)) => Err(problem),
                    Err(Failure::Unresolved(problem)) => {
                        translated.ref_problems.push(problem.clone());
                        Err(problem)
                    }
                }
            }
            (Kind::RequestMirror, Some(mirror), _) => {
                let written = (mirror, format!("{field}.requestMirror"));
                mirror::translate(site, index, (written.0, &written.1)).map(|outcome| match outcome
                {
                    Outcome::Mirror(filter) => Some(Translated::Filter(filter)),
                    Outcome::Nothing => None,
                    Outcome::Unresolved(problem) => {
                        translated.ref_problems.push(problem);
                        None
                    }
                })
            }
            _ => translate(filter, &field).map(Some),
        };
        match outcome {
            Ok(Some(Translated::Filter(filter))) => translated.filters.push(filter),
            Ok(Some(Translated::Redirect(redirect))) => translated.redirect = Some(redirect),
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        }
    }
    problems.extend(repeated(site, filters));
    problems.extend(incompatible(site, &translated, matches));
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
        let unfit = |kind: &str| {
            Problem::new(
                reason::UNSUPPORTED_VALUE,
                format!("{field}.type: {kind} has no effect on a single backend"),
            )
        };
        match filter.r#type {
            Kind::RequestMirror => return Err(unfit("RequestMirror")),
            Kind::Cors => return Err(unfit("CORS")),
            Kind::ExternalAuth => return Err(unfit("ExternalAuth")),
            _ => {}
        }
        match translate(&filter, &field)? {
            Translated::Filter(filter) => translated.push(filter),
            Translated::Redirect(_) => return Err(unfit("RequestRedirect")),
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
    let translated = match &filter.r#type {
        Kind::RequestHeaderModifier => {
            let name = "requestHeaderModifier";
            let written = filter.request_header_modifier.as_ref();
            let written = written.ok_or_else(|| missing(name))?;
            let modifier = header_modifier::translate(written, &format!("{field}.{name}"))?;
            Translated::Filter(Filter::RequestHeaders(modifier))
        }
        Kind::ResponseHeaderModifier => {
            let name = "responseHeaderModifier";
            let written = filter.response_header_modifier.as_ref();
            let written = written.ok_or_else(|| missing(name))?;
            let field = format!("{field}.{name}");
            let modifier = header_modifier::translate(&same_shape(written, &field)?, &field)?;
            Translated::Filter(Filter::ResponseHeaders(modifier))
        }
        Kind::UrlRewrite => {
            let written = filter.url_rewrite.as_ref();
            let written = written.ok_or_else(|| missing("urlRewrite"))?;
            Translated::Filter(Filter::UrlRewrite(rewrite::url_rewrite(written, field)?))
        }
        Kind::RequestRedirect => {
            let written = filter.request_redirect.as_ref();
            let written = written.ok_or_else(|| missing("requestRedirect"))?;
            Translated::Redirect(rewrite::redirect(written, field)?)
        }
        Kind::Cors => {
            let written = filter.cors.as_ref().ok_or_else(|| missing("cors"))?;
            Translated::Filter(Filter::Cors(cors::translate(
                written,
                &format!("{field}.cors"),
            )?))
        }
        // With their parts they were taken before.
        Kind::RequestMirror => return Err(missing("requestMirror")),
        Kind::ExternalAuth => return Err(missing("externalAuth")),
        Kind::ExtensionRef => {
            let written = filter.extension_ref.as_ref();
            let written = written.ok_or_else(|| missing("extensionRef"))?;
            let what = format!(
                "{} {} of group {}",
                written.kind, written.name, written.group
            );
            return Err(unsupported(&format!("ExtensionRef to {what}"), field));
        }
    };
    Ok(translated)
}

fn unsupported(what: &str, field: &str) -> Problem {
    Problem::new(
        reason::UNSUPPORTED_VALUE,
        format!("{field}.type: filter {what} is not supported; its rule answers with an error"),
    )
}

/// Gateway API: only mirrors and extensions may stand in a rule several times.
fn repeated(site: RuleSite<'_>, filters: &[RuleFilter]) -> Option<Problem> {
    let kinds = [
        (Kind::RequestHeaderModifier, "RequestHeaderModifier"),
        (Kind::ResponseHeaderModifier, "ResponseHeaderModifier"),
        (Kind::RequestRedirect, "RequestRedirect"),
        (Kind::UrlRewrite, "URLRewrite"),
        (Kind::Cors, "CORS"),
        (Kind::ExternalAuth, "ExternalAuth"),
    ];
    let count = |kind: &Kind| filters.iter().filter(|it| it.r#type == *kind).count();
    let (_, name) = kinds.into_iter().find(|(kind, _)| count(kind) > 1)?;
    Some(Problem::new(
        reason::INCOMPATIBLE_FILTERS,
        site.field(&format!("filters: {name} stands there more than once")),
    ))
}

fn incompatible(
    site: RuleSite<'_>,
    translated: &RuleFilters,
    matches: &[(usize, HttpMatch)],
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut incompatible = |rule: &str| {
        problems.push(Problem::new(
            reason::INCOMPATIBLE_FILTERS,
            site.field(&format!("filters: {rule}")),
        ));
    };
    let rewrite = translated.filters.iter().find_map(|filter| match filter {
        Filter::UrlRewrite(rewrite) => Some(rewrite),
        Filter::RequestHeaders(_)
        | Filter::ResponseHeaders(_)
        | Filter::Mirror(_)
        | Filter::Cors(_)
        | Filter::ExternalAuth(_) => None,
    });
    let redirect = translated.redirect.as_ref();
    if redirect.is_some() && rewrite.is_some() {
        incompatible("RequestRedirect and URLRewrite exclude each other");
    }
    let paths = [
        rewrite.and_then(|rewrite| rewrite.path.as_ref()),
        redirect.and_then(|redirect| redirect.path.as_ref()),
    ];
    let replaces_prefix = paths
        .into_iter()
        .flatten()
        .any(|path| matches!(path, PathRewrite::Prefix(_)));
    let prefixes_only = matches
        .iter()
        .all(|(_, matches)| matches!(matches.path, PathMatch::Prefix(_)));
    if replaces_prefix && !prefixes_only {
        incompatible("ReplacePrefixMatch needs every match of the rule to be a PathPrefix");
    }
    problems
}

/// From one generated type to another with the same fields.
pub(crate) fn same_shape<T: DeserializeOwned>(
    value: &impl Serialize,
    field: &str,
) -> Result<T, Problem> {
    serde_json::to_value(value)
        .and_then(serde_json::from_value)
        .map_err(|error| {
            Problem::new(
                reason::UNSUPPORTED_VALUE,
                format!("{field}: a value that this place cannot have: {error}"),
            )
        })
}
