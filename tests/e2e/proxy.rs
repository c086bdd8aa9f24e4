//! `tollgate proxy`: a gateway that comes from a controller, with and without one.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    sync::oneshot,
    task::JoinHandle,
};
use tollgate_harness::{Echo, eventually, eventually_within};
use tollgate_ir as ir;
use tollgate_link::{GatewayIdentity, LinkServer, ProxySettings, TlsFiles};
use tollgate_pki::{Authority, Identity};
use tollgate_ports::free_port;

const DAY: Duration = Duration::from_secs(24 * 3600);
const WAIT: Duration = Duration::from_secs(30);
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A controller that serves one gateway, and a proxy that follows it.
struct Stage {
    folder: TempDir,
    identity: GatewayIdentity,
    link: SocketAddr,
    server: Option<Controller>,
    proxy: Child,
    observe: u16,
    client: reqwest::Client,
}

struct Controller {
    server: LinkServer,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles {
        certificate: folder.join("tls.crt"),
        key: folder.join("tls.key"),
        ca: folder.join("ca.crt"),
    }
}

fn write(folder: &Path, identity: &Identity) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("tls.crt"), &identity.chain_pem)?;
    std::fs::write(folder.join("tls.key"), identity.key_pem.expose())?;
    std::fs::write(folder.join("ca.crt"), &identity.ca_pem)?;
    Ok(())
}

fn controller(listener: TcpListener, folder: &Path) -> Controller {
    let server = LinkServer::new();
    let (stop, stopped) = oneshot::channel::<()>();
    let (serving, files) = (server.clone(), files(&folder.join("controller")));
    let task = tokio::spawn(async move {
        let stopped = async { stopped.await.unwrap_or_default() };
        serving
            .serve(listener, files, stopped)
            .await
            .expect("a link");
    });
    Controller { server, stop, task }
}

impl Stage {
    async fn start(drain: (u64, u64)) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let identity = GatewayIdentity::gateway("team", "web")?;
        let now = SystemTime::now();
        let authority = Authority::new("tests", 10 * DAY, now)?;
        let names = ["localhost".to_string()];
        let own = authority.issue_server(&names, DAY, now)?;
        write(&folder.path().join("controller"), &own)?;
        let fleet = authority.issue_client(&identity.uri(), DAY, now)?;
        write(&folder.path().join("identity"), &fleet)?;
        // It is listened on again, after a while without anybody.
        let listener = TcpListener::bind((LOCAL, free_port()?)).await?;
        let link = listener.local_addr()?;
        let server = controller(listener, folder.path());
        let observe = free_port()?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        let proxy = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["proxy", "--gateway", "team/web", "--pod", "web-0"])
            .arg(format!("--controller=https://localhost:{}", link.port()))
            .args(["--admin-bind", "127.0.0.1:0", "--concurrency", "1"])
            .arg(format!("--observe-bind=127.0.0.1:{observe}"))
            .arg(format!("--drain-min={}", drain.0))
            .arg(format!("--drain-max={}", drain.1))
            .arg("--identity")
            .arg(folder.path().join("identity"))
            .arg("--runtime-dir")
            .arg(folder.path())
            .args(["--log-format", "json"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self {
            folder,
            identity,
            link,
            server: Some(server),
            proxy,
            observe,
            client: reqwest::Client::builder()
                .no_proxy()
                .timeout(WAIT)
                .build()?,
        })
    }

    fn publish(&self, gateway: ir::Gateway) -> Result<tollgate_link::Version> {
        let controller = self.server.as_ref().context("no controller")?;
        let settings = ProxySettings::default();
        Ok(controller
            .server
            .publish(&self.identity, Arc::new(gateway), settings)?)
    }

    /// Publishes a gateway and waits until the proxy says that it is in effect; gives the names of
    /// what is refused.
    async fn apply(&self, gateway: ir::Gateway) -> Result<Vec<String>> {
        let version = self.publish(gateway)?;
        let controller = self.server.as_ref().context("no controller")?;
        let progress = controller.server.progress();
        let applied = eventually_within(WAIT, "the version is in effect", async || {
            let progress = progress.borrow().gateways.get(&self.identity)?.clone();
            let proxy = progress.proxies.get("web-0")?.clone();
            (proxy.applied == Some(version)).then_some(proxy)
        });
        let applied = applied.await.with_context(|| self.log())?;
        let refused = applied.refused.filter(|it| it.version == version);
        let items = refused.into_iter().flat_map(|it| it.items);
        Ok(items.map(|item| item.resource).collect())
    }

    /// Status and text of a path that everybody may see.
    async fn observed(&self, path: &str) -> Option<(u16, String)> {
        let url = format!("http://127.0.0.1:{}{path}", self.observe);
        let answer = self.client.get(url).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    async fn until_ready(&self) -> Result<()> {
        eventually_within(WAIT, "the proxy is ready", async || {
            self.observed("/ready")
                .await
                .filter(|(status, _)| *status == 200)
        })
        .await
        .with_context(|| self.log())?;
        Ok(())
    }

    async fn get(&self, port: u16) -> Result<(u16, Value)> {
        let url = format!("http://127.0.0.1:{port}/");
        let answer = self.client.get(url).send().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await.unwrap_or_default()))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    async fn lose_controller(&mut self) -> Result<()> {
        let controller = self.server.take().context("no controller")?;
        let _ = controller.stop.send(());
        controller.task.await?;
        Ok(())
    }

    async fn terminate(&self) -> Result<()> {
        let pid = self.proxy.id().context("it has ended")?.to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status().await?;
        assert!(told.success());
        Ok(())
    }
}

fn listener(name: &str, port: u16, upstream: SocketAddr) -> ir::Listener {
    let name = format!("team/web/{name}");
    let destination = ir::Destination {
        name: String::new(),
        endpoints: vec![ir::Endpoint {
            host: ir::Host::Ip(upstream.ip()),
            port: upstream.port(),
            draining: false,
        }],
        tls: None,
        protocol: ir::UpstreamProtocol::Http1,
    };
    let route = ir::HttpRoute {
        name: "httproute/team/all/rule/0/match/0".to_string(),
        matches: ir::HttpMatch {
            path: ir::PathMatch::Prefix("/".to_string()),
            method: None,
            headers: Vec::new(),
            query: Vec::new(),
        },
        filters: Vec::new(),
        action: ir::HttpAction::Forward(vec![ir::WeightedBackend {
            name: "httproute/team/all/rule/0/backend/0".to_string(),
            weight: 1,
            filters: Vec::new(),
            destination: Ok(destination),
        }]),
        websocket: false,
        timeouts: ir::Timeouts::default(),
        retry: None,
        session: None,
        rate_limits: None,
    };
    let http = ir::HttpTraffic {
        name: name.clone(),
        virtual_hosts: ir::Shared::list([ir::VirtualHost {
            name: format!("{name}/*"),
            hostname: ir::Hostname::Any,
            routes: ir::Shared::list([route]),
            ai: None,
        }]),
        misdirected: Vec::new(),
    };
    ir::Listener {
        name,
        address: LOCAL,
        port,
        bind_port: port,
        traffic: ir::Traffic::Http(http),
    }
}

fn gateway(listeners: Vec<ir::Listener>) -> ir::Gateway {
    ir::Gateway {
        listeners,
        ..ir::Gateway::default()
    }
}

#[tokio::test]
async fn proxy_waits_for_a_configuration_follows_it_and_outlives_its_controller() -> Result<()> {
    let (one, two) = (Echo::start("one").await?, Echo::start("two").await?);
    let mut stage = Stage::start((0, 5)).await?;
    let port = free_port()?;
    let (status, words) =
        eventually("it is there", async || stage.observed("/ready").await).await?;
    assert_eq!(status, 503, "{words}");
    assert!(words.contains("no configuration"), "{words}");
    let health = stage.observed("/health").await.context("health")?;
    assert_eq!(health.0, 200);

    let refused = stage.apply(gateway(vec![listener("80", port, one.addr())]));
    assert_eq!(refused.await?, Vec::<String>::new());
    stage.until_ready().await?;
    assert_eq!(stage.get(port).await?.1["server"], "one");

    // A port that somebody else has is reported, and the change beside it is in effect.
    let taken = TcpListener::bind((LOCAL, 0)).await?;
    let refused = stage.apply(gateway(vec![
        listener("80", port, two.addr()),
        listener("81", taken.local_addr()?.port(), two.addr()),
    ]));
    assert_eq!(refused.await?, ["team/web/81"]);
    assert_eq!(stage.get(port).await?.1["server"], "two");
    let (_, metrics) = stage.observed("/metrics").await.context("metrics")?;
    assert!(metrics.contains("tollgate_link_connected"), "{metrics}");
    let value = |metrics: &str, name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(name))?;
        line.rsplit_once(' ')?.1.parse::<f64>().ok()
    };
    assert_eq!(value(&metrics, "tollgate_link_connected"), Some(1.0));
    assert_eq!(value(&metrics, "tollgate_configuration_refused"), Some(1.0));

    stage.lose_controller().await?;
    eventually("the metric says that the link is down", async || {
        let (_, metrics) = stage.observed("/metrics").await?;
        (value(&metrics, "tollgate_link_connected") == Some(0.0)).then_some(())
    })
    .await?;
    assert_eq!(stage.get(port).await?.1["server"], "two");
    assert_eq!(stage.observed("/ready").await.context("ready")?.0, 200);

    // Another one has the say when it is there.
    let listener_again = TcpListener::bind(stage.link).await?;
    stage.server = Some(controller(listener_again, stage.folder.path()));
    let refused = stage.apply(gateway(vec![listener("80", port, one.addr())]));
    assert_eq!(refused.await?, Vec::<String>::new());
    assert_eq!(stage.get(port).await?.1["server"], "one");
    Ok(())
}

#[tokio::test]
async fn proxy_that_is_told_to_end_is_unready_at_once_and_serves_until_nobody_asks() -> Result<()> {
    let echo = Echo::start("one").await?;
    let mut stage = Stage::start((2, 10)).await?;
    let port = free_port()?;
    stage
        .apply(gateway(vec![listener("80", port, echo.addr())]))
        .await?;
    stage.until_ready().await?;
    let told = Instant::now();
    stage.terminate().await?;
    let (_, words) = eventually("it is unready", async || {
        stage
            .observed("/ready")
            .await
            .filter(|(status, _)| *status == 503)
    })
    .await?;
    assert!(words.contains("Draining"), "{words}");
    let mut served = 0;
    while told.elapsed() < Duration::from_millis(1500) {
        // A connection of its own each time, as clients that know nothing yet make them.
        let client = reqwest::Client::builder().no_proxy().build()?;
        let answer = client.get(format!("http://127.0.0.1:{port}/")).send();
        assert_eq!(answer.await?.status(), 200);
        served += 1;
    }
    assert!(served > 3, "{served} requests");
    let status = tokio::time::timeout(WAIT, stage.proxy.wait()).await??;
    assert_eq!(status.code(), Some(0), "{}", stage.log());
    let took = told.elapsed();
    assert!(took >= Duration::from_secs(2), "{took:?}");
    Ok(())
}

#[tokio::test]
async fn proxy_that_has_no_configuration_yet_ends_at_once() -> Result<()> {
    let mut stage = Stage::start((5, 30)).await?;
    eventually("it is there", async || stage.observed("/health").await).await?;
    stage.terminate().await?;
    let status = tokio::time::timeout(Duration::from_secs(5), stage.proxy.wait()).await??;
    assert_eq!(status.code(), Some(0), "{}", stage.log());
    Ok(())
}
