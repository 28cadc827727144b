//! What people and accidents do to a running cluster: the events of the command line.
//!
//! Every event is played to its end, except the loss of a node: its stages (load balancer, NotReady, eviction) lie in the
//! future and are reached by waiting.

use super::controller_manager::node_lifecycle;
use super::kubelets;
use super::settle::settle;
use super::world::{Key, World, key_of};
use super::{apply, delete, wait};
use crate::api::apps::{Deployment, ReplicaSet, ReplicationController, StatefulSet};
use crate::api::core::Pod;
use crate::api::meta::selects;
use crate::api::{Kind, ObjectRef};
use crate::cluster::{Action, Cluster, Outcome, Verb, dns_service, moment};
use crate::diagnostic::{Diagnostic, Finding, Severity};
use crate::msg;
use crate::node::kubelet::is_ready;
use std::sync::Arc;

impl Cluster {
    /// The cluster after something was done to it. What cannot be done is a diagnostic, in kubectl's words where it has some.
    #[must_use]
    pub fn act(&self, action: &Action) -> Outcome {
        let mut world = World::new(self.clone());
        // Nothing else that is done changes what a container finds when it starts.
        world.cluster.steps += u64::from(matches!(action, Action::Replace(_) | Action::Delete(_)));
        if let Err(why) = perform(&mut world, action) {
            world.diagnostics.push(Diagnostic {
                severity: Severity::Error,
                span: None,
                object: None,
                path: String::new(),
                message: why,
                help: None,
                fixes: Vec::new(),
            });
        }
        settle(&mut world);
        world.finish()
    }

    /// The Pod that an object in a Pod's place means: itself, or the first ready one of a workload.
    pub fn pod_meant_by(&self, object: &ObjectRef) -> Option<&Arc<Pod>> {
        let key = (object.namespace.clone(), object.name.clone());
        if object.kind == Kind::Pod {
            return self.store.pods.get(&key);
        }
        let mine = |pod: &&Arc<Pod>| pod.metadata.namespace == object.namespace && self.is_of(pod, object);
        let mut pods = self.store.pods.values().filter(mine).filter(|pod| pod.metadata.deletion_timestamp.is_none());
        let first = pods.clone().next();
        pods.find(|pod| is_ready(pod)).or(first)
    }

    /// The Pods of a workload.
    pub fn pods_of<'a>(&'a self, workload: &'a ObjectRef) -> impl Iterator<Item = &'a Pod> {
        self.store.in_namespace::<Pod>(&workload.namespace).filter(|pod| self.is_of(pod, workload))
    }

    /// Whether a Pod belongs to a workload, directly or through a ReplicaSet.
    fn is_of(&self, pod: &Pod, workload: &ObjectRef) -> bool {
        let Some(owner) = super::world::controller_of(&pod.metadata) else { return false };
        let above = || super::world::controller_of(self.store.metadata(&owner)?);
        owner == *workload || above().as_ref() == Some(workload)
    }
}

fn perform(world: &mut World, action: &Action) -> Result<(), Finding> {
    match action {
        Action::Wait(seconds) => wait::wait(world, *seconds),
        Action::NodeDown(name) => node_down(world, name)?,
        Action::NodeUp(name) => node_up(world, name)?,
        Action::Unready(object) => set_ready(world, object, Readiness::Failing)?,
        Action::Ready(object) => set_ready(world, object, Readiness::Restored)?,
        Action::Delete(object) => {
            may_delete(world, object)?;
            let waits = apply::waits_for(&world.cluster, object);
            delete::delete(world, object);
            // What was refused only because the object stood is applied now: the text is there, and nothing is in its way.
            if waits {
                settle(world);
                apply::write_again(world, object);
            }
        }
        Action::Replace(object) => {
            may_delete(world, object)?;
            delete::delete(world, object);
            settle(world);
            // `kubectl replace --force` waits until the old one is gone.
            while object.kind == Kind::Pod && world.cluster.store.contains(object) {
                let Some((at, pods)) = kubelets::next_end(world) else { break };
                world.cluster.now = at;
                world.queue.kubelet.extend(pods);
                settle(world);
            }
            apply::write_again(world, object);
        }
        Action::Scale(object, replicas) => scale(world, object, *replicas)?,
        Action::ProxyStop(node) => proxy_stop(world, node)?,
        Action::ProxyStart(node) => proxy_start(world, node)?,
        Action::CorednsDown => coredns(world, Readiness::Failing),
        Action::CorednsUp => coredns(world, Readiness::Restored),
    }
    Ok(())
}

/// kubectl's `deployments.apps "web" not found`.
fn not_found(object: &ObjectRef) -> Finding {
    let group = object.kind.api_version().split_once('/').map(|(group, _)| format!(".{group}")).unwrap_or_default();
    Finding::Upstream(format!("{}{group} \"{}\" not found", object.kind.plural(), object.name))
}

fn exists(world: &World, object: &ObjectRef) -> Result<(), Finding> {
    if world.cluster.store.contains(object) { Ok(()) } else { Err(not_found(object)) }
}

fn may_delete(world: &World, object: &ObjectRef) -> Result<(), Finding> {
    exists(world, object)?;
    delete::may_not_be_deleted(object).map_or(Ok(()), |why| Err(Finding::Upstream(why)))
}

fn node_exists(world: &World, name: &str) -> Result<ObjectRef, Finding> {
    let object = ObjectRef::new(Kind::Node, "", name);
    exists(world, &object).map(|()| object)
}

#[derive(Clone, Copy, PartialEq)]
enum Readiness {
    Failing,
    Restored,
}

fn set_ready(world: &mut World, object: &ObjectRef, to: Readiness) -> Result<(), Finding> {
    // What is to become ready again is the Pod that was made unready, not the first that is ready anyway.
    let failing = |pod: &&Arc<Pod>| world.cluster.unready.contains(&key_of(&pod.metadata));
    let mine = world
        .cluster
        .store
        .pods
        .values()
        .filter(|pod| pod.metadata.namespace == object.namespace && world.cluster.is_of(pod, object));
    let restored = mine.clone().find(failing).filter(|_| to == Readiness::Restored && object.kind != Kind::Pod);
    let pod = restored.or_else(|| world.cluster.pod_meant_by(object)).cloned().ok_or_else(|| not_found(object))?;
    mark(world, &key_of(&pod.metadata), to);
    Ok(())
}

fn mark(world: &mut World, key: &Key, to: Readiness) {
    match to {
        Readiness::Failing => world.cluster.unready.insert(key.clone()),
        Readiness::Restored => world.cluster.unready.remove(key),
    };
    world.queue.kubelet.insert(key.clone());
}

fn coredns(world: &mut World, to: Readiness) {
    let Some(service) = dns_service(&world.cluster.store.services) else { return };
    let pods = world.cluster.store.in_namespace::<Pod>(&service.metadata.namespace);
    let own = pods.filter(|pod| selects(&service.spec.selector, &pod.metadata.labels));
    let keys: Vec<Key> = own.map(|pod| key_of(&pod.metadata)).collect();
    keys.iter().for_each(|key| mark(world, key, to));
}

fn scale(world: &mut World, object: &ObjectRef, replicas: i32) -> Result<(), Finding> {
    exists(world, object)?;
    if i64::from(replicas) > apply::MOST_PODS {
        return Err(Finding::Ours(msg!("limit.pods", most = apply::MOST_PODS, given = replicas)));
    }
    let (namespace, name) = (object.namespace.clone(), object.name.clone());
    world.note("kube-apiserver", Verb::Update, object.clone(), msg!("change.scale", object = object, to = replicas));
    macro_rules! set {
        ($type:ident) => {
            if let Some(mut next) = world.cluster.store.get::<$type>(&namespace, &name).cloned() {
                next.metadata.generation += 1;
                next.spec.replicas = Some(replicas);
                world.put(next);
            }
        };
    }
    match object.kind {
        Kind::Deployment => set!(Deployment),
        Kind::ReplicaSet => set!(ReplicaSet),
        Kind::ReplicationController => set!(ReplicationController),
        Kind::StatefulSet => set!(StatefulSet),
        _ => {
            world.changes.pop();
            return Err(Finding::Upstream("the server could not find the requested resource".into()));
        }
    }
    Ok(())
}

fn node_down(world: &mut World, name: &str) -> Result<(), Finding> {
    let object = node_exists(world, name)?;
    let now = moment(world.cluster.now);
    let machine = world.cluster.machines.entry(name.to_string()).or_default();
    if machine.down_since.is_none() {
        machine.down_since = Some(now);
        world.note(&format!("node/{name}"), Verb::Notice, object.clone(), msg!("change.nodeDown", node = name));
        world.wrote(&object);
    }
    Ok(())
}

fn node_up(world: &mut World, name: &str) -> Result<(), Finding> {
    let object = node_exists(world, name)?;
    let machine = world.cluster.machines.entry(name.to_string()).or_default();
    if machine.down_since.take().is_some() {
        if machine.frozen_view.is_none() {
            world.cluster.machines.remove(name);
        }
        world.note(&format!("node/{name}"), Verb::Notice, object.clone(), msg!("change.nodeUp", node = name));
        world.wrote(&object);
        node_lifecycle::regain(world, name);
        if world.cluster.machines.get(name).is_none_or(|machine| machine.frozen_view.is_none()) {
            let message = msg!("change.rulesAll", node = name);
            world.note(&format!("kube-proxy/{name}"), Verb::WriteRules, object, message);
        }
    }
    Ok(())
}

fn proxy_stop(world: &mut World, node: &str) -> Result<(), Finding> {
    let object = node_exists(world, node)?;
    let view = Arc::new(world.cluster.store.clone());
    let machine = world.cluster.machines.entry(node.to_string()).or_default();
    if machine.frozen_view.is_none() {
        machine.frozen_view = Some(view);
        world.note(&format!("kube-proxy/{node}"), Verb::Terminate, object.clone(), msg!("change.proxyStop", node = node));
        world.wrote(&object);
    }
    Ok(())
}

fn proxy_start(world: &mut World, node: &str) -> Result<(), Finding> {
    let object = node_exists(world, node)?;
    let Some(machine) = world.cluster.machines.get_mut(node) else { return Ok(()) };
    if machine.frozen_view.take().is_some() {
        if machine.down_since.is_none() {
            world.cluster.machines.remove(node);
        }
        world.note(&format!("kube-proxy/{node}"), Verb::WriteRules, object.clone(), msg!("change.proxyStart", node = node));
        world.wrote(&object);
    }
    Ok(())
}
