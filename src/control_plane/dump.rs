//! A dump of a real cluster, pasted whole: `kubectl get deploy,rs,po,svc,ep,endpointslices,ing,no -A -o yaml`.
//!
//! Objects that carry a uid of their own are taken as they stand: names, addresses, readiness and owners are the real cluster's,
//! and what the dump's controllers made is not made twice. Where the dump has Nodes, they take the place of the standing ones,
//! and the address ranges are read off them. Namespaces, IngressClasses, ConfigMaps and Secrets that the dump's objects rest on
//! are presumed, as are the nodes that its Pods name where it has none; the present is the newest time that it names, and Pods whose
//! controller is not in it stay. Where MetalLB's speakers are in it, they announce the load balancers' addresses. Leaves out other clusters' node port ranges and IPv6.

mod beside;
mod dates;
mod nodes;
pub(crate) mod slices;
mod surplus;

pub(crate) use beside::{absent_owner, follow_api_server, tell_held};
pub(crate) use dates::date;
pub(crate) use nodes::{completed, neighbourhood, read_ranges};
pub(crate) use surplus::tell_deleted;

use super::apiserver::{AdmittedObject, Object};
use super::controller_manager::node_lifecycle;
use super::world::{Key, World, controller_of, key_of};
use super::{dual_stack, inventory, own_nodes, refusals};
use crate::addons::aws::ALB_CONTROLLER;
use crate::addons::ingress_controller::real::of_image;
use crate::api::core::{Namespace, Node, Pod, PodStatus};
use crate::api::networking::IngressClass;
use crate::api::time::seconds_of;
use crate::api::{Kind, ObjectRef};
use crate::cluster::{NODE_GRACE, dns_service, moment};
use crate::diagnostic::{Diagnostic, Severity};
use crate::kubectl::{Manifest, Manifests};
use crate::msg;
use crate::settings::INGRESS_CONTROLLER;
use nodes::presumed_nodes;
use serde_json::Value;
use std::sync::Arc;

/// Whether the object's document came out of an API server.
pub(crate) fn came_from_dump(world: &World, object: &ObjectRef) -> bool {
    world.cluster.origin(object).is_some_and(Manifest::is_dumped)
}

/// Whether the dump shows the Pod waiting for a node.
pub(crate) fn shown_pending(world: &World, pod: &Pod) -> bool {
    let told = world.cluster.origin(&ObjectRef::of(pod)).filter(|manifest| manifest.is_dumped());
    told.is_some_and(|manifest| manifest.value.pointer("/status/phase").is_some_and(|phase| phase == "Pending"))
}

/// How many Pods a dump's ReplicaSet had when its controller could make no more, and why it could not. What refused them, a quota or
/// an admission webhook, is in the real cluster.
pub(crate) fn shown_failure(world: &World, object: &ObjectRef) -> Option<(usize, String)> {
    let told = world.cluster.origin(object).filter(|manifest| manifest.is_dumped())?;
    let conditions = told.value.pointer("/status/conditions")?.as_array()?;
    let failure = conditions.iter().find(|own| own["type"] == "ReplicaFailure" && own["status"] == "True")?;
    let had = told.value.pointer("/status/replicas").and_then(Value::as_u64).unwrap_or(0);
    Some((usize::try_from(had).unwrap_or(0), failure["message"].as_str().unwrap_or_default().to_string()))
}

/// Whether the garbage collector leaves a Pod or ReplicaSet alone: its controller is in the real cluster and not in the dump. One
/// that was here and was deleted takes its own with it.
pub(crate) fn owner_is_elsewhere(world: &World, owned: &ObjectRef, owner: &ObjectRef) -> bool {
    world.life_of(owner) == 0 && came_from_dump(world, owned)
}

/// Whether a Pod's ConfigMaps and Secrets are in the real cluster and not in the dump, as far as anybody can tell: the Pod or its
/// controller is the dump's.
pub(crate) fn keeps_its_settings(world: &World, pod: &Pod) -> bool {
    came_from_dump(world, &ObjectRef::of(pod)) || controller_of(&pod.metadata).is_some_and(|owner| came_from_dump(world, &owner))
}

/// What the dump's objects rest on in the real cluster, and `kubectl get` of other kinds does not print: their namespaces, and
/// the IngressClasses that Ingresses name. Where the dump does not show the real controller, the one that runs here stands in for it.
pub(crate) fn presume(world: &mut World, manifests: &Manifests) {
    for manifest in manifests.documents.iter().filter(|manifest| manifest.is_dumped()) {
        let Some(object) = manifest.object().filter(|object| object.kind.namespaced()) else { continue };
        if world.cluster.store.get::<Namespace>("", &object.namespace).is_none() {
            world.put(inventory::namespace(&object.namespace));
        }
        let old = manifest.value.pointer("/metadata/annotations/kubernetes.io~1ingress.class");
        let old = old.filter(|_| object.kind == Kind::Ingress);
        if let Some(class) = manifest.value.pointer("/spec/ingressClassName").or(old).and_then(Value::as_str) {
            presume_class(world, manifests, class);
            let stands_in = ObjectRef::new(Kind::IngressClass, "", class);
            if world.cluster.store.contains(&stands_in) && !world.cluster.origins.contains_key(&stands_in) {
                let text = match unseen(manifests, class) {
                    Unseen::Runs(controller) => msg!("dump.ingressReal", class = class, controller = controller),
                    Unseen::Alb => msg!("dump.ingressAlb", class = class),
                    Unseen::StandIn => msg!("dump.ingressClass", class = class),
                    // It is said of each of its Ingresses.
                    Unseen::Nobody => continue,
                };
                let note = refusals::ours(Some(manifest), "spec.ingressClassName", text);
                world.diagnostics.push(Diagnostic { severity: Severity::Info, ..note });
            }
        }
    }
    if dual_stack::has_ipv6_alone(manifests) {
        let first = manifests.documents.iter().find(|manifest| manifest.is_dumped()).map(Arc::as_ref);
        let note = refusals::ours(first, "", msg!("dump.ipv6Only"));
        world.diagnostics.push(Diagnostic { severity: Severity::Warning, ..note });
    }
    set_clock(world, manifests);
}

fn presume_class(world: &mut World, manifests: &Manifests, name: &str) {
    let object = ObjectRef::new(Kind::IngressClass, "", name);
    if manifests.documents.iter().any(|manifest| manifest.kind == "IngressClass") || world.cluster.store.contains(&object) {
        return;
    }
    let mut class = IngressClass::default();
    class.metadata.name = name.to_string();
    class.spec.controller = match unseen(manifests, name) {
        Unseen::Runs(controller) => controller,
        Unseen::Alb => ALB_CONTROLLER,
        Unseen::StandIn => INGRESS_CONTROLLER,
        Unseen::Nobody => "",
    }
    .to_string();
    world.put(class);
}

/// Who serves a class whose IngressClass the dump does not show.
enum Unseen {
    /// A controller whose Pods it shows.
    Runs(&'static str),
    /// AWS's Application Load Balancers, by the names in the Ingresses' status.
    Alb,
    /// Somebody: its Ingresses have an address, or nothing is said of one.
    StandIn,
    /// Nobody, as far as it shows: none of its Ingresses has got an address.
    Nobody,
}

fn unseen(manifests: &Manifests, class: &str) -> Unseen {
    let mut told = Vec::new();
    for manifest in manifests.documents.iter().filter(|manifest| manifest.kind == "Ingress") {
        let old = manifest.value.pointer("/metadata/annotations/kubernetes.io~1ingress.class");
        let named = manifest.value.pointer("/spec/ingressClassName").or(old).and_then(Value::as_str);
        if named == Some(class) {
            told.push(&manifest.value["status"]["loadBalancer"]);
        }
    }
    let has = |own: &&Value| own["ingress"].as_array().is_some_and(|all| !all.is_empty());
    let of_aws = |own: &&Value| own["ingress"][0]["hostname"].as_str().is_some_and(|name| name.ends_with(".elb.amazonaws.com"));
    // A controller of another name serves the class where its addresses are the cluster's own.
    let has_own = |own: &&Value| {
        let mut machines = manifests.documents.iter().filter(|manifest| matches!(manifest.kind.as_str(), "Service" | "Node"));
        own["ingress"][0]["ip"].as_str().is_none_or(|ip| machines.any(|own| own.value["status"].to_string().contains(ip)))
    };
    if let Some(controller) = shown_controller(manifests, class)
        && (controller.contains(class) || told.iter().all(has_own))
    {
        return Unseen::Runs(controller);
    }
    if class.contains("alb") && told.iter().any(of_aws) {
        return Unseen::Alb;
    }
    if told.iter().all(|own| own.is_object() && !has(own)) { Unseen::Nobody } else { Unseen::StandIn }
}

/// The Ingress controller in the dump that serves the class, by its image: the one of the class's name, else the first.
fn shown_controller(manifests: &Manifests, class: &str) -> Option<&'static str> {
    let mut found = None;
    for manifest in manifests.documents.iter().filter(|manifest| manifest.is_dumped()) {
        let spec = &manifest.value["spec"];
        let lists = [&spec["containers"], &spec["template"]["spec"]["containers"]];
        for container in lists.into_iter().filter_map(Value::as_array).flatten() {
            let Some(controller) = container["image"].as_str().and_then(of_image) else { continue };
            if controller.contains(class) {
                return Some(controller);
            }
            found.get_or_insert(controller);
        }
    }
    found
}

/// The present is not before the newest time that the dump names, so that its ages can be told.
fn set_clock(world: &mut World, manifests: &Manifests) {
    let dumped = manifests.documents.iter().filter(|manifest| manifest.is_dumped());
    let newest = dumped.filter_map(|manifest| newest_time(&manifest.value)).max().unwrap_or(0);
    let ahead = u64::try_from(newest).unwrap_or(0).saturating_sub(world.cluster.now);
    world.cluster.epoch = world.cluster.epoch.max(ahead.min(LATEST));
}

/// No calendar goes beyond the year 9999.
const LATEST: u64 = 251_000_000_000;

/// The latest of all times in a value: texts such as `2026-05-19T14:40:07Z`.
fn newest_time(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) if text.len() == 20 && text.ends_with('Z') => seconds_of(text),
        Value::Array(items) => items.iter().filter_map(newest_time).max(),
        Value::Object(fields) => fields.values().filter_map(newest_time).max(),
        _ => None,
    }
}

/// A Pod's status as the API tells it.
fn as_told(status: &PodStatus) -> PodStatus {
    let mut told = status.clone();
    told.container_statuses.iter_mut().chain(&mut told.init_container_statuses).for_each(|container| container.since = 0);
    told
}

/// Makes room for what the dump brings: other objects of the same names, and other nodes. Gives the names of its nodes.
pub(crate) fn make_room(world: &mut World, manifests: &Manifests, work: &[AdmittedObject]) -> Vec<String> {
    let dumped = |item: &&AdmittedObject| {
        manifests.documents.iter().any(|manifest| manifest.position == item.position && manifest.is_dumped())
    };
    let brought: Vec<&AdmittedObject> = work.iter().filter(dumped).collect();
    for item in &brought {
        let object = item.object.object_ref();
        let uid = |item: &AdmittedObject| item.value.pointer("/metadata/uid").and_then(|uid| uid.as_str()).map(str::to_string);
        let stands = world.cluster.store.metadata(&object).map(|meta| meta.uid.clone());
        // A dump of a cluster that began as this one does brings the very Pods that stand here, and a later status of theirs.
        let older = |pod: &Pod| {
            let here = world.cluster.store.get::<Pod>(&object.namespace, &object.name);
            !world.cluster.origins.contains_key(&object) && here.is_some_and(|here| as_told(&here.status) != pod.status)
        };
        let older = if let Object::Pod(pod) = &item.object { older(pod) } else { false };
        if stands.is_some() && (older || stands != uid(item)) {
            remove(world, &object);
        }
    }
    replace_dns(world, &brought);
    let nodes: Vec<Node> = brought
        .iter()
        .filter_map(|item| if let Object::Node(node) = &item.object { Some(node.as_ref().clone()) } else { None })
        .collect();
    let presumed = if nodes.is_empty() { presumed_nodes(world, &brought) } else { Vec::new() };
    let whole = manifests.documents.iter().all(|manifest| manifest.is_dumped());
    if !presumed.is_empty() {
        let list = presumed.iter().map(|node| node.metadata.name.as_str()).take(6).collect::<Vec<_>>().join(", ");
        let first = manifests.documents.iter().find(|manifest| manifest.is_dumped()).map(Arc::as_ref);
        let note = refusals::ours(first, "", msg!("dump.nodesPresumed", nodes = list));
        world.diagnostics.push(Diagnostic { severity: Severity::Info, ..note });
    }
    let nodes = if nodes.is_empty() { presumed.clone() } else { nodes };
    if nodes.is_empty() {
        return Vec::new();
    }
    // One Pod's text among others does not take the standing nodes away.
    if whole || presumed.is_empty() {
        own_nodes::take_away(world, |name| !nodes.iter().any(|node| node.metadata.name == name));
    }
    read_ranges(world, &nodes, &brought);
    for (node, number) in presumed.into_iter().zip(1..) {
        let node = completed(&world.cluster.settings, node, number);
        world.put(node);
    }
    nodes.into_iter().map(|node| node.metadata.name).collect()
}

/// A node whose kubelet the dump's cluster no longer hears of counts as without power, for as long as the dump says so. One that
/// says itself that it is not ready is alive.
pub(crate) fn lose_nodes(world: &mut World, manifests: &Manifests, names: &[String]) {
    let present = manifests.documents.iter().filter(|manifest| manifest.is_dumped());
    let present = if names.is_empty() { None } else { present.filter_map(|manifest| newest_time(&manifest.value)).max() };
    for name in names {
        let Some(node) = world.cluster.store.get::<Node>("", name).cloned() else { continue };
        let ready = node.status.conditions.iter().find(|own| own.type_ == "Ready");
        let Some(ready) = ready.filter(|own| own.status != "True") else {
            world.cluster.machines.remove(name);
            continue;
        };
        let object = ObjectRef::of(&node);
        let told = manifests.documents.iter().find(|manifest| manifest.object().as_ref() == Some(&object)).map(Arc::as_ref);
        let text = match ready.status.as_str() {
            "Unknown" => msg!("dump.nodeLost", node = name),
            _ => msg!("dump.nodeNotReady", node = name, message = ready.message),
        };
        let note = refusals::ours(told, "status.conditions", text);
        world.diagnostics.push(Diagnostic { severity: Severity::Info, ..note });
        if ready.status == "Unknown" {
            let since = ready.last_transition_time.as_deref().and_then(seconds_of);
            let ago = present.zip(since).map_or(0, |(present, since)| present.saturating_sub(since).max(0));
            let down = moment(world.cluster.now).saturating_sub(ago).saturating_sub(moment(NODE_GRACE));
            world.cluster.machines.entry(name.clone()).or_default().down_since = Some(down);
            world.wrote(&object);
        }
    }
    node_lifecycle::taint_lost(world);
}

/// The real cluster has DNS servers of its own, whatever the names of their Deployment and Service: the standing ones go.
fn replace_dns(world: &mut World, brought: &[&AdmittedObject]) {
    let services = brought.iter().filter_map(|item| match &item.object {
        Object::Service(service) => Some((key_of(&service.metadata), Arc::new(service.as_ref().clone()))),
        _ => None,
    });
    let services = services.collect();
    let front = dns_service(&services).map(ObjectRef::of);
    let usual = ObjectRef::new(Kind::Service, "kube-system", "kube-dns");
    if front.as_ref().is_some_and(|front| *front != usual) && !came_from_dump(world, &usual) {
        remove(world, &usual);
    }
    let standing = ObjectRef::new(Kind::Deployment, "kube-system", "coredns");
    let resolves = |item: &&AdmittedObject| match &item.object {
        Object::Pod(pod) => {
            let meta = &pod.metadata;
            let own = world.cluster.store.metadata(&ObjectRef::of(pod.as_ref())).is_some_and(|own| own.uid == meta.uid);
            meta.namespace == "kube-system" && meta.labels.get("k8s-app").is_some_and(|app| app == "kube-dns") && !own
        }
        _ => false,
    };
    let elsewhere = front.is_some_and(|front| front.namespace != "kube-system");
    if (elsewhere || brought.iter().any(resolves)) && !came_from_dump(world, &standing) {
        remove(world, &standing);
    }
}

/// Takes an object out without a word: its namesake follows.
fn remove(world: &mut World, object: &ObjectRef) {
    let key: Key = (object.namespace.clone(), object.name.clone());
    let Some(meta) = world.cluster.store.metadata(object).cloned() else { return };
    match object.kind {
        Kind::Pod => return world.remove_pod(&key),
        // What it made goes with it.
        Kind::Deployment => {
            let sets =
                world.keys_of(object).into_iter().map(|(namespace, name)| ObjectRef::new(Kind::ReplicaSet, &namespace, &name));
            sets.for_each(|set| remove(world, &set));
        }
        kind if kind.is_workload() => {
            world.keys_of(object).iter().for_each(|pod| world.remove_pod(pod));
        }
        Kind::Service => {
            world.touch_service(&key);
            world.cluster.told_slices.remove(&key);
            slices::leave(world, &key);
        }
        _ => {}
    }
    world.forget_owned(&meta);
    world.cluster.store.remove(object);
    world.wrote(object);
}
