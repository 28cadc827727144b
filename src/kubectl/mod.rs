//! `kubectl`: text to manifests with spans, and objects to tables, YAML and JSON.

pub mod advise;
mod complaint;
pub mod describe;
pub mod old_ingress;
mod paste;
pub mod printers;
mod reader;
pub mod rollout;
mod scalar;
pub mod schema;
mod stranger;
mod tabs;
mod tabwriter;
mod yaml;

pub use paste::paste;
pub use reader::{MAX_BYTES, MAX_OBJECTS, Reader, from_yaml, read};
pub use stranger::stranger;
pub use yaml::MAX_DEPTH;

use crate::api::foreign::{self, Reach};
use crate::api::{Kind, ObjectRef};
use crate::diagnostic::Span;
use crate::trace::FieldRef;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One file of the learner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Its name, as shown.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// One document of a file: an object as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// `apiVersion` as written.
    pub api_version: String,
    /// `kind` as written.
    pub kind: String,
    /// `metadata.namespace` as written, or `default`; empty for cluster-scoped kinds.
    pub namespace: String,
    /// `metadata.name` as written.
    pub name: String,
    /// The whole document as JSON, scalars resolved as Kubernetes' YAML does.
    pub value: serde_json::Value,
    /// Where each field stands: path with list indexes (`spec.ports[0].port`; empty: the document) to its value's span,
    /// or for a mapping or list, the span of its key.
    pub spans: BTreeMap<String, Span>,
    /// Where the keys of fields with a plain value stand, by the same paths.
    pub keys: BTreeMap<String, Span>,
    /// The order in which it stands in the text, over all files.
    pub position: u32,
}

impl Manifest {
    /// The object that it names, where its kind is played.
    pub fn object(&self) -> Option<ObjectRef> {
        Kind::find(&self.api_version, &self.kind).map(|kind| ObjectRef::new(kind, &self.namespace, &self.name))
    }

    /// Whether Kubernetes has the kind that it names, or a custom resource might be one. Any other is refused.
    pub fn has_kind(&self) -> bool {
        schema::kinds(&self.api_version).contains(&self.kind.as_str()) || foreign::may_be_custom(&self.api_version)
    }

    /// What it could change where its kind is not played; nothing where it is refused.
    pub fn reach(&self) -> Reach {
        if self.has_kind() { foreign::reach(&self.api_version, &self.kind) } else { Reach::None }
    }

    /// Whether it came out of an API server: it has a uid.
    pub fn is_dumped(&self) -> bool {
        self.value.pointer("/metadata/uid").and_then(serde_json::Value::as_str).is_some_and(|uid| !uid.is_empty())
    }

    /// Whether it names this object.
    pub fn names(&self, object: &ObjectRef) -> bool {
        self.name == object.name
            && self.namespace == object.namespace
            && Kind::find(&self.api_version, &self.kind) == Some(object.kind)
    }

    /// Where a field stands; its nearest written parent, if the field itself is not there.
    pub fn span_at(&self, path: &str) -> Option<Span> {
        let mut path = path;
        loop {
            if let Some(span) = self.spans.get(path) {
                return Some(span.clone());
            }
            if path.is_empty() {
                return None;
            }
            // The API server fills the list from the single field, and speaks of the list.
            if path == "spec.clusterIPs"
                && let Some(span) = self.spans.get("spec.clusterIP")
            {
                return Some(span.clone());
            }
            path = path.rfind(['.', '[']).map_or("", |at| &path[..at]);
        }
    }
}

/// All documents of all files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifests {
    /// In the order of the text; a [`Reader`] shares what stays between texts.
    pub documents: Vec<Arc<Manifest>>,
}

impl Manifests {
    /// Where a field of an object as written stands; its nearest written parent, if the field itself is not there.
    pub fn locate(&self, field: &FieldRef) -> Option<Span> {
        let manifest = self.documents.iter().rev().find(|manifest| manifest.names(&field.object))?;
        manifest.span_at(&field.path)
    }
}
