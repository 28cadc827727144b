//! A dump of a real cluster, pasted whole: `kubectl get deploy,rs,po,svc,ep,endpointslices,ing,no -A -o yaml`.
//!
//! Objects that carry a uid of their own are taken as they stand: names, addresses, readiness and owners are the real cluster's,
//! and what the dump's controllers made is not made twice. Where the dump has Nodes, they take the place of the standing ones,
//! and the address ranges are read off them. Leaves out the addresses of other clusters' node port ranges and IPv6.

use super::apiserver::{AdmittedObject, Object};
use super::apply;
use super::world::{Key, World};
use crate::api::core::{Node, Service};
use crate::api::{Kind, ObjectRef};
use crate::kubectl::{Manifest, Manifests};
use crate::netfilter::Cidr;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Whether the document came out of an API server.
pub(crate) fn is_dumped(manifest: &Manifest) -> bool {
    manifest.value.pointer("/metadata/uid").and_then(serde_json::Value::as_str).is_some_and(|uid| !uid.is_empty())
}

/// Whether the object's document came out of an API server.
pub(crate) fn came_from_dump(world: &World, object: &ObjectRef) -> bool {
    world.cluster.origin(object).is_some_and(is_dumped)
}

/// Makes room for what the dump brings: other objects of the same names, and other nodes.
pub(crate) fn make_room(world: &mut World, manifests: &Manifests, work: &[AdmittedObject]) {
    let dumped = |item: &&AdmittedObject| {
        manifests.documents.iter().any(|manifest| manifest.position == item.position && is_dumped(manifest))
    };
    let brought: Vec<&AdmittedObject> = work.iter().filter(dumped).collect();
    for item in &brought {
        let object = item.object.object_ref();
        let uid = |item: &AdmittedObject| item.value.pointer("/metadata/uid").and_then(|uid| uid.as_str()).map(str::to_string);
        let stands = world.cluster.store.metadata(&object).map(|meta| meta.uid.clone());
        if stands.is_some() && stands != uid(item) {
            remove(world, &object);
        }
    }
    let nodes: Vec<Node> = brought
        .iter()
        .filter_map(|item| if let Object::Node(node) = &item.object { Some(node.as_ref().clone()) } else { None })
        .collect();
    if nodes.is_empty() {
        return;
    }
    let named = |name: &str| nodes.iter().any(|node| node.metadata.name == name);
    let standing: Vec<ObjectRef> = world.cluster.store.all::<Node>().map(ObjectRef::of).collect();
    for node in standing
        .iter()
        .filter(|node| !named(&node.name) && !world.cluster.origins.contains_key(node))
        .cloned()
        .collect::<Vec<_>>()
    {
        apply::delete(world, &node);
    }
    read_ranges(world, &nodes, &brought);
}

/// Takes an object out without a word: its namesake follows.
fn remove(world: &mut World, object: &ObjectRef) {
    let key: Key = (object.namespace.clone(), object.name.clone());
    match object.kind {
        Kind::Pod => world.remove_pod(&key),
        _ => {
            world.cluster.store.remove(object);
        }
    }
}

/// The ranges of the Pods and Services of the real cluster, as far as its Nodes and `default/kubernetes` tell.
fn read_ranges(world: &mut World, nodes: &[Node], brought: &[&AdmittedObject]) {
    let mut settings = world.cluster.settings.as_ref().clone();
    let ranges: Vec<Cidr> = nodes.iter().filter_map(|node| node.spec.pod_cidr.parse().ok()).collect();
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
    if settings != *world.cluster.settings {
        world.cluster.settings = Arc::new(settings);
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
