//! Kinds that come and go while a controller runs.

use kube::api::{DeleteParams, Patch, PatchParams};
use kube::core::DynamicObject;
use kube::{Api, Client};
use serde_json::{Value, json};
use tollgate_crds::yaml_files;
use tollgate_translate::ObjectRef;

use crate::control::Control;
use crate::sandbox::{Sandbox, resource};
use crate::statuses::options;

/// A kind that no other test needs.
const CRD: &str = "quotapolicies.aigateway.envoyproxy.io";

fn crds(client: Client) -> Api<DynamicObject> {
    let crds = resource(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
    );
    Api::all_with(client, &crds)
}

/// The CRD as we ship it, with a schema that lets everything through, as another release's might.
fn lax_crd() -> Value {
    let files = yaml_files();
    let (_, text) = files
        .iter()
        .find(|(name, _)| name.contains("quotapolicies"))
        .expect("a CRD");
    let mut crd: Value = serde_saphyr::from_str(text).expect("YAML");
    for version in crd["spec"]["versions"].as_array_mut().expect("versions") {
        version["schema"]["openAPIV3Schema"] = json!({"type": "object", "properties": {
            "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}});
    }
    crd
}

async fn remove(crds: &Api<DynamicObject>) {
    let _ = crds.delete(CRD, &DeleteParams::default()).await;
    while crds.get_opt(CRD).await.expect("an answer").is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kind_that_appears_is_read_and_its_broken_object_told_until_it_goes() {
    let Some(mut sandbox) = Sandbox::open("crd").await else {
        return;
    };
    let crds = crds(sandbox.client());
    remove(&crds).await;
    let options = options(format!("test.tollgate.dev/{}", sandbox.namespace));
    let mut control = Control::start(&mut sandbox, options).await;
    control
        .wait(|(_, wanted)| wanted.statuses.iter().count() > 0)
        .await;

    let params = PatchParams::apply("tollgate-test").force();
    let applied = crds.patch(CRD, &params, &Patch::Apply(&lax_crd())).await;
    applied.expect("a CRD");
    let policies = resource(
        "aigateway.envoyproxy.io",
        "v1alpha1",
        "QuotaPolicy",
        "quotapolicies",
    );
    let body = json!({"apiVersion": "aigateway.envoyproxy.io/v1alpha1", "kind": "QuotaPolicy",
        "metadata": {"name": "q", "namespace": sandbox.namespace},
        "spec": {"targetRefs": "not a list"}});
    // The kind is served a moment after its CRD.
    let deadline = tokio::time::Instant::now() + crate::sandbox::PATIENCE;
    loop {
        let object = serde_json::from_value(body.clone()).expect("an object");
        let created = sandbox
            .api(&policies)
            .create(&Default::default(), &object)
            .await;
        match created {
            Ok(_) => break,
            Err(error) => assert!(tokio::time::Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let is_rejected = |object: &Value| {
        let condition = &object["status"]["conditions"][0];
        condition["type"] == "Accepted" && condition["status"] == "False"
    };
    let object = sandbox.wait(&policies, "q", is_rejected).await;
    let message = object["status"]["conditions"][0]["message"].as_str();
    assert!(
        message.expect("a message").contains("spec.targetRefs"),
        "{object}"
    );

    let is_ours = |object: &ObjectRef| object.kind == "QuotaPolicy";
    remove(&crds).await;
    control
        .wait(|(snapshot, _)| !snapshot.broken.iter().any(|it| is_ours(&it.object)))
        .await;
    drop(control);
    sandbox.close().await;
}
