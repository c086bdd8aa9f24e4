//! AIServiceBackend: the API a Backend speaks.

use tollgate_bundle::Api;
use tollgate_crds::envoy_ai_gateway::{
    AIServiceBackend, AIServiceBackendSpec, ApiSchemaName, VersionedApiSchema,
};
use tollgate_ir as ir;

use super::SecurityPolicies;
use crate::provider::{AZURE_VERSION_DEFAULT, PREFIX_DEFAULT};
use crate::reference_grant::{self, Reference};
use crate::status::{ACCEPTED, Condition, ObjectRef, Problem, Statuses, reason};
use crate::{NamespacedName, World, backend, groups};

/// Group and kind, as references and grants name it.
pub(crate) const KIND: (&str, &str) = (groups::ENVOY_AI_GATEWAY, "AIServiceBackend");

/// Says of every AIServiceBackend whether it can be used.
pub(crate) fn report(world: &World, policies: &SecurityPolicies, statuses: &mut Statuses) {
    for (name, backend) in &world.ai_service_backends {
        let generation = backend.metadata.generation;
        let outcome = locate(world, name, backend).and_then(|_| policies.credential(name));
        let accepted = match outcome {
            Ok(credential) => {
                let message = match credential {
                    Some(_) => "the backend can be used",
                    None => "the backend can be used; no BackendSecurityPolicy gives it a key",
                };
                Condition::holds(ACCEPTED, reason::ACCEPTED, message, generation)
            }
            Err(problem) => Condition::fails(ACCEPTED, &problem, generation),
        };
        let ignored: Vec<Problem> = [
            (
                "spec.headerMutation",
                backend.spec.header_mutation.is_some(),
            ),
            ("spec.bodyMutation", backend.spec.body_mutation.is_some()),
        ]
        .into_iter()
        .filter(|(_, is_set)| *is_set)
        .map(|(field, _)| Problem::ignored(field))
        .collect();
        let status = statuses.entry(ObjectRef::namespaced(KIND.0, KIND.1, name));
        status.conditions.push(accepted);
        status
            .conditions
            .extend(Condition::warning(&ignored, generation));
    }
}

/// The API of an AIServiceBackend and where it is.
pub(super) fn locate(
    world: &World,
    name: &NamespacedName,
    service: &AIServiceBackend,
) -> Result<(Api, ir::Destination), Problem> {
    let AIServiceBackendSpec {
        schema,
        backend_ref,
        header_mutation: _,
        body_mutation: _,
    } = &service.spec;
    let api = api(schema)?;
    let group = backend_ref.group.as_deref().unwrap_or(groups::CORE);
    let kind = backend_ref.kind.as_deref().unwrap_or("Service");
    let field = "spec.backendRef";
    if (group, kind) != backend::KIND {
        return Err(Problem::new(
            reason::INVALID_KIND,
            format!(
                "{field}: {kind:?} of group {group:?} cannot stand here; Backend of gateway.envoyproxy.io can"
            ),
        ));
    }
    let namespace = backend_ref.namespace.as_deref().unwrap_or(&name.namespace);
    let target = NamespacedName::new(namespace, &backend_ref.name);
    reference_grant::check(
        world,
        Reference {
            from: KIND,
            namespace: &name.namespace,
            to: backend::KIND,
            target: &target,
            field,
        },
    )?;
    Ok((api, backend::destination(world, &target, field)?))
}

fn api(schema: &VersionedApiSchema) -> Result<Api, Problem> {
    let VersionedApiSchema {
        name,
        version,
        prefix,
    } = schema;
    let prefix = || {
        let prefix = prefix.as_deref().unwrap_or(PREFIX_DEFAULT);
        prefix.trim_matches('/').to_string()
    };
    match name {
        ApiSchemaName::OpenAI => Ok(Api::OpenAi { prefix: prefix() }),
        ApiSchemaName::Anthropic => Ok(Api::Anthropic { prefix: prefix() }),
        ApiSchemaName::AzureOpenAI => {
            let version = version.as_deref().filter(|version| !version.is_empty());
            Ok(Api::AzureOpenAi {
                version: version.unwrap_or(AZURE_VERSION_DEFAULT).to_string(),
            })
        }
        ApiSchemaName::Cohere
        | ApiSchemaName::AWSBedrock
        | ApiSchemaName::GCPVertexAI
        | ApiSchemaName::GCPAnthropic
        | ApiSchemaName::AWSAnthropic => Err(Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!(
                "spec.schema.name: {name:?} is not supported yet; OpenAI, AzureOpenAI and Anthropic are"
            ),
        )),
    }
}
