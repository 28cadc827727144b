//! All manifests through the API server.

use super::decode::{decode, remark};
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
    /// The object.
    pub object: Object,
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

        fn decode_kind(kind: Kind, manifest: &Manifest) -> (Option<Object>, Vec<Diagnostic>) {
            match kind {
                $(Kind::$type => {
                    let (object, diagnostics) = decode::<$type>(manifest);
                    (object.map(|object| Object::$type(Box::new(object))), diagnostics)
                })*
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
        let (object, diagnostics) = decode_kind(kind, manifest);
        self.admitted.diagnostics.extend(diagnostics);
        let Some(object) = object else { return };
        if kind.namespaced() && !self.namespaces.contains(&manifest.namespace) {
            self.admitted.diagnostics.push(kinds::no_namespace(manifest));
            return;
        }
        self.add(manifest, object);
    }

    fn add(&mut self, manifest: &Manifest, object: Object) {
        let name = object.object_ref();
        let object = AdmittedObject { position: manifest.position, object };
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
