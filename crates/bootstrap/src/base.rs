//! What every bootstrap says: where Envoy's configuration comes from, its admin interface, its
//! limits. Everything else arrives over xDS.
//!
//! It is made with placeholders, so that a change can be checked where nobody knows the proxy's
//! folder; [`filled`] puts in what the proxy knows.

use std::path::{Path, PathBuf};

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

/// The cluster that Envoy's configuration comes from.
pub(crate) const XDS_CLUSTER: &str = "tollgate-xds";
/// Connections that are assumed where the proxy's own limit is not known.
pub(crate) const CONNECTIONS_MAX: u64 = 50_000;

const NODE_ID: &str = "TOLLGATE_NODE_ID";
const NODE_CLUSTER: &str = "TOLLGATE_NODE_CLUSTER";
const ADMIN_SOCKET: &str = "TOLLGATE_ADMIN_SOCKET";
const XDS_SOCKET: &str = "TOLLGATE_XDS_SOCKET";

/// The bootstrap where nothing is added or changed, as protobuf JSON.
pub fn bootstrap(options: &BootstrapOptions) -> Value {
    filled(template(options.connections_max), options)
}

/// The bootstrap with placeholders.
pub(crate) fn template(connections_max: u64) -> Value {
    json!({
        "node": {"id": NODE_ID, "cluster": NODE_CLUSTER},
        "admin": {"address": admin_address(&Admin::Socket(ADMIN_SOCKET.into()))},
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
        "static_resources": {"clusters": [xds_cluster(Path::new(XDS_SOCKET))]},
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

/// A template, changed or not, with what the proxy knows. What it fills no change can touch.
pub(crate) fn filled(mut template: Value, options: &BootstrapOptions) -> Value {
    let BootstrapOptions {
        node_id,
        node_cluster,
        xds_socket,
        admin,
        connections_max: _,
    } = options;
    template["node"]["id"] = json!(node_id);
    template["node"]["cluster"] = json!(node_cluster);
    template["admin"]["address"] = admin_address(admin);
    let clusters = template["static_resources"]["clusters"].as_array_mut();
    for cluster in clusters.into_iter().flatten() {
        if cluster["name"] == XDS_CLUSTER {
            *cluster = xds_cluster(xds_socket);
        }
    }
    template
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

fn xds_cluster(socket: &Path) -> Value {
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
