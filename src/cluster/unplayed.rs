//! What of the text is not played and still counts: workloads that would make the Pods of a Service, meshes that take part in what Pods
//! send and get.

use super::Cluster;
use crate::api::core::{Namespace, Pod};
use crate::api::foreign::{Reach, mesh};
use crate::api::meta::{Labels, ObjectMeta};
use crate::kubectl::Manifest;
use serde_json::Value;

impl Cluster {
    /// The service mesh whose proxy takes part in a Pod's requests: injected, or written among its containers.
    pub fn mesh_of(&self, pod: &Pod) -> Option<&'static str> {
        let (meta, none) = (&pod.metadata, ObjectMeta::default());
        let namespace = self.store.get::<Namespace>("", &meta.namespace).map_or(&none, |namespace| &namespace.metadata);
        let containers = pod.spec.containers.iter().chain(&pod.spec.init_containers).map(|container| container.name.as_str());
        mesh::mesh(namespace, meta).or_else(|| mesh::proxy(containers))
    }

    /// The workload of a namespace whose Pods a selector would match: by the labels of its template, or, where an operator makes the
    /// Pods of an object without one, by its name, which such operators give their Pods as a label.
    pub fn unplayed_maker(&self, namespace: &str, selector: &Labels) -> Option<&Manifest> {
        let makes = |document: &&Manifest| {
            document.reach() == Reach::MakesPods
                && document.namespace == namespace
                && would_match(&document.value, &document.name, selector)
        };
        self.manifests.documents.iter().map(|document| document.as_ref()).find(makes)
    }
}

fn would_match(document: &Value, name: &str, selector: &Labels) -> bool {
    let templates = ["/spec/template", "/spec/jobTemplate/spec/template"];
    match templates.iter().find_map(|path| document.pointer(path)?.pointer("/metadata/labels")) {
        _ if selector.is_empty() => false,
        Some(labels) => selector.iter().all(|(key, value)| labels.get(key).and_then(Value::as_str) == Some(value)),
        None => selector.values().any(|value| value == name),
    }
}
