//! The admission plugin ServiceAccount: every Pod runs as one and mounts its token.
//!
//! Imitates `mountServiceAccountToken` of `plugin/pkg/admission/serviceaccount/admission.go`; the random end of the volume's name
//! comes from the Pod's. That an account exists is asked in `cluster::standing`; that it brings secrets for pulling images is left out.

use super::defaults::{absent, child, items};
use crate::api::core::PodSpec;
use crate::control_plane::names::suffix;
use serde_json::{Value, json};

const VOLUME: &str = "kube-api-access-";
const PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Takes the token's volume out of a Pod that is written: nothing that is played reads it, and [`admit`] adds it when it is read.
pub(crate) fn forget(spec: &mut PodSpec) {
    let is_token = |item: &Value| item.get("name").and_then(Value::as_str).is_some_and(|name| name.starts_with(VOLUME));
    spec.volumes.retain(|volume| !is_token(volume));
    for container in spec.init_containers.iter_mut().chain(&mut spec.containers) {
        container.volume_mounts.retain(|mount| !is_token(mount));
    }
}

/// Gives a Pod's JSON its service account, the token's volume and its mounts. `document` is what a real cluster told of it: it has
/// the volume, or does not want it. `withheld`: its ServiceAccount does not mount it.
pub(super) fn admit(pod: &mut Value, document: Option<&Value>, withheld: bool) {
    let meta = |key: &str| pod.pointer(&format!("/metadata/{key}")).and_then(Value::as_str).unwrap_or_default().to_string();
    let told = document.and_then(|document| document.pointer("/spec/volumes")?.as_array()).into_iter().flatten();
    let told = { told }.filter_map(|volume| volume.get("name")?.as_str()).find(|name| name.starts_with(VOLUME));
    let volume = match (document, told) {
        (Some(_), None) => return,
        (_, Some(told)) => told.to_string(),
        (None, None) => format!("{VOLUME}{}", suffix(&format!("{VOLUME}{}/{}", meta("namespace"), meta("name")))),
    };
    let spec = child(pod, "spec");
    absent(spec, "serviceAccountName", "default".into());
    let account = spec.get("serviceAccountName").cloned().unwrap_or_default();
    absent(spec, "serviceAccount", account);
    // The Pod's own wish counts before its account's (`shouldAutomount`).
    if spec.get("automountServiceAccountToken").map_or(withheld, |own| *own == Value::Bool(false)) {
        return;
    }
    let mut needed = false;
    for list in ["initContainers", "containers"] {
        for container in items(spec, list) {
            if !items(container, "volumeMounts").any(|mount| mount.get("mountPath").is_some_and(|path| path == PATH)) {
                append(container, "volumeMounts", json!({"mountPath": PATH, "name": volume, "readOnly": true}));
                needed = true;
            }
        }
    }
    if needed && !items(spec, "volumes").any(|own| own.get("name").is_some_and(|name| *name == volume)) {
        let sources = json!([
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
            {"downwardAPI": {"items": [{"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}, "path": "namespace"}]}},
        ]);
        append(spec, "volumes", json!({"name": volume, "projected": {"defaultMode": 420, "sources": sources}}));
    }
}

/// Appends to a list that may not be there yet.
fn append(object: &mut Value, key: &str, item: Value) {
    absent(object, key, json!([]));
    if let Some(list) = object.get_mut(key).and_then(Value::as_array_mut) {
        list.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_container_mounts_the_token_of_its_pods_service_account() {
        let mut pod = json!({"metadata": {"namespace": "default", "name": "web"}, "spec": {"containers": [
            {"name": "a"}, {"name": "b", "volumeMounts": [{"mountPath": PATH, "name": "own"}]}]}});
        admit(&mut pod, None, false);
        let spec = &pod["spec"];
        assert_eq!((&spec["serviceAccountName"], &spec["serviceAccount"]), (&json!("default"), &json!("default")));
        let volume = spec["volumes"][0]["name"].as_str().unwrap();
        assert!(volume.starts_with(VOLUME) && volume.len() == VOLUME.len() + 5, "{volume}");
        assert_eq!(spec["containers"][0]["volumeMounts"][0]["name"], volume);
        assert_eq!(spec["containers"][1]["volumeMounts"].as_array().unwrap().len(), 1);
        let admitted = pod.clone();
        admit(&mut pod, None, false);
        assert_eq!(pod, admitted);
    }

    #[test]
    fn a_pod_that_does_not_want_the_token_does_not_mount_it() {
        let mut pod = json!({"metadata": {"name": "web"}, "spec": {"serviceAccountName": "shop",
            "automountServiceAccountToken": false, "containers": [{"name": "a"}]}});
        admit(&mut pod, None, false);
        assert_eq!(pod["spec"]["serviceAccount"], "shop");
        assert!(pod["spec"].get("volumes").is_none());
    }
}
