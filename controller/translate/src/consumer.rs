//! Consumers: clients with keys. A namespace that has any serves nobody without a key.

use std::collections::BTreeMap;

use tollgate_bundle as bundle;
use tollgate_crds::tollgate::{Consumer, ConsumerSpec};
use tollgate_secret::Secret;

use crate::sort::by_age;
use crate::status::{ACCEPTED, Condition, ObjectRef, Problem, RESOLVED_REFS, Statuses, reason};
use crate::{NamespacedName, World, groups, secret, world};

/// All consumers by namespace. A namespace with consumers and no valid key, or with nothing but a
/// consumer that cannot be read, has an empty list: it is closed, not open.
pub(crate) fn translate(
    world: &World,
    statuses: &mut Statuses,
) -> BTreeMap<String, Vec<bundle::Consumer>> {
    let mut consumers: BTreeMap<String, Vec<bundle::Consumer>> = world
        .closed_namespaces
        .iter()
        .map(|namespace| (namespace.clone(), Vec::new()))
        .collect();
    // Who has a key, by namespace and value: the older consumer keeps it.
    let mut owners: BTreeMap<(String, Secret<String>), String> = BTreeMap::new();
    for consumer in by_age(world.consumers.values(), |consumer| &consumer.metadata) {
        let name = world::key(&consumer.metadata);
        let outcome = keys(world, &name, consumer, &mut owners);
        report(&name, consumer, &outcome, statuses);
        let entry = consumers.entry(name.namespace.clone()).or_default();
        if !outcome.keys.is_empty() {
            entry.push(bundle::Consumer {
                name: name.name,
                keys: outcome.keys,
                team: consumer.spec.team.clone(),
                org: consumer.spec.org.clone(),
            });
        }
    }
    for list in consumers.values_mut() {
        list.sort_by(|a, b| a.name.cmp(&b.name));
    }
    consumers
}

struct Keys {
    keys: Vec<(String, Secret<String>)>,
    missing: Vec<Problem>,
    conflicts: Vec<Problem>,
}

fn keys(
    world: &World,
    name: &NamespacedName,
    consumer: &Consumer,
    owners: &mut BTreeMap<(String, Secret<String>), String>,
) -> Keys {
    let ConsumerSpec {
        api_keys,
        team: _,
        org: _,
    } = &consumer.spec;
    let mut outcome = Keys {
        keys: Vec::new(),
        missing: Vec::new(),
        conflicts: Vec::new(),
    };
    for (index, key) in api_keys.iter().enumerate() {
        let reference = &key.secret_ref;
        let field = format!("spec.apiKeys[{index}].secretRef");
        let target = NamespacedName::new(&name.namespace, &reference.name);
        let value = match secret::api_key(world, &target, (reference.key.as_deref(), &field)) {
            Ok(value) => value,
            Err(problem) => {
                outcome.missing.push(problem);
                continue;
            }
        };
        let owner = owners
            .entry((name.namespace.clone(), value.clone()))
            .or_insert_with(|| name.name.clone());
        if *owner != name.name {
            outcome.conflicts.push(Problem::new(
                reason::CONFLICTED,
                format!("{field}: the key in Secret {target} is already that of Consumer {owner}"),
            ));
            continue;
        }
        if !outcome.keys.iter().any(|(_, known)| *known == value) {
            outcome.keys.push((reference.name.clone(), value));
        }
    }
    outcome
}

fn report(name: &NamespacedName, consumer: &Consumer, outcome: &Keys, statuses: &mut Statuses) {
    let generation = consumer.metadata.generation;
    let accepted = match Problem::join(&outcome.conflicts) {
        Some(problem) => Condition::fails(ACCEPTED, &problem, generation),
        None => {
            let message = format!("{} valid", outcome.keys.len());
            let message = format!("keys: {message}; the namespace serves nobody without one");
            Condition::holds(ACCEPTED, reason::ACCEPTED, message, generation)
        }
    };
    let resolved = match Problem::join(&outcome.missing) {
        Some(problem) => Condition::fails(RESOLVED_REFS, &problem, generation),
        None => Condition::resolved_refs(&[], generation),
    };
    let object = ObjectRef::namespaced(groups::TOLLGATE, "Consumer", name);
    statuses.entry(object).conditions = vec![accepted, resolved];
}
