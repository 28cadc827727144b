//! Runs each node's kubelet over the Pods that wait for it: starts them, asks them again, ends them.
//!
//! Imitates `pkg/kubelet/kubelet.go`'s `SyncPod` and `SyncTerminatingPod`, by what they leave behind in the API.

use super::dump::keeps_its_settings;
use super::events;
use super::world::{Key, World};
use crate::api::core::{Container, Node, Pod, Probe, Service};
use crate::api::time::timestamp;
use crate::api::{Kind, ObjectRef};
use crate::cluster::Verb;
use crate::msg;
use crate::netfilter::Cidr;
use crate::node::images::{self, Listener};
use crate::node::kubelet::{Place, ProbeFailure, Standing, config_error, free_address, is_ready, probe_failure, report, waiting};
use crate::node::volumes::{self, Missing};
use crate::random::{Random, Seed, stable_hash};
use serde_json::Value;
use std::sync::Arc;

/// Above so many Pods their everyday Events are left out, as a busy recorder drops them.
const EVENTFUL: usize = 1000;

/// Starts Pods that wait, and asks those again that may have changed. Ending ones stay for [`end`].
pub(crate) fn run(world: &mut World) {
    let mut ending = Vec::new();
    for key in std::mem::take(&mut world.queue.kubelet) {
        let Some(pod) = world.cluster.store.pods.get(&key).cloned() else { continue };
        if pod.metadata.deletion_timestamp.is_some() {
            ending.push(key);
        } else {
            sync(world, &pod);
        }
    }
    world.queue.kubelet.extend(ending);
}

/// Ends Pods that are Terminating, where their node still runs.
pub(crate) fn end(world: &mut World) {
    for key in std::mem::take(&mut world.queue.kubelet) {
        let Some(pod) = world.cluster.store.pods.get(&key).cloned() else { continue };
        let node = &pod.spec.node_name;
        if pod.metadata.deletion_timestamp.is_none() || !world.cluster.is_up(node) || !acknowledges(world, node) {
            continue;
        }
        let component = format!("kubelet/{node}");
        world.note(
            &component,
            Verb::Delete,
            ObjectRef::of(pod.as_ref()),
            msg!("change.ended", pod = pod.metadata.name, node = node),
        );
        world.remove_pod(&key);
    }
}

/// A node that the API server does not hear of ends nothing; one that is gone altogether is cleaned up by pod garbage collection.
fn acknowledges(world: &World, node: &str) -> bool {
    world.cluster.store.get::<Node>("", node).is_none_or(super::controller_manager::node_lifecycle::is_ready)
}

fn sync(world: &mut World, pod: &Pod) {
    let Some(node) = world.cluster.store.get::<Node>("", &pod.spec.node_name).cloned() else { return };
    let name = &node.metadata.name;
    if !world.cluster.is_up(name) || matches!(pod.status.phase.as_str(), "Succeeded" | "Failed") {
        return;
    }
    let lacking = lacking(world, pod);
    let Some(place) = place(world, pod, &node, lacking.is_empty()) else { return };
    let standings = if lacking.is_empty() { standings(world, pod, &place.pod_ip) } else { creating(world, pod, &lacking) };
    let status = report(pod, &place, &standings);
    if status == pod.status {
        return;
    }
    let mut next = pod.clone();
    next.status = status;
    if pod.status.pod_ip.is_empty() || pod.status.phase == "Pending" {
        // Its containers start now: they get the variables of the Services that are there.
        next.metadata.since = world.cluster.steps;
    }
    let component = format!("kubelet/{name}");
    let object = ObjectRef::of(pod);
    if is_new(pod) && lacking.is_empty() {
        let message = msg!("change.start", pod = pod.metadata.name, node = name, ip = place.pod_ip);
        world.note(&component, Verb::Start, object.clone(), message);
        record_start(world, pod, &standings);
    }
    match (is_ready(pod), is_ready(&next)) {
        (false, true) => {
            world.note(&component, Verb::Ready, object, msg!("change.ready", pod = pod.metadata.name));
        }
        (true, false) => {
            world.note(&component, Verb::Unready, object, msg!("change.unready", pod = pod.metadata.name));
        }
        (false, false) if is_new(pod) => {
            world.note(&component, Verb::Unready, object, msg!("change.notReadyYet", pod = pod.metadata.name));
        }
        _ => {}
    }
    world.put_pod(next);
    // Asked and answered: it waits for a change from outside now.
    world.queue.kubelet.remove(&super::world::key_of(&pod.metadata));
}

/// No container of it has been made yet.
fn is_new(pod: &Pod) -> bool {
    pod.status.pod_ip.is_empty()
        || waiting(pod).is_some_and(|(_, reason)| matches!(reason, "ContainerCreating" | "PodInitializing"))
}

/// The volumes that a Pod still waits for. What is mounted stays, whatever becomes of the ConfigMap.
fn lacking(world: &World, pod: &Pod) -> Vec<Missing> {
    if pod.spec.volumes.is_empty() || !is_new(pod) || keeps_its_settings(world, pod) {
        return Vec::new();
    }
    volumes::missing(pod, &world.cluster.store, &|name| made_elsewhere(world, name))
}

/// Whether a document of a kind that is not played names the object, and so may make it: a Certificate, a SealedSecret, a Job.
fn made_elsewhere(world: &World, name: &str) -> bool {
    fn names(value: &Value, name: &str) -> bool {
        match value {
            Value::String(text) => text.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('=')),
            Value::Array(items) => items.iter().any(|item| names(item, name)),
            Value::Object(fields) => fields.values().any(|field| names(field, name)),
            _ => false,
        }
    }
    let documents = world.cluster.manifests.documents.iter();
    { documents }.any(|document| Kind::find(&document.api_version, &document.kind).is_none() && names(&document.value, name))
}

/// Every container waits for the Pod's volumes; the kubelet says why.
fn creating(world: &mut World, pod: &Pod, lacking: &[Missing]) -> Vec<Standing> {
    for missing in lacking {
        let text = format!("MountVolume.SetUp failed for volume \"{}\" : {}", missing.volume, missing.why);
        record_once(world, pod, "FailedMount", &text);
    }
    let initialized = pod.spec.init_containers.is_empty();
    let reason = if initialized { "ContainerCreating" } else { "PodInitializing" };
    pod.spec.containers.iter().map(|_| Standing::Waiting(reason, String::new(), 0)).collect()
}

fn place(world: &World, pod: &Pod, node: &Node, mounted: bool) -> Option<Place> {
    let host_ip = internal_ip(node);
    let pod_ip = if pod.spec.host_network == Some(true) {
        host_ip.clone()
    } else if !pod.status.pod_ip.is_empty() {
        pod.status.pod_ip.clone()
    } else if !mounted {
        // The network is made after the volumes.
        String::new()
    } else {
        let range: Cidr = node.spec.pod_cidr.parse().ok()?;
        let life = world.life_of(&ObjectRef::of(pod));
        free_address(range, (&pod.metadata.namespace, &pod.metadata.name), life, &world.pod_addresses)?.to_string()
    };
    Some(Place { host_ip, pod_ip, now: world.timestamp() })
}

/// A node's address inside the cluster.
pub(crate) fn internal_ip(node: &Node) -> String {
    let address = node.status.addresses.iter().find(|address| address.type_ == "InternalIP");
    address.map(|address| address.address.clone()).unwrap_or_default()
}

fn standings(world: &mut World, pod: &Pod, ip: &str) -> Vec<Standing> {
    let probed = |c: &Container| c.readiness_probe.is_some() || c.liveness_probe.is_some() || c.startup_probe.is_some();
    let listeners: Vec<Listener> = if pod.spec.containers.iter().any(probed) {
        images::listens(pod, world.cluster.store.in_namespace::<Service>(&pod.metadata.namespace))
    } else {
        Vec::new()
    };
    let key = (pod.metadata.namespace.clone(), pod.metadata.name.clone());
    let by_hand = world.cluster.unready.contains(&key);
    let containers = pod.spec.containers.iter().enumerate();
    containers
        .map(|(index, container)| match standing(world, pod, container, ip, &listeners) {
            Standing::Running(true) => Standing::Running(!(by_hand && index == 0)),
            other => other,
        })
        .collect()
}

fn standing(world: &mut World, pod: &Pod, container: &Container, ip: &str, listeners: &[Listener]) -> Standing {
    let error = config_error(pod, container, &world.cluster.store);
    if let Some(message) = error.filter(|_| !keeps_its_settings(world, pod)) {
        record_once(world, pod, "Failed", &format!("Error: {message}"));
        return Standing::Waiting("CreateContainerConfigError", message, 0);
    }
    let failure = |probe: &Option<Probe>| probe.as_ref().and_then(|probe| probe_failure(probe, container, ip, listeners));
    // While the startup probe has not succeeded, the others are not asked.
    let startup = failure(&container.startup_probe);
    let liveness = if startup.is_none() { failure(&container.liveness_probe) } else { None };
    for (kind, failed) in [("Startup", &startup), ("Liveness", &liveness)] {
        let Some(why) = failed else { continue };
        record_once(world, pod, "Unhealthy", &unhealthy(kind, why));
        if matches!(why, ProbeFailure::Failed(_)) {
            return crash_loop(world, pod, container, kind);
        }
    }
    let readiness = if startup.is_none() { failure(&container.readiness_probe) } else { None };
    if let Some(why) = &readiness {
        record_once(world, pod, "Unhealthy", &unhealthy("Readiness", why));
    }
    Standing::Running(startup.is_none() && readiness.is_none())
}

/// What `prober.go` records.
fn unhealthy(kind: &str, why: &ProbeFailure) -> String {
    match why {
        ProbeFailure::Failed(why) => format!("{kind} probe failed: {why}"),
        ProbeFailure::Errored(why) => format!("{kind} probe errored and resulted in unknown state: {why}"),
    }
}

/// A container that is killed again and again for a failing probe, with the kubelet's Events.
fn crash_loop(world: &mut World, pod: &Pod, container: &Container, kind: &str) -> Standing {
    let (name, meta, node) = (&container.name, &pod.metadata, &pod.spec.node_name);
    let full_name = format!("{}_{}({})", meta.name, meta.namespace, meta.uid);
    let killed = format!("Container {name} failed {} probe, will be restarted", kind.to_lowercase());
    events::record(world, &ObjectRef::of(pod), ("kubelet", node), ("Normal", "Killing"), &killed);
    record_once(world, pod, "BackOff", &format!("Back-off restarting failed container {name} in pod {full_name}"));
    let message = format!("back-off 5m0s restarting failed container={name} pod={full_name}");
    Standing::Waiting("CrashLoopBackOff", message, RESTARTS)
}

/// Restarts of a container that fails its liveness probe, when its back-off has reached five minutes: 10 s doubled five times.
const RESTARTS: i32 = 6;

fn record_once(world: &mut World, pod: &Pod, reason: &str, message: &str) {
    let node = pod.spec.node_name.clone();
    events::record(world, &ObjectRef::of(pod), ("kubelet", &node), ("Warning", reason), message);
}

fn record_start(world: &mut World, pod: &Pod, standings: &[Standing]) {
    if world.cluster.store.pods.len() > EVENTFUL {
        return;
    }
    let (object, node) = (ObjectRef::of(pod), pod.spec.node_name.clone());
    for (container, standing) in pod.spec.containers.iter().zip(standings) {
        let image = &container.image;
        let pulled = if container.image_pull_policy == "Always" {
            let pulling = format!("Pulling image \"{image}\"");
            events::record(world, &object, ("kubelet", &node), ("Normal", "Pulling"), &pulling);
            pulled(image)
        } else {
            format!("Container image \"{image}\" already present on machine and can be accessed by the pod")
        };
        events::record(world, &object, ("kubelet", &node), ("Normal", "Pulled"), &pulled);
        if !matches!(standing, Standing::Waiting("CreateContainerConfigError", ..)) {
            events::record(world, &object, ("kubelet", &node), ("Normal", "Created"), "Container created");
            events::record(world, &object, ("kubelet", &node), ("Normal", "Started"), "Container started");
        }
    }
}

/// What `image_manager.go` says of a pull. How long one takes and how large the image is come from a hash of its name.
fn pulled(image: &str) -> String {
    let mut random = Random::new(Seed(stable_hash(image)));
    let (time, size) = (400 + random.below(599), 5_000_000 + random.below(120_000_000));
    format!("Successfully pulled image \"{image}\" in {time}ms ({time}ms including waiting). Image size: {size} bytes.")
}

/// Marks a Pod Terminating, as a delete call does; one without a node goes at once.
pub(crate) fn terminate(world: &mut World, pod: &Arc<Pod>, component: &str) {
    if pod.metadata.deletion_timestamp.is_some() {
        return;
    }
    let key: Key = super::world::key_of(&pod.metadata);
    let object = ObjectRef::of(pod.as_ref());
    world.note(component, Verb::Terminate, object.clone(), msg!("change.terminate", pod = pod.metadata.name));
    if pod.spec.node_name.is_empty() {
        world.remove_pod(&key);
        return;
    }
    if world.cluster.store.pods.len() <= EVENTFUL && world.cluster.is_up(&pod.spec.node_name) {
        for container in &pod.spec.containers {
            let text = format!("Stopping container {}", container.name);
            events::record(world, &object, ("kubelet", &pod.spec.node_name), ("Normal", "Killing"), &text);
        }
    }
    let mut going = pod.as_ref().clone();
    // `BeforeDelete` of k8s.io/apiserver pkg/registry/rest/delete.go, with the grace of the Pod's strategy.
    let grace = pod.spec.termination_grace_period_seconds.unwrap_or(30).max(0);
    let ends = world.cluster.clock().saturating_add(u64::try_from(grace).unwrap_or(0));
    going.metadata.deletion_timestamp = Some(timestamp(ends));
    going.metadata.deletion_grace_period_seconds = Some(grace);
    world.put_pod(going);
}
