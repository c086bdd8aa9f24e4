//! Matches of an AIGatewayRoute's rule: headers, of which one stands for the model.

use tollgate_bundle::{HeaderMatch, Match, ValueMatch};
use tollgate_crds::envoy_ai_gateway::{HeaderMatchType, RuleMatch};

use crate::http_route::check_regex;
use crate::status::Problem;

/// The header by which Envoy AI Gateway's users match the model of a request.
const MODEL_HEADER: &str = "x-ai-eg-model";

/// The matches that can be expressed; the others are problems.
pub(super) fn translate(
    matches: &[RuleMatch],
    field: &str,
    problems: &mut Vec<Problem>,
) -> Vec<Match> {
    let mut translated = Vec::new();
    for (position, it) in matches.iter().enumerate() {
        match translate_one(it, &format!("{field}.matches[{position}]")) {
            Ok(it) => translated.push(it),
            Err(problem) => problems.push(problem),
        }
    }
    translated
}

fn translate_one(it: &RuleMatch, field: &str) -> Result<Match, Problem> {
    let mut translated = Match::default();
    for header in &it.headers {
        let name = header.name.to_ascii_lowercase();
        let value = match header.type_ {
            HeaderMatchType::Exact => ValueMatch::Exact(header.value.clone()),
            HeaderMatchType::RegularExpression => {
                check_regex(&header.value, &format!("{field}.headers[{name}]"))?;
                ValueMatch::Regex(header.value.clone())
            }
        };
        // Gateway API: of equal names only the first counts.
        if name == MODEL_HEADER {
            translated.model.get_or_insert(value);
        } else if !translated.headers.iter().any(|it| it.name == name) {
            translated.headers.push(HeaderMatch { name, value });
        }
    }
    Ok(translated)
}
