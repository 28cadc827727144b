//! What each step of a change found: read from the writes that the change made, one after another.

use super::view::{node_view, pod_view, service_view};
use crate::api::Kind;
use crate::cluster::{Cluster, Outcome, Write, Written};
use crate::node::network_policy::Policies;
use crate::scene::ItemId;
use crate::scene::past::Past;

/// What the things were that each step of a change from `before` touched.
pub fn of(before: &Cluster, outcome: &Outcome) -> Vec<Past> {
    let mut pasts: Vec<Past> = Vec::new();
    if outcome.writes.is_empty() {
        return pasts;
    }
    // Whatever is not written step by step, who owns a Pod above all, is as at the end.
    let mut cluster = outcome.cluster.clone();
    let then = before.clone();
    cluster.machines = then.machines;
    cluster.store.nodes = then.store.nodes;
    cluster.store.pods = then.store.pods;
    cluster.store.services = then.store.services;
    cluster.store.endpoint_slices = then.store.endpoint_slices;
    cluster.store.events = then.store.events;
    for (key, set) in then.store.replica_sets {
        cluster.store.replica_sets.entry(key).or_insert(set);
    }
    let policies = Policies::of(&cluster.store);
    for write in &outcome.writes {
        let step = u32::try_from(write.change).unwrap_or(u32::MAX);
        if pasts.last().is_none_or(|past| past.step != step) {
            pasts.push(Past { step, ..Past::default() });
        }
        if let (Some(past), Some(item)) = (pasts.last_mut(), drawn_as(&cluster, write)) {
            remember(&cluster, &policies, past, item);
        }
        write.clone().repeat(&mut cluster);
    }
    pasts
}

/// A slice is drawn as its Service, a warning in its Pod.
fn drawn_as(cluster: &Cluster, write: &Write) -> Option<ItemId> {
    let (namespace, name) = (&write.object.namespace, &write.object.name);
    if let Written::Event(event) = &write.to {
        let about = &event.as_ref()?.involved_object;
        return (about.kind == "Pod").then(|| ItemId::Pod(about.namespace.clone(), about.name.clone()));
    }
    Some(match write.object.kind {
        Kind::Node => ItemId::Node(name.clone()),
        Kind::Pod => ItemId::Pod(namespace.clone(), name.clone()),
        Kind::Service => ItemId::Service(namespace.clone(), name.clone()),
        _ => {
            let known = cluster.store.endpoint_slices.get(&(namespace.clone(), name.clone()));
            let slice = if let Written::Slice(Some(slice)) = &write.to { slice } else { known? };
            let service = slice.metadata.labels.get("kubernetes.io/service-name")?;
            ItemId::Service(namespace.clone(), service.clone())
        }
    })
}

/// The first that a step says of a thing is what it was before that step.
fn remember(cluster: &Cluster, policies: &Policies, past: &mut Past, item: ItemId) {
    let (store, things) = (&cluster.store, &mut past.things);
    let known = match &item {
        ItemId::Node(name) => things.nodes.iter().any(|node| node.name == *name),
        ItemId::Pod(namespace, name) => things.pods.iter().any(|pod| pod.namespace == *namespace && pod.name == *name),
        ItemId::Service(namespace, name) => {
            things.services.iter().any(|service| service.namespace == *namespace && service.name == *name)
        }
        _ => true,
    };
    if known || past.absent.contains(&item) {
        return;
    }
    let found = match &item {
        ItemId::Node(name) => store.get("", name).map(|node| things.nodes.push(node_view(cluster, node))),
        ItemId::Pod(namespace, name) => {
            let pod = store.get(namespace, name);
            pod.map(|pod| things.pods.push(pod_view(cluster, policies, pod)))
        }
        ItemId::Service(namespace, name) => {
            store.get(namespace, name).map(|service| things.services.push(service_view(cluster, service)))
        }
        _ => None,
    };
    if found.is_none() {
        past.absent.push(item);
    }
}
