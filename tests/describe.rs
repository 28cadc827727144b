//! `describe` against what kubectl's own describers print for the same objects (`tests/oracle`).

use kubehop::api::Kind;
use kubehop::api::apps::{DaemonSet, Deployment, ReplicaSet, ReplicationController, StatefulSet};
use kubehop::api::core::{ConfigMap, Endpoints, Namespace, Node, Pod, Secret, Service};
use kubehop::api::discovery::EndpointSlice;
use kubehop::api::networking::{Ingress, IngressClass, NetworkPolicy};
use kubehop::cluster::{Cluster, Origin, Store, Stored};
use kubehop::kubectl::{SourceFile, describe, read};
use kubehop::random::Seed;
use serde_json::Value;
use std::fs;
use std::sync::Arc;

fn put<R: Stored>(store: &mut Store, value: &Value) {
    store.put(serde_json::from_value::<R>(value.clone()).unwrap());
}

fn cluster(text: &str) -> Cluster {
    let mut store = Store::default();
    for document in text.split("\n---\n") {
        let value: Value = serde_yaml::from_str(document).unwrap();
        match value.get("kind").and_then(Value::as_str).unwrap() {
            "ConfigMap" => put::<ConfigMap>(&mut store, &value),
            "DaemonSet" => put::<DaemonSet>(&mut store, &value),
            "Deployment" => put::<Deployment>(&mut store, &value),
            "Endpoints" => put::<Endpoints>(&mut store, &value),
            "EndpointSlice" => put::<EndpointSlice>(&mut store, &value),
            "Ingress" => put::<Ingress>(&mut store, &value),
            "IngressClass" => put::<IngressClass>(&mut store, &value),
            "Namespace" => put::<Namespace>(&mut store, &value),
            "NetworkPolicy" => put::<NetworkPolicy>(&mut store, &value),
            "Node" => put::<Node>(&mut store, &value),
            "Pod" => put::<Pod>(&mut store, &value),
            "ReplicaSet" => put::<ReplicaSet>(&mut store, &value),
            "ReplicationController" => put::<ReplicationController>(&mut store, &value),
            "Secret" => put::<Secret>(&mut store, &value),
            "Service" => put::<Service>(&mut store, &value),
            "StatefulSet" => put::<StatefulSet>(&mut store, &value),
            kind => panic!("{kind} is not described"),
        }
    }
    // What the store does not keep is read from the documents.
    let (manifests, _) = read(&[SourceFile { name: "a.yaml".into(), text: text.into() }]);
    let manifests = Arc::new(manifests);
    let origins = manifests.documents.iter().enumerate().filter_map(|(at, document)| {
        Some((document.object()?, Origin { manifests: Arc::clone(&manifests), document: u32::try_from(at).ok()? }))
    });
    Cluster { seed: Seed(1), now: 90, store, origins: origins.collect(), ..Cluster::default() }
}

/// What kubehop does not play of a node, and so does not describe.
const LEFT_OUT: [&str; 6] = ["Lease:", "Machine ID:", "System UUID:", "Boot ID:", "Operating System:", "Architecture:"];

fn played(text: &str) -> String {
    let left_out = |line: &&str| !LEFT_OUT.iter().any(|label| line.trim_start().starts_with(label));
    text.lines().filter(left_out).map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_description_is_kubectls_own() {
    let mut differing = Vec::new();
    for case in ["web", "services", "policies", "replicas", "stateful", "nodes"] {
        let path = format!("tests/goldens/describe/{case}");
        let input = fs::read_to_string(format!("{path}.yaml")).unwrap();
        let expected = fs::read_to_string(format!("{path}.out")).unwrap();
        let cluster = cluster(&input);
        let mut actual = String::new();
        for wanted in input.lines().filter_map(|line| line.strip_prefix("# describe: ")) {
            let (kind, name) = wanted.split_once(' ').unwrap();
            let kind = Kind::ALL.into_iter().find(|known| known.name() == kind).unwrap();
            let namespace = if kind.namespaced() { "default" } else { "" };
            let text = describe::run(&cluster, kind, namespace, name).unwrap();
            actual.push_str(&format!("== {wanted}\n{text}"));
        }
        let (expected, actual) = (played(&expected), played(&actual));
        let pairs = expected.lines().zip(actual.lines()).enumerate().find(|(_, (left, right))| left != right);
        if expected != actual {
            differing.push(format!("{case}: {pairs:?}\n{actual}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
