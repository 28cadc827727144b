//! Pods that get no traffic, and why.

use super::service::{listener, ready_endpoints, selected};
use super::{Checks, Explanation, Idle, Stop, field};
use crate::api::ObjectRef;
use crate::api::core::{ContainerStatus, Event, Node, Pod, Service};
use crate::api::meta::selects;
use crate::cluster::Cluster;
use crate::msg;
use crate::node::images::Listener;
use crate::node::kubelet::waiting;
use crate::node::network_policy::{Direction, Policies};
use crate::packet::Protocol;
use crate::trace::{FieldRef, Trace};
use crate::words::Message;

/// Why a Pod gets no traffic: does it run, is it ready, does a Service select it, is it an endpoint, does it listen.
pub fn explain_pod(cluster: &Cluster, namespace: &str, name: &str) -> Explanation {
    let mut checks = Checks::default();
    let mut idle = Vec::new();
    let _ = check(cluster, namespace, name, &mut checks, &mut idle);
    Explanation { checks: checks.list, idle }
}

fn check(cluster: &Cluster, namespace: &str, name: &str, checks: &mut Checks, idle: &mut Vec<Idle>) -> Result<(), Stop> {
    let Some(pod) = cluster.store.get::<Pod>(namespace, name) else {
        let names = cluster.store.in_namespace::<Pod>(namespace).map(|pod| pod.metadata.name.as_str());
        let next = match super::nearest(name, names) {
            Some(near) => msg!("explain.name.near.next", near = near),
            None => msg!("explain.pod.missing.next"),
        };
        return checks.fails("pod-exists", msg!("explain.pod.missing", pod = name, namespace = namespace), next, Vec::new());
    };
    checks.holds("pod-exists", msg!("explain.pod.ok", pod = name), Vec::new());
    let by = |service: &&Service| !service.spec.selector.is_empty() && selects(&service.spec.selector, &pod.metadata.labels);
    let services: Vec<&Service> = cluster.store.in_namespace::<Service>(namespace).filter(by).collect();
    let publishes = |service: &&&Service| service.spec.publish_not_ready_addresses && !pod.status.pod_ip.is_empty();
    match services.iter().find(publishes).filter(|_| readiness(cluster, pod).is_some()) {
        Some(service) => {
            let because = vec![field(&ObjectRef::of(*service), "spec.publishNotReadyAddresses")];
            checks.holds("pod-ready", msg!("explain.pod.published", pod = name, service = service.metadata.name), because);
        }
        None => is_ready(cluster, pod, checks)?,
    }
    lets_somebody_in(cluster, pod, checks)?;
    let labels = field(&ObjectRef::of(pod), "metadata.labels");
    if services.is_empty() {
        let text = msg!("explain.pod.unselected", pod = name);
        return checks.fails("service-selects-pod", text, msg!("explain.pod.unselected.next"), vec![labels]);
    }
    let names = services.iter().map(|service| service.metadata.name.as_str()).collect::<Vec<_>>().join(", ");
    let because = services.iter().map(|service| field(&ObjectRef::of(*service), "spec.selector")).chain([labels]).collect();
    checks.holds("service-selects-pod", msg!("explain.pod.selected", pod = name, services = names), because);
    through(cluster, &services, pod, checks, idle)
}

/// Of the network policies that isolate the Pod, one at least has a rule.
fn lets_somebody_in(cluster: &Cluster, pod: &Pod, checks: &mut Checks) -> Result<(), Stop> {
    let policies = Policies::of(&cluster.store);
    let isolating: Vec<_> = policies.isolating(pod, Direction::Ingress).collect();
    if isolating.is_empty() || pod.spec.host_network == Some(true) {
        return Ok(());
    }
    let name = &pod.metadata.name;
    let names = isolating.iter().map(|policy| policy.metadata.name.as_str()).collect::<Vec<_>>().join(", ");
    let because = isolating.iter().map(|policy| field(&ObjectRef::of(*policy), "spec.podSelector")).collect();
    if isolating.iter().all(|policy| policy.spec.ingress.is_empty()) {
        let text = msg!("explain.policy.closed", pod = name, policies = names);
        return checks.fails("network-policy", text, msg!("explain.policy.closed.next"), because);
    }
    checks.holds("network-policy", msg!("explain.policy.some", pod = name, policies = names), because);
    Ok(())
}

/// The Pod stands in a Service's slices for a port, and listens there. One such way brings traffic; the others are told beside it.
fn through(cluster: &Cluster, services: &[&Service], pod: &Pod, checks: &mut Checks, idle: &mut Vec<Idle>) -> Result<(), Stop> {
    let (mut good, mut lost) = (Vec::new(), Vec::new());
    for service in services {
        for at in 0..service.spec.ports.len() {
            let mut way = Checks::default();
            match by_port(cluster, service, at, pod, &mut way) {
                Ok(()) => good.extend(way.list),
                Err(Stop) => lost.push(way.list),
            }
        }
    }
    if good.is_empty() {
        let first = lost.into_iter().next();
        checks.list.extend(first.into_iter().flatten());
        return if checks.list.last().is_some_and(|check| !check.ok) { Err(Stop) } else { Ok(()) };
    }
    checks.list.extend(good);
    let failed = lost.into_iter().flatten().filter(|check| !check.ok);
    idle.extend(failed.map(|check| Idle { pod: ObjectRef::of(pod), why: check.text, because: check.because }));
    Ok(())
}

/// One port of a Service brings the Pod traffic.
fn by_port(cluster: &Cluster, service: &Service, at: usize, pod: &Pod, checks: &mut Checks) -> Result<(), Stop> {
    let Some(port) = service.spec.ports.get(at) else { return Ok(()) };
    let target = vec![field(&ObjectRef::of(service), format!("spec.ports[{at}].targetPort"))];
    let (name, number, own) = (&pod.metadata.name, port.port, &service.metadata.name);
    let found = ready_endpoints(cluster, service, port);
    let Some((_, to)) = found.into_iter().find(|(endpoint, _)| endpoint.addresses.contains(&pod.status.pod_ip)) else {
        let text = msg!("explain.pod.noEndpoint", pod = name, service = own, port = number);
        return checks.fails("pod-is-endpoint", text, msg!("explain.pod.noEndpoint.next"), target);
    };
    checks.holds("pod-is-endpoint", msg!("explain.pod.endpoint", pod = name, service = own, port = number), target);
    listens_on(cluster, pod, to, Protocol::of_api(&port.protocol).unwrap_or_default(), checks)
}

/// Why a Pod is not ready, and its fields; `None`: it is.
pub(super) fn readiness(cluster: &Cluster, pod: &Pod) -> Option<(Message, Vec<FieldRef>)> {
    let (name, status) = (&pod.metadata.name, &pod.status);
    let object = ObjectRef::of(pod);
    let ready = status.conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    if matches!(status.phase.as_str(), "Succeeded" | "Failed") {
        return Some((msg!("explain.pod.finished", pod = name, phase = status.phase), Vec::new()));
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return Some((msg!("explain.pod.terminating", pod = name), Vec::new()));
    }
    if pod.spec.node_name.is_empty() {
        let message = status
            .conditions
            .iter()
            .find(|condition| condition.type_ == "PodScheduled")
            .map(|condition| condition.message.clone());
        let scheduler = pod.spec.scheduler_name.as_str();
        if message.is_none() && !matches!(scheduler, "" | "default-scheduler") {
            return Some((msg!("field.otherScheduler", scheduler = scheduler), vec![field(&object, "spec.schedulerName")]));
        }
        let why = msg!("explain.pod.pending", pod = name, message = message.unwrap_or_default());
        let path = if pod.spec.scheduling_gates.is_empty() { "spec.nodeSelector" } else { "spec.schedulingGates" };
        return Some((why, vec![field(&object, path)]));
    }
    if ready {
        return None;
    }
    if let Some(why) = unwell_node(cluster, pod) {
        return Some((why, vec![field(&object, "spec.nodeName")]));
    }
    if !cluster.is_up(&pod.spec.node_name) {
        return Some((msg!("explain.pod.nodeDown", pod = name, node = pod.spec.node_name), Vec::new()));
    }
    if let Some((container, reason)) = waiting(pod).filter(|(_, reason)| !reason.is_empty()) {
        let own = pod.status.container_statuses.iter().find(|status| status.name == container);
        // The container's own message names what is amiss, but for a back-off, which only says how long.
        let told = own.and_then(|status| status.state.waiting.as_ref()).map(|state| state.message.as_str());
        let told = told.filter(|message| reason.ends_with("Error") && !message.is_empty());
        let why = match told.or_else(|| warned(cluster, pod, container, "")) {
            Some(said) => msg!("explain.pod.waiting.said", pod = name, container = container, reason = reason, message = said),
            None => msg!("explain.pod.waiting", pod = name, container = container, reason = reason),
        };
        let part = if matches!(reason, "ContainerCreating" | "PodInitializing") { "spec.volumes" } else { "spec.containers" };
        return Some((why, vec![field(&object, part)]));
    }
    if cluster.unready.contains(&(pod.metadata.namespace.clone(), name.clone())) {
        return Some((msg!("explain.pod.byHand", pod = name), Vec::new()));
    }
    if let Some((at, gate)) = closed_gate(pod) {
        let because = vec![field(&object, format!("spec.readinessGates[{at}].conditionType"))];
        return Some((msg!("explain.pod.gate", pod = name, gate = gate), because));
    }
    let fails = |name: &str| pod.status.container_statuses.iter().any(|status| status.name == name && !status.ready);
    let probed = pod.spec.containers.iter().position(|own| own.readiness_probe.is_some() && fails(&own.name));
    let container = probed.and_then(|at| pod.spec.containers.get(at)).map_or("", |own| own.name.as_str());
    let said = warned(cluster, pod, container, "Readiness");
    let because = probed.map(|at| field(&object, format!("spec.containers[{at}].readinessProbe")));
    let why = match said {
        Some(message) => msg!("explain.pod.probe", pod = name, message = message),
        None => msg!("explain.pod.unready", pod = name),
    };
    Some((why, because.into_iter().collect()))
}

/// The Pod's node does not exist, or its kubelet says that it is not ready, or says nothing: that keeps its Pods back.
fn unwell_node(cluster: &Cluster, pod: &Pod) -> Option<Message> {
    let (name, node) = (&pod.metadata.name, &pod.spec.node_name);
    let dumped = cluster.origin(&ObjectRef::of(pod)).is_some_and(|manifest| manifest.is_dumped());
    let Some(found) = cluster.store.get::<Node>("", node) else {
        return Some(match dumped {
            true => msg!("explain.pod.noNode.dump", pod = name, node = node),
            false => msg!("explain.pod.noNode", pod = name, node = node),
        });
    };
    let ready = found.status.conditions.iter().find(|own| own.type_ == "Ready").filter(|own| own.status != "True")?;
    Some(msg!("explain.pod.nodeNotReady", pod = name, node = node, message = ready.message))
}

/// What the kubelet warned of last, in its own words: a probe that fails, a setting that is missing. `of` begins the message; an
/// event that names its container is about that one only.
fn warned<'a>(cluster: &'a Cluster, pod: &'a Pod, container: &str, of: &str) -> Option<&'a str> {
    let (meta, part) = (&pod.metadata, format!("{{{container}}}"));
    let events = cluster.store.in_namespace::<Event>(&meta.namespace).filter(|event| {
        let about = &event.involved_object;
        let own = about.kind == "Pod" && about.name == meta.name;
        let own = own && (about.field_path.is_empty() || about.field_path.ends_with(&part));
        own && matches!(event.reason.as_str(), "Unhealthy" | "Failed" | "FailedMount") && event.message.starts_with(of)
    });
    events.max_by_key(|event| &event.last_timestamp).map(|event| event.message.as_str())
}

/// The first readiness gate that keeps a Pod back whose containers are all ready.
fn closed_gate(pod: &Pod) -> Option<(usize, &str)> {
    let holds = |kind: &str| pod.status.conditions.iter().any(|own| own.type_ == kind && own.status == "True");
    let mut gates = pod.spec.readiness_gates.iter().map(|gate| gate.condition_type.as_str()).enumerate();
    gates.find(|(_, gate)| holds("ContainersReady") && !holds(gate))
}

pub(super) fn is_ready(cluster: &Cluster, pod: &Pod, checks: &mut Checks) -> Result<(), Stop> {
    match readiness(cluster, pod) {
        None => {
            checks.holds("pod-ready", msg!("explain.pod.ready", pod = pod.metadata.name), Vec::new());
            Ok(())
        }
        Some((why, because)) => checks.fails("pod-ready", msg!("explain.pod.notReady", pod = pod.metadata.name), why, because),
    }
}

/// What would listen runs.
pub(super) fn container_runs(cluster: &Cluster, pod: &Pod, container: &str, checks: &mut Checks) -> Result<(), Stop> {
    let stopped = |own: &ContainerStatus| own.name == container && own.state.running.is_none();
    match pod.status.container_statuses.iter().any(stopped) {
        true => is_ready(cluster, pod, checks),
        false => Ok(()),
    }
}

pub(super) fn listens_on(cluster: &Cluster, pod: &Pod, port: u16, protocol: Protocol, checks: &mut Checks) -> Result<(), Stop> {
    match listener(cluster, pod, port, protocol) {
        Ok(listener) => {
            container_runs(cluster, pod, &listener.container, checks)?;
            let text = msg!("explain.listens.ok", container = listener.container, pod = pod.metadata.name, port = port);
            let fields = Some(listener.field).filter(|path| !path.is_empty()).map(|path| field(&ObjectRef::of(pod), path));
            checks.holds("process-listens", text, fields.into_iter().collect());
            Ok(())
        }
        Err(others) => nothing_listens(pod, port, protocol, &others, Vec::new(), checks),
    }
}

/// Nothing listens on the port: says what listens instead.
pub(super) fn nothing_listens(
    pod: &Pod,
    port: u16,
    protocol: Protocol,
    others: &[Listener],
    mut because: Vec<FieldRef>,
    checks: &mut Checks,
) -> Result<(), Stop> {
    let name = &pod.metadata.name;
    let fields = others.iter().map(|other| other.field.clone()).filter(|path| !path.is_empty());
    because.extend(fields.map(|path| field(&ObjectRef::of(pod), path)));
    if others.iter().any(|other| other.port == port && other.loopback_only) {
        let text = msg!("explain.listens.loopback", pod = name, port = port);
        return checks.fails("process-listens", text, msg!("explain.listens.loopback.next"), because);
    }
    let text = msg!("explain.listens.none", pod = name, port = port, protocol = protocol.api_name());
    let list = others.iter().map(|other| format!("{}/{}", other.port, other.protocol.api_name())).collect::<Vec<_>>().join(", ");
    let next = if list.is_empty() {
        msg!("explain.listens.nowhere.next", pod = name)
    } else {
        msg!("explain.listens.none.next", ports = list)
    };
    checks.fails("process-listens", text, next, because)
}

/// The Pods that a Service's selector matches and that get nothing through one of its ports. A Pod that took the request is none
/// of them; and where a kube-proxy is stopped, its old rules decide, so nothing is said.
pub(super) fn idle(cluster: &Cluster, service: &Service, at: usize, trace: &Trace) -> Vec<Idle> {
    let mut idle = Vec::new();
    if cluster.machines.values().any(|machine| machine.frozen_view.is_some()) {
        return idle;
    }
    let took = |pod: &&Pod| {
        let meta = &pod.metadata;
        trace.pod.as_ref().is_some_and(|(namespace, name)| (namespace, name) == (&meta.namespace, &meta.name))
    };
    for pod in selected(cluster, service).into_iter().filter(|pod| !took(pod)) {
        let unready = readiness(cluster, pod).filter(|_| !service.spec.publish_not_ready_addresses);
        let (why, because) = match unready {
            Some(unready) => unready,
            None => {
                let mut way = Checks::default();
                let _ = by_port(cluster, service, at, pod, &mut way);
                let Some(failed) = way.list.into_iter().find(|check| !check.ok) else { continue };
                (failed.text, failed.because)
            }
        };
        idle.push(Idle { pod: ObjectRef::of(pod), why, because });
    }
    idle
}
