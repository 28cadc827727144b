//! Pods that get no traffic, and why.

use super::service::listener;
use super::{Checks, Explanation, Idle, Stop, field};
use crate::api::ObjectRef;
use crate::api::core::{ContainerStatus, Pod, Service};
use crate::api::discovery::Endpoint;
use crate::api::meta::selects;
use crate::cluster::Cluster;
use crate::data_plane::causes::{selected, still_serves, unready, usable_endpoints};
use crate::msg;
use crate::node::images::Listener;
use crate::node::network_policy::{Direction, Policies};
use crate::packet::Protocol;
use crate::trace::{FieldRef, Trace};

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
    let target = vec![field(&ObjectRef::of(service), format!("spec.ports[{at}].targetPort"))];
    let (name, number, own) = (&pod.metadata.name, port.port, &service.metadata.name);
    let found = usable_endpoints(cluster, service, at);
    let Some((endpoint, to)) = found.into_iter().find(|(endpoint, _)| endpoint.addresses.contains(&pod.status.pod_ip)) else {
        let text = msg!("explain.pod.noEndpoint", pod = name, service = own, port = number);
        return checks.fails("pod-is-endpoint", text, msg!("explain.pod.noEndpoint.next"), target);
    };
    let text = match still_serves(endpoint) {
        true => msg!("explain.pod.endpoint.last", pod = name, service = own, port = number),
        false => msg!("explain.pod.endpoint", pod = name, service = own, port = number),
    };
    checks.holds("pod-is-endpoint", text, target);
    listens_on(cluster, pod, to, Protocol::of_api(&port.protocol).unwrap_or_default(), checks)
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
        let waived = service.spec.publish_not_ready_addresses || serves_to_the_end(cluster, service, at, pod);
        let (why, because) = match unready(cluster, pod).filter(|_| !waived) {
            Some(unready) => (unready.why, unready.because),
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
