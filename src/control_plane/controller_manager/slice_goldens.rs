//! Slices against what `k8s.io/endpointslice` itself writes: `tests/goldens/slices`.

use crate::api::core::{Node, Pod, Service};
use crate::api::discovery::EndpointSlice;
use crate::cluster::{Cluster, Store, Stored};
use crate::control_plane::world::World;
use crate::kubectl::{SourceFile, read};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Differences that are kept on purpose.
///
/// `topology-mode-auto`: hints by the annotation, which trafficDistribution replaces, are not played.
const KEPT: [&str; 1] = ["topology-mode-auto"];

fn put<R: Stored>(store: &mut Store, value: &Value, namespace: &str) {
    let mut object: R = serde_json::from_value(value.clone()).unwrap();
    object.metadata_mut().namespace = namespace.to_string();
    if R::KIND.namespaced() && object.metadata().namespace.is_empty() {
        object.metadata_mut().namespace = "default".into();
    }
    store.put(object);
}

fn cluster(text: &str) -> Store {
    let (manifests, _) = read(&[SourceFile { name: "a.yaml".into(), text: text.into() }]);
    let mut store = Store::default();
    for manifest in &manifests.documents {
        match manifest.kind.as_str() {
            "Node" => put::<Node>(&mut store, &manifest.value, ""),
            "Pod" => put::<Pod>(&mut store, &manifest.value, &manifest.namespace),
            "Service" => put::<Service>(&mut store, &manifest.value, &manifest.namespace),
            kind => panic!("{kind}"),
        }
    }
    store
}

fn groups(store: Store) -> Vec<Value> {
    let mut world = World::new(Cluster { store, ..Cluster::default() });
    world.queue.services = world.cluster.store.services.keys().cloned().collect();
    super::endpoint_slice::run(&mut world);
    let mut groups: BTreeMap<(String, String), Value> = BTreeMap::new();
    for slice in world.cluster.store.all::<EndpointSlice>() {
        let service = format!("{}/{}", slice.metadata.namespace, slice.metadata.labels["kubernetes.io/service-name"]);
        let mut ports: Vec<Value> = slice.ports.iter().map(|port| serde_json::to_value(port).unwrap()).collect();
        ports.sort_by_key(Value::to_string);
        let key = (service.clone(), json!(ports).to_string());
        let group = groups.entry(key).or_insert_with(|| {
            json!({"service": service, "labels": slice.metadata.labels, "addressType": slice.address_type, "ports": ports,
                   "sizes": [], "endpoints": []})
        });
        group["sizes"].as_array_mut().unwrap().push(json!(slice.endpoints.len()));
        for endpoint in &slice.endpoints {
            let mut value = serde_json::to_value(endpoint).unwrap();
            // The goldens' Pods have no uid.
            value["targetRef"].as_object_mut().unwrap().remove("uid");
            group["endpoints"].as_array_mut().unwrap().push(value);
        }
    }
    groups.into_values().map(normal).collect()
}

/// Lists whose order says nothing, sorted; keys, too.
fn normal(mut group: Value) -> Value {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let fields: BTreeMap<_, _> = fields.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
                serde_json::to_value(fields).unwrap()
            }
            Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
            other => other.clone(),
        }
    }
    group = sorted(&group);
    if group["endpoints"].is_null() {
        group["endpoints"] = json!([]);
    }
    for list in ["endpoints", "ports", "sizes"] {
        if let Some(items) = group.get_mut(list).and_then(Value::as_array_mut) {
            items.sort_by_key(Value::to_string);
        }
    }
    group
}

/// The folder of the goldens; `KUBEHOP_GOLDENS` names another one with fresh cases.
fn folder() -> std::path::PathBuf {
    std::path::PathBuf::from(std::env::var("KUBEHOP_GOLDENS").unwrap_or_else(|_| "tests/goldens".into())).join("slices")
}

#[test]
fn slices_are_those_of_the_endpoint_slice_controller() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    let mut files: Vec<_> = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    for file in files {
        let case = file.file_stem().unwrap().to_string_lossy().into_owned();
        if KEPT.contains(&case.as_str()) {
            continue;
        }
        let golden: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file.with_extension("out")).unwrap()).unwrap();
        let mut golden: Vec<Value> = golden.into_iter().map(normal).collect();
        let mut ours = groups(cluster(&std::fs::read_to_string(&file).unwrap()));
        golden.sort_by_key(Value::to_string);
        ours.sort_by_key(Value::to_string);
        seen += 1;
        if golden != ours {
            wrong.push(format!("{case}\nupstream: {}\nours:     {}", json!(golden), json!(ours)));
        }
    }
    assert!(seen >= 49, "only {seen} goldens");
    assert!(wrong.is_empty(), "{} of {seen} differ\n{}", wrong.len(), wrong.join("\n"));
}
