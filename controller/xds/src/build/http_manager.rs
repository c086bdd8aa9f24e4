//! The HTTP connection manager of a port, or of one server name of it.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::core::{Http2ProtocolOptions, HttpProtocolOptions, TypedExtensionConfig};
use envoy::hcm::{
    HttpConnectionManager, HttpFilter, Rds, http_connection_manager as hcm, http_filter,
};
use envoy::listener::{Filter, filter};
use envoy::mutation::{HeaderMutation, header_mutation};

use super::telemetry::Telemetry;
use super::value::{ads, duration_ms, prefix, uint32, yes};
use super::{BuildOptions, cors, engine, external_auth, local_reply, names, rate_limit, session};

/// How long a stream may be silent in both directions. Routes can say otherwise.
const STREAM_IDLE_MS: u64 = 300_000;
/// How long a client may take to send its request headers.
const REQUEST_HEADERS_MS: u64 = 10_000;
/// Streams that one HTTP/2 connection of a client may have open.
const CONCURRENT_STREAMS_MAX: u32 = 100;
/// HTTP/2 windows towards clients: prompts are sent without waiting for many round trips, and a
/// connection cannot make Envoy hold more than the second.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;

pub(super) fn has_ai(http: &ir::HttpTraffic) -> bool {
    http.virtual_hosts.iter().any(|host| host.ai.is_some())
}

/// What clients speak to a port, under HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

/// How clients know a port: by its number, and what they speak.
pub(super) fn client_side(listener: &ir::Listener) -> (u16, Scheme) {
    let scheme = match listener.traffic {
        ir::Traffic::Tls(_) => Scheme::Https,
        ir::Traffic::Http(_) | ir::Traffic::Tcp(_) | ir::Traffic::Udp(_) => Scheme::Http,
    };
    (listener.port, scheme)
}

// === impl Scheme ===

impl Scheme {
    /// The port that need not be written.
    pub(super) fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// The network filter, of a port that clients know by this number.
pub(super) fn build_filter(
    client_side: (u16, Scheme),
    http: &ir::HttpTraffic,
    how: (&Telemetry, &BuildOptions),
) -> Filter {
    pack(&build_manager(client_side, http, how))
}

/// The same, behind TLS. Where clients are verified, budgets may count by their certificates, so
/// that the engine is told of them. Nobody else is.
pub(super) fn build_tls_filter(
    port: u16,
    tls: &ir::DownstreamTls,
    http: &ir::HttpTraffic,
    how: (&Telemetry, &BuildOptions),
) -> Filter {
    let mut manager = build_manager((port, Scheme::Https), http, how);
    let is_verified = tls
        .client_validation
        .as_ref()
        .is_some_and(|it| it.mode == ir::ClientValidationMode::Required);
    if is_verified && has_ai(http) {
        manager.forward_client_cert_details = hcm::ForwardClientCertDetails::SanitizeSet.into();
        manager.set_current_client_cert_details = Some(hcm::SetCurrentClientCertDetails {
            subject: yes(),
            dns: true,
            uri: true,
            ..hcm::SetCurrentClientCertDetails::default()
        });
    }
    pack(&manager)
}

fn pack(manager: &HttpConnectionManager) -> Filter {
    Filter {
        name: "envoy.filters.network.http_connection_manager".to_string(),
        config_type: Some(filter::ConfigType::TypedConfig(envoy::pack(manager))),
    }
}

fn build_manager(
    (port, scheme): (u16, Scheme),
    http: &ir::HttpTraffic,
    (told, options): (&Telemetry, &BuildOptions),
) -> HttpConnectionManager {
    HttpConnectionManager {
        stat_prefix: match scheme {
            Scheme::Http => format!("http-{port}"),
            Scheme::Https => format!("https-{port}"),
        },
        route_specifier: Some(hcm::RouteSpecifier::Rds(Rds {
            config_source: Some(ads()),
            route_config_name: http.name.clone(),
        })),
        http_filters: build_filters(http, (told, options)),
        common_http_protocol_options: Some(HttpProtocolOptions {
            // `a_b` and `a-b` are one header to some servers: refused, so that nobody can smuggle.
            headers_with_underscores_action:
                envoy::core::http_protocol_options::HeadersWithUnderscoresAction::RejectRequest
                    .into(),
            ..HttpProtocolOptions::default()
        }),
        http2_protocol_options: Some(Http2ProtocolOptions {
            max_concurrent_streams: uint32(CONCURRENT_STREAMS_MAX),
            initial_stream_window_size: uint32(STREAM_WINDOW_BYTES),
            initial_connection_window_size: uint32(CONNECTION_WINDOW_BYTES),
            ..Http2ProtocolOptions::default()
        }),
        server_header_transformation: hcm::ServerHeaderTransformation::PassThrough.into(),
        stream_idle_timeout: Some(duration_ms(STREAM_IDLE_MS)),
        request_headers_timeout: Some(duration_ms(REQUEST_HEADERS_MS)),
        // The zero value of `forward_client_cert_details` removes what clients say about their
        // certificates.
        use_remote_address: yes(),
        early_header_mutation_extensions: vec![build_early_mutation()],
        generate_request_id: yes(),
        request_id_extension: told.request_id.clone(),
        access_log: told.http(has_ai(http)),
        tracing: told.tracing.clone(),
        normalize_path: yes(),
        merge_slashes: true,
        path_with_escaped_slashes_action: hcm::PathWithEscapedSlashesAction::UnescapeAndRedirect
            .into(),
        local_reply_config: has_ai(http).then(|| {
            let limits = rate_limit::Kinds::of_ai(http);
            local_reply::build_local_replies(options.body_bytes_max, limits)
        }),
        ..HttpConnectionManager::default()
    }
}

fn build_filters(
    http: &ir::HttpTraffic,
    (told, options): (&Telemetry, &BuildOptions),
) -> Vec<HttpFilter> {
    let router = envoy::router::Router {
        suppress_envoy_headers: true,
        upstream_log: told.upstream.clone(),
        ..envoy::router::Router::default()
    };
    // First: a preflight is answered before anything is counted or checked.
    let mut filters = vec![cors::build_filter()];
    filters.extend(external_auth::build_filters(http));
    if has_ai(http) {
        filters.push(engine::build_filter(http, options));
    }
    filters.extend(rate_limit::build_filters(http));
    filters.push(session::build_filter());
    filters.push(HttpFilter {
        name: "envoy.filters.http.router".to_string(),
        config_type: Some(http_filter::ConfigType::TypedConfig(envoy::pack(&router))),
        ..HttpFilter::default()
    });
    filters
}

/// Removes what clients must not say: headers of ours (they choose clusters), and headers by
/// which Envoy can be told about retries and timeouts.
fn build_early_mutation() -> TypedExtensionConfig {
    let mutations = [names::OWN_HEADER_PREFIX, names::ENVOY_HEADER_PREFIX]
        .into_iter()
        .map(|text| HeaderMutation {
            action: Some(header_mutation::Action::RemoveOnMatch(
                header_mutation::RemoveOnMatch {
                    key_matcher: Some(prefix(text)),
                },
            )),
        });
    envoy::typed_extension(
        "envoy.http.early_header_mutation.header_mutation",
        &envoy::early_header_mutation::HeaderMutation {
            mutations: mutations.collect(),
        },
    )
}
