//! `appProtocol` of a Service's port: Kubernetes' names (KEP-3726), Envoy Gateway's, and those of
//! common use.

use tollgate_ir::UpstreamProtocol;

/// What a port says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AppProtocol {
    pub(super) protocol: UpstreamProtocol,
    /// It asks for TLS, and does not say whom to trust.
    pub(super) tls: bool,
}

// === impl AppProtocol ===

impl AppProtocol {
    /// A name that is not known is HTTP/1.1, as none is.
    pub(super) fn parse(text: Option<&str>) -> Self {
        let name = text.unwrap_or_default().to_ascii_lowercase();
        let name = name
            .strip_prefix("kubernetes.io/")
            .or_else(|| name.strip_prefix("gateway.envoyproxy.io/"))
            .unwrap_or(&name);
        let (protocol, tls) = match name {
            "h2c" | "grpc" | "http2" => (UpstreamProtocol::Http2, false),
            "https" | "tls" | "wss" => (UpstreamProtocol::Http1, true),
            "h2" | "grpcs" => (UpstreamProtocol::Http2, true),
            _ => (UpstreamProtocol::Http1, false),
        };
        Self { protocol, tls }
    }
}

#[cfg(test)]
mod tests {
    use super::AppProtocol;
    use tollgate_ir::UpstreamProtocol::{Http1, Http2};

    #[test]
    fn names_of_protocols_say_version_and_tls() {
        for (name, protocol, tls) in [
            (None, Http1, false),
            (Some("http"), Http1, false),
            (Some("kubernetes.io/ws"), Http1, false),
            (Some("kubernetes.io/wss"), Http1, true),
            (Some("kubernetes.io/h2c"), Http2, false),
            (Some("gateway.envoyproxy.io/h2c"), Http2, false),
            (Some("grpc"), Http2, false),
            (Some("HTTPS"), Http1, true),
            (Some("tls"), Http1, true),
            (Some("example.com/own"), Http1, false),
        ] {
            assert_eq!(
                AppProtocol::parse(name),
                AppProtocol { protocol, tls },
                "{name:?}"
            );
        }
    }
}
