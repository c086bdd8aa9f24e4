//! The Kubernetes types that translation reads, each under one name.
//!
//! Gateway API in its experimental channel: a superset of the standard one.

pub(crate) use gateway_api::apis::experimental::gatewayclasses::GatewayClass;
pub(crate) use gateway_api::apis::experimental::gateways::{
    Gateway, GatewayListeners, GatewayListenersAllowedRoutes,
    GatewayListenersAllowedRoutesNamespacesFrom as From,
    GatewayListenersAllowedRoutesNamespacesSelector as Selector,
    GatewayListenersAllowedRoutesNamespacesSelectorMatchExpressions as SelectorExpression,
};
pub(crate) use gateway_api::apis::experimental::grpcroutes::GrpcRoute;
pub(crate) use gateway_api::apis::experimental::httproutes as http;
pub(crate) use gateway_api::apis::experimental::httproutes::HttpRoute;
pub(crate) use gateway_api::apis::experimental::listenersets::ListenerSet;
pub(crate) use gateway_api::apis::experimental::referencegrants::ReferenceGrant;
pub(crate) use gateway_api::apis::experimental::tcproutes::TcpRoute;
pub(crate) use gateway_api::apis::experimental::tlsroutes::TlsRoute;
pub(crate) use gateway_api::apis::experimental::udproutes::UdpRoute;
pub(crate) use gateway_api::apis::standard::backendtlspolicies::BackendTlsPolicy;
pub(crate) use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service, ServicePort};
pub(crate) use k8s_openapi::api::discovery::v1::EndpointSlice;
