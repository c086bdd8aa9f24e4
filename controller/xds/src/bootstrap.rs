//! The file that Envoy starts with: where its configuration comes from, its admin interface, its
//! limits. Everything else arrives over xDS.

use std::path::PathBuf;

use serde_json::{Value, json};

/// What the bootstrap depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapOptions {
    /// Name of this Envoy, unique among the fleet.
    pub node_id: String,
    /// The gateway (`namespace/name`) that it belongs to.
    pub node_cluster: String,
    /// Unix socket of the xDS server (`serve`).
    pub xds_socket: PathBuf,
    /// Where the admin interface listens.
    pub admin: Admin,
    /// Connections of clients that may be open at a time. Each HTTP/1.1 client needs one for a
    /// request in flight, so this bounds the work and the memory of the gateway.
    pub connections_max: u64,
}

/// Where the admin interface listens. It can stop Envoy and read its configuration: never on an
/// address that others reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admin {
    /// A port of 127.0.0.1; 0 takes a free one.
    Loopback(u16),
    /// A Unix socket.
    Socket(PathBuf),
}

const XDS_CLUSTER: &str = "tollgate-xds";

/// The bootstrap as protobuf JSON, as `envoy --config-path` reads it from a `.json` file.
pub fn bootstrap(options: &BootstrapOptions) -> Value {
    let BootstrapOptions {
        node_id,
        node_cluster,
        xds_socket,
        admin,
        connections_max,
    } = options;
    json!({
        "node": {"id": node_id, "cluster": node_cluster},
        "admin": {"address": admin_address(admin)},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": true,
                "grpc_services": [{"envoy_grpc": {"cluster_name": XDS_CLUSTER}}],
            },
            "cds_config": ads(),
            "lds_config": ads(),
        },
        "static_resources": {"clusters": [xds_cluster(xds_socket)]},
        "overload_manager": {
            "resource_monitors": [{
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": connections_max.to_string(),
                },
            }],
        },
        // Counters of clusters that get no traffic are not made: a gateway has many clusters.
        "deferred_stat_options": {"enable_deferred_creation_stats": true},
    })
}

/// The first snapshot is waited for, however long it takes.
fn ads() -> Value {
    json!({"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"})
}

fn admin_address(admin: &Admin) -> Value {
    match admin {
        Admin::Loopback(port) => {
            json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
        }
        Admin::Socket(path) => json!({"pipe": {"path": path, "mode": 0o600}}),
    }
}

fn xds_cluster(socket: &std::path::Path) -> Value {
    json!({
        "name": XDS_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {
                    // Notices a controller that is gone without a word.
                    "connection_keepalive": {"interval": "30s", "timeout": "5s"},
                }},
            },
        },
        "load_assignment": {
            "cluster_name": XDS_CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": socket}}}}]}],
        },
    })
}
