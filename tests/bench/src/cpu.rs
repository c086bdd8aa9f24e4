//! CPU time and memory of processes, from /proc.

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::{Context, Result};

/// CPU time of all threads of these processes so far.
///
/// `schedstat` counts nanoseconds where `stat` counts hundredths of a second.
pub(crate) fn time(pids: &[u32]) -> Result<Duration> {
    let mut total_ns: u64 = 0;
    for pid in pids {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task"))
            .with_context(|| format!("process {pid} has ended"))?;
        for task in tasks {
            let path = task?.path().join("schedstat");
            // A thread may end between the listing and the reading.
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            let on_cpu = text.split_whitespace().next().unwrap_or("0");
            total_ns += on_cpu.parse::<u64>().context("parse schedstat")?;
        }
    }
    Ok(Duration::from_nanos(total_ns))
}

/// What threads of one name did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Thread {
    /// CPU time, in nanoseconds.
    pub(crate) ns: u64,
    /// Times that they waited for something.
    pub(crate) waits: u64,
}

/// What the threads of these processes did so far, by name.
pub(crate) fn threads(pids: &[u32]) -> BTreeMap<String, Thread> {
    let mut all: BTreeMap<String, Thread> = BTreeMap::new();
    for pid in pids {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
        for task in tasks.into_iter().flatten().filter_map(Result::ok) {
            let read = |file: &str| std::fs::read_to_string(Path::join(&task.path(), file));
            // A thread may end between the listing and the reading.
            let (Ok(name), Ok(time), Ok(status)) =
                (read("comm"), read("schedstat"), read("status"))
            else {
                continue;
            };
            let first = |text: &str| text.split_whitespace().next()?.parse::<u64>().ok();
            let waits = status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            let thread = all.entry(name.trim().to_string()).or_default();
            thread.ns += first(&time).unwrap_or(0);
            thread.waits += waits.and_then(first).unwrap_or(0);
        }
    }
    all
}

/// Resident memory of these processes, in MiB.
pub(crate) fn resident_mib(pids: &[u32]) -> f64 {
    let kib: f64 = pids
        .iter()
        .filter_map(|pid| std::fs::read_to_string(format!("/proc/{pid}/status")).ok())
        .filter_map(|text| {
            let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
            line.split_whitespace().nth(1)?.parse::<f64>().ok()
        })
        .sum();
    kib / 1024.0
}

/// Children of a process, by the kernel's list.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    tasks
        .filter_map(Result::ok)
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|text| {
            text.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}
