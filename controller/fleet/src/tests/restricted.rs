//! The pods keep the restricted Pod Security level, unless an EnvoyProxy asks otherwise.

use serde_json::Value;

use super::{fleets, options};
use crate::render;

const GATEWAY: &str = include_str!("../../testdata/a-gateway-alone-has-one-small-proxy.in.yaml");

fn pod(text: &str) -> Value {
    let [spec] = fleets(text).try_into().unwrap();
    let objects = render(&spec, &options());
    let workload = objects.iter().find(|it| it["kind"] == "Deployment");
    workload.unwrap()["spec"]["template"]["spec"].clone()
}

/// kubernetes.io/docs/concepts/security/pod-security-standards, "Restricted".
#[test]
fn pod_is_admitted_at_the_restricted_level() {
    let pod = pod(GATEWAY);
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        assert!(pod.get(field).is_none(), "{field}");
    }
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(
        pod["securityContext"]["seccompProfile"]["type"],
        "RuntimeDefault"
    );
    for volume in pod["volumes"].as_array().unwrap() {
        let allowed = ["emptyDir", "secret", "configMap", "projected"];
        assert!(
            allowed.iter().any(|kind| volume.get(kind).is_some()),
            "{volume}"
        );
    }
    for container in pod["containers"].as_array().unwrap() {
        let context = &container["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false);
        assert_eq!(context["capabilities"]["drop"], serde_json::json!(["ALL"]));
        assert_eq!(context["readOnlyRootFilesystem"], true);
        let ports = container["ports"].as_array().unwrap();
        assert!(ports.iter().all(|port| port.get("hostPort").is_none()));
    }
}

#[test]
fn pod_has_no_token_for_the_api_server() {
    assert_eq!(pod(GATEWAY)["automountServiceAccountToken"], false);
}

/// A listener that comes or goes must not replace the pods.
#[test]
fn pod_is_the_same_whatever_the_ports_of_the_gateway() {
    let more = GATEWAY.replace(
        "  - name: http\n",
        "  - {name: other, port: 8081, protocol: HTTP}\n  - name: http\n",
    );
    assert_ne!(more, GATEWAY);
    assert_eq!(pod(GATEWAY), pod(&more));
}
