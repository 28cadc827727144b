//! The machines and address ranges of a dump's cluster, read off what it shows.

use super::super::apiserver::{AdmittedObject, Object};
use super::super::inventory;
use super::super::kubelets::internal_ip;
use super::super::world::World;
use crate::addons::metallb;
use crate::api::core::{Endpoints, Node, NodeAddress, ObjectReference, Pod, Service};
use crate::api::discovery::EndpointSlice;
use crate::netfilter::Cidr;
use crate::settings::{MOST_NODES, Provider, Settings};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The nodes that a dump's Pods or its slices name and that neither the dump nor the cluster has: with the addresses that the Pods tell, and the
/// /24 of each one's Pods, where no two share one.
pub(super) fn presumed_nodes(world: &World, brought: &[&AdmittedObject]) -> Vec<Node> {
    let mut found: BTreeMap<&str, (&str, Vec<Ipv4Addr>)> = BTreeMap::new();
    for home in homes(brought) {
        if home.node.is_empty() || world.cluster.store.get::<Node>("", home.node).is_some() {
            continue;
        }
        let (host, bases) = found.entry(home.node).or_default();
        if host.is_empty() {
            *host = home.host;
        }
        bases.extend(home.pod.map(|ip| masked(ip, 24)));
    }
    let alone = |base: &Ipv4Addr| found.values().filter(|(_, bases)| bases.contains(base)).count() == 1;
    let node = |(name, (host, bases)): (&&str, &(&str, Vec<Ipv4Addr>))| {
        let mut node = Node::default();
        node.metadata.name = (*name).to_string();
        if !host.is_empty() {
            node.status.addresses.push(NodeAddress { type_: "InternalIP".into(), address: (*host).to_string() });
        }
        if let Some(base) = bases.first().filter(|base| bases.iter().all(|other| other == *base) && alone(base)) {
            node.spec.pod_cidr = Cidr { base: *base, bits: 24 }.to_string();
        }
        node
    };
    found.iter().map(node).take(MOST_NODES as usize).collect()
}

/// Where a Pod lives: the name and the address of its node, and its own on the Pod network.
struct Home<'a> {
    node: &'a str,
    host: &'a str,
    pod: Option<Ipv4Addr>,
}

/// An endpoint's node, its Pod and its address.
type Told<'a> = (&'a Option<String>, &'a Option<ObjectReference>, Option<&'a String>);

fn of_slice(slice: &EndpointSlice) -> Vec<Told<'_>> {
    slice.endpoints.iter().map(|own| (&own.node_name, &own.target_ref, own.addresses.first())).collect()
}

fn of_endpoints(endpoints: &Endpoints) -> Vec<Told<'_>> {
    let all = endpoints.subsets.iter().flat_map(|subset| subset.addresses.iter().chain(&subset.not_ready_addresses));
    all.map(|own| (&own.node_name, &own.target_ref, Some(&own.ip))).collect()
}

/// The homes that Pods tell, and of Pods that the dump leaves out, its EndpointSlices and Endpoints.
fn homes<'a>(brought: &[&'a AdmittedObject]) -> Vec<Home<'a>> {
    let (mut found, mut shown) = (Vec::new(), BTreeSet::new());
    for item in brought {
        if let Object::Pod(pod) = &item.object {
            shown.insert((&pod.metadata.namespace, &pod.metadata.name));
            found.push(Home { node: &pod.spec.node_name, host: &pod.status.host_ip, pod: pod_address(item) });
        }
    }
    for item in brought {
        let (namespace, endpoints) = match &item.object {
            Object::EndpointSlice(slice) => (&slice.metadata.namespace, of_slice(slice)),
            Object::Endpoints(own) => (&own.metadata.namespace, of_endpoints(own)),
            _ => continue,
        };
        for (node, target, address) in endpoints {
            let pod = target.as_ref().filter(|target| target.kind == "Pod");
            let out = pod.is_some_and(|target| !shown.contains(&(namespace, &target.name)));
            if let Some(node) = node.as_deref().filter(|_| out) {
                found.push(Home { node, host: "", pod: address.and_then(|ip| ip.parse().ok()) });
            }
        }
    }
    found
}

/// A Node of a dump with what it leaves out. One without a range of Pods has none: its network gives addresses in another way (Amazon
/// VPC CNI, Azure CNI, Calico's and Cilium's own pools).
pub(crate) fn completed(settings: &Settings, node: Node, number: u32) -> Node {
    let range = node.spec.pod_cidr.clone();
    let mut node = inventory::completed(settings, node, number);
    node.spec.pod_cidr = range;
    node
}

/// Where a new Pod of a node without a range gets its address: beside the node's other Pods, else beside the node itself. Without the
/// addresses of nodes.
pub(crate) fn neighbourhood(world: &World, node: &Node) -> Option<(Cidr, BTreeSet<Ipv4Addr>)> {
    let store = &world.cluster.store;
    let beside = |pod: &&Pod| pod.spec.node_name == node.metadata.name && pod.spec.host_network != Some(true);
    let known = store.all::<Pod>().filter(beside).find_map(|pod| pod.status.pod_ip.parse().ok());
    let base = masked(known.or_else(|| internal_ip(node).parse().ok())?, 24);
    let machines = store.all::<Node>().filter_map(|node| internal_ip(node).parse().ok());
    Some((Cidr { base, bits: 24 }, machines.chain(world.pod_addresses.iter().copied()).collect()))
}

/// The ranges of the Pods and Services of the real cluster, as far as its Nodes and `default/kubernetes` tell.
pub(crate) fn read_ranges(world: &mut World, nodes: &[Node], brought: &[&AdmittedObject]) {
    let mut settings = world.cluster.settings.as_ref().clone();
    let mut ranges: Vec<Cidr> = nodes.iter().filter_map(|node| node.spec.pod_cidr.parse().ok()).collect();
    if ranges.is_empty() {
        // Pods on a cloud's own network (Amazon VPC CNI): no node has a range, and the Pods tell where they live.
        ranges = brought.iter().filter_map(pod_address).map(|base| Cidr { base, bits: 32 }).collect();
    }
    if let Some(range) = spanning(&ranges) {
        settings.pod_cidr = range.to_string();
    }
    let api_server = brought.iter().find_map(|item| match &item.object {
        Object::Service(service) if is_api_server(service) => service.spec.cluster_ip.parse::<Ipv4Addr>().ok(),
        _ => None,
    });
    if let Some(address) = api_server {
        settings.service_cidr = Cidr { base: masked(address, 16), bits: 16 }.to_string();
    }
    let speaks = |item: &&AdmittedObject| matches!(&item.object, Object::Pod(pod) if metallb::is_speaker(&pod.spec));
    if brought.iter().any(speaks) {
        settings.load_balancer.provider = Provider::Metallb;
    }
    if settings != *world.cluster.settings {
        world.cluster.settings = Arc::new(settings);
    }
}

/// The address of a Pod on the Pod network.
fn pod_address(item: &&AdmittedObject) -> Option<Ipv4Addr> {
    match &item.object {
        Object::Pod(pod) if pod.spec.host_network != Some(true) => pod.status.pod_ip.parse().ok(),
        _ => None,
    }
}

fn is_api_server(service: &Service) -> bool {
    service.metadata.namespace == "default" && service.metadata.name == "kubernetes"
}

fn masked(address: Ipv4Addr, bits: u8) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
    Ipv4Addr::from(u32::from(address) & mask)
}

/// The smallest range that holds all of them, at least a /16.
fn spanning(ranges: &[Cidr]) -> Option<Cidr> {
    let first = ranges.first()?;
    let bits = (8..=16u8).rev().find(|bits| ranges.iter().all(|range| masked(range.base, *bits) == masked(first.base, *bits)))?;
    Some(Cidr { base: masked(first.base, bits), bits })
}
