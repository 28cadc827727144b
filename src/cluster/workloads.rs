//! What makes Pods, looked at alike: Deployments, ReplicaSets and the others.

use super::Store;
use crate::api::core::PodTemplateSpec;
use crate::api::{Kind, ObjectMeta, ObjectRef};
use std::sync::Arc;

/// What all that make Pods have.
pub struct Workload<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its name, its owner.
    pub meta: &'a ObjectMeta,
    /// How many Pods it is to have; `None`: as many as there are nodes for, or nothing is said.
    pub replicas: Option<i32>,
    /// Ready for so long, its Pods count as available.
    pub min_ready_seconds: i32,
    /// What it makes them from.
    pub template: &'a PodTemplateSpec,
}

impl Workload<'_> {
    /// Its name.
    pub fn object(&self) -> ObjectRef {
        ObjectRef::new(self.kind, &self.meta.namespace, &self.meta.name)
    }

    /// Whether no other one made it.
    pub fn is_topmost(&self) -> bool {
        self.meta.owner_references.is_empty()
    }
}

macro_rules! workloads {
    ($($kind:ident in $table:ident: $replicas:expr),* $(,)?) => {
        impl Store {
            /// All that make Pods, by kind.
            pub fn workloads(&self) -> impl Iterator<Item = Workload<'_>> {
                std::iter::empty()$(.chain(self.$table.values().map(|own| workload!(own, $kind, $replicas))))*
            }

            /// One of them.
            pub fn workload(&self, object: &ObjectRef) -> Option<Workload<'_>> {
                let key = (object.namespace.clone(), object.name.clone());
                match object.kind {
                    $(Kind::$kind => self.$table.get(&key).map(|own| workload!(own, $kind, $replicas)),)*
                    _ => None,
                }
            }
        }
    };
}
macro_rules! workload {
    ($own:ident, $kind:ident, $replicas:expr) => {
        Workload {
            kind: Kind::$kind,
            meta: &$own.metadata,
            replicas: $replicas($own),
            min_ready_seconds: $own.spec.min_ready_seconds,
            template: &$own.spec.template,
        }
    };
}
workloads! {
    Deployment in deployments: |own: &Arc<crate::api::apps::Deployment>| own.spec.replicas,
    StatefulSet in stateful_sets: |own: &Arc<crate::api::apps::StatefulSet>| own.spec.replicas,
    DaemonSet in daemon_sets: |_| None,
    ReplicaSet in replica_sets: |own: &Arc<crate::api::apps::ReplicaSet>| own.spec.replicas,
    ReplicationController in replication_controllers: |own: &Arc<crate::api::apps::ReplicationController>| own.spec.replicas,
}
