//! What a Deployment reports: counts, whether enough Pods are available, whether its rollout moves.
//!
//! Imitates `calculateStatus` and `checkPausedConditions` of `pkg/controller/deployment/sync.go`, `syncRolloutStatus` of
//! `progress.go`, and the conditions of `util/deployment_util.go`.

use super::deployment::{HASH, REVISION, pace, revision, sets_of, wanted};
use super::replica_set::REPLICA_FAILURE;
use crate::api::ObjectRef;
use crate::api::apps::{Deployment, DeploymentStatus, ReplicaSet};
use crate::api::core::Condition;
use crate::api::time::seconds_of;
use crate::control_plane::world::{Key, World};

const AVAILABLE: &str = "Available";
const PROGRESSING: &str = "Progressing";
const DONE: &str = "NewReplicaSetAvailable";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";
const PAUSED: &str = "DeploymentPaused";

/// Writes the status. A rollout's progress is only judged where its sizes were not just changed by hand, and it is not paused.
pub(super) fn report(world: &mut World, key: &Key, object: &ObjectRef, hash: &str, rolls: bool) {
    let Some(deployment) = world.cluster.store.deployments.get(key).cloned() else { return };
    let sets = sets_of(world, object);
    let sum = |of: fn(&ReplicaSet) -> i32| sets.iter().map(|set| of(set)).sum::<i32>();
    let new = sets.iter().find(|set| set.metadata.labels.get(HASH).map(String::as_str) == Some(hash));
    let available = sum(|set| set.status.available_replicas);
    let replicas = deployment.spec.replicas.unwrap_or(1);
    let mut status = DeploymentStatus {
        observed_generation: deployment.metadata.generation,
        replicas: sum(|set| set.status.replicas),
        updated_replicas: new.map_or(0, |set| set.status.replicas),
        ready_replicas: sum(|set| set.status.ready_replicas),
        available_replicas: available,
        unavailable_replicas: sum(wanted).wrapping_sub(available).max(0),
        conditions: deployment.status.conditions.clone(),
    };
    let now = world.timestamp();
    pause_or_resume(&deployment, &mut status, &now);
    // A rolling update may leave this many out.
    let spare = if deployment.spec.strategy.type_ == "Recreate" || replicas == 0 { 0 } else { pace(&deployment, replicas).1 };
    let (holds, reason, text) = if available >= replicas.wrapping_sub(spare) {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    set(&mut status, AVAILABLE, (holds, reason), text.into(), &now);
    if rolls {
        let clock = i64::try_from(world.cluster.clock()).unwrap_or(i64::MAX);
        judge(&deployment, &mut status, new.map(|set| set.metadata.name.as_str()), clock, &now);
        match new.and_then(|set| failure(set)).or_else(|| sets.iter().find_map(|set| failure(set))) {
            Some(failed) => set(&mut status, REPLICA_FAILURE, (&failed.status, &failed.reason), failed.message.clone(), &now),
            None => status.conditions.retain(|condition| condition.type_ != REPLICA_FAILURE),
        }
    }
    let revision = new.map_or(0, |set| revision(set)).to_string();
    let stale = deployment.metadata.annotations.get(REVISION) != Some(&revision) && revision != "0";
    if status != deployment.status || stale {
        let mut next = deployment.as_ref().clone();
        next.status = status;
        if stale {
            next.metadata.annotations.insert(REVISION.into(), revision);
        }
        world.put_status(next);
    }
}

/// Why a ReplicaSet's Pods are refused (`getReplicaFailures`).
fn failure(set: &ReplicaSet) -> Option<&Condition> {
    set.status.conditions.iter().find(|condition| condition.type_ == REPLICA_FAILURE)
}

/// Notes that a ReplicaSet was made for the present template.
pub(super) fn created(world: &mut World, key: &Key, set: &str) {
    let now = world.timestamp();
    let Some(deployment) = world.cluster.store.deployments.get(key).filter(|own| deadline(own).is_some()).cloned() else {
        return;
    };
    let mut next = deployment.as_ref().clone();
    let text = format!("Created new replica set \"{set}\"");
    self::set(&mut next.status, PROGRESSING, ("True", "NewReplicaSetCreated"), text, &now);
    world.put_status(next);
}

/// Seconds in which a rollout has to move; the largest number means no limit.
fn deadline(deployment: &Deployment) -> Option<i64> {
    deployment.spec.progress_deadline_seconds.filter(|seconds| *seconds != i32::MAX).map(i64::from)
}

fn find<'a>(status: &'a DeploymentStatus, kind: &str) -> Option<&'a Condition> {
    status.conditions.iter().find(|condition| condition.type_ == kind)
}

/// `SetDeploymentCondition`: what says the same stays; what changes goes to the end.
fn set(status: &mut DeploymentStatus, kind: &str, says: (&str, &str), message: String, now: &str) {
    let old = find(status, kind).cloned();
    if old.as_ref().is_some_and(|old| (old.status.as_str(), old.reason.as_str()) == says) {
        return;
    }
    let since = old.filter(|old| old.status == says.0).and_then(|old| old.last_transition_time);
    status.conditions.retain(|condition| condition.type_ != kind);
    status.conditions.push(Condition {
        type_: kind.into(),
        status: says.0.into(),
        reason: says.1.into(),
        message,
        last_update_time: Some(now.into()),
        last_transition_time: since.or_else(|| Some(now.into())),
    });
}

fn pause_or_resume(deployment: &Deployment, status: &mut DeploymentStatus, now: &str) {
    let reason = find(status, PROGRESSING).map(|condition| condition.reason.clone()).unwrap_or_default();
    if deadline(deployment).is_none() || reason == TIMED_OUT {
        return;
    }
    match (deployment.spec.paused, reason == PAUSED) {
        (true, false) => set(status, PROGRESSING, ("Unknown", PAUSED), "Deployment is paused".into(), now),
        (false, true) => {
            set(status, PROGRESSING, ("Unknown", "DeploymentResumed"), "Deployment is resumed".into(), now);
        }
        _ => {}
    }
}

/// Whether the rollout is done, moves, or has stood for too long.
fn judge(deployment: &Deployment, status: &mut DeploymentStatus, new: Option<&str>, clock: i64, now: &str) {
    let Some(limit) = deadline(deployment) else {
        status.conditions.retain(|condition| condition.type_ != PROGRESSING);
        return;
    };
    if let Some(name) = new.filter(|_| find(status, PROGRESSING).is_none()) {
        set(status, PROGRESSING, ("True", "FoundNewReplicaSet"), format!("Found new replica set \"{name}\""), now);
    }
    let current = find(status, PROGRESSING).cloned();
    let reason = current.as_ref().map_or("", |condition| condition.reason.as_str());
    if status.replicas == status.updated_replicas && reason == DONE {
        return;
    }
    let what =
        new.map_or_else(|| format!("Deployment \"{}\"", deployment.metadata.name), |name| format!("ReplicaSet \"{name}\""));
    let (replicas, old) = (deployment.spec.replicas.unwrap_or(1), &deployment.status);
    let outdated = |status: &DeploymentStatus| status.replicas.wrapping_sub(status.updated_replicas);
    let complete = status.updated_replicas == replicas && status.replicas == replicas && status.available_replicas == replicas;
    let moves = status.updated_replicas > old.updated_replicas
        || outdated(status) < outdated(old)
        || status.ready_replicas > old.ready_replicas
        || status.available_replicas > old.available_replicas;
    let since = current.as_ref().and_then(|condition| seconds_of(condition.last_update_time.as_deref()?));
    let late = reason != DONE && (reason == TIMED_OUT || since.is_some_and(|since| since.saturating_add(limit) < clock));
    if complete {
        set(status, PROGRESSING, ("True", DONE), format!("{what} has successfully progressed."), now);
    } else if moves {
        // The time of the last progress is noted, even if nothing else changes.
        let since = current.filter(|condition| condition.status == "True").and_then(|condition| condition.last_transition_time);
        status.conditions.retain(|condition| condition.type_ != PROGRESSING);
        set(status, PROGRESSING, ("True", "ReplicaSetUpdated"), format!("{what} is progressing."), now);
        if let (Some(condition), Some(_)) = (status.conditions.last_mut(), &since) {
            condition.last_transition_time = since;
        }
    } else if late {
        set(status, PROGRESSING, ("False", TIMED_OUT), format!("{what} has timed out progressing."), now);
    }
}

/// When the rollouts that stand will have stood for too long, in virtual seconds, and whose they are.
pub(crate) fn deadlines(world: &World) -> Vec<(u64, ObjectRef)> {
    let mut all = Vec::new();
    for deployment in world.cluster.store.deployments.values().filter(|own| !own.spec.paused) {
        let Some(condition) = find(&deployment.status, PROGRESSING) else { continue };
        if [DONE, TIMED_OUT].contains(&condition.reason.as_str()) {
            continue;
        }
        let since = condition.last_update_time.as_deref().and_then(seconds_of);
        let due = since.zip(deadline(deployment)).map(|(since, limit)| since.saturating_add(limit).saturating_add(1));
        let at = due.and_then(|due| u64::try_from(due).ok()?.checked_sub(world.cluster.epoch));
        all.extend(at.map(|at| (at, ObjectRef::of(deployment.as_ref()))));
    }
    all
}
