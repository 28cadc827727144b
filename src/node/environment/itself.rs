//! Variables that name the Pod itself (`localhost`) at the port of a database or a queue where nothing in the Pod listens, while a
//! Service here has that port: most likely written for a machine on which everything runs side by side. Whether the program calls
//! it, the manifest does not say. A Pod of several containers may have a proxy that listens there, and is left alone.

use super::{Address, beside, declared_order, field, nameless, told_port, usual_port, variables};
use crate::api::core::{Pod, Service};
use crate::api::meta::selects;
use crate::cluster::{Cluster, Store};
use crate::node::images::listens;
use std::net::Ipv4Addr;

/// Such a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToItself {
    /// `MONGO_URL`.
    pub variable: String,
    /// `localhost:27017`.
    pub target: String,
    /// The Pod's field.
    pub field: String,
    /// The Service that has the port, as the Pod calls it: `mongo`, `mongo.data`.
    pub service: String,
}

/// The variables of a Pod that name itself in vain, each address once.
pub fn to_itself(pod: &Pod, cluster: &Cluster) -> Vec<ToItself> {
    let mut found: Vec<ToItself> = Vec::new();
    let ([container], [], false) = (&*pod.spec.containers, &*pod.spec.init_containers, pod.spec.host_network == Some(true))
    else {
        return found;
    };
    let values = variables(container, pod, &cluster.known_to(pod, container));
    for (name, value) in declared_order(container, &values) {
        let Some(address) = Address::read(value).filter(|own| is_own(own.host)) else { continue };
        let scheme = || address.scheme.as_deref().and_then(usual_port);
        let port = address.port.or_else(scheme).or_else(|| beside(name, &values, &[])).or_else(|| told_port(name));
        let Some(port) = port.filter(|port| nameless::SERVERS.contains(port)) else { continue };
        let target = format!("{}:{port}", address.host);
        let heard = listens(pod, &cluster.store).iter().any(|own| own.port == port);
        let service = service_at(port, pod, &cluster.store).filter(|_| !heard && found.iter().all(|own| own.target != target));
        let Some(service) = service else { continue };
        found.push(ToItself { variable: name.into(), target, field: field(0, container, name), service });
    }
    found
}

fn is_own(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

/// The Service for others' Pods that has a port, of the Pod's own namespace before any other.
fn service_at(port: u16, pod: &Pod, store: &Store) -> Option<String> {
    let own = &pod.metadata;
    let has = |service: &&Service| {
        let (meta, spec) = (&service.metadata, &service.spec);
        let itself = meta.namespace == own.namespace && !spec.selector.is_empty() && selects(&spec.selector, &own.labels);
        !itself && spec.ports.iter().any(|own| own.port == i32::from(port) && own.protocol != "UDP")
    };
    if let Some(service) = store.in_namespace::<Service>(&own.namespace).find(has) {
        return Some(service.metadata.name.clone());
    }
    let service = store.all::<Service>().find(has)?;
    Some(format!("{}.{}", service.metadata.name, service.metadata.namespace))
}
