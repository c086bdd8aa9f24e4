//! `grpc.health.v1.Health/Check`, for Kubernetes' probes and Envoy's health checks.

use tonic::Status;

use crate::{
    service::Service,
    wire::{HealthCheckRequest, HealthCheckResponse, NOT_SERVING, SERVING},
};

/// The service that a check may name; the empty name stands for the whole server.
const RATE_LIMIT: &str = "envoy.service.ratelimit.v3.RateLimitService";

pub(crate) fn check(
    service: &Service,
    request: &HealthCheckRequest,
) -> Result<HealthCheckResponse, Status> {
    if !matches!(request.service.as_str(), "" | RATE_LIMIT) {
        return Err(Status::not_found("only the rate limit service is here"));
    }
    let status = if service.is_serving() {
        SERVING
    } else {
        NOT_SERVING
    };
    Ok(HealthCheckResponse { status })
}
