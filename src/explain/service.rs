//! From an address to a Service, and from the Service to a process that listens: Kubernetes' "Debug Services", step by step.

use super::request::{Reached, Target};
use super::{Checks, Stop, field, pod};
use crate::addons::public_dns::balancer_address;
use crate::api::core::{LoadBalancerIngress, Node, Pod, Service, ServicePort};
use crate::api::discovery::Endpoint;
use crate::api::meta::{Labels, selects};
use crate::api::{Kind, ObjectRef};
use crate::cluster::Cluster;
use crate::data_plane::causes::{
    Met, endpoint_on_host, listener, no_endpoints, no_pods, nobody_behind_node_ports, none_ready, other_port,
    other_service_protocol, selected, silent, still_serves, taken, takes_packets, told_slices, unready, usable_endpoints,
};
use crate::msg;
use crate::node::cni::host_port_elsewhere;
use crate::node::kube_proxy::{claimants, internal_ip};
use crate::packet::Protocol;
use crate::trace::Hop;

/// The Service behind an address, and everything behind that. `hop`: where rules took the packet for one of its Services.
pub(super) fn by_address(
    cluster: &Cluster,
    target: &Target,
    address: &str,
    hop: Option<&Hop>,
    checks: &mut Checks,
    reached: &mut Option<Reached>,
) -> Result<(), Stop> {
    let (port, protocol) = (i32::from(target.port), target.protocol);
    let taken = hop.and_then(|hop| hop.objects.iter().find(|object| object.kind == Kind::Service));
    let met = hop.and_then(|hop| Met::at(cluster, hop));
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
    // Several Services may share an address: one with this port gets the packet, and of several the one that the rules took.
    let took = |service: &Service| owns(service) && taken.is_some_and(|taken| ObjectRef::of(service) == *taken);
    let serves = |service: &Service| {
        owns(service) && service.spec.ports.iter().any(|own| has_port(own) && takes_packets(cluster, service, own))
    };
    let found = find(cluster, took, has_port).or_else(|| find(cluster, serves, has_port));
    if let Some((service, at)) = found.or_else(|| find(cluster, owns, has_port)) {
        let (object, name) = (ObjectRef::of(service), &service.metadata.name);
        let asked = address.parse().ok().map(|ip| (ip, target.port));
        let all = asked.map(|asked| claimants(&cluster.store, asked, protocol)).unwrap_or_default();
        let takes = |(other, own, field): &(&Service, &ServicePort, String)| match &met {
            Some(met) => met.takes(cluster, other, own, field),
            None => takes_packets(cluster, other, own),
        };
        let rival = all.iter().find(|claim| ObjectRef::of(claim.0) != object && takes(claim));
        let (other, shared) = (rival.map(|(other, ..)| &other.metadata.name), format!("{address}:{port}"));
        let text = match other {
            Some(other) if took(service) => msg!("explain.service.shared", service = name, address = shared, other = other),
            // No rule was met that would have taken the packet for one of them.
            Some(other) => msg!("explain.service.shared.notMet", service = name, address = shared, other = other),
            None => msg!("explain.service.ok", service = name, address = address),
        };
        checks.holds("service-exists", text, Vec::new());
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
        let (next, because) = other_service_protocol(service, port, protocol).unwrap_or_else(|| other_port(service, port));
        return checks.fails("service-port", text, next, vec![because]);
    }
    if let Some(found) = cluster.store.all::<Pod>().find(|pod| pod.status.pod_ip == address) {
        let text = msg!("explain.pod.address", pod = found.metadata.name, address = address);
        checks.holds("pod-address", text, Vec::new());
        if let Some(service) = headless(cluster, &target.host, found) {
            let text = msg!("explain.headless.port", service = service.metadata.name, port = port);
            checks.holds("headless", text, vec![field(&ObjectRef::of(service), "spec.clusterIP")]);
        }
        // Who calls a Pod by its own address asks nobody whether it is ready.
        return pod::listens_on(cluster, found, (target.port, protocol), None, checks);
    }
    Ok(())
}

/// Whether a Service has this address: as ClusterIP, as external IP or from a load balancer.
fn owns(service: &Service, address: &str) -> bool {
    let own = |at: &LoadBalancerIngress| balancer_address(service, at).is_some_and(|own| own.to_string() == address);
    let listed = service.has_rules() && service.spec.external_ips.iter().any(|own| own == address);
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
        return pod::listens_on(cluster, found, (port, protocol), None, checks);
    }
    let address = internal_ip(node);
    if let Some(found) = address.and_then(|ip| endpoint_on_host(&cluster.store, ip, (port, protocol))) {
        let shown = address.map(|ip| ip.to_string()).unwrap_or_default();
        let text = msg!("explain.pod.address", pod = found.metadata.name, address = shown);
        checks.holds("pod-address", text, vec![field(&ObjectRef::of(found), "spec.hostNetwork")]);
        return pod::listens_on(cluster, found, (port, protocol), None, checks);
    }
    let number = i32::from(port);
    if cluster.store.all::<Service>().any(|service| service.spec.health_check_node_port == number) {
        return Ok(());
    }
    no_node_port(cluster, node, number, protocol, checks)
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

fn no_node_port(cluster: &Cluster, node: &Node, port: i32, protocol: Protocol, checks: &mut Checks) -> Result<(), Stop> {
    let all: Vec<String> = cluster
        .store
        .all::<Service>()
        .flat_map(|service| service.spec.ports.iter().map(move |port| (service, port)))
        .filter(|(_, port)| port.node_port != 0)
        .map(|(service, port)| format!("{}/{} ({})", port.node_port, port.protocol, service.metadata.name))
        .collect();
    let plain = find(cluster, |service| service.spec.type_ == "ClusterIP", |own| own.port == port);
    let asked = format!("{port}/{}", protocol.api_name());
    let text = msg!("explain.nodePort.missing", port = asked, node = node.metadata.name);
    if let Some(next) = host_port_elsewhere(&cluster.store, port) {
        return checks.fails("node-port", text, next, Vec::new());
    }
    let (next, because) = match plain {
        Some((service, _)) if service.spec.cluster_ip != "None" => {
            let next = msg!("explain.nodePort.type.next", service = service.metadata.name);
            (next, vec![field(&ObjectRef::of(service), "spec.type")])
        }
        _ if all.is_empty() => (msg!("explain.nodePort.none.next"), Vec::new()),
        _ => {
            let next = nobody_behind_node_ports(cluster);
            (next.unwrap_or_else(|| msg!("explain.nodePort.next", ports = all.join(", "))), Vec::new())
        }
    };
    checks.fails("node-port", text, next, because)
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
        has_ready_pods(cluster, service, Some(at), checks)?;
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
    has_ready_pods(cluster, service, None, checks)?;
    told_slices(cluster, service).map_or(Ok(()), |found| checks.found("endpoints-ready", found))
}

/// The name of one Pod behind a headless Service is there as long as this Pod is ready.
pub(super) fn pod_is_ready(cluster: &Cluster, service: &Service, host: &str, checks: &mut Checks) -> Result<(), Stop> {
    let named = |pod: &&Pod| pod.spec.hostname == host || (pod.spec.hostname.is_empty() && pod.metadata.name == host);
    let Some(found) =
        selected(cluster, service).into_iter().find(named).filter(|pod| pod.spec.subdomain == service.metadata.name)
    else {
        return Ok(());
    };
    is_headless(service, checks);
    pod::is_ready(cluster, found, checks)
}

fn is_headless(service: &Service, checks: &mut Checks) {
    let because = vec![field(&ObjectRef::of(service), "spec.clusterIP")];
    checks.holds("headless", msg!("explain.headless.name", service = service.metadata.name), because);
}

/// `app=web,tier=front`
pub(super) fn pairs(labels: &Labels) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// The selector matches Pods, and one of them is ready, or need not be. `at`: the port that is called; none where only a name is asked
/// for, and DNS knows none but ready Pods.
fn has_ready_pods(cluster: &Cluster, service: &Service, at: Option<usize>, checks: &mut Checks) -> Result<(), Stop> {
    let (pods, selector) = (selected(cluster, service), pairs(&service.spec.selector));
    let (count, because) = (pods.len(), vec![field(&ObjectRef::of(service), "spec.selector")]);
    if cluster.pods_are_absent(&service.metadata.namespace, &service.metadata.name) {
        checks.holds("selector-matches-pods", msg!("explain.absent.ok", service = service.metadata.name), because);
        let lost = no_endpoints(cluster, service, 0).filter(|_| at.is_none());
        return lost.map_or(Ok(()), |found| checks.found("pods-ready", found));
    }
    if pods.is_empty() {
        return checks.found("selector-matches-pods", no_pods(cluster, service));
    }
    let lost = none_ready(cluster, service);
    let usable = at.map(|at| usable_endpoints(cluster, service, at)).unwrap_or_default();
    let last = usable.iter().filter(|(endpoint, _)| still_serves(endpoint)).count();
    let text = match &lost {
        Some(_) => msg!("explain.selector.noneReady", selector = selector, count = count),
        None => msg!("explain.selector.ok", selector = selector, count = count),
    };
    checks.holds("selector-matches-pods", text, because);
    match lost {
        Some(_) if last > 0 => checks.holds("pods-ready", msg!("explain.ready.last", count = last), Vec::new()),
        Some(lost) => return checks.found("pods-ready", lost),
        None => {
            let ready = pods.iter().filter(|pod| unready(cluster, pod).is_none()).count();
            checks.holds("pods-ready", msg!("explain.ready.ok", ready = ready, count = count), Vec::new());
        }
    }
    Ok(())
}

type Usable<'a> = Vec<(&'a Endpoint, u16)>;

fn has_endpoints<'a>(cluster: &'a Cluster, service: &Service, at: usize, checks: &mut Checks) -> Result<Usable<'a>, Stop> {
    let usable = usable_endpoints(cluster, service, at);
    if let Some((first, _)) = usable.first() {
        let (name, count) = (&service.metadata.name, usable.len());
        let because = vec![field(&ObjectRef::of(service), format!("spec.ports[{at}].targetPort"))];
        let text = match still_serves(first) {
            true => msg!("explain.endpoints.last", service = name, count = count),
            false => msg!("explain.endpoints.ok", service = name, count = count),
        };
        checks.holds("endpoints-ready", text, because);
        return Ok(usable);
    }
    match no_endpoints(cluster, service, at) {
        Some(found) => checks.found("endpoints-ready", found),
        None => Ok(usable),
    }
}

fn has_listener(cluster: &Cluster, service: &Service, at: usize, endpoints: &Usable, checks: &mut Checks) -> Result<(), Stop> {
    let protocol = service.spec.ports.get(at).and_then(|port| Protocol::of_api(&port.protocol)).unwrap_or_default();
    let target = field(&ObjectRef::of(service), format!("spec.ports[{at}].targetPort"));
    let namespace = &service.metadata.namespace;
    let pods = endpoints.iter().filter_map(|(endpoint, port)| {
        let reference = endpoint.target_ref.as_ref().filter(|reference| reference.kind == "Pod")?;
        Some((cluster.store.get::<Pod>(namespace, &reference.name)?, *port))
    });
    let mut refusing = None;
    for (pod, port) in pods {
        match listener(cluster, pod, port, protocol) {
            Ok(listener) => {
                pod::container_runs(cluster, pod, &listener.container, checks)?;
                let text = taken(pod, &listener);
                let fields = Some(listener.field).filter(|path| !path.is_empty()).map(|path| field(&ObjectRef::of(pod), path));
                checks.holds("process-listens", text, std::iter::once(target).chain(fields).collect());
                return Ok(());
            }
            Err(others) => refusing = refusing.or(Some((pod, port, others))),
        }
    }
    match refusing {
        Some((pod, port, others)) => {
            let mut found = silent(cluster, pod, port, protocol, &others);
            found.because.insert(0, target);
            checks.found("process-listens", found)
        }
        None => Ok(()),
    }
}
