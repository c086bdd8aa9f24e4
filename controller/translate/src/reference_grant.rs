//! ReferenceGrant: whether an object may refer to one in another namespace.

use crate::status::{Problem, reason};
use crate::{NamespacedName, World};

/// A reference from one object to another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reference<'a> {
    /// Group and kind of the object that refers.
    pub(crate) from: (&'a str, &'a str),
    /// Its namespace.
    pub(crate) namespace: &'a str,
    /// Group and kind of the object that is referred to.
    pub(crate) to: (&'a str, &'a str),
    /// Which one.
    pub(crate) target: &'a NamespacedName,
    /// The field that refers, for the message.
    pub(crate) field: &'a str,
}

/// Permits a reference within a namespace, and one that the other namespace grants.
pub(crate) fn check(world: &World, reference: Reference<'_>) -> Result<(), Problem> {
    let Reference {
        from,
        namespace,
        to,
        target,
        field,
    } = reference;
    if target.namespace == namespace {
        return Ok(());
    }
    let first = NamespacedName::new(&target.namespace, "");
    let granted = world
        .reference_grants
        .range(first..)
        .take_while(|(name, _)| name.namespace == target.namespace)
        .any(|(_, grant)| {
            let froms = grant.spec.from.iter();
            let tos = grant.spec.to.iter();
            froms
                .into_iter()
                .any(|it| it.group == from.0 && it.kind == from.1 && it.namespace == namespace)
                && tos.into_iter().any(|it| {
                    it.group == to.0
                        && it.kind == to.1
                        && it
                            .name
                            .as_ref()
                            .is_none_or(|name| name.is_empty() || *name == target.name)
                })
        });
    if granted {
        return Ok(());
    }
    Err(Problem::new(
        reason::REF_NOT_PERMITTED,
        format!(
            "{field}: no ReferenceGrant in namespace {} lets {} of namespace {namespace} refer to {} {}",
            target.namespace, from.1, to.1, target.name
        ),
    ))
}
