//! Pods on their way out: Terminating, held by their preStop hooks, gone.
//!
//! Imitates `SyncTerminatingPod` of `pkg/kubelet/kubelet.go` and `killContainer` of `pkg/kubelet/kuberuntime/kuberuntime_container.go`
//! by what they leave behind in the API: the hooks run within the grace period, and until its own has, a container serves on. Which
//! ends when says [`crate::node::pre_stop`]. Until the last one has ended the kubelet reports nothing of the others, so that they stay
//! ready, unless their readiness probe still asks and fails (`SetContainerReadiness` of `pkg/kubelet/status/status_manager.go`; the
//! other probes are stopped). Assumed: a program ends as soon as it is told to (SIGTERM). A Pod that a dump shows Terminating stays as
//! shown until time passes, and ends at its deadline, unless something holds it ([`crate::cluster::Cluster::held`]).

use super::super::dump::came_from_dump;
use super::super::world::{Key, World, controller_of, key_of};
use super::super::{controller_manager::node_lifecycle, events};
use super::EVENTFUL;
use crate::api::ObjectRef;
use crate::api::core::{ContainerStatus, Node, Pod};
use crate::api::time::{seconds_of, timestamp};
use crate::cluster::Verb;
use crate::msg;
use crate::node::kubelet::{ProbeFailure, is_ready, probe_failure, set_unready};
use crate::node::{images, pre_stop};
use std::sync::Arc;

/// Ends Pods that are Terminating, where their node still runs.
pub(crate) fn end(world: &mut World) {
    for key in std::mem::take(&mut world.queue.kubelet) {
        let Some(pod) = world.cluster.store.pods.get(&key).cloned() else { continue };
        let node = &pod.spec.node_name;
        if pod.metadata.deletion_timestamp.is_none() || !world.cluster.is_up(node) || !acknowledges(world, node) {
            continue;
        }
        if world.cluster.held(&pod).is_some() {
            continue;
        }
        if ends(world, &pod).iter().any(|(_, at)| *at > world.cluster.now) {
            hold(world, &pod);
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

/// The Pods that a dump shows Terminating on nodes whose kubelet goes on, and when the last of their grace periods is over.
pub(crate) fn next_shown(world: &World) -> Vec<(u64, Key)> {
    let ends = |(key, pod): (&Key, &Arc<Pod>)| {
        let deadline = pod.metadata.deletion_timestamp.as_deref().and_then(seconds_of)?;
        let node = &pod.spec.node_name;
        let goes_on = world.cluster.is_up(node) && acknowledges(world, node) && world.cluster.held(pod).is_none();
        if !goes_on || !came_from_dump(world, &ObjectRef::of(pod.as_ref())) {
            return None;
        }
        let at = u64::try_from(deadline).ok()?.saturating_sub(world.cluster.epoch);
        Some((at.max(world.cluster.now.saturating_add(1)), key.clone()))
    };
    world.cluster.store.pods.iter().filter_map(ends).collect()
}

/// A node that the API server does not hear of ends nothing; one that is gone altogether is cleaned up by pod garbage collection.
fn acknowledges(world: &World, node: &str) -> bool {
    world.cluster.store.get::<Node>("", node).is_none_or(node_lifecycle::is_ready)
}

/// When the containers of a Terminating Pod end, in virtual seconds.
fn ends<'a>(world: &World, pod: &'a Pod) -> Vec<(&'a str, u64)> {
    let meta = &pod.metadata;
    let gone = meta.deletion_timestamp.as_deref().and_then(seconds_of);
    let Some((gone, grace)) = gone.zip(meta.deletion_grace_period_seconds) else { return Vec::new() };
    let begun = gone.saturating_sub(grace);
    let at = |seconds: i64| u64::try_from(begun.saturating_add(seconds)).ok()?.checked_sub(world.cluster.epoch);
    pre_stop::ends(pod).into_iter().filter_map(|(name, seconds)| Some((name, at(seconds)?))).collect()
}

/// The containers of a Terminating Pod whose readiness probe asks one that has ended, and when it has failed often enough.
fn failing<'a>(world: &World, pod: &'a Pod, ends: &[(&'a str, u64)]) -> Vec<(&'a str, u64)> {
    let last = ends.iter().map(|(_, at)| *at).max().unwrap_or(0);
    let probe = |name: &str| {
        let mut all = pod.spec.containers.iter().chain(&pod.spec.init_containers);
        let container = all.find(|own| own.name == name)?;
        Some((container, container.readiness_probe.as_ref()?))
    };
    let fails = |(name, at): &(&'a str, u64)| {
        let (container, probe) = probe(name)?;
        let goes_on = |other: &str| ends.iter().any(|(own, until)| *own == other && until > at);
        let listeners: Vec<_> =
            images::listens(pod, &world.cluster.store).into_iter().filter(|own| goes_on(&own.container)).collect();
        let failure = probe_failure(probe, (pod, container), &pod.status.pod_ip, &listeners)?;
        let asks = u64::try_from(probe.failure_threshold.max(1)).ok()? * u64::try_from(probe.period_seconds.max(1)).ok()?;
        matches!(failure, ProbeFailure::Failed(_)).then_some((*name, at + asks))
    };
    ends.iter().filter_map(fails).filter(|(_, at)| *at < last).collect()
}

/// A Terminating Pod some of whose containers have ended, and others run on.
fn hold(world: &mut World, pod: &Pod) {
    let (ends, now) = (ends(world, pod), world.cluster.now);
    let failing = failing(world, pod, &ends);
    let mut next = pod.clone();
    let statuses = &mut next.status;
    for status in statuses.container_statuses.iter_mut().chain(&mut statuses.init_container_statuses) {
        status.ended |= ends.iter().any(|(name, at)| *name == status.name && *at <= now);
    }
    for (name, _) in failing.iter().filter(|(_, at)| *at <= now) {
        set_unready(&mut next.status, name, &world.timestamp());
    }
    if next.status == pod.status {
        return;
    }
    let (kubelet, object) = (format!("kubelet/{}", pod.spec.node_name), ObjectRef::of(pod));
    let ended = |status: &ContainerStatus| status.ended;
    let (was, is) = (pod.status.container_statuses.iter(), next.status.container_statuses.iter());
    for (_, status) in was.zip(is).filter(|(was, is)| !ended(was) && ended(is)) {
        let message = msg!("change.endedFirst", pod = pod.metadata.name, container = status.name);
        world.note(&kubelet, Verb::Notice, object.clone(), message);
    }
    if is_ready(pod) && !is_ready(&next) {
        world.note(&kubelet, Verb::Unready, object, msg!("change.unready", pod = pod.metadata.name));
    }
    world.put_pod(next);
    world.queue.kubelet.remove(&key_of(&pod.metadata));
}

/// When the next container of a Terminating Pod ends or is found to have ended, and whose keys they have.
pub(crate) fn next_end(world: &World) -> Option<(u64, Vec<Key>)> {
    let mut next: Option<(u64, Vec<Key>)> = None;
    for (key, pod) in world.cluster.store.pods.iter().filter(|(_, pod)| pod.metadata.deletion_timestamp.is_some()) {
        let node = &pod.spec.node_name;
        let ends = ends(world, pod);
        let moments = ends.iter().chain(&failing(world, pod, &ends)).map(|(_, at)| *at).collect::<Vec<_>>();
        let due = moments.into_iter().filter(|at| *at > world.cluster.now).min();
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
        for container in pod.spec.containers.iter().chain(pod.spec.init_containers.iter().filter(|own| own.is_sidecar())) {
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
    let (seconds, name) = (pre_stop::seconds(pod), &pod.metadata.name);
    let held = (seconds > 0).then(|| msg!("change.preStop", pod = name, seconds = seconds));
    let unknown = pre_stop::unknown(pod).map(|own| msg!("change.preStop.unknown", pod = name, container = own.name));
    let runs = world.cluster.is_up(&pod.spec.node_name);
    for message in held.into_iter().chain(unknown).filter(|_| runs) {
        world.note(&format!("kubelet/{}", pod.spec.node_name), Verb::Notice, object.clone(), message);
    }
}
