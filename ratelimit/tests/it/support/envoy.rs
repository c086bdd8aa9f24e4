//! A real Envoy with a configuration written by hand, and an upstream that says what it cost.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use axum::{Router, http::HeaderMap, response::IntoResponse};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

use super::{DOMAIN, PATIENCE};

/// Where Envoy's binary is: `ENVOY_BIN`, else the place that `tollgate` downloads it to.
fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("ENVOY_BIN") {
        return PathBuf::from(path);
    }
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
        .expect("neither XDG_CACHE_HOME nor HOME is set");
    let path = cache.join("tollgate/envoy/1.40.0/envoy");
    assert!(
        path.exists(),
        "these tests need Envoy 1.40: set ENVOY_BIN, or put the binary at {}",
        path.display()
    );
    path
}

/// A running Envoy. Killed, with its files, when dropped; its log is shown when a test fails.
pub(crate) struct Envoy {
    pub(crate) url: String,
    folder: TempDir,
    _process: Child,
}

impl Envoy {
    /// Starts Envoy in front of the upstream, with the rate limit filter on that socket. Each
    /// route is a path prefix with its `rate_limits`.
    pub(crate) async fn start(socket: &Path, routes: &[(&str, Value)]) -> Self {
        let upstream = start_upstream().await;
        let folder = tempfile::tempdir().unwrap();
        let port = tollgate_ports::free_port().unwrap();
        let config = config(port, upstream, socket, routes);
        let path = folder.path().join("envoy.json");
        std::fs::write(&path, config.to_string()).unwrap();
        let log = std::fs::File::create(folder.path().join("envoy.log")).unwrap();
        let process = Command::new(binary())
            .arg("--config-path")
            .arg(&path)
            .args(["--use-dynamic-base-id", "--concurrency", "1"])
            .args(["--log-level", "warning"])
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let envoy = Self {
            url: format!("http://127.0.0.1:{port}"),
            folder,
            _process: process,
        };
        let up = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, up).await.unwrap();
        envoy
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.folder.path().join("envoy.log");
            eprintln!(
                "envoy's log:\n{}",
                std::fs::read_to_string(log).unwrap_or_default()
            );
        }
    }
}

/// Answers with the request's own `x-tokens` and `x-refund`, as if it had cost that.
async fn start_upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(|headers: HeaderMap| async move {
        let mut answer = HeaderMap::new();
        for name in ["x-tokens", "x-refund"] {
            if let Some(value) = headers.get(name) {
                answer.insert(name, value.clone());
            }
        }
        (answer, "served").into_response()
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn config(port: u16, upstream: SocketAddr, socket: &Path, routes: &[(&str, Value)]) -> Value {
    let routes: Vec<Value> = routes
        .iter()
        .map(|(prefix, rate_limits)| {
            json!({
                "match": {"prefix": prefix},
                "route": {"cluster": "upstream"},
                "typed_per_filter_config": {"envoy.filters.http.ratelimit": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute",
                    "rate_limits": rate_limits,
                }},
            })
        })
        .collect();
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "test",
        "route_config": {"virtual_hosts": [
            {"name": "all", "domains": ["*"], "routes": routes},
        ]},
        "http_filters": [rate_limit_filter(), metadata_filter(), {
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
        }],
    });
    let tcp = |address: SocketAddr| {
        json!({"socket_address": {
            "address": address.ip().to_string(), "port_value": address.port(),
        }})
    };
    json!({"static_resources": {
        "listeners": [{
            "name": "in",
            "address": tcp(SocketAddr::from(([127, 0, 0, 1], port))),
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager,
            }]}],
        }],
        "clusters": [
            cluster("upstream", &tcp(upstream), &json!({"http_protocol_options": {}})),
            cluster(
                "ratelimit",
                &json!({"pipe": {"path": socket}}),
                &json!({"http2_protocol_options": {}}),
            ),
        ],
    }})
}

fn rate_limit_filter() -> Value {
    json!({
        "name": "envoy.filters.http.ratelimit",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit",
            "domain": DOMAIN,
            "failure_mode_deny": true,
            "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
            "enable_retry_after_header": true,
            "timeout": "5s",
            "rate_limit_service": {
                "grpc_service": {"envoy_grpc": {"cluster_name": "ratelimit"}},
                "transport_api_version": "V3",
            },
        },
    })
}

/// Numbers of the answer's headers, where the end of the stream finds them.
fn metadata_filter() -> Value {
    let rule = |header: &str, key: &str| {
        json!({
            "header": header,
            "on_header_present": {
                "metadata_namespace": "cost", "key": key, "type": "NUMBER",
            },
        })
    };
    json!({
        "name": "envoy.filters.http.header_to_metadata",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config",
            "response_rules": [rule("x-tokens", "tokens"), rule("x-refund", "refund")],
        },
    })
}

fn cluster(name: &str, address: &Value, protocol: &Value) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": address}},
        ]}]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": protocol,
            },
        },
    })
}
