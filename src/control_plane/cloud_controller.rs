//! The cloud controller: gives Services of type LoadBalancer their address, and Ingresses theirs.
//!
//! Imitates `k8s.io/cloud-provider/controllers/service`. One table says what each provider reports: `cloud` is a machine outside
//! that rewrites to node ports, so its status says `ipMode: Proxy`; `metallb` hands out addresses that nodes own, `VIP` (`addons::metallb::allocation`); `aws` reports
//! a hostname; `none` leaves `<pending>`. A Service with a `loadBalancerClass` is left to somebody else, who does not exist here,
//! but for the class that the AWS Load Balancer Controller serves.

use super::dump::came_from_dump;
use super::events;
use super::ingress::told_addresses;
use super::inventory;
use super::names::mixed_hash;
use super::world::{Key, World, key_of};
use crate::addons::metallb::allocation;
use crate::addons::{aws, pending, public_dns};
use crate::api::ObjectRef;
use crate::api::core::{Event, LoadBalancerIngress, Service};
use crate::api::networking::Ingress;
use crate::cluster::{Cluster, Verb};
use crate::msg;
use crate::settings::{INGRESS_NAMESPACE, Provider};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

const COMPONENT: &str = "cloud-controller-manager";

/// Works off the Services whose load balancer may change.
pub(crate) fn run(world: &mut World) {
    let keys = std::mem::take(&mut world.queue.load_balancers);
    for key in keys {
        sync(world, &key);
    }
}

fn sync(world: &mut World, key: &Key) {
    let Some(service) = world.cluster.store.services.get(key).cloned() else {
        world.queue.ingresses = true;
        try_again(world);
        return;
    };
    // A dump tells what the real cluster's load balancer said, or that there is none yet.
    let told = pending::is_shown(&world.cluster, &service)
        || !service.status.load_balancer.ingress.is_empty() && came_from_dump(world, &ObjectRef::of(service.as_ref()));
    if told && service.spec.type_ == "LoadBalancer" {
        return;
    }
    let class = service.spec.load_balancer_class.as_deref();
    let aws = world.cluster.settings.load_balancer.provider == Provider::Aws;
    // An Application Load Balancer is built, or not, by the type and ports of its Services.
    world.queue.ingresses |= aws;
    let own = pending::is_served(&world.cluster.settings, class);
    let wants = service.spec.type_ == "LoadBalancer" && own;
    let before_ingresses = key.0 == INGRESS_NAMESPACE && key.1 == inventory::INGRESS_DEPLOYMENT;
    let told = if before_ingresses { told_addresses(world) } else { Vec::new() };
    let ingress = match (wants, told.is_empty()) {
        (false, _) => Vec::new(),
        (_, true) => ingress(world, &service),
        _ => told,
    };
    // The status of a pasted dump stands when its class is somebody else's.
    if ingress == service.status.load_balancer.ingress || (!own && class.is_some()) {
        return;
    }
    let mut next = service.as_ref().clone();
    let object = ObjectRef::of(service.as_ref());
    let name = &service.metadata.name;
    match ingress.first() {
        Some(first) => {
            let address = if first.ip.is_empty() { &first.hostname } else { &first.ip };
            world.note(COMPONENT, Verb::Update, object, msg!("change.loadBalancer", service = name, address = address));
        }
        None => world.note(COMPONENT, Verb::Update, object, msg!("change.loadBalancerGone", service = name)),
    }
    next.status.load_balancer.ingress = ingress;
    world.put_service(next);
    world.queue.load_balancers.remove(key);
    world.queue.ingresses = true;
}

/// What the provider reports for a Service.
fn ingress(world: &mut World, service: &Service) -> Vec<LoadBalancerIngress> {
    let settings = world.cluster.settings.load_balancer.clone();
    let mode = match settings.provider {
        Provider::None => return Vec::new(),
        Provider::Cloud => Some("Proxy"),
        Provider::Metallb => Some("VIP"),
        Provider::Aws => return by_aws(world, service),
    };
    let ip = match settings.provider {
        Provider::Metallb => by_metallb(world, service),
        _ => address(&world.cluster, service),
    };
    let reported = ip.map(|ip| LoadBalancerIngress {
        ip: ip.to_string(),
        ip_mode: mode.map(str::to_string),
        ..LoadBalancerIngress::default()
    });
    reported.into_iter().collect()
}

/// The Network Load Balancer, or the controller's event that says why it builds none. One that stands is left as it is.
fn by_aws(world: &mut World, service: &Service) -> Vec<LoadBalancerIngress> {
    let Some((why, _)) = aws::refuses_service(service) else { return vec![nlb(&world.cluster, service)] };
    let message = format!("Failed build model due to {why}");
    let said = |event: &Event| event.involved_object.uid == service.metadata.uid && event.message == message;
    if !world.cluster.store.all::<Event>().any(said) {
        events::record(world, &ObjectRef::of(service), ("service", ""), ("Warning", "FailedBuildModel"), &message);
    }
    service.status.load_balancer.ingress.clone()
}

/// The name of a Service's Network Load Balancer.
fn nlb(cluster: &Cluster, service: &Service) -> LoadBalancerIngress {
    let meta = &service.metadata;
    let internal = aws::is_internal(&meta.annotations);
    let names = (0..16).map(|attempt| aws::nlb_hostname(&meta.namespace, &meta.name, internal, attempt)).collect();
    let hostname = free_name(cluster, &ObjectRef::of(service), &service.status.load_balancer.ingress, names, internal);
    LoadBalancerIngress { hostname, ..LoadBalancerIngress::default() }
}

/// Of the names for the load balancer of a Service or Ingress, the one that stands, or the first whose addresses, outside and inside,
/// no other load balancer has.
pub(super) fn free_name(
    cluster: &Cluster,
    own: &ObjectRef,
    standing: &[LoadBalancerIngress],
    names: Vec<String>,
    internal: bool,
) -> String {
    if let Some(stands) = standing.iter().find(|at| names.contains(&at.hostname)) {
        return stands.hostname.clone();
    }
    let store = &cluster.store;
    let services = store.all::<Service>().filter(|other| ObjectRef::of(*other) != *own);
    let of_services = services.flat_map(|other| other.status.load_balancer.ingress.iter().map(move |at| (other, at)));
    let ingresses = store.all::<Ingress>().filter(|other| ObjectRef::of(*other) != *own);
    let named = ingresses.flat_map(|other| other.status.load_balancer.ingress.iter().map(move |at| (other, &at.hostname)));
    let of_ingresses = named.filter(|(_, name)| !name.is_empty()).flat_map(|(other, name)| {
        [aws::address(name, aws::ingress_is_internal(&other.metadata.annotations)), aws::address(name, true)]
    });
    let taken: BTreeSet<Ipv4Addr> =
        of_services.filter_map(|(other, at)| public_dns::balancer_address(other, at)).chain(of_ingresses).collect();
    let free = |name: &&String| [aws::address(name, internal), aws::address(name, true)].iter().all(|ip| !taken.contains(ip));
    names.iter().find(free).or(names.first()).cloned().unwrap_or_default()
}

/// The Service's address: as it is, as it wishes, or from the pool by hash.
fn address(cluster: &Cluster, service: &Service) -> Option<Ipv4Addr> {
    let (first, last) = allocation::pool(&cluster.settings.load_balancer.pool)?;
    let own = ObjectRef::of(service);
    let others = cluster.store.all::<Service>().filter(|other| ObjectRef::of(*other) != own);
    let used: BTreeSet<Ipv4Addr> =
        others.flat_map(|other| &other.status.load_balancer.ingress).filter_map(|ingress| ingress.ip.parse().ok()).collect();
    let free = |ip: &Ipv4Addr| (first..=last).contains(&u32::from(*ip)) && !used.contains(ip);
    let standing = service.status.load_balancer.ingress.iter().find_map(|ingress| ingress.ip.parse().ok());
    let wish = service.spec.load_balancer_ip.parse().ok();
    if let Some(ip) = wish.filter(free).or(standing.filter(free)) {
        return Some(ip);
    }
    let size = u64::from(last - first) + 1;
    let start = start(&own) % size;
    let at = |step: u64| Ipv4Addr::from(first + ((start + step) % size) as u32);
    (0..size.min(65_536)).map(at).find(free)
}

/// Where in the pool the search for a Service's address begins.
fn start(object: &ObjectRef) -> u64 {
    mixed_hash(&format!("{}/{}", object.namespace, object.name))
}

/// The address that MetalLB gives, or its event that says why none. What cannot be read leaves the address that stands.
fn by_metallb(world: &mut World, service: &Service) -> Option<Ipv4Addr> {
    let object = ObjectRef::of(service);
    match allocation::allocate(&world.cluster, service, start(&object)) {
        Ok(ip) => Some(ip),
        Err(why) => {
            let message = format!("Failed to allocate IP for \"{}/{}\": {why}", object.namespace, object.name);
            let said = |event: &Event| event.involved_object.uid == service.metadata.uid && event.message == message;
            if !world.cluster.store.all::<Event>().any(said) {
                events::record(world, &object, ("metallb-controller", ""), ("Warning", "AllocationFailed"), &message);
            }
            None
        }
    }
}

/// MetalLB tries again once another Service is gone.
fn try_again(world: &mut World) {
    let waits = |service: &&Service| service.spec.type_ == "LoadBalancer" && service.status.load_balancer.ingress.is_empty();
    let keys: Vec<Key> = world.cluster.store.all::<Service>().filter(waits).map(|service| key_of(&service.metadata)).collect();
    world.queue.load_balancers.extend(keys);
}
