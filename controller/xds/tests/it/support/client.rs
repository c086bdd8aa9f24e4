//! A client that says which server name it wants, which certificate it has, which protocol it
//! speaks; and that keeps its connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tollgate_ir as ir;

use super::certs;

const PATIENCE: Duration = Duration::from_secs(10);

/// How to connect.
pub(crate) struct Client<'a> {
    pub(crate) port: u16,
    pub(crate) ca_pem: &'a str,
    pub(crate) certificate: Option<&'a ir::Certificate>,
    pub(crate) alpn: &'a [&'a str],
}

/// A connection that speaks HTTP.
pub(crate) enum Connection {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

// === impl Client ===

impl<'a> Client<'a> {
    pub(crate) fn new(port: u16, ca_pem: &'a str) -> Self {
        Self {
            port,
            ca_pem,
            certificate: None,
            alpn: &["h2", "http/1.1"],
        }
    }

    /// A TLS connection for this server name. With TLS 1.3 a server's refusal of the client's
    /// certificate is seen when something is read.
    pub(crate) async fn tls(&self, server_name: &str) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(self.ca_pem.as_bytes()).unwrap();
        roots.add(ca).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots);
        let mut config = match self.certificate {
            None => config.with_no_client_auth(),
            Some(certificate) => {
                let (chain, key) = certs::der(certificate);
                config.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.alpn_protocols = self.alpn.iter().map(|it| it.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(server_name.to_string()).unwrap();
        let socket = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, socket);
        tokio::time::timeout(PATIENCE, connecting).await.unwrap()
    }

    /// The same, with HTTP of the version that was agreed on.
    pub(crate) async fn http(&self, server_name: &str) -> io::Result<Connection> {
        let stream = self.tls(server_name).await?;
        let alpn = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        let io = TokioIo::new(stream);
        if alpn.as_deref() == Some(b"h2") {
            let made = http2::handshake(TokioExecutor::new(), io).await;
            let (sender, connection) = made.map_err(io::Error::other)?;
            tokio::spawn(connection);
            return Ok(Connection::Http2(sender));
        }
        let (sender, connection) = http1::handshake(io).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Connection::Http1(sender))
    }

    /// One request over a connection of its own: the status and the body.
    pub(crate) async fn get(&self, server_name: &str, url: &str) -> io::Result<(u16, String)> {
        self.http(server_name).await?.get(url).await
    }
}

// === impl Connection ===

impl Connection {
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        let answer = async {
            match self {
                Self::Http1(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
                Self::Http2(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
            }
        };
        tokio::time::timeout(PATIENCE, answer).await.unwrap()
    }

    /// The URL's host is sent as it stands, whatever the connection is for.
    pub(crate) async fn get(&mut self, url: &str) -> io::Result<(u16, String)> {
        self.get_with(url, &[]).await
    }

    pub(crate) async fn get_with(
        &mut self,
        url: &str,
        headers: &[(&str, &str)],
    ) -> io::Result<(u16, String)> {
        let uri: hyper::Uri = url.parse().unwrap();
        let host = uri.authority().unwrap().to_string();
        let request = match self {
            Self::Http1(_) => {
                Request::get(uri.path_and_query().unwrap().as_str()).header("host", host)
            }
            Self::Http2(_) => Request::get(uri),
        };
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let response = self.send(request.body(Full::default()).unwrap()).await;
        let response = response.map_err(io::Error::other)?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await;
        let body = body.map_err(io::Error::other)?.to_bytes();
        Ok((status, String::from_utf8(body.to_vec()).unwrap()))
    }
}
