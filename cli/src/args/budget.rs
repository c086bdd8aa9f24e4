//! `tollgate budget` as typed.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
SUBJECT is written as denials show it (user:default/alice, team:default/search, shared); what
stands before the name may be left out: alice.

Examples:
  tollgate budget list
  tollgate budget get default/daily
  tollgate budget get default/daily --subject alice
  tollgate budget grant default/daily alice 50000 --window Day
  tollgate budget reset default/daily alice")]
pub(crate) struct BudgetArgs {
    #[command(subcommand)]
    pub(crate) command: BudgetCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BudgetCommand {
    /// Show the budgets of a gateway with their limits.
    List {
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Show what subjects have used of a budget, what is held by requests in flight and what is
    /// left.
    Get {
        /// Budget: NAMESPACE/NAME, or NAME where only one is called so.
        #[arg(value_name = "BUDGET")]
        budget: String,

        /// Only this subject.
        #[arg(long, value_name = "SUBJECT")]
        subject: Option<String>,

        /// Most accounts to show.
        #[arg(long, value_name = "N", default_value_t = 1_000)]
        max: usize,

        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Forget what a subject has spent, and what it was granted, in the present window. Requests
    /// in flight keep what they hold.
    Reset {
        /// Budget: NAMESPACE/NAME, or NAME where only one is called so.
        #[arg(value_name = "BUDGET")]
        budget: String,

        /// Who pays.
        #[arg(value_name = "SUBJECT")]
        subject: String,

        /// Only the limit of this window (Minute, Day, …); without it all of them.
        #[arg(long, value_name = "WINDOW")]
        window: Option<String>,

        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Let a subject spend more than its limit in the present window. Grants add up, and end with
    /// the window.
    Grant {
        /// Budget: NAMESPACE/NAME, or NAME where only one is called so.
        #[arg(value_name = "BUDGET")]
        budget: String,

        /// Who pays.
        #[arg(value_name = "SUBJECT")]
        subject: String,

        /// How much more: tokens, requests; for a budget in money an amount of its currency (12.50).
        #[arg(value_name = "AMOUNT")]
        amount: String,

        /// Which limit (Minute, Day, …); may be left out where the budget has only one.
        #[arg(long, value_name = "WINDOW")]
        window: Option<String>,

        #[command(flatten)]
        admin: AdminArgs,
    },
}

/// Which gateway, and how it answers.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AdminArgs {
    /// Admin endpoint of the gateway.
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:1064",
        env = "TOLLGATE_ADMIN"
    )]
    pub(crate) admin: String,

    /// File with the admin token. Without it TOLLGATE_ADMIN_TOKEN is taken, else the token that a
    /// gateway of the same user on this machine keeps in its runtime folder.
    #[arg(long, value_name = "PATH", env = "TOLLGATE_ADMIN_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// How to show the answer.
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Table)]
    pub(crate) output: OutputFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    Json,
    Table,
}
