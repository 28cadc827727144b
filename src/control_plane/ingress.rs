//! Who serves Ingresses: the default class, kubehop's controller, and the address in their status.
//!
//! Imitates the DefaultIngressClass admission plugin (`plugin/pkg/admission/network/defaultingressclass`) and what Ingress
//! controllers do with `status.loadBalancer`. When an Ingress is given and no IngressClass, kubehop's own class stands in.

use super::apiserver::allocate::{Taken, allocate, ranges};
use super::apiserver::{AdmittedObject, Object};
use super::cloud_controller::free_name;
use super::dump::came_from_dump;
use super::world::World;
use super::{delete, events, inventory};
use crate::addons::aws;
use crate::addons::ingress_controller::{Class, class_of, is_shown_unserved, real, serves};
use crate::api::core::{Event, LoadBalancerIngress, Namespace, Service};
use crate::api::networking::{Ingress, IngressClass};
use crate::api::{Kind, ObjectRef};
use crate::cluster::Verb;
use crate::kubectl::Manifests;
use crate::msg;
use crate::settings::{INGRESS_CLASS, INGRESS_CONTROLLER, INGRESS_NAMESPACE, Provider};
use std::sync::Arc;

const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";
const OLD_CLASS: &str = "kubernetes.io/ingress.class";

/// Looks at Ingresses and classes again, if anything about them changed.
pub(crate) fn run(world: &mut World) {
    if !std::mem::take(&mut world.queue.ingresses) {
        return;
    }
    stand_in(world);
    name_classes(world);
    run_controller(world);
    publish(world);
    world.queue.ingresses = false;
}

/// kubehop's own class stands as long as an Ingress is there and no other class.
fn stand_in(world: &mut World) {
    let own = ObjectRef::new(Kind::IngressClass, "", INGRESS_CLASS);
    let theirs = world
        .cluster
        .store
        .all::<IngressClass>()
        .any(|class| class.metadata.name != INGRESS_CLASS || world.cluster.origins.contains_key(&own));
    let asks = |ingress: &Ingress| !is_shown_unserved(&world.cluster, ingress);
    let wanted = world.cluster.settings.ingress.controller && world.cluster.store.all::<Ingress>().any(asks) && !theirs;
    let stands = world.cluster.store.contains(&own);
    if wanted && !stands {
        if let Some(class) = inventory::ingress_class() {
            world.note("kube-apiserver", Verb::Create, own, msg!("change.ingressClass", class = INGRESS_CLASS));
            world.put(class);
        }
    } else if stands && !wanted && !world.cluster.origins.contains_key(&own) {
        delete::delete(world, &own);
    }
}

/// The class that Ingresses without one get.
fn default_class(world: &World) -> Option<String> {
    let is_default = |class: &&IngressClass| class.metadata.annotations.get(DEFAULT).is_some_and(|is| is == "true");
    world.cluster.store.all::<IngressClass>().find(is_default).map(|class| class.metadata.name.clone())
}

fn name_classes(world: &mut World) {
    let Some(class) = default_class(world) else { return };
    let nameless =
        |ingress: &&Ingress| ingress.spec.ingress_class_name.is_none() && !ingress.metadata.annotations.contains_key(OLD_CLASS);
    let told = |ingress: &&Ingress| class == INGRESS_CLASS && is_shown_unserved(&world.cluster, ingress);
    let all = world.cluster.store.all::<Ingress>().filter(nameless);
    let ingresses: Vec<Ingress> = all.filter(|ingress| !told(ingress)).cloned().collect();
    for mut ingress in ingresses {
        ingress.spec.ingress_class_name = Some(class.clone());
        world.put(ingress);
    }
}

fn is_served(world: &World, ingress: &Ingress) -> bool {
    let old = ingress.metadata.annotations.get(OLD_CLASS);
    let Some(name) = ingress.spec.ingress_class_name.as_ref().or(old) else { return false };
    let class = world.cluster.store.get::<IngressClass>("", name);
    class.is_some_and(|class| class.spec.controller == INGRESS_CONTROLLER)
}

/// The controller runs as long as it has a class to serve.
fn run_controller(world: &mut World) {
    let served = world.cluster.store.all::<IngressClass>().any(|class| class.spec.controller == INGRESS_CONTROLLER);
    let told = told_addresses(world);
    let wanted = (served || !told.is_empty()) && world.cluster.settings.ingress.controller;
    let own = |kind| ObjectRef::new(kind, INGRESS_NAMESPACE, inventory::INGRESS_DEPLOYMENT);
    let stands = world.cluster.store.contains(&own(Kind::Deployment));
    if wanted && !stands {
        install(world);
    } else if stands && !wanted {
        for kind in [Kind::Deployment, Kind::Service] {
            if !world.cluster.origins.contains_key(&own(kind)) {
                delete::delete(world, &own(kind));
            }
        }
    }
    let key = (INGRESS_NAMESPACE.to_string(), inventory::INGRESS_DEPLOYMENT.to_string());
    let reported = world.cluster.store.services.get(&key).map(|service| service.status.load_balancer.ingress.as_slice());
    if !told.is_empty() && reported.is_some_and(|reported| *reported != told) {
        world.queue.load_balancers.insert(key);
    }
}

/// The addresses that a dump's Ingresses have and whose load balancer the dump does not show: kubehop's own controller stands behind
/// them. A port of the dumper's own machine is none.
pub(super) fn told_addresses(world: &World) -> Vec<LoadBalancerIngress> {
    let store = &world.cluster.store;
    let mode = (world.cluster.settings.load_balancer.provider == Provider::Cloud).then(|| "Proxy".to_string());
    let mut found: Vec<LoadBalancerIngress> = Vec::new();
    for ingress in store.all::<Ingress>().filter(|ingress| came_from_dump(world, &ObjectRef::of(*ingress))) {
        if !serves(store, ingress) || real_controller(world, ingress).is_some() {
            continue;
        }
        for at in &ingress.status.load_balancer.ingress {
            let mut at = plain(at);
            at.ip_mode = mode.clone().filter(|_| !at.ip.is_empty());
            if at.hostname != "localhost" && !found.contains(&at) {
                found.push(at);
            }
        }
    }
    found
}

/// The controller's namespace is built in: it stands before the namespaces are asked for that the text names, where the controller
/// will come with it.
pub(super) fn namespace_first(world: &mut World, manifests: &Manifests, admitted: &[Arc<AdmittedObject>]) {
    let named = manifests.documents.iter().any(|document| document.namespace == INGRESS_NAMESPACE);
    let comes = || admitted.iter().any(|item| matches!(item.object, Object::Ingress(_)));
    let theirs = |item: &Arc<AdmittedObject>| match &item.object {
        Object::IngressClass(class) => class.spec.controller != INGRESS_CONTROLLER,
        _ => false,
    };
    let wanted = world.cluster.settings.ingress.controller && named && comes() && !admitted.iter().any(theirs);
    if wanted && world.cluster.store.get::<Namespace>("", INGRESS_NAMESPACE).is_none() {
        world.put(inventory::namespace(INGRESS_NAMESPACE));
    }
}

fn install(world: &mut World) {
    let (deployment, service) = inventory::ingress_controller();
    if world.cluster.store.get::<Namespace>("", INGRESS_NAMESPACE).is_none() {
        world.put(inventory::namespace(INGRESS_NAMESPACE));
    }
    if let Some(mut service) = service.filter(|service| !world.cluster.store.contains(&ObjectRef::of(service))) {
        if world.cluster.settings.load_balancer.provider == Provider::Aws {
            let (key, value) = aws::INTERNET_FACING;
            service.metadata.annotations.insert(key.into(), value.into());
        }
        let mut taken = Taken::by(&world.cluster.store);
        if allocate(&mut service, None, &ranges(&world.cluster), &mut taken).is_ok() {
            let object = ObjectRef::of(&service);
            world.note("kube-apiserver", Verb::Create, object.clone(), msg!("change.create", object = object));
            world.put_service(service);
        }
    }
    if let Some(deployment) = deployment {
        let object = ObjectRef::of(&deployment);
        world.note("kube-apiserver", Verb::Create, object, msg!("change.ingressController"));
        world.put(deployment);
    }
}

/// The Application Load Balancer of an Ingress whose class the AWS Load Balancer Controller serves, or its event why there is none.
fn alb(world: &mut World, ingress: &Ingress) -> Option<LoadBalancerIngress> {
    let (store, meta) = (&world.cluster.store, &ingress.metadata);
    let Class::OtherController(_, controller) = class_of(store, ingress) else { return None };
    if world.cluster.settings.load_balancer.provider != Provider::Aws || controller != aws::ALB_CONTROLLER {
        return None;
    }
    if let Some(refusal) = aws::refuses(store, ingress) {
        let (object, message) = (ObjectRef::of(ingress), format!("Failed build model due to {}", refusal.message));
        let said = |event: &Event| event.involved_object.uid == meta.uid && event.message == message;
        if !store.all::<Event>().any(said) {
            events::record(world, &object, ("ingress", ""), ("Warning", "FailedBuildModel"), &message);
        }
        return None;
    }
    let internal = aws::ingress_is_internal(&meta.annotations);
    let names = (0..16).map(|attempt| aws::alb_hostname(&meta.namespace, &meta.name, internal, attempt)).collect();
    let hostname = free_name(&world.cluster, &ObjectRef::of(ingress), &ingress.status.load_balancer.ingress, names, internal);
    Some(LoadBalancerIngress { hostname, ..LoadBalancerIngress::default() })
}

/// The controller of the Ingress's class, where the cluster itself holds it.
fn real_controller(world: &World, ingress: &Ingress) -> Option<String> {
    let store = &world.cluster.store;
    let class = ingress.spec.ingress_class_name.as_ref().or(ingress.metadata.annotations.get(OLD_CLASS))?;
    let controller = &store.get::<IngressClass>("", class)?.spec.controller;
    real::stands(store, controller).then(|| controller.clone())
}

/// What such a controller writes: its load balancer's address, else its node's.
fn published(world: &World, controller: &str) -> Vec<LoadBalancerIngress> {
    let store = &world.cluster.store;
    if let Some(service) = real::front(store, controller) {
        return service.status.load_balancer.ingress.iter().map(plain).collect();
    }
    let ip = real::address_of(store, controller);
    ip.map(|ip| LoadBalancerIngress { ip, ..LoadBalancerIngress::default() }).into_iter().collect()
}

fn plain(ingress: &LoadBalancerIngress) -> LoadBalancerIngress {
    LoadBalancerIngress { ip_mode: None, ..ingress.clone() }
}

/// Whether an Ingress of a dump has the address that the dump shows, or none.
fn keeps_status(world: &World, ingress: &Ingress, real: bool) -> bool {
    let object = ObjectRef::of(ingress);
    let own = ingress.spec.ingress_class_name.as_deref() == Some(INGRESS_CLASS);
    let shown = !ingress.status.load_balancer.ingress.is_empty();
    let empty = real || (!own && is_shown_unserved(&world.cluster, ingress));
    came_from_dump(world, &object) && (shown || empty)
}

/// Writes the address of the controller's Service into the status of the Ingresses that it serves.
fn publish(world: &mut World) {
    let service = world.cluster.store.get::<Service>(INGRESS_NAMESPACE, inventory::INGRESS_DEPLOYMENT);
    let reported = service.map(|service| service.status.load_balancer.ingress.clone()).unwrap_or_default();
    let addresses: Vec<LoadBalancerIngress> = reported.iter().map(plain).collect();
    let ingresses: Vec<Ingress> = world.cluster.store.all::<Ingress>().cloned().collect();
    for mut ingress in ingresses {
        let wanted = match (is_served(world, &ingress), real_controller(world, &ingress)) {
            // A dump tells what its controller has published, or that it has not.
            (_, real) if keeps_status(world, &ingress, real.is_some()) => continue,
            (true, _) => addresses.clone(),
            (_, Some(controller)) => published(world, &controller),
            _ => alb(world, &ingress).into_iter().collect(),
        };
        if ingress.status.load_balancer.ingress == wanted {
            continue;
        }
        if let Some(first) = wanted.first() {
            let address = if first.ip.is_empty() { &first.hostname } else { &first.ip };
            let message = msg!("change.ingressAddress", ingress = ingress.metadata.name, address = address);
            world.note("ingress-controller", Verb::Update, ObjectRef::of(&ingress), message);
        }
        ingress.status.load_balancer.ingress = wanted;
        world.put(ingress);
    }
}
