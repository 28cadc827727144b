//! Pods that get no traffic, and why.

use super::service::pairs;
use super::{Checks, Explanation, Idle, Stop, blocked, field, nearest};
use crate::api::ObjectRef;
use crate::api::core::{Container, ContainerStatus, Node, Pod, Service};
use crate::api::discovery::{Endpoint, EndpointSlice};
use crate::api::meta::{IntOrString, Labels, selects};
use crate::cluster::{Cluster, Store};
use crate::data_plane::causes::{
    is_made, listener, other_protocol, selected, silent, still_serves, taken, told_slices, unready, usable_endpoints,
};
use crate::msg;
use crate::node::network_policy::{Direction, Policies};
use crate::packet::Protocol;
use crate::trace::{FieldRef, Trace};
use crate::words::{Message, natural};

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
    let last = |service: &&&Service| (0..service.spec.ports.len()).any(|at| serves_to_the_end(cluster, service, at, pod));
    let unready = unready(cluster, pod).is_some();
    if let Some(service) = services.iter().find(publishes).filter(|_| unready) {
        let because = vec![field(&ObjectRef::of(*service), "spec.publishNotReadyAddresses")];
        checks.holds("pod-ready", msg!("explain.pod.published", pod = name, service = service.metadata.name), because);
    } else if let Some(service) = services.iter().find(last).filter(|_| unready) {
        checks.holds("pod-ready", msg!("explain.pod.last", pod = name, service = service.metadata.name), Vec::new());
    } else {
        is_ready(cluster, pod, checks)?;
    }
    if pod.status.pod_ip.contains(':') {
        let text = msg!("explain.pod.ipv6", pod = name, address = pod.status.pod_ip);
        return checks.fails("address-played", text, msg!("advice.ipv6.next"), Vec::new());
    }
    lets_somebody_in(cluster, pod, checks)?;
    let labels = field(&ObjectRef::of(pod), "metadata.labels");
    if services.is_empty() {
        let (next, near) = unselected(cluster, pod);
        let text = msg!("explain.pod.unselected", pod = name);
        return checks.fails("service-selects-pod", text, next, near.into_iter().chain([labels]).collect());
    }
    let names = services.iter().map(|service| service.metadata.name.as_str()).collect::<Vec<_>>().join(", ");
    let because = services.iter().map(|service| field(&ObjectRef::of(*service), "spec.selector")).chain([labels]).collect();
    checks.holds("service-selects-pod", msg!("explain.pod.selected", pod = name, services = names), because);
    through(cluster, &services, pod, checks, idle)?;
    known_to_rules(cluster, pod, checks)
}

/// The rules that a stopped kube-proxy left know the Pods of their day.
fn known_to_rules(cluster: &Cluster, pod: &Pod, checks: &mut Checks) -> Result<(), Stop> {
    let lacks = |view: &Store| {
        let has = |slice: &EndpointSlice| slice.endpoints.iter().any(|own| own.addresses.contains(&pod.status.pod_ip));
        !view.all::<EndpointSlice>().any(has)
    };
    let stale = cluster.machines.iter().filter(|(_, machine)| machine.frozen_view.as_deref().is_some_and(lacks));
    let mut nodes: Vec<&str> = stale.map(|(node, _)| node.as_str()).collect();
    nodes.sort_by(|a, b| natural(a, b));
    if nodes.is_empty() {
        return Ok(());
    }
    let (name, list) = (&pod.metadata.name, nodes.join(", "));
    let text = msg!("explain.pod.staleRules", pod = name, nodes = list);
    if cluster.store.all::<Node>().all(|node| nodes.contains(&node.metadata.name.as_str())) {
        return checks.fails("stale-rules", text, msg!("advice.staleRules.next", node = list), Vec::new());
    }
    checks.holds("stale-rules", text, Vec::new());
    Ok(())
}

/// No Service selects the Pod: the one that comes nearest, or the labels that one could select.
fn unselected(cluster: &Cluster, pod: &Pod) -> (Message, Option<FieldRef>) {
    let labels = &pod.metadata.labels;
    let alike = |service: &&Service| {
        let near = |(key, value): (&String, &String)| {
            labels.get(key).is_some_and(|own| own == value || nearest(own, std::iter::once(value.as_str())).is_some())
        };
        service.spec.selector.iter().any(near)
    };
    if let Some(service) = cluster.store.in_namespace::<Service>(&pod.metadata.namespace).find(alike) {
        let (name, selector) = (&service.metadata.name, pairs(&service.spec.selector));
        let next = msg!("explain.pod.unselected.near", service = name, selector = selector, labels = pairs(labels));
        return (next, Some(field(&ObjectRef::of(service), "spec.selector")));
    }
    // A Service that asks for what a controller makes up loses its Pods with the next template.
    let own: Labels = labels.iter().filter(|(key, _)| !is_made(key)).map(|(key, value)| (key.clone(), value.clone())).collect();
    match own.is_empty() {
        true => (msg!("explain.pod.unselected.bare"), None),
        false => (msg!("explain.pod.unselected.next", labels = pairs(&own)), None),
    }
}

/// The Pod is Terminating, and the port's rules send to it all the same, because no other endpoint is ready.
fn serves_to_the_end(cluster: &Cluster, service: &Service, at: usize, pod: &Pod) -> bool {
    let own = |endpoint: &Endpoint| still_serves(endpoint) && endpoint.addresses.contains(&pod.status.pod_ip);
    usable_endpoints(cluster, service, at).into_iter().any(|(endpoint, _)| own(endpoint))
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
    let target = field(&ObjectRef::of(service), format!("spec.ports[{at}].targetPort"));
    let (name, number, own) = (&pod.metadata.name, port.port, &service.metadata.name);
    let found = usable_endpoints(cluster, service, at);
    let Some((endpoint, to)) = found.into_iter().find(|(endpoint, _)| endpoint.addresses.contains(&pod.status.pod_ip)) else {
        let named =
            |container: &Container| container.ports.iter().any(|own| port.target_port == IntOrString::String(own.name.clone()));
        if let Some(found) = other_protocol(service, port, pod) {
            return checks.found("pod-is-endpoint", found);
        }
        if let (IntOrString::String(wanted), false) = (&port.target_port, pod.spec.containers.iter().any(named)) {
            let text = msg!("explain.pod.noPortName", pod = name, service = own, name = wanted);
            return checks.fails("pod-is-endpoint", text, msg!("explain.endpoints.portName.next", name = wanted), vec![target]);
        }
        if let Some(found) = unready(cluster, pod).or_else(|| told_slices(cluster, service)) {
            return checks.found("pod-is-endpoint", found);
        }
        let text = msg!("explain.pod.noEndpoint", pod = name, service = own, port = number);
        return checks.fails("pod-is-endpoint", text, msg!("explain.pod.noEndpoint.next", service = own), vec![target]);
    };
    let text = match still_serves(endpoint) {
        true => msg!("explain.pod.endpoint.last", pod = name, service = own, port = number),
        false => msg!("explain.pod.endpoint", pod = name, service = own, port = number),
    };
    checks.holds("pod-is-endpoint", text, vec![target.clone()]);
    listens_on(cluster, pod, (to, Protocol::of_api(&port.protocol).unwrap_or_default()), Some(target), checks)
}

pub(super) fn is_ready(cluster: &Cluster, pod: &Pod, checks: &mut Checks) -> Result<(), Stop> {
    match unready(cluster, pod) {
        None => {
            checks.holds("pod-ready", msg!("explain.pod.ready", pod = pod.metadata.name), Vec::new());
            Ok(())
        }
        Some(found) => checks.found("pod-ready", found),
    }
}

/// What would listen runs.
pub(super) fn container_runs(cluster: &Cluster, pod: &Pod, container: &str, checks: &mut Checks) -> Result<(), Stop> {
    let stopped = |own: &ContainerStatus| own.name == container && own.state.running.is_none();
    match pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses).any(stopped) {
        true => is_ready(cluster, pod, checks),
        false => Ok(()),
    }
}

/// A process listens on the port. `sent`: the field that brings requests to this port, if one does.
pub(super) fn listens_on(
    cluster: &Cluster,
    pod: &Pod,
    (port, protocol): (u16, Protocol),
    sent: Option<FieldRef>,
    checks: &mut Checks,
) -> Result<(), Stop> {
    match listener(cluster, pod, port, protocol) {
        Ok(listener) => {
            container_runs(cluster, pod, &listener.container, checks)?;
            let text = taken(pod, &listener);
            let fields = Some(listener.field).filter(|path| !path.is_empty()).map(|path| field(&ObjectRef::of(pod), path));
            checks.holds("process-listens", text, fields.into_iter().collect());
            Ok(())
        }
        Err(others) => {
            let mut found = silent(cluster, pod, port, protocol, &others);
            found.because.splice(0..0, sent);
            checks.found("process-listens", found)
        }
    }
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
        let waived = service.spec.publish_not_ready_addresses || serves_to_the_end(cluster, service, at, pod);
        let (why, because) = match unready(cluster, pod).filter(|_| !waived) {
            Some(unready) => (unready.why, unready.because),
            None => {
                let mut way = Checks::default();
                let _ = by_port(cluster, service, at, pod, &mut way);
                let failed = way.list.into_iter().find(|check| !check.ok).map(|check| (check.text, check.because));
                let Some(found) = failed.or_else(|| blocked::by_policy(cluster, service, at, pod, trace)) else { continue };
                found
            }
        };
        idle.push(Idle { pod: ObjectRef::of(pod), why, because });
    }
    idle
}
