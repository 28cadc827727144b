//! The EndpointSlice controller: which Pod addresses and ports stand behind a Service.
//!
//! Imitates `k8s.io/endpointslice` v0.36 (`reconciler.go`, `utils.go`, `trafficdist/trafficdist.go`) for IPv4: Pods that differ in
//! resolved ports get slices of their own, at most 100 addresses a slice, existing slices are kept and filled up, a placeholder
//! stands where there is no address. Leaves out the trigger-time annotation and topology-aware hints by annotation.

use crate::api::core::{Node, ObjectReference, Pod, Service, ServicePort};
use crate::api::discovery::{Endpoint, EndpointConditions, EndpointHints, EndpointPort, EndpointSlice, ForNode, ForZone};
use crate::api::meta::{IntOrString, Labels, selects};
use crate::api::{ObjectRef, Resource};
use crate::cluster::{Store, Verb};
use crate::control_plane::dump::slices;
use crate::control_plane::world::{Key, World, controller_reference};
use crate::msg;
use crate::node::kubelet::is_ready;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

const COMPONENT: &str = "endpointslice-controller";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "endpointslice-controller.k8s.io";
const SERVICE_NAME: &str = "kubernetes.io/service-name";
const HEADLESS: &str = "service.kubernetes.io/headless";
const MAX_ENDPOINTS: usize = 100;

/// Works off the Services whose slices may change.
pub(crate) fn run(world: &mut World) {
    let labels = std::mem::take(&mut world.queue.labels);
    for (namespace, sets) in &labels {
        let services = world.cluster.store.in_namespace::<Service>(namespace);
        let hit = services.filter(|service| {
            !service.spec.selector.is_empty() && sets.iter().any(|labels| selects(&service.spec.selector, labels))
        });
        let keys: Vec<Key> = hit.map(|service| (namespace.clone(), service.metadata.name.clone())).collect();
        world.queue.services.extend(keys);
    }
    for key in std::mem::take(&mut world.queue.services) {
        if sync(world, &key) {
            super::endpoints::sync(world, &key);
        }
    }
}

/// False: its slices stand as a dump shows them.
fn sync(world: &mut World, key: &Key) -> bool {
    let existing = slices_of(&world.cluster.store, key);
    let service = world.cluster.store.services.get(key).cloned();
    let Some(service) = service else {
        // The garbage collector takes the slices of a Service that is gone.
        existing.iter().for_each(|slice| delete(world, slice));
        world.cluster.told_slices.remove(key);
        return true;
    };
    // An ExternalName gets no slices, and keeps those that it had as another type (`syncService`).
    if service.spec.selector.is_empty() || service.spec.type_ == "ExternalName" {
        return true;
    }
    let mut desired = desired(&world.cluster.store, &service);
    if slices::stand(world, &service, &existing, &desired) {
        return false;
    }
    let mut changed = Plan::default();
    for (ports, endpoints) in &mut desired {
        let own: Vec<Arc<EndpointSlice>> = existing.iter().filter(|slice| slice.ports == *ports).cloned().collect();
        pack(&service, ports, std::mem::take(endpoints), &own, &mut changed);
    }
    for slice in &existing {
        if !desired.iter().any(|(ports, _)| *ports == slice.ports) {
            changed.delete.push(slice.clone());
        }
    }
    if existing.len() == changed.delete.len() && changed.create.is_empty() {
        let empty = new_slice(&service, &[]);
        match changed.delete.as_slice() {
            [only] if only.endpoints.is_empty() && only.ports.is_empty() && only.metadata.labels == empty.metadata.labels => {
                changed.delete.clear();
            }
            _ => changed.create.push(empty),
        }
    }
    hint(&service, &existing, &mut changed);
    write(world, &service, changed);
    true
}

/// The slices of a Service that this controller made.
pub(crate) fn slices_of(store: &Store, key: &Key) -> Vec<Arc<EndpointSlice>> {
    let from = (key.0.clone(), String::new());
    let slices = store.endpoint_slices.range(from..).take_while(|((namespace, _), _)| *namespace == key.0);
    let own = slices.filter(|(_, slice)| {
        let labels = &slice.metadata.labels;
        let four = slice.address_type == "IPv4";
        four && labels.get(SERVICE_NAME) == Some(&key.1) && labels.get(MANAGED_BY).is_some_and(|by| by == MANAGER)
    });
    own.map(|(_, slice)| slice.clone()).collect()
}

/// Desired addresses by resolved ports.
pub(crate) fn desired(store: &Store, service: &Service) -> Vec<(Vec<EndpointPort>, Vec<Endpoint>)> {
    let mut groups: Vec<(Vec<EndpointPort>, Vec<Endpoint>)> = Vec::new();
    let namespace = &service.metadata.namespace;
    let from = (namespace.clone(), String::new());
    let pods = store.pods.range(from..).take_while(|((of, _), _)| of == namespace).map(|(_, pod)| pod);
    for pod in pods.filter(|pod| selects(&service.spec.selector, &pod.metadata.labels) && belongs(pod)) {
        let ports = endpoint_ports(service, pod);
        let at = match groups.iter().position(|(known, _)| *known == ports) {
            Some(at) => at,
            None => {
                groups.push((ports, Vec::new()));
                groups.len() - 1
            }
        };
        let node = store.get::<Node>("", &pod.spec.node_name);
        if node.is_none() && !service.spec.publish_not_ready_addresses {
            continue;
        }
        let endpoint = endpoint(pod, node, service);
        if let (false, Some((_, endpoints))) = (endpoint.addresses.is_empty(), groups.get_mut(at)) {
            endpoints.push(endpoint);
        }
    }
    groups
}

/// Ended Pods, and those without an address, are not endpoints.
fn belongs(pod: &Pod) -> bool {
    let ended = matches!(pod.status.phase.as_str(), "Succeeded" | "Failed");
    let addressed = !pod.status.pod_ip.is_empty() || !pod.status.pod_ips.is_empty();
    addressed && !ended
}

/// The Service's ports as this Pod has them; a name that it does not know is left out.
pub(crate) fn endpoint_ports(service: &Service, pod: &Pod) -> Vec<EndpointPort> {
    let resolved = service.spec.ports.iter().filter_map(|port| {
        Some(EndpointPort {
            name: Some(port.name.clone()),
            protocol: Some(protocol_of(&port.protocol).to_string()),
            port: Some(find_port(pod, port)?),
            app_protocol: port.app_protocol.clone(),
        })
    });
    resolved.collect()
}

fn protocol_of(protocol: &str) -> &str {
    if protocol.is_empty() { "TCP" } else { protocol }
}

/// The Pod's port that a Service port means.
pub(crate) fn find_port(pod: &Pod, port: &ServicePort) -> Option<i32> {
    let name = match &port.target_port {
        IntOrString::Int(0) => return Some(port.port),
        IntOrString::Int(number) => return Some(*number),
        IntOrString::String(name) => name,
    };
    let sidecars = pod.spec.init_containers.iter().filter(|container| container.is_sidecar());
    let ports = pod.spec.containers.iter().chain(sidecars).flat_map(|container| &container.ports);
    let mut named = ports.filter(|p| p.name == *name && protocol_of(&p.protocol) == protocol_of(&port.protocol));
    named.next().map(|port| port.container_port)
}

fn endpoint(pod: &Pod, node: Option<&Node>, service: &Service) -> Endpoint {
    let serving = is_ready(pod);
    let terminating = pod.metadata.deletion_timestamp.is_some();
    let ready = service.spec.publish_not_ready_addresses || (serving && !terminating);
    let addresses = pod.status.pod_ips.iter().filter(|ip| ip.ip.parse::<Ipv4Addr>().is_ok());
    let zone = node.and_then(|node| node.metadata.labels.get("topology.kubernetes.io/zone"));
    let named = !pod.spec.hostname.is_empty() && pod.spec.subdomain == service.metadata.name;
    Endpoint {
        addresses: addresses.map(|ip| ip.ip.clone()).collect(),
        conditions: EndpointConditions { ready: Some(ready), serving: Some(serving), terminating: Some(terminating) },
        hostname: named.then(|| pod.spec.hostname.clone()),
        node_name: (!pod.spec.node_name.is_empty()).then(|| pod.spec.node_name.clone()),
        zone: zone.filter(|zone| !zone.is_empty()).cloned(),
        target_ref: Some(reference(pod)),
        ..Endpoint::default()
    }
}

/// The Pod behind an endpoint.
pub(super) fn reference(pod: &Pod) -> ObjectReference {
    ObjectReference {
        kind: "Pod".into(),
        namespace: pod.metadata.namespace.clone(),
        name: pod.metadata.name.clone(),
        uid: pod.metadata.uid.clone(),
        ..ObjectReference::default()
    }
}

/// What is to be written.
#[derive(Default)]
struct Plan {
    create: Vec<EndpointSlice>,
    update: Vec<EndpointSlice>,
    delete: Vec<Arc<EndpointSlice>>,
}

/// An endpoint's identity (`util/endpointset.go`): its addresses, hostname and Pod.
fn same(a: &Endpoint, b: &Endpoint) -> bool {
    let pod = |endpoint: &Endpoint| endpoint.target_ref.as_ref().map(|pod| (pod.namespace.clone(), pod.name.clone()));
    a.addresses == b.addresses && a.hostname == b.hostname && pod(a) == pod(b)
}

/// Puts the desired endpoints of one port group into slices: kept where they are, the rest filled in.
fn pack(service: &Service, ports: &[EndpointPort], desired: Vec<Endpoint>, existing: &[Arc<EndpointSlice>], plan: &mut Plan) {
    let labels = labels_of(service);
    let mut left: BTreeMap<Vec<String>, Vec<Endpoint>> = BTreeMap::new();
    for endpoint in desired {
        left.entry(endpoint.addresses.clone()).or_default().push(endpoint);
    }
    let mut updated: Vec<EndpointSlice> = Vec::new();
    let mut untouched: Vec<Arc<EndpointSlice>> = Vec::new();
    for slice in existing {
        let mut kept = Vec::with_capacity(slice.endpoints.len());
        let mut differs = false;
        for old in &slice.endpoints {
            let candidates = left.get_mut(&old.addresses);
            let found = candidates.and_then(|found| found.iter().position(|new| same(new, old)).map(|at| found.remove(at)));
            let Some(mut new) = found else { continue };
            new.hints.clone_from(&old.hints);
            differs |= new != *old;
            kept.push(new);
        }
        if !differs && kept.len() == slice.endpoints.len() && slice.metadata.labels == labels {
            untouched.push(slice.clone());
        } else if kept.is_empty() && !slice.endpoints.is_empty() {
            plan.delete.push(slice.clone());
        } else {
            let mut next = slice.as_ref().clone();
            next.endpoints = kept;
            next.metadata.labels.clone_from(&labels);
            updated.push(next);
        }
    }
    let mut rest: Vec<Endpoint> = left.into_values().flatten().collect();
    // Taken from the end: lowest address first.
    rest.sort_by_key(|endpoint| std::cmp::Reverse(numeric(endpoint)));
    updated.sort_by_key(|slice| std::cmp::Reverse(slice.endpoints.len()));
    for slice in &mut updated {
        fill(slice, &mut rest);
    }
    while !rest.is_empty() {
        let room = |slice: &&Arc<EndpointSlice>| slice.endpoints.len() + rest.len() <= MAX_ENDPOINTS;
        let fullest =
            if rest.len() < MAX_ENDPOINTS { untouched.iter().filter(room).max_by_key(|s| s.endpoints.len()) } else { None };
        match fullest.cloned() {
            Some(slice) => {
                untouched.retain(|other| other.metadata.name != slice.metadata.name);
                let mut next = slice.as_ref().clone();
                fill(&mut next, &mut rest);
                updated.push(next);
            }
            None => {
                let mut slice = new_slice(service, ports);
                fill(&mut slice, &mut rest);
                plan.create.push(slice);
            }
        }
    }
    plan.update.append(&mut updated);
}

fn numeric(endpoint: &Endpoint) -> Option<Ipv4Addr> {
    endpoint.addresses.first().and_then(|address| address.parse().ok())
}

fn fill(slice: &mut EndpointSlice, rest: &mut Vec<Endpoint>) {
    while slice.endpoints.len() < MAX_ENDPOINTS {
        let Some(endpoint) = rest.pop() else { return };
        slice.endpoints.push(endpoint);
    }
}

pub(crate) fn new_slice(service: &Service, ports: &[EndpointPort]) -> EndpointSlice {
    let mut slice = EndpointSlice { address_type: "IPv4".into(), ports: ports.to_vec(), ..EndpointSlice::default() };
    slice.metadata.namespace.clone_from(&service.metadata.namespace);
    slice.metadata.generate_name = format!("{}-", service.metadata.name);
    slice.metadata.labels = labels_of(service);
    slice.metadata.owner_references = vec![controller_reference(service)];
    slice
}

/// The Service's labels, and the reserved ones.
fn labels_of(service: &Service) -> Labels {
    let mut labels = service.metadata.labels.clone();
    if matches!(service.spec.cluster_ip.as_str(), "None" | "") {
        labels.insert(HEADLESS.into(), String::new());
    } else {
        labels.remove(HEADLESS);
    }
    labels.insert(SERVICE_NAME.into(), service.metadata.name.clone());
    labels.insert(MANAGED_BY.into(), MANAGER.into());
    labels
}

/// Writes or removes hints as `spec.trafficDistribution` wants them.
fn hint(service: &Service, existing: &[Arc<EndpointSlice>], plan: &mut Plan) {
    // The annotation that came before it rules it out; the hints that it asks for itself are not played.
    let notes = &service.metadata.annotations;
    let note = ["service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"];
    let annotated = note.iter().find_map(|key| notes.get(*key)).is_some_and(|value| value == "Auto" || value == "auto");
    let wish = service.spec.traffic_distribution.as_deref().filter(|_| !annotated);
    let close = matches!(wish, Some("PreferClose" | "PreferSameZone" | "PreferSameNode"));
    let by_node = wish == Some("PreferSameNode");
    let apply = |slice: &mut EndpointSlice| {
        for endpoint in &mut slice.endpoints {
            if !close {
                endpoint.hints = None;
            } else if endpoint.conditions.ready == Some(true) {
                let zones: Vec<ForZone> = endpoint.zone.iter().map(|zone| ForZone { name: zone.clone() }).collect();
                let node = endpoint.node_name.iter().filter(|_| by_node);
                let nodes: Vec<ForNode> = node.map(|node| ForNode { name: node.clone() }).collect();
                let any = !zones.is_empty() || !nodes.is_empty();
                endpoint.hints = any.then_some(EndpointHints { for_zones: zones, for_nodes: nodes });
            }
        }
    };
    plan.create.iter_mut().for_each(apply);
    plan.update.iter_mut().for_each(apply);
    let planned: BTreeSet<String> = (plan.update.iter().map(|slice| &slice.metadata.name))
        .chain(plan.delete.iter().map(|slice| &slice.metadata.name))
        .cloned()
        .collect();
    for slice in existing.iter().filter(|slice| !planned.contains(&slice.metadata.name)) {
        let mut hinted = slice.as_ref().clone();
        apply(&mut hinted);
        if hinted != **slice {
            plan.update.push(hinted);
        }
    }
}

/// Writes the plan; a slice to be made takes over one that would be deleted, as upstream does.
fn write(world: &mut World, service: &Service, mut plan: Plan) {
    for _ in 0..plan.create.len().min(plan.delete.len()) {
        let (Some(mut new), Some(old)) = (plan.create.pop(), plan.delete.pop()) else { break };
        new.metadata.name.clone_from(&old.metadata.name);
        plan.update.push(new);
    }
    let Plan { create, update, delete: going } = plan;
    for mut slice in create {
        let prefix = slice.metadata.generate_name.clone();
        slice.metadata.name = world.generate_name::<EndpointSlice>(&slice.metadata.namespace, &prefix);
        say(world, service, &slice, Verb::Create);
        world.put_slice(slice);
    }
    for slice in update {
        say(world, service, &slice, Verb::Update);
        world.put_slice(slice);
    }
    for slice in going {
        delete(world, &slice);
    }
}

fn say(world: &mut World, service: &Service, slice: &EndpointSlice, verb: Verb) {
    let ready = slice.endpoints.iter().filter(|endpoint| endpoint.conditions.ready == Some(true)).count();
    let (name, service) = (&slice.metadata.name, &service.metadata.name);
    let message = match verb {
        Verb::Create => msg!("change.createSlice", slice = name, service = service, ready = ready),
        _ if slice.endpoints.is_empty() => msg!("change.emptySlice", slice = name, service = service),
        _ => msg!("change.updateSlice", slice = name, service = service, ready = ready, all = slice.endpoints.len()),
    };
    world.note(COMPONENT, verb, ObjectRef::of(slice), message);
}

fn delete(world: &mut World, slice: &Arc<EndpointSlice>) {
    let object = ObjectRef::of(slice.as_ref());
    world.note(COMPONENT, Verb::Delete, object.clone(), msg!("change.deleteSlice", slice = slice.metadata().name));
    world.touch_slice(slice);
    world.cluster.store.remove(&object);
    world.wrote(&object);
}
