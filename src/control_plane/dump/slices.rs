//! The EndpointSlices of a dump: kube-proxy and DNS go by them alone, so they stand as they are until something changes here.
//!
//! Where the real controller (`k8s.io/endpointslice`) would have written others for the very Pods of the dump, or the mirroring one
//! (`pkg/controller/endpointslicemirroring`) for its Endpoints, it did not follow, and that is told. Order, hints, zones and generated
//! names are no differences.

use super::super::controller_manager::{endpoint_slice, endpoint_slice_mirroring as mirroring, endpoints};
use super::super::refusals;
use super::super::world::{Key, World};
use super::came_from_dump;
use crate::api::core::{Node, Pod, Service};
use crate::api::discovery::{Endpoint, EndpointPort, EndpointSlice};
use crate::api::meta::selects;
use crate::api::{Kind, ObjectRef};
use crate::cluster::ToldSlices;
use crate::diagnostic::{Diagnostic, Severity};
use crate::msg;
use crate::random::stable_hash;
use crate::words::Message;
use serde_json::Value;
use std::sync::Arc;

type Desired = [(Vec<EndpointPort>, Vec<Endpoint>)];

const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Compares the slices that came with a dump with what their controllers would write for the Pods and Endpoints as the dump shows
/// them, before anybody here has done anything. Gives the Services whose slices it looked at.
pub(crate) fn judge(world: &mut World) -> Vec<Key> {
    let services: Vec<Arc<Service>> = world.cluster.store.services.values().cloned().collect();
    let mut judged = Vec::new();
    for service in services {
        let key: Key = (service.metadata.namespace.clone(), service.metadata.name.clone());
        if service.spec.type_ == "ExternalName" || world.cluster.told_slices.contains_key(&key) {
            continue;
        }
        let told = match service.spec.selector.is_empty() {
            true => mirrored(world, &service, &key),
            false => absent(world, &service, &key).or_else(|| selected(world, &service, &key)),
        };
        if let Some(told) = told {
            world.cluster.told_slices.insert(key.clone(), told);
            judged.push(key);
        }
    }
    judged
}

/// The slices of a Service whose Pods the dump leaves out. Where it has Endpoints in place of slices, these say the same. A dump of
/// Pods with what made them is whole: a Pod that it does not show is gone.
fn absent(world: &mut World, service: &Service, key: &Key) -> Option<ToldSlices> {
    let mut dumped = world.cluster.manifests.documents.iter().filter(|own| own.is_dumped() && own.namespace == key.0);
    let whole = dumped.clone().any(|own| own.kind == "Pod")
        && dumped.any(|own| matches!(own.kind.as_str(), "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet"));
    let chosen = |pod: &Pod| selects(&service.spec.selector, &pod.metadata.labels);
    if whole || world.cluster.store.in_namespace::<Pod>(&key.0).any(chosen) {
        return None;
    }
    let mut slices = endpoint_slice::slices_of(&world.cluster.store, key);
    let endpoints = world.cluster.store.endpoints.get(key).cloned();
    if let Some(own) = endpoints.filter(|own| slices.is_empty() && came_from_dump(world, &ObjectRef::of(own.as_ref()))) {
        for told in mirroring::slices(&own).into_iter().filter(|told| told.address_type == "IPv4") {
            let mut slice = endpoint_slice::new_slice(service, &told.ports);
            slice.metadata.name = world.generate_name::<EndpointSlice>(&key.0, &slice.metadata.generate_name.clone());
            slice.endpoints = told.endpoints;
            world.put_slice(slice);
        }
        slices = endpoint_slice::slices_of(&world.cluster.store, key);
    } else if !are_dumped(world, &slices) {
        return None;
    }
    let desired = hash(service, &slices, &[]);
    let named = slices.iter().any(|slice| !slice.endpoints.is_empty());
    named.then(|| ToldSlices { desired, absent: true, ..ToldSlices::default() })
}

/// The slices of a Service that selects Pods.
fn selected(world: &World, service: &Service, key: &Key) -> Option<ToldSlices> {
    let slices = endpoint_slice::slices_of(&world.cluster.store, key);
    // A dump without Pods says nothing of who is gone.
    let shown = world.cluster.store.in_namespace::<Pod>(&key.0).any(|pod| came_from_dump(world, &ObjectRef::of(pod)));
    if !shown || !are_dumped(world, &slices) {
        return None;
    }
    let desired = endpoint_slice::desired(&world.cluster.store, service);
    let differences = differences(world, service, &slices, &desired);
    Some(ToldSlices { desired: hash(service, &slices, &desired), differences, absent: false })
}

/// The slices of a Service whose Endpoints are written by hand.
fn mirrored(world: &World, service: &Service, key: &Key) -> Option<ToldSlices> {
    let slices = mirroring::slices_of(&world.cluster.store, key);
    let endpoints = world.cluster.store.endpoints.get(key)?;
    if !are_dumped(world, &slices) || !came_from_dump(world, &ObjectRef::of(endpoints.as_ref())) {
        return None;
    }
    let wanted = mirroring::wanted(endpoints);
    let differences = unmirrored(service, &slices, &by_ports(&wanted));
    Some(ToldSlices { desired: mirror_hash(&wanted), differences, absent: false }).filter(|told| !told.differences.is_empty())
}

fn are_dumped(world: &World, slices: &[Arc<EndpointSlice>]) -> bool {
    !slices.is_empty() && slices.iter().all(|slice| came_from_dump(world, &ObjectRef::of(slice.as_ref())))
}

/// Tells what the real controllers did not follow, of those slices that stand still once all here have worked: where loading a dump
/// changed a Pod, its slices are written anew.
pub(crate) fn tell(world: &mut World, judged: &[Key]) {
    let told = &world.cluster.told_slices;
    let absent: Vec<&Key> = judged.iter().filter(|key| told.get(*key).is_some_and(|told| told.absent)).collect();
    if let Some((namespace, name)) = absent.first() {
        let first = world.cluster.origin(&ObjectRef::new(Kind::Service, namespace, name));
        let services = listed(absent.iter().map(|key| key.1.clone()).collect());
        let note = refusals::ours(first, "spec.selector", msg!("dump.podsAbsent", services = services));
        let help = Some(msg!("dump.podsAbsent.help"));
        world.diagnostics.push(Diagnostic { severity: Severity::Info, help, ..note });
    }
    for key in judged {
        let Some(told) = world.cluster.told_slices.get(key).cloned().filter(|told| told.desired != 0) else { continue };
        let own = |slice: &&EndpointSlice| slice.metadata.labels.get(SERVICE_NAME) == Some(&key.1);
        let Some(first) = world.cluster.store.in_namespace::<EndpointSlice>(&key.0).find(own).map(ObjectRef::of) else {
            continue;
        };
        for text in told.differences {
            let help = Some(ToldSlices::next(&text));
            let note = refusals::ours(world.cluster.origin(&first), "endpoints", text);
            world.diagnostics.push(Diagnostic { severity: Severity::Warning, help, ..note });
        }
    }
}

/// Whether a Service's slices stand as the dump shows them: nothing has changed since that the controller would follow. `desired` is
/// what it would write.
pub(crate) fn stand(world: &mut World, service: &Service, slices: &[Arc<EndpointSlice>], desired: &Desired) -> bool {
    let key: Key = (service.metadata.namespace.clone(), service.metadata.name.clone());
    let Some(told) = world.cluster.told_slices.get_mut(&key) else { return false };
    if told.desired != 0 && told.desired != hash(service, slices, desired) {
        *told = ToldSlices::default();
    }
    let stand = told.desired != 0;
    if stand {
        endpoints::follow(world, &key, slices);
    }
    stand
}

/// Whether a Service's mirrored slices stand as the dump shows them: its Endpoints are still those that they differ from.
pub(crate) fn mirror_stands(world: &mut World, key: &Key, wanted: &[EndpointSlice]) -> bool {
    let Some(told) = world.cluster.told_slices.get_mut(key) else { return false };
    if told.desired != mirror_hash(wanted) {
        *told = ToldSlices::default();
    }
    told.desired != 0
}

/// Whether a dump shows slices that the mirroring controller made of Endpoints that it leaves out.
pub(crate) fn are_told(world: &World, key: &Key) -> bool {
    let left_out = world.life_of(&ObjectRef::new(Kind::Endpoints, &key.0, &key.1)) == 0;
    let of_service = |slice: &&EndpointSlice| slice.metadata.labels.get(SERVICE_NAME) == Some(&key.1);
    let mut own = world.cluster.store.in_namespace::<EndpointSlice>(&key.0).filter(of_service);
    left_out && own.any(|slice| came_from_dump(world, &ObjectRef::of(slice)))
}

/// The slices of a Service go with it, whose namesake a dump brings.
pub(super) fn leave(world: &mut World, key: &Key) {
    for slice in endpoint_slice::slices_of(&world.cluster.store, key) {
        let object = ObjectRef::of(slice.as_ref());
        if !came_from_dump(world, &object) {
            world.touch_slice(&slice);
            world.cluster.store.remove(&object);
            world.wrote(&object);
        }
    }
}

/// All that the controller goes by.
fn hash(service: &Service, slices: &[Arc<EndpointSlice>], desired: &Desired) -> u64 {
    let names: Vec<&str> = slices.iter().map(|slice| slice.metadata.name.as_str()).collect();
    let (meta, spec) = (&service.metadata, &service.spec);
    let all = (names, &meta.labels, &meta.annotations, &spec.traffic_distribution, desired);
    stable_hash(&serde_json::to_string(&all).unwrap_or_default()).max(1)
}

fn mirror_hash(wanted: &[EndpointSlice]) -> u64 {
    stable_hash(&serde_json::to_string(&by_ports(wanted)).unwrap_or_default()).max(1)
}

fn by_ports(slices: &[EndpointSlice]) -> Vec<(Vec<EndpointPort>, Vec<Endpoint>)> {
    let four = slices.iter().filter(|slice| slice.address_type == "IPv4");
    four.map(|slice| (slice.ports.clone(), slice.endpoints.clone())).collect()
}

/// An endpoint as one side has it: its Pod's name or address, whether it takes connections, its ports.
struct Own<'a> {
    endpoint: &'a Endpoint,
    ports: &'a [EndpointPort],
}

impl Own<'_> {
    fn pod(&self) -> Option<&str> {
        self.endpoint.target_ref.as_ref().filter(|target| target.kind == "Pod").map(|target| target.name.as_str())
    }

    fn name(&self) -> String {
        self.pod().map_or_else(|| self.endpoint.addresses.join(", "), str::to_string)
    }

    fn is(&self, other: &Own) -> bool {
        let shared = self.endpoint.addresses.iter().any(|ip| other.endpoint.addresses.contains(ip));
        shared && self.pod().zip(other.pod()).is_none_or(|(one, other)| one == other)
    }

    /// As kube-proxy reads it (`endpointslicecache.go`): ready; or Terminating and serving still.
    fn state(&self) -> (bool, bool) {
        let conditions = &self.endpoint.conditions;
        let ready = conditions.ready.unwrap_or(true);
        (ready, !ready && conditions.serving.unwrap_or(ready) && conditions.terminating == Some(true))
    }

    fn numbers(&self) -> Vec<(String, String, i32)> {
        let protocol = |port: &EndpointPort| port.protocol.clone().unwrap_or_else(|| "TCP".into());
        let ports = self.ports.iter().map(|port| (port.name.clone().unwrap_or_default(), protocol(port), port.port.unwrap_or(0)));
        let mut all: Vec<_> = ports.collect();
        all.sort();
        all
    }
}

fn here(slices: &[Arc<EndpointSlice>]) -> Vec<Own<'_>> {
    let four = slices.iter().filter(|slice| slice.address_type == "IPv4");
    four.flat_map(|slice| slice.endpoints.iter().map(|endpoint| Own { endpoint, ports: &slice.ports })).collect()
}

fn there(desired: &Desired) -> Vec<Own<'_>> {
    desired.iter().flat_map(|(ports, all)| all.iter().map(|endpoint| Own { endpoint, ports })).collect()
}

/// What the real controller would have written otherwise for the Pods, in words.
fn differences(world: &World, service: &Service, slices: &[Arc<EndpointSlice>], desired: &Desired) -> Vec<Message> {
    let mut here = here(slices);
    here.retain(|own| own.endpoint.target_ref.as_ref().is_none_or(|target| target.kind == "Pod"));
    let there = there(desired);
    let (mut gone, mut other, mut unready, mut ports) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut ready, mut terminating) = (Vec::new(), Vec::new());
    for own in &here {
        let Some(wanted) = there.iter().find(|wanted| wanted.is(own)) else {
            match of_address(world, service, own) {
                Standing::Nobody => gone.push(own.endpoint.addresses.join(", ")),
                Standing::Unselected(name) => other.push(name),
                Standing::Unclear => {}
            }
            continue;
        };
        match (own.state(), wanted.state()) {
            (had, would) if had == would => {}
            (_, (true, _)) => unready.push(own.name()),
            ((true, _), _) if wanted.endpoint.conditions.terminating == Some(true) => terminating.push(own.name()),
            ((true, _), _) => ready.push(own.name()),
            _ => {}
        }
        if own.numbers() != wanted.numbers() {
            ports.push(own.name());
        }
    }
    // What takes no connections either way is no difference to anybody.
    let counts = |own: &&Own| own.state() != (false, false);
    let lack = there.iter().filter(counts).filter(|own| !here.iter().any(|had| own.is(had))).map(Own::name).collect();
    let name = &service.metadata.name;
    told([
        (lack, &|pods| msg!("explain.endpoints.told.lack", service = name, pods = pods)),
        (unready, &|pods| msg!("explain.endpoints.told.unready", service = name, pods = pods)),
        (ports, &|pods| msg!("explain.endpoints.told.ports", service = name, pods = pods)),
        (gone, &|addresses| msg!("explain.endpoints.told.gone", service = name, addresses = addresses)),
        (ready, &|pods| msg!("explain.endpoints.told.ready", service = name, pods = pods)),
        (terminating, &|pods| msg!("explain.endpoints.told.terminating", service = name, pods = pods)),
        (other, &|pods| msg!("explain.endpoints.told.other", service = name, pods = pods)),
    ])
}

/// What the mirroring controller would have written otherwise for the Endpoints, in words.
fn unmirrored(service: &Service, slices: &[Arc<EndpointSlice>], desired: &Desired) -> Vec<Message> {
    let (here, there) = (here(slices), there(desired));
    let addresses = |own: &Own| own.endpoint.addresses.join(", ");
    let without = |all: &[Own], others: &[Own]| -> Vec<String> {
        all.iter().filter(|own| !others.iter().any(|other| own.is(other))).map(addresses).collect()
    };
    let differs = |own: &&Own, wanted: &Own| own.state() != wanted.state() || own.numbers() != wanted.numbers();
    let changed = here.iter().filter(|own| there.iter().find(|wanted| own.is(wanted)).is_some_and(|wanted| differs(own, wanted)));
    let name = &service.metadata.name;
    told([
        (without(&there, &here), &|all| msg!("explain.endpoints.told.mirrorLack", service = name, addresses = all)),
        (changed.map(addresses).collect(), &|all| msg!("explain.endpoints.told.mirrorOther", service = name, addresses = all)),
        (without(&here, &there), &|all| msg!("explain.endpoints.told.mirrorMore", service = name, addresses = all)),
    ])
}

/// Whom a kind of difference concerns, and its words.
type Difference<'a> = (Vec<String>, &'a dyn Fn(String) -> Message);

fn told<const KINDS: usize>(found: [Difference<'_>; KINDS]) -> Vec<Message> {
    let some = found.into_iter().filter(|(names, _)| !names.is_empty());
    some.map(|(names, text)| text(listed(names))).collect()
}

/// How many are named.
const NAMED: usize = 5;

fn listed(mut names: Vec<String>) -> String {
    let more = names.len() > NAMED;
    names.truncate(NAMED);
    names.join(", ") + if more { ", …" } else { "" }
}

/// Who has an address that the controller would not list.
enum Standing {
    /// No Pod of the dump.
    Nobody,
    /// A Pod whose labels are others, or that has ended.
    Unselected(String),
    /// A Pod that is not taken in here, or whose node is not.
    Unclear,
}

fn of_address(world: &World, service: &Service, own: &Own) -> Standing {
    let namespace = &service.metadata.namespace;
    let has = |pod: &&Pod| own.endpoint.addresses.contains(&pod.status.pod_ip);
    let named = |pod: &&Pod| own.pod().is_none_or(|name| name == pod.metadata.name);
    let store = &world.cluster.store;
    if let Some(pod) = store.in_namespace::<Pod>(namespace).find(|pod| has(pod) && named(pod)) {
        let node = store.get::<Node>("", &pod.spec.node_name).is_some();
        let chosen = selects(&service.spec.selector, &pod.metadata.labels);
        return if chosen && !node { Standing::Unclear } else { Standing::Unselected(pod.metadata.name.clone()) };
    }
    let mut pods = world.cluster.manifests.documents.iter().filter(|own| own.kind == "Pod" && own.namespace == *namespace);
    let told = |ip: &str| own.endpoint.addresses.iter().any(|own| own == ip);
    let refused = pods.any(|pod| pod.value.pointer("/status/podIP").and_then(Value::as_str).is_some_and(told));
    if refused { Standing::Unclear } else { Standing::Nobody }
}
