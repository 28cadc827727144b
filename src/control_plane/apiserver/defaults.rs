//! Defaults, as the API server writes them into an object before it judges it.
//!
//! Source: `k8s.io/kubernetes` pkg/apis/{core,apps,networking,discovery}/v1/defaults.go and zz_generated.defaults.go. They work on
//! the object's JSON, so that fields which are not played get theirs, too (a Pod template's hash covers them). Left out: defaults
//! of storage volumes that name a server (iSCSI, RBD, ScaleIO, Azure), and huge pages of Pods as a whole.

mod pod;

use crate::api::Kind;
use pod::{amounts, pod, pod_spec, resources};
use serde_json::{Map, Value, json};

/// Writes the defaults of a kind into a decoded object.
pub(super) fn set(kind: Kind, object: &mut Value) {
    match kind {
        Kind::Namespace => namespace(object),
        Kind::Node => node(object),
        Kind::Secret => secret(object),
        Kind::Service => service(object),
        Kind::Endpoints => {
            for subset in items(object, "subsets") {
                items(subset, "ports").for_each(|port| text(port, "protocol", "TCP"));
            }
        }
        Kind::EndpointSlice => items(object, "ports").for_each(|port| {
            absent(port, "name", "".into());
            absent(port, "protocol", "TCP".into());
        }),
        Kind::Deployment => deployment(object),
        Kind::StatefulSet => stateful_set(object),
        Kind::DaemonSet => daemon_set(object),
        Kind::ReplicaSet => {
            let spec = child(object, "spec");
            absent(spec, "replicas", 1.into());
            template(spec);
        }
        Kind::ReplicationController => replication_controller(object),
        Kind::Pod => pod(object),
        Kind::IngressClass => {
            if let Some(parameters) = existing(object, "spec").and_then(|spec| existing(spec, "parameters")) {
                absent(parameters, "scope", "Cluster".into());
            }
        }
        Kind::NetworkPolicy => network_policy(object),
        Kind::ConfigMap | Kind::Ingress | Kind::Event => {}
    }
}

/// The field as a map, made if it is not there.
pub(super) fn child<'a>(object: &'a mut Value, key: &str) -> &'a mut Value {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let field = &mut object[key];
    if !field.is_object() {
        *field = Value::Object(Map::new());
    }
    field
}

/// The field, if it is there.
fn existing<'a>(object: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    object.get_mut(key).filter(|field| !field.is_null())
}

/// The items of a list field.
pub(super) fn items<'a>(object: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> {
    object.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten()
}

/// Sets a field that is not there.
pub(super) fn absent(object: &mut Value, key: &str, value: Value) {
    if let Some(fields) = object.as_object_mut()
        && fields.get(key).is_none_or(Value::is_null)
    {
        fields.insert(key.into(), value);
    }
}

/// Sets a string that is not there, or empty.
fn text(object: &mut Value, key: &str, value: &str) {
    if object.get(key).and_then(Value::as_str).is_none_or(str::is_empty) {
        put(object, key, value.into());
    }
}

/// Sets a number that is not there, or 0.
fn number(object: &mut Value, key: &str, value: i64) {
    if object.get(key).and_then(Value::as_i64).is_none_or(|number| number == 0) {
        put(object, key, value.into());
    }
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(key.into(), value);
    }
}

fn is(object: &Value, key: &str, value: &str) -> bool {
    object.get(key).and_then(Value::as_str) == Some(value)
}

fn namespace(object: &mut Value) {
    let name = object.pointer("/metadata/name").cloned().unwrap_or_default();
    if name.as_str().is_some_and(|name| !name.is_empty()) {
        child(child(object, "metadata"), "labels")["kubernetes.io/metadata.name"] = name;
    }
    let spec = child(object, "spec");
    absent(spec, "finalizers", json!([]));
    if let Some(finalizers) = spec.get_mut("finalizers").and_then(Value::as_array_mut)
        && !finalizers.iter().any(|finalizer| finalizer == "kubernetes")
    {
        finalizers.push("kubernetes".into());
    }
    text(child(object, "status"), "phase", "Active");
}

/// `stringData` is written into `data` and never stored itself (`pkg/apis/core/v1/conversion.go`).
fn secret(object: &mut Value) {
    text(object, "type", "Opaque");
    let plain = object.as_object_mut().and_then(|fields| fields.remove("stringData"));
    if let Some(Value::Object(plain)) = plain {
        for (key, value) in plain {
            child(object, "data")[key] = base64(value.as_str().unwrap_or("").as_bytes()).into();
        }
    }
}

pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for letter in 0..4usize {
            let six = (bits >> (18 - 6 * letter)) & 63;
            let shown = LETTERS.get(six as usize).copied().unwrap_or(b'=');
            text.push(if letter > chunk.len() { '=' } else { char::from(shown) });
        }
    }
    text
}

fn node(object: &mut Value) {
    // The old name of the field wins where they differ, and follows the list where it is not there.
    let old = object.pointer("/spec/podCIDR").filter(|range| **range != "").cloned();
    let first = object.pointer("/spec/podCIDRs/0").cloned();
    let spec = child(object, "spec");
    match (old, first) {
        (Some(old), first) if first.as_ref() != Some(&old) => spec["podCIDRs"] = json!([old]),
        (None, Some(first)) => spec["podCIDR"] = first,
        _ => {}
    }
    for list in ["capacity", "allocatable"] {
        amounts(object.pointer_mut(&format!("/status/{list}")));
    }
    if let Some(capacity) = object.pointer("/status/capacity").cloned() {
        absent(child(object, "status"), "allocatable", capacity);
    }
}

fn service(object: &mut Value) {
    let spec = child(object, "spec");
    text(spec, "sessionAffinity", "None");
    text(spec, "type", "ClusterIP");
    if is(spec, "sessionAffinity", "None") {
        spec.as_object_mut().map(|fields| fields.remove("sessionAffinityConfig"));
    }
    if is(spec, "sessionAffinity", "ClientIP") && spec.pointer("/sessionAffinityConfig/clientIP/timeoutSeconds").is_none() {
        spec["sessionAffinityConfig"] = json!({"clientIP": {"timeoutSeconds": 10_800}});
    }
    for port in items(spec, "ports") {
        text(port, "protocol", "TCP");
        let number = port.get("port").cloned().unwrap_or_else(|| 0.into());
        if port.get("targetPort").is_none_or(|target| *target == 0 || *target == "") {
            put(port, "targetPort", number);
        }
    }
    let balanced = is(spec, "type", "LoadBalancer");
    let external = balanced
        || is(spec, "type", "NodePort")
        || is(spec, "type", "ClusterIP") && spec.get("externalIPs").and_then(Value::as_array).is_some_and(|ips| !ips.is_empty());
    if external {
        text(spec, "externalTrafficPolicy", "Cluster");
    }
    if balanced || is(spec, "type", "NodePort") || is(spec, "type", "ClusterIP") {
        absent(spec, "internalTrafficPolicy", "Cluster".into());
    }
    if balanced {
        absent(spec, "allocateLoadBalancerNodePorts", true.into());
        if let Some(status) = existing(object, "status").and_then(|status| existing(status, "loadBalancer")) {
            for ingress in items(status, "ingress") {
                if ingress.get("ip").and_then(Value::as_str).is_some_and(|ip| !ip.is_empty()) {
                    absent(ingress, "ipMode", "VIP".into());
                }
            }
        }
    }
}

fn deployment(object: &mut Value) {
    let spec = child(object, "spec");
    absent(spec, "replicas", 1.into());
    absent(spec, "revisionHistoryLimit", 10.into());
    absent(spec, "progressDeadlineSeconds", 600.into());
    let strategy = child(spec, "strategy");
    text(strategy, "type", "RollingUpdate");
    if is(strategy, "type", "RollingUpdate") {
        let pace = child(strategy, "rollingUpdate");
        absent(pace, "maxUnavailable", "25%".into());
        absent(pace, "maxSurge", "25%".into());
    }
    template(spec);
}

/// Selector and labels are the template's (`SetDefaults_ReplicationController`).
fn replication_controller(object: &mut Value) {
    let spec = child(object, "spec");
    absent(spec, "replicas", 1.into());
    let Some(own) = existing(spec, "template") else { return };
    pod_spec(child(own, "spec"));
    let Some(labels) = own.pointer("/metadata/labels").filter(|labels| labels.is_object()).cloned() else { return };
    let none = |at: &Value, key: &str| at.get(key).and_then(Value::as_object).is_none_or(Map::is_empty);
    if none(spec, "selector") {
        spec["selector"] = labels.clone();
    }
    let meta = child(object, "metadata");
    if none(meta, "labels") {
        meta["labels"] = labels;
    }
}

fn daemon_set(object: &mut Value) {
    child(child(object, "metadata"), "annotations")["deprecated.daemonset.template.generation"] = "1".into();
    let spec = child(object, "spec");
    let strategy = child(spec, "updateStrategy");
    text(strategy, "type", "RollingUpdate");
    if is(strategy, "type", "RollingUpdate") {
        let pace = child(strategy, "rollingUpdate");
        absent(pace, "maxUnavailable", 1.into());
        absent(pace, "maxSurge", 0.into());
    }
    absent(spec, "revisionHistoryLimit", 10.into());
    template(spec);
}

fn stateful_set(object: &mut Value) {
    let spec = child(object, "spec");
    text(spec, "podManagementPolicy", "OrderedReady");
    let strategy = child(spec, "updateStrategy");
    if strategy.get("type").and_then(Value::as_str).is_none_or(str::is_empty) {
        strategy["type"] = "RollingUpdate".into();
        absent(strategy, "rollingUpdate", json!({}));
    }
    if let Some(pace) = existing(strategy, "rollingUpdate").and_then(Value::as_object_mut) {
        // The gate MaxUnavailableStatefulSet is off.
        pace.remove("maxUnavailable");
    }
    if is(strategy, "type", "RollingUpdate")
        && let Some(pace) = existing(strategy, "rollingUpdate")
    {
        absent(pace, "partition", 0.into());
    }
    let retention = child(spec, "persistentVolumeClaimRetentionPolicy");
    text(retention, "whenDeleted", "Retain");
    text(retention, "whenScaled", "Retain");
    absent(spec, "replicas", 1.into());
    absent(spec, "revisionHistoryLimit", 10.into());
    for claim in items(spec, "volumeClaimTemplates") {
        // Whatever stood there: the conversion writes them.
        claim["apiVersion"] = "v1".into();
        claim["kind"] = "PersistentVolumeClaim".into();
        let spec = child(claim, "spec");
        absent(spec, "volumeMode", "Filesystem".into());
        if let Some(claimed) = existing(spec, "resources") {
            resources(claimed);
        }
        text(child(claim, "status"), "phase", "Pending");
    }
    template(spec);
}

fn network_policy(object: &mut Value) {
    let spec = child(object, "spec");
    let outward = spec.get("egress").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty());
    if spec.get("policyTypes").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        spec["policyTypes"] = if outward { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
    }
    for direction in ["ingress", "egress"] {
        for rule in items(spec, direction) {
            items(rule, "ports").for_each(|port| absent(port, "protocol", "TCP".into()));
        }
    }
}

fn template(spec: &mut Value) {
    pod_spec(child(child(spec, "template"), "spec"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_port_is_its_target_port_by_default() {
        let mut service = json!({"spec": {"ports": [{"port": 80}]}});
        set(Kind::Service, &mut service);
        assert_eq!(
            service["spec"],
            json!({"ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}], "sessionAffinity": "None", "type": "ClusterIP",
                "internalTrafficPolicy": "Cluster"})
        );
    }

    #[test]
    fn string_data_becomes_base64() {
        let mut object = json!({"stringData": {"a": "hello", "b": "hi", "c": ""}});
        set(Kind::Secret, &mut object);
        assert_eq!(object["data"], json!({"a": "aGVsbG8=", "b": "aGk=", "c": ""}));
    }
}
