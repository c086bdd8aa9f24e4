//! The table, and the same as JSON.

use std::time::Duration;

use serde::Serialize;

use crate::{Findings, Outcome};

/// All that a run found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The gateway and its store.
    pub subject: String,
    /// Short or long.
    pub form: String,
    /// Gateway processes.
    pub replicas: usize,
    /// One for each item, in order.
    pub rows: Vec<Row>,
}

/// One item.
#[derive(Debug, Serialize)]
pub struct Row {
    /// 1 to 20.
    pub number: u8,
    /// What is tried.
    pub name: &'static str,
    /// `pass`, `FAIL` or `n/a`.
    pub verdict: &'static str,
    /// Figures, or why the item does not apply.
    pub measured: String,
    /// Requirements that did not hold.
    pub failures: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

// === impl Report ===

impl Report {
    /// Items that failed.
    pub fn failed(&self) -> usize {
        self.count("FAIL")
    }

    /// Items that passed.
    pub fn passed(&self) -> usize {
        self.count("pass")
    }

    /// As a table in Markdown, with a line of totals.
    #[expect(clippy::print_stdout, reason = "the result of a command")]
    pub fn print_table(&self) {
        println!("{}", self.table());
    }

    /// As one JSON object.
    ///
    /// # Errors
    ///
    /// It cannot be written as JSON.
    #[expect(clippy::print_stdout, reason = "the result of a command")]
    pub fn print_json(&self) -> anyhow::Result<()> {
        println!("{}", serde_json::to_string_pretty(self)?);
        Ok(())
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{}, {} processes, {} form\n\n| # | item | verdict | measured | s |\n|---|---|---|---|---|\n",
            self.subject, self.replicas, self.form
        );
        for row in &self.rows {
            let mut measured = row.measured.clone();
            for failure in &row.failures {
                measured += &format!("; **{failure}**");
            }
            let measured = measured.replace('|', "/").replace('\n', " ");
            text += &format!(
                "| {} | {} | {} | {} | {:.1} |\n",
                row.number, row.name, row.verdict, measured, row.seconds
            );
        }
        text += &format!(
            "\n{} of {} pass, {} fail, {} do not apply; {:.0} s\n",
            self.passed(),
            self.rows.len(),
            self.failed(),
            self.count("n/a"),
            self.rows.iter().map(|row| row.seconds).sum::<f64>(),
        );
        text
    }

    fn count(&self, verdict: &str) -> usize {
        self.rows
            .iter()
            .filter(|row| row.verdict == verdict)
            .count()
    }
}

// === impl Row ===

impl Row {
    /// The row of an item that found this.
    pub fn new(number: u8, name: &'static str, findings: &Findings, took: Duration) -> Self {
        Self {
            number,
            name,
            verdict: match findings.outcome() {
                Outcome::Passed => "pass",
                Outcome::Failed => "FAIL",
                Outcome::NotApplicable => "n/a",
            },
            measured: findings.measured(),
            failures: findings.failures().to_vec(),
            seconds: took.as_secs_f64(),
        }
    }
}
