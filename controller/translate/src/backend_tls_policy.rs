//! BackendTLSPolicy: which TLS is spoken to a Service or Backend, and what each policy is told.
//!
//! Of policies with one target the oldest holds. One that cannot be carried out makes its
//! backends answer with an error: nothing goes out in plain text, or to a server that nobody
//! verified, because a certificate is missing.

mod references;
mod status;
mod validation;

use std::collections::BTreeMap;

use tollgate_ir as ir;

pub(crate) use status::report;

use crate::sort::by_age;
use crate::status::{Problem, reason};
use crate::{NamespacedName, World, backend, groups, service, world};
use validation::Validation;

/// Group and kind, as references and grants name it.
pub(crate) const KIND: (&str, &str) = (groups::GATEWAY_API, "BackendTLSPolicy");

/// All policies, by name and by what they target.
#[derive(Debug, Default)]
pub(crate) struct BackendTlsPolicies {
    policies: BTreeMap<NamespacedName, Policy>,
    /// By the name of the object; oldest first.
    targets: BTreeMap<NamespacedName, Vec<Target>>,
}

/// One policy.
#[derive(Debug)]
struct Policy {
    generation: Option<i64>,
    validation: Validation,
    /// Targets that it has.
    held: usize,
    /// Targets that an older policy has, and which.
    lost: Vec<(String, NamespacedName)>,
    /// Fields that change nothing.
    ignored: Vec<Problem>,
}

/// An object, or a part of it, that a policy means.
#[derive(Debug)]
struct Target {
    kind: (&'static str, &'static str),
    /// Name of a Service's port, or number of a Backend's; unset is the whole object.
    section: Option<String>,
    policy: NamespacedName,
    /// Another policy was first.
    lost: bool,
}

// === impl BackendTlsPolicies ===

impl BackendTlsPolicies {
    /// Reads all policies. Targets of kinds that are no backends are nobody's.
    pub(crate) fn new(world: &World) -> Self {
        let mut all = Self::default();
        for object in by_age(world.backend_tls_policies.values(), |it| &it.metadata) {
            let name = world::key(&object.metadata);
            let mut policy = Policy {
                generation: object.metadata.generation,
                validation: Validation::new(world, &name, &object.spec.validation),
                held: 0,
                lost: Vec::new(),
                ignored: ignored(object.spec.options.as_ref()),
            };
            for reference in &object.spec.target_refs {
                let kind = match (reference.group.as_str(), reference.kind.as_str()) {
                    service::KIND => service::KIND,
                    backend::KIND => backend::KIND,
                    _ => continue,
                };
                let target = NamespacedName::new(&name.namespace, &reference.name);
                let section = reference.section_name.clone().filter(|it| !it.is_empty());
                let others = all.targets.entry(target).or_default();
                let owner = others
                    .iter()
                    .find(|it| !it.lost && it.kind == kind && it.section == section)
                    .map(|it| it.policy.clone());
                let part = section
                    .as_ref()
                    .map_or(String::new(), |it| format!(" {it}"));
                match &owner {
                    Some(owner) => {
                        let target = format!("{} {}{part}", kind.1, reference.name);
                        policy.lost.push((target, owner.clone()));
                    }
                    None => policy.held += 1,
                }
                others.push(Target {
                    kind,
                    section,
                    policy: name.clone(),
                    lost: owner.is_some(),
                });
            }
            all.policies.insert(name, policy);
        }
        all
    }

    /// TLS to a backend: what the policy for that section says, else that for the whole object;
    /// `None` without a policy.
    pub(crate) fn find(
        &self,
        kind: (&str, &str),
        name: &NamespacedName,
        section: Option<&str>,
    ) -> Result<Option<ir::UpstreamTls>, Problem> {
        let held = |section: Option<&str>| {
            self.meant(kind, name)
                .find(|target| !target.lost && target.section.as_deref() == section)
        };
        let target = section.and_then(|section| held(Some(section)));
        let Some(target) = target.or_else(|| held(None)) else {
            return Ok(None);
        };
        let Some(policy) = self.policies.get(&target.policy) else {
            return Ok(None);
        };
        match &policy.validation.tls {
            Ok(tls) => Ok(Some(tls.clone())),
            Err(problem) => Err(Problem::new(
                reason::INVALID_BACKEND_TLS,
                format!("{} {}: {}", KIND.1, target.policy, problem.message),
            )),
        }
    }

    /// What policies mean of an object, those included that came too late.
    fn meant(&self, kind: (&str, &str), name: &NamespacedName) -> impl Iterator<Item = &Target> {
        let targets = self.targets.get(name).into_iter().flatten();
        targets.filter(move |target| target.kind == kind)
    }
}

fn ignored(options: Option<&BTreeMap<String, String>>) -> Vec<Problem> {
    let keys = options.into_iter().flat_map(BTreeMap::keys);
    keys.map(|key| Problem::ignored(format!("spec.options[{key}]")))
        .collect()
}
