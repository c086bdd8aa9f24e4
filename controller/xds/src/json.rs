//! Resources as protobuf JSON, for `tollgate translate --to xds` and goldens.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tollgate_envoy as envoy;
use tollgate_secret::Secret;

use envoy::core::{DataSource, data_source};
use envoy::tls::{TlsCertificate, secret::Type};
use envoy::{JsonError, Message, Name};

use crate::{Resources, RouteTable};

/// What stands in the place of a key.
const REDACTED: &str = "*****";

/// All resources: `{"listeners": {name: {…}}, "routes": …, "clusters": …, "endpoints": …,
/// "secrets": …}`. Keys show as `*****`.
///
/// # Errors
/// If a resource holds an `Any` that the descriptor set does not know: never for those of
/// `build`.
pub fn resources_json(resources: &Resources) -> Result<Value, JsonError> {
    let Resources {
        listeners,
        routes,
        clusters,
        endpoints,
        secrets,
    } = resources;
    Ok(json!({
        "listeners": by_name(listeners)?,
        "routes": by_name(&messages(routes))?,
        "clusters": by_name(clusters)?,
        "endpoints": by_name(endpoints)?,
        "secrets": by_name(&without_keys(secrets))?,
    }))
}

fn without_keys(
    secrets: &BTreeMap<String, Secret<envoy::tls::Secret>>,
) -> BTreeMap<String, Arc<envoy::tls::Secret>> {
    secrets
        .iter()
        .map(|(name, secret)| (name.clone(), Arc::new(without_key(secret))))
        .collect()
}

/// Takes over what is known to be public and nothing else.
fn without_key(secret: &Secret<envoy::tls::Secret>) -> envoy::tls::Secret {
    let envoy::tls::Secret { name, r#type } = secret.expose();
    let shown = match r#type {
        Some(Type::TlsCertificate(certificate)) => Some(Type::TlsCertificate(TlsCertificate {
            certificate_chain: certificate.certificate_chain.clone(),
            private_key: certificate.private_key.as_ref().map(|_| DataSource {
                specifier: Some(data_source::Specifier::InlineString(REDACTED.to_string())),
                ..DataSource::default()
            }),
            ..TlsCertificate::default()
        })),
        Some(Type::ValidationContext(context)) => Some(Type::ValidationContext(context.clone())),
        Some(Type::SessionTicketKeys(_) | Type::GenericSecret(_)) | None => None,
    };
    envoy::tls::Secret {
        name: name.clone(),
        r#type: shown,
    }
}

fn messages(
    routes: &BTreeMap<String, Arc<RouteTable>>,
) -> BTreeMap<String, Arc<envoy::route::RouteConfiguration>> {
    let messages = routes.iter();
    messages
        .map(|(name, table)| (name.clone(), Arc::new(table.message())))
        .collect()
}

fn by_name<T: Message + Name>(resources: &BTreeMap<String, Arc<T>>) -> Result<Value, JsonError> {
    let entries: Result<Map<_, _>, _> = resources
        .iter()
        .map(|(name, resource)| Ok((name.clone(), envoy::to_json(resource.as_ref())?)))
        .collect();
    entries.map(Value::Object)
}
