//! The controller of ReplicaSets and of ReplicationControllers: as many Pods as asked for.
//!
//! Imitates `pkg/controller/replicaset/replica_set.go`: adopts Pods of its labels that nobody controls, releases those that have
//! them no longer, counts the active ones, makes or deletes the difference. Upstream, too, shows it a ReplicationController as a
//! ReplicaSet (`pkg/controller/replication`).

use super::pod_control::{
    MOST_REJECTED, create, delete, deletion_order, forbidden, from_template, is_active, is_available, leave_rejected,
    was_rejected,
};
use crate::api::apps::{ReplicaSet, ReplicaSetStatus, ReplicationController};
use crate::api::core::{Condition, Pod};
use crate::api::{Kind, ObjectRef};
use crate::cluster::{Store, Verb};
use crate::control_plane::dump::{owner_is_elsewhere, shown_failure};
use crate::control_plane::world::{Key, World, key_of, reference};
use crate::msg;
use crate::node::kubelet::is_ready;
use std::sync::Arc;

/// Who acts, as events name it.
fn component(kind: Kind) -> &'static str {
    if kind == Kind::ReplicationController { "replication-controller" } else { "replicaset-controller" }
}

/// The condition of one whose Pods are refused.
pub(super) const REPLICA_FAILURE: &str = "ReplicaFailure";

fn set_of(store: &Store, kind: Kind, key: &Key) -> Option<Arc<ReplicaSet>> {
    match kind {
        Kind::ReplicationController => store.replication_controllers.get(key).map(|own| Arc::new(own.as_ref().into())),
        _ => store.replica_sets.get(key).cloned(),
    }
}

/// Brings one ReplicaSet, or ReplicationController, closer to its wish.
pub(crate) fn sync(world: &mut World, object: &ObjectRef, key: &Key) {
    let Some(set) = set_of(&world.cluster.store, object.kind, key) else {
        return collect(world, object);
    };
    let component = component(object.kind);
    claim(world, &set, object);
    let active: Vec<Arc<Pod>> = world.pods_of(object).into_iter().filter(|pod| is_active(pod)).collect();
    let want = usize::try_from(set.spec.replicas.unwrap_or(1)).unwrap_or(0);
    let mut failure = None;
    if active.len() < want {
        let prefix = format!("{}-", set.metadata.name);
        let mut pod = from_template(&set.spec.template, object.kind, &set.metadata);
        pod.metadata.generate_name.clone_from(&prefix);
        failure = forbidden(world, component, object, "Error creating: ", &pod);
        let mut made = if failure.is_some() { 0 } else { want - active.len() };
        if let Some((most, message)) = shown_failure(world, object).filter(|(most, _)| failure.is_none() && *most < want) {
            made = most.saturating_sub(active.len());
            failure = Some(message);
        }
        made = made.min(room_for_rejected(world, object));
        for _ in 0..made {
            let mut pod = pod.clone();
            pod.metadata.name = world.generate_name::<Pod>(&key.0, &prefix);
            create(world, component, object, pod);
        }
    } else if active.len() > want {
        let excess = active.len() - want;
        for pod in deletion_order(active).iter().take(excess) {
            delete(world, component, object, pod);
        }
    }
    report(world, &set, object, failure);
}

/// How many more Pods are made. Upstream makes a new one for each that a kubelet refuses, without end; here some show it.
fn room_for_rejected(world: &mut World, object: &ObjectRef) -> usize {
    let rejected = world.pods_of(object).iter().filter(|pod| was_rejected(pod)).count();
    if rejected < MOST_REJECTED {
        return if rejected == 0 { usize::MAX } else { MOST_REJECTED - rejected };
    }
    leave_rejected(world, component(object.kind), object, rejected);
    0
}

/// Deletes the Pods of a controller that is gone, as the garbage collector does.
pub(crate) fn collect(world: &mut World, owner: &ObjectRef) {
    for pod in world.pods_of(owner) {
        if owner_is_elsewhere(world, &ObjectRef::of(pod.as_ref()), owner) {
            continue;
        }
        crate::control_plane::kubelets::terminate(world, &pod, "garbage-collector");
    }
}

/// Takes the Pods that its selector matches and nobody has, and lets go of those that it has and matches no longer
/// (`ClaimPods` of `pkg/controller/controller_ref_manager.go`).
fn claim(world: &mut World, set: &ReplicaSet, object: &ObjectRef) {
    let selector = &set.spec.selector;
    for pod in world.pods_of(object) {
        if is_active(&pod) && !selector.matches(&pod.metadata.labels) {
            let mut released = pod.as_ref().clone();
            released.metadata.owner_references.retain(|owner| owner.controller != Some(true));
            let message = msg!("change.release", pod = pod.metadata.name, kind = object.kind, owner = object.name);
            world.note(component(object.kind), Verb::Update, ObjectRef::of(pod.as_ref()), message);
            world.put_pod(released);
        }
    }
    for pod in world.orphans(&object.namespace) {
        if is_active(&pod) && selector.matches(&pod.metadata.labels) {
            let mut adopted = pod.as_ref().clone();
            adopted.metadata.owner_references.push(reference(object.kind, &set.metadata));
            let message = msg!("change.adopt", pod = pod.metadata.name, kind = object.kind, owner = object.name);
            world.note(component(object.kind), Verb::Update, ObjectRef::of(pod.as_ref()), message);
            world.put_pod(adopted);
        }
    }
}

/// What stands stays, whatever it says now (`calculateStatus` of `replica_set_utils.go`).
fn conditions(old: &[Condition], failure: Option<String>, now: &str) -> Vec<Condition> {
    let mut conditions = old.to_vec();
    match failure {
        None => conditions.retain(|own| own.type_ != REPLICA_FAILURE),
        Some(message) if conditions.iter().all(|own| own.type_ != REPLICA_FAILURE) => conditions.push(Condition {
            type_: REPLICA_FAILURE.into(),
            status: "True".into(),
            reason: "FailedCreate".into(),
            message,
            last_transition_time: Some(now.into()),
            ..Condition::default()
        }),
        Some(_) => {}
    }
    conditions
}

fn report(world: &mut World, set: &ReplicaSet, object: &ObjectRef, failure: Option<String>) {
    let pods: Vec<Arc<Pod>> = world.pods_of(object).into_iter().filter(|pod| is_active(pod)).collect();
    let count = |pods: usize| i32::try_from(pods).unwrap_or(i32::MAX);
    let ready = count(pods.iter().filter(|pod| is_ready(pod)).count());
    let wait = set.spec.min_ready_seconds;
    let available = count(pods.iter().filter(|pod| is_available(world, pod, wait)).count());
    let labels = &set.spec.template.metadata.labels;
    let labelled = pods.iter().filter(|pod| crate::api::meta::selects(labels, &pod.metadata.labels)).count();
    let status = ReplicaSetStatus {
        replicas: count(pods.len()),
        fully_labeled_replicas: count(labelled),
        ready_replicas: ready,
        available_replicas: available,
        observed_generation: set.metadata.generation,
        conditions: conditions(&set.status.conditions, failure, &world.timestamp()),
    };
    if status == set.status {
        return;
    }
    let stored = world.cluster.store.replication_controllers.get(&key_of(&set.metadata)).cloned();
    match stored.filter(|_| object.kind == Kind::ReplicationController) {
        Some(own) => world.put_status(ReplicationController { status, ..own.as_ref().clone() }),
        None => world.put_status(ReplicaSet { status, ..set.clone() }),
    }
}
