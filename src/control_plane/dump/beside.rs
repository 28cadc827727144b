//! What a dump leaves out: of what its cluster's controllers wrote, the other form of the API server's endpoints; who makes a Pod of it;
//! what holds its Terminating Pods.

use super::came_from_dump;
use crate::api::core::{EndpointSubset, Pod};
use crate::api::discovery::{Endpoint, EndpointPort, EndpointSlice};
use crate::api::{Kind, ObjectRef};
use crate::control_plane::controller_manager::endpoints;
use crate::control_plane::refusals;
use crate::control_plane::world::{Key, World};
use crate::diagnostic::{Diagnostic, Severity};
use crate::kubectl::Manifests;
use crate::msg;
use std::sync::Arc;

/// The API server writes the Endpoints of `default/kubernetes` and their slice alike: what the dump lacks of the two follows the other.
pub(crate) fn follow_api_server(world: &mut World) {
    let key: Key = ("default".into(), "kubernetes".into());
    let store = &world.cluster.store;
    let (slice, old) = (store.endpoint_slices.get(&key).cloned(), store.endpoints.get(&key).cloned());
    let dumped = |object: Option<ObjectRef>| object.is_some_and(|object| came_from_dump(world, &object));
    if dumped(slice.as_ref().map(|slice| ObjectRef::of(slice.as_ref()))) {
        return endpoints::follow(world, &key, slice.as_slice());
    }
    if !dumped(old.as_ref().map(|old| ObjectRef::of(old.as_ref()))) {
        return;
    }
    let (Some(mut slice), Some(old)) = (slice, old) else { return };
    let Some(told) = old.subsets.first().filter(|told| is_played(told)) else { return };
    let next = Arc::make_mut(&mut slice);
    let port = |port: &crate::api::core::EndpointPort| EndpointPort {
        name: Some(port.name.clone()),
        port: Some(port.port),
        protocol: Some(port.protocol.clone()),
        app_protocol: None,
    };
    next.ports = told.ports.iter().map(port).collect();
    let like = next.endpoints.first().cloned().unwrap_or_default();
    next.endpoints = told.addresses.iter().map(|at| Endpoint { addresses: vec![at.ip.clone()], ..like.clone() }).collect();
    world.put_slice(EndpointSlice::clone(&slice));
}

/// What to say when a Pod of a dump is deleted whose controller the dump does not have: nothing brings it back.
pub(crate) fn absent_owner(world: &World, object: &ObjectRef) -> Option<Diagnostic> {
    let told = world.cluster.origin(object).filter(|told| object.kind == Kind::Pod && told.is_dumped())?;
    let (kind, owner) = world.cluster.absent_owner(told)?;
    let text = msg!("dump.ownerElsewhere", pod = object.name, kind = kind, owner = owner);
    let note = refusals::ours(Some(told), "metadata.ownerReferences", text);
    Some(Diagnostic { severity: Severity::Warning, ..note })
}

/// Says what holds the Pods that this text shows Terminating on living nodes.
pub(crate) fn tell_held(world: &mut World, manifests: &Manifests) {
    let cluster = &world.cluster;
    let told = manifests.documents.iter().filter(|told| told.kind == "Pod" && told.is_dumped()).filter_map(|told| {
        let pod = cluster.store.get::<Pod>(&told.namespace, &told.name).filter(|pod| cluster.is_up(&pod.spec.node_name))?;
        let held = cluster.held(pod)?;
        let (why, next) = held.told(pod);
        let note = refusals::ours(Some(told), held.field(), why);
        Some(Diagnostic { severity: Severity::Warning, help: Some(next), ..note })
    });
    let told: Vec<Diagnostic> = told.collect();
    world.diagnostics.extend(told);
}

fn is_played(subset: &EndpointSubset) -> bool {
    !subset.addresses.is_empty() && subset.addresses.iter().all(|at| !at.ip.contains(':'))
}
