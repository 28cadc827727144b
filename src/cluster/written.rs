//! What was written on the way from one state to the next, so that the way can be shown step by step.

use super::{Cluster, Machine};
use crate::api::ObjectRef;
use crate::api::core::{Event, Node, Pod, Service};
use crate::api::discovery::EndpointSlice;
use std::sync::Arc;

/// Of so many changes the writes are kept: a few hundred Pods from their creation until they are ready. Nobody follows more.
pub const MOST_FOLLOWED: usize = 5000;

/// One write of an object that a stage draws.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// The change that it belongs to, by its position.
    pub change: usize,
    /// What was written.
    pub object: ObjectRef,
    /// As what.
    pub to: Written,
}

/// An object after a write; `None`: it is gone.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    /// A Pod.
    Pod(Option<Arc<Pod>>),
    /// A Service.
    Service(Option<Arc<Service>>),
    /// A slice.
    Slice(Option<Arc<EndpointSlice>>),
    /// A warning about a Pod: the stage tells the last one.
    Event(Option<Arc<Event>>),
    /// A node, and the state of its machine.
    Node(Option<Arc<Node>>, Option<Machine>),
}

impl Write {
    /// Makes the write in a cluster; nobody there reacts.
    pub fn repeat(self, cluster: &mut Cluster) {
        let ObjectRef { namespace, name, .. } = self.object;
        let store = &mut cluster.store;
        match self.to {
            Written::Pod(pod) => set(&mut store.pods, (namespace, name), pod),
            Written::Service(service) => set(&mut store.services, (namespace, name), service),
            Written::Slice(slice) => set(&mut store.endpoint_slices, (namespace, name), slice),
            Written::Event(event) => set(&mut store.events, (namespace, name), event),
            Written::Node(node, machine) => {
                set(&mut cluster.machines, name.clone(), machine);
                set(&mut store.nodes, (namespace, name), node);
            }
        }
    }
}

fn set<K: Ord, V>(table: &mut std::collections::BTreeMap<K, V>, key: K, to: Option<V>) {
    match to {
        Some(value) => table.insert(key, value),
        None => table.remove(&key),
    };
}
