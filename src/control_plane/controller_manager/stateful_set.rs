//! The StatefulSet controller: Pods with a name, an order and an identity.
//!
//! Imitates `pkg/controller/statefulset` (`stateful_set_control.go`, `stateful_set_utils.go`): OrderedReady makes one Pod after the
//! other is available and takes the last one first; a changed template replaces from the last to the first, down to the partition,
//! or waits for deletions (OnDelete). A Pod that is still there, Terminating on a lost node, keeps its name taken. Its volume claims
//! are taken to be bound at once. Leaves out maxUnavailable, whose feature gate is off in 1.36.

use super::pod_control::{
    MOST_REJECTED, forbidden, from_template, hash_of, is_active, is_available, leave_rejected, was_rejected,
};
use crate::api::apps::{StatefulSet, StatefulSetStatus};
use crate::api::core::Pod;
use crate::api::{Kind, ObjectRef};
use crate::cluster::Verb;
use crate::control_plane::apiserver::default_toleration_seconds;
use crate::control_plane::apiserver::validation;
use crate::control_plane::dump::came_from_dump;
use crate::control_plane::world::{Key, World};
use crate::control_plane::{events, kubelets};
use crate::msg;
use crate::node::kubelet::{has_ended, is_ready};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const COMPONENT: &str = "statefulset-controller";
const REVISION: &str = "controller-revision-hash";

/// Brings one StatefulSet one step further.
pub(crate) fn sync(world: &mut World, object: &ObjectRef, key: &Key) {
    let Some(set) = world.cluster.store.stateful_sets.get(key).cloned() else {
        return super::replica_set::collect(world, object);
    };
    let own = format!("{}-{}", object.name, hash_of(world, &set.spec.template, object));
    // A dump's Pods are of the real cluster's revision, which is hashed differently.
    let told = Some(set.status.update_revision.clone()).filter(|told| !told.is_empty() && came_from_dump(world, object));
    let update = told.unwrap_or(own);
    world.cluster.revisions.entry(revision_key(object, &update)).or_insert_with(|| Arc::new(set.spec.template.clone()));
    let current = Some(set.status.current_revision.clone());
    let current = current.filter(|own| world.cluster.revisions.contains_key(&revision_key(object, own)));
    let revisions = Revisions { current: current.unwrap_or_else(|| update.clone()), update };
    step(world, &set, object, &revisions);
    report(world, &set, object, &revisions);
}

/// The names of the revision that the set comes from and of the one that it goes to.
struct Revisions {
    current: String,
    update: String,
}

fn revision_key(object: &ObjectRef, revision: &str) -> (String, String) {
    (object.namespace.clone(), revision.to_string())
}

fn revision_of(pod: &Pod) -> &str {
    pod.metadata.labels.get(REVISION).map(String::as_str).unwrap_or_default()
}

/// The ordinal of the first Pod.
fn start(set: &StatefulSet) -> i32 {
    set.spec.ordinals.as_ref().map_or(0, |ordinals| ordinals.start)
}

/// The lowest ordinal that a rolling update replaces; `None`: `OnDelete`.
fn partition(set: &StatefulSet) -> Option<i32> {
    let strategy = &set.spec.update_strategy;
    let given = strategy.rolling_update.as_ref().and_then(|pace| pace.partition);
    (strategy.type_ != "OnDelete").then_some(given.unwrap_or(0).saturating_add(start(set)))
}

/// Pods by ordinal.
fn by_ordinal(world: &World, object: &ObjectRef) -> BTreeMap<i32, Arc<Pod>> {
    let prefix = format!("{}-", object.name);
    let pods = world.pods_of(object).into_iter();
    pods.filter_map(|pod| Some((pod.metadata.name.strip_prefix(&prefix)?.parse().ok()?, pod))).collect()
}

fn step(world: &mut World, set: &StatefulSet, object: &ObjectRef, revisions: &Revisions) {
    let pods = by_ordinal(world, object);
    let wanted = start(set)..start(set).saturating_add(set.spec.replicas.unwrap_or(1));
    let parallel = set.spec.pod_management_policy == "Parallel";
    let wait = set.spec.min_ready_seconds;
    for ordinal in wanted.clone() {
        match pods.get(&ordinal) {
            Some(pod) if has_ended(pod) && pod.metadata.deletion_timestamp.is_none() => {
                replace(world, object, pod);
                if !parallel {
                    return;
                }
            }
            Some(pod) if is_active(pod) && (is_available(world, pod, wait) || parallel) => {}
            // Wait for this one: it is starting, unready or on its way out.
            Some(_) if !parallel => return,
            Some(_) => {}
            None => {
                create(world, set, object, revisions, ordinal);
                if !parallel {
                    return;
                }
            }
        }
    }
    for (ordinal, pod) in pods.iter().rev().filter(|(ordinal, _)| !wanted.contains(ordinal)) {
        if is_active(pod) {
            delete(world, object, pod);
        }
        if !parallel && pods.contains_key(ordinal) {
            return;
        }
    }
    let Some(partition) = partition(set) else { return };
    for (_, pod) in pods.iter().rev().filter(|(ordinal, _)| **ordinal >= partition && wanted.contains(ordinal)) {
        let outdated = revision_of(pod) != revisions.update;
        if outdated && is_active(pod) {
            return delete(world, object, pod);
        }
        if !is_active(pod) || !is_available(world, pod, wait) {
            return;
        }
    }
}

/// One that has ended, whoever ended it, makes way for another of its name (`processReplica`). Upstream does so without end; here the
/// kubelet refuses some before it is left at that.
fn replace(world: &mut World, object: &ObjectRef, pod: &Arc<Pod>) {
    if came_from_dump(world, &ObjectRef::of(pod.as_ref())) {
        return;
    }
    let before = usize::try_from(world.life_of(&ObjectRef::of(pod.as_ref()))).unwrap_or(usize::MAX);
    let most = if was_rejected(pod) { MOST_REJECTED - 1 } else { MOST_ENDED };
    if before < most {
        return delete(world, object, pod);
    }
    leave_rejected(world, COMPONENT, object, before.saturating_add(1));
}

/// Of one name, so many Pods that reach their deadline are enough to see it.
const MOST_ENDED: usize = 100;

fn create(world: &mut World, set: &StatefulSet, object: &ObjectRef, revisions: &Revisions, ordinal: i32) {
    // Below the partition a Pod comes back as it was (`newVersionedStatefulSetPod`).
    let stays = partition(set).is_some_and(|partition| ordinal < partition);
    let revision = if stays { &revisions.current } else { &revisions.update };
    let kept = world.cluster.revisions.get(&revision_key(object, revision)).cloned();
    let mut pod = from_template(kept.as_deref().unwrap_or(&set.spec.template), Kind::StatefulSet, &set.metadata);
    let name = format!("{}-{ordinal}", object.name);
    // A Pod of that name that somebody else made stands in the way, as upstream reports it.
    if world.cluster.store.get::<Pod>(&object.namespace, &name).is_some() {
        let text = format!("Create Pod {name} in StatefulSet {} failed error: pods \"{name}\" already exists", object.name);
        return events::record(world, object, (COMPONENT, ""), ("Warning", "FailedCreate"), &text);
    }
    pod.metadata.name.clone_from(&name);
    let before = format!("Create Pod {name} in StatefulSet {} failed error: ", object.name);
    if forbidden(world, COMPONENT, object, &before, &pod).is_some() {
        return;
    }
    pod.metadata.generate_name = format!("{}-", object.name);
    pod.spec.hostname.clone_from(&name);
    pod.spec.subdomain.clone_from(&set.spec.service_name);
    default_toleration_seconds::admit(&mut pod.spec.tolerations);
    pod.spec.volumes = storage(world, object, &name, pod.spec.volumes);
    let labels = &mut pod.metadata.labels;
    labels.insert("statefulset.kubernetes.io/pod-name".into(), name.clone());
    labels.insert("apps.kubernetes.io/pod-index".into(), ordinal.to_string());
    labels.insert(REVISION.into(), revision.clone());
    if let Some(refusal) = validation::made(&pod) {
        return events::record(world, object, (COMPONENT, ""), ("Warning", "FailedCreate"), &format!("{before}{refusal}"));
    }
    let text = format!("Create Pod {name} in StatefulSet {} successful", object.name);
    events::record(world, object, (COMPONENT, ""), ("Normal", "SuccessfulCreate"), &text);
    let message = msg!("change.createPod", pod = name, kind = object.kind, owner = object.name);
    world.note(COMPONENT, Verb::Create, ObjectRef::of(&pod), message);
    world.put_pod(pod);
}

/// The volumes of the Pod's own claims, before those of the template that they do not replace (`updateStorage`).
fn storage(world: &World, object: &ObjectRef, pod: &str, others: Vec<Value>) -> Vec<Value> {
    let templates = world.cluster.origin(object).and_then(|manifest| manifest.value.pointer("/spec/volumeClaimTemplates"));
    let templates = templates.and_then(Value::as_array).into_iter().flatten();
    let names: Vec<&str> = templates.filter_map(|claim| claim.pointer("/metadata/name")?.as_str()).collect();
    let volume = |name: &&str| json!({"name": name, "persistentVolumeClaim": {"claimName": format!("{name}-{pod}")}});
    let mut volumes: Vec<Value> = names.iter().map(volume).collect();
    volumes.extend(others.into_iter().filter(|other| !names.iter().any(|name| other["name"] == *name)));
    volumes
}

fn delete(world: &mut World, object: &ObjectRef, pod: &Arc<Pod>) {
    let text = format!("Delete Pod {} in StatefulSet {} successful", pod.metadata.name, object.name);
    events::record(world, object, (COMPONENT, ""), ("Normal", "SuccessfulDelete"), &text);
    kubelets::terminate(world, pod, COMPONENT);
}

fn report(world: &mut World, set: &StatefulSet, object: &ObjectRef, revisions: &Revisions) {
    let pods: Vec<Arc<Pod>> = by_ordinal(world, object).into_values().collect();
    let count = |holds: &dyn Fn(&Pod) -> bool| i32::try_from(pods.iter().filter(|pod| holds(pod)).count()).unwrap_or(i32::MAX);
    // A Terminating Pod still counts as a replica, and as a ready one, but as of no revision (`computeReplicaStatus`).
    let ready = |pod: &Pod| pod.status.phase == "Running" && is_ready(pod);
    let is_of = |pod: &Pod, revision: &str| pod.metadata.deletion_timestamp.is_none() && revision_of(pod) == revision;
    let mut status = StatefulSetStatus {
        observed_generation: set.metadata.generation,
        replicas: count(&|_| true),
        ready_replicas: count(&ready),
        current_replicas: count(&|pod| is_of(pod, &revisions.current)),
        updated_replicas: count(&|pod| is_of(pod, &revisions.update)),
        available_replicas: count(&|pod| ready(pod) && is_available(world, pod, set.spec.min_ready_seconds)),
        current_revision: revisions.current.clone(),
        update_revision: revisions.update.clone(),
    };
    // `completeRollingUpdate`
    let all = |count: i32| count == set.spec.replicas.unwrap_or(1);
    if partition(set).is_some() && all(status.updated_replicas) && all(status.ready_replicas) && all(status.replicas) {
        status.current_replicas = status.updated_replicas;
        status.current_revision.clone_from(&status.update_revision);
    }
    if status != set.status {
        let mut next = set.clone();
        next.status = status;
        world.put_status(next);
    }
}
