//! What a dump shows, or does not show, and what is assumed instead: a lost node, a kube-proxy that does not run, an Ingress controller.

use crate::addons::ingress_controller::{real, serves};
use crate::api::core::{Pod, Service};
use crate::api::meta::{LabelSelector, selects};
use crate::api::networking::Ingress;
use crate::api::{Kind, ObjectRef};
use crate::cluster::Cluster;
use crate::kubectl::Manifest;
use crate::msg;
use crate::node::kubelet::is_ready;
use crate::node::network_policy::{Direction, Policies};
use crate::settings::INGRESS_NAMESPACE;
use crate::trace::{Place, Reason, Trace};
use crate::words::Message;

pub(super) fn notes(cluster: &Cluster, trace: &Trace) -> Vec<Message> {
    let mut notes = silent_proxies(cluster, trace);
    notes.extend(lost_node(cluster, trace));
    notes.extend(told_slices(cluster, trace));
    notes.extend(unseen_labels(cluster, trace));
    notes.extend(controller(cluster, trace));
    notes.extend(alike(cluster, trace));
    notes
}

fn is_dumped(cluster: &Cluster, object: &ObjectRef) -> bool {
    cluster.origin(object).is_some_and(Manifest::is_dumped)
}

/// The node that a dump has lost, and at which the request ends.
fn lost_node(cluster: &Cluster, trace: &Trace) -> Option<Message> {
    let mut dead = trace.hops.iter().filter(|hop| hop.reason == Reason::NodeDown).flat_map(|hop| &hop.objects);
    let node = dead.find(|object| is_dumped(cluster, object))?;
    Some(msg!("assume.nodeLost", node = node.name))
}

/// Pods of a Service that it meets and that are taken to fail as the dump's did of the same template.
fn alike(cluster: &Cluster, trace: &Trace) -> Option<Message> {
    let mut objects = trace.hops.iter().flat_map(|hop| &hop.objects).filter(|object| object.kind == Kind::Service);
    objects.find_map(|object| {
        let selector = &cluster.store.get::<Service>(&object.namespace, &object.name)?.spec.selector;
        let mut pods = cluster.store.in_namespace::<Pod>(&object.namespace).filter(|_| !selector.is_empty());
        pods.find_map(|pod| {
            let found = cluster.fails_alike(pod).filter(|_| selects(selector, &pod.metadata.labels))?;
            let (pod, container) = (&pod.metadata.name, &found.container);
            Some(msg!("assume.alike", pod = pod, container = container, reason = found.reason, restarts = found.restarts))
        })
    })
}

/// The Services that it meets and whose slices are others than the controller would have written.
fn told_slices(cluster: &Cluster, trace: &Trace) -> Vec<Message> {
    let mut notes = Vec::new();
    let objects = trace.hops.iter().flat_map(|hop| &hop.objects).filter(|object| object.kind == Kind::Service);
    for object in objects {
        let key = (object.namespace.clone(), object.name.clone());
        let note = msg!("assume.toldSlices", service = object.name);
        let told = cluster.told_slices.get(&key).filter(|told| !told.differences.is_empty() && !notes.contains(&note));
        if let Some(told) = told {
            notes.push(note);
            notes.extend(told.differences.iter().cloned());
        }
    }
    notes
}

/// A policy that drops a packet may ask for labels of a namespace that a dump does not show.
fn unseen_labels(cluster: &Cluster, trace: &Trace) -> Option<Message> {
    let hop = trace.hops.iter().rev().find(|hop| hop.reason == Reason::Policy)?;
    let flow = hop.before?;
    let object = hop.objects.iter().find(|object| object.kind == Kind::Pod)?;
    let pod = cluster.store.get::<Pod>(&object.namespace, &object.name)?;
    let (direction, peer) = match hop.text.id.contains(".egress") {
        true => (Direction::Egress, flow.dst.ip),
        false => (Direction::Ingress, flow.src.ip),
    };
    let peer = cluster.store.all::<Pod>().find(|own| own.status.pod_ip == peer.to_string())?;
    let namespace = &peer.metadata.namespace;
    let shown = cluster.origins.contains_key(&ObjectRef::new(Kind::Namespace, "", namespace));
    if shown || !is_dumped(cluster, &ObjectRef::of(peer)) {
        return None;
    }
    let own = |key: &str| key != "kubernetes.io/metadata.name";
    let asks = |selector: &LabelSelector| {
        selector.match_labels.keys().any(|key| own(key)) || selector.match_expressions.iter().any(|need| own(&need.key))
    };
    let policies = Policies::of(&cluster.store);
    let asking = policies.isolating(pod, direction).find(|policy| {
        let spec = &policy.spec;
        let mut peers = match direction {
            Direction::Ingress => spec.ingress.iter().flat_map(|rule| &rule.from).collect::<Vec<_>>(),
            Direction::Egress => spec.egress.iter().flat_map(|rule| &rule.to).collect(),
        }
        .into_iter();
        peers.any(|peer| peer.namespace_selector.as_ref().is_some_and(asks))
    })?;
    Some(msg!("assume.namespaceLabels", policy = asking.metadata.name, namespace = namespace))
}

/// The nodes whose rules the packets read and whose kube-proxy does not run, by its Pod in a dump.
fn silent_proxies(cluster: &Cluster, trace: &Trace) -> Vec<Message> {
    let mut notes = Vec::new();
    let crossed = |node: &str| trace.hops.iter().any(|hop| matches!(&hop.at, Place::KubeProxy(at) if at == node));
    for pod in cluster.store.all::<Pod>().filter(|pod| !is_ready(pod) && crossed(&pod.spec.node_name)) {
        let labels = &pod.metadata.labels;
        let named = |key: &str| labels.get(key).is_some_and(|value| value == "kube-proxy");
        let dumped = || is_dumped(cluster, &ObjectRef::of(pod));
        if (named("k8s-app") || named("component")) && cluster.is_up(&pod.spec.node_name) && dumped() {
            notes.push(msg!("assume.proxyDown", pod = pod.metadata.name, node = pod.spec.node_name));
        }
    }
    notes
}

/// The Ingress controller that it meets: the cluster's own, which routes by the API alone, or one that stands in for a dump's.
fn controller(cluster: &Cluster, trace: &Trace) -> Option<Message> {
    let met = |hop: &crate::trace::Hop| match &hop.at {
        Place::IngressController(namespace, name) => Some((namespace.clone(), name.clone())),
        _ => None,
    };
    let (namespace, name) = trace.hops.iter().find_map(met)?;
    if namespace != INGRESS_NAMESPACE {
        let controller = real::of_pod(&cluster.store.get::<Pod>(&namespace, &name)?.spec)?;
        return Some(msg!("assume.ingressReal", pod = name, controller = controller));
    }
    let store = &cluster.store;
    let mut dumped = store.all::<Ingress>().filter(|ingress| is_dumped(cluster, &ObjectRef::of(*ingress)));
    dumped.any(|ingress| serves(store, ingress)).then(|| msg!("assume.ingressStandIn"))
}
