//! The Deployment controller: a ReplicaSet for each template, and the way from one to the next.
//!
//! Imitates `pkg/controller/deployment` (`sync.go`, `rolling.go`, `recreate.go`, `util/deployment_util.go`): one scaling step at
//! a time within maxSurge and maxUnavailable, old ReplicaSets kept up to the history limit. Leaves out rollback.

use super::deployment_scaling::{annotate, is_scaling, rescale};
use super::deployment_status::{created, report};
use super::pod_control::hash_of;
use super::replica_set;
use crate::api::ObjectRef;
use crate::api::apps::{Deployment, ReplicaSet};
use crate::api::meta::IntOrString;
use crate::cluster::Verb;
use crate::control_plane::dump::{came_from_dump, owner_is_elsewhere};
use crate::control_plane::events;
use crate::control_plane::world::{Key, World, controller_reference};
use crate::msg;
use std::sync::Arc;

const COMPONENT: &str = "deployment-controller";
pub(super) const HASH: &str = "pod-template-hash";
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";

/// Brings one Deployment one step further.
pub(crate) fn sync(world: &mut World, object: &ObjectRef, key: &Key) {
    let sets = sets_of(world, object);
    let Some(deployment) = world.cluster.store.deployments.get(key).cloned() else {
        return collect(world, object, &sets);
    };
    let hash = known_hash(world, &deployment, &sets).unwrap_or_else(|| hash_of(world, &deployment.spec.template, object));
    let (new, old): (Vec<_>, Vec<_>) = sets.into_iter().partition(|set| set.metadata.labels.get(HASH) == Some(&hash));
    let new = new.into_iter().next();
    let sized: Vec<Arc<ReplicaSet>> = old.iter().chain(&new).cloned().collect();
    // A paused Deployment only sizes the ReplicaSets that it has: one that was never rolled out has none.
    let by_hand = deployment.spec.paused || is_scaling(&deployment, &sized);
    if by_hand {
        rescale(world, &deployment, object, new.as_ref(), &old);
    } else {
        roll(world, &deployment, object, &hash, new, &old);
    }
    clean_up(world, &deployment, object, &hash);
    report(world, key, object, &hash, !by_hand);
}

pub(super) fn sets_of(world: &World, object: &ObjectRef) -> Vec<Arc<ReplicaSet>> {
    let keys = world.keys_of(object);
    keys.iter().filter_map(|key| world.cluster.store.replica_sets.get(key).cloned()).collect()
}

fn collect(world: &mut World, owner: &ObjectRef, sets: &[Arc<ReplicaSet>]) {
    for set in sets {
        let object = ObjectRef::of(set.as_ref());
        if owner_is_elsewhere(world, &object, owner) {
            continue;
        }
        world.note("garbage-collector", Verb::Delete, object.clone(), msg!("change.collect", object = &object));
        world.cluster.store.remove(&object);
        world.forget_owned(&set.metadata);
        // It was here: a dump's Pods go with it.
        world.begin_next_life(&object);
        replica_set::collect(world, &object);
    }
}

/// The hash of a dumped ReplicaSet of the same template: a real cluster hashes differently, and nothing is to roll out.
fn known_hash(world: &World, deployment: &Deployment, sets: &[Arc<ReplicaSet>]) -> Option<String> {
    let same = |set: &&Arc<ReplicaSet>| {
        let mut template = set.spec.template.clone();
        template.metadata.labels.remove(HASH);
        template == deployment.spec.template && came_from_dump(world, &ObjectRef::of(set.as_ref()))
    };
    sets.iter().find(same)?.metadata.labels.get(HASH).cloned()
}

fn roll(
    world: &mut World,
    deployment: &Deployment,
    object: &ObjectRef,
    hash: &str,
    new: Option<Arc<ReplicaSet>>,
    old: &[Arc<ReplicaSet>],
) {
    let replicas = deployment.spec.replicas.unwrap_or(1);
    if deployment.spec.strategy.type_ == "Recreate" {
        let mut scaled = false;
        for set in old {
            scaled |= scale(world, deployment, object, set, 0);
        }
        let running = old.iter().any(|set| !world.pods_of(&ObjectRef::of(set.as_ref())).is_empty());
        if scaled || running {
            return;
        }
    }
    let all: i32 = old.iter().chain(&new).map(|set| wanted(set)).sum();
    let (surge, unavailable) = pace(deployment, replicas);
    let current = new.as_ref().map_or(0, |set| wanted(set));
    let target = if deployment.spec.strategy.type_ == "Recreate" {
        replicas
    } else {
        // Upstream's sum wraps, too: with a surge of 2147483647 nothing is ever scaled up.
        let room = replicas.wrapping_add(surge).saturating_sub(all).max(0);
        if current >= replicas { replicas } else { current + room.min(replicas - current) }
    };
    let Some(new) = new else {
        return create(world, deployment, object, hash, target, old);
    };
    // A template that comes back is the newest revision again.
    let latest = old.iter().map(|set| revision(set)).max().unwrap_or(0);
    if revision(&new) < latest {
        let mut next = new.as_ref().clone();
        next.metadata.annotations.insert(REVISION.into(), latest.saturating_add(1).to_string());
        return world.put(next);
    }
    if scale(world, deployment, object, &new, target) {
        return;
    }
    if deployment.spec.strategy.type_ != "Recreate" {
        shrink_old(world, deployment, object, replicas - unavailable, &new, old, all);
    }
}

/// The size that a ReplicaSet is told.
pub(super) fn wanted(set: &ReplicaSet) -> i32 {
    set.spec.replicas.unwrap_or(1)
}

/// maxSurge rounded up and maxUnavailable rounded down; not both zero.
pub(super) fn pace(deployment: &Deployment, replicas: i32) -> (i32, i32) {
    let pace = deployment.spec.strategy.rolling_update.as_ref();
    let surge = resolve(pace.and_then(|pace| pace.max_surge.as_ref()), replicas, 99);
    let unavailable = resolve(pace.and_then(|pace| pace.max_unavailable.as_ref()), replicas, 0);
    if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable.min(replicas)) }
}

/// A number, or a percentage of `replicas` rounded down after `round` hundredths are added.
pub(super) fn resolve(value: Option<&IntOrString>, replicas: i32, round: i64) -> i32 {
    let percent =
        |percent: i64| i32::try_from((percent.saturating_mul(replicas.into()).saturating_add(round)) / 100).unwrap_or(i32::MAX);
    match value {
        None => percent(25),
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(text)) => percent(text.trim_end_matches('%').parse().unwrap_or(0)),
    }
}

/// Takes Pods from old ReplicaSets, unhealthy ones first, as far as enough others are available.
fn shrink_old(
    world: &mut World,
    deployment: &Deployment,
    object: &ObjectRef,
    minimum: i32,
    new: &ReplicaSet,
    old: &[Arc<ReplicaSet>],
    all: i32,
) {
    // A dump may tell any status.
    let new_unavailable = wanted(new).wrapping_sub(new.status.available_replicas);
    let mut most = (all - minimum).wrapping_sub(new_unavailable);
    let mut scaled = false;
    let mut sizes: Vec<i32> = old.iter().map(|set| wanted(set)).collect();
    let mut order: Vec<usize> = (0..old.len()).collect();
    order.sort_by_key(|at| old.get(*at).map(|set| revision(set)));
    for at in order.clone() {
        let (Some(set), Some(size)) = (old.get(at), sizes.get_mut(at)) else { continue };
        let unhealthy = size.wrapping_sub(set.status.available_replicas).min(most).max(0);
        if unhealthy > 0 {
            *size -= unhealthy;
            most -= unhealthy;
            scaled |= scale(world, deployment, object, set, *size);
        }
    }
    let available = old.iter().map(|set| set.status.available_replicas).fold(new.status.available_replicas, i32::wrapping_add);
    let mut spare = if scaled { 0 } else { available.wrapping_sub(minimum) };
    for at in order {
        let (Some(set), Some(size)) = (old.get(at), sizes.get(at)) else { continue };
        let take = (*size).min(spare).max(0);
        if take > 0 && scale(world, deployment, object, set, size - take) {
            spare -= take;
        }
    }
}

fn create(world: &mut World, deployment: &Deployment, object: &ObjectRef, hash: &str, replicas: i32, old: &[Arc<ReplicaSet>]) {
    let mut set = ReplicaSet::default();
    set.metadata.name = format!("{}-{hash}", object.name);
    set.metadata.namespace.clone_from(&object.namespace);
    set.metadata.labels.clone_from(&deployment.spec.template.metadata.labels);
    set.metadata.labels.insert(HASH.into(), hash.into());
    let next = old.iter().map(|set| revision(set)).max().unwrap_or(0).saturating_add(1);
    set.metadata.annotations.insert(REVISION.into(), next.to_string());
    annotate(deployment, &mut set);
    set.metadata.generation = 1;
    set.metadata.owner_references = vec![controller_reference(deployment)];
    set.spec.replicas = Some(replicas);
    set.spec.min_ready_seconds = deployment.spec.min_ready_seconds;
    set.spec.selector = deployment.spec.selector.clone();
    set.spec.selector.match_labels.insert(HASH.into(), hash.into());
    set.spec.template = deployment.spec.template.clone();
    set.spec.template.metadata.labels.insert(HASH.into(), hash.into());
    let name = set.metadata.name.clone();
    let message = msg!("change.createReplicaSet", name = name, deployment = object.name, replicas = replicas);
    world.note(COMPONENT, Verb::Create, ObjectRef::of(&set), message);
    if replicas > 0 {
        let text = format!("Scaled up replica set {name} from 0 to {replicas}");
        events::record(world, object, (COMPONENT, ""), ("Normal", "ScalingReplicaSet"), &text);
    }
    world.put(set);
    created(world, &(object.namespace.clone(), object.name.clone()), &name);
}

/// The number of its template.
pub(super) fn revision(set: &ReplicaSet) -> u64 {
    set.metadata.annotations.get(REVISION).and_then(|revision| revision.parse().ok()).unwrap_or(0)
}

/// Changes the size of a ReplicaSet, and notes for which size of its Deployment. True when it was another.
pub(super) fn scale(world: &mut World, deployment: &Deployment, object: &ObjectRef, set: &ReplicaSet, replicas: i32) -> bool {
    let before = wanted(set);
    let mut next = set.clone();
    annotate(deployment, &mut next);
    if before == replicas {
        if next.metadata.annotations != set.metadata.annotations && replicas > 0 {
            world.put(next);
        }
        return false;
    }
    next.spec.replicas = Some(replicas);
    next.metadata.generation += 1;
    let name = &set.metadata.name;
    let way = if replicas > before { "up" } else { "down" };
    let message = if replicas > before {
        msg!("change.scaleUp", name = name, from = before, to = replicas)
    } else {
        msg!("change.scaleDown", name = name, from = before, to = replicas)
    };
    world.note(COMPONENT, Verb::Update, ObjectRef::of(set), message);
    let text = format!("Scaled {way} replica set {name} from {before} to {replicas}");
    events::record(world, object, (COMPONENT, ""), ("Normal", "ScalingReplicaSet"), &text);
    world.put(next);
    true
}

/// Deletes the oldest empty ReplicaSets beyond the history limit.
fn clean_up(world: &mut World, deployment: &Deployment, object: &ObjectRef, hash: &str) {
    let limit = usize::try_from(deployment.spec.revision_history_limit.unwrap_or(10)).unwrap_or(0);
    let mut old = sets_of(world, object);
    old.retain(|set| set.metadata.labels.get(HASH).is_none_or(|of| of != hash));
    if old.len() <= limit {
        return;
    }
    old.sort_by_key(|set| revision(set));
    let excess = old.len() - limit;
    for set in old.iter().take(excess) {
        if wanted(set) == 0 && set.status.replicas == 0 && set.status.observed_generation == set.metadata.generation {
            let object = ObjectRef::of(set.as_ref());
            world.note(COMPONENT, Verb::Delete, object.clone(), msg!("change.collect", object = &object));
            world.cluster.store.remove(&object);
            world.forget_owned(&set.metadata);
        }
    }
}
