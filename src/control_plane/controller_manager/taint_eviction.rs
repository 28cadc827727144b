//! The taint eviction controller: Pods go when they no longer bear a `NoExecute` taint of their node.
//!
//! Imitates `pkg/controller/tainteviction/taint_eviction.go` (`processPodOnNode`: at once without a toleration for every taint,
//! else after the shortest `tolerationSeconds`, else never; a taint that goes away cancels it). Leaves out Pods that their own
//! `nodeName` puts on such a node at this very moment: upstream's kubelet refuses them (`pkg/kubelet/lifecycle/predicate.go`), and
//! their owner makes them again without end.

use super::node_lifecycle::lost_at;
use crate::api::ObjectRef;
use crate::api::core::{Node, Pod, Taint, Toleration};
use crate::cluster::moment;
use crate::control_plane::world::{Key, World, key_of};
use crate::control_plane::{events, kubelets, scheduler};
use std::collections::BTreeSet;
use std::sync::Arc;

const COMPONENT: &str = "taint-eviction-controller";

/// Plans evictions, and carries out those whose time has come. Whether it deleted a Pod.
pub(crate) fn run(world: &mut World) -> bool {
    let tainted: Vec<(String, Vec<Taint>)> =
        world.cluster.store.all::<Node>().map(|node| (node.metadata.name.clone(), no_execute(node))).collect();
    let mut planned = BTreeSet::new();
    let mut deleted = false;
    for (name, taints) in tainted.into_iter().filter(|(_, taints)| !taints.is_empty()) {
        let pods: Vec<Arc<Pod>> = world.pods_on(&name).cloned().collect();
        for pod in pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
            let Some(patience) = patience(pod, &taints) else { continue };
            let key = key_of(&pod.metadata);
            let (begins, now) = (begins(world, &name), moment(world.cluster.now));
            let planning = begins.saturating_add(moment(patience));
            // A dump's Pod that its cluster ought to have evicted before, and had not.
            if begins < now && planning <= now && !world.cluster.evictions.contains_key(&key) {
                continue;
            }
            let due = *world.cluster.evictions.entry(key.clone()).or_insert(planning);
            if due <= now && !placed_just_now(world, pod) {
                evict(world, pod);
                deleted = true;
            } else {
                planned.insert(key);
            }
        }
    }
    world.cluster.evictions.retain(|key, _| planned.contains(key));
    deleted
}

/// The moment of the next eviction.
pub(crate) fn next(world: &World) -> Option<u64> {
    world.cluster.evictions.values().filter_map(|due| u64::try_from(*due).ok()).filter(|due| *due > world.cluster.now).min()
}

fn no_execute(node: &Node) -> Vec<Taint> {
    node.spec.taints.iter().filter(|taint| taint.effect == "NoExecute").cloned().collect()
}

/// From when a Pod's patience counts: now, or, on a node that a dump's cluster had lost before, since then.
fn begins(world: &World, node: &str) -> i64 {
    let down = world.cluster.machines.get(node).and_then(|machine| machine.down_since);
    down.map(lost_at).filter(|lost| *lost < 0).unwrap_or_else(|| moment(world.cluster.now))
}

/// Seconds for which a Pod bears these taints; `None`: for ever (`getMinTolerationTime`).
fn patience(pod: &Pod, taints: &[Taint]) -> Option<u64> {
    let bears = |t: &Toleration, taint: &Taint| scheduler::tolerates(std::slice::from_ref(t), taint);
    let tolerations = &pod.spec.tolerations;
    if taints.iter().any(|taint| !tolerations.iter().any(|t| bears(t, taint))) {
        return Some(0);
    }
    let used = tolerations.iter().filter(|t| taints.iter().any(|taint| bears(t, taint)));
    used.filter_map(|t| t.toleration_seconds).min().map(|seconds| u64::try_from(seconds).unwrap_or(0))
}

fn placed_just_now(world: &World, pod: &Pod) -> bool {
    let meta = &pod.metadata;
    let now = meta.creation_timestamp.as_deref() == Some(world.timestamp().as_str()) && meta.since == world.cluster.steps;
    now && !meta.owner_references.is_empty()
}

fn evict(world: &mut World, pod: &Arc<Pod>) {
    let object = ObjectRef::of(pod.as_ref());
    let key: Key = key_of(&pod.metadata);
    let text = format!("Marking for deletion Pod {}/{}", key.0, key.1);
    events::record(world, &object, (COMPONENT, ""), ("Normal", "TaintManagerEviction"), &text);
    kubelets::terminate(world, pod, COMPONENT);
}
