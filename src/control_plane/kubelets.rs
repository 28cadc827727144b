//! Runs each node's kubelet over the Pods that wait for it: starts them, asks them again, ends them.
//!
//! Imitates `pkg/kubelet/kubelet.go`'s `SyncPod` and `SyncTerminatingPod`, by what they leave behind in the API.

mod admission;
mod ending;
mod init;
mod killed;
mod mounts;

use super::dump::{keeps_its_settings, neighbourhood};
use super::events;
use super::world::{Key, World};
use crate::addons::coredns::resolver::ResolvConf;
use crate::api::ObjectRef;
use crate::api::core::{Container, ContainerStatus, Node, Pod, Probe};
use crate::api::time::seconds_of;
use crate::cluster::{Verb, Written, dns_service};
use crate::msg;
use crate::netfilter::Cidr;
use crate::node::image_name;
use crate::node::images::{self, End, Listener, start_error, timed};
use crate::node::kubelet::{
    Place, ProbeFailure, Standing, config_error, free_address, has_done_its_part, has_ended, hook_failure, is_ready,
    probe_delays, probe_failure, redefined, report, running_since, waiting,
};
use crate::node::security_context::breach;
use crate::random::{Random, Seed, stable_hash};
use std::sync::Arc;

pub(crate) use admission::next_deadline;
pub(crate) use ending::{end, next_end, next_shown, terminate};
pub(crate) use killed::next_turn;
use killed::{alike, crashing, lasting, restarting, unhooked};
pub(super) use mounts::missing_claim;
use mounts::{creating, lacking, made_elsewhere};

/// Above so many Pods their everyday Events are left out, as a busy recorder drops them.
const EVENTFUL: usize = 1000;

/// Starts Pods that wait, and asks those again that may have changed. Ending ones stay for [`ending::end`].
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

/// Whether Pods that wait for their kubelet are Terminating.
pub(crate) fn leave(world: &World) -> bool {
    let mut pods = world.queue.kubelet.iter().filter_map(|key| world.cluster.store.pods.get(key));
    pods.any(|pod| pod.metadata.deletion_timestamp.is_some())
}

fn sync(world: &mut World, pod: &Pod) {
    let Some(node) = world.cluster.store.get::<Node>("", &pod.spec.node_name).cloned() else { return };
    let name = &node.metadata.name;
    if !world.cluster.is_up(name) || has_ended(pod) {
        return;
    }
    if admission::overdue(world, pod) || admission::reject(world, pod, &node) {
        return;
    }
    let lacking = lacking(world, pod);
    let Some(place) = place(world, pod, &node, lacking.is_empty()) else { return };
    let (inits, standings) =
        if lacking.is_empty() { standings(world, pod, &place.pod_ip) } else { creating(world, pod, &lacking) };
    let status = report(pod, &place, &inits, &standings);
    if status == pod.status {
        return;
    }
    let mut next = pod.clone();
    next.status = status;
    let component = format!("kubelet/{name}");
    let object = ObjectRef::of(pod);
    if is_new(pod) && lacking.is_empty() {
        let started = pod.status.conditions.iter().any(|own| own.type_ == "PodReadyToStartContainers" && own.status == "True");
        if !started {
            let message = msg!("change.start", pod = pod.metadata.name, node = name, ip = place.pod_ip);
            world.note(&component, Verb::Start, object.clone(), message);
        }
        record_start(world, pod, &inits, &standings);
        if is_ready(&next) {
            world.keep(&object, Written::Pod(Some(Arc::new(not_yet_ready(&next, &place, &inits, &standings)))));
        }
    }
    restart_redefined(world, pod);
    match (is_ready(pod), is_ready(&next)) {
        (false, true) => {
            world.note(&component, Verb::Ready, object, msg!("change.ready", pod = pod.metadata.name));
        }
        (true, false) => {
            world.note(&component, Verb::Unready, object, msg!("change.unready", pod = pod.metadata.name));
        }
        (false, false) if is_new(pod) => {
            let name = &pod.metadata.name;
            let message = match waiting(&next) {
                Some((_, reason)) => msg!("change.notRunning", pod = name, reason = reason),
                None => msg!("change.notReadyYet", pod = name),
            };
            world.note(&component, Verb::Unready, object, message);
        }
        _ => {}
    }
    world.put_pod(next);
    // Asked and answered: it waits for a change from outside now.
    world.queue.kubelet.remove(&super::world::key_of(&pod.metadata));
}

/// A Pod between its start and its readiness, which its kubelet reports together: the containers run, no probe was asked yet.
fn not_yet_ready(next: &Pod, place: &Place, inits: &[Standing], standings: &[Standing]) -> Pod {
    let unasked = |standing: &Standing| match standing {
        Standing::Running(_) => Standing::Running(false),
        other => other.clone(),
    };
    let standings: Vec<Standing> = standings.iter().map(unasked).collect();
    Pod { status: report(next, place, inits, &standings), ..next.clone() }
}

/// Says which containers are started again because the Pod defines them with another image now.
fn restart_redefined(world: &mut World, pod: &Pod) {
    let changed: Vec<&Container> = pod.spec.containers.iter().filter(|container| redefined(pod, container).is_some()).collect();
    for container in &changed {
        let (name, image) = (&container.name, &container.image);
        let message = msg!("change.redefined", pod = pod.metadata.name, container = name, image = image);
        world.note(&format!("kubelet/{}", pod.spec.node_name), Verb::Start, ObjectRef::of(pod), message);
        let killing = format!("Container {name} definition changed, will be restarted");
        for (reason, text) in std::iter::once(("Killing", killing)).chain(started(container)) {
            events::record(world, &ObjectRef::of(pod), ("kubelet", &pod.spec.node_name), (weight(reason), reason), &text);
        }
    }
}

/// No container of it has been made yet.
fn is_new(pod: &Pod) -> bool {
    pod.status.pod_ip.is_empty()
        || waiting(pod).is_some_and(|(_, reason)| matches!(reason, "ContainerCreating" | "PodInitializing"))
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
        let (who, life) = ((&*pod.metadata.namespace, &*pod.metadata.name), world.life_of(&ObjectRef::of(pod)));
        let own: Option<Cidr> = node.spec.pod_cidr.parse().ok();
        let found = match own {
            Some(range) => free_address(range, who, life, &world.pod_addresses),
            None => neighbourhood(world, node).and_then(|(range, taken)| free_address(range, who, life, &taken)),
        };
        found?.to_string()
    };
    Some(Place { host_ip, pod_ip, now: world.timestamp(), steps: world.cluster.steps, mounted })
}

/// A node's address inside the cluster.
pub(crate) fn internal_ip(node: &Node) -> String {
    let address = node.status.addresses.iter().find(|address| address.type_ == "InternalIP");
    address.map(|address| address.address.clone()).unwrap_or_default()
}

/// How the containers of a Pod stand: init containers, and the others, which wait for those.
fn standings(world: &mut World, pod: &Pod, ip: &str) -> (Vec<Standing>, Vec<Standing>) {
    let probed = |c: &Container| {
        !c.lifecycle.is_null() || c.readiness_probe.is_some() || c.liveness_probe.is_some() || c.startup_probe.is_some()
    };
    let listeners: Vec<Listener> = if pod.spec.containers.iter().chain(&pod.spec.init_containers).any(probed) {
        images::listens(pod, &world.cluster.store)
    } else {
        Vec::new()
    };
    let inits = init::standings(world, pod, ip, &listeners);
    let done = |(container, standing): (&Container, &Standing)| has_done_its_part(container, standing);
    if !pod.spec.init_containers.iter().zip(&inits).all(done) && !pod.status.container_statuses.iter().any(has_run) {
        let waiting = pod.spec.containers.iter().map(|_| Standing::Waiting("PodInitializing", String::new(), 0));
        return (inits, waiting.collect());
    }
    let key = (pod.metadata.namespace.clone(), pod.metadata.name.clone());
    let by_hand = world.cluster.unready.contains(&key);
    let containers = pod.spec.containers.iter().enumerate();
    let standings = containers.map(|(index, container)| match standing(world, pod, container, ip, &listeners) {
        Standing::Running(true) => Standing::Running(!(by_hand && index == 0)),
        Standing::Restarting(mut again) => {
            again.ready &= !(by_hand && index == 0);
            Standing::Restarting(again)
        }
        other => other,
    });
    (inits, standings.collect())
}

/// Whether a container has been started before.
fn has_run(status: &ContainerStatus) -> bool {
    status.state.running.is_some() || status.state.terminated.is_some() || status.last_state.terminated.is_some()
}

/// Why a container cannot be made: its image's name, or what its environment lacks.
fn unmade(world: &mut World, pod: &Pod, container: &Container) -> Option<Standing> {
    if keeps_its_settings(world, pod) {
        return None;
    }
    let age = age(world, pod);
    if let Some(fault) = image_name::fault(&container.image) {
        // `EnsureImageExists` of `pkg/kubelet/images/image_manager.go`.
        let image = &container.image;
        let message = format!("Failed to apply default image tag \"{image}\": couldn't parse image name \"{image}\": {fault}");
        warn(world, pod, "InspectFailed", &message, 1 + age / RETRY);
        warn(world, pod, "Failed", "Error: InvalidImageName", 1 + age / RETRY);
        return Some(Standing::Waiting("InvalidImageName", message, 0));
    }
    let message = config_error(pod, container, &world.cluster.store, &made_elsewhere(world, &pod.metadata.namespace))
        .or_else(|| Some(breach(pod, container)?.message))?;
    warn(world, pod, "Failed", &format!("Error: {message}"), 1 + age / RETRY);
    Some(Standing::Waiting("CreateContainerConfigError", message, 0))
}

fn standing(world: &mut World, pod: &Pod, container: &Container, ip: &str, listeners: &[Listener]) -> Standing {
    if let Some(unmade) = unmade(world, pod, container) {
        return unmade;
    }
    if let Some(ended) = alike(world, pod, container).or_else(|| ends(world, pod, container)) {
        return ended;
    }
    let hooked = !container.lifecycle.is_null() && !keeps_its_settings(world, pod);
    if hooked && hook_failure((pod, container), ip, listeners) {
        return unhooked(world, pod, container);
    }
    let age = age(world, pod);
    let failure = |probe: &Option<Probe>| probe.as_ref().and_then(|probe| probe_failure(probe, (pod, container), ip, listeners));
    // While the startup probe has not succeeded, the others are not asked.
    let startup = failure(&container.startup_probe);
    let liveness = if startup.is_none() { failure(&container.liveness_probe) } else { None };
    let readiness = if startup.is_none() { failure(&container.readiness_probe) } else { None };
    for (kind, failed, probe) in
        [("Startup", &startup, &container.startup_probe), ("Liveness", &liveness, &container.liveness_probe)]
    {
        let (Some(why), Some(probe)) = (failed, probe) else { continue };
        if matches!(why, ProbeFailure::Failed(_)) {
            return restarting(world, pod, container, (kind, why, probe), readiness.is_none());
        }
        warn(world, pod, "Unhealthy", &unhealthy(kind, why), asked(probe, age));
    }
    let (starts, ready) = if keeps_its_settings(world, pod) { (0, 0) } else { probe_delays(container) };
    let runs = running_since(pod, container).and_then(seconds_of).map_or(0, |since| clock(world).saturating_sub(since));
    if startup.is_some() || runs < starts {
        return Standing::Starting;
    }
    let delay = container.readiness_probe.as_ref().map_or(0, |probe| i64::from(probe.initial_delay_seconds));
    if let (Some(why), Some(probe)) = (readiness.as_ref().filter(|_| runs >= delay), &container.readiness_probe) {
        warn(world, pod, "Unhealthy", &unhealthy("Readiness", why), asked(probe, age));
    }
    Standing::Running(readiness.is_none() && runs >= ready)
}

/// A container whose program surely ends: what becomes of it is its restart policy's choice.
fn ends(world: &mut World, pod: &Pod, container: &Container) -> Option<Standing> {
    if keeps_its_settings(world, pod) {
        return None;
    }
    let End { code, after, .. } = images::end(pod, container, &world.cluster.store)?;
    let stays = container.is_sidecar() || !matches!((pod.spec.restart_policy.as_str(), code), ("Never", _) | ("OnFailure", 0));
    if after > 0 {
        return lasting(world, pod, container, (code, after), stays);
    }
    Some(if stays { crashing(world, pod, container, code) } else { Standing::Ended(code) })
}

/// When the next containers are asked by a probe that waited for its initial delay, in virtual seconds, and whose they are.
pub(crate) fn next_asked(world: &World) -> Option<(u64, Vec<Key>)> {
    let mut next: Option<(u64, Vec<Key>)> = None;
    for (key, pod) in &world.cluster.store.pods {
        let active = pod.metadata.deletion_timestamp.is_none() && pod.status.phase == "Running" && !is_ready(pod);
        if !active || !world.cluster.is_up(&pod.spec.node_name) {
            continue;
        }
        for container in &pod.spec.containers {
            let (starts, ready) = probe_delays(container);
            let status = pod.status.container_statuses.iter().find(|status| status.name == container.name);
            let killed = |status: &ContainerStatus| status.last_state.terminated.as_ref().is_some_and(|end| end.exit_code != 0);
            let waits = ready > 0 && status.is_some_and(|status| !status.ready && !killed(status));
            let since = running_since(pod, container).and_then(seconds_of);
            let Some(since) = since.filter(|_| waits && !keeps_its_settings(world, pod)) else { continue };
            for delay in [starts, ready] {
                let at = u64::try_from(since.saturating_add(delay)).ok().and_then(|at| at.checked_sub(world.cluster.epoch));
                let Some(at) = at.filter(|at| *at > world.cluster.now) else { continue };
                match &mut next {
                    Some((first, keys)) if *first == at => keys.push(key.clone()),
                    Some((first, _)) if *first < at => {}
                    _ => next = Some((at, vec![key.clone()])),
                }
            }
        }
    }
    next
}

/// Seconds after which a Pod is tried again whose container could not be made: ten, and up to half as many more.
const RETRY: i64 = 12;

/// For how many seconds the kubelet has known the Pod.
fn age(world: &World, pod: &Pod) -> i64 {
    let since = pod.status.start_time.as_deref().and_then(seconds_of);
    since.map_or(0, |since| clock(world).saturating_sub(since)).max(0)
}

fn clock(world: &World) -> i64 {
    i64::try_from(world.cluster.clock()).unwrap_or(i64::MAX)
}

/// How often a probe has asked in so many seconds.
fn asked(probe: &Probe, seconds: i64) -> i64 {
    1 + (seconds - i64::from(probe.initial_delay_seconds)).max(0) / i64::from(probe.period_seconds.max(1))
}

/// What `prober.go` records.
fn unhealthy(kind: &str, why: &ProbeFailure) -> String {
    match why {
        ProbeFailure::Failed(why) => format!("{kind} probe failed: {why}"),
        ProbeFailure::Errored(why) => format!("{kind} probe errored and resulted in unknown state: {why}"),
    }
}

/// Pods that are not ready are looked at again when time has passed: their containers come and go, and their Events repeat.
pub(crate) fn look_again(world: &mut World) {
    let waits = |pod: &&Arc<Pod>| {
        let active = matches!(pod.status.phase.as_str(), "Pending" | "Running") && pod.metadata.deletion_timestamp.is_none();
        let again = || pod.status.container_statuses.iter().any(|status| status.last_state.terminated.is_some());
        active
            && !pod.spec.node_name.is_empty()
            && (!is_ready(pod) || again() || pod.spec.active_deadline_seconds.is_some() || ends_in_time(pod))
            && !keeps_its_settings(world, pod)
    };
    let keys: Vec<Key> = world.cluster.store.pods.values().filter(waits).map(|pod| super::world::key_of(&pod.metadata)).collect();
    world.queue.kubelet.extend(keys);
}

/// Whether a program of the Pod surely ends after a while.
fn ends_in_time(pod: &Pod) -> bool {
    pod.spec.containers.iter().any(|container| timed(container).is_some())
}

/// Programs that have ended while the time passed for others.
pub(crate) fn end_in_time(world: &mut World) {
    let pods = world.cluster.store.pods.iter().filter(|(_, pod)| pod.metadata.deletion_timestamp.is_none() && ends_in_time(pod));
    let keys: Vec<Key> = pods.map(|(key, _)| key.clone()).collect();
    world.queue.kubelet.extend(keys);
}

/// Init containers that wait for others try again when names or endpoints have changed.
pub(crate) fn wake_initializing(world: &mut World) {
    let waits = |pod: &&Arc<Pod>| {
        let runs = |status: &ContainerStatus| status.state.running.is_some();
        pod.status.phase == "Pending" && pod.status.init_container_statuses.iter().any(runs)
    };
    let keys: Vec<Key> = world.cluster.store.pods.values().filter(waits).map(|pod| super::world::key_of(&pod.metadata)).collect();
    world.queue.kubelet.extend(keys);
}

/// Says of a Pod, as its kubelet, what has been said so many times by now.
fn warn(world: &mut World, pod: &Pod, reason: &str, message: &str, total: i64) {
    events::reach(world, &ObjectRef::of(pod), ("kubelet", &pod.spec.node_name), ("Warning", reason), message, total);
}

fn say(world: &mut World, pod: &Pod, reason: &str, message: &str, total: i64) {
    events::reach(world, &ObjectRef::of(pod), ("kubelet", &pod.spec.node_name), (weight(reason), reason), message, total);
}

/// What the kubelet says of containers that it starts now.
fn record_start(world: &mut World, pod: &Pod, inits: &[Standing], standings: &[Standing]) {
    if world.cluster.store.pods.len() > EVENTFUL {
        return;
    }
    let (object, node) = (ObjectRef::of(pod), pod.spec.node_name.clone());
    if is_new(pod) && pod.spec.dns_config.is_some() {
        let dns = dns_service(&world.cluster.store.services).map(|own| own.spec.cluster_ip.clone()).unwrap_or_default();
        for text in ResolvConf::cuts(pod, &dns) {
            events::record(world, &object, ("kubelet", &node), ("Warning", "DNSConfigForming"), &text);
        }
    }
    let before = &pod.status.init_container_statuses;
    let fresh = |(container, _): &(&Container, &Standing)| !before.iter().any(|own| own.name == container.name && has_run(own));
    let inits = pod.spec.init_containers.iter().zip(inits).filter(fresh);
    for (container, standing) in inits.chain(pod.spec.containers.iter().zip(standings)) {
        let made = !matches!(standing, Standing::Waiting("CreateContainerConfigError", ..));
        let waits = matches!(standing, Standing::Waiting(reason, ..) if *reason != "CreateContainerConfigError");
        let said = if waits { Vec::new() } else { started(container) }.into_iter();
        for (reason, text) in said.filter(|(reason, _)| made || reason.starts_with("Pull")) {
            events::record(world, &object, ("kubelet", &node), (weight(reason), reason), &text);
            if let Standing::Restarting(again) = standing {
                say(world, pod, reason, &text, 1 + i64::from(again.restarts));
            }
        }
    }
}

/// What the kubelet says when it starts a container: reasons and texts.
fn started(container: &Container) -> Vec<(&'static str, String)> {
    let image = &container.image;
    let mut said = match container.image_pull_policy.as_str() {
        "Always" => vec![("Pulling", format!("Pulling image \"{image}\"")), ("Pulled", pulled(image))],
        _ => vec![("Pulled", format!("Container image \"{image}\" already present on machine and can be accessed by the pod"))],
    };
    said.push(("Created", "Container created".into()));
    said.push(match start_error(container) {
        Some(error) => ("Failed", format!("Error: {error}")),
        None => ("Started", "Container started".into()),
    });
    said
}

/// The type of what is said of a start.
fn weight(reason: &str) -> &'static str {
    if reason == "Failed" { "Warning" } else { "Normal" }
}

/// What `image_manager.go` says of a pull. How long one takes and how large the image is come from a hash of its name.
fn pulled(image: &str) -> String {
    let mut random = Random::new(Seed(stable_hash(image)));
    let (time, size) = (400 + random.below(599), 5_000_000 + random.below(120_000_000));
    format!("Successfully pulled image \"{image}\" in {time}ms ({time}ms including waiting). Image size: {size} bytes.")
}
