//! The EnvoyProxies that GatewayClasses and Gateways refer to.

mod follow;

use std::collections::{BTreeMap, BTreeSet};

use tollgate_crds::envoy_gateway::{EnvoyProxy, EnvoyProxySpec};

use super::ignored::{Role, ignored};
use super::{Wish, kubernetes_types};
use crate::status::{
    ACCEPTED, AncestorStatus, Condition, ObjectRef, ParentRef, Problem, Statuses, reason,
};
use crate::{NamespacedName, Options, World, gateway_class, groups};

use follow::{follow, may_say, merged};

/// Gateway API, PolicyStatus: ancestors that a status can name.
const ANCESTORS_MAX: usize = 16;

/// The EnvoyProxies in use, or why one is not.
#[derive(Default)]
pub(super) struct Parameters<'a> {
    classes: BTreeMap<&'a str, Result<Option<&'a EnvoyProxy>, Problem>>,
    gateways: BTreeMap<NamespacedName, Result<Option<&'a EnvoyProxy>, Problem>>,
    /// Who refers to each, in order.
    used: BTreeMap<NamespacedName, Used<'a>>,
    /// Whether there are fleets; on a machine of our own there is one proxy.
    has_fleets: bool,
}

/// An EnvoyProxy that somebody refers to.
struct Used<'a> {
    proxy: &'a EnvoyProxy,
    /// Why it cannot be followed.
    problem: Option<Problem>,
    users: Vec<(ParentRef, Role)>,
    /// Parts that are left out, and why.
    left_out: Vec<Problem>,
}

// === impl Parameters ===

impl<'a> Parameters<'a> {
    /// Follows the references of every class of ours and of every Gateway.
    pub(super) fn read((world, options): (&'a World, &Options), wishes: &[Wish]) -> Self {
        let mut parameters = Self {
            has_fleets: options.cluster().is_some(),
            ..Self::default()
        };
        for (name, class) in &world.gateway_classes {
            if !gateway_class::manages(world, options, name) {
                continue;
            }
            let found = class.spec.parameters_ref.as_ref().map(|reference| {
                let namespace = reference.namespace.as_deref();
                follow(
                    world,
                    (&reference.group, &reference.kind),
                    (namespace, &reference.name),
                )
            });
            let role = parameters.role(Role::Class);
            let found = parameters.check(found.transpose(), (class_ref(name), role));
            parameters.classes.insert(name, found);
        }
        for wish in wishes {
            parameters.read_gateway((world, options), wish);
        }
        parameters
    }

    fn read_gateway(&mut self, (world, options): (&'a World, &Options), wish: &Wish) {
        let found = wish.infrastructure.parameters.as_ref().map(|reference| {
            let namespace = Some(wish.gateway.namespace.as_str());
            let names = (namespace, reference.name.as_str());
            let found = follow(world, (&reference.group, &reference.kind), names)?;
            let cluster = options.cluster();
            cluster.map_or(Ok(()), |it| may_say(it, &wish.gateway))?;
            Ok(found)
        });
        let role = match self.merges(class_of(world, &wish.gateway)) {
            true => Role::MergedGateway,
            false => self.role(Role::Gateway),
        };
        let found = self.check(found.transpose(), (gateway_ref(&wish.gateway), role));
        self.gateways.insert(wish.gateway.clone(), found);
    }

    /// Notes who uses an EnvoyProxy, and refuses one that cannot be followed.
    fn check(
        &mut self,
        found: Result<Option<&'a EnvoyProxy>, Problem>,
        user: (ParentRef, Role),
    ) -> Result<Option<&'a EnvoyProxy>, Problem> {
        let Some(proxy) = found? else { return Ok(None) };
        let name = crate::world::key(&proxy.metadata);
        let used = self.used.entry(name.clone()).or_insert_with(|| Used {
            proxy,
            problem: kubernetes_types::check(&proxy.spec).err(),
            users: Vec::new(),
            left_out: Vec::new(),
        });
        used.users.push(user);
        match &used.problem {
            None => Ok(Some(proxy)),
            Some(problem) => {
                let message = format!("EnvoyProxy {name}: {}", problem.message);
                Err(Problem::new(problem.reason, message))
            }
        }
    }

    /// Why the reference of a class leads nowhere.
    pub(super) fn class_problem(&self, class: &str) -> Option<&Problem> {
        self.classes.get(class)?.as_ref().err()
    }

    /// Classes whose references lead nowhere.
    pub(super) fn broken_classes(&self) -> impl Iterator<Item = (&str, &Problem)> {
        let classes = self.classes.iter();
        classes.filter_map(|(name, found)| Some((*name, found.as_ref().err()?)))
    }

    /// Why the reference of a Gateway leads nowhere.
    pub(super) fn gateway_problem(&self, gateway: &NamespacedName) -> Option<&Problem> {
        self.gateways.get(gateway)?.as_ref().err()
    }

    /// Whether all Gateways of a class share a fleet.
    pub(super) fn merges(&self, class: &str) -> bool {
        let proxy = self.of_class(class).filter(|_| self.has_fleets);
        proxy.is_some_and(|proxy| proxy.spec.merge_gateways == Some(true))
    }

    /// Classes whose Gateways share a fleet.
    pub(super) fn merged_classes(&self) -> BTreeSet<&'a str> {
        let classes = self.classes.keys().copied();
        classes.filter(|class| self.merges(class)).collect()
    }

    fn of_class(&self, class: &str) -> Option<&'a EnvoyProxy> {
        self.classes.get(class)?.as_ref().ok().copied().flatten()
    }

    fn role(&self, role: Role) -> Role {
        match self.has_fleets {
            true => role,
            false => Role::Machine,
        }
    }

    /// Notes parts of an EnvoyProxy that are left out.
    pub(super) fn note(&mut self, proxy: &NamespacedName, problems: Vec<Problem>) {
        if let Some(used) = self.used.get_mut(proxy) {
            used.left_out.extend(problems);
        }
    }

    /// Name of the EnvoyProxy in effect for all Gateways of a class.
    pub(super) fn name_for_class(&self, class: &str) -> Option<NamespacedName> {
        let proxy = self.of_class(class)?;
        Some(crate::world::key(&proxy.metadata))
    }

    /// Name of the EnvoyProxy of a Gateway, else of that of its class.
    pub(super) fn name_for_gateway(
        &self,
        gateway: &NamespacedName,
        class: &str,
    ) -> Option<NamespacedName> {
        let own = self.gateways.get(gateway)?.as_ref().ok().copied().flatten();
        match own {
            Some(own) => Some(crate::world::key(&own.metadata)),
            None => self.name_for_class(class),
        }
    }

    /// The EnvoyProxy in effect for all Gateways of a class.
    pub(super) fn for_class(&self, class: &str) -> EnvoyProxySpec {
        self.of_class(class)
            .map(|proxy| proxy.spec.clone())
            .unwrap_or_default()
    }

    /// The EnvoyProxy in effect for a Gateway: its own, that of its class, or both merged.
    ///
    /// # Errors
    /// When what they are together breaks a rule of the kind.
    pub(super) fn for_gateway(
        &self,
        gateway: &NamespacedName,
        class: &str,
    ) -> Result<EnvoyProxySpec, Problem> {
        let own = self.gateways.get(gateway);
        let own = own.and_then(|found| found.as_ref().ok().copied().flatten());
        match (self.of_class(class), own) {
            (Some(base), Some(own)) => merged(base, own),
            (Some(only), None) | (None, Some(only)) => Ok(only.spec.clone()),
            (None, None) => Ok(EnvoyProxySpec::default()),
        }
    }

    /// Tells the EnvoyProxies who uses them, and which of their fields have no effect.
    pub(super) fn report(&self, options: &Options, statuses: &mut Statuses) {
        for (name, used) in &self.used {
            let object = ObjectRef::namespaced(groups::ENVOY_GATEWAY, "EnvoyProxy", name);
            let users = used.users.iter().take(ANCESTORS_MAX);
            let ancestors = users.map(|(user, role)| AncestorStatus {
                ancestor_ref: user.clone(),
                controller_name: options.controller_name.clone(),
                conditions: used.conditions(*role),
            });
            statuses.entry(object).ancestors = ancestors.collect();
        }
    }
}

// === impl Used ===

impl Used<'_> {
    fn conditions(&self, role: Role) -> Vec<Condition> {
        let generation = self.proxy.metadata.generation;
        if let Some(problem) = &self.problem {
            return vec![Condition::fails(ACCEPTED, problem, generation)];
        }
        let message = "the proxies are run as it says";
        let accepted = Condition::holds(ACCEPTED, reason::ACCEPTED, message, generation);
        let ignored = ignored(&self.proxy.spec, role);
        let left_out = self.left_out.iter().filter(|_| role != Role::MergedGateway);
        let ignored = ignored.iter().map(Problem::ignored);
        let problems: Vec<Problem> = left_out.cloned().chain(ignored).collect();
        let warning = Condition::warning(&problems, generation);
        std::iter::once(accepted).chain(warning).collect()
    }
}

/// Name of the class of a Gateway.
pub(super) fn class_of<'a>(world: &'a World, gateway: &NamespacedName) -> &'a str {
    let object = world.gateways.get(gateway);
    object.map_or("", |it| it.spec.gateway_class_name.as_str())
}

fn class_ref(name: &str) -> ParentRef {
    ParentRef {
        group: Some(groups::GATEWAY_API.to_string()),
        kind: Some("GatewayClass".to_string()),
        name: name.to_string(),
        ..ParentRef::default()
    }
}

fn gateway_ref(name: &NamespacedName) -> ParentRef {
    ParentRef {
        group: Some(groups::GATEWAY_API.to_string()),
        kind: Some("Gateway".to_string()),
        namespace: Some(name.namespace.clone()),
        name: name.name.clone(),
        ..ParentRef::default()
    }
}
