//! Where the service listens.

use std::{
    fmt,
    net::{SocketAddr, TcpStream},
    os::unix::{fs::FileTypeExt, net::UnixStream},
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::Context;
use tokio::net::{TcpListener, UnixListener};

/// Before the path of a Unix socket.
const UNIX: &str = "unix:";

/// An address as written: `127.0.0.1:8081` or `unix:/run/ratelimit.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// TCP, in plain text.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// A bound address. The file of a Unix socket goes away with it.
#[derive(Debug)]
pub struct Listener {
    address: Listen,
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection on its way to the thread that serves it.
#[derive(Debug)]
pub(crate) enum Connection {
    Tcp(TcpStream),
    Unix(UnixStream),
}

// === impl Listen ===

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix(UNIX) {
            Some("") => Err(format!("{text:?} names no socket after `{UNIX}`")),
            Some(path) => Ok(Self::Unix(PathBuf::from(path))),
            None => text
                .parse()
                .map(Self::Tcp)
                .map_err(|_| format!("{text:?} is neither IP:PORT nor {UNIX}PATH")),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl Listen {
    /// Begins to listen. A socket that an earlier process left behind is replaced.
    ///
    /// # Errors
    /// The address is taken or not ours, or something else than a socket stands at the path.
    pub async fn bind(&self) -> anyhow::Result<Listener> {
        let context = || format!("listen on {self}");
        match self {
            Self::Tcp(address) => {
                let socket = TcpListener::bind(address).await.with_context(context)?;
                let address = socket.local_addr().with_context(context)?;
                Ok(Listener {
                    address: Self::Tcp(address),
                    socket: Socket::Tcp(socket),
                })
            }
            Self::Unix(path) => {
                remove_old(path).with_context(context)?;
                let socket = UnixListener::bind(path).with_context(context)?;
                Ok(Listener {
                    address: self.clone(),
                    socket: Socket::Unix(socket),
                })
            }
        }
    }
}

fn remove_old(path: &Path) -> anyhow::Result<()> {
    let Ok(there) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    anyhow::ensure!(
        there.file_type().is_socket(),
        "{} is there and no socket",
        path.display()
    );
    std::fs::remove_file(path).with_context(|| format!("remove {}", path.display()))
}

// === impl Listener ===

impl Listener {
    /// Where it listens; a port of 0 has become the real one.
    pub fn address(&self) -> &Listen {
        &self.address
    }

    pub(crate) async fn accept(&self) -> std::io::Result<Connection> {
        Ok(match &self.socket {
            Socket::Tcp(socket) => {
                let connection = socket.accept().await?.0;
                connection.set_nodelay(true)?;
                Connection::Tcp(connection.into_std()?)
            }
            Socket::Unix(socket) => Connection::Unix(socket.accept().await?.0.into_std()?),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Listen::Unix(path) = &self.address {
            // Somebody may have removed it before us.
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Listen;

    #[test]
    fn addresses_are_tcp_or_unix_and_anything_else_is_named() {
        let tcp: Listen = "127.0.0.1:8081".parse().unwrap();
        assert_eq!(tcp.to_string(), "127.0.0.1:8081");
        let unix: Listen = "unix:/run/r.sock".parse().unwrap();
        assert_eq!(unix, Listen::Unix("/run/r.sock".into()));
        assert_eq!(unix.to_string(), "unix:/run/r.sock");
        for wrong in ["unix:", "localhost", "8081", ""] {
            let error = wrong.parse::<Listen>().unwrap_err();
            assert!(error.contains(&format!("{wrong:?}")), "{error}");
        }
    }

    #[tokio::test]
    async fn a_socket_left_behind_is_replaced_and_a_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let listener = Listen::Unix(path.clone()).bind().await.unwrap();
        drop(listener);
        assert!(!path.exists());
        std::fs::write(&path, "precious").unwrap();
        let error = Listen::Unix(path.clone()).bind().await.unwrap_err();
        assert!(format!("{error:#}").contains("no socket"), "{error:#}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }
}
