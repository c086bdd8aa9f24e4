//! A plain route between its object and the listeners: its rules, and what is wrong with them.

use std::borrow::Cow;

use tollgate_ir::{self as ir, Shared};

use super::filters::{self, RuleFilters};
use super::{Backends, RouteType, RuleSite, backends, session};
use crate::backend_traffic_policy::Effect;
use crate::gateway::{GatewayDraft, ListenerIndex};
use crate::k8s::http;
use crate::parent::RouteSource;
use crate::route_policies::RoutePolicies;
use crate::sort::MatchPrecedence;
use crate::status::{ACCEPTED, Condition, PARTIALLY_INVALID, Problem, reason};

/// A translated route before it is placed.
#[derive(Debug)]
pub(crate) struct RouteDraft {
    route_type: RouteType,
    /// With the names of their rules.
    routes: Vec<(Option<String>, MatchPrecedence, Shared<ir::HttpRoute>)>,
    rules: usize,
    /// Rules that are not served as written.
    invalid_rules: Vec<usize>,
    /// Why.
    problems: Vec<Problem>,
    /// References that lead nowhere.
    ref_problems: Vec<Problem>,
    /// What works otherwise than hoped.
    pub(crate) warnings: Vec<Problem>,
}

/// A rule as it was read.
#[derive(Debug, Default)]
pub(crate) struct RuleParts {
    /// Its name, by which a policy may select it.
    pub(crate) name: Option<String>,
    /// With their positions.
    pub(crate) matches: Vec<(usize, MatchPrecedence, ir::HttpMatch)>,
    pub(crate) timeouts: ir::Timeouts,
    pub(crate) retry: Option<ir::Retry>,
    /// Whether its clients may go on to WebSocket.
    pub(crate) websocket: bool,
    filters: RuleFilters,
    action: Option<ir::HttpAction>,
    session: Option<ir::Session>,
    /// What makes the rule unservable.
    pub(crate) problems: Vec<Problem>,
    /// References that lead nowhere; what stands beside them is served.
    pub(crate) ref_problems: Vec<Problem>,
    /// What works otherwise than hoped.
    pub(crate) warnings: Vec<Problem>,
}

// === impl RuleParts ===

impl RuleParts {
    /// A rule of that name, without anything.
    pub(crate) fn new(name: Option<&str>) -> Self {
        Self {
            name: name.map(str::to_string),
            ..Self::default()
        }
    }

    /// Reads the filters; `matches` decide whether a prefix can be replaced.
    pub(crate) fn set_filters(
        &mut self,
        site: RuleSite<'_>,
        written: &[http::HttpRouteRulesFilters],
        matches: &[(usize, ir::HttpMatch)],
    ) {
        let mut filters = filters::of_rule(site, written, matches, &mut self.problems);
        self.ref_problems.append(&mut filters.ref_problems);
        self.filters = filters;
    }

    /// Reads the backends.
    pub(crate) fn set_backends(
        &mut self,
        site: RuleSite<'_>,
        written: &[http::HttpRouteRulesBackendRefs],
    ) {
        let Backends {
            action,
            problems,
            ref_problems,
        } = backends::translate(site, written);
        self.problems.extend(problems);
        self.ref_problems.extend(ref_problems);
        self.action = Some(action);
    }

    /// Reads what keeps clients at one endpoint; after the backends.
    pub(crate) fn set_session(
        &mut self,
        site: RuleSite<'_>,
        written: Option<&http::HttpRouteRulesSessionPersistence>,
    ) {
        let Some(written) = written else { return };
        let Some(ir::HttpAction::Forward(backends)) = &self.action else {
            return;
        };
        let weighted = backends.iter().filter(|it| it.weight > 0).count();
        match session::translate(site, written, weighted) {
            Ok((session, warnings)) => {
                self.session = Some(session);
                self.warnings.extend(warnings);
            }
            Err(problem) => self.problems.push(problem),
        }
    }
}

// === impl RouteDraft ===

impl RouteDraft {
    pub(crate) fn new(route_type: RouteType) -> Self {
        Self {
            route_type,
            routes: Vec::new(),
            rules: 0,
            invalid_rules: Vec::new(),
            problems: Vec::new(),
            ref_problems: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Adds the next rule.
    pub(crate) fn add(&mut self, site: RuleSite<'_>, parts: RuleParts) {
        let RuleParts {
            name,
            matches,
            timeouts,
            retry,
            websocket,
            filters,
            action,
            session,
            problems,
            ref_problems,
            warnings,
        } = parts;
        self.rules += 1;
        let fail = |reason: String| ir::HttpAction::Fail {
            status: self.route_type.failure_status(),
            reason,
        };
        let (action, filters) = match (Problem::join(&problems), filters.redirect, action) {
            (Some(problem), _, _) => (fail(problem.message), Vec::new()),
            (None, Some(redirect), _) => (ir::HttpAction::Redirect(redirect), filters.filters),
            (None, None, Some(action)) => (action, filters.filters),
            (None, None, None) => {
                let reason = site.field("backendRefs: there is no backend");
                (fail(reason), filters.filters)
            }
        };
        for (position, precedence, matches) in matches {
            let route = ir::HttpRoute {
                name: site.match_name(position),
                matches,
                filters: filters.clone(),
                websocket: websocket && matches!(action, ir::HttpAction::Forward(_)),
                action: action.clone(),
                timeouts,
                retry: retry.clone(),
                session: session.clone(),
                rate_limits: None,
            };
            self.routes.push((name.clone(), precedence, route.into()));
        }
        if !problems.is_empty() {
            self.invalid_rules.push(site.rule);
        }
        self.problems.extend(problems);
        self.ref_problems.extend(ref_problems);
        self.warnings.extend(warnings);
    }

    /// The routes as a listener serves them, under the policies that hold there. What else there is
    /// to say of them is added to `warnings`.
    pub(crate) fn governed(
        &self,
        policies: &mut RoutePolicies<'_>,
        at: (&[GatewayDraft], ListenerIndex),
        source: &RouteSource,
        warnings: &mut Vec<Problem>,
    ) -> Vec<(MatchPrecedence, Shared<ir::HttpRoute>)> {
        let mut governed = Vec::with_capacity(self.routes.len());
        for (rule, precedence, route) in &self.routes {
            let mut route = route.clone();
            match policies.apply(at, (source, rule.as_deref()), &[]) {
                None => {}
                Some(Effect::Limit(limits)) => route.rate_limits = Some(limits),
                Some(Effect::Refuse(problem)) => {
                    route.action = ir::HttpAction::Fail {
                        status: self.route_type.failure_status(),
                        reason: problem.message.clone(),
                    };
                    route.websocket = false;
                    warnings.push(problem);
                }
            }
            governed.push((precedence.clone(), route));
        }
        governed
    }

    /// Whether some rule is served as written, or none is there.
    pub(crate) fn is_accepted(&self) -> bool {
        self.problems.is_empty() || self.invalid_rules.len() != self.rules
    }

    /// `Accepted`, and the conditions beside it, with what has turned out where the route was
    /// placed.
    pub(crate) fn conditions(
        &self,
        generation: Option<i64>,
        placed: &[Problem],
    ) -> (Condition, Vec<Condition>) {
        let mut further = vec![Condition::resolved_refs(&self.ref_problems, generation)];
        let accepted = match Problem::join(&self.problems) {
            Some(problem) if !self.is_accepted() => {
                Condition::fails(ACCEPTED, &problem, generation)
            }
            problem => {
                if let Some(problem) = problem {
                    // Gateway API asks that the message begins with these words.
                    let message = format!(
                        "Dropped Rule(s) {:?}: {}",
                        self.invalid_rules, problem.message
                    );
                    further.push(Condition::holds(
                        PARTIALLY_INVALID,
                        problem.reason,
                        message,
                        generation,
                    ));
                }
                let message = "at least one listener takes the route";
                Condition::holds(ACCEPTED, reason::ACCEPTED, message, generation)
            }
        };
        let warnings: Cow<'_, [Problem]> = match placed {
            [] => Cow::Borrowed(&self.warnings),
            _ => Cow::Owned([&self.warnings, placed].concat()),
        };
        further.extend(Condition::warning(&warnings, generation));
        (accepted, further)
    }
}
