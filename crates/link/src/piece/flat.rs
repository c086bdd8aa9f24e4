//! Taking a gateway apart: its pieces in the order of a walk, each under its key.

use std::{borrow::Cow, collections::BTreeMap};

use tollgate_bundle::Consumer;
use tollgate_ir::{Gateway, HttpTraffic, Listener, TlsAction, TlsChain, Traffic, VirtualHost};

use super::{
    ActionHead, AiTraffic, ChainHead, HostHead, HttpHead, Key, Kind, ListenerHead, Piece,
    TrafficHead,
};
use crate::{
    ProxySettings,
    map::{HashMap, HashSet},
};

/// All pieces of a gateway, borrowed from it.
#[derive(Default)]
pub(crate) struct Flat<'a> {
    /// What holds others stands before it; pieces of one scope stand in their order.
    pieces: Vec<(Key<'a>, Piece<'a>)>,
    index: HashMap<Key<'a>, usize>,
    /// Names by which contents refer to what holds them.
    holders: HashSet<(Holder, Cow<'a, str>)>,
    names: Names,
}

/// What is done with names.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Names {
    /// Equal ones are told apart; none was so far.
    #[default]
    Unique,
    /// Equal ones were told apart.
    ToldApart,
    /// Nobody looks for equal ones.
    AsTheyAre,
}

/// Names the pieces of one kind in one scope, whose order counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ListKey<'a> {
    pub(crate) kind: Kind,
    pub(crate) scope: Cow<'a, str>,
}

/// Listeners and chains hold hosts, hosts hold routes and rules.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    OfHosts,
    OfRoutes,
}

// === impl ListKey ===

impl<'a> ListKey<'a> {
    /// The list in which a piece stands.
    pub(crate) fn of(key: &Key<'a>) -> Self {
        Self {
            kind: key.kind,
            scope: key.scope.clone(),
        }
    }

    /// The piece of this name in it.
    pub(crate) fn piece(&self, name: Cow<'a, str>) -> Key<'a> {
        Key {
            kind: self.kind,
            scope: self.scope.clone(),
            name,
        }
    }
}

// === impl Flat ===

impl<'a> Flat<'a> {
    /// Takes a gateway apart.
    pub(crate) fn new(gateway: &'a Gateway, settings: &'a ProxySettings) -> Self {
        Self::default().of(gateway, settings)
    }

    /// The same in a fraction of the time; for a gateway whose names are known to be unique. Of this
    /// [`Flat::pieces`] alone can be asked.
    pub(crate) fn listed(gateway: &'a Gateway, settings: &'a ProxySettings) -> Self {
        let names = Names::AsTheyAre;
        let empty = Self {
            names,
            ..Self::default()
        };
        empty.of(gateway, settings)
    }

    fn of(mut self, gateway: &'a Gateway, settings: &'a ProxySettings) -> Self {
        let Gateway {
            listeners,
            consumers,
            budgets,
            telemetry,
            bootstrap,
        } = gateway;
        let flat = &mut self;
        let settings = Piece::Settings(Box::new(Cow::Borrowed(settings)));
        flat.add(Kind::Settings, "".into(), "".into(), settings);
        for listener in listeners {
            flat.add_listener(listener);
        }
        flat.add_consumers(consumers);
        for (id, budget) in budgets {
            let piece = Piece::Budget(Box::new(Cow::Borrowed(budget)));
            flat.add(Kind::Budget, "".into(), id.into(), piece);
        }
        if !telemetry.is_empty() {
            let piece = Piece::Telemetry(Box::new(Cow::Borrowed(telemetry)));
            flat.add(Kind::Telemetry, "".into(), "".into(), piece);
        }
        if !bootstrap.is_default() {
            let piece = Piece::Bootstrap(Box::new(Cow::Borrowed(bootstrap)));
            flat.add(Kind::Bootstrap, "".into(), "".into(), piece);
        }
        self
    }

    /// Whether no two names had to be told apart.
    pub(crate) fn has_unique_names(&self) -> bool {
        self.names == Names::Unique
    }

    /// In the order of the walk.
    pub(crate) fn pieces(&self) -> &[(Key<'a>, Piece<'a>)] {
        &self.pieces
    }

    pub(crate) fn contains(&self, key: &Key<'_>) -> bool {
        let index: &HashMap<Key<'_>, usize> = &self.index;
        index.contains_key(key)
    }

    /// Where this very piece stands.
    pub(crate) fn place_of(&self, key: &Key<'_>, piece: &Piece<'_>) -> Option<usize> {
        let index: &HashMap<Key<'_>, usize> = &self.index;
        let at = *index.get(key)?;
        let (_, own) = self.pieces.get(at)?;
        (own == piece).then_some(at)
    }

    /// The pieces of each kind and scope by name, in their order.
    pub(crate) fn lists(&self) -> HashMap<ListKey<'a>, Vec<Cow<'a, str>>> {
        let mut lists: HashMap<ListKey<'a>, Vec<Cow<'a, str>>> = HashMap::default();
        for (Key { kind, scope, name }, _) in &self.pieces {
            let (kind, scope) = (*kind, scope.clone());
            let list = lists.entry(ListKey { kind, scope }).or_default();
            list.push(name.clone());
        }
        lists
    }

    pub(crate) fn into_pieces(self) -> Vec<(Key<'a>, Piece<'a>)> {
        self.pieces
    }

    fn add_listener(&mut self, listener: &'a Listener) {
        let Listener {
            name,
            address,
            port,
            bind_port,
            traffic,
        } = listener;
        let head = ListenerHead {
            name: Cow::Borrowed(name),
            address: *address,
            port: *port,
            bind_port: *bind_port,
            traffic: match traffic {
                Traffic::Http(http) => TrafficHead::Http(http.into()),
                Traffic::Tls(_) => TrafficHead::Tls,
                Traffic::Tcp(route) => TrafficHead::Tcp(Cow::Borrowed(route)),
                Traffic::Udp(route) => TrafficHead::Udp(Cow::Borrowed(route)),
            },
        };
        let scope = self.holder(Holder::OfHosts, name);
        let piece = Piece::Listener(Box::new(head));
        self.add(Kind::Listener, "".into(), scope.clone(), piece);
        match traffic {
            Traffic::Http(http) => self.add_hosts(scope, http),
            Traffic::Tls(chains) => {
                for chain in chains {
                    self.add_chain(scope.clone(), chain);
                }
            }
            Traffic::Tcp(_) | Traffic::Udp(_) => {}
        }
    }

    fn add_chain(&mut self, listener: Cow<'a, str>, chain: &'a TlsChain) {
        let TlsChain {
            name,
            server_name,
            action,
        } = chain;
        let (head, http) = match action {
            TlsAction::Https { tls, http } => {
                let tls = Cow::Borrowed(tls);
                let head = HttpHead::from(http);
                (ActionHead::Https { tls, http: head }, Some(http))
            }
            TlsAction::Terminate { tls, route } => {
                let (tls, route) = (Cow::Borrowed(tls), Cow::Borrowed(route));
                (ActionHead::Terminate { tls, route }, None)
            }
            TlsAction::Passthrough(route) => (ActionHead::Passthrough(Cow::Borrowed(route)), None),
        };
        let head = ChainHead {
            name: Cow::Borrowed(name),
            server_name: Cow::Borrowed(server_name),
            action: head,
        };
        let scope = self.holder(Holder::OfHosts, name);
        let piece = Piece::Chain(Box::new(head));
        self.add(Kind::Chain, listener, scope.clone(), piece);
        if let Some(http) = http {
            self.add_hosts(scope, http);
        }
    }

    fn add_hosts(&mut self, holder: Cow<'a, str>, http: &'a HttpTraffic) {
        // Most have one route or none.
        self.pieces.reserve(2 * http.virtual_hosts.len());
        for host in &http.virtual_hosts {
            let VirtualHost {
                name,
                hostname,
                routes,
                ai,
            } = &**host;
            let head = HostHead {
                name: Cow::Borrowed(name),
                hostname: Cow::Borrowed(hostname),
                ai: match ai {
                    Some(_) => AiTraffic::Present,
                    None => AiTraffic::Absent,
                },
            };
            let scope = self.holder(Holder::OfRoutes, name);
            let piece = Piece::Host(head);
            self.add(Kind::Host, holder.clone(), scope.clone(), piece);
            for route in routes {
                let piece = Piece::Route(Cow::Borrowed(route));
                self.add(Kind::Route, scope.clone(), (&route.name).into(), piece);
            }
            for rule in ai.iter().flat_map(|ai| &ai.rules) {
                let piece = Piece::Rule(Cow::Borrowed(rule));
                self.add(Kind::Rule, scope.clone(), (&rule.rule.id).into(), piece);
            }
        }
    }

    fn add_consumers(&mut self, consumers: &'a BTreeMap<String, Vec<Consumer>>) {
        for (namespace, consumers) in consumers {
            self.add(
                Kind::Namespace,
                "".into(),
                namespace.into(),
                Piece::Namespace,
            );
            for consumer in consumers {
                let piece = Piece::Consumer(Box::new(Cow::Borrowed(consumer)));
                let name = (&consumer.name).into();
                self.add(Kind::Consumer, namespace.into(), name, piece);
            }
        }
    }

    /// Names are unique where the IR says so; where they are not, the second one is told apart, so
    /// that nothing is lost.
    fn add(&mut self, kind: Kind, scope: Cow<'a, str>, name: Cow<'a, str>, piece: Piece<'a>) {
        let mut key = Key { kind, scope, name };
        if self.names == Names::AsTheyAre {
            self.pieces.push((key, piece));
            return;
        }
        let mut nth = 1;
        while self.index.contains_key(&key) {
            let name = key.name.split('\0').next().unwrap_or_default();
            key.name = Cow::Owned(format!("{name}\0{nth}"));
            self.names = Names::ToldApart;
            nth += 1;
        }
        self.index.insert(key.clone(), self.pieces.len());
        self.pieces.push((key, piece));
    }

    /// The name by which contents refer to this one; unique among its like.
    fn holder(&mut self, of: Holder, name: &'a str) -> Cow<'a, str> {
        let mut unique = Cow::Borrowed(name);
        if self.names == Names::AsTheyAre {
            return unique;
        }
        let mut nth = 1;
        while !self.holders.insert((of, unique.clone())) {
            unique = Cow::Owned(format!("{name}\0{nth}"));
            self.names = Names::ToldApart;
            nth += 1;
        }
        unique
    }
}
