//! Which address MetalLB gives to a Service: the one that it asks for, one that it may share, or a free one; or why none.
//!
//! Follows `convergeBalancer`, `allocateIPs` and `getDesiredLbIPs` in MetalLB's `controller/service.go`, `Assign` and `checkSharing` in
//! `internal/allocator/allocator.go` (0.15), in its own words. Assumed: one pool; which free address is taken follows a hash of the name, not
//! the order of the pool. Left out: the choice of a pool, IPv6.

use crate::api::ObjectRef;
use crate::api::core::Service;
use crate::cluster::Cluster;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

const PREFIXES: [&str; 2] = ["metallb.io/", "metallb.universe.tf/"];
const ADDRESSES: &str = "loadBalancerIPs";
const SHARED: &str = "allow-shared-ip";

/// The addresses of a pool: `198.51.100.10-198.51.100.99`, first and last.
pub fn pool(text: &str) -> Option<(u32, u32)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse::<Ipv4Addr>().ok()?, last.trim().parse::<Ipv4Addr>().ok()?);
    (first <= last).then(|| (u32::from(first), u32::from(last)))
}

/// The value of an annotation, by its name of today or the old one.
fn annotation<'a>(service: &'a Service, name: &str) -> &'a str {
    let annotations = &service.metadata.annotations;
    let found = PREFIXES.iter().find_map(|prefix| annotations.get(&format!("{prefix}{name}")));
    found.map_or("", String::as_str)
}

/// The field by which a Service asks for its address, or for company: the first to look at where it gets none.
pub fn asking_field(service: &Service) -> String {
    let written = |name: &str| {
        let keys = PREFIXES.map(|prefix| format!("{prefix}{name}"));
        keys.into_iter().find(|key| service.metadata.annotations.contains_key(key))
    };
    match (written(ADDRESSES), service.spec.load_balancer_ip.is_empty()) {
        (Some(key), _) => format!("metadata.annotations.{key}"),
        (None, false) => "spec.loadBalancerIP".into(),
        _ => "spec.type".into(),
    }
}

/// The address that a Service asks for.
fn desired(service: &Service) -> Result<Option<Ipv4Addr>, String> {
    let (listed, wish) = (annotation(service, ADDRESSES), service.spec.load_balancer_ip.as_str());
    let key = format!("{}{ADDRESSES}", PREFIXES[0]);
    if !listed.is_empty() && !wish.is_empty() {
        return Err(format!("service can not have both {key} and svc.Spec.LoadBalancerIP"));
    }
    let texts: Vec<&str> = if listed.is_empty() { vec![wish] } else { listed.split(',').map(str::trim).collect() };
    if texts == [""] {
        return Ok(None);
    }
    let mut found = Vec::new();
    for text in &texts {
        let ip = text.parse::<std::net::IpAddr>();
        found.push(ip.map_err(|_| match listed.is_empty() {
            true => format!("invalid spec.loadBalancerIP {text:?}"),
            false => format!("invalid {key}: {listed:?}"),
        })?);
    }
    match found.as_slice() {
        [std::net::IpAddr::V4(ip)] => Ok(Some(*ip)),
        _ => Err(format!("requested loadBalancer IP(s) [{}] does not match the ipFamily of the service", quoted(&texts))),
    }
}

fn quoted(texts: &[&str]) -> String {
    texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(" ")
}

/// By what a Service may share its address: its key, and under externalTrafficPolicy Local whom it selects.
fn sharing(service: &Service) -> (&str, String) {
    let local = service.spec.external_traffic_policy == "Local";
    let pairs = service.spec.selector.iter().filter(|_| local).map(|(key, value)| format!("{key}={value}"));
    (annotation(service, SHARED), pairs.collect::<Vec<_>>().join(","))
}

/// Why the Service may not have an address that others have.
fn refuses(service: &Service, ip: Ipv4Addr, others: &[&Service]) -> Option<String> {
    if others.is_empty() {
        return None;
    }
    let (key, own) = (sharing(service), format!("{}/{}", service.metadata.namespace, service.metadata.name));
    let parts = |other: &&Service| format!("{}/{}", other.metadata.namespace, other.metadata.name);
    if others.iter().any(|other| sharing(other) != key || key.0.is_empty()) {
        let names = others.iter().map(parts).collect::<Vec<_>>().join(",");
        return Some(format!("can't change sharing key for {own:?}, address also in use by {names}"));
    }
    for port in &service.spec.ports {
        let taken =
            |other: &&Service| other.spec.ports.iter().any(|own| (own.port, &own.protocol) == (port.port, &port.protocol));
        if others.iter().any(taken) {
            return Some(format!("port {}/{} is already in use on \"{ip}\"", port.protocol, port.port));
        }
    }
    None
}

/// The Service's address, or why it gets none. `start` says where in the pool the search begins.
pub fn allocate(cluster: &Cluster, service: &Service, start: u64) -> Result<Ipv4Addr, String> {
    let (first, last) = pool(&cluster.settings.load_balancer.pool).ok_or("no available IPs")?;
    let own = ObjectRef::of(service);
    let mut held: BTreeMap<Ipv4Addr, Vec<&Service>> = BTreeMap::new();
    for other in cluster.store.services.values().filter(|other| ObjectRef::of(other.as_ref()) != own) {
        for ip in other.status.load_balancer.ingress.iter().filter_map(|at| at.ip.parse().ok()) {
            held.entry(ip).or_default().push(other);
        }
    }
    let others = |ip: &Ipv4Addr| held.get(ip).map_or(&[][..], Vec::as_slice);
    let inside = |ip: &Ipv4Addr| (first..=last).contains(&u32::from(*ip));
    if let Some(ip) = desired(service)? {
        if !inside(&ip) {
            return Err(format!("[\"{ip}\"] is not allowed in config"));
        }
        return refuses(service, ip, others(&ip)).map_or(Ok(ip), Err);
    }
    let fits = |ip: &Ipv4Addr| inside(ip) && refuses(service, *ip, others(ip)).is_none();
    let standing = service.status.load_balancer.ingress.iter().find_map(|at| at.ip.parse().ok()).filter(fits);
    let size = u64::from(last - first) + 1;
    let at = |step: u64| Ipv4Addr::from(first + ((start % size + step) % size) as u32);
    let free = || standing.or_else(|| held.keys().copied().find(fits)).or_else(|| (0..size.min(65_536)).map(at).find(fits));
    free().ok_or_else(|| "no available IPs".into())
}
