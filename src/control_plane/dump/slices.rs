//! The EndpointSlices of a dump: kube-proxy and DNS go by them alone, so they stand as they are until something changes here.
//!
//! Where the real controller (`k8s.io/endpointslice`) would have written others for the very Pods of the dump, it did not follow, and
//! that is told. Order, hints, zones and generated names are no differences.

use super::super::controller_manager::{endpoint_slice, endpoints};
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

/// Compares the slices that came with a dump with what their controller would write for the Pods as the dump shows them, before
/// anybody here has done anything.
pub(crate) fn judge(world: &mut World) {
    let services: Vec<Arc<Service>> = world.cluster.store.services.values().cloned().collect();
    for service in services {
        let key: Key = (service.metadata.namespace.clone(), service.metadata.name.clone());
        if service.spec.selector.is_empty()
            || service.spec.type_ == "ExternalName"
            || world.cluster.told_slices.contains_key(&key)
        {
            continue;
        }
        let slices = endpoint_slice::slices_of(&world.cluster.store, &key);
        let dumped = |slice: &Arc<EndpointSlice>| came_from_dump(world, &ObjectRef::of(slice.as_ref()));
        let Some(first) = slices.first().filter(|_| slices.iter().all(dumped)) else { continue };
        // A dump without Pods says nothing of who is gone.
        let shown = world.cluster.store.in_namespace::<Pod>(&key.0).any(|pod| came_from_dump(world, &ObjectRef::of(pod)));
        if !shown {
            continue;
        }
        let desired = endpoint_slice::desired(&world.cluster.store, &service);
        let differences = differences(world, &service, &slices, &desired);
        for text in &differences {
            let note = refusals::ours(world.cluster.origin(&ObjectRef::of(first.as_ref())), "endpoints", text.clone());
            let help = Some(msg!("explain.endpoints.told.next"));
            world.diagnostics.push(Diagnostic { severity: Severity::Warning, help, ..note });
        }
        let desired = hash(&service, &slices, &desired);
        world.cluster.told_slices.insert(key, ToldSlices { desired, differences });
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

/// Whether a dump shows slices that the mirroring controller made of Endpoints that it leaves out.
pub(crate) fn are_told(world: &World, key: &Key) -> bool {
    let left_out = world.life_of(&ObjectRef::new(Kind::Endpoints, &key.0, &key.1)) == 0;
    let of_service = |slice: &&EndpointSlice| slice.metadata.labels.get("kubernetes.io/service-name") == Some(&key.1);
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

/// What the real controller would have written otherwise, in words.
fn differences(world: &World, service: &Service, slices: &[Arc<EndpointSlice>], desired: &Desired) -> Vec<Message> {
    let here = slices.iter().flat_map(|slice| slice.endpoints.iter().map(|endpoint| Own { endpoint, ports: &slice.ports }));
    let here: Vec<Own> = here.filter(|own| own.endpoint.target_ref.as_ref().is_none_or(|target| target.kind == "Pod")).collect();
    let there = desired.iter().flat_map(|(ports, all)| all.iter().map(|endpoint| Own { endpoint, ports }));
    let there: Vec<Own> = there.collect();
    let (mut gone, mut other, mut unready, mut ready, mut ports) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
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
    let mut found = Vec::new();
    let mut tell = |names: Vec<String>, text: fn(&str, String) -> Message| {
        if !names.is_empty() {
            found.push(text(name, listed(names)));
        }
    };
    tell(lack, |name, pods| msg!("explain.endpoints.told.lack", service = name, pods = pods));
    tell(unready, |name, pods| msg!("explain.endpoints.told.unready", service = name, pods = pods));
    tell(ports, |name, pods| msg!("explain.endpoints.told.ports", service = name, pods = pods));
    tell(gone, |name, addresses| msg!("explain.endpoints.told.gone", service = name, addresses = addresses));
    tell(ready, |name, pods| msg!("explain.endpoints.told.ready", service = name, pods = pods));
    tell(other, |name, pods| msg!("explain.endpoints.told.other", service = name, pods = pods));
    found
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
