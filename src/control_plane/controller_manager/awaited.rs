//! Terminating Pods whose end a workload waits for: an event that began a rollout is not over before.
//!
//! `kubectl scale` and `delete` are done while a preStop hook still runs, and here, too, such a Pod goes with the time that a `wait` lets
//! pass. A Deployment that recreates, a StatefulSet and a DaemonSet go on only when it is gone (`pkg/controller/deployment/recreate.go`,
//! `pkg/controller/statefulset`, `pkg/controller/daemon`), and a Pod without a node may get its place.

use super::daemon_set;
use crate::api::apps::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use crate::api::core::Pod;
use crate::api::{Kind, ObjectRef};
use crate::control_plane::world::{World, controller_of};

/// Whether something goes on once one of the Terminating Pods is gone.
pub(crate) fn any(world: &World) -> bool {
    let mut going = world.cluster.store.pods.values().filter(|pod| pod.metadata.deletion_timestamp.is_some());
    going.any(|pod| is_awaited(world, pod))
}

fn is_awaited(world: &World, pod: &Pod) -> bool {
    let store = &world.cluster.store;
    let Some(owner) = controller_of(&pod.metadata) else { return false };
    let (namespace, name) = (owner.namespace.as_str(), owner.name.as_str());
    match owner.kind {
        Kind::StatefulSet => store.get::<StatefulSet>(namespace, name).is_some_and(|set| {
            let most = set.spec.replicas.unwrap_or(1);
            let index = |pod: &Pod| pod.metadata.name.rsplit('-').next().and_then(|text| text.parse::<i32>().ok());
            let first = set.spec.ordinals.as_ref().map_or(0, |ordinals| ordinals.start);
            let wanted = |pod: &Pod| index(pod).is_some_and(|index| (first..first.saturating_add(most)).contains(&index));
            let stays = |other: &Pod| other.metadata.deletion_timestamp.is_none();
            wanted(pod) || world.pods_of(&owner).iter().any(|other| !wanted(other) && stays(other))
        }),
        Kind::DaemonSet => {
            let set = store.get::<DaemonSet>(namespace, name);
            set.is_some_and(|set| daemon_set::nodes_of(world, set).0.contains(&pod.spec.node_name))
        }
        Kind::ReplicaSet => store.get::<ReplicaSet>(namespace, name).is_some_and(|set| {
            let above = controller_of(&set.metadata).filter(|above| above.kind == Kind::Deployment);
            let deployment = above.as_ref().and_then(|above| store.get::<Deployment>(&above.namespace, &above.name));
            let recreates = |own: &Deployment| own.spec.strategy.type_ == "Recreate" && own.spec.replicas != Some(0);
            set.spec.replicas == Some(0) && deployment.is_some_and(recreates) || has_waiting(world, &above.unwrap_or(owner))
        }),
        _ => has_waiting(world, &owner),
    }
}

/// Whether a Pod of the workload waits for a place.
fn has_waiting(world: &World, workload: &ObjectRef) -> bool {
    world.cluster.pods_of(workload).any(|pod| pod.spec.node_name.is_empty())
}
