//! A cluster in motion: the store with the queues that tell each controller what to look at again.
//!
//! Imitates informers and work queues (`client-go/tools/cache`, `client-go/util/workqueue`): a write puts the objects that may
//! have to change in turn into a queue. Leaves out retries, resync and races: every queue is worked off in a fixed order.

use super::names;
use super::scheduler::placement::is_choosy;
use super::wait;
use crate::api::apps::{ReplicaSet, ReplicationController};
use crate::api::core::{Pod, Service};
use crate::api::discovery::EndpointSlice;
use crate::api::meta::{Labels, OwnerReference, selects};
use crate::api::time::timestamp;
use crate::api::{Kind, ObjectMeta, ObjectRef, Resource};
use crate::cluster::{Change, Cluster, MOST_FOLLOWED, Outcome, Stored, Verb, Write, Written};
use crate::diagnostic::Diagnostic;
use crate::node::kubelet::has_ended;
use crate::words::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Namespace and name.
pub(crate) type Key = (String, String);

/// What has to be looked at again.
#[derive(Default)]
pub(crate) struct Queue {
    /// Deployments, ReplicaSets and the others that make Pods.
    pub(crate) workloads: BTreeSet<ObjectRef>,
    /// Pods without a node.
    pub(crate) unscheduled: BTreeSet<Key>,
    /// A place came free on some node.
    pub(crate) room: bool,
    /// Pods that their kubelet has to start, ask again or end.
    pub(crate) kubelet: BTreeSet<Key>,
    /// Services whose slices may change.
    pub(crate) services: BTreeSet<Key>,
    /// Labels, by namespace, of Pods that changed: Services that select them are looked at again.
    pub(crate) labels: BTreeMap<String, BTreeSet<Labels>>,
    /// Services whose load balancer may change.
    pub(crate) load_balancers: BTreeSet<Key>,
    /// Ingress objects or classes changed.
    pub(crate) ingresses: bool,
    /// Services whose rules kube-proxy has to write again.
    pub(crate) learned: BTreeSet<Key>,
    /// Services whose names came, went or changed: CoreDNS has to learn them again.
    pub(crate) records: BTreeSet<Key>,
    /// Endpoints to mirror into slices.
    pub(crate) mirrored: BTreeSet<Key>,
}

/// A cluster on its way to the next state.
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) changes: Vec<Change>,
    writes: Vec<Write>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) queue: Queue,
    /// What each controller owns: Pods, or ReplicaSets of a Deployment.
    owned: BTreeMap<ObjectRef, BTreeSet<Key>>,
    /// Pods without a controller.
    orphans: BTreeSet<Key>,
    /// Pods that say more about where they run than `nodeSelector`.
    pub(crate) choosy: BTreeSet<Key>,
    /// Pods on each node.
    on_node: BTreeMap<String, BTreeSet<Key>>,
    /// How many of them have ended: they take no place.
    ended_on: BTreeMap<String, usize>,
    /// Addresses of Pods.
    pub(crate) pod_addresses: BTreeSet<Ipv4Addr>,
}

impl World {
    /// Takes a cluster up where it stands.
    pub(crate) fn new(cluster: Cluster) -> World {
        let mut world = World {
            cluster,
            changes: Vec::new(),
            writes: Vec::new(),
            diagnostics: Vec::new(),
            queue: Queue::default(),
            owned: BTreeMap::new(),
            orphans: BTreeSet::new(),
            choosy: BTreeSet::new(),
            on_node: BTreeMap::new(),
            ended_on: BTreeMap::new(),
            pod_addresses: BTreeSet::new(),
        };
        for pod in world.cluster.store.pods.values().cloned().collect::<Vec<_>>() {
            world.index_pod(&pod);
        }
        let sets = world.cluster.store.replica_sets.values().cloned().collect::<Vec<_>>();
        for set in sets {
            world.index_owned(&set.metadata);
        }
        world
    }

    /// Hands the cluster out.
    pub(crate) fn finish(mut self) -> Outcome {
        if self.changes.len() > MOST_FOLLOWED {
            self.writes.clear();
        }
        let restless = wait::is_restless(&self);
        self.cluster.forget();
        Outcome { cluster: self.cluster, changes: self.changes, writes: self.writes, diagnostics: self.diagnostics, restless }
    }

    /// Notes what somebody did.
    pub(crate) fn note(&mut self, component: &str, verb: Verb, object: ObjectRef, message: Message) {
        self.changes.push(Change { at: self.cluster.now, component: component.to_string(), verb, object, message });
    }

    /// Keeps what the object, or a node's machine, has just become: part of the change that was noted last.
    pub(crate) fn wrote(&mut self, object: &ObjectRef) {
        let (key, store) = ((object.namespace.clone(), object.name.clone()), &self.cluster.store);
        let to = match object.kind {
            Kind::Pod => Written::Pod(store.pods.get(&key).cloned()),
            Kind::Service => Written::Service(store.services.get(&key).cloned()),
            Kind::EndpointSlice => Written::Slice(store.endpoint_slices.get(&key).cloned()),
            Kind::Event => Written::Event(store.events.get(&key).filter(|event| event.type_ == "Warning").cloned()),
            Kind::Node => Written::Node(store.nodes.get(&key).cloned(), self.cluster.machines.get(&object.name).cloned()),
            _ => return,
        };
        self.keep(object, to);
    }

    /// Keeps what an object is for now: what its next write brings with it is a change of its own.
    pub(crate) fn keep(&mut self, object: &ObjectRef, to: Written) {
        if self.changes.len() <= MOST_FOLLOWED {
            self.writes.push(Write { change: self.changes.len().saturating_sub(1), object: object.clone(), to });
        }
    }

    /// The present as an RFC 3339 time.
    pub(crate) fn timestamp(&self) -> String {
        timestamp(self.cluster.clock())
    }

    /// Fills in what the API server gives a new object, and counts the write of an old one.
    pub(crate) fn stamp(&mut self, object: &ObjectRef, old: Option<&ObjectMeta>, meta: &mut ObjectMeta) {
        self.cluster.writes += 1;
        meta.resource_version = self.cluster.writes.to_string();
        match old {
            Some(old) => {
                meta.uid.clone_from(&old.uid);
                meta.creation_timestamp.clone_from(&old.creation_timestamp);
                meta.since = meta.since.max(old.since);
            }
            None => {
                meta.since = self.cluster.steps;
                if meta.uid.is_empty() {
                    let life = self.life_of(object);
                    meta.uid = names::uid(&format!("{object}#{life}"));
                }
                if meta.creation_timestamp.is_none() {
                    meta.creation_timestamp = Some(self.timestamp());
                }
            }
        }
    }

    /// Writes an object whose changes wake nobody by themselves.
    pub(crate) fn put<R: Stored>(&mut self, mut object: R) {
        let reference = ObjectRef::of(&object);
        let old = R::table(&self.cluster.store).get(&key_of(object.metadata())).cloned();
        self.stamp(&reference, old.as_ref().map(|old| old.metadata()), object.metadata_mut());
        self.wake(&reference, object.metadata());
        self.cluster.store.put(object);
        self.wrote(&reference);
    }

    /// Writes a workload's status: its owner has to know; its own controller only if it was to look again anyway.
    pub(crate) fn put_status<R: Stored>(&mut self, object: R) {
        let reference = ObjectRef::of(&object);
        let queued = self.queue.workloads.contains(&reference);
        self.put(object);
        if !queued {
            self.queue.workloads.remove(&reference);
        }
    }

    fn wake(&mut self, object: &ObjectRef, meta: &ObjectMeta) {
        match object.kind {
            kind if kind.is_workload() => {
                self.index_owned(meta);
                self.queue.workloads.insert(object.clone());
                self.wake_owner(meta);
            }
            Kind::Ingress | Kind::IngressClass => self.queue.ingresses = true,
            Kind::Endpoints => {
                self.queue.mirrored.insert(key_of(meta));
            }
            Kind::Node => self.wake_for_nodes(),
            Kind::ConfigMap | Kind::Secret => {
                self.cluster.remember(object);
                self.wake_waiting_pods(&object.namespace);
            }
            _ => {}
        }
    }

    /// A container that waits for a ConfigMap or Secret is tried again when one appears.
    fn wake_waiting_pods(&mut self, namespace: &str) {
        let waiting = self.cluster.store.in_namespace::<Pod>(namespace).filter(|pod| pod.status.phase == "Pending");
        let keys: Vec<Key> = waiting.filter(|pod| !pod.spec.node_name.is_empty()).map(|pod| key_of(&pod.metadata)).collect();
        self.queue.kubelet.extend(keys);
    }

    /// Nodes decide where DaemonSets run, whether Pending Pods fit, and which zone an endpoint is in.
    pub(crate) fn wake_for_nodes(&mut self) {
        let store = &self.cluster.store;
        let sets = store.daemon_sets.values().map(|set| ObjectRef::of(set.as_ref()));
        self.queue.workloads.extend(sets.collect::<Vec<_>>());
        let pending = store.pods.iter().filter(|(_, pod)| pod.spec.node_name.is_empty()).map(|(key, _)| key.clone());
        self.queue.unscheduled.extend(pending.collect::<Vec<_>>());
        self.queue.services.extend(store.services.keys().cloned().collect::<Vec<_>>());
    }

    fn wake_owner(&mut self, meta: &ObjectMeta) {
        if let Some(owner) = controller_of(meta) {
            self.queue.workloads.insert(owner);
        }
    }

    /// Those that would take a Pod that nobody has (`getPodReplicaSets` of `pkg/controller/replicaset`).
    fn wake_takers(&mut self, pod: &Pod) {
        let store = &self.cluster.store;
        let (labels, namespace) = (&pod.metadata.labels, pod.metadata.namespace.as_str());
        let sets = store.in_namespace::<ReplicaSet>(namespace).filter(|set| set.spec.selector.matches(labels));
        let controllers = store.in_namespace::<ReplicationController>(namespace);
        let controllers = controllers.filter(|own| selects(&own.spec.selector, labels)).map(ObjectRef::of);
        let takers: Vec<ObjectRef> = sets.map(ObjectRef::of).chain(controllers).collect();
        self.queue.workloads.extend(takers);
    }

    /// Writes a Pod: its owner, its Services, the scheduler and its kubelet look again.
    pub(crate) fn put_pod(&mut self, mut pod: Pod) {
        let reference = ObjectRef::of(&pod);
        let key = key_of(&pod.metadata);
        let old = self.cluster.store.pods.get(&key).cloned();
        self.stamp(&reference, old.as_ref().map(|old| &old.metadata), &mut pod.metadata);
        if let Some(old) = &old {
            self.forget_pod(old);
        }
        self.index_pod(&pod);
        self.touch_labels(&pod);
        self.wake_owner(&pod.metadata);
        let owner = controller_of(&pod.metadata);
        let same = |old: &Arc<Pod>| old.metadata.labels == pod.metadata.labels && controller_of(&old.metadata) == owner;
        if owner.is_none() && !old.as_ref().is_some_and(same) {
            self.wake_takers(&pod);
        }
        if pod.spec.node_name.is_empty() {
            if pod.metadata.deletion_timestamp.is_none() {
                self.queue.unscheduled.insert(key);
            }
        } else if pod.metadata.deletion_timestamp.is_some() || pod.status.phase != "Running" {
            self.queue.kubelet.insert(key);
        }
        self.cluster.store.put(pod);
        self.wrote(&reference);
    }

    /// Removes a Pod for good.
    pub(crate) fn remove_pod(&mut self, key: &Key) {
        let Some(pod) = self.cluster.store.pods.remove(key) else { return };
        self.wrote(&ObjectRef::of(pod.as_ref()));
        self.forget_pod(&pod);
        self.wake_owner(&pod.metadata);
        self.queue.unscheduled.remove(key);
        self.queue.kubelet.remove(key);
        self.cluster.unready.remove(key);
        let comes_again = controller_of(&pod.metadata).is_some_and(|owner| owner.kind == Kind::StatefulSet);
        if pod.metadata.generate_name.is_empty() || comes_again {
            self.begin_next_life(&ObjectRef::of(pod.as_ref()));
        }
        self.queue.room = true;
    }

    /// How many objects of this name were there before.
    pub(crate) fn life_of(&self, object: &ObjectRef) -> u64 {
        self.cluster.generations.get(&object.to_string()).copied().unwrap_or(0)
    }

    /// An object of the same name that comes later has another uid. Pods of random names never come again.
    pub(crate) fn begin_next_life(&mut self, object: &ObjectRef) {
        *self.cluster.generations.entry(object.to_string()).or_default() += 1;
    }

    fn touch_labels(&mut self, pod: &Pod) {
        let namespace = &pod.metadata.namespace;
        let known = self.queue.labels.get(namespace).is_some_and(|sets| sets.contains(&pod.metadata.labels));
        if !known {
            self.queue.labels.entry(namespace.clone()).or_default().insert(pod.metadata.labels.clone());
        }
    }

    fn index_pod(&mut self, pod: &Pod) {
        let key = key_of(&pod.metadata);
        if controller_of(&pod.metadata).is_none() {
            self.orphans.insert(key.clone());
        }
        self.index_owned(&pod.metadata);
        if is_choosy(pod) {
            self.choosy.insert(key.clone());
        }
        if !pod.spec.node_name.is_empty() {
            self.on_node.entry(pod.spec.node_name.clone()).or_default().insert(key);
            *self.ended_on.entry(pod.spec.node_name.clone()).or_default() += usize::from(has_ended(pod));
        }
        if pod.spec.host_network != Some(true) {
            self.pod_addresses.extend(pod.status.pod_ip.parse::<Ipv4Addr>().ok());
        }
    }

    fn index_owned(&mut self, meta: &ObjectMeta) {
        if let Some(owner) = controller_of(meta) {
            self.owned.entry(owner).or_default().insert(key_of(meta));
        }
    }

    fn forget_pod(&mut self, pod: &Pod) {
        let key = key_of(&pod.metadata);
        self.touch_labels(pod);
        self.orphans.remove(&key);
        self.choosy.remove(&key);
        self.forget_owned(&pod.metadata);
        if let Some(pods) = self.on_node.get_mut(&pod.spec.node_name) {
            pods.remove(&key);
        }
        if let Some(count) = self.ended_on.get_mut(&pod.spec.node_name).filter(|_| has_ended(pod)) {
            *count = count.saturating_sub(1);
        }
        if pod.spec.host_network != Some(true)
            && let Ok(address) = pod.status.pod_ip.parse()
        {
            self.pod_addresses.remove(&address);
        }
    }

    /// Forgets who owns an object that is going.
    pub(crate) fn forget_owned(&mut self, meta: &ObjectMeta) {
        if let Some(owner) = controller_of(meta)
            && let Some(owned) = self.owned.get_mut(&owner)
        {
            owned.remove(&key_of(meta));
        }
    }

    /// Writes a Service.
    pub(crate) fn put_service(&mut self, mut service: Service) {
        let key = key_of(&service.metadata);
        let old = self.cluster.store.services.get(&key).cloned();
        let reference = ObjectRef::of(&service);
        self.stamp(&reference, old.as_ref().map(|old| &old.metadata), &mut service.metadata);
        self.touch_service(&key);
        if old.is_none_or(|old| old.spec.cluster_ip != service.spec.cluster_ip || old.spec.ports != service.spec.ports) {
            self.cluster.remember(&reference);
            self.queue.records.insert(key);
        }
        self.cluster.store.put(service);
        self.wrote(&reference);
    }

    /// Everything that follows from a Service is looked at again.
    pub(crate) fn touch_service(&mut self, key: &Key) {
        self.queue.services.insert(key.clone());
        self.queue.load_balancers.insert(key.clone());
        self.queue.learned.insert(key.clone());
        self.queue.mirrored.insert(key.clone());
    }

    /// Writes a slice: kube-proxy and CoreDNS learn it.
    pub(crate) fn put_slice(&mut self, mut slice: EndpointSlice) {
        let key = key_of(&slice.metadata);
        let old = self.cluster.store.endpoint_slices.get(&key).cloned();
        let reference = ObjectRef::of(&slice);
        self.stamp(&reference, old.as_ref().map(|old| &old.metadata), &mut slice.metadata);
        self.touch_slice(&slice);
        self.cluster.store.put(slice);
        self.wrote(&reference);
    }

    /// The Service of a slice is to be learned again.
    pub(crate) fn touch_slice(&mut self, slice: &EndpointSlice) {
        if let Some(service) = slice.metadata.labels.get("kubernetes.io/service-name") {
            self.queue.learned.insert((slice.metadata.namespace.clone(), service.clone()));
        }
    }

    /// The Pods that a controller owns.
    pub(crate) fn pods_of(&self, owner: &ObjectRef) -> Vec<Arc<Pod>> {
        let keys = self.owned.get(owner).into_iter().flatten();
        keys.filter_map(|key| self.cluster.store.pods.get(key).cloned()).collect()
    }

    /// The keys of what a controller owns.
    pub(crate) fn keys_of(&self, owner: &ObjectRef) -> Vec<Key> {
        self.owned.get(owner).into_iter().flatten().cloned().collect()
    }

    /// Pods of a namespace that nobody controls.
    pub(crate) fn orphans(&self, namespace: &str) -> Vec<Arc<Pod>> {
        let from = (namespace.to_string(), String::new());
        let keys = self.orphans.range(from..).take_while(|(of, _)| of == namespace);
        keys.filter_map(|key| self.cluster.store.pods.get(key).cloned()).collect()
    }

    /// The Pods of a node.
    pub(crate) fn pods_on(&self, node: &str) -> impl Iterator<Item = &Arc<Pod>> {
        self.on_node.get(node).into_iter().flatten().filter_map(|key| self.cluster.store.pods.get(key))
    }

    /// How many Pods a node has that have not ended.
    pub(crate) fn count_on(&self, node: &str) -> usize {
        let ended = self.ended_on.get(node).copied().unwrap_or(0);
        self.on_node.get(node).map_or(0, BTreeSet::len).saturating_sub(ended)
    }

    /// A number that this prefix has not been used with.
    pub(crate) fn next_generation(&mut self, prefix: &str) -> u64 {
        let count = self.cluster.generations.entry(prefix.to_string()).or_default();
        *count += 1;
        *count - 1
    }

    /// A name with this prefix and a suffix as the API server makes it, not used yet.
    pub(crate) fn generate_name<R: Stored>(&mut self, namespace: &str, prefix: &str) -> String {
        loop {
            let generation = self.next_generation(&format!("{namespace}/{prefix}"));
            let seed = self.cluster.seed.0;
            let name = format!("{prefix}{}", names::suffix(&format!("{namespace}/{prefix}#{generation}#{seed}")));
            if self.cluster.store.get::<R>(namespace, &name).is_none() {
                return name;
            }
        }
    }
}

/// Namespace and name.
pub(crate) fn key_of(meta: &ObjectMeta) -> Key {
    (meta.namespace.clone(), meta.name.clone())
}

/// The object that manages this one.
pub(crate) fn controller_of(meta: &ObjectMeta) -> Option<ObjectRef> {
    let owner = meta.owner_references.iter().find(|owner| owner.controller == Some(true))?;
    Some(ObjectRef::new(Kind::find(&owner.api_version, &owner.kind)?, &meta.namespace, &owner.name))
}

/// A reference to the managing object.
pub(crate) fn controller_reference<R: Resource>(owner: &R) -> OwnerReference {
    reference(R::KIND, owner.metadata())
}

/// As [`controller_reference`], where the kind is known only now.
pub(crate) fn reference(kind: Kind, owner: &ObjectMeta) -> OwnerReference {
    OwnerReference {
        api_version: kind.api_version().into(),
        kind: kind.name().into(),
        name: owner.name.clone(),
        uid: owner.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}
