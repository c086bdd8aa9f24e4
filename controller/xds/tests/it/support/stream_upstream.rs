//! Upstreams below HTTP, and HTTP ones with TLS.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tollgate_ir as ir;

use super::certs;

/// Says its name to each connection and ends it; returns its port.
pub(crate) async fn tcp(name: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let _ = socket.write_all(name.as_bytes()).await;
            });
        }
    });
    port
}

/// Answers each datagram with its name and the datagram; returns its port.
pub(crate) async fn udp(name: &'static str) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let answer = [name.as_bytes(), b":", &buffer[..length]].concat();
            let _ = socket.send_to(&answer, from).await;
        }
    });
    port
}

/// A server with TLS: one request or message for each connection. It answers with its name, the
/// server name that the client asked for and how many certificates the client has shown. With
/// `client_ca`, clients must show one.
pub(crate) async fn tls(
    name: &'static str,
    certificate: &ir::Certificate,
    client_ca: Option<&str>,
) -> u16 {
    let config = ServerConfig::builder();
    let config = match client_ca {
        None => config.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
                .unwrap();
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots));
            config.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let (chain, key) = certs::der(certificate);
    let config = config.with_single_cert(chain, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(socket).await else {
                    return;
                };
                let session = stream.get_ref().1;
                let shown = session.peer_certificates().map_or(0, <[_]>::len);
                let asked = session.server_name().unwrap_or("-").to_string();
                let text = format!("{name} {asked} {shown}");
                answer(&mut stream, &text).await;
            });
        }
    });
    port
}

/// As HTTP, if it was asked in HTTP.
async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), text: &str) {
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer).await.unwrap_or(0);
    let answer = match buffer[..length].starts_with(b"GET ") {
        true => format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        ),
        false => text.to_string(),
    };
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Takes WebSocket handshakes and echoes what comes then; returns its port.
pub(crate) async fn websocket() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(socket.read_u8().await?);
                }
                let asked = String::from_utf8_lossy(&head).to_ascii_lowercase();
                assert!(asked.contains("upgrade: websocket"), "{asked}");
                let answer = b"HTTP/1.1 101 Switching Protocols\r\n\
                    upgrade: websocket\r\nconnection: Upgrade\r\n\r\n";
                socket.write_all(answer).await?;
                let (mut from, mut to) = socket.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    port
}
