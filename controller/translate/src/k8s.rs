//! The Kubernetes types that translation reads, each under one name.
//!
//! Gateway API in its experimental channel: a superset of the standard one.

pub(crate) use gateway_api::apis::experimental::gatewayclasses::GatewayClass;
pub(crate) use gateway_api::apis::experimental::gateways::{
    Gateway, GatewayAllowedListeners,
    GatewayAllowedListenersNamespacesFrom as AllowedListenersFrom,
    GatewayAllowedListenersNamespacesSelector as AllowedListenersSelector,
    GatewayAllowedListenersNamespacesSelectorMatchExpressions as AllowedListenersExpression,
    GatewayInfrastructure, GatewayListeners, GatewayListenersAllowedRoutes,
    GatewayListenersAllowedRoutesKinds, GatewayListenersAllowedRoutesNamespaces,
    GatewayListenersAllowedRoutesNamespacesFrom as From,
    GatewayListenersAllowedRoutesNamespacesSelector as Selector,
    GatewayListenersAllowedRoutesNamespacesSelectorMatchExpressions as SelectorExpression,
    GatewayListenersTls, GatewayListenersTlsCertificateRefs, GatewayListenersTlsMode as TlsMode,
    GatewaySpec, GatewayTlsBackend, GatewayTlsBackendClientCertificateRef, GatewayTlsFrontend,
    GatewayTlsFrontendDefaultValidationMode as FrontendMode,
    GatewayTlsFrontendPerPortTlsValidationMode as FrontendPortMode,
};
pub(crate) use gateway_api::apis::experimental::grpcroutes as grpc;
pub(crate) use gateway_api::apis::experimental::grpcroutes::GrpcRoute;
pub(crate) use gateway_api::apis::experimental::httproutes as http;
pub(crate) use gateway_api::apis::experimental::httproutes::HttpRoute;
pub(crate) use gateway_api::apis::experimental::listenersets as listener_set;
pub(crate) use gateway_api::apis::experimental::listenersets::ListenerSet;
pub(crate) use gateway_api::apis::experimental::referencegrants::ReferenceGrant;
pub(crate) use gateway_api::apis::experimental::tcproutes as tcp;
pub(crate) use gateway_api::apis::experimental::tcproutes::TcpRoute;
pub(crate) use gateway_api::apis::experimental::tlsroutes as tls;
pub(crate) use gateway_api::apis::experimental::tlsroutes::TlsRoute;
pub(crate) use gateway_api::apis::experimental::udproutes as udp;
pub(crate) use gateway_api::apis::experimental::udproutes::UdpRoute;
pub(crate) use gateway_api::apis::standard::backendtlspolicies as backend_tls;
pub(crate) use gateway_api::apis::standard::backendtlspolicies::BackendTlsPolicy;
pub(crate) use k8s_openapi::api::core::v1::{
    ConfigMap, Namespace, Service, ServicePort, ServiceSpec,
};
pub(crate) use k8s_openapi::api::discovery::v1::EndpointSlice;
