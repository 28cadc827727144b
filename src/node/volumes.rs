//! Volumes that cannot be mounted: a ConfigMap or Secret that is not there, or not with the key that is asked for; a Git repository.
//!
//! Imitates `SetUpAt` of `pkg/volume/{configmap,secret,projected}` with the frame of `pkg/volume/util/operationexecutor`, and which
//! volumes the kubelet mounts at all (`desired_state_of_world_populator.go`): those that a container mounts. Leaves out all other
//! kinds of volumes, which are assumed to be there.

use crate::api::core::{ConfigMap, Pod, Secret};
use crate::cluster::Store;
use serde_json::Value;

/// Every namespace has it in a real cluster, with the API server's certificate (`pkg/controller/certificates/rootcacertpublisher`).
const ROOT_CA: &str = "kube-root-ca.crt";

/// A volume that a Pod waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct Missing {
    /// Its place in `spec.volumes`.
    pub at: usize,
    /// Its name.
    pub volume: String,
    /// The kubelet's words: `configmap "settings" not found`.
    pub why: String,
}

/// The volumes of a Pod that cannot be mounted. `made_elsewhere` tells of Secrets and ConfigMaps (`secret`, `configmap`, and
/// the name) that something which is not played makes.
pub fn missing(pod: &Pod, store: &Store, made_elsewhere: &dyn Fn(&str, &str) -> bool) -> Vec<Missing> {
    let mut found = Vec::new();
    for (at, volume) in pod.spec.volumes.iter().enumerate() {
        let name = text(volume, "name");
        if let Some(why) = fault(volume, &pod.metadata.namespace, store, made_elsewhere).filter(|_| is_mounted(pod, name)) {
            found.push(Missing { at, volume: name.to_string(), why });
        }
    }
    found
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A volume that no container mounts is left alone.
fn is_mounted(pod: &Pod, name: &str) -> bool {
    let containers = pod.spec.init_containers.iter().chain(&pod.spec.containers);
    containers.flat_map(|container| &container.volume_mounts).any(|mount| text(mount, "name") == name)
}

/// `SetUp` of `pkg/volume/git_repo`: its feature gate is locked off since 1.36.
const GIT_REPO: &str = "git-repo volume plugin has been disabled; if necessary, it may be re-enabled by enabling the feature-gate `GitRepoVolumeDriver`";

fn fault(volume: &Value, namespace: &str, store: &Store, made_elsewhere: &dyn Fn(&str, &str) -> bool) -> Option<String> {
    if volume.get("gitRepo").is_some() {
        return Some(GIT_REPO.into());
    }
    let fault = |kind: &str, name: &str, source: &Value| one(kind, name, source, namespace, store, made_elsewhere);
    if let Some(source) = volume.get("configMap") {
        return fault("configmap", text(source, "name"), source);
    }
    if let Some(source) = volume.get("secret") {
        return fault("secret", text(source, "secretName"), source);
    }
    let mut faults = Vec::new();
    for source in volume.pointer("/projected/sources").and_then(Value::as_array).into_iter().flatten() {
        for (field, kind) in [("secret", "secret"), ("configMap", "configmap")] {
            let part = source.get(field);
            faults.extend(part.and_then(|part| fault(kind, text(part, "name"), part)));
        }
    }
    // An aggregate of one error is that error; each text stands once (`k8s.io/apimachinery/pkg/util/errors`).
    let mut once: Vec<String> = Vec::new();
    for fault in faults {
        if !once.contains(&fault) {
            once.push(fault);
        }
    }
    match once.len() {
        0 | 1 => once.pop(),
        _ => Some(format!("[{}]", once.join(", "))),
    }
}

/// What is wrong with one ConfigMap or Secret as the source of files.
fn one(
    kind: &str,
    name: &str,
    source: &Value,
    namespace: &str,
    store: &Store,
    made_elsewhere: &dyn Fn(&str, &str) -> bool,
) -> Option<String> {
    if source.get("optional") == Some(&Value::Bool(true)) {
        return None;
    }
    let is_map = kind == "configmap";
    let known = if is_map {
        store.get::<ConfigMap>(namespace, name).map(|map| map.data.keys().chain(map.binary_data.keys()).collect::<Vec<_>>())
    } else {
        store.get::<Secret>(namespace, name).map(|secret| secret.data.keys().chain(secret.string_data.keys()).collect())
    };
    let Some(keys) = known else {
        let elsewhere = (is_map && name == ROOT_CA) || made_elsewhere(kind, name);
        return (!elsewhere).then(|| format!("{kind} \"{name}\" not found"));
    };
    let items = source.get("items").and_then(Value::as_array).into_iter().flatten();
    let mut asked = items.map(|item| text(item, "key"));
    let absent = asked.find(|key| !keys.iter().any(|known| known == key))?;
    let what = if is_map { "configmap references non-existent config key" } else { "references non-existent secret key" };
    Some(format!("{what}: {absent}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(volumes: &str, mounts: &str) -> Vec<String> {
        let mut store = Store::default();
        store.put::<ConfigMap>(serde_yaml::from_str("{metadata: {name: cm, namespace: default}, data: {a: '1'}}").unwrap());
        store.put::<Secret>(serde_yaml::from_str("{metadata: {name: s, namespace: default}, data: {k: eA==}}").unwrap());
        let mut pod = Pod {
            spec: serde_yaml::from_str(&format!("{{volumes: {volumes}, containers: [{{name: c, volumeMounts: {mounts}}}]}}"))
                .unwrap(),
            ..Pod::default()
        };
        pod.metadata.namespace = "default".into();
        missing(&pod, &store, &|_, name| name == "made").into_iter().map(|missing| missing.why).collect()
    }

    #[test]
    fn a_volume_waits_for_its_configmap_and_its_secret() {
        let mounts = "[{name: v, mountPath: /v}, {name: w, mountPath: /w}]";
        let volumes = "[{name: v, configMap: {name: nope}}, {name: w, secret: {secretName: none}}]";
        assert_eq!(faults(volumes, mounts), ["configmap \"nope\" not found", "secret \"none\" not found"]);
        assert!(faults("[{name: v, configMap: {name: cm}}, {name: w, secret: {secretName: s}}]", mounts).is_empty());
        assert!(faults("[{name: v, configMap: {name: nope, optional: true}}]", mounts).is_empty());
        assert!(
            faults("[{name: v, secret: {secretName: made}}, {name: w, configMap: {name: kube-root-ca.crt}}]", mounts).is_empty()
        );
    }

    #[test]
    fn a_volume_waits_for_the_keys_that_its_items_name() {
        let mounts = "[{name: v, mountPath: /v}, {name: w, mountPath: /w}]";
        let volumes = "[{name: v, configMap: {name: cm, items: [{key: z, path: z}]}}, {name: w, secret: {secretName: s, items: [{key: z, path: z}]}}]";
        let expected = ["configmap references non-existent config key: z", "references non-existent secret key: z"];
        assert_eq!(faults(volumes, mounts), expected);
    }

    #[test]
    fn a_projected_volume_names_all_that_it_lacks() {
        let volume = "[{name: v, projected: {sources: [{configMap: {name: x}}, {secret: {name: y}}, {serviceAccountToken: {path: token}}]}}]";
        assert_eq!(faults(volume, "[{name: v, mountPath: /v}]"), ["[configmap \"x\" not found, secret \"y\" not found]"]);
    }

    #[test]
    fn a_git_repository_is_never_mounted() {
        let found = faults("[{name: v, gitRepo: {repository: 'https://example.com/r.git'}}]", "[{name: v, mountPath: /v}]");
        assert_eq!(found, [GIT_REPO]);
    }

    #[test]
    fn a_volume_that_no_container_mounts_is_not_waited_for() {
        assert!(faults("[{name: v, configMap: {name: nope}}]", "[]").is_empty());
    }
}
