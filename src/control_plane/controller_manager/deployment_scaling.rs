//! Scaling a Deployment that is between two templates, or paused: every ReplicaSet takes its share.
//!
//! Imitates `scale` and `isScalingEvent` of `pkg/controller/deployment/sync.go` with `GetReplicaSetProportion` of
//! `util/deployment_util.go`. ReplicaSets carry the annotations by which a change of `replicas` is told from a rollout's step.

use super::deployment::{pace, revision, scale, wanted};
use crate::api::ObjectRef;
use crate::api::apps::{Deployment, ReplicaSet};
use crate::control_plane::world::World;
use std::sync::Arc;

const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MOST: &str = "deployment.kubernetes.io/max-replicas";

/// Notes on a ReplicaSet for how many replicas its Deployment was made to size it.
pub(super) fn annotate(deployment: &Deployment, set: &mut ReplicaSet) {
    let replicas = deployment.spec.replicas.unwrap_or(1);
    let most = replicas.wrapping_add(pace(deployment, replicas).0);
    set.metadata.annotations.insert(DESIRED.into(), replicas.to_string());
    set.metadata.annotations.insert(MOST.into(), most.to_string());
}

fn noted(set: &ReplicaSet, key: &str) -> Option<i32> {
    set.metadata.annotations.get(key)?.parse().ok()
}

/// Whether `replicas` changed since the ReplicaSets were sized.
pub(super) fn is_scaling(deployment: &Deployment, sets: &[Arc<ReplicaSet>]) -> bool {
    let replicas = deployment.spec.replicas.unwrap_or(1);
    sets.iter().filter(|set| wanted(set) > 0).any(|set| noted(set, DESIRED).is_some_and(|desired| desired != replicas))
}

/// Sizes all ReplicaSets for the Deployment's replicas, without a step of the rollout.
pub(super) fn rescale(
    world: &mut World,
    deployment: &Deployment,
    object: &ObjectRef,
    new: Option<&Arc<ReplicaSet>>,
    old: &[Arc<ReplicaSet>],
) {
    let replicas = deployment.spec.replicas.unwrap_or(1);
    let mut active: Vec<&Arc<ReplicaSet>> = old.iter().chain(new).filter(|set| wanted(set) > 0).collect();
    let lone = match active.as_slice() {
        [] => new.or_else(|| old.iter().max_by_key(|set| revision(set))),
        [one] => Some(*one),
        _ => None,
    };
    if let Some(set) = lone {
        scale(world, deployment, object, set, replicas);
        return;
    }
    let saturated = |set: &Arc<ReplicaSet>| {
        wanted(set) == replicas && noted(set, DESIRED) == Some(replicas) && set.status.available_replicas == replicas
    };
    if new.is_some_and(saturated) {
        for set in old.iter().filter(|set| wanted(set) > 0) {
            scale(world, deployment, object, set, 0);
        }
        return;
    }
    if deployment.spec.strategy.type_ == "Recreate" {
        return;
    }
    let most = if replicas > 0 { replicas.wrapping_add(pace(deployment, replicas).0) } else { 0 };
    let to_add = active.iter().map(|set| wanted(set)).fold(most, i32::wrapping_sub);
    // The larger first; among equals the newer grow first and the older shrink first.
    active.sort_by_key(|set| {
        let age = if to_add > 0 { u64::MAX - revision(set) } else { revision(set) };
        (std::cmp::Reverse(wanted(set)), age)
    });
    let mut added = 0;
    let mut sizes: Vec<i32> = Vec::new();
    for set in &active {
        let left = to_add - added;
        let share = match to_add {
            0 => 0,
            _ if left == 0 => 0,
            1.. => share(set, deployment, most).min(left),
            _ => share(set, deployment, most).max(left),
        };
        added += share;
        sizes.push(wanted(set) + share);
    }
    if let Some(first) = sizes.first_mut() {
        *first = (*first + to_add - added).max(0);
    }
    for (set, size) in active.into_iter().zip(sizes) {
        scale(world, deployment, object, set, size);
    }
}

/// A ReplicaSet's part of the change (`getReplicaSetFraction`), rounded half away from zero.
fn share(set: &ReplicaSet, deployment: &Deployment, most: i32) -> i32 {
    let size = wanted(set);
    if deployment.spec.replicas == Some(0) {
        return -size;
    }
    let before = noted(set, MOST).filter(|before| *before > 0).unwrap_or(deployment.status.replicas);
    if before <= 0 {
        return 0;
    }
    let (product, before) = (i64::from(size) * i64::from(most), i64::from(before));
    i32::try_from((2 * product + before) / (2 * before)).unwrap_or(i32::MAX).saturating_sub(size)
}
