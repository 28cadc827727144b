//! Who makes the Pods that carry some labels: asked where no such Pod is there.

use super::{Cluster, Lack};
use crate::api::meta::{Labels, selects};
use crate::api::{Kind, ObjectRef};
use crate::kubectl::Manifest;

/// What the text has of the Pods that carry some labels, and the cluster has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Maker {
    /// A workload that is there and is to make no Pods.
    Idle(ObjectRef),
    /// A workload that is there, and its Pods are refused.
    Forbidden(ObjectRef, Lack),
    /// A workload that is there and has made none.
    Waiting(ObjectRef),
    /// The text names it, it was there, and it was deleted since.
    Deleted(ObjectRef),
    /// The text names it, and it was refused.
    Refused(ObjectRef),
}

impl Maker {
    /// The workload or Pod that it is about.
    pub fn object(&self) -> &ObjectRef {
        match self {
            Maker::Idle(own) | Maker::Forbidden(own, _) | Maker::Waiting(own) | Maker::Deleted(own) | Maker::Refused(own) => own,
        }
    }
}

impl Cluster {
    /// What would make Pods with these labels in a namespace that has none of them.
    pub fn maker(&self, namespace: &str, selector: &Labels) -> Option<Maker> {
        let here = self.store.workloads().filter(|own| own.meta.namespace == namespace && own.is_topmost());
        let makes = here.filter(|own| selects(selector, &own.template.metadata.labels));
        // One that is to make Pods and has none weighs more than one that was put to rest.
        let Some(own) = makes.min_by_key(|own| own.replicas == Some(0)) else {
            return self.only_written(namespace, selector);
        };
        Some(match self.lacks(namespace, &own.template.spec, None) {
            _ if own.replicas == Some(0) => Maker::Idle(own.object()),
            Some(lack) => Maker::Forbidden(own.object(), lack),
            None => Maker::Waiting(own.object()),
        })
    }

    /// Whether the text names an object that the API server refused.
    pub fn refused(&self, object: &ObjectRef) -> bool {
        let mut written = self.manifests.documents.iter();
        !self.store.contains(object)
            && !self.applied.contains(object)
            && written.any(|document| document.object().as_ref() == Some(object))
    }

    /// Kind and name of the controller that a document's object names and that the cluster has not.
    pub fn absent_owner<'a>(&self, document: &'a Manifest) -> Option<(&'a str, &'a str)> {
        let owners = document.value.pointer("/metadata/ownerReferences")?.as_array()?;
        let owner = owners.iter().find(|owner| owner["controller"] == true)?;
        let (version, kind, name) = (owner["apiVersion"].as_str()?, owner["kind"].as_str()?, owner["name"].as_str()?);
        let played = Kind::find(version, kind);
        let there = played.is_some_and(|played| {
            let namespace = if played.namespaced() { document.namespace.as_str() } else { "" };
            self.store.contains(&ObjectRef::new(played, namespace, name))
        });
        (!there).then_some((kind, name))
    }

    /// The workload or Pod of the text with these labels that the cluster has not.
    fn only_written(&self, namespace: &str, selector: &Labels) -> Option<Maker> {
        let missing = |object: &ObjectRef| object.namespace == namespace && !self.store.contains(object);
        self.manifests.documents.iter().find_map(|document| {
            let object = document.object().filter(missing)?;
            let path = match object.kind {
                Kind::Pod => "/metadata/labels",
                kind if kind.is_workload() => "/spec/template/metadata/labels",
                _ => return None,
            };
            let labels = document.value.pointer(path)?;
            let carries = selector.iter().all(|(key, value)| labels.get(key).and_then(|own| own.as_str()) == Some(value));
            carries.then(|| if self.applied.contains(&object) { Maker::Deleted(object) } else { Maker::Refused(object) })
        })
    }
}
