//! Filters on the way to an endpoint of an AI cluster (docs/adr/0002): the ext_proc filter that
//! translates again, skipped where the first translation is right, and the removal of headers
//! that providers have no business with.
//!
//! "Right" is both: the first attempt, and to an endpoint of the backend that the cluster is
//! pinned to. The second half is what keeps a credential from the wrong provider while the
//! pinned one has no address (Envoy then starts at the next priority). Where that cannot come
//! about, the second half is left out.

use tollgate_bundle::{BACKEND_METADATA_KEY, BACKEND_METADATA_NAMESPACE, CLUSTER_HEADER};
use tollgate_envoy as envoy;

use envoy::cel::{Constant, Expr, ParsedExpr, constant, expr};
use envoy::hcm::{HttpFilter, http_filter};
use envoy::matching::ExtensionWithMatcher;
use envoy::mutation::{HeaderMutation, header_mutation};
use envoy::xds_matcher::matcher::matcher_list::{
    FieldMatcher, Predicate,
    predicate::{MatchType, PredicateList, SinglePredicate, single_predicate},
};
use envoy::xds_matcher::matcher::{MatcherList, MatcherType, OnMatch, on_match};
use envoy::xds_matcher::{Matcher, StringMatcher, string_matcher};
use envoy::xds_type::CelExpression;
use envoy::{CelMatcher, HttpAttributesCelMatchInput, Message, Name};

use super::value::extension;
use super::{BuildOptions, EngineHost, ext_proc, module, names};

/// Headers that Envoy adds to requests and that tell a provider about our clients and about us.
const REMOVED_HEADERS: &[&str] = &[
    CLUSTER_HEADER,
    names::ATTEMPT_HEADER,
    "x-envoy-external-address",
    "x-forwarded-for",
    "x-forwarded-proto",
];

/// What a cluster knows of the backend that it is pinned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pinned {
    /// There is no other: every attempt goes to it, with what the first was given.
    Alone,
    /// It always has an address, so that the first attempt goes to it.
    Addressed,
    /// Its name may not resolve; the first attempt then goes to the next backend.
    Named,
}

pub(super) fn build_upstream_filters(
    pinned_backend: &str,
    pinned: Pinned,
    options: &BuildOptions,
) -> Vec<HttpFilter> {
    let skip = match pinned {
        Pinned::Alone => None,
        Pinned::Addressed => Some(vec![first_attempt()]),
        Pinned::Named => Some(vec![first_attempt(), picked_is(pinned_backend)]),
    };
    let own = match (&options.engine, skip) {
        (_, None) => vec![build_removal()],
        (EngineHost::ExtProc(service), Some(when)) => {
            let retry = ExtensionWithMatcher {
                xds_matcher: Some(build_skip(when)),
                extension_config: Some(envoy::typed_extension(
                    names::EXT_PROC_FILTER,
                    &ext_proc::build_retry_filter(service),
                )),
                ..ExtensionWithMatcher::default()
            };
            vec![filter("tollgate.retry", &retry), build_removal()]
        }
        // Always asked: it knows the picked endpoint at no cost, and decides by itself. It also
        // removes the headers: each piece of an answer passes through every filter that there is.
        (EngineHost::InEnvoy(in_envoy), Some(_)) => {
            let attempt =
                module::build_attempt_filter(in_envoy, pinned_backend, REMOVED_HEADERS, options);
            vec![filter(names::MODULE_FILTER, &attempt)]
        }
    };
    let codec = filter(
        "envoy.filters.http.upstream_codec",
        &envoy::upstream_codec::UpstreamCodec {},
    );
    own.into_iter().chain([codec]).collect()
}

fn build_removal() -> HttpFilter {
    let removal = envoy::header_mutation::HeaderMutation {
        mutations: Some(envoy::header_mutation::Mutations {
            request_mutations: REMOVED_HEADERS.iter().map(|name| remove(name)).collect(),
            ..envoy::header_mutation::Mutations::default()
        }),
        ..envoy::header_mutation::HeaderMutation::default()
    };
    filter("envoy.filters.http.header_mutation", &removal)
}

fn filter<T: Message + Name>(name: &str, config: &T) -> HttpFilter {
    HttpFilter {
        name: name.to_string(),
        config_type: Some(http_filter::ConfigType::TypedConfig(envoy::pack(config))),
        ..HttpFilter::default()
    }
}

fn remove(name: &str) -> HeaderMutation {
    HeaderMutation {
        action: Some(header_mutation::Action::Remove(name.to_string())),
    }
}

/// This is attempt 1.
fn first_attempt() -> SinglePredicate {
    SinglePredicate {
        input: Some(extension(&envoy::matcher::HttpRequestHeaderMatchInput {
            header_name: names::ATTEMPT_HEADER.to_string(),
        })),
        matcher: Some(single_predicate::Matcher::ValueMatch(StringMatcher {
            match_pattern: Some(string_matcher::MatchPattern::Exact("1".to_string())),
            ..StringMatcher::default()
        })),
    }
}

/// The picked endpoint belongs to this backend. Evaluating it costs some 5 µs.
fn picked_is(backend: &str) -> SinglePredicate {
    SinglePredicate {
        input: Some(extension(&HttpAttributesCelMatchInput {})),
        matcher: Some(single_predicate::Matcher::CustomMatch(extension(
            &CelMatcher {
                expr_match: Some(CelExpression {
                    cel_expr_parsed: Some(picked_backend_is(backend)),
                    ..CelExpression::default()
                }),
                ..CelMatcher::default()
            },
        ))),
    }
}

/// Skips the filter iff all of these hold.
fn build_skip(when: Vec<SinglePredicate>) -> Matcher {
    let mut predicates: Vec<Predicate> = when
        .into_iter()
        .map(|single| Predicate {
            match_type: Some(MatchType::SinglePredicate(single)),
        })
        .collect();
    // A list of predicates has at least two.
    let predicate = match predicates.len() {
        1 => predicates.pop(),
        _ => Some(Predicate {
            match_type: Some(MatchType::AndMatcher(PredicateList {
                predicate: predicates,
            })),
        }),
    };
    let skip = OnMatch {
        on_match: Some(on_match::OnMatch::Action(extension(
            &envoy::matcher_action::SkipFilter {},
        ))),
        ..OnMatch::default()
    };
    Matcher {
        matcher_type: Some(MatcherType::MatcherList(MatcherList {
            matchers: vec![FieldMatcher {
                predicate,
                on_match: Some(skip),
            }],
        })),
        ..Matcher::default()
    }
}

/// `xds.upstream_host_metadata.filter_metadata["tollgate"]["backend"] == backend`, as a tree:
/// Envoy 1.40 takes no CEL text here.
fn picked_backend_is(backend: &str) -> ParsedExpr {
    let host = select(identifier("xds"), "upstream_host_metadata");
    let namespaces = select(host, "filter_metadata");
    let fields = call("_[_]", [namespaces, text(BACKEND_METADATA_NAMESPACE)]);
    let picked = call("_[_]", [fields, text(BACKEND_METADATA_KEY)]);
    let mut expression = call("_==_", [picked, text(backend)]);
    number(&mut expression, &mut 1);
    ParsedExpr {
        expr: Some(expression),
        ..ParsedExpr::default()
    }
}

fn identifier(name: &str) -> Expr {
    node(expr::ExprKind::IdentExpr(expr::Ident {
        name: name.to_string(),
    }))
}

fn select(operand: Expr, field: &str) -> Expr {
    node(expr::ExprKind::SelectExpr(Box::new(expr::Select {
        operand: Some(Box::new(operand)),
        field: field.to_string(),
        test_only: false,
    })))
}

fn call(function: &str, args: [Expr; 2]) -> Expr {
    node(expr::ExprKind::CallExpr(Box::new(expr::Call {
        target: None,
        function: function.to_string(),
        args: args.into(),
    })))
}

fn text(value: &str) -> Expr {
    node(expr::ExprKind::ConstExpr(Constant {
        constant_kind: Some(constant::ConstantKind::StringValue(value.to_string())),
    }))
}

fn node(kind: expr::ExprKind) -> Expr {
    Expr {
        id: 0,
        expr_kind: Some(kind),
    }
}

/// Gives each node an id of its own, as CEL asks.
fn number(expression: &mut Expr, next: &mut i64) {
    expression.id = *next;
    *next += 1;
    match &mut expression.expr_kind {
        Some(expr::ExprKind::SelectExpr(select)) => {
            if let Some(operand) = &mut select.operand {
                number(operand, next);
            }
        }
        Some(expr::ExprKind::CallExpr(call)) => {
            for argument in &mut call.args {
                number(argument, next);
            }
        }
        _ => {}
    }
}
