//! The Secrets of the controller's own certificates: made, renewed, left alone where they are good.
//!
//! Run by `tollgate certgen`, before a controller starts and again whenever; by the plan of `pki`.

use std::{collections::BTreeMap, time::SystemTime};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use tollgate_pki::{CertificateError, Found, Identity, Reason, Wanted, plan};

/// Common name of an authority that is made.
const COMMON_NAME: &str = "tollgate";

/// How often all is looked at anew when somebody else writes the same Secrets.
const ATTEMPTS_MAX: u32 = 5;

/// Keys of a Secret of type `kubernetes.io/tls`, and of the authorities beside them.
const CERTIFICATE_KEY: &str = "tls.crt";
const KEY_KEY: &str = "tls.key";
const CA_KEY: &str = "ca.crt";

/// Which Secrets, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertgenOptions {
    /// Namespace of both.
    pub namespace: String,
    /// Name of the authority's.
    pub authority_secret: String,
    /// Name of the controller's.
    pub server_secret: String,
    /// Names that the controller's certificate is for.
    pub dns_names: Vec<String>,
}

/// A Secret that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// `namespace/name`
    pub secret: String,
    /// Why.
    pub reason: Reason,
}

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum CertgenError {
    /// The API server refuses.
    #[error("Secret {secret} cannot be {verb}")]
    Api {
        /// `namespace/name`
        secret: String,
        /// `read` or `written`.
        verb: &'static str,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// There is an authority, and it cannot be used.
    #[error(
        "Secret {secret} (tls.crt, tls.key) cannot be used; it is not replaced, since every proxy \
         trusts it: correct it, or delete it to begin anew"
    )]
    Authority {
        /// `namespace/name`
        secret: String,
        /// What is wrong with it.
        #[source]
        source: CertificateError,
    },
    /// Somebody else writes them all the time.
    #[error("Secrets {0} and {1} change all the time: does something else write them?")]
    Contended(String, String),
}

/// Whether what was read may be written over.
enum Outcome {
    Done,
    /// Somebody else was faster.
    Conflict,
}

/// Brings both Secrets to what they must be; says what was written.
///
/// # Errors
///
/// See [`CertgenError`].
pub async fn ensure(
    client: &Client,
    options: &CertgenOptions,
    now: SystemTime,
) -> Result<Vec<Written>, CertgenError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), &options.namespace);
    let mut written = Vec::new();
    for _ in 0..ATTEMPTS_MAX {
        if let Outcome::Done = attempt(&api, options, now, &mut written).await? {
            return Ok(written);
        }
    }
    Err(CertgenError::Contended(
        options.full_name(&options.authority_secret),
        options.full_name(&options.server_secret),
    ))
}

/// Both Secrets as they are made where there are none.
///
/// # Errors
///
/// Where a name cannot stand in a certificate.
pub fn fresh(options: &CertgenOptions, now: SystemTime) -> Result<Vec<Secret>, CertificateError> {
    let plan = plan(&Found::default(), &options.wanted(), now)?;
    let authority = options.authority(None, &plan.authority);
    let server = plan.write_server.map(|(it, _)| options.server(None, &it));
    Ok(std::iter::once(authority).chain(server).collect())
}

async fn attempt(
    api: &Api<Secret>,
    options: &CertgenOptions,
    now: SystemTime,
    written: &mut Vec<Written>,
) -> Result<Outcome, CertgenError> {
    let authority = read(api, options, &options.authority_secret).await?;
    let server = read(api, options, &options.server_secret).await?;
    let found = found(authority.as_ref(), server.as_ref());
    let plan = plan(&found, &options.wanted(), now).map_err(|source| CertgenError::Authority {
        secret: options.full_name(&options.authority_secret),
        source,
    })?;
    if let Some(reason) = plan.write_authority {
        let secret = options.authority(authority, &plan.authority);
        if let Outcome::Conflict = write(api, options, secret, reason, written).await? {
            return Ok(Outcome::Conflict);
        }
    }
    if let Some((identity, reason)) = plan.write_server {
        let secret = options.server(server, &identity);
        return write(api, options, secret, reason, written).await;
    }
    Ok(Outcome::Done)
}

async fn read(
    api: &Api<Secret>,
    options: &CertgenOptions,
    name: &str,
) -> Result<Option<Secret>, CertgenError> {
    let read = api.get_opt(name).await;
    read.map_err(|source| CertgenError::Api {
        secret: options.full_name(name),
        verb: "read",
        source: Box::new(source),
    })
}

async fn write(
    api: &Api<Secret>,
    options: &CertgenOptions,
    secret: Secret,
    reason: Reason,
    written: &mut Vec<Written>,
) -> Result<Outcome, CertgenError> {
    let name = secret.metadata.name.clone().unwrap_or_default();
    let params = PostParams {
        field_manager: Some("tollgate-certgen".to_string()),
        ..PostParams::default()
    };
    let is_known = secret.metadata.resource_version.is_some();
    let done = if is_known {
        // The version that was read goes along, so that nothing newer is overwritten.
        api.replace(&name, &params, &secret).await
    } else {
        api.create(&params, &secret).await
    };
    match done {
        Ok(_) => {
            let secret = options.full_name(&name);
            written.push(Written { secret, reason });
            Ok(Outcome::Done)
        }
        // Created, changed or deleted since it was read.
        Err(kube::Error::Api(status)) if status.code == 409 || (is_known && status.code == 404) => {
            Ok(Outcome::Conflict)
        }
        Err(source) => Err(CertgenError::Api {
            secret: options.full_name(&name),
            verb: "written",
            source: Box::new(source),
        }),
    }
}

/// What was read. A Secret without contents is nothing yet: the chart makes both that way.
fn found(authority: Option<&Secret>, server: Option<&Secret>) -> Found {
    let filled = |it: &&Secret| it.data.as_ref().is_some_and(|data| !data.is_empty());
    let (authority, server) = (authority.filter(filled), server.filter(filled));
    Found {
        authority: authority.map(|it| (text(it, CERTIFICATE_KEY), text(it, KEY_KEY).into())),
        server: server.map(|it| Identity {
            chain_pem: text(it, CERTIFICATE_KEY),
            key_pem: text(it, KEY_KEY).into(),
            ca_pem: text(it, CA_KEY),
        }),
    }
}

/// A value of a Secret; one that is absent or no text is nothing that a certificate could be.
fn text(secret: &Secret, key: &str) -> String {
    let value = secret.data.as_ref().and_then(|it| it.get(key));
    let value = value.and_then(|it| std::str::from_utf8(&it.0).ok());
    value.unwrap_or_default().to_string()
}

// === impl CertgenOptions ===

impl CertgenOptions {
    fn full_name(&self, name: &str) -> String {
        format!("{}/{name}", self.namespace)
    }

    fn wanted(&self) -> Wanted {
        Wanted {
            common_name: COMMON_NAME.to_string(),
            dns_names: self.dns_names.clone(),
        }
    }

    fn authority(&self, found: Option<Secret>, authority: &tollgate_pki::Authority) -> Secret {
        let key = authority.key_pem();
        let data = [
            (CERTIFICATE_KEY, authority.trust_pem()),
            (KEY_KEY, key.expose()),
        ];
        self.secret(found, &self.authority_secret, data)
    }

    fn server(&self, found: Option<Secret>, identity: &Identity) -> Secret {
        let data = [
            (CERTIFICATE_KEY, identity.chain_pem.as_str()),
            (KEY_KEY, identity.key_pem.expose().as_str()),
            (CA_KEY, identity.ca_pem.as_str()),
        ];
        self.secret(found, &self.server_secret, data)
    }

    /// What stands in a Secret beside ours stays.
    fn secret<const N: usize>(
        &self,
        found: Option<Secret>,
        name: &str,
        data: [(&str, &str); N],
    ) -> Secret {
        let mut secret = found.unwrap_or_else(|| Secret {
            metadata: ObjectMeta {
                name: Some(name.to_string()),
                namespace: Some(self.namespace.clone()),
                labels: Some(labels()),
                ..ObjectMeta::default()
            },
            type_: Some("kubernetes.io/tls".to_string()),
            ..Secret::default()
        });
        let values = secret.data.get_or_insert_default();
        for (key, value) in data {
            values.insert(key.to_string(), ByteString(value.as_bytes().to_vec()));
        }
        secret
    }
}

fn labels() -> BTreeMap<String, String> {
    [
        ("app.kubernetes.io/name", "tollgate"),
        ("app.kubernetes.io/component", "controller"),
        ("app.kubernetes.io/managed-by", "tollgate"),
    ]
    .map(|(key, value)| (key.to_string(), value.to_string()))
    .into()
}

#[cfg(test)]
mod tests;
