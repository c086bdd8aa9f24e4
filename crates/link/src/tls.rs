//! TLS of both sides, from files that are read again when they have changed.
//!
//! TLS 1.3 only: both ends are ours. A server reads its files at each handshake and a client at
//! each connection, so that nothing must watch them.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::WebPkiServerVerifier,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
    version::TLS13,
};
use tokio::io::AsyncReadExt;
use tollgate_secret::Secret;

/// What HTTP/2 is called in the handshake (RFC 9113, section 3.2).
const ALPN: &[u8] = b"h2";

/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The three files of an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: the certificate first.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
    /// PEM: the authorities by which peers are judged.
    pub ca: PathBuf,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file has no PEM block of the kind that it should have.
    #[error("{}: it has no {what} in PEM form", path.display())]
    Pem {
        /// Which one.
        path: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
    },
    /// The files do not fit together, or not TLS.
    #[error("{} and its key or authorities cannot be used: {source}", certificate.display())]
    Unusable {
        /// Path of the certificate.
        certificate: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// No authority in the file can be used.
    #[error("{}: no authority in it can be used: {reason}", path.display())]
    Authorities {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Content of the three files.
#[derive(Clone, PartialEq, Eq)]
struct Material {
    certificate: Vec<u8>,
    key: Secret<Vec<u8>>,
    ca: Vec<u8>,
}

/// A server's configuration, brought to what its files say at each handshake. While they cannot be
/// used the last one that could is.
pub(crate) struct ServerTls {
    files: TlsFiles,
    last: Mutex<(Material, Arc<ServerConfig>)>,
}

// === impl TlsFiles ===

impl TlsFiles {
    /// `tls.crt`, `tls.key` and `ca.crt` of a folder: a mounted Secret.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            certificate: folder.join("tls.crt"),
            key: folder.join("tls.key"),
            ca: folder.join("ca.crt"),
        }
    }

    async fn read(&self) -> Result<Material, TlsError> {
        Ok(Material {
            certificate: read(&self.certificate).await?,
            key: read(&self.key).await?.into(),
            ca: read(&self.ca).await?,
        })
    }

    /// How to connect, by what the files say now.
    pub(crate) async fn client(&self) -> Result<ClientConfig, TlsError> {
        let material = self.read().await?;
        let (chain, key) = self.identity(&material)?;
        let roots = Arc::new(self.roots(&material)?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider()).build();
        let verifier = verifier.map_err(|error| self.authorities(&error))?;
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|source| self.unusable(source))?
            .with_webpki_verifier(verifier)
            .with_client_auth_cert(chain, key);
        let mut config = config.map_err(|source| self.unusable(source))?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(config)
    }

    fn server(&self, material: &Material) -> Result<ServerConfig, TlsError> {
        let (chain, key) = self.identity(material)?;
        let roots = Arc::new(self.roots(material)?);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
        let verifier = verifier.map_err(|error| self.authorities(&error))?;
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|source| self.unusable(source))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key);
        let mut config = config.map_err(|source| self.unusable(source))?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        // A resumed session would not ask for the certificate again.
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    fn identity(
        &self,
        material: &Material,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let chain = CertificateDer::pem_slice_iter(&material.certificate);
        let chain: Vec<_> = chain.filter_map(Result::ok).collect();
        if chain.is_empty() {
            return Err(TlsError::Pem {
                path: self.certificate.clone(),
                what: "certificate",
            });
        }
        let key = PrivateKeyDer::from_pem_slice(material.key.expose());
        let key = key.map_err(|_| TlsError::Pem {
            path: self.key.clone(),
            what: "private key",
        })?;
        Ok((chain, key))
    }

    fn roots(&self, material: &Material) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_slice_iter(&material.ca);
        let (added, _) = roots.add_parsable_certificates(certificates.filter_map(Result::ok));
        if added == 0 {
            return Err(TlsError::Pem {
                path: self.ca.clone(),
                what: "certificate",
            });
        }
        Ok(roots)
    }

    fn unusable(&self, source: rustls::Error) -> TlsError {
        TlsError::Unusable {
            certificate: self.certificate.clone(),
            source,
        }
    }

    fn authorities(&self, error: &dyn std::error::Error) -> TlsError {
        TlsError::Authorities {
            path: self.ca.clone(),
            reason: error.to_string(),
        }
    }
}

// === impl ServerTls ===

impl ServerTls {
    /// Reads the files a first time.
    pub(crate) async fn new(files: TlsFiles) -> Result<Self, TlsError> {
        let material = files.read().await?;
        let config = Arc::new(files.server(&material)?);
        let last = Mutex::new((material, config));
        Ok(Self { files, last })
    }

    /// What the files say now.
    pub(crate) async fn current(&self) -> Arc<ServerConfig> {
        match self.read_again().await {
            Ok(config) => config,
            Err(error) => {
                tracing::warn!(%error, "the last certificate that could be used is shown");
                self.last.lock().1.clone()
            }
        }
    }

    async fn read_again(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let material = self.files.read().await?;
        let (before, config) = self.last.lock().clone();
        if before == material {
            return Ok(config);
        }
        let config = Arc::new(self.files.server(&material)?);
        *self.last.lock() = (material, config.clone());
        tracing::info!(
            certificate = %self.files.certificate.display(),
            "the certificate has changed"
        );
        Ok(config)
    }
}

/// Named, since another crate of the process may have set a default.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

async fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let content = async {
        let mut content = Vec::new();
        let file = tokio::fs::File::open(path).await?;
        file.take(FILE_BYTES_MAX).read_to_end(&mut content).await?;
        Ok(content)
    };
    content.await.map_err(|source| TlsError::File {
        path: path.to_path_buf(),
        source,
    })
}
