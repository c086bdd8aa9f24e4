//! Log lines on stderr.

mod batch;
mod json;

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::args::{LogArgs, LogFormat};

use batch::Batch;
pub(crate) use batch::Flush;
use json::JsonLines;

/// Starts logging for the whole process; what is returned must live as long.
///
/// # Errors
///
/// The filter cannot be parsed.
pub(crate) fn start(args: &LogArgs) -> anyhow::Result<Flush> {
    let (batch, flush) =
        Batch::start(Box::new(std::io::stderr())).context("start the log thread")?;
    // The library of the metrics says at `info` that it ends.
    let filter = EnvFilter::try_new(format!("opentelemetry_sdk=warn,{}", args.log_level))
        .with_context(|| format!("--log-level {:?} is not a log filter", args.log_level))?;
    let json = match args.log_format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Json => true,
        LogFormat::Text => false,
    };
    let registry = tracing_subscriber::registry().with(filter);
    if json {
        registry.with(JsonLines::new(batch)).init();
    } else {
        let layer = fmt::layer()
            .compact()
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(batch);
        registry.with(layer).init();
    }
    Ok(flush)
}
