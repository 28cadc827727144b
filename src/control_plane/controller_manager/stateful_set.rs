//! The StatefulSet controller: Pods with a name, an order and an identity.
//!
//! Imitates `pkg/controller/statefulset` (`stateful_set_control.go`, `stateful_set_utils.go`): OrderedReady makes one Pod after the
//! other is ready and takes the last one first; a changed template replaces from the last to the first. A Pod that is still there,
//! Terminating on a lost node, keeps its name taken. Leaves out volume claims, partitions, OnDelete and revision history.

use super::pod_control::{from_template, is_active};
use crate::api::ObjectRef;
use crate::api::apps::{StatefulSet, StatefulSetStatus};
use crate::api::core::Pod;
use crate::cluster::Verb;
use crate::control_plane::dump::came_from_dump;
use crate::control_plane::names::template_hash;
use crate::control_plane::world::{Key, World};
use crate::control_plane::{events, kubelets};
use crate::msg;
use crate::node::kubelet::is_ready;
use std::collections::BTreeMap;
use std::sync::Arc;

const COMPONENT: &str = "statefulset-controller";
const REVISION: &str = "controller-revision-hash";

/// Brings one StatefulSet one step further.
pub(crate) fn sync(world: &mut World, object: &ObjectRef, key: &Key) {
    let Some(set) = world.cluster.store.stateful_sets.get(key).cloned() else {
        return super::replica_set::collect(world, object);
    };
    let template = serde_json::to_string(&set.spec.template).unwrap_or_default();
    let own = format!("{}-{}", object.name, template_hash(&template));
    // A dump's Pods are of the real cluster's revision, which is hashed differently.
    let told = Some(set.status.update_revision.clone()).filter(|told| !told.is_empty() && came_from_dump(world, object));
    let revision = told.unwrap_or(own);
    step(world, &set, object, &revision);
    report(world, &set, object, &revision);
}

/// Pods by ordinal.
fn by_ordinal(world: &World, object: &ObjectRef) -> BTreeMap<i32, Arc<Pod>> {
    let prefix = format!("{}-", object.name);
    let pods = world.pods_of(object).into_iter();
    pods.filter_map(|pod| Some((pod.metadata.name.strip_prefix(&prefix)?.parse().ok()?, pod))).collect()
}

fn step(world: &mut World, set: &StatefulSet, object: &ObjectRef, revision: &str) {
    let pods = by_ordinal(world, object);
    let replicas = set.spec.replicas.unwrap_or(1);
    let parallel = set.spec.pod_management_policy == "Parallel";
    for ordinal in 0..replicas {
        match pods.get(&ordinal) {
            Some(pod) if is_active(pod) && (is_ready(pod) || parallel) => {}
            // Wait for this one: it is starting, unready or on its way out.
            Some(_) if !parallel => return,
            Some(_) => {}
            None => {
                create(world, set, object, revision, ordinal);
                if !parallel {
                    return;
                }
            }
        }
    }
    for (ordinal, pod) in pods.iter().rev().filter(|(ordinal, _)| **ordinal >= replicas) {
        if is_active(pod) {
            delete(world, object, pod);
        }
        if !parallel && pods.contains_key(ordinal) {
            return;
        }
    }
    let outdated = |pod: &Pod| pod.metadata.labels.get(REVISION).map(String::as_str) != Some(revision);
    for pod in pods.values().rev() {
        if !is_active(pod) || !outdated(pod) && !is_ready(pod) {
            return;
        }
        if outdated(pod) {
            return delete(world, object, pod);
        }
    }
}

fn create(world: &mut World, set: &StatefulSet, object: &ObjectRef, revision: &str, ordinal: i32) {
    let mut pod = from_template(&set.spec.template, set);
    let name = format!("{}-{ordinal}", object.name);
    // A Pod of that name that somebody else made stands in the way, as upstream reports it.
    if world.cluster.store.get::<Pod>(&object.namespace, &name).is_some() {
        let text = format!("create Pod {name} in StatefulSet {} failed error: pods \"{name}\" already exists", object.name);
        return events::record(world, object, (COMPONENT, ""), ("Warning", "FailedCreate"), &text);
    }
    pod.metadata.name.clone_from(&name);
    pod.metadata.generate_name = format!("{}-", object.name);
    pod.spec.hostname.clone_from(&name);
    pod.spec.subdomain.clone_from(&set.spec.service_name);
    let labels = &mut pod.metadata.labels;
    labels.insert("statefulset.kubernetes.io/pod-name".into(), name.clone());
    labels.insert("apps.kubernetes.io/pod-index".into(), ordinal.to_string());
    labels.insert(REVISION.into(), revision.to_string());
    let text = format!("Create Pod {name} in StatefulSet {} successful", object.name);
    events::record(world, object, (COMPONENT, ""), ("Normal", "SuccessfulCreate"), &text);
    let message = msg!("change.createPod", pod = name, kind = object.kind, owner = object.name);
    world.note(COMPONENT, Verb::Create, ObjectRef::of(&pod), message);
    world.put_pod(pod);
}

fn delete(world: &mut World, object: &ObjectRef, pod: &Arc<Pod>) {
    let text = format!("Delete Pod {} in StatefulSet {} successful", pod.metadata.name, object.name);
    events::record(world, object, (COMPONENT, ""), ("Normal", "SuccessfulDelete"), &text);
    kubelets::terminate(world, pod, COMPONENT);
}

fn report(world: &mut World, set: &StatefulSet, object: &ObjectRef, revision: &str) {
    let pods: Vec<Arc<Pod>> = by_ordinal(world, object).into_values().collect();
    let count = |holds: &dyn Fn(&Pod) -> bool| {
        i32::try_from(pods.iter().filter(|pod| is_active(pod) && holds(pod)).count()).unwrap_or(i32::MAX)
    };
    let updated = |pod: &Pod| pod.metadata.labels.get(REVISION).map(String::as_str) == Some(revision);
    let status = StatefulSetStatus {
        observed_generation: set.metadata.generation,
        replicas: count(&|_| true),
        ready_replicas: count(&is_ready),
        current_replicas: count(&updated),
        updated_replicas: count(&updated),
        available_replicas: count(&is_ready),
        current_revision: revision.to_string(),
        update_revision: revision.to_string(),
    };
    if status != set.status {
        let mut next = set.clone();
        next.status = status;
        world.put_status(next);
    }
}
