//! Pods on their way out: Terminating, held by their preStop hooks, gone.
//!
//! Imitates `SyncTerminatingPod` of `pkg/kubelet/kubelet.go` and `killContainer` of `pkg/kubelet/kuberuntime/kuberuntime_container.go`
//! by what they leave behind in the API: the hooks run within the grace period, and until they have, the containers serve on. What a
//! hook takes says [`crate::node::pre_stop`]. Assumed: a program ends as soon as it is told to (SIGTERM).

use super::super::world::{Key, World, controller_of, key_of};
use super::super::{controller_manager::node_lifecycle, events};
use super::EVENTFUL;
use crate::api::ObjectRef;
use crate::api::core::{Node, Pod};
use crate::api::time::{seconds_of, timestamp};
use crate::cluster::Verb;
use crate::msg;
use crate::node::pre_stop;
use std::sync::Arc;

/// Ends Pods that are Terminating, where their node still runs.
pub(crate) fn end(world: &mut World) {
    for key in std::mem::take(&mut world.queue.kubelet) {
        let Some(pod) = world.cluster.store.pods.get(&key).cloned() else { continue };
        let node = &pod.spec.node_name;
        if pod.metadata.deletion_timestamp.is_none() || !world.cluster.is_up(node) || !acknowledges(world, node) {
            continue;
        }
        if held_until(world, &pod).is_some_and(|until| until > world.cluster.now) {
            continue;
        }
        let component = format!("kubelet/{node}");
        world.note(
            &component,
            Verb::Delete,
            ObjectRef::of(pod.as_ref()),
            msg!("change.ended", pod = pod.metadata.name, node = node),
        );
        world.remove_pod(&key);
        // A Deployment that recreates waits for its last old Pod to be gone (`deletePod` of `pkg/controller/deployment`).
        let set = controller_of(&pod.metadata).and_then(|owner| controller_of(world.cluster.store.metadata(&owner)?));
        world.queue.workloads.extend(set);
    }
}

/// A node that the API server does not hear of ends nothing; one that is gone altogether is cleaned up by pod garbage collection.
fn acknowledges(world: &World, node: &str) -> bool {
    world.cluster.store.get::<Node>("", node).is_none_or(node_lifecycle::is_ready)
}

/// Until when its preStop hooks hold a Terminating Pod, in virtual seconds; `None`: it has none that do.
fn held_until(world: &World, pod: &Pod) -> Option<u64> {
    let seconds = Some(pre_stop::seconds(pod)).filter(|seconds| *seconds > 0)?;
    let ends = seconds_of(pod.metadata.deletion_timestamp.as_deref()?)?;
    let begun = ends.saturating_sub(pod.metadata.deletion_grace_period_seconds?);
    u64::try_from(begun.saturating_add(seconds)).ok()?.checked_sub(world.cluster.epoch)
}

/// When the next Terminating Pods have been held long enough, and whose keys they have.
pub(crate) fn next_end(world: &World) -> Option<(u64, Vec<Key>)> {
    let mut next: Option<(u64, Vec<Key>)> = None;
    for (key, pod) in world.cluster.store.pods.iter().filter(|(_, pod)| pod.metadata.deletion_timestamp.is_some()) {
        let node = &pod.spec.node_name;
        let due = held_until(world, pod).filter(|at| *at > world.cluster.now);
        let Some(at) = due.filter(|_| world.cluster.is_up(node) && acknowledges(world, node)) else { continue };
        match &mut next {
            Some((first, keys)) if *first == at => keys.push(key.clone()),
            Some((first, _)) if *first < at => {}
            _ => next = Some((at, vec![key.clone()])),
        }
    }
    next
}

/// Marks a Pod Terminating, as a delete call does; one without a node goes at once.
pub(crate) fn terminate(world: &mut World, pod: &Arc<Pod>, component: &str) {
    if pod.metadata.deletion_timestamp.is_some() {
        return;
    }
    let key: Key = key_of(&pod.metadata);
    let object = ObjectRef::of(pod.as_ref());
    world.note(component, Verb::Terminate, object.clone(), msg!("change.terminate", pod = pod.metadata.name));
    if pod.spec.node_name.is_empty() {
        world.remove_pod(&key);
        return;
    }
    if world.cluster.store.pods.len() <= EVENTFUL && world.cluster.is_up(&pod.spec.node_name) {
        for container in &pod.spec.containers {
            let text = format!("Stopping container {}", container.name);
            events::record(world, &object, ("kubelet", &pod.spec.node_name), ("Normal", "Killing"), &text);
        }
    }
    let mut going = pod.as_ref().clone();
    // `BeforeDelete` of k8s.io/apiserver pkg/registry/rest/delete.go, with the grace of the Pod's strategy.
    let grace = pod.spec.termination_grace_period_seconds.unwrap_or(30).max(0);
    let ends = world.cluster.clock().saturating_add(u64::try_from(grace).unwrap_or(0));
    going.metadata.deletion_timestamp = Some(timestamp(ends));
    going.metadata.deletion_grace_period_seconds = Some(grace);
    world.put_pod(going);
    let seconds = pre_stop::seconds(pod);
    if seconds > 0 && world.cluster.is_up(&pod.spec.node_name) {
        let message = msg!("change.preStop", pod = pod.metadata.name, seconds = seconds);
        world.note(&format!("kubelet/{}", pod.spec.node_name), Verb::Notice, object, message);
    }
}
