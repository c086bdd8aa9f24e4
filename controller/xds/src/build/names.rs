//! Every name that Envoy sees and that does not come from the IR.

/// Cluster of the ext_proc service, for the filter of the listener.
pub(super) const EXTPROC_CLUSTER: &str = "tollgate-extproc";

/// Cluster of the same service, for the filter on retries. Two ext_proc filters on one gRPC
/// cluster crash Envoy 1.40 (docs/adr/0002).
pub(super) const EXTPROC_RETRY_CLUSTER: &str = "tollgate-extproc-retry";

/// Cluster of the rate limit service.
pub(super) const RATE_LIMIT_CLUSTER: &str = "tollgate-ratelimit";

/// Never exists: what goes there is answered with the route's `cluster_not_found_response_code`.
pub(super) const NO_CLUSTER: &str = "tollgate-none";

/// The ext_proc filter; the key of its per-route configuration.
pub(super) const EXT_PROC_FILTER: &str = "envoy.filters.http.ext_proc";

/// The filter of the engine inside Envoy's process; the key of its per-route configuration.
pub(super) const MODULE_FILTER: &str = "envoy.filters.http.dynamic_modules";

/// The engine's library, `libtollgate_module.so`, without what the linker adds.
pub(super) const MODULE: &str = "tollgate_module";

/// The filter that asks the rate limit service; the key of its per-route configuration.
pub(super) const RATE_LIMIT_FILTER: &str = "envoy.filters.http.ratelimit";

/// The filter that counts in the proxy; the key of its per-route configuration.
pub(super) const LOCAL_RATE_LIMIT_FILTER: &str = "envoy.filters.http.local_ratelimit";

/// The filter for cross-origin requests; the key of its per-route configuration.
pub(super) const CORS_FILTER: &str = "envoy.filters.http.cors";

/// The filters that ask whether a request may pass; behind it stands a hash of how one asks. The key of
/// their per-route configuration.
pub(super) const EXTERNAL_AUTH_FILTER: &str = "envoy.filters.http.ext_authz";

/// The filter for sessions; the key of its per-route configuration.
pub(super) const SESSION_FILTER: &str = "envoy.filters.http.stateful_session";

/// Prefix of secrets with a certificate and its key; behind it stands the certificate's name.
pub(super) const CERTIFICATE_PREFIX: &str = "certificate/";

/// Secret with the machine's own authorities.
pub(super) const SYSTEM_CA_SECRET: &str = "ca/system";

/// Filter metadata namespace by which Envoy picks a transport socket.
pub(super) const SOCKET_MATCH_NAMESPACE: &str = "envoy.transport_socket_match";

/// Key in [`SOCKET_MATCH_NAMESPACE`].
pub(super) const SOCKET_MATCH_KEY: &str = "backend";

/// Route metadata key, in `tollgate`, that marks AI routes; local replies there are OpenAI-form.
pub(super) const AI_METADATA_KEY: &str = "ai";

/// Prefix of headers that only this gateway may set.
pub(super) const OWN_HEADER_PREFIX: &str = "x-tollgate-";

/// Prefix of headers by which Envoy can be told about retries, timeouts, hosts.
pub(super) const ENVOY_HEADER_PREFIX: &str = "x-envoy-";

/// Header in which Envoy counts attempts, from 1.
pub(super) const ATTEMPT_HEADER: &str = "x-envoy-attempt-count";
