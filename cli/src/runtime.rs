//! The runtime of a command that serves until it is told to stop.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;

/// How long threads may still work when everything is done: one may be counting a text that
/// nobody waits for.
const THREADS_MAX: Duration = Duration::from_secs(1);

/// Runs `serve` to its end.
///
/// # Errors
///
/// Those of `serve`; or no threads can be started.
pub(crate) fn run_to_end(
    serve: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let done = runtime.block_on(serve);
    runtime.shutdown_timeout(THREADS_MAX);
    done.map(|()| ExitCode::SUCCESS)
}
