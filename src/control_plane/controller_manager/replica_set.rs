//! The ReplicaSet controller: as many Pods as asked for.
//!
//! Imitates `pkg/controller/replicaset/replica_set.go`: adopts Pods of its labels that nobody controls, counts the active ones,
//! makes or deletes the difference.

use super::pod_control::{
    MOST_REJECTED, create, delete, deletion_order, forbidden, from_template, is_active, is_available, leave_rejected,
    was_rejected,
};
use crate::api::ObjectRef;
use crate::api::apps::{ReplicaSet, ReplicaSetStatus};
use crate::api::core::{Condition, Pod};
use crate::cluster::Verb;
use crate::control_plane::dump::{owner_is_elsewhere, shown_failure};
use crate::control_plane::world::{Key, World, controller_reference};
use crate::msg;
use crate::node::kubelet::is_ready;
use std::sync::Arc;

const COMPONENT: &str = "replicaset-controller";

/// The condition of one whose Pods are refused.
pub(super) const REPLICA_FAILURE: &str = "ReplicaFailure";

/// Brings one ReplicaSet closer to its wish.
pub(crate) fn sync(world: &mut World, object: &ObjectRef, key: &Key) {
    let Some(set) = world.cluster.store.replica_sets.get(key).cloned() else {
        return collect(world, object);
    };
    adopt(world, &set, object);
    let active: Vec<Arc<Pod>> = world.pods_of(object).into_iter().filter(|pod| is_active(pod)).collect();
    let want = usize::try_from(set.spec.replicas.unwrap_or(1)).unwrap_or(0);
    let mut failure = None;
    if active.len() < want {
        let prefix = format!("{}-", set.metadata.name);
        let mut pod = from_template(&set.spec.template, set.as_ref());
        pod.metadata.generate_name.clone_from(&prefix);
        failure = forbidden(world, COMPONENT, object, "Error creating: ", &pod);
        let mut made = if failure.is_some() { 0 } else { want - active.len() };
        if let Some((most, message)) = shown_failure(world, object).filter(|(most, _)| failure.is_none() && *most < want) {
            made = most.saturating_sub(active.len());
            failure = Some(message);
        }
        made = made.min(room_for_rejected(world, object));
        for _ in 0..made {
            let mut pod = pod.clone();
            pod.metadata.name = world.generate_name::<Pod>(&key.0, &prefix);
            create(world, COMPONENT, object, pod);
        }
    } else if active.len() > want {
        let excess = active.len() - want;
        for pod in deletion_order(active).iter().take(excess) {
            delete(world, COMPONENT, object, pod);
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
    leave_rejected(world, COMPONENT, object, rejected);
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

fn adopt(world: &mut World, set: &ReplicaSet, object: &ObjectRef) {
    for pod in world.orphans(&object.namespace) {
        if is_active(&pod) && set.spec.selector.matches(&pod.metadata.labels) {
            let mut adopted = pod.as_ref().clone();
            adopted.metadata.owner_references.push(controller_reference(set));
            let message = msg!("change.adopt", pod = pod.metadata.name, owner = object.name);
            world.note(COMPONENT, Verb::Update, ObjectRef::of(pod.as_ref()), message);
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
    if status != set.status {
        let mut next = set.clone();
        next.status = status;
        world.put_status(next);
    }
}
