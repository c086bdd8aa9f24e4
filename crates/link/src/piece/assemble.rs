//! Putting a gateway together from its pieces.

use std::borrow::Cow;

use tollgate_bundle::Consumer;
use tollgate_ir::{
    AiScope, Gateway, HttpTraffic, Listener, TlsAction, TlsChain, Traffic, VirtualHost,
};

use super::{
    ActionHead, AiTraffic, ChainHead, HostHead, HttpHead, Key, Kind, ListKey, ListenerHead, Piece,
    TrafficHead,
};
use crate::{ApplyError, ProxySettings, map::HashMap};

/// The contents of each scope, in order. What has been used is no longer there.
struct Parts<'a>(HashMap<ListKey<'a>, Vec<(Cow<'a, str>, Piece<'a>)>>);

/// Puts pieces together: those of one kind and scope stand in their order. Every piece must find
/// its place.
pub(crate) fn assemble(
    pieces: Vec<(Key<'_>, Piece<'_>)>,
) -> Result<(Gateway, ProxySettings), ApplyError> {
    let mut parts = Parts(HashMap::default());
    for (Key { kind, scope, name }, piece) in pieces {
        let list = parts.0.entry(ListKey { kind, scope }).or_default();
        list.push((name, piece));
    }
    let mut settings = None;
    for (_, piece) in parts.take(Kind::Settings, "") {
        if let Piece::Settings(it) = piece {
            settings = Some(it.into_owned());
        }
    }
    let mut gateway = Gateway::default();
    for (name, piece) in parts.take(Kind::Listener, "") {
        if let Piece::Listener(head) = piece {
            gateway.listeners.push(parts.listener(&name, *head));
        }
    }
    for (namespace, _) in parts.take(Kind::Namespace, "") {
        let consumers = parts.consumers(&namespace);
        gateway.consumers.insert(namespace.into_owned(), consumers);
    }
    for (id, piece) in parts.take(Kind::Budget, "") {
        if let Piece::Budget(budget) = piece {
            gateway.budgets.insert(id.into_owned(), budget.into_owned());
        }
    }
    for (_, piece) in parts.take(Kind::Telemetry, "") {
        if let Piece::Telemetry(it) = piece {
            gateway.telemetry = it.into_owned();
        }
    }
    for (_, piece) in parts.take(Kind::Bootstrap, "") {
        if let Piece::Bootstrap(it) = piece {
            gateway.bootstrap = it.into_owned();
        }
    }
    if let Some((list, pieces)) = parts.0.into_iter().next() {
        let name = pieces.into_iter().map(|(name, _)| name).next();
        let key = list.piece(name.unwrap_or_default()).to_string();
        return Err(ApplyError::NoPlace { key });
    }
    let settings = settings.ok_or(ApplyError::NoSettings)?;
    Ok((gateway, settings))
}

// === impl Parts ===

impl<'a> Parts<'a> {
    fn take(&mut self, kind: Kind, scope: &str) -> Vec<(Cow<'a, str>, Piece<'a>)> {
        let scope = Cow::Owned(scope.to_string());
        self.0.remove(&ListKey { kind, scope }).unwrap_or_default()
    }

    fn listener(&mut self, scope: &str, head: ListenerHead<'_>) -> Listener {
        let ListenerHead {
            name,
            address,
            port,
            bind_port,
            traffic,
        } = head;
        let traffic = match traffic {
            TrafficHead::Http(head) => Traffic::Http(self.http(scope, head)),
            TrafficHead::Tls => Traffic::Tls(self.chains(scope)),
            TrafficHead::Tcp(route) => Traffic::Tcp(route.into_owned()),
            TrafficHead::Udp(route) => Traffic::Udp(route.into_owned()),
        };
        Listener {
            name: name.into_owned(),
            address,
            port,
            bind_port,
            traffic,
        }
    }

    fn chains(&mut self, listener: &str) -> Vec<TlsChain> {
        let mut chains = Vec::new();
        for (scope, piece) in self.take(Kind::Chain, listener) {
            let Piece::Chain(head) = piece else { continue };
            let ChainHead {
                name,
                server_name,
                action,
            } = *head;
            let action = match action {
                ActionHead::Https { tls, http } => TlsAction::Https {
                    tls: tls.into_owned(),
                    http: self.http(&scope, http),
                },
                ActionHead::Terminate { tls, route } => TlsAction::Terminate {
                    tls: tls.into_owned(),
                    route: route.into_owned(),
                },
                ActionHead::Passthrough(route) => TlsAction::Passthrough(route.into_owned()),
            };
            chains.push(TlsChain {
                name: name.into_owned(),
                server_name: server_name.into_owned(),
                action,
            });
        }
        chains
    }

    fn http(&mut self, scope: &str, head: HttpHead<'_>) -> HttpTraffic {
        let HttpHead { name, misdirected } = head;
        let mut virtual_hosts = Vec::new();
        for (scope, piece) in self.take(Kind::Host, scope) {
            if let Piece::Host(head) = piece {
                virtual_hosts.push(self.host(&scope, head).into());
            }
        }
        HttpTraffic {
            name: name.into_owned(),
            virtual_hosts,
            misdirected: misdirected.into_owned(),
        }
    }

    fn host(&mut self, scope: &str, head: HostHead<'_>) -> VirtualHost {
        let HostHead { name, hostname, ai } = head;
        let routes = self.take(Kind::Route, scope).into_iter();
        let routes = routes.filter_map(|(_, piece)| match piece {
            Piece::Route(route) => Some(route.into_owned()),
            _ => None,
        });
        let routes = routes.collect();
        let ai = match ai {
            AiTraffic::Absent => None,
            AiTraffic::Present => {
                let rules = self.take(Kind::Rule, scope).into_iter();
                let rules = rules.filter_map(|(_, piece)| match piece {
                    Piece::Rule(rule) => Some(rule.into_owned()),
                    _ => None,
                });
                Some(AiScope {
                    rules: rules.collect(),
                })
            }
        };
        VirtualHost {
            name: name.into_owned(),
            hostname: hostname.into_owned(),
            routes,
            ai,
        }
    }

    fn consumers(&mut self, namespace: &str) -> Vec<Consumer> {
        let consumers = self.take(Kind::Consumer, namespace).into_iter();
        let consumers = consumers.filter_map(|(_, piece)| match piece {
            Piece::Consumer(consumer) => Some(consumer.into_owned()),
            _ => None,
        });
        consumers.collect()
    }
}
