//! `tollgate probe`: waits until a URL answers 200. The image has no shell and no curl; `helm
//! test`, and people who look into a pod, ask with this.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use crate::{args::ProbeArgs, output};

/// Longest wait for one answer.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(5);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(250);
/// Of an answer, in characters, that is shown.
const SHOWN_MAX: usize = 2000;

pub(crate) fn probe(args: &ProbeArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    output::result(&runtime.block_on(ask_until_well(args))?);
    Ok(ExitCode::SUCCESS)
}

/// The answer's body, or why there was none in time.
async fn ask_until_well(args: &ProbeArgs) -> anyhow::Result<String> {
    let client = reqwest::Client::builder()
        .timeout(ANSWER_WAIT_MAX)
        .build()
        .context("make an HTTP client")?;
    let begun = Instant::now();
    loop {
        let trouble = match ask(&client, &args.url).await {
            Ok(body) => return Ok(body),
            Err(trouble) => trouble,
        };
        if begun.elapsed() >= Duration::from_secs(args.within) {
            return Err(trouble)
                .context(format!("{} is not well after {} s", args.url, args.within));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn ask(client: &reqwest::Client, url: &str) -> anyhow::Result<String> {
    let answer = client.get(url).send().await.context("no answer")?;
    let status = answer.status();
    let body = answer.text().await.context("the answer broke off")?;
    let shown: String = body.trim_end().chars().take(SHOWN_MAX).collect();
    if status != reqwest::StatusCode::OK {
        bail!("it answers {status}: {shown}");
    }
    Ok(shown)
}
