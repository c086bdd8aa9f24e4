//! BackendSecurityPolicy: which key goes to which AIServiceBackend.

use std::collections::BTreeMap;

use tollgate_bundle::Credential;
use tollgate_crds::envoy_ai_gateway::{
    ApiKeyCredential, BackendSecurityPolicy, BackendSecurityPolicySpec, BspType,
};
use tollgate_secret::Secret;

use super::service_backend;
use crate::reference_grant::{self, Reference};
use crate::sort::by_age;
use crate::status::{ACCEPTED, Condition, ObjectRef, Problem, Statuses, reason};
use crate::{NamespacedName, World, groups, provider, secret, world};

/// Group and kind, as references and grants name it.
const KIND: (&str, &str) = (groups::ENVOY_AI_GATEWAY, "BackendSecurityPolicy");

/// The credential of each AIServiceBackend that a policy targets.
#[derive(Debug, Default)]
pub(crate) struct SecurityPolicies {
    credentials: BTreeMap<NamespacedName, Result<Credential, Problem>>,
}

// === impl SecurityPolicies ===

impl SecurityPolicies {
    /// Reads all policies. Two for one backend are a conflict, and then neither key is sent:
    /// which of them was meant is not ours to guess.
    pub(crate) fn new(world: &World, statuses: &mut Statuses) -> Self {
        let policies = by_age(world.backend_security_policies.values(), |it| &it.metadata);
        let mut owners: BTreeMap<NamespacedName, Vec<NamespacedName>> = BTreeMap::new();
        for policy in &policies {
            for target in targets(policy) {
                owners
                    .entry(target)
                    .or_default()
                    .push(world::key(&policy.metadata));
            }
        }
        let mut credentials = BTreeMap::new();
        for policy in policies {
            let name = world::key(&policy.metadata);
            let credential = credential(world, &name, policy);
            let mut problems: Vec<Problem> = credential.clone().err().into_iter().collect();
            for target in targets(policy) {
                let rivals = owners.get(&target).filter(|owners| owners.len() > 1);
                let outcome = match rivals {
                    Some(rivals) => {
                        let problem = conflict(&target, rivals);
                        problems.insert(0, problem.clone());
                        Err(problem)
                    }
                    None => credential.clone().map_err(|problem| {
                        let message = format!("{} {name}: {}", KIND.1, problem.message);
                        Problem::new(problem.reason, message)
                    }),
                };
                credentials.insert(target, outcome);
            }
            report(&name, policy, &problems, statuses);
        }
        Self { credentials }
    }

    /// The credential for a backend; `None` where no policy gives one.
    pub(super) fn credential(&self, name: &NamespacedName) -> Result<Option<Credential>, Problem> {
        self.credentials.get(name).cloned().transpose()
    }
}

fn targets(policy: &BackendSecurityPolicy) -> Vec<NamespacedName> {
    let namespace = world::key(&policy.metadata).namespace;
    let mut targets: Vec<NamespacedName> = policy
        .spec
        .target_refs
        .iter()
        .filter(|target| (target.group.as_str(), target.kind.as_str()) == service_backend::KIND)
        .map(|target| NamespacedName::new(&namespace, &target.name))
        .collect();
    targets.sort();
    targets.dedup();
    targets
}

fn conflict(target: &NamespacedName, rivals: &[NamespacedName]) -> Problem {
    let rivals: Vec<String> = rivals.iter().map(ToString::to_string).collect();
    Problem::new(
        reason::CONFLICTED,
        format!(
            "AIServiceBackend {target} is the target of more than one BackendSecurityPolicy: {}",
            rivals.join(", ")
        ),
    )
}

fn report(
    name: &NamespacedName,
    policy: &BackendSecurityPolicy,
    problems: &[Problem],
    statuses: &mut Statuses,
) {
    let generation = policy.metadata.generation;
    let accepted = match Problem::join(problems) {
        Some(problem) => Condition::fails(ACCEPTED, &problem, generation),
        None => {
            let message = "the credential is sent to every target";
            Condition::holds(ACCEPTED, reason::ACCEPTED, message, generation)
        }
    };
    let object = ObjectRef::namespaced(KIND.0, KIND.1, name);
    statuses.entry(object).conditions = vec![accepted];
}

fn credential(
    world: &World,
    name: &NamespacedName,
    policy: &BackendSecurityPolicy,
) -> Result<Credential, Problem> {
    let BackendSecurityPolicySpec {
        target_refs: _,
        type_,
        api_key,
        aws_credentials: _,
        azure_api_key,
        azure_credentials: _,
        gcp_credentials: _,
        anthropic_api_key,
        credential_override,
    } = &policy.spec;
    if credential_override.is_some() {
        return Err(Problem::new(
            reason::UNSUPPORTED_VALUE,
            "spec.credentialOverride: credentials of a request arrive with a later release",
        ));
    }
    match type_ {
        BspType::APIKey => {
            let key = key(world, name, (api_key.as_ref(), "spec.apiKey"))?;
            Ok(provider::bearer(&key))
        }
        BspType::AzureAPIKey => {
            let key = key(world, name, (azure_api_key.as_ref(), "spec.azureAPIKey"))?;
            Ok(provider::plain("api-key", &key))
        }
        BspType::AnthropicAPIKey => {
            let key = key(
                world,
                name,
                (anthropic_api_key.as_ref(), "spec.anthropicAPIKey"),
            )?;
            Ok(provider::plain("x-api-key", &key))
        }
        BspType::AWSCredentials | BspType::AzureCredentials | BspType::GCPCredentials => {
            Err(Problem::new(
                reason::UNSUPPORTED_VALUE,
                format!(
                    "spec.type: {type_:?} is not supported yet; APIKey, AzureAPIKey and AnthropicAPIKey are"
                ),
            ))
        }
    }
}

fn key(
    world: &World,
    name: &NamespacedName,
    (credential, field): (Option<&ApiKeyCredential>, &str),
) -> Result<Secret<String>, Problem> {
    let credential = credential.ok_or_else(|| {
        Problem::new(
            reason::INVALID,
            format!("{field}: a policy of this type needs it"),
        )
    })?;
    let reference = &credential.secret_ref;
    let namespace = reference.namespace.as_deref().unwrap_or(&name.namespace);
    let target = NamespacedName::new(namespace, &reference.name);
    let field = format!("{field}.secretRef");
    reference_grant::check(
        world,
        Reference {
            from: KIND,
            namespace: &name.namespace,
            to: (groups::CORE, "Secret"),
            target: &target,
            field: &field,
        },
    )?;
    secret::api_key(world, &target, (None, &field))
}
