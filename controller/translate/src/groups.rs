//! API groups and the kinds that references name.

/// Gateway API.
pub(crate) const GATEWAY_API: &str = "gateway.networking.k8s.io";
/// Envoy Gateway: Backend, and the compact AIGatewayRoute.
pub(crate) const ENVOY_GATEWAY: &str = "gateway.envoyproxy.io";
/// Envoy AI Gateway.
pub(crate) const ENVOY_AI_GATEWAY: &str = "aigateway.envoyproxy.io";
/// Our own.
pub(crate) const TOLLGATE: &str = "tollgate.dev";
/// Kubernetes' core group.
pub(crate) const CORE: &str = "";
