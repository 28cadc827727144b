//! Pod garbage collection: Pods of nodes that do not exist.
//!
//! Imitates `gcOrphaned` of `pkg/controller/podgc`: it looks every 20 s, and deletes what names a missing node when that has been
//! missing for 40 s. Left out: finished Pods above the threshold (12,500), and the taint `node.kubernetes.io/out-of-service`.

use crate::api::ObjectRef;
use crate::api::core::{Node, Pod};
use crate::api::time::seconds_of;
use crate::cluster::{Verb, moment};
use crate::control_plane::dump::came_from_dump;
use crate::control_plane::world::{World, key_of};
use crate::msg;
use std::sync::Arc;

/// Seconds from one look to the next: `gcCheckPeriod`.
const PERIOD: u64 = 20;
/// For so long a node has to be missing: `quarantineTime`.
const QUARANTINE: u64 = 40;

/// The node that a Pod names and that does not exist. A dump may show Pods without their nodes.
pub(crate) fn missing_node<'a>(world: &World, pod: &'a Pod) -> Option<&'a str> {
    let node = pod.spec.node_name.as_str();
    let missing = !node.is_empty() && world.cluster.store.get::<Node>("", node).is_none();
    (missing && !came_from_dump(world, &ObjectRef::of(pod))).then_some(node)
}

/// When Pods of which missing node are deleted next, after the present.
pub(crate) fn next(world: &World) -> Option<(u64, String)> {
    let due = |pod: &Arc<Pod>| {
        let node = missing_node(world, pod)?;
        let made = pod.metadata.creation_timestamp.as_deref().and_then(seconds_of).unwrap_or(0);
        let made = u64::try_from(made.saturating_sub(moment(world.cluster.epoch))).unwrap_or(0);
        let at = made.div_ceil(PERIOD) * PERIOD + QUARANTINE;
        Some((at.max((world.cluster.now / PERIOD + 1) * PERIOD), node.to_string()))
    };
    world.cluster.store.pods.values().filter_map(due).min()
}

/// Deletes the Pods of a node that does not exist, at once and without grace. Gives their number.
pub(crate) fn collect(world: &mut World, node: &str) -> usize {
    let pods: Vec<Arc<Pod>> = world.pods_on(node).cloned().collect();
    for pod in &pods {
        let object = ObjectRef::of(pod.as_ref());
        let message = msg!("change.collectPod", pod = object.name, node = node);
        world.note("pod-garbage-collector", Verb::Delete, object, message);
        world.remove_pod(&key_of(&pod.metadata));
    }
    pods.len()
}
