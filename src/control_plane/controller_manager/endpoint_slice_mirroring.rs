//! The EndpointSlice mirroring controller: Endpoints that people write by hand become slices.
//!
//! Imitates `pkg/controller/endpointslicemirroring` for IPv4: only for Services without selector, not where the label
//! `endpointslice.kubernetes.io/skip-mirror` is true, at most 1,000 addresses a subset. Slices are named after the Endpoints.

use crate::api::core::{EndpointSubset, Endpoints};
use crate::api::discovery::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use crate::api::{ObjectRef, Resource};
use crate::cluster::Verb;
use crate::control_plane::world::{Key, World, controller_reference};
use crate::msg;
use std::sync::Arc;

const COMPONENT: &str = "endpointslice-mirroring-controller";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "endpointslicemirroring-controller.k8s.io";
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Works off the Endpoints that may have to be mirrored.
pub(crate) fn run(world: &mut World) {
    for key in std::mem::take(&mut world.queue.mirrored) {
        let endpoints = world.cluster.store.endpoints.get(&key).cloned();
        let service = world.cluster.store.services.get(&key);
        let mirrored = service.is_some_and(|service| service.spec.selector.is_empty() && service.spec.type_ != "ExternalName");
        let wanted = match endpoints {
            Some(endpoints) if mirrored && !skips(&endpoints) => slices(&endpoints),
            _ => Vec::new(),
        };
        reconcile(world, &key, wanted);
    }
}

fn skips(endpoints: &Endpoints) -> bool {
    let labels = &endpoints.metadata.labels;
    labels.get("endpointslice.kubernetes.io/skip-mirror").is_some_and(|skip| skip == "true")
        || labels.contains_key("endpoints.kubernetes.io/managed-by")
}

fn slices(endpoints: &Endpoints) -> Vec<EndpointSlice> {
    endpoints
        .subsets
        .iter()
        .filter(|subset| !(subset.addresses.is_empty() && subset.not_ready_addresses.is_empty()))
        .map(|subset| slice(endpoints, subset))
        .collect()
}

fn slice(endpoints: &Endpoints, subset: &EndpointSubset) -> EndpointSlice {
    let mut slice = EndpointSlice { address_type: "IPv4".into(), ..EndpointSlice::default() };
    let meta = &mut slice.metadata;
    meta.namespace.clone_from(&endpoints.metadata.namespace);
    meta.generate_name = format!("{}-", endpoints.metadata.name);
    meta.labels.clone_from(&endpoints.metadata.labels);
    meta.labels.insert(SERVICE_NAME.into(), endpoints.metadata.name.clone());
    meta.labels.insert(MANAGED_BY.into(), MANAGER.into());
    meta.owner_references = vec![controller_reference(endpoints)];
    let ready = subset.addresses.iter().map(|address| (address, true));
    let all = ready.chain(subset.not_ready_addresses.iter().map(|address| (address, false)));
    let endpoint = |(address, ready): (&crate::api::core::EndpointAddress, bool)| Endpoint {
        addresses: vec![address.ip.clone()],
        conditions: EndpointConditions { ready: Some(ready), ..EndpointConditions::default() },
        hostname: (!address.hostname.is_empty()).then(|| address.hostname.clone()),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    };
    slice.endpoints = all.take(1000).map(endpoint).collect();
    let port = |port: &crate::api::core::EndpointPort| EndpointPort {
        name: Some(port.name.clone()),
        protocol: Some(if port.protocol.is_empty() { "TCP".into() } else { port.protocol.clone() }),
        port: Some(port.port),
        app_protocol: port.app_protocol.clone(),
    };
    slice.ports = subset.ports.iter().map(port).collect();
    slice
}

fn reconcile(world: &mut World, key: &Key, wanted: Vec<EndpointSlice>) {
    let own = |slice: &&Arc<EndpointSlice>| {
        let labels = &slice.metadata.labels;
        slice.metadata.namespace == key.0
            && labels.get(SERVICE_NAME) == Some(&key.1)
            && labels.get(MANAGED_BY).is_some_and(|by| by == MANAGER)
    };
    let mut old: Vec<Arc<EndpointSlice>> = world.cluster.store.endpoint_slices.values().filter(own).cloned().collect();
    for mut slice in wanted {
        let kept = old.iter().position(|old| old.ports == slice.ports).map(|at| old.remove(at));
        let verb = if kept.is_some() { Verb::Update } else { Verb::Create };
        match kept {
            Some(kept) if kept.endpoints == slice.endpoints => continue,
            Some(kept) => slice.metadata.name.clone_from(&kept.metadata.name),
            None => {
                let prefix = slice.metadata.generate_name.clone();
                slice.metadata.name = world.generate_name::<EndpointSlice>(&key.0, &prefix);
            }
        }
        let message = msg!("change.mirror", slice = slice.metadata.name, endpoints = key.1);
        world.note(COMPONENT, verb, ObjectRef::of(&slice), message);
        world.put_slice(slice);
    }
    for slice in old {
        let object = ObjectRef::of(slice.as_ref());
        world.note(COMPONENT, Verb::Delete, object.clone(), msg!("change.deleteSlice", slice = slice.metadata().name));
        world.touch_slice(&slice);
        world.cluster.store.remove(&object);
    }
}
