//! Envoy's admin interface, over its private Unix socket.

use std::path::Path;
use std::time::Duration;

/// Longest wait for an answer.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(2);

/// A client of one Envoy's admin interface.
#[derive(Clone, Debug)]
pub struct EnvoyAdmin {
    client: reqwest::Client,
}

// === impl EnvoyAdmin ===

impl EnvoyAdmin {
    /// A client for the socket at `path`; connects when it is asked something.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn new(path: &Path) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .unix_socket(path)
            .timeout(ANSWER_WAIT_MAX)
            .no_proxy()
            .build()?;
        Ok(Self { client })
    }

    /// Whether Envoy says it serves: it has its first listeners and is not draining.
    pub async fn is_live(&self) -> bool {
        let answer = self.client.get("http://envoy/ready").send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Asks for a change (`/drain_listeners?graceful`).
    ///
    /// # Errors
    /// When Envoy does not answer or refuses.
    pub async fn post(&self, path_and_query: &str) -> reqwest::Result<()> {
        let url = format!("http://envoy{path_and_query}");
        self.client.post(url).send().await?.error_for_status()?;
        Ok(())
    }

    /// Requests that clients wait for now.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub async fn active_requests(&self) -> reqwest::Result<u64> {
        let url = "http://envoy/stats?filter=%5Ehttp%5C..*downstream_rq_active%24";
        let text = self
            .client
            .get(url)
            .send()
            .await?
            .error_for_status()?
            .text()
            .await?;
        Ok(sum_active(&text))
    }
}

/// Sums `http.NAME.downstream_rq_active: N` without the admin interface's own, which counts
/// the question.
fn sum_active(stats: &str) -> u64 {
    stats
        .lines()
        .filter(|line| !line.starts_with("http.admin."))
        .filter_map(|line| line.split_once(": ")?.1.trim().parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    #[test]
    fn active_requests_are_those_of_clients_not_of_the_admin() {
        let stats = "http.admin.downstream_rq_active: 1\nhttp.a.downstream_rq_active: 2\nhttp.b.downstream_rq_active: 3\n";
        assert_eq!(super::sum_active(stats), 5);
    }
}
