//! The binary `tollgate`: reads the command line and calls the one function of each command.

#![forbid(unsafe_code)]

mod admin;
mod admin_token;
mod args;
mod budget;
mod certgen;
mod check;
mod controller;
mod crds;
mod engine;
mod explain;
mod load;
mod logging;
mod metrics;
mod misuse;
mod observe;
mod output;
mod probe;
mod provider;
mod proxy;
mod ratelimit;
mod run;
mod runtime;
mod serving;
mod status;
mod translate;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

// The ext_proc path makes and drops many small messages; with the system's allocator a call costs
// several per cent more CPU (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.command {
        Command::Budget(args) => budget::budget(&args),
        Command::Certgen(args) => certgen::certgen(args),
        Command::Check(args) => check::check(&args),
        Command::Controller(args) => controller::controller(args),
        Command::Crds(args) => crds::crds(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Probe(args) => probe::probe(&args),
        Command::Provider(args) => provider::provider(&args),
        Command::Proxy(args) => proxy::proxy(args),
        Command::Ratelimit(args) => ratelimit::ratelimit(args),
        Command::Run(args) => run::run(args),
        Command::Status(args) => status::status(&args),
        Command::Translate(args) => translate::translate(&args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            output::error(&format!("tollgate: {error:#}"));
            if error.is::<misuse::Misuse>() {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}
