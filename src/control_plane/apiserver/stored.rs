//! An object as the API server would hand it out: with the fields that are not played.
//!
//! The store keeps only what is played. The rest is what the object's document, or its controller's template, says, and defaults.

use super::{defaults, qos, service_account};
use crate::api::core::Pod;
use crate::api::{Kind, ObjectRef};
use crate::cluster::Cluster;
use crate::control_plane::world::controller_of;
use crate::kubectl::Manifest;
use serde_json::Value;

/// The whole object; `None`: it is not there.
pub fn complete(cluster: &Cluster, object: &ObjectRef) -> Option<Value> {
    let mut value = cluster.store.to_json(object)?;
    let kind = object.kind;
    if kind != Kind::Pod && !kind.is_workload() {
        return Some(value);
    }
    let (from, path) = source(cluster, object);
    let written = from.and_then(|manifest| manifest.value.pointer(path));
    let part = if path == "/spec/template/spec" && kind == Kind::ReplicaSet { path } else { "/spec" };
    if let (Some(written), Some(spec)) = (written, value.pointer_mut(part)) {
        fill(spec, written);
    }
    defaults::set(kind, &mut value);
    if kind == Kind::Pod {
        let account = value.pointer("/spec/serviceAccountName").and_then(Value::as_str).unwrap_or("default");
        let withheld = cluster.withholds_token(&object.namespace, account);
        let told = from.filter(|manifest| manifest.is_dumped()).map(|manifest| &manifest.value);
        service_account::admit(&mut value, told, withheld);
        value["status"]["qosClass"] = qos::class(&value).into();
    }
    Some(value)
}

/// The document that an object's spec came from, and where it stands there. A Pod of an older template than the document's has none.
fn source<'a>(cluster: &'a Cluster, object: &ObjectRef) -> (Option<&'a Manifest>, &'static str) {
    const TEMPLATE: &str = "/spec/template/spec";
    if let Some(own) = cluster.origin(object) {
        return (Some(own), "/spec");
    }
    let above = |object: &ObjectRef| cluster.store.metadata(object).and_then(controller_of);
    let Some(mut owner) = above(object) else { return (None, "/spec") };
    if owner.kind == Kind::ReplicaSet {
        owner = above(&owner).unwrap_or(owner);
    }
    let store = &cluster.store;
    let containers = |of: &ObjectRef| store.workload(of).map(|own| &own.template.spec.containers);
    let made = match object.kind {
        Kind::Pod => store.get::<Pod>(&object.namespace, &object.name).map(|pod| &pod.spec.containers),
        _ => containers(object),
    };
    let same = containers(&owner).is_some_and(|template| Some(template) == made);
    (cluster.origin(&owner).filter(|_| same), TEMPLATE)
}

/// Adds what is written and not played.
fn fill(value: &mut Value, written: &Value) {
    match (value, written) {
        (Value::Object(fields), Value::Object(written)) => {
            for (name, field) in written.iter().filter(|(_, field)| !field.is_null()) {
                match fields.get_mut(name) {
                    Some(known) => fill(known, field),
                    None => {
                        fields.insert(name.clone(), field.clone());
                    }
                }
            }
        }
        (Value::Array(items), Value::Array(written)) if items.len() == written.len() => {
            items.iter_mut().zip(written).for_each(|(item, written)| fill(item, written));
        }
        _ => {}
    }
}
