//! The kubelet: gives a Pod its address, starts its containers, probes them and reports.
//!
//! Imitates `pkg/kubelet/status/generate.go` (conditions), `pkg/kubelet/kuberuntime` (why a container cannot be made) and the bridge
//! CNI with host-local addresses, except that an address comes from a hash of the Pod's name, so that other Pods do not move it.
//! Leaves out images that no registry has; a program that is told to end for another definition of its container ends at once.

mod probes;

pub use probes::{ProbeFailure, assumed_probe, hook_failure, probe_delays, probe_failure};

use crate::api::core::{
    Condition, ConfigMap, Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    ContainerStatus, Pod, PodIP, PodStatus, Secret,
};
use crate::cluster::Store;
use crate::netfilter::Cidr;
use crate::node::images::start_error;
use crate::random::{Random, Seed, stable_hash};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// A free address of a node's range for a Pod: found by hash, collisions probed upwards. The first address is the bridge's.
/// `life` counts the Pods of this name before it: each gets another address, as host-local hands out the next one.
pub fn free_address(range: Cidr, (namespace, name): (&str, &str), life: u64, used: &BTreeSet<Ipv4Addr>) -> Option<Ipv4Addr> {
    let size = 1u64.checked_shl(32 - u32::from(range.bits.min(32)))?;
    let hosts = size.checked_sub(3).filter(|hosts| *hosts > 0)?;
    let start = Random::new(Seed(stable_hash(&format!("{namespace}/{name}")))).below(hosts);
    // Prime to the number of hosts of every range, so that the next life starts elsewhere.
    let start = start.wrapping_add(life.wrapping_mul(59)) % hosts;
    let base = u32::from(range.base);
    (0..hosts.min(4096))
        .map(|step| Ipv4Addr::from(base.wrapping_add(2 + ((start + step) % hosts) as u32)))
        .find(|address| !used.contains(address))
}

/// Whether a Pod has ended for good.
pub fn has_ended(pod: &Pod) -> bool {
    matches!(pod.status.phase.as_str(), "Succeeded" | "Failed")
}

/// Whether a Pod's `Ready` condition is true.
pub fn is_ready(pod: &Pod) -> bool {
    pod.status.conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// A container of the Pod that does not run, with the kubelet's reason: `CrashLoopBackOff`.
pub fn waiting(pod: &Pod) -> Option<(&str, &str)> {
    let not_running = |status: &&ContainerStatus| status.state.waiting.is_some();
    let status = pod.status.container_statuses.iter().find(not_running)?;
    Some((status.name.as_str(), status.state.waiting.as_ref()?.reason.as_str()))
}

/// What keeps a container from running, in the kubelet's words: reason and message. `made_elsewhere` tells of Secrets and ConfigMaps
/// that something which is not played makes.
pub fn config_error(
    pod: &Pod,
    container: &Container,
    store: &Store,
    made_elsewhere: &dyn Fn(&str, &str) -> bool,
) -> Option<String> {
    let namespace = &pod.metadata.namespace;
    let config_map = |name: &str| store.get::<ConfigMap>(namespace, name).map(|map| map.data.keys().cloned().collect::<Vec<_>>());
    let secret = |name: &str| {
        store.get::<Secret>(namespace, name).map(|secret| secret.data.keys().chain(secret.string_data.keys()).cloned().collect())
    };
    for source in &container.env_from {
        if let Some(from) = source.config_map_ref.as_ref().filter(|from| from.optional != Some(true))
            && config_map(&from.name).is_none()
            && !made_elsewhere("configmap", &from.name)
        {
            return Some(format!("configmap \"{}\" not found", from.name));
        }
        if let Some(from) = source.secret_ref.as_ref().filter(|from| from.optional != Some(true))
            && store.get::<Secret>(namespace, &from.name).is_none()
            && !made_elsewhere("secret", &from.name)
        {
            return Some(format!("secret \"{}\" not found", from.name));
        }
    }
    for source in container.env.iter().filter_map(|variable| variable.value_from.as_ref()) {
        let references = [
            (source.config_map_key_ref.as_ref(), "configmap", "ConfigMap", &config_map as &dyn Fn(&str) -> Option<Vec<String>>),
            (source.secret_key_ref.as_ref(), "secret", "Secret", &secret),
        ];
        for (reference, lower, kind, keys) in references {
            let Some(from) = reference.filter(|from| from.optional != Some(true)) else { continue };
            match keys(&from.name) {
                None if made_elsewhere(lower, &from.name) => {}
                None => return Some(format!("{lower} \"{}\" not found", from.name)),
                Some(keys) if !keys.contains(&from.key) => {
                    return Some(format!("couldn't find key {} in {kind} {namespace}/{}", from.key, from.name));
                }
                Some(_) => {}
            }
        }
    }
    None
}

/// How one container stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// It runs; whether it is ready.
    Running(bool),
    /// It runs, and its startup probe has not succeeded yet.
    Starting,
    /// It does not run: reason, message, restarts.
    Waiting(&'static str, String, i32),
    /// It is killed again and again.
    Restarting(Box<Again>),
    /// It has ended for good, with this exit code.
    Ended(i32),
}

/// A container that is killed again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Again {
    /// Starts after the first.
    pub restarts: i32,
    /// How it ended last.
    pub ended: ContainerStateTerminated,
    /// Since when it runs.
    pub running: Option<String>,
    /// Why it does not run.
    pub message: String,
    /// It runs and is ready.
    pub ready: bool,
    /// It runs, and its startup probe has succeeded.
    pub started: bool,
}

impl Standing {
    /// Whether it runs and is ready.
    pub fn is_ready(&self) -> bool {
        match self {
            Standing::Running(ready) => *ready,
            Standing::Starting | Standing::Waiting(..) | Standing::Ended(_) => false,
            Standing::Restarting(again) => again.ready,
        }
    }
}

/// Where and when a Pod runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The node's address.
    pub host_ip: String,
    /// The Pod's own.
    pub pod_ip: String,
    /// RFC 3339, virtual.
    pub now: String,
    /// The cluster's edits so far.
    pub steps: u64,
    /// Its volumes are there.
    pub mounted: bool,
}

/// Whether an init container has done its part: it has ended well, or runs on as a sidecar.
pub fn has_done_its_part(container: &Container, standing: &Standing) -> bool {
    match standing {
        Standing::Ended(code) => *code == 0,
        Standing::Running(_) => container.is_sidecar(),
        Standing::Restarting(again) => container.is_sidecar() && again.started,
        Standing::Starting | Standing::Waiting(..) => false,
    }
}

/// `getPhase` of `pkg/kubelet/kubelet_pods.go`.
fn phase(initialized: bool, inits: &[Standing], standings: &[Standing]) -> &'static str {
    let ended = |standing: &Standing| matches!(standing, Standing::Ended(_));
    let failed = |standing: &Standing| matches!(standing, Standing::Ended(code) if *code != 0);
    let unmade = |standing: &Standing| matches!(standing, Standing::Waiting(..));
    if inits.iter().any(failed) || (standings.iter().all(ended) && standings.iter().any(failed)) {
        "Failed"
    } else if !initialized || standings.iter().any(unmade) {
        "Pending"
    } else if standings.iter().all(ended) {
        "Succeeded"
    } else {
        "Running"
    }
}

/// The Pod's status as the kubelet reports it, with one standing for each container: init containers, and the others.
pub fn report(pod: &Pod, place: &Place, inits: &[Standing], standings: &[Standing]) -> PodStatus {
    let old = &pod.status;
    let started = old.start_time.clone().unwrap_or_else(|| place.now.clone());
    let sidecars = pod.spec.init_containers.iter().zip(inits).filter(|(container, _)| container.is_sidecar());
    let serving = sidecars.chain(pod.spec.containers.iter().zip(standings));
    let unready: Vec<&str> =
        serving.filter(|(_, standing)| !standing.is_ready()).map(|(container, _)| container.name.as_str()).collect();
    let all_ready = unready.is_empty();
    // A gate is a condition that somebody else sets; nobody does here unless the manifest's status carries it.
    let gate_open = |gate: &str| old.conditions.iter().any(|condition| condition.type_ == gate && condition.status == "True");
    let gates = pod.spec.readiness_gates.iter().all(|gate| gate_open(&gate.condition_type));
    let waiting =
        pod.spec.init_containers.iter().zip(inits).filter(|(container, standing)| !has_done_its_part(container, standing));
    let incomplete: Vec<&str> = waiting.map(|(container, _)| container.name.as_str()).collect();
    let initialized = incomplete.is_empty();
    let incomplete =
        if initialized { String::new() } else { format!("containers with incomplete status: [{}]", incomplete.join(" ")) };
    let phase = phase(initialized, inits, standings);
    let (reason, message) = match (all_ready, phase) {
        (_, "Succeeded") => ("PodCompleted", String::new()),
        (_, "Failed") => ("PodFailed", String::new()),
        (true, _) => ("", String::new()),
        (false, _) => ("ContainersNotReady", format!("containers with unready status: [{}]", unready.join(" "))),
    };
    let (gate_reason, gate_message) = match (all_ready, gates) {
        (true, false) => ("ReadinessGatesNotReady", "the status of pod readiness gates is not \"True\"".to_string()),
        _ => (reason, message.clone()),
    };
    let initialized_reason = match (initialized, phase) {
        (true, "Succeeded") => "PodCompleted",
        (true, _) => "",
        (false, _) => "ContainersNotInitialized",
    };
    let mut status = old.clone();
    for (kind, holds, why, text) in [
        ("PodReadyToStartContainers", place.mounted, "", String::new()),
        ("Initialized", initialized, initialized_reason, incomplete),
        ("Ready", all_ready && gates, gate_reason, gate_message),
        ("ContainersReady", all_ready, reason, message),
        ("PodScheduled", true, "", String::new()),
    ] {
        set_condition(&mut status.conditions, kind, holds, (why, text), &place.now);
    }
    status.phase = phase.into();
    status.reason.clear();
    status.message.clear();
    status.host_ip.clone_from(&place.host_ip);
    status.pod_ip.clone_from(&place.pod_ip);
    status.pod_ips = if place.pod_ip.is_empty() { Vec::new() } else { vec![PodIP { ip: place.pod_ip.clone() }] };
    status.container_statuses = statuses(pod, place, pod.spec.containers.iter().zip(standings), &old.container_statuses);
    let inits = pod.spec.init_containers.iter().zip(inits);
    status.init_container_statuses = statuses(pod, place, inits, &old.init_container_statuses);
    // One that has ended well counts as ready (`pkg/kubelet/prober/prober_manager.go`).
    for init in &mut status.init_container_statuses {
        init.ready |= init.state.terminated.as_ref().is_some_and(|ended| ended.exit_code == 0);
    }
    status.start_time = Some(started);
    status
}

fn statuses<'a>(
    pod: &Pod,
    place: &Place,
    containers: impl Iterator<Item = (&'a Container, &'a Standing)>,
    old: &[ContainerStatus],
) -> Vec<ContainerStatus> {
    let status_of = |(container, standing): (&Container, &Standing)| {
        let before = old.iter().find(|status| status.name == container.name);
        let since = running_since(pod, container).unwrap_or(&place.now);
        let mut status = container_status(container, standing, since, &place.now);
        if let (Standing::Running(_) | Standing::Starting, Some(before)) = (standing, before) {
            status.restart_count = before.restart_count;
            status.last_state = before.last_state.clone();
            if let Some(ran) = redefined(pod, container) {
                status.restart_count = before.restart_count.saturating_add(1);
                status.last_state.terminated = Some(ContainerStateTerminated {
                    reason: "Completed".into(),
                    started_at: ran.started_at.clone(),
                    finished_at: Some(place.now.clone()),
                    ..ContainerStateTerminated::default()
                });
            }
        }
        // A container that goes on running knows what it found when it was started.
        let goes_on = before.filter(|before| before.state.running == status.state.running && redefined(pod, container).is_none());
        status.since = goes_on.map_or(place.steps, |before| before.since);
        // What has ended stays as it ended.
        match (standing, before) {
            (Standing::Ended(_), Some(before)) if before.state.terminated.is_some() => before.clone(),
            _ => status,
        }
    };
    containers.map(status_of).collect()
}

/// A container's status, if it was reported before.
fn status_of<'a>(pod: &'a Pod, container: &Container) -> Option<&'a ContainerStatus> {
    let all = pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses);
    { all }.find(|status| status.name == container.name)
}

/// The run of a container that its Pod now defines with another image: it is ended, and the container started again. Only name and
/// image count (`HashContainer` of `pkg/kubelet/container/helpers.go`). A dump may tell an image's full name, or its digest.
pub fn redefined<'a>(pod: &'a Pod, container: &Container) -> Option<&'a ContainerStateRunning> {
    let status = status_of(pod, container)?;
    let plain = |image: &str| image.strip_suffix(":latest").unwrap_or(image).to_string();
    let (was, is) = (&status.image, &container.image);
    let same = was == is || was.is_empty() || was.starts_with("sha256:") || plain(was).ends_with(&format!("/{}", plain(is)));
    status.state.running.as_ref().filter(|_| !same)
}

/// Since when a container runs as it is defined; `None`: it is started now.
pub fn running_since<'a>(pod: &'a Pod, container: &Container) -> Option<&'a str> {
    let status = status_of(pod, container)?;
    status.state.running.as_ref()?.started_at.as_deref().filter(|_| redefined(pod, container).is_none())
}

/// How a run of a container ended, and when it began and ended. One that was not started has neither begun.
pub fn terminated(container: &Container, code: i32, (from, to): (&str, &str)) -> ContainerStateTerminated {
    let error = start_error(container);
    let reason = match (&error, code) {
        (Some(_), _) => "StartError",
        (None, 0) => "Completed",
        _ => "Error",
    };
    ContainerStateTerminated {
        exit_code: code,
        reason: reason.into(),
        started_at: Some(if error.is_some() { "1970-01-01T00:00:00Z" } else { from }.to_string()),
        finished_at: Some(to.to_string()),
        message: error.unwrap_or_default(),
        ..ContainerStateTerminated::default()
    }
}

fn container_status(container: &Container, standing: &Standing, started: &str, now: &str) -> ContainerStatus {
    let mut status = ContainerStatus { name: container.name.clone(), image: container.image.clone(), ..Default::default() };
    match standing {
        Standing::Running(_) | Standing::Starting => {
            status.ready = standing.is_ready();
            status.started = Some(*standing != Standing::Starting);
            status.state.running = Some(ContainerStateRunning { started_at: Some(started.to_string()) });
        }
        Standing::Waiting(reason, message, restarts) => {
            status.started = Some(false);
            status.restart_count = *restarts;
            let waiting = ContainerStateWaiting { reason: (*reason).to_string(), message: message.clone() };
            status.state = ContainerState { waiting: Some(waiting), ..Default::default() };
        }
        Standing::Ended(code) => {
            status.started = Some(false);
            status.state.terminated = Some(terminated(container, *code, (started, now)));
        }
        Standing::Restarting(again) => {
            status.ready = again.ready;
            status.started = Some(again.started);
            status.restart_count = again.restarts;
            status.last_state.terminated = Some(again.ended.clone());
            let backs_off = || ContainerStateWaiting { reason: "CrashLoopBackOff".into(), message: again.message.clone() };
            match &again.running {
                Some(since) => status.state.running = Some(ContainerStateRunning { started_at: Some(since.clone()) }),
                None => status.state.waiting = Some(backs_off()),
            }
        }
    }
    status
}

/// A container that runs is not ready any more (`SetContainerReadiness` of `pkg/kubelet/status/status_manager.go`).
pub fn set_unready(status: &mut PodStatus, container: &str, now: &str) {
    let mut unready = Vec::new();
    for own in status.init_container_statuses.iter_mut().chain(&mut status.container_statuses) {
        own.ready &= own.name != container;
        unready.extend((!own.ready).then_some(&*own.name));
    }
    let why = format!("containers with unready status: [{}]", unready.join(" "));
    for kind in ["Ready", "ContainersReady"] {
        set_condition(&mut status.conditions, kind, false, ("ContainersNotReady", why.clone()), now);
    }
}

/// Sets a condition; its time moves only when its status does.
pub fn set_condition(conditions: &mut Vec<Condition>, kind: &str, holds: bool, why: (&str, String), now: &str) {
    let status = if holds { "True" } else { "False" };
    let (reason, message) = (why.0.to_string(), why.1);
    match conditions.iter_mut().find(|condition| condition.type_ == kind) {
        Some(condition) => {
            if condition.status != status {
                condition.last_transition_time = Some(now.to_string());
            }
            condition.status = status.to_string();
            condition.reason = reason;
            condition.message = message;
        }
        None => conditions.push(Condition {
            type_: kind.to_string(),
            status: status.to_string(),
            reason,
            message,
            last_transition_time: Some(now.to_string()),
            ..Condition::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pod_addresses_leave_out_network_bridge_and_broadcast() {
        let range: Cidr = "10.244.1.0/29".parse().unwrap();
        let mut used = BTreeSet::new();
        for name in ["a", "b", "c", "d", "e"] {
            used.insert(free_address(range, ("default", name), 0, &used).unwrap());
        }
        let all: Vec<_> = used.iter().map(|address| address.octets()[3]).collect();
        assert_eq!(all, [2, 3, 4, 5, 6]);
        assert_eq!(free_address(range, ("default", "f"), 0, &used), None);
        assert_eq!(free_address("10.0.0.0/32".parse().unwrap(), ("default", "f"), 0, &used), None);
    }
}
