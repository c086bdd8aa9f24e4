//! A gateway in which some pieces are not as they should be.

mod telemetry;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};

use tollgate_ir::{self as ir, Shared};

use super::Piece;

/// How a piece stands that is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it was in the base; if it was not, it is not there, or closes its connections (a chain).
    Held,
    /// Refused: a route or rule answers 500; all else as `Held`.
    Failing,
    /// It is not there.
    Absent,
}

type Forms = BTreeMap<Piece, Form>;

/// `next`, with the pieces of `forms` as those say. What a piece holds stands and falls with it.
pub(crate) fn compose(base: &ir::Gateway, next: &ir::Gateway, forms: &Forms) -> ir::Gateway {
    if forms.is_empty() {
        return next.clone();
    }
    let composer = Composer::new(base, forms);
    let ir::Gateway {
        listeners,
        consumers,
        budgets,
        telemetry,
        bootstrap,
    } = next;
    // Rules of the base name budgets of the base.
    let mut all_budgets = base.budgets.clone();
    all_budgets.extend(budgets.clone());
    let listeners = listeners.iter();
    let mut listeners: Vec<ir::Listener> = listeners
        .filter_map(|listener| composer.listener(listener))
        .collect();
    composer.freshen(&mut listeners);
    ir::Gateway {
        listeners,
        consumers: consumers.clone(),
        budgets: all_budgets,
        telemetry: telemetry::compose((&base.telemetry, telemetry), forms),
        bootstrap: bootstrap.clone(),
    }
}

struct Composer<'a> {
    forms: &'a Forms,
    listeners: HashMap<&'a str, &'a ir::Listener>,
    chains: HashMap<&'a str, &'a ir::TlsChain>,
    hosts: HashMap<&'a str, &'a Shared<ir::VirtualHost>>,
    /// Hosts with routes or rules that are not as they should be.
    touched: HashSet<&'a str>,
    /// What the pieces that are as they should be lead to, by cluster.
    fresh: RefCell<HashMap<&'a str, &'a ir::Destination>>,
}

// === impl Composer ===

impl<'a> Composer<'a> {
    fn new(base: &'a ir::Gateway, forms: &'a Forms) -> Self {
        let mut chains = HashMap::new();
        for listener in &base.listeners {
            if let ir::Traffic::Tls(list) = &listener.traffic {
                chains.extend(list.iter().map(|chain| (chain.name.as_str(), chain)));
            }
        }
        let hosts = base.listeners.iter().flat_map(ir::Listener::virtual_hosts);
        Self {
            forms,
            listeners: base
                .listeners
                .iter()
                .map(|listener| (listener.name.as_str(), listener))
                .collect(),
            chains,
            hosts: hosts.map(|host| (host.name.as_str(), host)).collect(),
            touched: forms.keys().filter_map(Piece::host).collect(),
            fresh: RefCell::default(),
        }
    }

    /// A piece that is as it was may lead to a cluster that others share with it: that has one
    /// content, the new one.
    fn freshen(&self, listeners: &mut [ir::Listener]) {
        let fresh = self.fresh.borrow();
        let is_stale = |(name, destination): (&str, &ir::Destination)| {
            fresh.get(name).is_some_and(|fresh| destination != *fresh)
        };
        let freshen = |(name, destination): (&mut String, &mut ir::Destination)| {
            if let Some(fresh) = fresh.get(name.as_str()) {
                destination.clone_from(fresh);
            }
        };
        for listener in listeners {
            for host in listener.http_mut().flat_map(|http| &mut http.virtual_hosts) {
                let stale = |route: &Shared<ir::HttpRoute>| route.destinations().any(is_stale);
                // What is shared with others stays so.
                if !host.routes.iter().any(stale) {
                    continue;
                }
                for route in host.routes.iter_mut().filter(|route| stale(route)) {
                    route.destinations_mut().for_each(freshen);
                }
            }
            let streams = listener.streams_mut();
            streams
                .flat_map(ir::StreamRoute::destinations_mut)
                .for_each(freshen);
        }
    }

    fn is_fresh(&self, destinations: impl Iterator<Item = (&'a str, &'a ir::Destination)>) {
        self.fresh.borrow_mut().extend(destinations);
    }

    fn listener(&self, next: &'a ir::Listener) -> Option<ir::Listener> {
        let name = next.name.clone();
        let old = || self.listeners.get(next.name.as_str()).copied().cloned();
        match self.forms.get(&Piece::Listener { name }) {
            Some(Form::Held | Form::Failing) => return old(),
            Some(Form::Absent) => return None,
            None => {}
        }
        let traffic = match &next.traffic {
            ir::Traffic::Http(http) => ir::Traffic::Http(self.http(http)),
            ir::Traffic::Tls(chains) => ir::Traffic::Tls(
                chains
                    .iter()
                    .filter_map(|chain| self.chain(chain))
                    .collect(),
            ),
            ir::Traffic::Tcp(route) | ir::Traffic::Udp(route) => {
                self.is_fresh(route.destinations());
                next.traffic.clone()
            }
        };
        Some(ir::Listener {
            traffic,
            ..shell(next)
        })
    }

    fn chain(&self, next: &'a ir::TlsChain) -> Option<ir::TlsChain> {
        let name = next.name.clone();
        let old = || self.chains.get(next.name.as_str()).copied().cloned();
        match self.forms.get(&Piece::Chain { name }) {
            // Envoy takes no listener that has no chain at all.
            Some(Form::Held | Form::Failing) => return Some(old().unwrap_or_else(|| closed(next))),
            Some(Form::Absent) => return None,
            None => {}
        }
        let action = match &next.action {
            ir::TlsAction::Https { tls, http } => ir::TlsAction::Https {
                tls: tls.clone(),
                http: self.http(http),
            },
            ir::TlsAction::Terminate { route, .. } | ir::TlsAction::Passthrough(route) => {
                self.is_fresh(route.destinations());
                next.action.clone()
            }
        };
        Some(ir::TlsChain {
            name: next.name.clone(),
            server_name: next.server_name.clone(),
            action,
        })
    }

    fn http(&self, next: &'a ir::HttpTraffic) -> ir::HttpTraffic {
        let ir::HttpTraffic {
            name,
            virtual_hosts,
            misdirected,
        } = next;
        let hosts = virtual_hosts.iter().filter_map(|host| self.host(host));
        ir::HttpTraffic {
            name: name.clone(),
            virtual_hosts: hosts.collect(),
            misdirected: misdirected.clone(),
        }
    }

    fn host(&self, next: &'a Shared<ir::VirtualHost>) -> Option<Shared<ir::VirtualHost>> {
        let ir::VirtualHost {
            name,
            hostname,
            routes,
            ai,
        } = &**next;
        let old = self.hosts.get(name.as_str()).copied();
        match self.forms.get(&Piece::Host { name: name.clone() }) {
            Some(Form::Held | Form::Failing) => return old.cloned(),
            Some(Form::Absent) => return None,
            None if !self.touched.contains(name.as_str()) => {
                let routes = routes.iter();
                self.is_fresh(routes.flat_map(|route| route.destinations()));
                return Some(next.clone());
            }
            None => {}
        }
        let old = old.map(|host| &**host);
        let routes = routes
            .iter()
            .filter_map(|route| self.route(old, next, route));
        let rules = |ai: &ir::AiScope| ir::AiScope {
            rules: ai
                .rules
                .iter()
                .filter_map(|rule| self.rule(old, next, rule))
                .collect(),
        };
        Some(Shared::new(ir::VirtualHost {
            name: name.clone(),
            hostname: hostname.clone(),
            routes: routes.collect(),
            ai: ai.as_ref().map(rules),
        }))
    }

    fn route(
        &self,
        old: Option<&ir::VirtualHost>,
        host: &ir::VirtualHost,
        next: &'a Shared<ir::HttpRoute>,
    ) -> Option<Shared<ir::HttpRoute>> {
        let piece = Piece::Route {
            host: host.name.clone(),
            name: next.name.clone(),
        };
        match self.forms.get(&piece) {
            None => {
                self.is_fresh(next.destinations());
                Some(next.clone())
            }
            Some(Form::Held) => old?
                .routes
                .iter()
                .find(|route| route.name == next.name)
                .cloned(),
            Some(Form::Failing) => Some(failing_route(next).into()),
            Some(Form::Absent) => None,
        }
    }

    fn rule(
        &self,
        old: Option<&ir::VirtualHost>,
        host: &ir::VirtualHost,
        next: &Shared<ir::AiRule>,
    ) -> Option<Shared<ir::AiRule>> {
        let piece = Piece::Rule {
            host: host.name.clone(),
            id: next.rule.id.clone(),
        };
        match self.forms.get(&piece) {
            None => Some(next.clone()),
            Some(Form::Held) => {
                let rules = &old?.ai.as_ref()?.rules;
                rules
                    .iter()
                    .find(|rule| rule.rule.id == next.rule.id)
                    .cloned()
            }
            Some(Form::Failing) => Some(failing_rule(next).into()),
            Some(Form::Absent) => None,
        }
    }
}

/// A listener without what it serves.
fn shell(listener: &ir::Listener) -> ir::Listener {
    let ir::Listener {
        name,
        address,
        port,
        bind_port,
        traffic: _,
    } = listener;
    ir::Listener {
        name: name.clone(),
        address: *address,
        port: *port,
        bind_port: *bind_port,
        traffic: ir::Traffic::Tls(Vec::new()),
    }
}

/// Closes connections for a server name, so that no less specific one gets them.
fn closed(chain: &ir::TlsChain) -> ir::TlsChain {
    ir::TlsChain {
        name: chain.name.clone(),
        server_name: chain.server_name.clone(),
        action: ir::TlsAction::Passthrough(ir::StreamRoute {
            name: format!("{}/refused", chain.name),
            backends: Vec::new(),
        }),
    }
}

fn failing_route(route: &ir::HttpRoute) -> ir::HttpRoute {
    ir::HttpRoute {
        name: route.name.clone(),
        matches: route.matches.clone(),
        filters: Vec::new(),
        action: ir::HttpAction::Fail {
            status: 500,
            reason: REASON.to_string(),
        },
        websocket: false,
        timeouts: ir::Timeouts::default(),
        retry: None,
        session: None,
        rate_limits: None,
    }
}

/// Its backends answer 500, as those of an invalid reference do.
fn failing_rule(rule: &ir::AiRule) -> ir::AiRule {
    let mut failing = rule.clone();
    failing.rate_limits = None;
    for destination in &mut failing.destinations {
        *destination = None;
    }
    for backend in &mut failing.rule.backends {
        backend.invalid = Some(REASON.to_string());
    }
    failing
}

const REASON: &str = "the proxy refuses its configuration";
