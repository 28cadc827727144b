//! Rollouts that stand: new Pods do not become ready, and so the old ones stay.

use crate::api::apps::{Deployment, ReplicaSet};
use crate::cluster::Cluster;
use crate::kubectl::rollout::unfinished;
use crate::msg;
use crate::words::Message;

/// What a rollout waits for, seen from a cluster where everything else has come to rest; `None`: it is done, or replaces nobody.
pub(super) fn waits(cluster: &Cluster, deployment: &Deployment) -> Option<Message> {
    let (meta, status) = (&deployment.metadata, &deployment.status);
    if status.replicas == status.updated_replicas {
        return None;
    }
    let says = unfinished(deployment)?;
    let (name, old) = (&meta.name, status.replicas.wrapping_sub(status.updated_replicas));
    let own = |set: &&ReplicaSet| set.metadata.owner_references.iter().any(|owner| owner.uid == meta.uid);
    let new = |set: &&ReplicaSet| set.metadata.annotations.get(REVISION) == meta.annotations.get(REVISION);
    let set = cluster.store.in_namespace::<ReplicaSet>(&meta.namespace).filter(own).find(new);
    let available = set.map_or(0, |set| set.status.available_replicas);
    let (waiting, serving) = (status.updated_replicas.wrapping_sub(available), status.available_replicas.wrapping_sub(available));
    let refused = status.conditions.iter().find(|own| own.type_ == "ReplicaFailure" && own.status == "True");
    Some(match refused {
        _ if deployment.spec.paused => msg!("rollout.paused", name = name, old = old, says = says),
        Some(refused) => msg!("rollout.refused", name = name, old = serving, why = refused.message, says = says),
        None => msg!("rollout.waits", name = name, new = waiting, old = serving, says = says),
    })
}

const REVISION: &str = "deployment.kubernetes.io/revision";
