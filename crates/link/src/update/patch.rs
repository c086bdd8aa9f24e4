//! Changing routes, rules and hosts in a gateway and leaving all else as it is, shared with what it
//! was. For what this does not know, and for all mistakes, there is [`changed`](super::changed).

use super::{RemovedPiece, Splice, Update, key};
use crate::map::{HashMap, HashSet};
use crate::piece::{AiTraffic, HostHead, Key, Kind, Piece};
use tollgate_ir::{AiScope, Gateway, HttpTraffic, Shared, TlsAction, Traffic, VirtualHost};

/// What an update does to the lists of one kind, by their scopes.
struct Edits<'a, T>(HashMap<&'a str, Edit<'a, T>>);

struct Edit<'a, T> {
    remove: HashSet<&'a str>,
    /// New and changed ones, in the order of the update.
    set: Vec<(&'a str, Shared<T>)>,
    order: Vec<&'a Splice>,
}

/// The gateway with a change of hosts, routes and rules; `None`: it changes something else too, or
/// does not fit. Whoever calls checks what has come of it.
pub(crate) fn patched(base: &Gateway, update: &Update) -> Option<Gateway> {
    let (mut hosts, mut routes, mut rules) = Default::default();
    let of_kind = |kind: i32| move |it: &&RemovedPiece| it.kind == kind;
    let gone: HashSet<&str> = (update.remove.iter())
        .filter(of_kind(Kind::Host as i32))
        .map(|it| it.name.as_str())
        .collect();
    for it in &update.remove {
        let Key { kind, .. } = key(it.kind, &it.scope, &it.name).ok()?;
        match kind {
            // It goes with its host.
            Kind::Route | Kind::Rule if gone.contains(it.scope.as_str()) => continue,
            Kind::Host => Edits::<VirtualHost>::of(&mut hosts, &it.scope)
                .remove
                .insert(&it.name),
            Kind::Route => Edits::of(&mut routes, &it.scope).remove.insert(&it.name),
            Kind::Rule => Edits::of(&mut rules, &it.scope).remove.insert(&it.name),
            _ => return None,
        };
    }
    for it in &update.set {
        let Key { kind, .. } = key(it.kind, &it.scope, &it.name).ok()?;
        if !matches!(kind, Kind::Host | Kind::Route | Kind::Rule) {
            return None;
        }
        match Piece::parse(kind, &it.json).ok()?? {
            Piece::Host(head) => {
                let host = Shared::new(host(head));
                Edits::of(&mut hosts, &it.scope).set.push((&it.name, host));
            }
            Piece::Route(route) => {
                let set = &mut Edits::of(&mut routes, &it.scope).set;
                set.push((&it.name, route.into_owned()));
            }
            Piece::Rule(rule) => {
                let set = &mut Edits::of(&mut rules, &it.scope).set;
                set.push((&it.name, rule.into_owned()));
            }
            _ => return None,
        }
    }
    for it in &update.order {
        match key(it.kind, &it.scope, "").ok()?.kind {
            Kind::Host => Edits::of(&mut hosts, &it.scope).order.push(it),
            Kind::Route => Edits::of(&mut routes, &it.scope).order.push(it),
            Kind::Rule => Edits::of(&mut rules, &it.scope).order.push(it),
            _ => return None,
        }
    }
    let mut gateway = base.clone();
    for listener in &mut gateway.listeners {
        match &mut listener.traffic {
            Traffic::Http(http) => of_hosts(http, &listener.name, &mut hosts)?,
            Traffic::Tls(chains) => {
                for chain in chains {
                    if let TlsAction::Https { http, .. } = &mut chain.action {
                        of_hosts(http, &chain.name, &mut hosts)?;
                    }
                }
            }
            Traffic::Tcp(_) | Traffic::Udp(_) => {}
        }
        for http in listener.http_mut() {
            of_contents(http, &mut routes, &mut rules)?;
        }
    }
    (hosts.0.is_empty() && routes.0.is_empty() && rules.0.is_empty()).then_some(gateway)
}

fn of_hosts(http: &mut HttpTraffic, scope: &str, edits: &mut Edits<'_, VirtualHost>) -> Option<()> {
    let Some(mut edit) = edits.0.remove(scope) else {
        return Some(());
    };
    // A head says nothing of what is inside.
    for (name, head) in &mut edit.set {
        let old = http.virtual_hosts.iter().find(|it| it.name == *name);
        let Some(old) = old else { continue };
        head.routes.clone_from(&old.routes);
        if let (Some(ai), Some(old)) = (&mut head.ai, &old.ai) {
            ai.clone_from(old);
        }
    }
    edit.apply(&mut http.virtual_hosts, |host| &host.name)
}

fn of_contents(
    http: &mut HttpTraffic,
    routes: &mut Edits<'_, tollgate_ir::HttpRoute>,
    rules: &mut Edits<'_, tollgate_ir::AiRule>,
) -> Option<()> {
    if routes.0.is_empty() && rules.0.is_empty() {
        return Some(());
    }
    for host in &mut http.virtual_hosts {
        if let Some(edit) = routes.0.remove(host.name.as_str()) {
            edit.apply(&mut host.routes, |route| &route.name)?;
        }
        if let Some(edit) = rules.0.remove(host.name.as_str()) {
            edit.apply(&mut host.ai.as_mut()?.rules, |rule| &rule.rule.id)?;
        }
    }
    Some(())
}

fn host(head: HostHead<'_>) -> VirtualHost {
    let HostHead { name, hostname, ai } = head;
    VirtualHost {
        name: name.into_owned(),
        hostname: hostname.into_owned(),
        routes: Vec::new(),
        ai: match ai {
            AiTraffic::Absent => None,
            AiTraffic::Present => Some(AiScope::default()),
        },
    }
}

// === impl Edits ===

impl<'a, T> Edits<'a, T> {
    fn of<'e>(edits: &'e mut Self, scope: &'a str) -> &'e mut Edit<'a, T> {
        edits.0.entry(scope).or_default()
    }
}

impl<T> Default for Edits<'_, T> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

// === impl Edit ===

impl<T> Edit<'_, T> {
    /// Changes a list whose names are unique.
    fn apply(self, list: &mut Vec<Shared<T>>, name: impl Fn(&T) -> &String) -> Option<()> {
        let Self { remove, set, order } = self;
        if !remove.is_empty() {
            let before = list.len();
            list.retain(|item| !remove.contains(name(item).as_str()));
            if list.len() + remove.len() != before {
                return None;
            }
        }
        let mut new: Vec<(&str, Shared<T>)> = Vec::new();
        for (key, item) in set {
            if name(&item) != key {
                return None;
            }
            match list.iter_mut().find(|it| name(it) == key) {
                Some(place) => *place = item,
                None => new.push((key, item)),
            }
        }
        if !order.is_empty() {
            let moved: HashSet<&str> = order
                .iter()
                .flat_map(|it| it.insert.iter().map(String::as_str))
                .collect();
            let mut pool: HashMap<String, Shared<T>> = HashMap::default();
            for item in list.iter().filter(|it| moved.contains(name(it).as_str())) {
                pool.insert(name(item).clone(), item.clone());
            }
            let (placed, rest): (Vec<_>, Vec<_>) =
                new.into_iter().partition(|(key, _)| moved.contains(key));
            pool.extend(
                placed
                    .into_iter()
                    .map(|(key, item)| (key.to_string(), item)),
            );
            new = rest;
            for Splice {
                at, delete, insert, ..
            } in order
            {
                let start = *at as usize;
                let end = start.checked_add(*delete as usize)?;
                if end > list.len() {
                    return None;
                }
                let items: Option<Vec<Shared<T>>> =
                    insert.iter().map(|key| pool.get(key).cloned()).collect();
                list.splice(start..end, items?);
            }
        }
        list.extend(new.into_iter().map(|(_, item)| item));
        Some(())
    }
}

impl<T> Default for Edit<'_, T> {
    fn default() -> Self {
        Self {
            remove: HashSet::default(),
            set: Vec::new(),
            order: Vec::new(),
        }
    }
}
