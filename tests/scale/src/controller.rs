//! The controllers, looked at from outside: their metrics, and of the leader's process the memory
//! and CPU time, as the kernel counts them.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::{Api, Client, api::ListParams, core::ApiResource, core::DynamicObject};
use tollgate_cluster::NAMESPACE;
use tollgate_harness::eventually_within;

/// Longest wait for all statuses of a run.
const SETTLED_MAX: Duration = Duration::from_secs(120);

/// All of them, while one leads.
pub(crate) struct Controllers {
    http: reqwest::Client,
    /// Addresses of all.
    addresses: Vec<String>,
    leader: String,
    leader_pid: u32,
}

/// Memory of a process, MiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) resident: f64,
    /// The most it ever was.
    pub(crate) peak: f64,
}

/// Metrics of one controller at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Figures(String);

// === impl Controllers ===

impl Controllers {
    /// Finds the pods, and which of them leads.
    pub(crate) async fn find(client: &Client) -> Result<Self> {
        let resource = ApiResource {
            group: String::new(),
            version: "v1".to_string(),
            api_version: "v1".to_string(),
            kind: "Pod".to_string(),
            plural: "pods".to_string(),
        };
        let pods: Api<DynamicObject> = Api::namespaced_with(client.clone(), NAMESPACE, &resource);
        let labels = ListParams::default().labels("app.kubernetes.io/component=controller");
        let pods = pods.list(&labels).await.context("list controllers")?;
        let client = reqwest::Client::builder().no_proxy();
        let mut found = Self {
            http: client.build().context("make an HTTP client")?,
            addresses: Vec::new(),
            leader: String::new(),
            leader_pid: 0,
        };
        for pod in pods {
            ensure!(pod.metadata.deletion_timestamp.is_none(), "a pod is ending");
            let address = pod.data["status"]["podIP"].as_str();
            let address = address.context("a pod has no address")?.to_string();
            if found.read(&address).await?.sum("tollgate_leader") > 0.0 {
                found.leader.clone_from(&address);
                found.leader_pid = controller_pid(pod.metadata.name.as_deref().unwrap_or(""))?;
            }
            found.addresses.push(address);
        }
        ensure!(!found.leader.is_empty(), "nobody leads");
        Ok(found)
    }

    /// The leader's metrics.
    pub(crate) async fn figures(&self) -> Result<Figures> {
        self.read(&self.leader).await
    }

    /// A metric, added up over all controllers.
    pub(crate) async fn sum(&self, metric: &str) -> Result<f64> {
        let mut sum = 0.0;
        for address in &self.addresses {
            sum += self.read(address).await?.sum(metric);
        }
        Ok(sum)
    }

    /// Waits until every status is written.
    pub(crate) async fn settled(&self) -> Result<()> {
        eventually_within(SETTLED_MAX, "all statuses are written", || async {
            let figures = self.figures().await.ok()?;
            (figures.sum("tollgate_kubernetes_statuses_waiting") == 0.0).then_some(())
        })
        .await
    }

    /// Memory of the leader.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.leader_pid));
        let text = text.context("the leader has ended")?;
        let mib = |field: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(field))?;
            let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
            Some(kib / 1024.0)
        };
        Ok(Memory {
            resident: mib("VmRSS:").context("no VmRSS")?,
            peak: mib("VmHWM:").context("no VmHWM")?,
        })
    }

    /// CPU time of the leader so far, in hundredths of a second: a finer count leaves out threads
    /// that have ended, and the translation runs on threads that end when they are idle.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let path = format!("/proc/{}/stat", self.leader_pid);
        let text = fs::read_to_string(path).context("the leader has ended")?;
        // The name between parentheses may hold anything; user and system time are the 12th and
        // 13th field after it, in hundredths of a second.
        let fields = text.rsplit_once(')').map(|(_, rest)| rest);
        let fields: Vec<&str> = fields.unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|it| it.parse::<u64>().ok());
        let ticks = ticks(11).zip(ticks(12)).context("read /proc/PID/stat")?;
        Ok(Duration::from_millis((ticks.0 + ticks.1) * 10))
    }

    async fn read(&self, address: &str) -> Result<Figures> {
        let url = format!("http://{address}:19001/metrics");
        let answer = self.http.get(&url).send().await.context("read metrics")?;
        Ok(Figures(answer.text().await.context("read metrics")?))
    }
}

// === impl Figures ===

impl Figures {
    /// All samples of a metric, added up; its name may go on with a unit or `_total`.
    pub(crate) fn sum(&self, metric: &str) -> f64 {
        let samples = self.0.lines().filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            let name = name.split('{').next()?;
            let rest = name.strip_prefix(metric)?;
            let is_it = matches!(rest, "" | "_total" | "_bytes" | "_bytes_total");
            if is_it {
                value.parse::<f64>().ok()
            } else {
                None
            }
        });
        samples.sum()
    }
}

/// The process of a controller's pod.
fn controller_pid(pod: &str) -> Result<u32> {
    let variable = format!("POD_NAME={pod}");
    for entry in fs::read_dir("/proc").context("list /proc")? {
        let name = entry.context("list /proc")?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // One that ends meanwhile is not it.
        let has = |file: &str, wanted: &str| {
            let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            text.split(|byte| *byte == 0)
                .any(|word| word == wanted.as_bytes())
        };
        if has("cmdline", "controller") && has("environ", &variable) {
            return Ok(pid);
        }
    }
    anyhow::bail!("no process of pod {pod} is here: this must run inside the node's namespaces")
}
