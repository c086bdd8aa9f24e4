//! Budgets with their names shared and their meters compiled, and which of them a rule has.

use std::{collections::HashMap, sync::Arc};

use tollgate_bundle::{Budget, Limit, Mode, OnStoreFailure, Rule, Subject};

use super::meter::Meter;
use crate::client_certificate;

/// A budget made ready, so that a request copies none of its names.
#[derive(Debug)]
pub(crate) struct CompiledBudget {
    pub(crate) id: Arc<str>,
    pub(crate) subject: Subject,
    pub(crate) meter: Meter,
    pub(crate) mode: Mode,
    pub(crate) on_store_failure: OnStoreFailure,
    pub(crate) warn_percent: Option<u8>,
    pub(crate) limits: Vec<(Limit, Arc<str>)>,
}

/// The budgets of a rule.
#[derive(Debug, Default)]
pub(crate) struct RuleBudgets {
    /// Every call through the rule is held against these.
    pub(crate) all: Vec<Arc<CompiledBudget>>,
    /// Only calls through the backend with this index, and not in `all`; empty where no backend
    /// has any.
    pub(crate) of_backend: Vec<Vec<Arc<CompiledBudget>>>,
    /// Ids that the bundle does not define: such a rule refuses every request.
    pub(crate) missing: Vec<String>,
    /// Headers that subjects are read from.
    pub(crate) headers: Vec<String>,
    /// What is due depends on the backend, beyond the bound on its input.
    pub(crate) vary: bool,
}

// === impl CompiledBudget ===

impl CompiledBudget {
    /// Limits of one window and zone share an account in the ledger: the smallest is kept, or a
    /// call would be charged there twice. What cannot be compiled refuses, and is told.
    pub(crate) fn compile(budget: &Budget, problems: &mut Vec<String>) -> Self {
        let is_smallest = |index: usize, limit: &Limit| {
            budget
                .limits
                .iter()
                .enumerate()
                .all(|(other_index, other)| {
                    let same = other.window == limit.window && other.time_zone == limit.time_zone;
                    !same || (limit.amount, index) <= (other.amount, other_index)
                })
        };
        let limits = budget
            .limits
            .iter()
            .enumerate()
            .filter(|(index, limit)| is_smallest(*index, limit))
            .map(|(_, limit)| (limit.clone(), Arc::from(limit.time_zone.as_str())))
            .collect();
        let meter = Meter::compile(&budget.meter);
        if let Meter::Broken(problem) = &meter {
            problems.push(format!("budget {}: {problem}", budget.id));
        }
        Self {
            id: Arc::from(budget.id.as_str()),
            subject: budget.subject.clone(),
            meter,
            mode: budget.mode,
            on_store_failure: budget.on_store_failure,
            warn_percent: budget.warn_percent,
            limits,
        }
    }

    pub(crate) fn is_shadow(&self) -> bool {
        self.mode == Mode::Shadow
    }

    /// Percent of the output's worst case that is held before the call.
    pub(crate) fn overcommit_percent(&self) -> Option<u8> {
        match self.mode {
            Mode::Overcommit(percent) => Some(percent),
            Mode::Strict | Mode::Shadow => None,
        }
    }
}

// === impl RuleBudgets ===

impl RuleBudgets {
    pub(crate) fn compile(rule: &Rule, known: &HashMap<&str, Arc<CompiledBudget>>) -> Self {
        let mut missing = Vec::new();
        let mut find = |ids: &[String], except: &[Arc<CompiledBudget>]| {
            let mut found: Vec<Arc<CompiledBudget>> = Vec::new();
            for id in ids {
                match known.get(id.as_str()) {
                    None if missing.contains(id) => {}
                    None => missing.push(id.clone()),
                    Some(budget) => {
                        let is_here = |other: &Arc<CompiledBudget>| other.id == budget.id;
                        if !found.iter().any(is_here) && !except.iter().any(is_here) {
                            found.push(Arc::clone(budget));
                        }
                    }
                }
            }
            found
        };
        let all = find(&rule.budgets, &[]);
        let mut of_backend: Vec<Vec<_>> = rule
            .backends
            .iter()
            .map(|backend| find(&backend.budgets, &all))
            .collect();
        if of_backend.iter().all(Vec::is_empty) {
            of_backend = Vec::new();
        }
        let budgets = || all.iter().chain(of_backend.iter().flatten());
        let mut headers: Vec<String> = budgets()
            .filter_map(|budget| match &budget.subject {
                Subject::Header(name) => Some(name.clone()),
                Subject::ClientCertificate => Some(client_certificate::HEADER.to_string()),
                _ => None,
            })
            .collect();
        headers.sort_unstable();
        headers.dedup();
        let vary = !of_backend.is_empty()
            || all
                .iter()
                .any(|budget| budget.subject == Subject::Backend || budget.meter.reads_names());
        Self {
            missing,
            headers,
            vary,
            of_backend,
            all,
        }
    }

    /// Those that a call through this backend is held against.
    pub(crate) fn at(&self, backend: usize) -> impl Iterator<Item = &Arc<CompiledBudget>> {
        self.all
            .iter()
            .chain(self.of_backend.get(backend).into_iter().flatten())
    }

    /// Whether a budget counts calls through this backend apart from those through others.
    pub(crate) fn is_of(&self, backend: usize, budget: &Arc<CompiledBudget>) -> bool {
        let mut own = self.of_backend.get(backend).into_iter().flatten();
        budget.subject == Subject::Backend || own.any(|other| Arc::ptr_eq(other, budget))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty() && self.of_backend.is_empty()
    }
}
