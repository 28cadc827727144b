//! The EndpointSlice mirroring controller: Endpoints that people write by hand become slices.
//!
//! Imitates `pkg/controller/endpointslicemirroring` (`reconciler.go`, `utils.go`) over `RepackSubsets` of `pkg/api/v1/endpoints`: only
//! for Services without selector, not where the label `endpointslice.kubernetes.io/skip-mirror` is true or a leader is elected, a
//! slice for each set of ports and kind of address, at most 1,000 addresses of a subset. Slices are named after the Endpoints.
//! Upstream fills a slice in no certain order; here addresses are sorted.

use crate::api::core::{EndpointAddress, EndpointPort as Port, EndpointSubset, Endpoints};
use crate::api::discovery::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use crate::api::{ObjectRef, Resource};
use crate::cluster::{Store, Verb};
use crate::control_plane::dump::slices::{are_told, mirror_stands};
use crate::control_plane::events;
use crate::control_plane::world::{Key, World, controller_reference};
use crate::msg;
use crate::node::kube_proxy::parse_ip_sloppy;
use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::sync::Arc;

const COMPONENT: &str = "endpointslice-mirroring-controller";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "endpointslicemirroring-controller.k8s.io";
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// `--mirroring-max-endpoints-per-subset`.
const MOST: usize = 1000;

/// Annotations that slices do not take over.
const NOT_MIRRORED: [&str; 2] =
    ["endpoints.kubernetes.io/last-change-trigger-time", "kubectl.kubernetes.io/last-applied-configuration"];

/// Works off the Endpoints that may have to be mirrored.
pub(crate) fn run(world: &mut World) {
    for key in std::mem::take(&mut world.queue.mirrored) {
        let endpoints = world.cluster.store.endpoints.get(&key).cloned();
        let service = world.cluster.store.services.get(&key);
        let mirrored = service.is_some_and(|service| service.spec.selector.is_empty() && service.spec.type_ != "ExternalName");
        let wanted = match endpoints {
            Some(endpoints) if mirrored => {
                let wanted = wanted(&endpoints);
                if mirror_stands(world, &key, &wanted) {
                    continue;
                }
                warn_of_too_many(world, &endpoints);
                wanted
            }
            // A dump of today's kinds may leave the Endpoints out, which are deprecated.
            None if mirrored && are_told(world, &key) => continue,
            _ => Vec::new(),
        };
        reconcile(world, &key, wanted);
    }
}

/// The slices that mirror these Endpoints, if any are to.
pub(crate) fn wanted(endpoints: &Endpoints) -> Vec<EndpointSlice> {
    if skips(endpoints) { Vec::new() } else { slices(endpoints) }
}

fn skips(endpoints: &Endpoints) -> bool {
    let labels = &endpoints.metadata.labels;
    labels.get("endpointslice.kubernetes.io/skip-mirror").is_some_and(|skip| skip == "true")
        || endpoints.metadata.annotations.contains_key("control-plane.alpha.kubernetes.io/leader")
}

fn size(subset: &EndpointSubset) -> usize {
    subset.addresses.len() + subset.not_ready_addresses.len()
}

fn warn_of_too_many(world: &mut World, endpoints: &Endpoints) {
    if skips(endpoints) {
        return;
    }
    let skipped: usize = endpoints.subsets.iter().map(|subset| size(subset).saturating_sub(MOST)).sum();
    if skipped > 0 {
        let text = format!(
            "A max of {MOST} addresses can be mirrored to EndpointSlices per Endpoints subset. {skipped} addresses were skipped"
        );
        let (what, who) = (("Warning", "TooManyAddressesToMirror"), ("endpoint-slice-mirroring-controller", ""));
        events::record(world, &ObjectRef::of(endpoints), who, what, &text);
    }
}

/// An address by what tells it from others: itself and its Pod's uid.
type Name = (String, String);

/// The subsets anew: each set of addresses once, with all ports that it offers (`RepackSubsets`). An address that is ready and not
/// ready for one port is not ready.
fn repacked(subsets: &[EndpointSubset]) -> Vec<EndpointSubset> {
    let mut known: BTreeMap<Name, EndpointAddress> = BTreeMap::new();
    let mut offers: Vec<(Option<Port>, BTreeMap<Name, bool>)> = Vec::new();
    for subset in subsets {
        let none = subset.ports.is_empty().then_some(None);
        for port in none.into_iter().chain(subset.ports.iter().cloned().map(Some)) {
            let at = offers.iter().position(|(other, _)| *other == port).unwrap_or(offers.len());
            if at == offers.len() {
                offers.push((port, BTreeMap::new()));
            }
            let Some((_, offered)) = offers.get_mut(at) else { continue };
            let ready = subset.addresses.iter().map(|address| (address, true));
            for (address, ready) in ready.chain(subset.not_ready_addresses.iter().map(|address| (address, false))) {
                let uid = address.target_ref.as_ref().map(|target| target.uid.clone()).unwrap_or_default();
                let name = (address.ip.clone(), uid);
                known.entry(name.clone()).or_insert_with(|| address.clone());
                *offered.entry(name).or_insert(ready) &= ready;
            }
        }
    }
    let mut packed: Vec<(BTreeMap<Name, bool>, Vec<Port>)> = Vec::new();
    for (port, offered) in offers {
        match packed.iter_mut().find(|(addresses, _)| *addresses == offered) {
            Some((_, ports)) => ports.extend(port),
            None => packed.push((offered, port.into_iter().collect())),
        }
    }
    let subset = |(offered, ports): (BTreeMap<Name, bool>, Vec<Port>)| {
        let of = |wanted: bool| {
            let names = offered.iter().filter(|(_, ready)| **ready == wanted);
            names.filter_map(|(name, _)| known.get(name).cloned()).collect()
        };
        EndpointSubset { addresses: of(true), not_ready_addresses: of(false), ports }
    };
    packed.into_iter().map(subset).collect()
}

/// Endpoints as slices.
pub(crate) fn slices(endpoints: &Endpoints) -> Vec<EndpointSlice> {
    let mut slices = Vec::new();
    for subset in repacked(&endpoints.subsets) {
        let ready = subset.addresses.iter().map(|address| (address, true));
        let all = ready.chain(subset.not_ready_addresses.iter().map(|address| (address, false)));
        let all: Vec<(&str, Endpoint)> = all.filter_map(|(address, ready)| endpoint(address, ready)).take(MOST).collect();
        for kind in ["IPv4", "IPv6"] {
            let own: Vec<Endpoint> = all.iter().filter(|(of, _)| *of == kind).map(|(_, endpoint)| endpoint.clone()).collect();
            if !own.is_empty() {
                slices.push(slice(endpoints, &subset.ports, kind, own));
            }
        }
    }
    slices
}

/// An address as a slice has it, and its kind; irregular forms become regular.
fn endpoint(address: &EndpointAddress, ready: bool) -> Option<(&'static str, Endpoint)> {
    let v4 = || parse_ip_sloppy(&address.ip).map(|ip| ("IPv4", ip.to_string()));
    let v6 = || {
        let ip: Ipv6Addr = address.ip.parse().ok()?;
        Some(ip.to_ipv4_mapped().map_or_else(|| ("IPv6", ip.to_string()), |ip| ("IPv4", ip.to_string())))
    };
    let (kind, ip) = v4().or_else(v6)?;
    let endpoint = Endpoint {
        addresses: vec![ip],
        conditions: EndpointConditions { ready: Some(ready), ..EndpointConditions::default() },
        hostname: (!address.hostname.is_empty()).then(|| address.hostname.clone()),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    };
    Some((kind, endpoint))
}

fn slice(endpoints: &Endpoints, ports: &[Port], kind: &str, own: Vec<Endpoint>) -> EndpointSlice {
    let mut slice = EndpointSlice { address_type: kind.into(), endpoints: own, ..EndpointSlice::default() };
    let meta = &mut slice.metadata;
    meta.namespace.clone_from(&endpoints.metadata.namespace);
    meta.generate_name = format!("{}-", endpoints.metadata.name);
    meta.labels.clone_from(&endpoints.metadata.labels);
    meta.labels.insert(SERVICE_NAME.into(), endpoints.metadata.name.clone());
    meta.labels.insert(MANAGED_BY.into(), MANAGER.into());
    meta.annotations.clone_from(&endpoints.metadata.annotations);
    meta.annotations.retain(|key, _| !NOT_MIRRORED.contains(&key.as_str()));
    meta.owner_references = vec![controller_reference(endpoints)];
    let port = |port: &Port| EndpointPort {
        name: Some(port.name.clone()),
        protocol: Some(if port.protocol.is_empty() { "TCP".into() } else { port.protocol.clone() }),
        port: Some(port.port),
        app_protocol: port.app_protocol.clone(),
    };
    slice.ports = ports.iter().map(port).collect();
    slice
}

/// The slices of a Service that this controller made.
pub(crate) fn slices_of(store: &Store, key: &Key) -> Vec<Arc<EndpointSlice>> {
    let own = |slice: &&Arc<EndpointSlice>| {
        let labels = &slice.metadata.labels;
        slice.metadata.namespace == key.0
            && labels.get(SERVICE_NAME) == Some(&key.1)
            && labels.get(MANAGED_BY).is_some_and(|by| by == MANAGER)
    };
    store.endpoint_slices.values().filter(own).cloned().collect()
}

fn reconcile(world: &mut World, key: &Key, wanted: Vec<EndpointSlice>) {
    let mut old = slices_of(&world.cluster.store, key);
    let mut matched: Vec<(EndpointSlice, Option<Arc<EndpointSlice>>)> = Vec::new();
    for slice in wanted {
        let same = |old: &Arc<EndpointSlice>| old.ports == slice.ports && old.address_type == slice.address_type;
        let kept = old.iter().position(same).map(|at| old.remove(at));
        matched.push((slice, kept));
    }
    for (mut slice, kept) in matched {
        // A slice that is not wanted any more becomes one that is (`recycleSlices`).
        let spare = |old: &Arc<EndpointSlice>| old.address_type == slice.address_type;
        let kept = kept.or_else(|| old.iter().position(spare).map(|at| old.remove(at)));
        let verb = if kept.is_some() { Verb::Update } else { Verb::Create };
        match kept {
            Some(kept) if is_up_to_date(&kept, &slice) => continue,
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
        world.wrote(&object);
    }
}

/// Nothing that is mirrored differs.
fn is_up_to_date(kept: &EndpointSlice, slice: &EndpointSlice) -> bool {
    let (old, new) = (&kept.metadata, &slice.metadata);
    let meta = old.labels == new.labels && old.annotations == new.annotations && old.owner_references == new.owner_references;
    meta && kept.endpoints == slice.endpoints && kept.ports == slice.ports
}
