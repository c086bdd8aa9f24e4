//! The controller's method for proxies (`tollgate.link.v1.Link/Follow`), called from outside with
//! whatever certificate a stranger may have.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::process::Command;
use tollgate_harness::command::run_command;

use crate::{NAMESPACE, kubectl, shell};

/// Version of the messages below, `PROTOCOL` of the link.
const PROTOCOL: u8 = 2;

/// A certificate with its key, and the authority by which the controller is judged, in a folder.
pub struct Certificate(TempDir);

/// What a call of the method came to.
#[derive(Debug)]
pub struct LinkAnswer {
    /// Bytes of configuration.
    pub bytes: u64,
    /// Code of the gRPC status, where there is an answer; `0` is OK, `7` is PERMISSION_DENIED.
    pub grpc_status: String,
    /// What went wrong with the connection.
    pub error: String,
}

// === impl LinkAnswer ===

impl LinkAnswer {
    /// The connection was ended before any answer. How curl puts it depends on which of the two ends
    /// it was at: an alert of TLS, or a connection that is gone.
    pub fn is_shut_out(&self) -> bool {
        let ended = !self.error.is_empty() && !self.error.contains("timed out");
        ended && self.bytes == 0 && self.grpc_status.is_empty()
    }
}

// === impl Certificate ===

impl Certificate {
    /// The identity of a fleet, as the leader has put it into a Secret.
    ///
    /// # Errors
    ///
    /// There is no such Secret.
    pub async fn of_fleet(namespace: &str, secret: &str) -> Result<Self> {
        let folder = tempfile::tempdir().context("make a folder")?;
        for file in ["tls.crt", "tls.key", "ca.crt"] {
            let template = format!("go-template={{{{index .data \"{file}\" | base64decode}}}}");
            let get = ["get", "secret", secret, "-n", namespace, "-o", &template];
            std::fs::write(folder.path().join(file), kubectl(&get).await?)?;
        }
        Ok(Self(folder))
    }

    /// One that says of itself that it is this gateway's, and that no authority of ours has signed.
    ///
    /// # Errors
    ///
    /// openssl failed.
    pub async fn of_nobody(gateway: &str, trusted: &Self) -> Result<Self> {
        let folder = tempfile::tempdir().context("make a folder")?;
        let at = folder.path().display();
        shell(&format!(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=x \
             -addext subjectAltName=URI:{gateway} -addext extendedKeyUsage=clientAuth \
             -keyout {at}/tls.key -out {at}/tls.crt 2>/dev/null"
        ))
        .await?;
        std::fs::copy(trusted.file("ca.crt"), folder.path().join("ca.crt"))?;
        Ok(Self(folder))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// Asks the Service of the controllers for the configuration of a gateway (its URI), showing a
/// certificate or none. `trusted` has the authority of the controllers.
///
/// # Errors
///
/// curl could not be run.
pub async fn ask_link(
    gateway: &str,
    shown: Option<&Certificate>,
    trusted: &Certificate,
) -> Result<LinkAnswer> {
    let name = format!("tollgate-controller.{NAMESPACE}.svc");
    let template = "-o=jsonpath={.spec.clusterIP}";
    let get = ["get", "service", "tollgate-controller", "-n", NAMESPACE];
    let address = kubectl(&[&get[..], &[template]].concat()).await?;
    let folder = tempfile::tempdir().context("make a folder")?;
    let (reports, received) = (
        folder.path().join("reports"),
        folder.path().join("received"),
    );
    std::fs::write(&reports, reports_of(gateway))?;
    let mut call = Command::new("curl");
    call.args(["--silent", "--show-error", "--http2", "--max-time", "3"])
        .args(["--data-binary", &at(&reports)])
        .args(["--header", "content-type: application/grpc"])
        .args(["--header", "te: trailers"])
        .arg("--output")
        .arg(&received)
        .args(["--write-out", "%header{grpc-status}"])
        .args(["--connect-to", &format!("{name}:18000:{address}:18000")])
        .arg("--cacert")
        .arg(trusted.file("ca.crt"));
    if let Some(shown) = shown {
        call.arg("--cert").arg(shown.file("tls.crt"));
        call.arg("--key").arg(shown.file("tls.key"));
    }
    call.arg(format!("https://{name}:18000/tollgate.link.v1.Link/Follow"));
    let finished = run_command(call).await?;
    Ok(LinkAnswer {
        bytes: std::fs::metadata(received).map_or(0, |file| file.len()),
        grpc_status: finished.stdout,
        error: finished.stderr,
    })
}

/// What a proxy sends first: `Report { hello: Hello { gateway, pod: "stranger", protocol } }`. A
/// stream that ends with it is answered with OK where it is let in.
fn reports_of(gateway: &str) -> Vec<u8> {
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    let field = |tag: u8, bytes: &[u8]| [&[tag << 3 | 2, length(bytes)], bytes].concat();
    let mut hello = field(1, gateway.as_bytes());
    hello.extend(field(2, b"stranger"));
    hello.extend([3 << 3, PROTOCOL]);
    let report = field(1, &hello);
    [&[0, 0, 0, 0, length(&report)][..], &report].concat()
}

fn at(path: &Path) -> String {
    format!("@{}", path.display())
}
