//! All manifests through the API server.

use super::decode::{defaulted, remark, typed};
use super::kinds;
use crate::api::apps::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use crate::api::core::{ConfigMap, Endpoints, Event, Namespace, Node, Pod, Secret, Service};
use crate::api::discovery::EndpointSlice;
use crate::api::networking::{Ingress, IngressClass, NetworkPolicy};
use crate::api::{Kind, ObjectRef};
use crate::diagnostic::{Diagnostic, Severity};
use crate::kubectl::{Manifest, Manifests};
use crate::msg;
use crate::settings::INGRESS_NAMESPACE;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What became of the manifests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Admitted {
    /// The good ones, in the order of the text.
    pub objects: Vec<AdmittedObject>,
    /// What there is to say about all of them, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// One admitted object, with its defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct AdmittedObject {
    /// [`Manifest::position`] of its document.
    pub position: u32,
    /// The object, in the fields that are played.
    pub object: Object,
    /// The whole object as JSON, with its defaults.
    pub value: Value,
}

macro_rules! objects {
    ($($type:ident),* $(,)?) => {
        /// An object of any kind that is played.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)]
        pub enum Object {
            $($type(Box<$type>),)*
        }

        impl Object {
            /// Its name.
            pub fn object_ref(&self) -> ObjectRef {
                match self {
                    $(Object::$type(object) => ObjectRef::of(object.as_ref()),)*
                }
            }
        }

        fn object_of(kind: Kind, manifest: &Manifest, value: Value) -> Result<Object, Vec<Diagnostic>> {
            match kind {
                $(Kind::$type => typed::<$type>(manifest, value).map(|object| Object::$type(Box::new(object))),)*
            }
        }
    };
}
objects! {
    Namespace, Node, ConfigMap, Secret, Service, Endpoints, EndpointSlice, Deployment, StatefulSet, DaemonSet, ReplicaSet,
    Pod, IngressClass, Ingress, NetworkPolicy, Event,
}

/// Admits every manifest that can be admitted into a fresh cluster. Of two documents with the same name the last counts, in the
/// place of the first, with a warning.
pub fn admit(manifests: &Manifests) -> Admitted {
    admit_beside(manifests, &BTreeSet::new())
}

/// As [`admit`], into a cluster that has these namespaces, besides those that every cluster has.
pub fn admit_beside(manifests: &Manifests, namespaces: &BTreeSet<String>) -> Admitted {
    let made = |manifest: &&Manifest| manifest.kind == "Namespace" && manifest.api_version == "v1";
    let mut namespaces = namespaces.clone();
    namespaces.extend(NAMESPACES.map(str::to_string));
    namespaces.extend(manifests.documents.iter().filter(made).map(|manifest| manifest.name.clone()));
    let mut admission = Admission { namespaces, admitted: Admitted::default(), seen: BTreeMap::new() };
    for manifest in &manifests.documents {
        admission.manifest(manifest);
    }
    admission.admitted
}

/// Namespaces that every cluster has; the last is that of kubehop's Ingress controller.
const NAMESPACES: [&str; 5] = ["default", "kube-system", "kube-public", "kube-node-lease", INGRESS_NAMESPACE];

struct Admission {
    namespaces: BTreeSet<String>,
    admitted: Admitted,
    /// Where each object stands in the admitted ones.
    seen: BTreeMap<ObjectRef, usize>,
}

impl Admission {
    fn manifest(&mut self, manifest: &Manifest) {
        let kind = match kinds::find(manifest) {
            Ok(kind) => kind,
            Err(diagnostic) => {
                self.admitted.diagnostics.push(*diagnostic);
                return;
            }
        };
        match self.object(kind, manifest) {
            Ok(object) => self.add(manifest, object),
            Err(diagnostics) => self.admitted.diagnostics.extend(diagnostics),
        }
    }

    fn object(&self, kind: Kind, manifest: &Manifest) -> Result<AdmittedObject, Vec<Diagnostic>> {
        let value = defaulted(kind, manifest)?;
        if kind.namespaced() && !self.namespaces.contains(&manifest.namespace) {
            return Err(vec![kinds::no_namespace(manifest)]);
        }
        let object = object_of(kind, manifest, value.clone())?;
        Ok(AdmittedObject { position: manifest.position, object, value })
    }

    fn add(&mut self, manifest: &Manifest, object: AdmittedObject) {
        let name = object.object.object_ref();
        match self.seen.get(&name).and_then(|at| self.admitted.objects.get_mut(*at)) {
            Some(place) => {
                *place = object;
                self.admitted.diagnostics.push(remark(manifest, Severity::Warning, "metadata.name", msg!("admit.twice")));
            }
            None => {
                self.seen.insert(name, self.admitted.objects.len());
                self.admitted.objects.push(object);
            }
        }
    }
}
