//! A run: starts the stage, carries out the items one after the other, ends the stage.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tollgate_harness::{FaultProxy, RedisServer};
use tollgate_provider::{Simulator, SimulatorConfig};

use crate::{
    Findings, Form, ITEMS, Item, PeerConfig, Report, Row, Stage, StoreKind,
    peer::{
        Peer, address,
        address::Address,
        litellm::LiteLlm,
        tollgate::{Surroundings, Tollgate},
    },
    stage::SharedStore,
};

/// What is run.
#[derive(Clone, Debug)]
pub struct SuiteConfig {
    /// The gateway.
    pub peer: PeerConfig,
    /// Where its ledger is.
    pub store: StoreKind,
    /// Its processes.
    pub replicas: usize,
    /// Short or long.
    pub form: Form,
    /// Only these items; all of them when empty.
    pub items: Vec<u8>,
    /// Requests of the last item, instead of those of the form.
    pub requests: Option<u64>,
    /// Of all random choices.
    pub seed: u64,
}

/// Longest run of one item.
const ITEM_PATIENCE: Duration = Duration::from_secs(300);
/// Longest run of the last item in the long form.
const MILLION_PATIENCE: Duration = Duration::from_secs(3600);

/// Runs the suite.
///
/// # Errors
///
/// The stage does not come up. Items that cannot be carried out fail in the report.
pub async fn run(config: SuiteConfig) -> Result<Report> {
    let mut stage = stage(&config).await?;
    let mut report = Report {
        subject: format!(
            "{}, ledger in {}",
            stage.peer.name(),
            match config.store {
                StoreKind::Memory => "memory, one for each process",
                StoreKind::Redis => "Redis",
            }
        ),
        form: format!("{:?}", config.form).to_lowercase(),
        replicas: stage.peer.replicas(),
        rows: Vec::new(),
    };
    for item in ITEMS {
        if config.items.is_empty() || config.items.contains(&item.number) {
            let row = carry_out(&item, &mut stage).await;
            progress(&row);
            report.rows.push(row);
        }
    }
    Ok(report)
}

async fn stage(config: &SuiteConfig) -> Result<Stage> {
    let listen = match &config.peer {
        PeerConfig::Address(address) => SimulatorConfig {
            address: address.provider,
            ..SimulatorConfig::default()
        },
        _ => SimulatorConfig::default(),
    };
    let provider = Simulator::start(listen).await?;
    let second = Simulator::start(SimulatorConfig::default()).await?;
    let providers = [provider.addr(), second.addr()];
    let store = match config.store {
        StoreKind::Memory => None,
        StoreKind::Redis => {
            let redis = RedisServer::start().await?;
            let proxy = FaultProxy::start(redis.address(), config.seed).await?;
            Some(SharedStore { redis, proxy })
        }
    };
    let peer: Box<dyn Peer> = match &config.peer {
        PeerConfig::Tollgate(tollgate) => {
            let surroundings = Surroundings {
                redis_url: store.as_ref().map(|store| store.proxy.redis_url()),
                environments: vec![Vec::new(); config.replicas],
                ..Surroundings::default()
            };
            let started = Tollgate::start(tollgate.clone(), surroundings, providers);
            Box::new(started.await?)
        }
        PeerConfig::LiteLlm(litellm) => {
            let Some(store) = &store else {
                bail!("LiteLLM is tortured with Redis: --store redis");
            };
            let ledger = (&store.redis, store.proxy.address());
            let started = LiteLlm::start(litellm.clone(), config.replicas, ledger, providers);
            Box::new(started.await.context("start LiteLLM")?)
        }
        PeerConfig::Address(address) => Box::new(Address(address.clone())),
    };
    Ok(Stage {
        peer,
        provider,
        second,
        store,
        form: config.form,
        requests: config.requests,
        seed: config.seed,
        warmed: false,
    })
}

async fn carry_out(item: &Item, stage: &mut Stage) -> Row {
    let begun = Instant::now();
    if stage.peer.only_limit().is_some() && !item.one_key {
        let findings = Findings::not_applicable(address::ONE_KEY);
        return Row::new(item.number, item.name, &findings, begun.elapsed());
    }
    stage.clear();
    let patience = match (item.number, stage.form) {
        (20, Form::Long) => MILLION_PATIENCE,
        _ => ITEM_PATIENCE,
    };
    let carried = async {
        if stage.peer.only_limit().is_none() {
            stage.warm().await.context("warm up")?;
            stage.clear();
        }
        (item.run)(stage).await
    };
    let findings = match tokio::time::timeout(patience, carried).await {
        Ok(Ok(findings)) => findings,
        Ok(Err(error)) => not_carried_out(&format!("{error:#}")),
        Err(_) => not_carried_out(&format!("it did not end within {patience:?}")),
    };
    let mut findings = findings;
    if let Err(error) = tidy(stage).await {
        findings.require(false, format!("the stage cannot be used again: {error:#}"));
    }
    Row::new(item.number, item.name, &findings, begun.elapsed())
}

/// Makes the stage as it was: nothing of an item may reach the next.
async fn tidy(stage: &mut Stage) -> Result<()> {
    if let Some(store) = &stage.store {
        store.proxy.heal();
    }
    stage.forsake().await?;
    stage.clear();
    stage.peer.revive().await
}

fn not_carried_out(why: &str) -> Findings {
    let mut findings = Findings::new();
    findings.require(false, format!("could not be carried out: {why}"));
    findings
}

/// A line while the suite goes on.
#[expect(clippy::print_stderr, reason = "progress of a command")]
fn progress(row: &Row) {
    eprintln!(
        "{:>2} {} {:.1} s: {}",
        row.number, row.verdict, row.seconds, row.name
    );
}
