//! Defaults of Pods, and of the Pods in a template: containers, probes, volumes, amounts.

use super::{absent, child, existing, items, number, put, text};
use crate::api::core::PodSpec;
use crate::api::quantity::Quantity;
use crate::api::typed;
use crate::node::resources::written_requests;
use serde_json::{Value, json};

pub(super) fn pod(object: &mut Value) {
    let spec = child(object, "spec");
    absent(spec, "enableServiceLinks", true.into());
    let on_host = spec.get("hostNetwork") == Some(&Value::Bool(true));
    for list in ["containers", "initContainers"] {
        for container in items(spec, list) {
            requests_from_limits(container);
            for port in items(container, "ports").filter(|_| on_host) {
                let declared = port.get("containerPort").and_then(Value::as_i64).unwrap_or(0);
                number(port, "hostPort", declared);
            }
        }
    }
    pod_spec(spec);
    requests_of_pod(spec);
    text(child(object, "status"), "phase", "Pending");
}

/// A Pod that as a whole may use no more than it says asks for what its containers ask for together, and for all of what none asks for
/// (`defaultPodRequests`; huge pages are left as written).
fn requests_of_pod(spec: &mut Value) {
    let limits = spec.pointer("/resources/limits").and_then(Value::as_object).filter(|limits| !limits.is_empty()).cloned();
    let Some(limits) = limits else { return };
    let together = typed::from_value::<PodSpec>(spec).map(|spec| written_requests(&spec)).unwrap_or_default();
    let mut asked: Vec<(String, Value)> = Vec::new();
    for name in ["cpu", "memory"] {
        let first =
            items(spec, "containers").find_map(|own| own.pointer(&format!("/resources/requests/{name}")).and_then(Quantity::of));
        let sum = together.get(name).zip(first).map(|(amount, first)| first.like(*amount).to_string().into());
        asked.extend(sum.or_else(|| limits.get(name).cloned()).map(|amount| (name.to_string(), amount)));
    }
    let requests = child(child(spec, "resources"), "requests");
    asked.into_iter().for_each(|(name, amount)| absent(requests, &name, amount));
}

/// Amounts are kept to a thousandth.
pub(super) fn resources(resources: &mut Value) {
    for list in ["limits", "requests"] {
        amounts(resources.get_mut(list));
    }
}

pub(super) fn amounts(list: Option<&mut Value>) {
    for amount in list.and_then(Value::as_object_mut).into_iter().flat_map(|list| list.values_mut()) {
        if let Some(quantity) = Quantity::of(amount) {
            *amount = quantity.rounded_up().to_string().into();
        }
    }
}

/// A limit is also the request, where none is written.
fn requests_from_limits(container: &mut Value) {
    let Some(limits) = container.pointer("/resources/limits").and_then(Value::as_object).cloned() else { return };
    let requests = child(child(container, "resources"), "requests");
    for (name, limit) in limits {
        absent(requests, &name, limit);
    }
}

pub(super) fn pod_spec(spec: &mut Value) {
    text(spec, "dnsPolicy", "ClusterFirst");
    text(spec, "restartPolicy", "Always");
    text(spec, "schedulerName", "default-scheduler");
    absent(spec, "securityContext", json!({}));
    absent(spec, "terminationGracePeriodSeconds", 30.into());
    // The old name of the field and the new one are kept equal.
    let account = ["serviceAccountName", "serviceAccount"].map(|key| spec.get(key).cloned());
    if let Some(name) = account.into_iter().flatten().find(|name| *name != "") {
        spec["serviceAccountName"] = name.clone();
        spec["serviceAccount"] = name;
    }
    if let Some(whole) = existing(spec, "resources") {
        resources(whole);
    }
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        items(spec, list).for_each(container);
    }
    items(spec, "volumes").for_each(volume);
}

fn container(container: &mut Value) {
    let image = container.get("image").and_then(Value::as_str).unwrap_or("");
    let policy = if tag(image) == Some("latest") { "Always" } else { "IfNotPresent" };
    text(container, "imagePullPolicy", policy);
    text(container, "terminationMessagePath", "/dev/termination-log");
    text(container, "terminationMessagePolicy", "File");
    absent(container, "resources", json!({}));
    resources(child(container, "resources"));
    items(container, "ports").for_each(|port| text(port, "protocol", "TCP"));
    for variable in items(container, "env") {
        if let Some(source) = existing(variable, "valueFrom") {
            field_ref(source);
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = existing(container, name) {
            number(probe, "timeoutSeconds", 1);
            number(probe, "periodSeconds", 10);
            number(probe, "successThreshold", 1);
            number(probe, "failureThreshold", 3);
            handler(probe);
        }
    }
    if let Some(lifecycle) = existing(container, "lifecycle") {
        for hook in ["postStart", "preStop"] {
            if let Some(hook) = existing(lifecycle, hook) {
                handler(hook);
            }
        }
    }
}

fn handler(probe: &mut Value) {
    if let Some(http) = existing(probe, "httpGet") {
        text(http, "path", "/");
        text(http, "scheme", "HTTP");
    }
    if let Some(grpc) = existing(probe, "grpc") {
        absent(grpc, "service", "".into());
    }
}

/// An image's tag; `latest` where it has neither tag nor digest; nothing where it is no image name.
fn tag(image: &str) -> Option<&str> {
    // What stands before the first slash is a registry only if it looks like a host.
    let is_host = |text: &str| text.contains(['.', ':']) || text == "localhost" || text.chars().any(|c| c.is_ascii_uppercase());
    let (host, rest) = match image.split_once('/').filter(|(host, _)| is_host(host)) {
        Some((host, rest)) => (host, rest),
        None => ("", image),
    };
    let (name, digest) = rest.split_once('@').map_or((rest, None), |(name, digest)| (name, Some(digest)));
    let (path, tag) = name.split_once(':').map_or((name, None), |(path, tag)| (path, Some(tag)));
    let is_hash = image.len() == 64 && image.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    // Docker Hub's own images stand in a folder of that name.
    let length = path.len() + if host.is_empty() && !path.contains('/') { "library/".len() } else { 0 };
    let (domain, port) = host.split_once(':').unwrap_or((host, "1"));
    let good_host = !port.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    if is_hash || length > 255 || !good_host || !path.split('/').all(is_path_component) {
        return None;
    }
    let word = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match tag {
        Some(tag) if tag.is_empty() || tag.len() > 128 || tag.starts_with(['.', '-']) || !tag.chars().all(word) => None,
        None if digest.is_some() => None,
        tag => Some(tag.unwrap_or("latest")),
    }
}

/// Lower-case words joined by one dot, one or two underscores, or any number of dashes.
fn is_path_component(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let joints = text.split(|c: char| c.is_ascii() && good(c as u8)).filter(|joint| !joint.is_empty());
    let edges = text.bytes().next().is_some_and(good) && text.bytes().last().is_some_and(good);
    edges && { joints }.all(|joint| matches!(joint, "." | "_" | "__") || joint.bytes().all(|byte| byte == b'-'))
}

fn volume(volume: &mut Value) {
    let sources = volume.as_object().map_or(0, |fields| fields.iter().filter(|(key, _)| *key != "name").count());
    if sources == 0 {
        put(volume, "emptyDir", json!({}));
    }
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = existing(volume, source) {
            absent(source, "defaultMode", 420.into());
            for part in items(source, "sources") {
                if let Some(token) = existing(part, "serviceAccountToken") {
                    absent(token, "expirationSeconds", 3_600.into());
                }
                field_refs(existing(part, "downwardAPI"));
            }
        }
    }
    field_refs(existing(volume, "downwardAPI"));
    if let Some(path) = existing(volume, "hostPath") {
        absent(path, "type", "".into());
    }
    if let Some(claim) = existing(volume, "ephemeral").and_then(|ephemeral| existing(ephemeral, "volumeClaimTemplate")) {
        absent(child(claim, "spec"), "volumeMode", "Filesystem".into());
    }
}

fn field_refs(source: Option<&mut Value>) {
    let Some(source) = source else { return };
    for item in items(source, "items") {
        field_ref(item);
    }
}

/// A field of the Pod, or of a container's resources; an unset divisor is written as the quantity that it is.
fn field_ref(source: &mut Value) {
    if let Some(field) = existing(source, "fieldRef") {
        text(field, "apiVersion", "v1");
    }
    if let Some(resource) = existing(source, "resourceFieldRef") {
        absent(resource, "divisor", "0".into());
    }
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn an_image_without_a_tag_is_pulled_always() {
        assert_eq!(tag("nginx"), Some("latest"));
        assert_eq!(tag("localhost:5000/nginx"), Some("latest"));
        assert_eq!(tag("nginx:1.27"), Some("1.27"));
        assert_eq!(tag("nginx@sha256:0123"), None);
        assert_eq!(tag(" nginx"), None);
    }
}
