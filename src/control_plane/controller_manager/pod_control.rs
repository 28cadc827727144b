//! What the controllers of Pods share: making one from a template, counting, choosing which to delete.
//!
//! Imitates `pkg/controller/controller_utils.go` (`GetPodFromTemplate`, `ActivePodsWithRanks`). Leaves out bursts, expectations
//! and the annotation for the cost of deletion.

use super::awaited;
use crate::api::core::{Pod, PodSpec, PodTemplateSpec};
use crate::api::time::seconds_of;
use crate::api::{Kind, ObjectMeta, ObjectRef};
use crate::cluster::{Change, Verb, Workload};
use crate::control_plane::apiserver::{app_armor, default_toleration_seconds};
use crate::control_plane::names::template_hash;
use crate::control_plane::registry::forget_defaults;
use crate::control_plane::world::{World, reference};
use crate::control_plane::{events, kubelets};
use crate::msg;
use crate::node::kubelet::is_ready;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A Pod as its template wants it, owned by its controller, without a name.
pub(crate) fn from_template(template: &PodTemplateSpec, kind: Kind, owner: &ObjectMeta) -> Pod {
    let mut pod = Pod { spec: template.spec.clone(), ..Pod::default() };
    pod.metadata.namespace.clone_from(&owner.namespace);
    pod.metadata.labels.clone_from(&template.metadata.labels);
    pod.metadata.annotations.clone_from(&template.metadata.annotations);
    pod.metadata.owner_references = vec![reference(kind, owner)];
    // A default that Pods have and templates have not (`SetDefaults_Pod`).
    pod.spec.enable_service_links.get_or_insert(true);
    forget_defaults(&mut pod.spec);
    app_armor::sync(&mut pod);
    pod.status.phase = "Pending".into();
    pod
}

/// Creates a Pod and says so.
pub(crate) fn create(world: &mut World, component: &str, owner: &ObjectRef, mut pod: Pod) {
    default_toleration_seconds::admit(&mut pod.spec.tolerations);
    let object = ObjectRef::of(&pod);
    let message = msg!("change.createPod", pod = object.name, kind = owner.kind, owner = owner.name);
    world.note(component, Verb::Create, object.clone(), message);
    let text = format!("Created pod: {}", object.name);
    events::record(world, owner, (component, ""), ("Normal", "SuccessfulCreate"), &text);
    world.put_pod(pod);
}

/// The API server's refusal of a Pod that its controller is about to make. The controller says so, `before` its own words, and
/// tries again, ever more rarely.
pub(super) fn forbidden(world: &mut World, component: &str, owner: &ObjectRef, before: &str, pod: &Pod) -> Option<String> {
    let meta = &pod.metadata;
    let lack = world.cluster.lacks(&meta.namespace, &pod.spec, None)?;
    // A name is made after admission: until then there is only its beginning.
    let refusal = lack.forbids(if meta.name.is_empty() { &meta.generate_name } else { &meta.name });
    let (who, what, text) = ((component, ""), ("Warning", "FailedCreate"), format!("{before}{refusal}"));
    let total = tries(events::age(world, owner, who, what, &text));
    events::reach(world, owner, who, what, &text, total);
    Some(refusal)
}

/// How often a controller has tried in so many seconds: 5 ms after the first time, then after twice as long each time, up to 1000 s
/// (`DefaultTypedControllerRateLimiter` of `client-go/util/workqueue`).
fn tries(seconds: i64) -> i64 {
    let (mut left, mut wait, mut tried) = (seconds.saturating_mul(1000), 5i64, 1i64);
    while wait < 1_000_000 {
        if left < wait {
            return tried;
        }
        (left, wait, tried) = (left - wait, wait * 2, tried + 1);
    }
    tried + left / 1_000_000
}

/// The controllers of Pods whose namespace and template are so.
pub(crate) fn makers(world: &World, are: impl Fn(&str, &PodSpec) -> bool) -> Vec<ObjectRef> {
    // A Deployment's Pods are made by its ReplicaSets.
    let makers = world.cluster.store.workloads().filter(|own| own.kind != Kind::Deployment);
    makers.filter(|own| are(&own.meta.namespace, &own.template.spec)).map(|own| own.object()).collect()
}

/// Of the Pods of one controller, so many that a kubelet refuses are enough to see it.
pub(super) const MOST_REJECTED: usize = 5;

/// Whether its kubelet has refused the Pod.
pub(super) fn was_rejected(pod: &Pod) -> bool {
    pod.status.message.starts_with("Pod was rejected")
}

/// Says once that no more Pods are made of a controller whose Pods are refused.
pub(super) fn leave_rejected(world: &mut World, component: &str, object: &ObjectRef, count: usize) {
    let told = |change: &Change| change.message.id == "change.rejectedAgain" && change.object == *object;
    if !world.changes.iter().any(told) {
        let message = msg!("change.rejectedAgain", set = object.name, count = count);
        world.note(component, Verb::Notice, object.clone(), message);
    }
}

/// Deletes a Pod of a controller and says so.
pub(crate) fn delete(world: &mut World, component: &str, owner: &ObjectRef, pod: &Arc<Pod>) {
    let text = format!("Deleted pod: {}", pod.metadata.name);
    events::record(world, owner, (component, ""), ("Normal", "SuccessfulDelete"), &text);
    kubelets::terminate(world, pod, component);
}

/// The template's hash: of all that the learner wrote in it, played or not.
pub(super) fn hash_of(world: &World, template: &PodTemplateSpec, object: &ObjectRef) -> String {
    // As written: defaults of what a volume or an image's pull says are not hashed.
    let mut template = template.clone();
    template.spec.volumes.clear();
    template.spec.resource_claims.clear();
    template.spec.security_context = serde_json::Value::Null;
    forget_defaults(&mut template.spec);
    for container in template.spec.init_containers.iter_mut().chain(&mut template.spec.containers) {
        container.image_pull_policy.clear();
        container.volume_mounts.clear();
        let written = [&mut container.security_context, &mut container.resources, &mut container.lifecycle];
        written.into_iter().for_each(|value| *value = serde_json::Value::Null);
    }
    let mut text = serde_json::to_string(&template).unwrap_or_default();
    let written = world.cluster.origin(object).and_then(|manifest| manifest.value.pointer("/spec/template"));
    if let (Some(written), Ok(played)) = (written, serde_json::to_value(&template)) {
        leftovers(written, &played, &mut text);
    }
    template_hash(&text)
}

/// Appends what `written` has and `played` does not: fields that are valid but not played.
fn leftovers(written: &serde_json::Value, played: &serde_json::Value, out: &mut String) {
    use serde_json::Value;
    match (written, played) {
        (Value::Object(written), Value::Object(played)) => {
            for (name, value) in written {
                match played.get(name) {
                    Some(known) => leftovers(value, known, out),
                    None if is_empty(value) => {}
                    None => out.push_str(&format!("{name}={value};")),
                }
            }
        }
        (Value::Array(written), Value::Array(played)) => {
            written.iter().zip(played).for_each(|(written, played)| leftovers(written, played, out));
        }
        _ => {}
    }
}

fn is_empty(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
    }
}

/// Neither ended nor on its way out.
pub(crate) fn is_active(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none() && !matches!(pod.status.phase.as_str(), "Succeeded" | "Failed")
}

/// When a ready Pod counts as available (`podutil.IsPodAvailable`), on the cluster's clock; `None`: it is not ready.
fn available_at(pod: &Pod, min_ready_seconds: i32) -> Option<i64> {
    let ready = pod.status.conditions.iter().find(|own| own.type_ == "Ready" && own.status == "True")?;
    if min_ready_seconds <= 0 {
        return Some(0);
    }
    Some(seconds_of(ready.last_transition_time.as_deref()?)?.saturating_add(i64::from(min_ready_seconds)))
}

/// Ready for as long as its controller asks.
pub(crate) fn is_available(world: &World, pod: &Pod, min_ready_seconds: i32) -> bool {
    let now = i64::try_from(world.cluster.clock()).unwrap_or(i64::MAX);
    available_at(pod, min_ready_seconds).is_some_and(|at| at <= now)
}

/// Lets the time pass until the next ready Pod counts as available or the next probe is asked after its initial delay, not beyond
/// `end`, and wakes its controller or kubelet. Terminating Pods that their hooks hold end on the way, and are waited for where a workload
/// does. False: nobody waits for anything.
pub(crate) fn pass_time(world: &mut World, end: u64) -> bool {
    let available = next_available(world).filter(|(at, _)| *at <= end);
    let first = available.as_ref().map_or(end, |(at, _)| *at);
    let asked = kubelets::next_asked(world).filter(|(at, _)| *at <= first);
    // Whoever settles waits for readiness, and passes what ends on the way; whoever waits for a time passes all that ends by then.
    let passes = asked.as_ref().map(|(at, _)| *at).or(available.as_ref().map(|(at, _)| *at));
    let limit = passes.or((end < u64::MAX || awaited::any(world)).then_some(end));
    if let Some((at, pods)) = kubelets::next_end(world).filter(|(at, _)| limit.is_some_and(|limit| *at <= limit)) {
        world.cluster.now = at;
        world.queue.kubelet.extend(pods);
        return true;
    }
    if let Some((at, pods)) = asked {
        world.cluster.now = at;
        world.queue.kubelet.extend(pods);
        // What counts as available at the same moment is not to be passed over.
        let also = available.filter(|(first, _)| *first == at);
        world.queue.workloads.extend(also.into_iter().flat_map(|(_, owners)| owners));
        return true;
    }
    let Some((at, owners)) = available else { return false };
    world.cluster.now = at;
    world.queue.workloads.extend(owners);
    true
}

/// When the next ready Pods count as available, in virtual seconds, and whose they are.
pub(crate) fn next_available(world: &World) -> Option<(u64, BTreeSet<ObjectRef>)> {
    let waits = |own: &Workload| own.kind != Kind::Deployment && own.min_ready_seconds > 0;
    let mut next: Option<(u64, BTreeSet<ObjectRef>)> = None;
    for own in world.cluster.store.workloads().filter(waits) {
        let owner = own.object();
        for pod in world.pods_of(&owner) {
            let at =
                available_at(&pod, own.min_ready_seconds).and_then(|at| u64::try_from(at).ok()?.checked_sub(world.cluster.epoch));
            let Some(at) = at.filter(|at| *at > world.cluster.now && is_active(&pod)) else { continue };
            match &mut next {
                Some((first, _)) if at > *first => {}
                Some((first, owners)) if at == *first => drop(owners.insert(owner.clone())),
                _ => next = Some((at, BTreeSet::from([owner.clone()]))),
            }
        }
    }
    next
}

/// The Pods in the order in which a scale-down deletes them: unscheduled, pending, unready, doubled up on a node, newest first.
pub(crate) fn deletion_order(mut pods: Vec<Arc<Pod>>) -> Vec<Arc<Pod>> {
    let mut on_node: BTreeMap<String, u32> = BTreeMap::new();
    for pod in &pods {
        *on_node.entry(pod.spec.node_name.clone()).or_default() += 1;
    }
    let phase = |pod: &Pod| match pod.status.phase.as_str() {
        "Pending" => 0,
        "Running" => 2,
        _ => 1,
    };
    let rank = |pod: &Arc<Pod>| {
        let crowded = std::cmp::Reverse(on_node.get(&pod.spec.node_name).copied().unwrap_or(0));
        (!pod.spec.node_name.is_empty(), phase(pod), is_ready(pod), crowded)
    };
    let made = |pod: &Arc<Pod>| pod.metadata.creation_timestamp.clone();
    pods.sort_by(|a, b| rank(a).cmp(&rank(b)).then(made(b).cmp(&made(a))).then(a.metadata.name.cmp(&b.metadata.name)));
    pods
}
