//! A cluster between two states: what the stage shows while a change plays.
//!
//! The engine says of each step of a change what the things that it touched were before it. So the page has the end, and goes back from
//! there as far as it needs.

use super::ItemId;
use super::view::ClusterView;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What the things that one step of a change touched were before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// The step's position in the change.
    pub step: u32,
    /// Those that were there: nodes, Pods and Services; nothing else is in it.
    pub things: ClusterView,
    /// Those that were not.
    pub absent: Vec<ItemId>,
}

/// The cluster once so many steps were done, seen from the end of all of them.
pub fn after(done: usize, past: &[Past], end: &ClusterView) -> ClusterView {
    let mut view = end.clone();
    // What a thing was then, the first later step that touched it says; where many steps did, the others need not be gone through.
    let later = past.iter().skip(past.partition_point(|past| (past.step as usize) < done));
    let (mut seen, mut first) = (BTreeSet::new(), Vec::new());
    for past in later {
        let things = &past.things;
        let mut news = false;
        { things.nodes.iter().map(|own| (0, "", own.name.as_str())) }
            .chain(things.pods.iter().map(|own| (1, own.namespace.as_str(), own.name.as_str())))
            .chain(things.services.iter().map(|own| (2, own.namespace.as_str(), own.name.as_str())))
            .chain(past.absent.iter().map(key))
            .for_each(|key| news |= seen.insert(key));
        first.extend(news.then_some(past));
    }
    first.into_iter().rev().for_each(|past| go_back(&mut view, past));
    view
}

fn key(item: &ItemId) -> (u8, &str, &str) {
    match item {
        ItemId::Node(name) => (0, "", name),
        ItemId::Pod(namespace, name) => (1, namespace, name),
        ItemId::Service(namespace, name) => (2, namespace, name),
        _ => (3, "", ""),
    }
}

fn go_back(view: &mut ClusterView, past: &Past) {
    for node in &past.things.nodes {
        match view.nodes.iter_mut().find(|now| now.name == node.name) {
            Some(now) => now.clone_from(node),
            None => view.nodes.push(node.clone()),
        }
    }
    for pod in &past.things.pods {
        view.pods.retain(|now| (&now.namespace, &now.name) != (&pod.namespace, &pod.name));
        let key = (&pod.app, &pod.namespace, &pod.name);
        let place = view.pods.iter().position(|now| (&now.app, &now.namespace, &now.name) > key).unwrap_or(view.pods.len());
        view.pods.insert(place, pod.clone());
    }
    for service in &past.things.services {
        match view.services.iter_mut().find(|now| (&now.namespace, &now.name) == (&service.namespace, &service.name)) {
            Some(now) => now.clone_from(service),
            None => {
                // The cluster's own come last.
                let place = view.services.iter().position(|now| now.system && !service.system).unwrap_or(view.services.len());
                view.services.insert(place, service.clone());
            }
        }
    }
    for item in &past.absent {
        match item {
            ItemId::Node(name) => view.nodes.retain(|now| now.name != *name),
            ItemId::Pod(namespace, name) => view.pods.retain(|now| now.namespace != *namespace || now.name != *name),
            ItemId::Service(namespace, name) => view.services.retain(|now| now.namespace != *namespace || now.name != *name),
            _ => {}
        }
    }
}
