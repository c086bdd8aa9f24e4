//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context, bail};
use clap::{Parser, ValueEnum};
use tollgate_torture::{
    AddressConfig, Form, LiteLlmConfig, PeerConfig, StoreKind, SuiteConfig, TollgateConfig,
};

/// Tortures an AI gateway's token budgets and compares its ledger with its provider's.
#[derive(Debug, Parser)]
#[command(name = "tollgate-torture", version, max_term_width = 100)]
pub(crate) struct Args {
    /// Where Tollgate keeps its ledger.
    #[arg(long, value_enum, default_value_t = Store::Redis)]
    store: Store,

    /// Gateway processes.
    #[arg(long, default_value_t = 3)]
    replicas: usize,

    /// How long it takes: short (under a minute) or long (10^6 requests and real waits).
    #[arg(long, value_enum, default_value_t = Length::Short)]
    form: Length,

    /// Only these items: 1,4,20.
    #[arg(long, value_delimiter = ',')]
    items: Vec<u8>,

    /// Requests of item 20, instead of those of the form.
    #[arg(long)]
    requests: Option<u64>,

    /// Seed of all random choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// The tollgate binary; by default the one beside this program.
    #[arg(long, value_name = "PATH")]
    tollgate: Option<PathBuf>,

    /// Torture another gateway: `litellm`, or the address of one that runs
    /// (http://127.0.0.1:4000) and whose provider is set to --provider-listen.
    #[arg(long, value_name = "GATEWAY")]
    against: Option<String>,

    /// With --against litellm: its executable (`pip install 'litellm[proxy]==1.106.2'`).
    #[arg(long, value_name = "PATH", env = "LITELLM_BIN")]
    litellm: Option<PathBuf>,

    /// With --against URL: a client key whose limit nothing has been charged to yet.
    #[arg(long, env = "TORTURE_KEY", hide_env_values = true)]
    key: Option<String>,

    /// With --against URL: the limit of that key, in tokens per window.
    #[arg(long)]
    limit: Option<u64>,

    /// With --against URL: the model to ask for.
    #[arg(long, default_value = "gpt-4")]
    model: String,

    /// With --against URL: where the simulated OpenAI provider listens.
    #[arg(long, default_value = "127.0.0.1:8081")]
    provider_listen: SocketAddr,

    /// JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Store {
    Memory,
    Redis,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Length {
    Short,
    Long,
}

// === impl Args ===

impl Args {
    /// What is run.
    ///
    /// # Errors
    ///
    /// Arguments that belong together are not all there.
    pub(crate) fn config(self) -> anyhow::Result<SuiteConfig> {
        let Self {
            store,
            replicas,
            form,
            items,
            requests,
            seed,
            tollgate,
            against,
            litellm,
            key,
            limit,
            model,
            provider_listen,
            json: _,
        } = self;
        let peer = match against.as_deref() {
            None => PeerConfig::Tollgate(TollgateConfig {
                binary: tollgate.map_or_else(beside_this, Ok)?,
            }),
            Some("litellm") => PeerConfig::LiteLlm(LiteLlmConfig {
                executable: litellm.map_or_else(installed_litellm, Ok)?,
            }),
            Some(url) if url.starts_with("http://") => PeerConfig::Address(AddressConfig {
                url: url.trim_end_matches('/').to_string(),
                key: key.context("--against URL needs --key")?,
                limit: limit.context("--against URL needs --limit")?,
                model,
                provider: provider_listen,
            }),
            Some(other) => {
                bail!("--against: {other:?} is neither `litellm` nor an http:// address")
            }
        };
        Ok(SuiteConfig {
            peer,
            store: match store {
                Store::Memory => StoreKind::Memory,
                Store::Redis => StoreKind::Redis,
            },
            replicas: replicas.max(1),
            form: match form {
                Length::Short => Form::Short,
                Length::Long => Form::Long,
            },
            items,
            requests,
            seed,
        })
    }
}

fn beside_this() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("find this program")?;
    let binary = this.with_file_name("tollgate");
    anyhow::ensure!(
        binary.exists(),
        "{} is missing: build it (cargo build -p tollgate) or name it with --tollgate",
        binary.display()
    );
    Ok(binary)
}

/// Where `make torture-litellm` installs it.
fn installed_litellm() -> anyhow::Result<PathBuf> {
    let home = std::env::var_os("HOME").context("HOME is not set: name LiteLLM with --litellm")?;
    Ok(PathBuf::from(home).join(".cache/tollgate/litellm/bin/litellm"))
}
