//! Workloads of the text that are not played: who would make the Pods of a Service in a real cluster.

use super::Cluster;
use crate::api::foreign::Reach;
use crate::api::meta::Labels;
use crate::kubectl::Manifest;
use serde_json::Value;

impl Cluster {
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
