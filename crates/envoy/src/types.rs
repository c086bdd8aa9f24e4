//! Envoy's protobuf packages under the short names that this project uses. One name for each
//! package; a package that is not here is not used.

use envoy_types::pb;

/// Well-known protobuf types: `Any`, `Duration`, `Struct`, wrappers.
pub use pb::google::protobuf as well_known;
/// `google.rpc.Status`, as NACKs carry it.
pub use pb::google::rpc;

/// Access log filters; local replies are selected with them.
pub use pb::envoy::config::accesslog::v3 as access_log;
/// Clusters.
pub use pb::envoy::config::cluster::v3 as cluster;
/// Header mutations, and the rules that restrain them.
pub use pb::envoy::config::common::mutation_rules::v3 as mutation;
/// What all of Envoy's configuration shares: addresses, metadata, config sources.
pub use pb::envoy::config::core::v3 as core;
/// Endpoints of clusters.
pub use pb::envoy::config::endpoint::v3 as endpoint;
/// Listeners.
pub use pb::envoy::config::listener::v3 as listener;
/// Where the rate limit service is.
pub use pb::envoy::config::ratelimit::v3 as ratelimit_config;
/// Route configurations.
pub use pb::envoy::config::route::v3 as route;

/// CEL syntax trees.
pub use pb::cel::expr as cel;
/// Tracers.
pub use pb::envoy::config::trace::v3 as trace;
/// Access logs to files.
pub use pb::envoy::extensions::access_loggers::file::v3 as file_access_log;
/// CEL filter of access logs and local replies.
pub use pb::envoy::extensions::access_loggers::filters::cel::v3 as cel_filter;
/// Access logs to gRPC services.
pub use pb::envoy::extensions::access_loggers::grpc::v3 as grpc_access_log;
/// Access logs to collectors of OpenTelemetry.
pub use pb::envoy::extensions::access_loggers::open_telemetry::v3 as otel_access_log;
/// Address families of DNS clusters.
pub use pb::envoy::extensions::clusters::common::dns::v3 as dns;
/// Clusters resolved by DNS.
pub use pb::envoy::extensions::clusters::dns::v3 as dns_cluster;
/// Extensions that a matcher switches.
pub use pb::envoy::extensions::common::matching::v3 as matching;
/// Modules that Envoy loads.
pub use pb::envoy::extensions::dynamic_modules::v3 as dynamic_modules;
/// Actions of such matchers.
pub use pb::envoy::extensions::filters::common::matcher::action::v3 as matcher_action;
/// Cross-origin requests: the filter.
pub use pb::envoy::extensions::filters::http::cors::v3 as cors_filter;
/// Modules that Envoy loads, as HTTP filters.
pub use pb::envoy::extensions::filters::http::dynamic_modules::v3 as dynamic_modules_filter;
/// Asking somebody whether a request may pass: the filter.
pub use pb::envoy::extensions::filters::http::ext_authz::v3 as ext_authz_filter;
/// External processing: the filter. The service is [`ext_proc`].
pub use pb::envoy::extensions::filters::http::ext_proc::v3 as ext_proc_filter;
/// Header mutation: the filter.
pub use pb::envoy::extensions::filters::http::header_mutation::v3 as header_mutation;
/// Rate limits that the proxy counts itself: the filter.
pub use pb::envoy::extensions::filters::http::local_ratelimit::v3 as local_ratelimit_filter;
/// Rate limits that a service counts: the filter. The service is [`ratelimit`].
pub use pb::envoy::extensions::filters::http::ratelimit::v3 as ratelimit_filter;
/// The router filter.
pub use pb::envoy::extensions::filters::http::router::v3 as router;
/// Sessions that stay with one endpoint: the filter.
pub use pb::envoy::extensions::filters::http::stateful_session::v3 as stateful_session_filter;
/// The last filter of an upstream filter chain.
pub use pb::envoy::extensions::filters::http::upstream_codec::v3 as upstream_codec;
/// Finds out the server name of a TLS handshake.
pub use pb::envoy::extensions::filters::listener::tls_inspector::v3 as tls_inspector;
/// The HTTP connection manager.
pub use pb::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
/// Connections to a cluster.
pub use pb::envoy::extensions::filters::network::tcp_proxy::v3 as tcp_proxy;
/// Datagrams to a cluster.
pub use pb::envoy::extensions::filters::udp::udp_proxy::v3 as udp_proxy;
/// An operator of access logs that is an extension.
pub use pb::envoy::extensions::formatter::req_without_query::v3 as req_without_query_formatter;
/// Header mutation before routing.
pub use pb::envoy::extensions::http::early_header_mutation::header_mutation::v3 as early_header_mutation;
/// Sessions that a cookie names.
pub use pb::envoy::extensions::http::stateful_session::cookie::v3 as session_cookie;
/// Sessions that a header names.
pub use pb::envoy::extensions::http::stateful_session::header::v3 as session_header;
/// Load balancing: least request.
pub use pb::envoy::extensions::load_balancing_policies::least_request::v3 as least_request;
/// What matchers look at below HTTP: addresses and ports.
pub use pb::envoy::extensions::matching::common_inputs::network::v3 as network_inputs;
/// Matches a share of all values.
pub use pb::envoy::extensions::matching::input_matchers::consistent_hashing::v3 as consistent_hashing;
/// Ids of requests.
pub use pb::envoy::extensions::request_id::uuid::v3 as uuid_request_id;
/// Retries elsewhere than on the hosts that failed.
pub use pb::envoy::extensions::retry::host::previous_hosts::v3 as previous_hosts;
/// Retries on the next priority.
pub use pb::envoy::extensions::retry::priority::previous_priorities::v3 as previous_priorities;
/// Which traces an OpenTelemetry tracer exports.
pub use pb::envoy::extensions::tracers::opentelemetry::samplers::v3 as otel_samplers;
/// Plain text to an endpoint, where others of its cluster get TLS.
pub use pb::envoy::extensions::transport_sockets::raw_buffer::v3 as raw_buffer;
/// TLS.
pub use pb::envoy::extensions::transport_sockets::tls::v3 as tls;
/// HTTP towards upstreams.
pub use pb::envoy::extensions::upstreams::http::v3 as upstream_http;
/// Cookies.
pub use pb::envoy::r#type::http::v3 as cookie;
/// Envoy's own matchers.
pub use pb::envoy::r#type::matcher::v3 as matcher;
/// Paths into metadata.
pub use pb::envoy::r#type::metadata::v3 as metadata_type;
/// Tags of traces.
pub use pb::envoy::r#type::tracing::v3 as tracing_type;
/// Value types: status codes, percentages, token buckets.
pub use pb::envoy::r#type::v3 as http_type;
/// Attributes and values of OpenTelemetry.
pub use pb::opentelemetry::proto::common::v1 as otel_common;
/// xDS core types: extensions named in xDS matchers.
pub use pb::xds::core::v3 as xds_core;
/// xDS matchers.
pub use pb::xds::r#type::matcher::v3 as xds_matcher;
/// CEL expressions in xDS matchers.
pub use pb::xds::r#type::v3 as xds_type;

/// Rate limiting: descriptors.
pub use pb::envoy::extensions::common::ratelimit::v3 as ratelimit_descriptor;
/// Whether a request may pass: the service. The filter is [`ext_authz_filter`].
pub use pb::envoy::service::auth::v3 as ext_authz;
/// xDS: the aggregated discovery service.
pub use pb::envoy::service::discovery::v3 as discovery;
/// External processing: the service. The filter is [`ext_proc_filter`].
pub use pb::envoy::service::ext_proc::v3 as ext_proc;
/// Rate limiting: the service.
pub use pb::envoy::service::ratelimit::v3 as ratelimit;
