//! The Endpoints controller: the old form of EndpointSlice, kept for `kubectl get endpoints`.
//!
//! Imitates `pkg/controller/endpoint/endpoints_controller.go` and `k8s.io/kubernetes/pkg/api/v1/endpoints` (`RepackSubsets`):
//! addresses that share ready state and ports share a subset. Leaves out the annotation for more than 1,000 addresses.

use super::endpoint_slice::{endpoint_ports, reference};
use crate::api::core::{EndpointAddress, EndpointPort, EndpointSubset, Pod, Service};
use crate::api::discovery::{EndpointPort as SlicePort, EndpointSlice};
use crate::api::meta::{Labels, selects};
use crate::api::{Kind, ObjectRef};
use crate::control_plane::world::{Key, World};
use crate::node::kubelet::is_ready;
use std::collections::BTreeMap;
use std::sync::Arc;

const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const MANAGER: &str = "endpoint-controller";

/// Name, number, protocol, application protocol: in the order in which subsets are sorted.
type Port = (i32, String, String, Option<String>);

/// Writes the Endpoints of one Service.
pub(crate) fn sync(world: &mut World, key: &Key) {
    let Some(service) = world.cluster.store.services.get(key).cloned() else {
        world.cluster.store.remove(&ObjectRef::new(Kind::Endpoints, &key.0, &key.1));
        return;
    };
    if service.spec.type_ == "ExternalName" || service.spec.selector.is_empty() {
        return;
    }
    let old = world.cluster.store.endpoints.get(key).cloned();
    let subsets = subsets(world, &service);
    let labels = labels_of(&service);
    if old.as_ref().is_some_and(|old| old.subsets == subsets && old.metadata.labels == labels) {
        return;
    }
    let mut next = old.map(|old| old.as_ref().clone()).unwrap_or_default();
    next.metadata.name.clone_from(&key.1);
    next.metadata.namespace.clone_from(&key.0);
    next.metadata.labels = labels;
    next.subsets = subsets;
    world.put(next);
    world.queue.mirrored.remove(key);
}

/// Where a dump has slices and no Endpoints, these say the same.
pub(crate) fn follow(world: &mut World, key: &Key, slices: &[Arc<EndpointSlice>]) {
    if world.cluster.origins.contains_key(&ObjectRef::new(Kind::Endpoints, &key.0, &key.1)) {
        return;
    }
    let subset = |slice: &Arc<EndpointSlice>| {
        let port = |port: &SlicePort| EndpointPort {
            name: port.name.clone().unwrap_or_default(),
            port: port.port.unwrap_or(0),
            protocol: port.protocol.clone().unwrap_or_default(),
            app_protocol: port.app_protocol.clone(),
        };
        let mut subset = EndpointSubset { ports: slice.ports.iter().map(port).collect(), ..EndpointSubset::default() };
        for endpoint in &slice.endpoints {
            let ready = endpoint.conditions.ready != Some(false);
            let list = if ready { &mut subset.addresses } else { &mut subset.not_ready_addresses };
            list.extend(endpoint.addresses.iter().map(|ip| EndpointAddress {
                ip: ip.clone(),
                hostname: endpoint.hostname.clone().unwrap_or_default(),
                node_name: endpoint.node_name.clone(),
                target_ref: endpoint.target_ref.clone(),
            }));
        }
        subset
    };
    let four = slices.iter().filter(|slice| slice.address_type == "IPv4" && !slice.endpoints.is_empty());
    let subsets: Vec<EndpointSubset> = four.map(subset).collect();
    let old = world.cluster.store.endpoints.get(key).cloned();
    if old.as_ref().is_some_and(|old| old.subsets == subsets) {
        return;
    }
    let mut next = old.map(|old| old.as_ref().clone()).unwrap_or_default();
    next.metadata.name.clone_from(&key.1);
    next.metadata.namespace.clone_from(&key.0);
    next.subsets = subsets;
    world.put(next);
    world.queue.mirrored.remove(key);
}

fn labels_of(service: &Service) -> Labels {
    let mut labels = service.metadata.labels.clone();
    if matches!(service.spec.cluster_ip.as_str(), "None" | "") {
        labels.insert("service.kubernetes.io/headless".into(), String::new());
    } else {
        labels.remove("service.kubernetes.io/headless");
    }
    labels.insert(MANAGED_BY.into(), MANAGER.into());
    labels
}

fn subsets(world: &World, service: &Service) -> Vec<EndpointSubset> {
    let namespace = &service.metadata.namespace;
    let headless_without_ports = service.spec.ports.is_empty() && service.spec.cluster_ip == "None";
    // For each address, by readiness: the ports it has.
    let mut by_address: BTreeMap<(std::net::IpAddr, String, bool), (EndpointAddress, Vec<Port>)> = BTreeMap::new();
    let pods = world.cluster.store.in_namespace::<Pod>(namespace);
    for pod in pods.filter(|pod| selects(&service.spec.selector, &pod.metadata.labels) && belongs(pod, service)) {
        let resolved = endpoint_ports(service, pod);
        if resolved.is_empty() && !headless_without_ports {
            continue;
        }
        let Some(ip) = pod.status.pod_ips.iter().find_map(|ip| ip.ip.parse().ok()) else { continue };
        let ready = service.spec.publish_not_ready_addresses || is_ready(pod);
        let port = |port: crate::api::discovery::EndpointPort| {
            (port.port.unwrap_or(0), port.name.unwrap_or_default(), port.protocol.unwrap_or_default(), port.app_protocol)
        };
        let mut ports: Vec<Port> = resolved.into_iter().map(port).collect();
        ports.sort();
        by_address.insert((ip, pod.metadata.uid.clone(), ready), (address(pod, ip, service), ports));
    }
    let mut groups: BTreeMap<Vec<Port>, EndpointSubset> = BTreeMap::new();
    for ((_, _, ready), (address, ports)) in by_address {
        let subset = groups.entry(ports).or_default();
        if ready { subset.addresses.push(address) } else { subset.not_ready_addresses.push(address) }
    }
    let with_ports = groups.into_iter().map(|(ports, mut subset)| {
        let port = |(port, name, protocol, app_protocol)| EndpointPort { name, port, protocol, app_protocol };
        subset.ports = ports.into_iter().map(port).collect();
        subset
    });
    with_ports.collect()
}

fn belongs(pod: &Pod, service: &Service) -> bool {
    let ended = matches!(pod.status.phase.as_str(), "Succeeded" | "Failed");
    let going = pod.metadata.deletion_timestamp.is_some() && !service.spec.publish_not_ready_addresses;
    !ended && !going
}

fn address(pod: &Pod, ip: std::net::IpAddr, service: &Service) -> EndpointAddress {
    let named = !pod.spec.hostname.is_empty() && pod.spec.subdomain == service.metadata.name;
    EndpointAddress {
        ip: ip.to_string(),
        hostname: if named { pod.spec.hostname.clone() } else { String::new() },
        node_name: (!pod.spec.node_name.is_empty()).then(|| pod.spec.node_name.clone()),
        target_ref: Some(reference(pod)),
    }
}
