//! A connection to the controller, by what the files say now.

use std::{error::Error as _, io, sync::Arc, time::Duration};

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, time};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint};

use super::FollowConfig;
use crate::TlsError;

/// How long address, connection and handshake may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// How long address and connection may take of it: a Service may still lead to a controller that is
/// gone, and the next attempt leads to another.
const TCP_DEADLINE: Duration = Duration::from_secs(1);

/// Silence after which the controller is asked whether it is there, and how long it has to answer:
/// one whose machine is gone is left within 15 s.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5));

/// Window of the stream: a whole gateway passes without waiting for the proxy's word.
const WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("{uri} is no address of a controller: it must be https://HOST:PORT")]
    Address { uri: Uri },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("no connection to {address}: {source}")]
    Tcp { address: String, source: io::Error },
    #[error("no connection to {address} within {} s", CONNECT_DEADLINE.as_secs())]
    Deadline { address: String },
    #[error("no HTTP/2 with {address}: {reason}")]
    Http { address: String, reason: String },
}

/// Connects once. The channel does not connect again.
pub(crate) async fn connect(config: &FollowConfig) -> Result<Channel, ConnectError> {
    let uri = &config.controller;
    let wrong = || ConnectError::Address { uri: uri.clone() };
    let (Some("https"), Some(host), Some(port)) = (uri.scheme_str(), uri.host(), uri.port_u16())
    else {
        return Err(wrong());
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_string()).map_err(|_| wrong())?;
    let address = format!("{host}:{port}");
    let tls = TlsConnector::from(Arc::new(config.files.client().await?));
    let stream = async {
        let stream = time::timeout(TCP_DEADLINE, TcpStream::connect((host, port))).await??;
        stream.set_nodelay(true)?;
        tls.connect(name, stream).await
    };
    let stream = match time::timeout(CONNECT_DEADLINE, stream).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(source)) => return Err(ConnectError::Tcp { address, source }),
        Err(_) => return Err(ConnectError::Deadline { address }),
    };
    let endpoint = endpoint(uri)
        .ok_or_else(wrong)?
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .http2_keep_alive_interval(KEEPALIVE.0)
        .keep_alive_timeout(KEEPALIVE.1)
        .keep_alive_while_idle(true);
    let connector = once(stream);
    let channel = endpoint.connect_with_connector(connector).await;
    channel.map_err(|error| ConnectError::Http {
        address,
        reason: error.source().unwrap_or(&error).to_string(),
    })
}

/// By `http`: TLS is there already, and tonic shall add none.
fn endpoint(uri: &Uri) -> Option<Endpoint> {
    Endpoint::from_shared(format!("http://{}", uri.authority()?)).ok()
}

type Io = TokioIo<TlsStream<TcpStream>>;

/// Gives away the one connection that is there.
fn once(
    stream: TlsStream<TcpStream>,
) -> impl tower::Service<
    Uri,
    Response = Io,
    Error = io::Error,
    Future = std::future::Ready<io::Result<Io>>,
> + Send
+ 'static {
    let mut stream = Some(TokioIo::new(stream));
    tower::service_fn(move |_: Uri| {
        let gone = || io::Error::new(io::ErrorKind::NotConnected, "the connection is gone");
        std::future::ready(stream.take().ok_or_else(gone))
    })
}
