//! `kubectl delete`: an object goes, and who watched it learns so.

use super::controller_manager::{pod_gc, replica_set};
use super::world::{Key, World};
use super::{inventory, kubelets};
use crate::api::{Kind, ObjectRef};
use crate::cluster::Verb;
use crate::msg;

/// Namespaces that `NamespaceLifecycle` lets nobody delete (`k8s.io/apiserver` pkg/admission/plugin/namespace/lifecycle).
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

/// Whether the API server refuses to delete the object, and in which words.
pub(crate) fn may_not_be_deleted(object: &ObjectRef) -> Option<String> {
    let immortal = object.kind == Kind::Namespace && IMMORTAL.contains(&object.name.as_str());
    immortal.then(|| format!("namespaces \"{}\" is forbidden: this namespace may not be deleted", object.name))
}

/// Deletes an object of any kind, as `kubectl delete` does; what depends on it follows in [`settle`](super::settle::settle).
pub(crate) fn delete(world: &mut World, object: &ObjectRef) {
    let absent = super::dump::absent_owner(world, object);
    world.cluster.origins.remove(object);
    let key: Key = (object.namespace.clone(), object.name.clone());
    if !world.cluster.store.contains(object) || may_not_be_deleted(object).is_some() {
        return;
    }
    if object.kind == Kind::Pod {
        if let Some(pod) = world.cluster.store.pods.get(&key).cloned() {
            kubelets::terminate(world, &pod, "kube-apiserver");
            world.diagnostics.extend(absent);
        }
        return;
    }
    if object.kind == Kind::Namespace {
        let inside = world.cluster.store.refs().into_iter().filter(|other| other.namespace == object.name);
        inside.collect::<Vec<_>>().iter().for_each(|other| delete(world, other));
    }
    world.note("kube-apiserver", Verb::Delete, object.clone(), msg!("change.delete", object = object));
    let meta = world.cluster.store.metadata(object).cloned().unwrap_or_default();
    match object.kind {
        kind if kind.is_workload() => {
            world.forget_owned(&meta);
            world.queue.workloads.insert(object.clone());
            world.queue.workloads.extend(super::world::controller_of(&meta));
        }
        Kind::Service => {
            world.touch_service(&key);
            world.queue.records.insert(key);
        }
        Kind::EndpointSlice => {
            if let Some(slice) = world.cluster.store.endpoint_slices.get(&key).cloned() {
                world.touch_slice(&slice);
                let service = slice.metadata.labels.get("kubernetes.io/service-name").cloned().unwrap_or_default();
                world.queue.services.insert((object.namespace.clone(), service));
            }
        }
        Kind::Endpoints => {
            world.queue.mirrored.insert(key.clone());
            world.queue.services.insert(key);
        }
        Kind::Ingress | Kind::IngressClass => world.queue.ingresses = true,
        _ => {}
    }
    world.cluster.remember(object);
    world.cluster.store.remove(object);
    if object.kind == Kind::Node {
        world.cluster.machines.remove(&object.name);
    }
    world.wrote(object);
    world.begin_next_life(object);
    // Its Deployment makes another one of the same name. The Pods are of this one, and go with it (background deletion).
    if object.kind == Kind::ReplicaSet
        && super::world::controller_of(&meta).is_some_and(|above| world.cluster.store.contains(&above))
    {
        replica_set::collect(world, object);
    }
    if object.kind == Kind::Node {
        forget_node(world, &object.name);
    }
    if inventory::is_of_api_server(object) {
        inventory::restore_api_server(world);
    }
}

/// Pods of a node that is gone are collected (`pkg/controller/podgc`).
fn forget_node(world: &mut World, name: &str) {
    pod_gc::collect(world, name);
    world.wake_for_nodes();
}
