//! All manifests through the API server.

use super::decode::{decode, finding};
use crate::api::apps::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use crate::api::core::{ConfigMap, Endpoints, Event, Namespace, Node, Pod, Secret, Service};
use crate::api::discovery::EndpointSlice;
use crate::api::networking::{Ingress, IngressClass, NetworkPolicy};
use crate::api::{Kind, ObjectRef};
use crate::diagnostic::{Diagnostic, Severity};
use crate::kubectl::{Manifest, Manifests};
use std::collections::BTreeMap;

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

/// Admits every manifest that can be admitted. Of two documents with the same name the last counts, in the place of the
/// first, with a warning.
pub fn admit(manifests: &Manifests) -> Admitted {
    let mut admitted = Admitted::default();
    let mut seen: BTreeMap<ObjectRef, usize> = BTreeMap::new();
    for manifest in &manifests.documents {
        let Some(kind) = Kind::find(&manifest.api_version, &manifest.kind) else { continue };
        let (object, diagnostics) = decode_kind(kind, manifest);
        admitted.diagnostics.extend(diagnostics);
        let Some(object) = object else { continue };
        let admitted_object = AdmittedObject { position: manifest.position, object };
        match seen.get(&admitted_object.object.object_ref()).copied() {
            Some(at) => {
                if let Some(place) = admitted.objects.get_mut(at) {
                    *place = admitted_object;
                }
                let mut twice = finding(manifest, "metadata.name", String::new());
                twice.severity = Severity::Warning;
                twice.message = crate::diagnostic::Finding::Ours(crate::msg!("admit.twice"));
                admitted.diagnostics.push(twice);
            }
            None => {
                seen.insert(admitted_object.object.object_ref(), admitted.objects.len());
                admitted.objects.push(admitted_object);
            }
        }
    }
    admitted
}
