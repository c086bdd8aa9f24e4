//! `tollgate-torture`: runs the suite and prints its table; exit code 1 if an item failed.

mod args;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = args::Args::parse();
    let json = args.json;
    let report = tollgate_torture::run(args.config()?).await?;
    if json {
        report.print_json()?;
    } else {
        report.print_table();
    }
    Ok(if report.failed() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
