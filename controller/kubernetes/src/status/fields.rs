//! Which fields of a status are ours to write, by kind.

use tollgate_crds::{GATEWAY_API_GROUP, envoy_ai_gateway, envoy_gateway, tollgate};
use tollgate_translate::ObjectRef;

/// Fields of `status` that a writer looks after. Others are left alone.
pub(crate) fn fields(object: &ObjectRef) -> &'static [&'static str] {
    match (object.group.as_str(), object.kind.as_str()) {
        (GATEWAY_API_GROUP, "GatewayClass") => &["conditions", "supportedFeatures"],
        (GATEWAY_API_GROUP, "Gateway") => &[
            "addresses",
            "attachedListenerSets",
            "conditions",
            "listeners",
        ],
        (GATEWAY_API_GROUP, "ListenerSet") => &["conditions", "listeners"],
        (GATEWAY_API_GROUP, "BackendTLSPolicy")
        | (
            envoy_gateway::GROUP,
            "BackendTrafficPolicy"
            | "ClientTrafficPolicy"
            | "EnvoyExtensionPolicy"
            | "EnvoyPatchPolicy"
            | "EnvoyProxy"
            | "SecurityPolicy",
        ) => &["ancestors"],
        (GATEWAY_API_GROUP, "HTTPRoute" | "GRPCRoute" | "TLSRoute" | "TCPRoute" | "UDPRoute") => {
            &["parents"]
        }
        (envoy_gateway::GROUP | envoy_ai_gateway::GROUP, "AIGatewayRoute") => {
            &["conditions", "parents"]
        }
        (envoy_gateway::GROUP, "Backend")
        | (envoy_ai_gateway::GROUP, "AIServiceBackend" | "BackendSecurityPolicy" | "QuotaPolicy")
        | (tollgate::GROUP, "Consumer" | "TokenBudget") => &["conditions"],
        _ => &[],
    }
}

/// Whether objects of this kind get a status from us.
pub(crate) fn is_written(object: &ObjectRef) -> bool {
    !fields(object).is_empty()
}

#[cfg(test)]
mod tests {
    use tollgate_crds::KINDS;

    use super::*;

    #[test]
    fn every_kind_but_those_of_others_has_a_status() {
        let without: Vec<_> = KINDS
            .iter()
            .filter(|kind| {
                !is_written(&ObjectRef {
                    group: kind.group.to_string(),
                    kind: kind.kind.to_string(),
                    namespace: None,
                    name: String::new(),
                })
            })
            .map(|kind| kind.kind)
            .collect();
        let expected = [
            "Namespace",
            "Secret",
            "ConfigMap",
            "Service",
            "EndpointSlice",
            "ReferenceGrant",
        ];
        assert_eq!(without, expected);
    }
}
