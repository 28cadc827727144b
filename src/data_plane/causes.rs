//! Why a Service has no endpoint for one of its ports: no Pod has its labels, none of them is ready, or no container has the port's
//! name. In the order of Kubernetes' "Debug Services"; a trace's advice and `explain` ask here, so they say the same.

mod called;
mod selector;
mod unready;

pub use called::{
    ended, listener, nearest, no_node, no_rule, no_service, of_cluster_dns, other_backend_port, other_port,
    other_service_protocol, outdated, silent, taken,
};
pub use selector::{is_made, made_none, may_mean, no_pods, too_wide};
pub use unready::unready;

use super::unselected::unselected;
use crate::api::ObjectRef;
use crate::api::core::{ContainerPort, Node, Pod, Service, ServicePort};
use crate::api::discovery::{Endpoint, EndpointPort, EndpointSlice};
use crate::api::meta::{IntOrString, selects};
use crate::cluster::{Cluster, Store, ToldSlices};
use crate::msg;
use crate::node::kube_proxy::{internal_ip, parse_ip_sloppy};
use crate::packet::Protocol;
use crate::settings::Mode;
use crate::trace::{Advice, FieldRef, Hop, Place};
use crate::words::Message;
use std::net::Ipv4Addr;

/// The Pods that a Service's selector matches; an empty one matches none.
pub fn selected<'a>(cluster: &'a Cluster, service: &'a Service) -> Vec<&'a Pod> {
    let selector = &service.spec.selector;
    let own = |pod: &&Pod| !selector.is_empty() && selects(selector, &pod.metadata.labels);
    cluster.store.in_namespace::<Pod>(&service.metadata.namespace).filter(own).collect()
}

/// The endpoints of a Service's port that may take new connections, with their port number: those that are ready; where there are none,
/// those that are Terminating and still serve (`CategorizeEndpoints` of `pkg/proxy/topology.go`).
pub fn usable_endpoints<'a>(cluster: &'a Cluster, service: &Service, at: usize) -> Vec<(&'a Endpoint, u16)> {
    let mut all = endpoints_of(cluster, service, at);
    let ready: Vec<_> = all.iter().copied().filter(|(endpoint, _)| endpoint.conditions.ready.unwrap_or(true)).collect();
    if ready.is_empty() {
        all.retain(|(endpoint, _)| still_serves(endpoint));
        return all;
    }
    ready
}

/// The Pod of its node's network that an EndpointSlice names at an address and port: a packet for this endpoint is its own, whether it
/// listens there or not.
pub fn endpoint_on_host(store: &Store, ip: Ipv4Addr, (port, protocol): (u16, Protocol)) -> Option<&Pod> {
    store.all::<EndpointSlice>().find_map(|slice| {
        let fits = |own: &EndpointPort| {
            own.port == Some(port.into()) && Protocol::of_api(own.protocol.as_deref().unwrap_or("TCP")) == Some(protocol)
        };
        let here = |own: &&Endpoint| own.addresses.iter().any(|address| parse_ip_sloppy(address) == Some(ip));
        let endpoint = slice.endpoints.iter().filter(|_| slice.ports.iter().any(fits)).find(here)?;
        let pod = store.get::<Pod>(&slice.metadata.namespace, &endpoint.target_ref.as_ref()?.name)?;
        (pod.spec.host_network == Some(true)).then_some(pod)
    })
}

/// All endpoints of a Service's port.
fn endpoints_of<'a>(cluster: &'a Cluster, service: &Service, at: usize) -> Vec<(&'a Endpoint, u16)> {
    let meta = &service.metadata;
    let (name, protocol) = service.spec.ports.get(at).map_or(("", ""), |port| (port.name.as_str(), port.protocol.as_str()));
    let mut all = Vec::new();
    for slice in cluster.store.all::<EndpointSlice>() {
        let own = slice.metadata.labels.get("kubernetes.io/service-name") == Some(&meta.name);
        if !own || slice.metadata.namespace != meta.namespace || slice.address_type != "IPv4" {
            continue;
        }
        let named = slice
            .ports
            .iter()
            .find(|own| own.name.as_deref().unwrap_or_default() == name && own.protocol.as_deref().unwrap_or("TCP") == protocol);
        let Some(number) = named.and_then(|port| u16::try_from(port.port?).ok()) else { continue };
        all.extend(slice.endpoints.iter().map(|endpoint| (endpoint, number)));
    }
    all
}

/// Whether rules take packets for a Service's port: without endpoints it has only one that refuses them, in the filter table, which no
/// packet meets that another Service's rule has rewritten before (`syncProxyRules` of both modes).
pub fn takes_packets(cluster: &Cluster, service: &Service, port: &ServicePort) -> bool {
    let at = service.spec.ports.iter().position(|own| own.name == port.name);
    at.is_some_and(|at| !usable_endpoints(cluster, service, at).is_empty())
}

/// Where a packet met a Service's rules.
pub struct Met {
    node: String,
    /// It comes from a Pod or from the node itself.
    inside: bool,
}

impl Met {
    /// By the hop that tells of it.
    pub fn at(cluster: &Cluster, hop: &Hop) -> Option<Met> {
        let (Place::KubeProxy(node), src) = (&hop.at, hop.before?.src.ip) else { return None };
        let own = cluster.store.get::<Node>("", node).and_then(internal_ip);
        Some(Met { node: node.clone(), inside: cluster.settings.pod_range().contains(src) || own == Some(src) })
    }

    /// Whether the rules here take the packet for a Service's port, called at the address that a field gives. Under traffic policy Local
    /// only where an endpoint is on the node; whoever calls an external address from inside passes that policy by. With nftables an
    /// external address is one Service's alone, even where its rules then drop the packet (`noEndpointServices`).
    pub fn takes(&self, cluster: &Cluster, service: &Service, port: &ServicePort, field: &str) -> bool {
        let spec = &service.spec;
        let local = match field {
            "spec.clusterIP" => spec.internal_traffic_policy.as_deref() == Some("Local"),
            _ => spec.external_traffic_policy == "Local" && !self.inside && cluster.settings.mode == Mode::Iptables,
        };
        let at = spec.ports.iter().position(|own| own.name == port.name).filter(|_| local);
        let here = |(endpoint, _): &(&Endpoint, u16)| {
            let serves = endpoint.conditions.ready.unwrap_or(true) || still_serves(endpoint);
            serves && endpoint.node_name.as_ref() == Some(&self.node)
        };
        let near = at.is_none_or(|at| endpoints_of(cluster, service, at).iter().any(here));
        near && takes_packets(cluster, service, port)
    }
}

/// Whether an endpoint goes on serving though its Pod is Terminating.
pub fn still_serves(endpoint: &Endpoint) -> bool {
    let conditions = &endpoint.conditions;
    conditions.ready == Some(false) && conditions.terminating == Some(true) && conditions.serving.unwrap_or(true)
}

/// Why no Pod that a Service selects is ready, by the first of them; `None`: one is, or none is asked to be.
pub fn none_ready(cluster: &Cluster, service: &Service) -> Option<Advice> {
    let pods = selected(cluster, service);
    let mut reasons = pods.iter().map(|pod| unready(cluster, pod)).collect::<Option<Vec<Advice>>>()?;
    let asked = !service.spec.publish_not_ready_addresses;
    // Of a Pod that is on its way out there is less to say than of its successor.
    let leaves = |reason: &Advice| reason.why.id.starts_with("explain.pod.terminating");
    let first = reasons.iter().position(|reason| !leaves(reason)).unwrap_or(0);
    (asked && !reasons.is_empty()).then(|| reasons.swap_remove(first))
}

/// What keeps a Service's slices from its ready Pods, where a dump's slices stand as they are.
pub fn told_slices(cluster: &Cluster, service: &Service) -> Option<Advice> {
    let told = cluster.told_slices.get(&(service.metadata.namespace.clone(), service.metadata.name.clone()))?;
    let keeps = |text: &&Message| {
        ["lack", "unready", "ports", "mirrorLack", "mirrorOther"].iter().any(|end| text.id.ends_with(&format!(".told.{end}")))
    };
    let why = told.differences.iter().find(keeps)?.clone();
    let next = ToldSlices::next(&why);
    let path = if service.spec.selector.is_empty() { "spec" } else { "spec.selector" };
    let because = vec![FieldRef { object: ObjectRef::of(service), path: path.into() }];
    Some(Advice { why, next, because })
}

/// Why a port has no usable endpoint though Pods are ready; `None`: it has one.
pub fn no_port(cluster: &Cluster, service: &Service, at: usize) -> Option<Advice> {
    let (port, name) = (service.spec.ports.get(at)?, &service.metadata.name);
    if !usable_endpoints(cluster, service, at).is_empty() {
        return None;
    }
    if let Some(found) = told_slices(cluster, service) {
        return Some(found);
    }
    let because = vec![FieldRef { object: ObjectRef::of(service), path: format!("spec.ports[{at}].targetPort") }];
    let IntOrString::String(target) = &port.target_port else {
        let (why, next) = (msg!("explain.endpoints.none", service = name), msg!("explain.endpoints.none.next", service = name));
        return Some(Advice { why, next, because });
    };
    let pods = selected(cluster, service);
    let ports = |pod: &Pod| {
        let sidecars = pod.spec.init_containers.iter().filter(|own| own.is_sidecar());
        pod.spec.containers.iter().chain(sidecars).flat_map(|own| &own.ports).map(|own| own.name.clone()).collect::<Vec<_>>()
    };
    let has = |pod: &&&Pod| ports(pod).contains(target);
    if let Some((pod, found)) = pods.iter().filter(has).find_map(|pod| Some((pod, unready(cluster, pod)?))) {
        let why = msg!("explain.endpoints.portNameUnready", name = target, service = name, pod = pod.metadata.name);
        return Some(Advice { why, next: found.next, because });
    }
    if let Some(found) = pods.iter().find_map(|pod| other_protocol(service, port, pod)) {
        return Some(found);
    }
    let mut names: Vec<String> = pods.iter().flat_map(|pod| ports(pod)).filter(|name| !name.is_empty()).collect();
    names.sort();
    names.dedup();
    let why = msg!("explain.endpoints.portName", name = target, service = name);
    let next = match names.is_empty() {
        true => msg!("explain.endpoints.portName.next", name = target),
        false => msg!("explain.endpoints.portNames.next", name = target, names = names.join(", ")),
    };
    Some(Advice { why, next, because })
}

/// A Pod has a port of the name that a Service port asks for, but of another protocol: `FindPort` of upstream's endpointslice
/// package compares both.
pub fn other_protocol(service: &Service, port: &ServicePort, pod: &Pod) -> Option<Advice> {
    let IntOrString::String(name) = &port.target_port else { return None };
    let is_named = |own: &&ContainerPort| own.name == *name;
    let wanted = Protocol::of_api(&port.protocol);
    let sidecars = pod.spec.init_containers.iter().filter(|own| own.is_sidecar());
    let mut named = pod.spec.containers.iter().chain(sidecars).flat_map(|own| &own.ports).filter(is_named);
    let first = named.clone().next()?;
    if named.any(|own| Protocol::of_api(&own.protocol) == wanted) {
        return None;
    }
    let (own, wanted) = (Protocol::of_api(&first.protocol)?.api_name(), wanted?.api_name());
    let (pod, of) = (&pod.metadata.name, &service.metadata.name);
    let why = msg!("explain.pod.portProtocol", pod = pod, name = name, own = own, service = of, wanted = wanted);
    let at = service.spec.ports.iter().position(|other| other == port).unwrap_or_default();
    let because = vec![FieldRef { object: ObjectRef::of(service), path: format!("spec.ports[{at}].protocol") }];
    Some(Advice { why, next: msg!("explain.pod.portProtocol.next", name = name), because })
}

/// What to do first about the ports that nodes open, where nobody stands behind any of them and one is of a Service without selector;
/// `None`: to call such a port may help.
pub fn nobody_behind_node_ports(cluster: &Cluster) -> Option<Message> {
    let open = |service: &&Service| service.spec.ports.iter().any(|port| port.node_port != 0);
    let services: Vec<&Service> = cluster.store.all::<Service>().filter(open).collect();
    let served = |service: &Service| (0..service.spec.ports.len()).any(|at| !usable_endpoints(cluster, service, at).is_empty());
    if services.iter().any(|service| served(service)) {
        return None;
    }
    let bare = services.into_iter().find(|service| service.spec.selector.is_empty())?;
    no_endpoints(cluster, bare, 0).map(|found| found.next)
}

/// Why one port of a Service has no endpoint that may be used; `None`: it has one.
pub fn no_endpoints(cluster: &Cluster, service: &Service, at: usize) -> Option<Advice> {
    if !usable_endpoints(cluster, service, at).is_empty() {
        return None;
    }
    if service.spec.selector.is_empty() {
        if let Some(found) = told_slices(cluster, service) {
            return Some(found);
        }
        let (next, because) = unselected(&cluster.store, service);
        let why = msg!("explain.endpoints.noSelector", service = service.metadata.name);
        return Some(Advice { why, next, because: vec![because] });
    }
    if cluster.pods_are_absent(&service.metadata.namespace, &service.metadata.name) {
        let why = msg!("explain.absent.none", service = service.metadata.name);
        return Some(Advice { why, next: msg!("explain.absent.none.next"), because: Vec::new() });
    }
    if selected(cluster, service).is_empty() {
        return Some(no_pods(cluster, service));
    }
    none_ready(cluster, service).or_else(|| no_port(cluster, service, at))
}
