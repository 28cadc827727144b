//! Pods that get no traffic, and why.

use super::service::{listener, ready_endpoints, selected};
use super::{Checks, Explanation, Idle, Stop, field};
use crate::api::ObjectRef;
use crate::api::core::{Event, Node, Pod, Service};
use crate::api::discovery::Endpoint;
use crate::api::meta::selects;
use crate::cluster::Cluster;
use crate::msg;
use crate::node::images::Listener;
use crate::node::kubelet::waiting;
use crate::node::network_policy::{Direction, Policies};
use crate::packet::Protocol;
use crate::trace::FieldRef;
use crate::words::Message;

/// Why a Pod gets no traffic: does it run, is it ready, does a Service select it, is it an endpoint, does it listen.
pub fn explain_pod(cluster: &Cluster, namespace: &str, name: &str) -> Explanation {
    let mut checks = Checks::default();
    let _ = check(cluster, namespace, name, &mut checks);
    Explanation { checks: checks.list, idle: Vec::new() }
}

fn check(cluster: &Cluster, namespace: &str, name: &str, checks: &mut Checks) -> Result<(), Stop> {
    let Some(pod) = cluster.store.get::<Pod>(namespace, name) else {
        let names = cluster.store.in_namespace::<Pod>(namespace).map(|pod| pod.metadata.name.as_str());
        let next = match super::nearest(name, names) {
            Some(near) => msg!("explain.name.near.next", near = near),
            None => msg!("explain.pod.missing.next"),
        };
        return checks.fails("pod-exists", msg!("explain.pod.missing", pod = name, namespace = namespace), next, Vec::new());
    };
    checks.holds("pod-exists", msg!("explain.pod.ok", pod = name), Vec::new());
    is_ready(cluster, pod, checks)?;
    lets_somebody_in(cluster, pod, checks)?;
    let by = |service: &&Service| !service.spec.selector.is_empty() && selects(&service.spec.selector, &pod.metadata.labels);
    let services: Vec<&Service> = cluster.store.in_namespace::<Service>(namespace).filter(by).collect();
    let labels = field(&ObjectRef::of(pod), "metadata.labels");
    if services.is_empty() {
        let text = msg!("explain.pod.unselected", pod = name);
        return checks.fails("service-selects-pod", text, msg!("explain.pod.unselected.next"), vec![labels]);
    }
    let names = services.iter().map(|service| service.metadata.name.as_str()).collect::<Vec<_>>().join(", ");
    let because = services.iter().map(|service| field(&ObjectRef::of(*service), "spec.selector")).chain([labels]).collect();
    checks.holds("service-selects-pod", msg!("explain.pod.selected", pod = name, services = names), because);
    for service in services {
        through(cluster, service, pod, checks)?;
    }
    Ok(())
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

/// The Pod stands in the Service's slices for each port, and listens there.
fn through(cluster: &Cluster, service: &Service, pod: &Pod, checks: &mut Checks) -> Result<(), Stop> {
    let object = ObjectRef::of(service);
    for (at, port) in service.spec.ports.iter().enumerate() {
        let target = vec![field(&object, format!("spec.ports[{at}].targetPort"))];
        let (name, port_number) = (&pod.metadata.name, port.port);
        let own = |(endpoint, _): &(&Endpoint, u16)| endpoint.addresses.contains(&pod.status.pod_ip);
        let found = ready_endpoints(cluster, service, port);
        let service = &service.metadata.name;
        let Some((_, number)) = found.into_iter().find(own) else {
            let text = msg!("explain.pod.noEndpoint", pod = name, service = service, port = port_number);
            return checks.fails("pod-is-endpoint", text, msg!("explain.pod.noEndpoint.next"), target);
        };
        let text = msg!("explain.pod.endpoint", pod = name, service = service, port = port_number);
        checks.holds("pod-is-endpoint", text, target);
        listens_on(cluster, pod, number, Protocol::of_api(&port.protocol).unwrap_or_default(), checks)?;
    }
    Ok(())
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
        let why = msg!("explain.pod.pending", pod = name, message = message.unwrap_or_default());
        return Some((why, vec![field(&object, "spec.nodeSelector")]));
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
        let why = match warned(cluster, pod, "") {
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
    let probed = pod.spec.containers.iter().position(|container| container.readiness_probe.is_some());
    let said = warned(cluster, pod, "Readiness");
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

/// What the kubelet warned of last, in its own words: a probe that fails, a setting that is missing. `of` begins the message.
fn warned<'a>(cluster: &'a Cluster, pod: &'a Pod, of: &str) -> Option<&'a str> {
    let meta = &pod.metadata;
    let events = cluster.store.in_namespace::<Event>(&meta.namespace).filter(|event| {
        let about = &event.involved_object;
        let own = about.kind == "Pod" && about.name == meta.name;
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

pub(super) fn listens_on(cluster: &Cluster, pod: &Pod, port: u16, protocol: Protocol, checks: &mut Checks) -> Result<(), Stop> {
    match listener(cluster, pod, port, protocol) {
        Ok(listener) => {
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

/// The Pods that a Service's selector matches and that get nothing from it.
pub(super) fn idle(cluster: &Cluster, service: &Service) -> Vec<Idle> {
    let mut idle = Vec::new();
    for pod in selected(cluster, service) {
        let mut add = |why, because| idle.push(Idle { pod: ObjectRef::of(pod), why, because });
        if let Some((why, because)) = readiness(cluster, pod).filter(|_| !service.spec.publish_not_ready_addresses) {
            add(why, because);
            continue;
        }
        for port in &service.spec.ports {
            let protocol = Protocol::of_api(&port.protocol).unwrap_or_default();
            let all = ready_endpoints(cluster, service, port);
            let own = all.into_iter().find(|(endpoint, _)| endpoint.addresses.contains(&pod.status.pod_ip));
            let (name, number) = (&pod.metadata.name, port.port);
            let silent = own.and_then(|(_, number)| listener(cluster, pod, number, protocol).err().map(|_| number));
            match (own, silent) {
                (None, _) => {
                    add(msg!("explain.pod.noEndpoint", pod = name, service = service.metadata.name, port = number), Vec::new())
                }
                (_, Some(port)) => {
                    add(msg!("explain.listens.none", pod = name, port = port, protocol = protocol.api_name()), Vec::new())
                }
                _ => {}
            }
        }
    }
    idle
}
