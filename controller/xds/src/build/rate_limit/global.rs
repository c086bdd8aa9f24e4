//! Limits that the rate limit service counts.

use std::slice;

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::cluster::Cluster;
use envoy::core::ApiVersion;
use envoy::http_type::{HttpStatus, StatusCode};
use envoy::metadata_type::{MetadataKey, metadata_key};
use envoy::ratelimit_config::RateLimitServiceConfig;
use envoy::ratelimit_filter::{
    RateLimit as Filter, RateLimitPerRoute, rate_limit::XRateLimitHeadersRfcVersion,
};
use envoy::route::{
    RateLimit,
    rate_limit::{Override, r#override},
};

use super::action::{build_cost, build_limit};
use crate::build::own_service::{build_grpc_service, build_service_cluster};
use crate::build::value::duration_ms;
use crate::build::{BuildOptions, names};

/// How long Envoy waits for a decision. The service has a shorter deadline for its store; this is
/// for a service that hangs.
const DECISION_MS_MAX: u64 = 500;

/// The filter. A service that does not answer refuses the request: a limit is enforced or says
/// that it is not.
pub(super) fn build_filter() -> Filter {
    Filter {
        domain: ir::RATE_LIMIT_DOMAIN.to_string(),
        timeout: Some(duration_ms(DECISION_MS_MAX)),
        failure_mode_deny: true,
        status_on_error: Some(HttpStatus {
            code: StatusCode::ServiceUnavailable.into(),
        }),
        rate_limited_as_resource_exhausted: true,
        rate_limit_service: Some(RateLimitServiceConfig {
            grpc_service: Some(build_grpc_service(names::RATE_LIMIT_CLUSTER)),
            transport_api_version: ApiVersion::V3.into(),
        }),
        enable_x_ratelimit_headers: XRateLimitHeadersRfcVersion::DraftVersion03.into(),
        enable_retry_after_header: true,
        ..Filter::default()
    }
}

/// What a route tells the filter: for each limit a descriptor when the request comes, and one
/// when its answer has ended. Amounts are heeded here only, not in the route's own `rate_limits`.
pub(super) fn build_route(limits: &[ir::GlobalLimit]) -> RateLimitPerRoute {
    RateLimitPerRoute {
        rate_limits: limits.iter().flat_map(build_limits).collect(),
        ..RateLimitPerRoute::default()
    }
}

/// The cluster of the service.
pub(in crate::build) fn build_cluster(options: &BuildOptions) -> Cluster {
    build_service_cluster(names::RATE_LIMIT_CLUSTER, &options.ratelimit_socket)
}

fn build_limits(limit: &ir::GlobalLimit) -> impl Iterator<Item = RateLimit> {
    let ir::GlobalLimit {
        id: _,
        criteria,
        amount: _,
        window: _,
        shadow: _,
        headers,
        request_cost,
        response_cost,
        override_from,
    } = limit;
    let ask = RateLimit {
        hits_addend: request_cost.as_ref().map(build_cost),
        limit: override_from.as_ref().map(build_override),
        ..build_limit(&limit.entries(), criteria, *headers)
    };
    let charge = response_cost.as_ref().map(|cost| RateLimit {
        hits_addend: Some(build_cost(cost)),
        limit: override_from.as_ref().map(build_override),
        apply_on_stream_done: true,
        ..build_limit(
            &limit.charge_entries(),
            criteria,
            ir::HeaderVisibility::Hidden,
        )
    });
    std::iter::once(ask).chain(charge)
}

fn build_override(ir::MetadataKey { namespace, key }: &ir::MetadataKey) -> Override {
    let segment = metadata_key::PathSegment {
        segment: Some(metadata_key::path_segment::Segment::Key(key.clone())),
    };
    Override {
        override_specifier: Some(r#override::OverrideSpecifier::DynamicMetadata(
            r#override::DynamicMetadata {
                metadata_key: Some(MetadataKey {
                    key: namespace.clone(),
                    path: slice::from_ref(&segment).to_vec(),
                }),
            },
        )),
    }
}
