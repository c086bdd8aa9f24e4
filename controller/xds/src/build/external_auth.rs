//! Services that are asked whether a request may pass: a filter for each way of asking, disabled
//! but where a route asks that way.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::core::{
    GrpcService, HttpUri, grpc_service, grpc_service::EnvoyGrpc, http_uri::HttpUpstreamType,
};
use envoy::ext_authz_filter::{
    AuthorizationResponse, BufferSettings, CheckSettings, ExtAuthz, ExtAuthzPerRoute, HttpService,
    ext_authz, ext_authz_per_route::Override,
};
use envoy::hcm::{HttpFilter, http_filter};
use envoy::matcher::{ListStringMatcher, StringMatcher, string_matcher::MatchPattern};
use envoy::mutation::HeaderMutationRules;
use envoy::well_known::{Any, BoolValue};

use super::names;
use super::value::{duration_ms, exact, regex, string_matcher};

/// Longest wait for an answer (Envoy Gateway's default).
const ANSWER_MS: u64 = 10_000;

/// What a service is called where nothing else says so; where it is, its cluster knows.
const AUTHORITY: &str = "external-auth";

/// Headers of an answer that must not go on with the request: they describe the answer's body and
/// connection, or are ours. Envoy takes expressions of 100 RE2 instructions.
const OWN_TO_ANSWERS: &str = "connection|content-.*|date|keep-alive|proxy-.*|server|te|trailer|transfer-encoding|upgrade|x-tollgate-.*";

/// The filters of a port: one for each way in which its routes ask.
pub(super) fn build_filters(http: &ir::HttpTraffic) -> Vec<HttpFilter> {
    let hosts = http.virtual_hosts.iter();
    let filters = hosts
        .flat_map(|host| &host.routes)
        .flat_map(|it| &it.filters);
    let ways: BTreeMap<String, Any> = filters
        .filter_map(ir::Filter::external_auth)
        .map(|auth| {
            let config = build_config(auth);
            (name_of(&config), config)
        })
        .collect();
    ways.into_iter()
        .map(|(name, config)| HttpFilter {
            name,
            // Routes that ask enable it.
            disabled: true,
            config_type: Some(http_filter::ConfigType::TypedConfig(config)),
            ..HttpFilter::default()
        })
        .collect()
}

/// What a route with these filters enables.
pub(super) fn build_route(filters: &[ir::Filter]) -> Option<(String, Any)> {
    let auth = filters.iter().find_map(ir::Filter::external_auth)?;
    // Any configuration enables it; this one says nothing, and has a form in dumps.
    let enabled = ExtAuthzPerRoute {
        r#override: Some(Override::CheckSettings(CheckSettings::default())),
    };
    Some((name_of(&build_config(auth)), envoy::pack(&enabled)))
}

/// `envoy.filters.http.ext_authz/1a2b3c4d5e6f`: routes that ask in the same way share a filter.
fn name_of(config: &Any) -> String {
    let digest = Sha256::digest(&config.value);
    let digest: String = digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{}/{digest}", names::EXTERNAL_AUTH_FILTER)
}

fn build_config(auth: &ir::ExternalAuth) -> Any {
    let ir::ExternalAuth {
        name,
        destination: _,
        protocol,
        body_bytes_max,
    } = auth;
    let is_grpc = matches!(protocol, ir::AuthProtocol::Grpc { .. });
    let headers = match protocol {
        ir::AuthProtocol::Grpc { headers } | ir::AuthProtocol::Http { headers, .. } => headers,
    };
    envoy::pack(&ExtAuthz {
        transport_api_version: envoy::core::ApiVersion::V3.into(),
        failure_mode_allow: false,
        allowed_headers: (!headers.is_empty()).then(|| one_of(headers)),
        with_request_body: (*body_bytes_max > 0).then_some(BufferSettings {
            max_request_bytes: *body_bytes_max,
            // A longer one is refused: who decides must not see half of it.
            allow_partial_message: false,
            pack_as_bytes: is_grpc,
        }),
        decoder_header_mutation_rules: Some(HeaderMutationRules {
            // What a service may set on requests that it was asked about is its business, within
            // these bounds.
            // `host`, and the pseudo headers.
            allow_all_routing: Some(BoolValue { value: false }),
            disallow_system: Some(BoolValue { value: true }),
            disallow_expression: Some(regex(OWN_TO_ANSWERS)),
            ..HeaderMutationRules::default()
        }),
        services: Some(match protocol {
            ir::AuthProtocol::Grpc { .. } => ext_authz::Services::GrpcService(GrpcService {
                timeout: Some(duration_ms(ANSWER_MS)),
                target_specifier: Some(grpc_service::TargetSpecifier::EnvoyGrpc(EnvoyGrpc {
                    cluster_name: name.clone(),
                    // Without it the name of the cluster, which is no authority.
                    authority: AUTHORITY.to_string(),
                    ..EnvoyGrpc::default()
                })),
                ..GrpcService::default()
            }),
            ir::AuthProtocol::Http {
                path_prefix,
                answer_headers,
                ..
            } => ext_authz::Services::HttpService(HttpService {
                server_uri: Some(HttpUri {
                    uri: format!("http://{AUTHORITY}"),
                    timeout: Some(duration_ms(ANSWER_MS)),
                    http_upstream_type: Some(HttpUpstreamType::Cluster(name.clone())),
                }),
                path_prefix: path_prefix.clone(),
                authorization_response: Some(AuthorizationResponse {
                    allowed_upstream_headers: Some(match answer_headers.as_slice() {
                        [] => every_header(),
                        names => one_of(names),
                    }),
                    ..AuthorizationResponse::default()
                }),
                ..HttpService::default()
            }),
        }),
        ..ExtAuthz::default()
    })
}

fn one_of(names: &[String]) -> ListStringMatcher {
    let exactly = |name: &String| StringMatcher {
        ignore_case: true,
        ..exact(name)
    };
    ListStringMatcher {
        patterns: names.iter().map(exactly).collect(),
    }
}

fn every_header() -> ListStringMatcher {
    ListStringMatcher {
        patterns: vec![string_matcher(MatchPattern::SafeRegex(regex(".+")))],
    }
}
