//! The node lifecycle controller: what follows when a node falls silent, and when it comes back.
//!
//! Imitates `pkg/controller/nodelifecycle`: Ready becomes Unknown after the grace period of 50 s, its Pods' Ready condition turns
//! False, taints `node.kubernetes.io/unreachable`; when no node is ready, none keeps the taint that evicts (master disruption mode);
//! a cordoned node is tainted `node.kubernetes.io/unschedulable`. Leaves out eviction rate limits, zones in trouble, and what a
//! reboot does to containers: a node that returns has its Pods as they were.

use crate::api::ObjectRef;
use crate::api::core::{Node, Pod, Taint};
use crate::cluster::{NODE_GRACE, Verb, moment};
use crate::control_plane::world::{Key, World, key_of};
use crate::control_plane::{events, scheduler};
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
    let object = ObjectRef::of(&node);
    world.note(COMPONENT, Verb::Notice, object.clone(), msg!("change.nodeNotReady", node = name));
    let text = format!("Node {name} status is now: NodeNotReady");
    events::record(world, &object, (COMPONENT, ""), ("Normal", "NodeNotReady"), &text);
    world.put(node);
    taint_lost(world);
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
        let object = ObjectRef::of(&node);
        world.note(&format!("kubelet/{name}"), Verb::Notice, object.clone(), msg!("change.nodeReady", node = name));
        let text = format!("Node {name} status is now: NodeReady");
        events::record(world, &object, ("kubelet", name), ("Normal", "NodeReady"), &text);
        world.put(node);
        taint_lost(world);
    }
    let keys: Vec<Key> = pods_on(world, name).iter().map(|pod| key_of(&pod.metadata)).collect();
    world.queue.kubelet.extend(keys);
}

/// The taints of lost nodes: the one that evicts is on none of them while no node at all is ready (`handleDisruption`).
pub(crate) fn taint_lost(world: &mut World) {
    let nodes: Vec<Node> = world.cluster.store.all::<Node>().cloned().collect();
    let some_ready = nodes.iter().any(is_ready);
    let silent = |node: &Node| node.status.conditions.iter().any(|own| own.type_ == "Ready" && own.status == "Unknown");
    for mut node in nodes {
        let before = node.spec.taints.clone();
        let is = |taint: &Taint, effect: &str| taint.key == UNREACHABLE && taint.effect == effect;
        for (effect, wanted) in [("NoSchedule", silent(&node)), ("NoExecute", silent(&node) && some_ready)] {
            if !wanted {
                node.spec.taints.retain(|taint| !is(taint, effect));
            } else if !node.spec.taints.iter().any(|taint| is(taint, effect)) {
                node.spec.taints.push(Taint { key: UNREACHABLE.into(), value: String::new(), effect: effect.into() });
            }
        }
        if node.spec.taints != before {
            world.put(node);
        }
    }
}

/// A cordoned node carries the taint that says so, and no other does (`doNoScheduleTaintingPass`).
pub(crate) fn taint_cordoned(world: &mut World) {
    let cordon = |taint: &Taint| taint.key == scheduler::UNSCHEDULABLE && taint.effect == "NoSchedule";
    let wrong = |node: &&Node| (node.spec.unschedulable == Some(true)) != node.spec.taints.iter().any(cordon);
    let nodes: Vec<Node> = world.cluster.store.all::<Node>().filter(wrong).cloned().collect();
    for mut node in nodes {
        if node.spec.unschedulable == Some(true) {
            let (key, effect) = (scheduler::UNSCHEDULABLE.to_string(), "NoSchedule".to_string());
            node.spec.taints.push(Taint { key, value: String::new(), effect });
        } else {
            node.spec.taints.retain(|taint| !cordon(taint));
        }
        world.put(node);
    }
}

fn pods_on(world: &World, name: &str) -> Vec<Arc<Pod>> {
    world.pods_on(name).cloned().collect()
}

/// When a node without power since `down` is declared lost.
pub(crate) fn lost_at(down: i64) -> i64 {
    down.saturating_add(moment(NODE_GRACE))
}
