//! The node lifecycle controller: what follows when a node falls silent, and when it comes back.
//!
//! Imitates `pkg/controller/nodelifecycle` (Ready becomes Unknown after the grace period of 50 s, its Pods' Ready condition turns
//! False, taints `node.kubernetes.io/unreachable`) and `pkg/controller/tainteviction` (Pods go when their toleration runs out,
//! 300 s by default). Leaves out eviction rate limits, zones in trouble, and what a reboot does to containers: a node that
//! returns has its Pods as they were.

use crate::api::ObjectRef;
use crate::api::core::{Node, Pod, Taint, Toleration};
use crate::cluster::{NODE_GRACE, Verb, moment};
use crate::control_plane::world::{Key, World, key_of};
use crate::control_plane::{events, kubelets, scheduler};
use crate::msg;
use crate::node::kubelet::set_condition;
use std::sync::Arc;

const COMPONENT: &str = "node-lifecycle-controller";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// Whether the API server holds the node for alive.
pub(crate) fn is_ready(node: &Node) -> bool {
    node.status.conditions.iter().all(|condition| condition.type_ != "Ready" || condition.status == "True")
}

/// Declares a silent node lost: its condition, its taints, its Pods.
pub(crate) fn lose(world: &mut World, name: &str) {
    let Some(mut node) = world.cluster.store.get::<Node>("", name).cloned() else { return };
    let now = world.timestamp();
    for condition in node.status.conditions.iter_mut().filter(|condition| condition.status != "Unknown") {
        condition.status = "Unknown".into();
        condition.reason = "NodeStatusUnknown".into();
        condition.message = "Kubelet stopped posting node status.".into();
        condition.last_transition_time = Some(now.clone());
    }
    for effect in ["NoSchedule", "NoExecute"] {
        node.spec.taints.push(Taint { key: UNREACHABLE.into(), value: String::new(), effect: effect.into() });
    }
    let object = ObjectRef::of(&node);
    world.note(COMPONENT, Verb::Notice, object.clone(), msg!("change.nodeNotReady", node = name));
    let text = format!("Node {name} status is now: NodeNotReady");
    events::record(world, &object, (COMPONENT, ""), ("Normal", "NodeNotReady"), &text);
    world.put(node);
    for pod in pods_on(world, name) {
        let mut lost = pod.as_ref().clone();
        set_condition(&mut lost.status.conditions, "Ready", false, ("", String::new()), &now);
        if lost.status != pod.status {
            world.note(COMPONENT, Verb::Unready, ObjectRef::of(&lost), msg!("change.unready", pod = lost.metadata.name));
            events::record(world, &ObjectRef::of(&lost), (COMPONENT, ""), ("Warning", "NodeNotReady"), "Node is not ready");
            world.put_pod(lost);
        }
    }
}

/// Evicts the Pods of a lost node whose patience ends `since_taint` seconds after the taint.
pub(crate) fn evict(world: &mut World, name: &str, since_taint: u64) {
    for pod in pods_on(world, name) {
        if patience(&pod).is_some_and(|patience| patience <= since_taint) && pod.metadata.deletion_timestamp.is_none() {
            let object = ObjectRef::of(pod.as_ref());
            let text = format!("Marking for deletion Pod {}/{}", object.namespace, object.name);
            events::record(world, &object, ("taint-eviction-controller", ""), ("Normal", "TaintManagerEviction"), &text);
            kubelets::terminate(world, &pod, "taint-eviction-controller");
        }
    }
}

/// Seconds after the taint at which Pods of this node go, later than `after`: the next moment to look at.
pub(crate) fn next_eviction(world: &World, name: &str, after: Option<u64>) -> Option<u64> {
    let waiting = pods_on(world, name).into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    waiting.filter_map(|pod| patience(&pod)).filter(|patience| after.is_none_or(|after| *patience > after)).min()
}

/// How long a Pod bears a lost node; `None`: for ever (`getMinTolerationTime`). Without a toleration it goes at once.
fn patience(pod: &Pod) -> Option<u64> {
    let taint = Taint { key: UNREACHABLE.into(), value: String::new(), effect: "NoExecute".into() };
    let bears = |t: &&Toleration| scheduler::tolerates(std::slice::from_ref(*t), &taint);
    let own: Vec<&Toleration> = pod.spec.tolerations.iter().filter(bears).collect();
    if own.is_empty() {
        return Some(0);
    }
    own.iter().filter_map(|t| t.toleration_seconds).min().map(|seconds| u64::try_from(seconds).unwrap_or(0))
}

/// A node's kubelet reports again: it is Ready, ends what was to end, and asks its Pods again.
pub(crate) fn regain(world: &mut World, name: &str) {
    let Some(mut node) = world.cluster.store.get::<Node>("", name).cloned() else { return };
    let lost = !is_ready(&node);
    if lost {
        let now = world.timestamp();
        for condition in &mut node.status.conditions {
            let (status, reason) = match condition.type_.as_str() {
                "Ready" => ("True", "KubeletReady"),
                "MemoryPressure" => ("False", "KubeletHasSufficientMemory"),
                "DiskPressure" => ("False", "KubeletHasNoDiskPressure"),
                _ => ("False", "KubeletHasSufficientPID"),
            };
            condition.status = status.into();
            condition.reason = reason.into();
            condition.message = if status == "True" { "kubelet is posting ready status".into() } else { String::new() };
            condition.last_transition_time = Some(now.clone());
        }
        node.spec.taints.retain(|taint| taint.key != UNREACHABLE);
        let object = ObjectRef::of(&node);
        world.note(&format!("kubelet/{name}"), Verb::Notice, object.clone(), msg!("change.nodeReady", node = name));
        let text = format!("Node {name} status is now: NodeReady");
        events::record(world, &object, ("kubelet", name), ("Normal", "NodeReady"), &text);
        world.put(node);
    }
    let keys: Vec<Key> = pods_on(world, name).iter().map(|pod| key_of(&pod.metadata)).collect();
    world.queue.kubelet.extend(keys);
}

fn pods_on(world: &World, name: &str) -> Vec<Arc<Pod>> {
    world.pods_on(name).cloned().collect()
}

/// When a node without power since `down` is declared lost.
pub(crate) fn lost_at(down: i64) -> i64 {
    down.saturating_add(moment(NODE_GRACE))
}
