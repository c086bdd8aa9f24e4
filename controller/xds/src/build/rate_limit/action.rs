//! Criteria of a limit as actions of Envoy: each appends its entry to the descriptor, or there is
//! no descriptor.

use tollgate_bundle::DescriptorEntry;
use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::matcher::{AddressMatcher, StringMatcher, string_matcher::MatchPattern};
use envoy::route::{
    HeaderMatcher, QueryParameterMatcher, RateLimit,
    header_matcher::HeaderMatchSpecifier,
    query_parameter_matcher::QueryParameterMatchSpecifier,
    rate_limit::{
        Action, HitsAddend, XRateLimitOption,
        action::{
            ActionSpecifier, GenericKey, HeaderValueMatch, QueryParameterValueMatch,
            QueryParameters, RemoteAddress, RemoteAddressMatch, RequestHeaders,
        },
    },
};
use envoy::well_known::{BoolValue, UInt32Value};

use crate::build::rewrite::escape_regex;
use crate::build::value::{exact, regex, string_matcher, uint64};

/// A rate limit whose descriptor has these entries; the first names the limit, the others belong
/// to the criteria.
pub(super) fn build_limit(
    entries: &[DescriptorEntry],
    criteria: &[ir::Criterion],
    headers: ir::HeaderVisibility,
) -> RateLimit {
    let first = entries.first().map(|entry| {
        ActionSpecifier::GenericKey(GenericKey {
            descriptor_key: entry.key.clone(),
            descriptor_value: value(entry),
            ..GenericKey::default()
        })
    });
    let rest = criteria
        .iter()
        .zip(entries.iter().skip(1))
        .map(|(criterion, entry)| build_action(criterion, entry));
    RateLimit {
        actions: first
            .into_iter()
            .chain(rest)
            .map(|action| Action {
                action_specifier: Some(action),
            })
            .collect(),
        x_ratelimit_option: match headers {
            ir::HeaderVisibility::Shown => XRateLimitOption::Unspecified,
            ir::HeaderVisibility::Hidden => XRateLimitOption::Off,
        }
        .into(),
        ..RateLimit::default()
    }
}

/// What a request counts. Metadata that is not there makes Envoy leave the descriptor out.
pub(super) fn build_cost(cost: &ir::Cost) -> HitsAddend {
    match cost {
        ir::Cost::Number(number) => HitsAddend {
            number: uint64(*number),
            ..HitsAddend::default()
        },
        ir::Cost::Metadata(ir::MetadataKey { namespace, key }) => HitsAddend {
            format: format!("%DYNAMIC_METADATA({namespace}:{key})%"),
            ..HitsAddend::default()
        },
    }
}

fn build_action(criterion: &ir::Criterion, entry: &DescriptorEntry) -> ActionSpecifier {
    match criterion {
        ir::Criterion::Header { name, test } => build_header(name, test, entry),
        ir::Criterion::Query { name, test } => build_query(name, test, entry),
        ir::Criterion::Method(polarity, methods) => {
            let matcher = match methods.as_slice() {
                [method] => exact(method),
                methods => safe_regex(&methods.join("|")),
            };
            header_match(*polarity, header(":method", matcher), entry)
        }
        ir::Criterion::Path(polarity, path) => {
            header_match(*polarity, header(":path", build_path(path)), entry)
        }
        ir::Criterion::Source(polarity, range) => {
            ActionSpecifier::RemoteAddressMatch(build_source(*polarity, *range, entry))
        }
        ir::Criterion::EachSource => ActionSpecifier::RemoteAddress(RemoteAddress {}),
    }
}

fn build_header(name: &str, test: &ir::FieldTest, entry: &DescriptorEntry) -> ActionSpecifier {
    match test {
        ir::FieldTest::Present(polarity) => {
            let matcher = HeaderMatcher {
                name: name.to_string(),
                header_match_specifier: Some(HeaderMatchSpecifier::PresentMatch(true)),
                ..HeaderMatcher::default()
            };
            header_match(*polarity, matcher, entry)
        }
        ir::FieldTest::Value(polarity, text) => {
            header_match(*polarity, header(name, build_text(text)), entry)
        }
        ir::FieldTest::Each => ActionSpecifier::RequestHeaders(RequestHeaders {
            header_name: name.to_string(),
            descriptor_key: entry.key.clone(),
            skip_if_absent: false,
        }),
    }
}

fn build_query(name: &str, test: &ir::FieldTest, entry: &DescriptorEntry) -> ActionSpecifier {
    let (polarity, specifier) = match test {
        ir::FieldTest::Present(polarity) => {
            (*polarity, QueryParameterMatchSpecifier::PresentMatch(true))
        }
        ir::FieldTest::Value(polarity, text) => {
            let matcher = build_text(text);
            (
                *polarity,
                QueryParameterMatchSpecifier::StringMatch(matcher),
            )
        }
        ir::FieldTest::Each => {
            return ActionSpecifier::QueryParameters(QueryParameters {
                query_parameter_name: name.to_string(),
                descriptor_key: entry.key.clone(),
                skip_if_absent: false,
            });
        }
    };
    ActionSpecifier::QueryParameterValueMatch(QueryParameterValueMatch {
        descriptor_key: entry.key.clone(),
        descriptor_value: value(entry),
        expect_match: expect(polarity),
        query_parameters: vec![QueryParameterMatcher {
            name: name.to_string(),
            query_parameter_match_specifier: Some(specifier),
        }],
        ..QueryParameterValueMatch::default()
    })
}

fn header_match(
    polarity: ir::Polarity,
    matcher: HeaderMatcher,
    entry: &DescriptorEntry,
) -> ActionSpecifier {
    ActionSpecifier::HeaderValueMatch(HeaderValueMatch {
        descriptor_key: entry.key.clone(),
        descriptor_value: value(entry),
        expect_match: expect(polarity),
        headers: vec![matcher],
        ..HeaderValueMatch::default()
    })
}

fn build_source(
    polarity: ir::Polarity,
    ir::Cidr {
        address,
        prefix_bits,
    }: ir::Cidr,
    entry: &DescriptorEntry,
) -> RemoteAddressMatch {
    RemoteAddressMatch {
        descriptor_key: entry.key.clone(),
        descriptor_value: value(entry),
        address_matcher: Some(AddressMatcher {
            ranges: vec![envoy::xds_core::CidrRange {
                address_prefix: address.to_string(),
                prefix_len: Some(UInt32Value {
                    value: prefix_bits.into(),
                }),
            }],
            invert_match: polarity == ir::Polarity::Not,
        }),
        ..RemoteAddressMatch::default()
    }
}

/// `:path` has the query as well; paths are compared without it.
fn build_path(path: &ir::PathMatch) -> StringMatcher {
    let expression = match path {
        ir::PathMatch::Exact(path) => format!("{}(\\?.*)?", escape_regex(path)),
        ir::PathMatch::Prefix(path) if path == "/" => ".*".to_string(),
        ir::PathMatch::Prefix(path) => format!("{}([/?].*)?", escape_regex(path)),
        // Anchored as it is: its own anchors would stand before the query.
        ir::PathMatch::Regex(expression) => {
            let start = expression.strip_prefix('^').unwrap_or(expression);
            let body = match start.strip_suffix('$') {
                Some(body) if !body.ends_with('\\') => body,
                _ => start,
            };
            format!("({body})(\\?.*)?")
        }
    };
    safe_regex(&expression)
}

fn build_text(text: &ir::TextMatch) -> StringMatcher {
    match text {
        ir::TextMatch::Exact(text) => exact(text),
        ir::TextMatch::Regex(expression) => safe_regex(expression),
    }
}

fn safe_regex(expression: &str) -> StringMatcher {
    string_matcher(MatchPattern::SafeRegex(regex(expression)))
}

fn header(name: &str, matcher: StringMatcher) -> HeaderMatcher {
    HeaderMatcher {
        name: name.to_string(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(matcher)),
        ..HeaderMatcher::default()
    }
}

fn expect(polarity: ir::Polarity) -> Option<BoolValue> {
    Some(BoolValue {
        value: polarity == ir::Polarity::Is,
    })
}

fn value(entry: &DescriptorEntry) -> String {
    entry.value.clone().unwrap_or_default()
}
