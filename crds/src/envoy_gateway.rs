//! `gateway.envoyproxy.io/v1alpha1`: Envoy Gateway's kinds, and the compact AIGatewayRoute.

mod backend;
pub mod backend_traffic_policy;
pub mod compact_ai_gateway_route;
pub mod envoy_proxy;
mod unenforced_policy;

pub use backend::{
    AppProtocol, Backend, BackendEndpoint, BackendSpec, BackendTls, BackendType, FqdnEndpoint,
    IpEndpoint, UnixSocket, WellKnownCaCertificates,
};
pub use backend_traffic_policy::{BackendTrafficPolicy, BackendTrafficPolicySpec};
pub use compact_ai_gateway_route::{CompactAIGatewayRoute, CompactAIGatewayRouteSpec};
pub use envoy_proxy::{EnvoyProxy, EnvoyProxySpec};
pub use unenforced_policy::{UnenforcedKind, UnenforcedPolicy, UnenforcedPolicySpec};

/// Group of these kinds.
pub const GROUP: &str = "gateway.envoyproxy.io";
