//! Says that the gateway serves, once it does.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::sync::watch;

use super::origin::Origin;
use crate::output;

/// Never returns unless waiting becomes pointless.
pub(super) async fn announce(
    mut ready: watch::Receiver<bool>,
    address: Option<SocketAddr>,
    admin: SocketAddr,
    origin: &Origin,
) -> anyhow::Error {
    if ready.wait_for(|ready| *ready).await.is_err() {
        return anyhow::anyhow!("the gateway ended before it was ready");
    }
    let reachable = |address: SocketAddr| {
        let mut address = address;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{address}")
    };
    match address.map(reachable) {
        Some(url) => {
            output::result(&format!("ready {url}/v1 (admin {})", reachable(admin)));
            if let Some(hint) = origin.hint(&url) {
                output::result(&hint);
            }
        }
        None => {
            output::result(&format!(
                "ready, but no listener is in effect (admin {})",
                reachable(admin)
            ));
        }
    }
    std::future::pending().await
}
