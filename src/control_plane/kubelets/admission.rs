//! Whether a kubelet takes a Pod that its node was given, and for how long it lets it run.
//!
//! Imitates `Admit` and `generalFilter` of `pkg/kubelet/lifecycle/predicate.go`, `rejectPod` of
//! `pkg/kubelet/kubelet.go` and `pkg/kubelet/active_deadline.go`. What the scheduler has placed passes; a Pod that names its node
//! itself may not.

use super::super::dump::keeps_its_settings;
use super::super::events;
use super::super::scheduler::placement::selects_node;
use super::super::scheduler::{capacity, clash, host_ports, tolerates};
use super::super::world::{World, key_of};
use super::clock;
use crate::api::ObjectRef;
use crate::api::core::{ContainerState, ContainerStateTerminated, Node, Pod};
use crate::api::time::seconds_of;
use crate::cluster::Verb;
use crate::msg;
use crate::node::kubelet::{has_ended, set_condition};
use crate::node::resources::{is_extended, requests, shortages, together};
use std::sync::Arc;

/// Refuses a Pod that its node cannot take. True when it was refused.
pub(super) fn reject(world: &mut World, pod: &Pod, node: &Node) -> bool {
    if pod.status.start_time.is_some() || keeps_its_settings(world, pod) {
        return false;
    }
    let Some((reason, message)) = refusal(world, pod, node) else { return false };
    let mut failed = pod.clone();
    failed.status.phase = "Failed".into();
    failed.status.reason.clone_from(&reason);
    failed.status.message = format!("Pod was rejected: {message}");
    failed.status.start_time = Some(world.timestamp());
    end(world, pod, failed, ("Warning", &reason), &message);
    true
}

/// Reason and message, in the kubelet's words.
fn refusal(world: &World, pod: &Pod, node: &Node) -> Option<(String, String)> {
    const OS: &str = "kubernetes.io/os";
    let told = |reason: &str, message: &str| Some((reason.to_string(), message.to_string()));
    let own = node.metadata.labels.get(OS).map_or("linux", String::as_str);
    if pod.metadata.labels.get(OS).is_some_and(|os| os != own) {
        let message = "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label";
        return told("PodOSSelectorNodeLabelDoesNotMatch", message);
    }
    if pod.spec.os.get("name").and_then(|name| name.as_str()).is_some_and(|name| name != own) {
        return told("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS");
    }
    let others: Vec<&Arc<Pod>> = world.pods_on(&node.metadata.name).filter(|other| is_admitted(other)).collect();
    let out_of = |resource: &str, (asked, used, most): (i64, i64, i64)| {
        let amounts = format!("requested: {asked}, used: {used}, capacity: {most}");
        Some((format!("OutOf{resource}"), format!("Node didn't have enough resource: {resource}, {amounts}")))
    };
    if others.len() >= capacity(node) {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        return out_of("pods", (1, count(others.len()), count(capacity(node))));
    }
    // A device that the node does not know may be somebody else's affair (`removeMissingExtendedResources`).
    let mut asked = requests(&pod.spec);
    asked.retain(|resource, _| !is_extended(resource) || node.status.allocatable.contains_key(resource));
    if let Some(short) = shortages(&world.cluster, node, &asked, || together(others.iter().copied())).first() {
        return out_of(&short.resource, short.counted());
    }
    let failed = |predicate: &str, why: &str| told(predicate, &format!("Predicate {predicate} failed: {why}"));
    if !selects_node(&pod.spec, node) {
        return failed("NodeAffinity", "node(s) didn't match Pod's node affinity/selector");
    }
    let ports = host_ports(pod);
    if !ports.is_empty() && others.iter().any(|other| clash(&ports, &host_ports(other))) {
        return failed("NodePorts", "node(s) didn't have free ports for the requested pod ports");
    }
    let mut drives_away = node.spec.taints.iter().filter(|taint| taint.effect == "NoExecute");
    if drives_away.any(|taint| !tolerates(&pod.spec.tolerations, taint)) {
        return failed("TaintToleration", "node(s) had taints that the pod didn't tolerate");
    }
    None
}

/// The kubelet has taken it, and it has not ended.
fn is_admitted(pod: &Pod) -> bool {
    pod.status.start_time.is_some() && !has_ended(pod)
}

/// When a Pod has run for as long as it may.
fn deadline(pod: &Pod) -> Option<i64> {
    let start = pod.status.start_time.as_deref().and_then(seconds_of)?;
    Some(start.saturating_add(pod.spec.active_deadline_seconds?))
}

/// Ends a Pod that has run for as long as it may. True when it was ended.
pub(super) fn overdue(world: &mut World, pod: &Pod) -> bool {
    if deadline(pod).is_none_or(|at| at > clock(world)) || keeps_its_settings(world, pod) {
        return false;
    }
    let (reason, message) = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline");
    let (mut failed, now) = (pod.clone(), world.timestamp());
    let status = &mut failed.status;
    (status.phase, status.reason, status.message) = ("Failed".into(), reason.into(), message.into());
    for container in status.container_statuses.iter_mut().chain(&mut status.init_container_statuses) {
        (container.ready, container.started) = (false, Some(false));
        let Some(running) = container.state.running.take() else { continue };
        let terminated = ContainerStateTerminated {
            reason: "Completed".into(),
            started_at: running.started_at,
            finished_at: Some(now.clone()),
            ..ContainerStateTerminated::default()
        };
        container.state = ContainerState { terminated: Some(terminated), ..ContainerState::default() };
    }
    for kind in ["Ready", "ContainersReady"] {
        set_condition(&mut status.conditions, kind, false, ("PodFailed", String::new()), &now);
    }
    end(world, pod, failed, ("Normal", reason), message);
    true
}

fn end(world: &mut World, pod: &Pod, failed: Pod, (kind, reason): (&str, &str), message: &str) {
    let (object, component) = (ObjectRef::of(pod), format!("kubelet/{}", pod.spec.node_name));
    events::record(world, &object, ("kubelet", &pod.spec.node_name), (kind, reason), message);
    let text = msg!("change.podFails", pod = pod.metadata.name, reason = reason, message = message);
    world.note(&component, Verb::Unready, object, text);
    let key = key_of(&failed.metadata);
    world.put_pod(failed);
    world.queue.kubelet.remove(&key);
    world.queue.room = true;
}

/// When the next Pod has run for as long as it may, in virtual seconds.
pub(crate) fn next_deadline(world: &World) -> Option<u64> {
    let bounded = world.cluster.store.pods.values().filter(|pod| pod.spec.active_deadline_seconds.is_some());
    let runs = |pod: &&Arc<Pod>| !has_ended(pod) && world.cluster.is_up(&pod.spec.node_name) && !keeps_its_settings(world, pod);
    let moments = bounded.filter(runs).filter_map(|pod| u64::try_from(deadline(pod)?).ok()?.checked_sub(world.cluster.epoch));
    { moments }.filter(|at| *at > world.cluster.now).min()
}
