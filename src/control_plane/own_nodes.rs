//! Which machines the cluster has: those that its text describes, else those that kubehop makes up.
//!
//! Made-up nodes (`node-1` to `node-N`, for a setting `nodes` that is a number) stand in for a cluster of which nobody has said anything. The
//! Nodes of a text take their place: those of a dump always; those that somebody has written unless one bears the name of a made-up
//! node, and so says more about that one (a zone, a taint). Nodes that the settings list stay beside those of a text.

use super::apiserver::{AdmittedObject, Object};
use super::world::World;
use super::{delete, dump, inventory, refusals};
use crate::api::core::Node;
use crate::api::{Kind, ObjectRef};
use crate::cluster::{Cluster, Origin};
use crate::diagnostic::{Diagnostic, Severity};
use crate::kubectl::{Manifest, Manifests};
use crate::msg;
use crate::netfilter::Cidr;
use crate::settings::{Nodes, Settings};
use serde_json::Value;
use std::sync::Arc;

/// Whether Nodes of these documents take the made-up nodes' place.
fn replace_made_up<'a>(settings: &Settings, mut own: impl Iterator<Item = &'a Manifest> + Clone) -> bool {
    let Nodes::Count(count) = settings.nodes else { return false };
    let made_up = |own: &Manifest| (1..=count).any(|number| own.name == inventory::made_up_name(number));
    let described = own.clone().next().is_some() && count > 0;
    own.clone().any(Manifest::is_dumped) || described && !own.any(made_up)
}

/// Whether the Nodes that were applied last have taken their place.
pub(super) fn were_replaced(cluster: &Cluster) -> bool {
    let nodes = cluster.origins.iter().filter(|(object, _)| object.kind == Kind::Node);
    replace_made_up(&cluster.settings, nodes.filter_map(|(_, origin)| Origin::manifest(origin)))
}

/// The made-up nodes go where the whole text brings Nodes in their place, and come back once it no longer does.
pub(super) fn choose(world: &mut World, manifests: &Manifests, admitted: &[Arc<AdmittedObject>], were_replaced: bool) {
    let is_admitted = |own: &Manifest| admitted.iter().any(|item| item.position == own.position);
    // A refused document leaves its object in its last good form.
    let stands = |own: &Manifest| own.object().is_some_and(|object| world.cluster.origins.contains_key(&object));
    let nodes = manifests.documents.iter().map(Arc::as_ref).filter(|own| own.kind == "Node");
    let own: Vec<&Manifest> = nodes.filter(|own| is_admitted(own) || stands(own)).collect();
    if !replace_made_up(&world.cluster.settings, own.iter().copied()) {
        if were_replaced {
            inventory::put_nodes(world);
        }
        return;
    }
    // A dump makes room by itself, since it reads more than its nodes off them.
    if own.iter().any(|own| own.is_dumped()) {
        return;
    }
    take_away(world, |name| !own.iter().any(|own| own.name == name));
    let nodes =
        admitted.iter().filter_map(|item| if let Object::Node(node) = &item.object { Some(Node::clone(node)) } else { None });
    let within = |range: Cidr| world.cluster.settings.pod_range().contains(range.base);
    let nodes: Vec<Node> = nodes.collect();
    if nodes.iter().filter_map(|node| node.spec.pod_cidr.parse().ok()).any(|range| !within(range)) {
        dump::read_ranges(world, &nodes, &[]);
    }
    let Nodes::Count(count) = world.cluster.settings.nodes else { return };
    let (first, last) = (inventory::made_up_name(1), inventory::made_up_name(count));
    let text = msg!("nodes.own", count = own.len(), first = first, last = last);
    let note = refusals::ours(own.first().copied(), "metadata.name", text);
    world.diagnostics.push(Diagnostic { severity: Severity::Info, ..note });
}

/// Takes those of these names away that no text has brought.
pub(super) fn take_away(world: &mut World, goes: impl Fn(&str) -> bool) {
    let standing = world.cluster.store.all::<Node>().map(ObjectRef::of);
    let gone = standing.filter(|node| goes(&node.name) && !world.cluster.origins.contains_key(node));
    for node in gone.collect::<Vec<_>>() {
        delete::delete(world, &node);
    }
}

/// The first number whose address and Pod range no node has, and none that the text is about to bring.
pub(super) fn free_number(world: &World) -> u32 {
    let mut taken = Vec::new();
    for node in world.cluster.store.all::<Node>() {
        taken.push(node.spec.pod_cidr.as_str());
        taken.extend(node.status.addresses.iter().map(|own| own.address.as_str()));
    }
    let coming = world.cluster.manifests.documents.iter().filter(|document| document.kind == "Node");
    for document in coming {
        taken.extend(document.value.pointer("/spec/podCIDR").and_then(Value::as_str));
        let addresses = document.value.pointer("/status/addresses").and_then(Value::as_array);
        taken.extend(addresses.into_iter().flatten().filter_map(|own| own["address"].as_str()));
    }
    let free = |number: &u32| {
        let (address, range) = inventory::usual_place(&world.cluster.settings, *number);
        !taken.contains(&address.as_str()) && !taken.contains(&range.as_str())
    };
    (1..u32::MAX).find(free).unwrap_or(1)
}
