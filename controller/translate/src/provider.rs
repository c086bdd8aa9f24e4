//! Providers: the API each speaks, where it is, and which header carries its key.

use tollgate_bundle::{Api, Credential};
use tollgate_crds::envoy_gateway::compact_ai_gateway_route::{CompactBackend, ProviderApi};
use tollgate_ir as ir;
use tollgate_secret::Secret;

use crate::status::{Problem, reason};
use crate::{BaseUrl, Options};

/// Path before an API's own where a base URL has none: OpenAI's and Anthropic's own.
pub(crate) const PREFIX_DEFAULT: &str = "v1";
/// Azure's `api-version` where none is given: the newest that Azure calls generally available
/// for its deployments API.
pub(crate) const AZURE_VERSION_DEFAULT: &str = "2024-10-21";

/// The API of a compact backend, and where it is. An address told to the process wins over the
/// object's `endpoint`, which wins over the provider's own.
pub(crate) fn locate(
    options: &Options,
    backend: &CompactBackend,
    field: &str,
) -> Result<(Api, ir::Destination), Problem> {
    let url = base_url(options, backend, field)?;
    let prefix = match url.path() {
        "" => PREFIX_DEFAULT,
        path => path,
    };
    let prefix = prefix.to_string();
    let api = match backend.provider.api() {
        ProviderApi::OpenAi => Api::OpenAi { prefix },
        ProviderApi::Anthropic => Api::Anthropic { prefix },
        ProviderApi::AzureOpenAi => {
            if !url.path().is_empty() {
                return Err(Problem::new(
                    reason::UNSUPPORTED_VALUE,
                    format!(
                        "{field}.endpoint: Azure's address has no path; {:?} is one too many",
                        url.path()
                    ),
                ));
            }
            let version = backend
                .api_version
                .as_deref()
                .unwrap_or(AZURE_VERSION_DEFAULT);
            Api::AzureOpenAi {
                version: version.to_string(),
            }
        }
    };
    Ok((api, url.destination()))
}

fn base_url(options: &Options, backend: &CompactBackend, field: &str) -> Result<BaseUrl, Problem> {
    let provider = backend.provider.name();
    let told = options.standalone().and_then(|standalone| {
        let urls = &standalone.provider_urls;
        urls.get(&backend.name).or_else(|| urls.get(provider))
    });
    if let Some(url) = told {
        return Ok(url.clone());
    }
    let text = backend
        .endpoint
        .as_deref()
        .or_else(|| backend.provider.base_url());
    let text = text.ok_or_else(|| {
        Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!(
                "{field}.endpoint: provider {provider} has no address of its own and needs one"
            ),
        )
    })?;
    text.parse().map_err(|error| {
        Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!("{field}.endpoint: {error}"),
        )
    })
}

/// The header that an API takes its key in.
pub(crate) fn credential(api: &Api, key: &Secret<String>) -> Credential {
    match api {
        Api::OpenAi { .. } => bearer(key),
        Api::Anthropic { .. } => plain("x-api-key", key),
        Api::AzureOpenAi { .. } => plain("api-key", key),
    }
}

/// `authorization: Bearer …`
pub(crate) fn bearer(key: &Secret<String>) -> Credential {
    Credential {
        header: "authorization".to_string(),
        value: Secret::new(format!("Bearer {}", key.expose())),
    }
}

/// The key alone in a header of its own.
pub(crate) fn plain(header: &str, key: &Secret<String>) -> Credential {
    Credential {
        header: header.to_string(),
        value: key.clone(),
    }
}
