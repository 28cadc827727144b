//! The DaemonSet controller: one Pod on every node that may run it.
//!
//! Imitates `pkg/controller/daemon/daemon_controller.go`: its Pods bear the taints of nodes in trouble, and are placed by the
//! scheduler on the node they were made for. A changed template replaces them within maxUnavailable, or makes the new one beside
//! the old within maxSurge (`update.go`), or waits for deletions (OnDelete). Leaves out history.

use super::deployment::resolve;
use super::pod_control::{create, delete, forbidden, from_template, hash_of, is_active, is_available};
use crate::api::apps::{DaemonSet, DaemonSetStatus};
use crate::api::core::{Event, Node, Pod, PodSpec, Toleration};
use crate::api::meta::IntOrString;
use crate::api::time::seconds_of;
use crate::api::{Kind, ObjectRef};
use crate::control_plane::dump::came_from_dump;
use crate::control_plane::events;
use crate::control_plane::scheduler::placement::{REQUIRED, named_nodes, selects_node};
use crate::control_plane::scheduler::tolerates;
use crate::control_plane::world::{Key, World};
use crate::node::kubelet::{has_ended, is_ready};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

const COMPONENT: &str = "daemonset-controller";
const REVISION: &str = "controller-revision-hash";

/// Brings one DaemonSet one step further.
pub(crate) fn sync(world: &mut World, object: &ObjectRef, key: &Key) {
    let Some(set) = world.cluster.store.daemon_sets.get(key).cloned() else {
        return super::replica_set::collect(world, object);
    };
    let own = hash_of(world, &set.spec.template, object);
    // A dump's Pods carry the real cluster's hash.
    let told = world.pods_of(object).first().and_then(|pod| pod.metadata.labels.get(REVISION).cloned());
    let hash = told.filter(|_| came_from_dump(world, object)).unwrap_or(own);
    let by_node = by_node(world, object);
    let (wished, kept) = nodes_of(world, &set);
    for node in wished.iter().filter(|node| by_node.get(*node).is_none_or(Vec::is_empty)) {
        if !make(world, &set, object, &hash, node) {
            break;
        }
    }
    for (node, pod) in ended(world, object).into_iter().filter(|(node, _)| kept.contains(node)) {
        if tried_again_at(world, object, &node) <= i64::try_from(world.cluster.clock()).unwrap_or(i64::MAX) {
            let (namespace, name) = (&pod.metadata.namespace, &pod.metadata.name);
            let text = format!("Found failed daemon pod {namespace}/{name} on node {node}, will try to kill it");
            events::record(world, object, (COMPONENT, ""), ("Warning", FAILED), &text);
            delete(world, COMPONENT, object, &pod);
        }
    }
    let surges = pace(&set, wished.len()).0 > 0;
    for (node, pods) in &by_node {
        let keep = usize::from(kept.contains(node));
        let active = pods.iter().filter(|pod| is_active(pod));
        let (new, old): (Vec<_>, Vec<_>) = active.partition(|pod| surges && is_updated(pod, &hash));
        for pod in new.into_iter().skip(keep).chain(old.into_iter().skip(keep)) {
            delete(world, COMPONENT, object, pod);
        }
    }
    if set.spec.update_strategy.type_ != "OnDelete" {
        update(world, &set, object, &hash, &wished);
    }
    report(world, &set, object, &hash, &wished);
}

/// The reason of the Event that tells of a Pod that failed.
const FAILED: &str = "FailedDaemonPod";

/// The set's Pods that have failed, by node. A dump's are left to its own controller.
fn ended(world: &World, object: &ObjectRef) -> Vec<(String, Arc<Pod>)> {
    let pods = world.pods_of(object).into_iter().filter(|pod| {
        let gone = pod.metadata.deletion_timestamp.is_some() || came_from_dump(world, &ObjectRef::of(pod.as_ref()));
        pod.status.phase == "Failed" && !gone
    });
    pods.map(|pod| (pod.spec.node_name.clone(), pod)).collect()
}

/// From when the next failed Pod of a node may be replaced, on the cluster's clock: at once, then a second after the one before,
/// doubled each time up to 15 minutes (`failedPodsBackoff`).
fn tried_again_at(world: &World, object: &ObjectRef, node: &str) -> i64 {
    let on_node = format!(" on node {node},");
    let events = world.cluster.store.in_namespace::<Event>(&object.namespace).filter(|event| {
        let about = &event.involved_object;
        event.reason == FAILED && about.kind == "DaemonSet" && about.name == object.name && event.message.contains(&on_node)
    });
    let times: Vec<i64> = events.filter_map(|event| seconds_of(event.last_timestamp.as_deref()?)).collect();
    let Some(latest) = times.iter().max() else { return 0 };
    latest.saturating_add((1i64 << (times.len() - 1).min(10)).min(900))
}

/// When a failed Pod of some DaemonSet is replaced next, in virtual seconds.
pub(crate) fn next_try(world: &World) -> Option<u64> {
    let mut next: Option<u64> = None;
    for object in failing(world) {
        for (node, _) in ended(world, &object) {
            let at = u64::try_from(tried_again_at(world, &object, &node)).ok().and_then(|at| at.checked_sub(world.cluster.epoch));
            next = at.filter(|at| *at > world.cluster.now && next.is_none_or(|next| *at < next)).or(next);
        }
    }
    next
}

/// The DaemonSets that have Pods that failed.
pub(crate) fn failing(world: &World) -> Vec<ObjectRef> {
    let sets = world.cluster.store.daemon_sets.values().map(|set| ObjectRef::of(set.as_ref()));
    sets.filter(|object| !ended(world, object).is_empty()).collect()
}

/// Nodes on which the set wants to run, and those on which a Pod that is there may stay (`NodeShouldRunDaemonPod`): a taint that
/// only keeps new Pods away, such as the NoSchedule of a lost node, drives out none.
pub(super) fn nodes_of(world: &World, set: &DaemonSet) -> (Vec<String>, Vec<String>) {
    let spec = &set.spec.template.spec;
    let tolerations = with_own(spec);
    let selected = |node: &&Node| selects_node(spec, node) && (spec.node_name.is_empty() || spec.node_name == node.metadata.name);
    let bears = |node: &Node, effects: &[&str]| {
        let guards = node.spec.taints.iter().filter(|taint| effects.contains(&taint.effect.as_str()));
        guards.into_iter().all(|taint| tolerates(&tolerations, taint))
    };
    let (mut wished, mut kept) = (Vec::new(), Vec::new());
    for node in world.cluster.store.all::<Node>().filter(selected) {
        if bears(node, &["NoSchedule", "NoExecute"]) {
            wished.push(node.metadata.name.clone());
        }
        if bears(node, &["NoExecute"]) {
            kept.push(node.metadata.name.clone());
        }
    }
    (wished, kept)
}

/// What every Pod of a DaemonSet bears, for ever, whatever its template says (`util.AddOrUpdateDaemonPodTolerations`).
fn with_own(spec: &PodSpec) -> Vec<Toleration> {
    let own = [
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
        ("network-unavailable", "NoSchedule"),
    ];
    let mut tolerations = spec.tolerations.clone();
    for (key, effect) in own.into_iter().filter(|(key, _)| *key != "network-unavailable" || spec.host_network == Some(true)) {
        let own = Toleration {
            key: format!("node.kubernetes.io/{key}"),
            operator: "Exists".into(),
            effect: effect.into(),
            ..Toleration::default()
        };
        let place = tolerations.iter().position(|given| Toleration { toleration_seconds: None, ..given.clone() } == own);
        match place.and_then(|place| tolerations.get_mut(place)) {
            Some(given) => *given = own,
            None => tolerations.push(own),
        }
    }
    tolerations
}

/// Makes the Pod of one node. False: the API server refuses it.
fn make(world: &mut World, set: &DaemonSet, object: &ObjectRef, hash: &str, node: &str) -> bool {
    let mut pod = from_template(&set.spec.template, Kind::DaemonSet, &set.metadata);
    let prefix = format!("{}-", object.name);
    pod.metadata.generate_name.clone_from(&prefix);
    if forbidden(world, COMPONENT, object, "Error creating: ", &pod).is_some() {
        return false;
    }
    pod.metadata.name = world.generate_name::<Pod>(&object.namespace, &prefix);
    pod.metadata.labels.insert(REVISION.into(), hash.into());
    pod.metadata.labels.insert("pod-template-generation".into(), set.metadata.generation.max(1).to_string());
    pod.spec.tolerations = with_own(&pod.spec);
    bind_to(&mut pod.spec, node);
    create(world, COMPONENT, object, pod);
    true
}

/// Names the node by affinity; the scheduler does the rest (`util.ReplaceDaemonSetPodNodeNameNodeAffinity`).
fn bind_to(spec: &mut PodSpec, node: &str) {
    if !spec.affinity.is_object() {
        spec.affinity = json!({});
    }
    if !spec.affinity["nodeAffinity"].is_object() {
        spec.affinity["nodeAffinity"] = json!({});
    }
    let field = json!({"key": "metadata.name", "operator": "In", "values": [node]});
    spec.affinity["nodeAffinity"][REQUIRED] = json!({"nodeSelectorTerms": [{"matchFields": [field]}]});
}

/// The Pods by the node that they run on or were made for.
fn by_node(world: &World, object: &ObjectRef) -> BTreeMap<String, Vec<Arc<Pod>>> {
    let mut by_node: BTreeMap<String, Vec<Arc<Pod>>> = BTreeMap::new();
    for pod in world.pods_of(object) {
        let named = named_nodes(&pod.spec).and_then(|nodes| nodes.first().map(|node| (*node).to_string()));
        let node = if pod.spec.node_name.is_empty() { named.unwrap_or_default() } else { pod.spec.node_name.clone() };
        by_node.entry(node).or_default().push(pod);
    }
    by_node
}

fn is_updated(pod: &Pod, hash: &str) -> bool {
    pod.metadata.labels.get(REVISION).is_some_and(|of| of == hash)
}

/// maxSurge and maxUnavailable, both rounded up; not both none.
fn pace(set: &DaemonSet, wished: usize) -> (usize, usize) {
    let pace = set.spec.update_strategy.rolling_update.as_ref();
    let wished = i32::try_from(wished).unwrap_or(i32::MAX);
    let count = |value: Option<&IntOrString>, usual: i32| {
        let resolved = value.map_or(usual, |value| resolve(Some(value), wished, 99));
        usize::try_from(resolved).unwrap_or(0)
    };
    let surge = count(pace.and_then(|pace| pace.max_surge.as_ref()), 0);
    let unavailable = count(pace.and_then(|pace| pace.max_unavailable.as_ref()), 1);
    if surge == 0 { (0, unavailable.max(1)) } else { (surge, unavailable) }
}

/// Replaces Pods of an old template, as far as the pace allows (`rollingUpdate`).
fn update(world: &mut World, set: &DaemonSet, object: &ObjectRef, hash: &str, wished: &[String]) {
    let (surge, unavailable) = pace(set, wished.len());
    let nodes = by_node(world, object);
    let (mut delete_now, mut may_delete, mut make_now, mut may_make) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut missing, mut surging) = (wished.iter().filter(|node| !nodes.contains_key(*node)).count(), 0);
    for (node, pods) in &nodes {
        let active = || pods.iter().filter(|pod| is_active(pod));
        let new = active().find(|pod| is_updated(pod, hash));
        let old = active().find(|pod| !is_updated(pod, hash));
        let available = |pod: &Arc<Pod>| is_available(world, pod, set.spec.min_ready_seconds);
        match (new, old) {
            (Some(new), Some(old)) if surge > 0 && available(new) => delete_now.push(old.clone()),
            (Some(_), Some(_)) => (missing, surging) = (missing + 1, surging + 1),
            (Some(new), None) => missing += usize::from(!available(new)),
            (None, None) => missing += 1,
            (None, Some(old)) if surge > 0 && !wished.contains(node) => delete_now.push(old.clone()),
            (None, Some(old)) if surge > 0 && !available(old) => make_now.push(node),
            (None, Some(_)) if surge > 0 => may_make.push(node),
            (None, Some(old)) if !available(old) => {
                missing += 1;
                delete_now.push(old.clone());
            }
            (None, Some(old)) => may_delete.push(old.clone()),
        }
    }
    may_delete.truncate(unavailable.saturating_sub(missing));
    may_make.truncate(surge.saturating_sub(surging));
    for pod in delete_now.iter().chain(&may_delete) {
        delete(world, COMPONENT, object, pod);
    }
    for node in make_now.into_iter().chain(may_make) {
        if !make(world, set, object, hash, node) {
            break;
        }
    }
}

fn report(world: &mut World, set: &DaemonSet, object: &ObjectRef, hash: &str, wished: &[String]) {
    // Of each node the oldest Pod counts alone, Terminating or not (`updateDaemonSetStatus`).
    let mut nodes = by_node(world, object);
    nodes.values_mut().for_each(|pods| pods.retain(|pod| pod.metadata.deletion_timestamp.is_none() || !has_ended(pod)));
    nodes.retain(|_, pods| !pods.is_empty());
    let age = |pod: &&Arc<Pod>| {
        let meta = &pod.metadata;
        (pod.spec.node_name.is_empty(), meta.creation_timestamp.as_deref().and_then(seconds_of), meta.name.clone())
    };
    let oldest: Vec<&Arc<Pod>> = wished.iter().filter_map(|node| nodes.get(node)?.iter().min_by_key(age)).collect();
    let count = |holds: &dyn Fn(&Pod) -> bool| i32::try_from(oldest.iter().filter(|pod| holds(pod)).count()).unwrap_or(i32::MAX);
    let elsewhere = nodes.keys().filter(|node| !wished.contains(node) && world.cluster.store.get::<Node>("", node).is_some());
    let status = DaemonSetStatus {
        current_number_scheduled: count(&|_| true),
        number_misscheduled: i32::try_from(elsewhere.count()).unwrap_or(i32::MAX),
        desired_number_scheduled: i32::try_from(wished.len()).unwrap_or(i32::MAX),
        number_ready: count(&is_ready),
        updated_number_scheduled: count(&|pod| is_updated(pod, hash)),
        number_available: count(&|pod| is_available(world, pod, set.spec.min_ready_seconds)),
        observed_generation: set.metadata.generation,
    };
    if status != set.status {
        let mut next = set.clone();
        next.status = status;
        world.put_status(next);
    }
}
