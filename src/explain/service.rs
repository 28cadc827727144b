//! From an address to a Service, and from the Service to a process that listens: Kubernetes' "Debug Services", step by step.

use super::request::{Reached, Target};
use super::{Checks, Stop, field, pod};
use crate::addons::public_dns::balancer_address;
use crate::api::ObjectRef;
use crate::api::apps::{Deployment, StatefulSet};
use crate::api::core::{LoadBalancerIngress, Node, Pod, PodTemplateSpec, Service, ServicePort};
use crate::api::discovery::{Endpoint, EndpointSlice};
use crate::api::meta::{Labels, selects};
use crate::cluster::{Cluster, Maker};
use crate::data_plane::unselected;
use crate::diagnostic::{distance, is_slip};
use crate::msg;
use crate::node::cni::host_port_elsewhere;
use crate::node::images::{Listener, listens};
use crate::packet::Protocol;

/// The Service behind an address, and everything behind that.
pub(super) fn by_address(
    cluster: &Cluster,
    target: &Target,
    address: &str,
    checks: &mut Checks,
    reached: &mut Option<Reached>,
) -> Result<(), Stop> {
    let (port, protocol) = (i32::from(target.port), target.protocol);
    let same = |own: &ServicePort| Protocol::of_api(&own.protocol) == Some(protocol);
    let node = cluster.store.all::<Node>().find(|node| node.status.addresses.iter().any(|own| own.address == address));
    let node_port = |own: &ServicePort| own.node_port == port && same(own);
    if let Some((service, at)) = node.and_then(|_| find(cluster, |_| true, node_port)) {
        let because = vec![field(&ObjectRef::of(service), format!("spec.ports[{at}].nodePort"))];
        checks.holds("node-port", msg!("explain.nodePort.ok", port = port, service = service.metadata.name), because);
        return behind(cluster, service, at, checks, reached);
    }
    let has_port = |own: &ServicePort| own.port == port && same(own);
    let owns = |service: &Service| owns(service, address);
    // Several Services may share an external address: the one with this port gets the packet.
    if let Some((service, at)) = find(cluster, owns, has_port) {
        let (object, name) = (ObjectRef::of(service), &service.metadata.name);
        checks.holds("service-exists", msg!("explain.service.ok", service = name, address = address), Vec::new());
        let because = vec![field(&object, format!("spec.ports[{at}].port"))];
        checks.holds("service-port", msg!("explain.port.ok", service = name, port = port), because);
        return behind(cluster, service, at, checks, reached);
    }
    if let Some(node) = node {
        return on_the_node(cluster, node, target.port, protocol, checks);
    }
    if let Some(service) = cluster.store.all::<Service>().find(|service| owns(service)) {
        let name = &service.metadata.name;
        checks.holds("service-exists", msg!("explain.service.ok", service = name, address = address), Vec::new());
        let asked = format!("{port}/{}", protocol.api_name());
        let text = msg!("explain.port.missing", service = name, port = asked);
        let next = msg!("explain.port.has.next", service = name, ports = ports(service));
        return checks.fails("service-port", text, next, vec![field(&ObjectRef::of(service), "spec.ports")]);
    }
    if let Some(found) = cluster.store.all::<Pod>().find(|pod| pod.status.pod_ip == address) {
        let text = msg!("explain.pod.address", pod = found.metadata.name, address = address);
        checks.holds("pod-address", text, Vec::new());
        if let Some(service) = headless(cluster, &target.host, found) {
            let text = msg!("explain.headless.port", service = service.metadata.name, port = port);
            checks.holds("headless", text, vec![field(&ObjectRef::of(service), "spec.clusterIP")]);
        }
        // Who calls a Pod by its own address asks nobody whether it is ready.
        return pod::listens_on(cluster, found, target.port, protocol, checks);
    }
    Ok(())
}

/// Whether a Service has this address: as ClusterIP, as external IP or from a load balancer.
fn owns(service: &Service, address: &str) -> bool {
    let own = |at: &LoadBalancerIngress| balancer_address(service, at).is_some_and(|own| own.to_string() == address);
    let listed = service.spec.external_ips.iter().any(|own| own == address);
    listed || service.spec.cluster_ip == address || service.status.load_balancer.ingress.iter().any(own)
}

/// No Service has this port of a node: a Pod in the node's network may, or the health check of a Service.
fn on_the_node(cluster: &Cluster, node: &Node, port: u16, protocol: Protocol, checks: &mut Checks) -> Result<(), Stop> {
    let name = &node.metadata.name;
    let shares = |pod: &&Pod| pod.spec.host_network == Some(true) && pod.spec.node_name == *name;
    let listens = |pod: &&Pod| listener(cluster, pod, port, protocol).is_ok();
    if let Some(found) = cluster.store.all::<Pod>().filter(shares).find(listens) {
        let because = vec![field(&ObjectRef::of(found), "spec.hostNetwork")];
        let text = msg!("explain.pod.hostNetwork", pod = found.metadata.name, node = name, port = port);
        checks.holds("pod-address", text, because);
        return pod::listens_on(cluster, found, port, protocol, checks);
    }
    let number = i32::from(port);
    if cluster.store.all::<Service>().any(|service| service.spec.health_check_node_port == number) {
        return Ok(());
    }
    no_node_port(cluster, node, number, checks)
}

/// The headless Service by whose name a Pod was reached: its `port` and `targetPort` translate nothing.
fn headless<'a>(cluster: &'a Cluster, host: &str, pod: &Pod) -> Option<&'a Service> {
    let own = |service: &&Service| {
        let (meta, spec) = (&service.metadata, &service.spec);
        let selects = !spec.selector.is_empty() && selects(&spec.selector, &pod.metadata.labels);
        spec.cluster_ip == "None"
            && meta.namespace == pod.metadata.namespace
            && selects
            && host.split('.').any(|label| label == meta.name)
    };
    cluster.store.all::<Service>().find(own)
}

fn find(cluster: &Cluster, owns: impl Fn(&Service) -> bool, fits: impl Fn(&ServicePort) -> bool) -> Option<(&Service, usize)> {
    let services = cluster.store.all::<Service>().filter(|service| owns(service));
    services.into_iter().find_map(|service| Some((service, service.spec.ports.iter().position(&fits)?)))
}

fn no_node_port(cluster: &Cluster, node: &Node, port: i32, checks: &mut Checks) -> Result<(), Stop> {
    let all: Vec<String> = cluster
        .store
        .all::<Service>()
        .flat_map(|service| service.spec.ports.iter().map(move |port| (service, port.node_port)))
        .filter(|(_, port)| *port != 0)
        .map(|(service, port)| format!("{port} ({})", service.metadata.name))
        .collect();
    let plain = find(cluster, |service| service.spec.type_ == "ClusterIP", |own| own.port == port);
    let text = msg!("explain.nodePort.missing", port = port, node = node.metadata.name);
    if let Some(next) = host_port_elsewhere(&cluster.store, port) {
        return checks.fails("node-port", text, next, Vec::new());
    }
    let (next, because) = match plain {
        Some((service, _)) if service.spec.cluster_ip != "None" => {
            let next = msg!("explain.nodePort.type.next", service = service.metadata.name);
            (next, vec![field(&ObjectRef::of(service), "spec.type")])
        }
        _ if all.is_empty() => (msg!("explain.nodePort.none.next"), Vec::new()),
        _ => (msg!("explain.nodePort.next", ports = all.join(", ")), Vec::new()),
    };
    checks.fails("node-port", text, next, because)
}

fn ports(service: &Service) -> String {
    let one = |port: &ServicePort| {
        let protocol = Protocol::of_api(&port.protocol).unwrap_or_default().api_name();
        format!("{}/{protocol}", port.port)
    };
    service.spec.ports.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A Service that an Ingress names, by its port as written.
pub(super) fn backend(
    cluster: &Cluster,
    object: &ObjectRef,
    port: &str,
    checks: &mut Checks,
    reached: &mut Option<Reached>,
) -> Result<(), Stop> {
    let Some(service) = cluster.store.get::<Service>(&object.namespace, &object.name) else { return Ok(()) };
    let fits = |own: &ServicePort| own.port.to_string() == port || own.name == port;
    match service.spec.ports.iter().position(fits) {
        Some(at) => behind(cluster, service, at, checks, reached),
        None => Ok(()),
    }
}

/// Selector, Pods, readiness, slices, listeners.
fn behind(
    cluster: &Cluster,
    service: &Service,
    at: usize,
    checks: &mut Checks,
    reached: &mut Option<Reached>,
) -> Result<(), Stop> {
    *reached = Some((ObjectRef::of(service), at));
    if !service.spec.selector.is_empty() {
        matches_pods(cluster, service, checks)?;
        has_ready_pods(cluster, service, checks)?;
    }
    let endpoints = has_endpoints(cluster, service, at, checks)?;
    has_listener(cluster, service, at, &endpoints, checks)
}

/// The name of a headless Service is there as long as one of its Pods is ready.
pub(super) fn stands_for_ready_pods(cluster: &Cluster, service: &Service, checks: &mut Checks) -> Result<(), Stop> {
    if service.spec.selector.is_empty() || service.spec.cluster_ip != "None" {
        return Ok(());
    }
    is_headless(service, checks);
    matches_pods(cluster, service, checks)?;
    has_ready_pods(cluster, service, checks)
}

/// The name of one Pod behind a headless Service is there as long as this Pod is ready.
pub(super) fn pod_is_ready(cluster: &Cluster, service: &Service, host: &str, checks: &mut Checks) -> Result<(), Stop> {
    let named = |pod: &&Pod| pod.spec.hostname == host || (pod.spec.hostname.is_empty() && pod.metadata.name == host);
    let Some(found) = selected(cluster, service).into_iter().find(named) else { return Ok(()) };
    is_headless(service, checks);
    pod::is_ready(cluster, found, checks)
}

fn is_headless(service: &Service, checks: &mut Checks) {
    let because = vec![field(&ObjectRef::of(service), "spec.clusterIP")];
    checks.holds("headless", msg!("explain.headless.name", service = service.metadata.name), because);
}

pub(super) fn selected<'a>(cluster: &'a Cluster, service: &'a Service) -> Vec<&'a Pod> {
    let own = |pod: &&Pod| !service.spec.selector.is_empty() && selects(&service.spec.selector, &pod.metadata.labels);
    cluster.store.in_namespace::<Pod>(&service.metadata.namespace).filter(own).collect()
}

/// `app=web,tier=front`
pub(super) fn pairs(labels: &Labels) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

fn matches_pods(cluster: &Cluster, service: &Service, checks: &mut Checks) -> Result<(), Stop> {
    let (selector, object) = (pairs(&service.spec.selector), ObjectRef::of(service));
    let because = vec![field(&object, "spec.selector")];
    let count = selected(cluster, service).len();
    if count > 0 {
        checks.holds("selector-matches-pods", msg!("explain.selector.ok", selector = selector, count = count), because);
        return Ok(());
    }
    let text = msg!("explain.selector.none", selector = selector, namespace = service.metadata.namespace);
    let (next, also) = near_labels(cluster, service);
    checks.fails("selector-matches-pods", text, next, because.into_iter().chain(also).collect())
}

/// The Pod whose labels come nearest, and what differs; or the same labels in another namespace.
fn near_labels(cluster: &Cluster, service: &Service) -> (crate::words::Message, Vec<crate::trace::FieldRef>) {
    let selector = &service.spec.selector;
    if let Some(pod) = cluster.store.all::<Pod>().find(|pod| selects(selector, &pod.metadata.labels)) {
        let next = msg!("explain.selector.elsewhere.next", namespace = pod.metadata.namespace, service = service.metadata.name);
        return (next, vec![field(&ObjectRef::of(pod), "metadata.namespace")]);
    }
    if let Some(object) = scaled_to_nothing(cluster, service) {
        return (msg!("explain.selector.scaled.next", workload = object), vec![field(&object, "spec.replicas")]);
    }
    if let Some(Maker::Forbidden(object, lack)) = cluster.maker(&service.metadata.namespace, selector) {
        let next = msg!("advice.forbidden.next", kind = object.kind, name = object.name, message = lack.text);
        return (next, vec![field(&object, format!("spec.template.spec.{}", lack.field))]);
    }
    let alike = |pod: &&Pod| {
        let labels = &pod.metadata.labels;
        let equal = selector.iter().filter(|(key, value)| labels.get(*key) == Some(value)).count();
        let close = selector
            .iter()
            .filter(|(key, value)| labels.get(*key).is_some_and(|own| is_slip(distance(own, value), own, value)))
            .count();
        let swapped = selector.values().filter(|value| labels.values().any(|own| own == *value)).count();
        (equal, close, swapped)
    };
    let pods = cluster.store.in_namespace::<Pod>(&service.metadata.namespace).filter(|pod| alike(pod) > (0, 0, 0));
    // The first of equally near Pods, so that the answer does not depend on how many there are.
    let nearest = pods.fold(None, |best: Option<&Pod>, pod| match best {
        Some(held) if alike(&held) >= alike(&pod) => Some(held),
        _ => Some(pod),
    });
    match nearest {
        Some(pod) => {
            let next = msg!("explain.selector.near.next", pod = pod.metadata.name, labels = pairs(&pod.metadata.labels));
            (next, vec![field(&ObjectRef::of(pod), "metadata.labels")])
        }
        None => (msg!("explain.selector.none.next", selector = pairs(selector)), Vec::new()),
    }
}

/// A Deployment or StatefulSet whose Pods would match, if it had any.
fn scaled_to_nothing(cluster: &Cluster, service: &Service) -> Option<ObjectRef> {
    let (namespace, selector) = (&service.metadata.namespace, &service.spec.selector);
    let fits =
        |replicas: Option<i32>, template: &PodTemplateSpec| replicas == Some(0) && selects(selector, &template.metadata.labels);
    let deployments =
        cluster.store.in_namespace::<Deployment>(namespace).filter(|own| fits(own.spec.replicas, &own.spec.template));
    let sets = cluster.store.in_namespace::<StatefulSet>(namespace).filter(|own| fits(own.spec.replicas, &own.spec.template));
    deployments.map(ObjectRef::of).chain(sets.map(ObjectRef::of)).next()
}

fn has_ready_pods(cluster: &Cluster, service: &Service, checks: &mut Checks) -> Result<(), Stop> {
    let pods = selected(cluster, service);
    let ready = pods.iter().filter(|pod| pod::readiness(cluster, pod).is_none()).count();
    if ready > 0 || service.spec.publish_not_ready_addresses {
        checks.holds("pods-ready", msg!("explain.ready.ok", ready = ready, count = pods.len()), Vec::new());
        return Ok(());
    }
    let Some((why, because)) = pods.iter().find_map(|pod| pod::readiness(cluster, pod)) else { return Ok(()) };
    checks.fails("pods-ready", msg!("explain.ready.none", count = pods.len()), why, because)
}

type Ready<'a> = Vec<(&'a Endpoint, u16)>;

/// The ready endpoints of a Service's port, and their port numbers.
pub(super) fn ready_endpoints<'a>(cluster: &'a Cluster, service: &Service, port: &ServicePort) -> Ready<'a> {
    let meta = &service.metadata;
    let own = |slice: &&EndpointSlice| {
        let named = slice.metadata.labels.get("kubernetes.io/service-name") == Some(&meta.name);
        named && slice.metadata.namespace == meta.namespace && slice.address_type == "IPv4"
    };
    let mut found = Vec::new();
    for slice in cluster.store.all::<EndpointSlice>().filter(own) {
        let named = slice.ports.iter().find(|own| own.name.as_deref().unwrap_or_default() == port.name);
        let Some(number) = named.and_then(|port| u16::try_from(port.port?).ok()) else { continue };
        let ready = slice.endpoints.iter().filter(|endpoint| endpoint.conditions.ready.unwrap_or(true));
        found.extend(ready.map(|endpoint| (endpoint, number)));
    }
    found
}

fn has_endpoints<'a>(cluster: &'a Cluster, service: &Service, at: usize, checks: &mut Checks) -> Result<Ready<'a>, Stop> {
    let (object, name) = (ObjectRef::of(service), &service.metadata.name);
    let Some(port) = service.spec.ports.get(at) else { return Ok(Vec::new()) };
    let ready = ready_endpoints(cluster, service, port);
    if !ready.is_empty() {
        let because = vec![field(&object, format!("spec.ports[{at}].targetPort"))];
        checks.holds("endpoints-ready", msg!("explain.endpoints.ok", service = name, count = ready.len()), because);
        return Ok(ready);
    }
    if service.spec.selector.is_empty() {
        let text = msg!("explain.endpoints.noSelector", service = name);
        let (next, because) = unselected(&cluster.store, service);
        return checks.fails("endpoints-ready", text, next, vec![because]);
    }
    let because = vec![field(&object, format!("spec.ports[{at}].targetPort"))];
    if let crate::api::meta::IntOrString::String(target) = &port.target_port {
        let has = |pod: &&Pod| pod.spec.containers.iter().flat_map(|own| &own.ports).any(|own| own.name == *target);
        let pods = selected(cluster, service);
        if let Some((pod, (next, _))) = pods.into_iter().filter(has).find_map(|pod| Some((pod, pod::readiness(cluster, pod)?))) {
            let text = msg!("explain.endpoints.portNameUnready", name = target, service = name, pod = pod.metadata.name);
            return checks.fails("endpoints-ready", text, next, because);
        }
        let text = msg!("explain.endpoints.portName", name = target, service = name);
        return checks.fails("endpoints-ready", text, msg!("explain.endpoints.portName.next", name = target), because);
    }
    let text = msg!("explain.endpoints.none", service = name);
    checks.fails("endpoints-ready", text, msg!("explain.endpoints.none.next", service = name), because)
}

/// The listener of a Pod's port: `Err` says what listens instead.
pub(super) fn listener(cluster: &Cluster, pod: &Pod, port: u16, protocol: Protocol) -> Result<Listener, Vec<Listener>> {
    let services = cluster.store.in_namespace::<Service>(&pod.metadata.namespace).collect::<Vec<_>>();
    let all = listens(pod, services.into_iter());
    let fits = |own: &&Listener| own.port == port && own.protocol == protocol && !own.loopback_only;
    all.iter().find(fits).cloned().ok_or(all)
}

fn has_listener(cluster: &Cluster, service: &Service, at: usize, endpoints: &Ready, checks: &mut Checks) -> Result<(), Stop> {
    let protocol = service.spec.ports.get(at).and_then(|port| Protocol::of_api(&port.protocol)).unwrap_or_default();
    let target = field(&ObjectRef::of(service), format!("spec.ports[{at}].targetPort"));
    let namespace = &service.metadata.namespace;
    let pods = endpoints.iter().filter_map(|(endpoint, port)| {
        let reference = endpoint.target_ref.as_ref().filter(|reference| reference.kind == "Pod")?;
        Some((cluster.store.get::<Pod>(namespace, &reference.name)?, *port))
    });
    let mut silent = None;
    for (pod, port) in pods {
        match listener(cluster, pod, port, protocol) {
            Ok(listener) => {
                pod::container_runs(cluster, pod, &listener.container, checks)?;
                let fields = Some(listener.field).filter(|path| !path.is_empty()).map(|path| field(&ObjectRef::of(pod), path));
                let text = msg!("explain.listens.ok", container = listener.container, pod = pod.metadata.name, port = port);
                checks.holds("process-listens", text, std::iter::once(target).chain(fields).collect());
                return Ok(());
            }
            Err(others) => silent = silent.or(Some((pod, port, others))),
        }
    }
    match silent {
        Some((pod, port, others)) => pod::nothing_listens(pod, port, protocol, &others, vec![target], checks),
        None => Ok(()),
    }
}
