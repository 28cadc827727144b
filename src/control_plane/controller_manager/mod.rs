//! kube-controller-manager: the control loops.

mod awaited;
pub(crate) mod daemon_set;
pub(crate) mod deployment;
mod deployment_scaling;
pub(crate) mod deployment_status;
pub(crate) mod endpoint_slice;
pub(crate) mod endpoint_slice_mirroring;
pub(crate) mod endpoints;
pub(crate) mod node_lifecycle;
pub(crate) mod pod_control;
pub(crate) mod pod_gc;
pub(crate) mod replica_set;
pub(crate) mod stateful_set;
pub(crate) mod taint_eviction;

#[cfg(test)]
mod slice_goldens;

use super::world::World;
use crate::api::Kind;

/// Lets every workload controller work off its queue once: Deployments first, then what they make.
pub(crate) fn sync_workloads(world: &mut World) {
    for kind in [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::ReplicaSet, Kind::ReplicationController] {
        let (now, later) = std::mem::take(&mut world.queue.workloads).into_iter().partition(|object| object.kind == kind);
        world.queue.workloads = later;
        for object in now {
            let key = (object.namespace.clone(), object.name.clone());
            match kind {
                Kind::Deployment => deployment::sync(world, &object, &key),
                Kind::StatefulSet => stateful_set::sync(world, &object, &key),
                Kind::DaemonSet => daemon_set::sync(world, &object, &key),
                _ => replica_set::sync(world, &object, &key),
            }
        }
    }
}
