//! Single Secrets, read when they are needed: the authority's, and those of fleets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde_json::Value;

use crate::Cluster;

// === impl Cluster ===

impl Cluster {
    /// A Secret as the API server holds it; `None` where there is none.
    ///
    /// # Errors
    /// When the API server does not answer, or does not let us.
    pub async fn secret(&self, namespace: &str, name: &str) -> Result<Option<Value>, kube::Error> {
        let secrets: Api<Secret> = Api::namespaced(self.client(), namespace);
        let secret = secrets.get_opt(name).await?;
        secret
            .map(|it| serde_json::to_value(it).map_err(kube::Error::SerdeError))
            .transpose()
    }
}

/// A text in a Secret's `data`; `None` where it is not there, or is no UTF-8.
pub fn secret_field(secret: &Value, field: &str) -> Option<String> {
    let text = secret.get("data")?.get(field)?.as_str()?;
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::secret_field;

    #[test]
    fn field_of_a_secret_is_decoded_and_a_missing_one_is_none() {
        let secret = json!({"data": {"a": "aGk=", "b": "%", "c": "/w=="}});
        assert_eq!(secret_field(&secret, "a").as_deref(), Some("hi"));
        for field in ["b", "c", "d"] {
            assert_eq!(secret_field(&secret, field), None, "{field}");
        }
    }
}
