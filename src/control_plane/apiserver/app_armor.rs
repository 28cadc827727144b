//! AppArmor's old annotation of a Pod becomes the field of its container, where that says nothing of its own and the Pod not the same
//! (`applyAppArmorVersionSkew` of `pkg/registry/core/pod/strategy.go`, `ApparmorFieldForAnnotation` of `pkg/api/pod/util.go`).

use crate::api::core::Pod;
use serde_json::{Map, Value, json};

/// A Pod of a controller, as it is stored.
pub fn sync(pod: &mut Pod) {
    let (annotations, whole) = (&pod.metadata.annotations, pod.spec.security_context.get("appArmorProfile"));
    let windows = pod.spec.os.pointer("/name").is_some_and(|os| os == "windows");
    for container in pod.spec.containers.iter_mut().chain(&mut pod.spec.init_containers).filter(|_| !windows) {
        let told = annotations.get(&key(&container.name)).map(String::as_str);
        put(&mut container.security_context, told, whole);
    }
}

/// A Pod of a text, as it is stored.
pub fn sync_text(pod: &mut Value) {
    let at = |path: &str| pod.pointer(path).cloned().unwrap_or_default();
    let (annotations, whole) = (at("/metadata/annotations"), pod.pointer("/spec/securityContext/appArmorProfile").cloned());
    if at("/spec/os/name") == "windows" {
        return;
    }
    for list in ["containers", "initContainers"] {
        let containers = pod.pointer_mut(&format!("/spec/{list}")).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let told = annotations.get(key(container["name"].as_str().unwrap_or_default())).and_then(Value::as_str);
            let mut context = container.get("securityContext").cloned().unwrap_or_default();
            if put(&mut context, told, whole.as_ref()) {
                container["securityContext"] = context;
            }
        }
    }
}

fn key(container: &str) -> String {
    format!("container.apparmor.security.beta.kubernetes.io/{container}")
}

/// Writes into a container's context what its annotation tells, where that is no news of the Pod's. False: nothing.
fn put(context: &mut Value, told: Option<&str>, whole: Option<&Value>) -> bool {
    let Some(field) = told.and_then(profile).filter(|field| Some(field) != whole) else { return false };
    if context.is_null() {
        *context = Value::Object(Map::new());
    }
    let Some(fields) = context.as_object_mut().filter(|fields| !fields.contains_key("appArmorProfile")) else { return false };
    fields.insert("appArmorProfile".into(), field);
    true
}

/// The field that says what the annotation says; none for what means nothing.
pub fn profile(told: &str) -> Option<Value> {
    match told {
        "unconfined" => Some(json!({"type": "Unconfined"})),
        "runtime/default" => Some(json!({"type": "RuntimeDefault"})),
        _ => {
            let name =
                told.strip_prefix("localhost/").filter(|name| name.trim() == *name && !name.is_empty() && name.len() <= MOST)?;
            Some(json!({"type": "Localhost", "localhostProfile": name}))
        }
    }
}

/// `MaxLocalhostProfileLength`
const MOST: usize = 4095;
