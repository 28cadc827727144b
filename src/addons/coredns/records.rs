//! Looking a name up among Services, endpoints and Pods: `plugin/kubernetes/parse.go`, `kubernetes.go`, `reverse.go`.

use super::Zone;
use crate::api::core::Service;
use crate::api::discovery::EndpointSlice;
use crate::trace::DnsRecord;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The name does not exist (or the query is none that the plugin understands).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NameError;

/// One question.
pub(super) struct Query {
    /// As asked, with the final dot.
    qname: String,
    /// In lower case.
    pub(super) name: String,
    pub(super) zone_len: usize,
}

impl Query {
    pub(super) fn new(qname: &str, zone_len: usize) -> Query {
        Query { qname: qname.to_string(), name: qname.to_ascii_lowercase(), zone_len }
    }

    pub(super) fn is_apex(&self) -> bool {
        self.name.len() == self.zone_len
    }

    /// The zone in the case of the question.
    pub(super) fn zone(&self) -> &str {
        self.qname.get(self.qname.len().saturating_sub(self.zone_len)..).unwrap_or_default()
    }

    /// The labels before the zone.
    pub(super) fn base(&self) -> &str {
        self.name.get(..self.name.len().saturating_sub(self.zone_len + 1)).unwrap_or_default()
    }

    pub(super) fn record(&self, ttl: u32, kind: &str, data: String) -> DnsRecord {
        DnsRecord { name: self.qname.clone(), ttl, kind: kind.into(), data }
    }

    /// The address of a full reverse name.
    pub(super) fn reverse_address(&self) -> Option<String> {
        let mut labels: Vec<&str> = self.base().split('.').collect();
        labels.reverse();
        if self.name.ends_with(".in-addr.arpa.") {
            return labels.join(".").parse::<Ipv4Addr>().ok().map(|ip| ip.to_string());
        }
        let groups: Vec<String> = labels.chunks(4).map(|group| group.concat()).collect();
        let is_v6 = self.name.ends_with(".ip6.arpa.");
        groups.join(":").parse::<Ipv6Addr>().ok().filter(|_| is_v6).map(|ip| ip.to_string())
    }
}

/// What a name leads to.
pub(super) enum Host {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    /// The target of an ExternalName, or an endpoint that is a name.
    Name(String),
}

/// One finding: where to, and the name under which SRV records point to it.
pub(super) struct Found {
    pub(super) host: Host,
    /// `None`: the slice resolves no port.
    pub(super) port: Option<u16>,
    /// Name below the zone: `web.default.svc`, `10-244-1-3.web.default.svc`.
    pub(super) key: String,
}

impl Found {
    pub(super) fn address(ip: Ipv4Addr, port: u16, key: String) -> Found {
        Found { host: Host::V4(ip), port: Some(port), key }
    }

    fn of(text: &str, port: Option<u16>, key: &str) -> Option<Found> {
        let host = text.parse().map(Host::V4).or_else(|_| text.parse().map(Host::V6)).ok()?;
        Some(Found { host, port, key: key.to_string() })
    }

    /// An endpoint's address is taken as it stands: CoreDNS asks for no slice's type, so a name (`addressType: FQDN`) becomes a CNAME.
    fn of_endpoint(text: &str, port: Option<u16>, key: String) -> Found {
        let found = Found::of(text, port, &key);
        found.unwrap_or_else(|| Found { host: Host::Name(text.to_string()), port, key })
    }
}

/// The parts of a name below the zone; empty where it does not go so deep.
#[derive(Default)]
struct Parts<'a> {
    port: &'a str,
    protocol: &'a str,
    endpoint: &'a str,
    service: &'a str,
    namespace: &'a str,
    kind: &'a str,
}

/// Takes a name apart, from the right: kind, namespace, Service, then an endpoint, or port and protocol.
fn parts(base: &str) -> Result<Parts<'_>, NameError> {
    if matches!(base, "" | "svc" | "pod") {
        return Ok(Parts::default());
    }
    let labels: Vec<&str> = base.rsplit('.').collect();
    let label = |at: usize| labels.get(at).copied().unwrap_or_default();
    let stripped = |at: usize| label(at).strip_prefix('_').unwrap_or(label(at));
    if !matches!(label(0), "svc" | "pod") || labels.len() > 5 {
        return Err(NameError);
    }
    let mut parts = Parts { kind: label(0), namespace: label(1), service: label(2), ..Parts::default() };
    match labels.len() {
        4 => parts.endpoint = label(3),
        5 => (parts.protocol, parts.port) = (stripped(3), stripped(4)),
        _ => {}
    }
    Ok(parts)
}

/// Everything under a name; no finding without an error means that the name exists and holds nothing.
pub(super) fn find(zone: &Zone, query: &Query) -> Result<Vec<Found>, NameError> {
    let parts = parts(query.base())?;
    if parts.kind.is_empty() {
        return Ok(Vec::new());
    }
    if query.name.ends_with(".arpa.") || !zone.namespaces.contains(parts.namespace) {
        return Err(NameError);
    }
    if parts.service.is_empty() {
        return Ok(Vec::new());
    }
    if parts.kind == "pod" { pod(&parts) } else { service(zone, &parts) }
}

/// `pods insecure`: any address written with dashes, whether a Pod has it or not.
fn pod(parts: &Parts) -> Result<Vec<Found>, NameError> {
    let name = parts.service;
    let is_v4 = name.matches('-').count() == 3 && !name.contains("--");
    let address = name.replace('-', if is_v4 { "." } else { ":" });
    let key = format!("{name}.{}.pod", parts.namespace);
    Found::of(&address, Some(0), &key).map(|found| vec![found]).ok_or(NameError)
}

fn service(zone: &Zone, parts: &Parts) -> Result<Vec<Found>, NameError> {
    let at = (parts.namespace.to_string(), parts.service.to_string());
    let service = zone.services.get(&at).ok_or(NameError)?;
    let key = format!("{}.{}.svc", parts.service, parts.namespace);
    let found = if service.spec.type_ == "ExternalName" {
        external(service, parts, key)
    } else if is_headless(service) || !parts.endpoint.is_empty() {
        let slices = zone.slices.get(&at).map(Vec::as_slice).unwrap_or_default();
        slices.iter().flat_map(|slice| endpoints(slice, parts, &key)).collect()
    } else {
        cluster_addresses(service, parts, &key)
    };
    if found.is_empty() { Err(NameError) } else { Ok(found) }
}

fn external(service: &Service, parts: &Parts, key: String) -> Vec<Found> {
    let target = &service.spec.external_name;
    let is_address = target.parse::<std::net::IpAddr>().is_ok();
    if is_address || !(parts.endpoint.is_empty() && parts.port.is_empty() && parts.protocol.is_empty()) {
        return Vec::new();
    }
    vec![Found { host: Host::Name(target.clone()), port: Some(0), key }]
}

fn is_headless(service: &Service) -> bool {
    service.spec.cluster_ips.first().unwrap_or(&service.spec.cluster_ip) == "None"
}

fn fits(asked: &str, has: &str) -> bool {
    asked.is_empty() || asked.eq_ignore_ascii_case(has)
}

fn cluster_addresses(service: &Service, parts: &Parts, key: &str) -> Vec<Found> {
    let spec = &service.spec;
    let addresses = if spec.cluster_ips.is_empty() { std::slice::from_ref(&spec.cluster_ip) } else { &spec.cluster_ips[..] };
    let ports: Vec<(&str, &str, Option<u16>)> = if spec.ports.is_empty() {
        vec![("", "", None)]
    } else {
        spec.ports.iter().map(|port| (port.name.as_str(), protocol(&port.protocol), u16::try_from(port.port).ok())).collect()
    };
    let fitting = ports.into_iter().filter(|(name, protocol, _)| fits(parts.port, name) && fits(parts.protocol, protocol));
    fitting.flat_map(|(_, _, port)| addresses.iter().filter_map(move |ip| Found::of(ip, port, key))).collect()
}

fn protocol(name: &str) -> &str {
    if name.is_empty() { "TCP" } else { name }
}

fn endpoints(slice: &EndpointSlice, parts: &Parts, key: &str) -> Vec<Found> {
    let ports: Vec<(&str, &str, Option<u16>)> = if slice.ports.is_empty() {
        vec![("", "", None)]
    } else {
        let number = |port: Option<i32>| port.and_then(|port| u16::try_from(port).ok());
        slice.ports.iter().map(|port| (word(&port.name), word(&port.protocol), number(port.port))).collect()
    };
    let mut found = Vec::new();
    for (ip, hostname) in ready_addresses(slice) {
        if !fits(parts.endpoint, &hostname) {
            continue;
        }
        let fitting = ports.iter().filter(|(name, protocol, _)| fits(parts.port, name) && fits(parts.protocol, protocol));
        found.extend(fitting.map(|(_, _, port)| Found::of_endpoint(ip, *port, format!("{hostname}.{key}"))));
    }
    found
}

fn word(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}

/// Addresses of ready endpoints, each with its name: the hostname, or the address with dashes.
fn ready_addresses(slice: &EndpointSlice) -> impl Iterator<Item = (&String, String)> {
    let ready = slice.endpoints.iter().filter(|endpoint| endpoint.conditions.ready.unwrap_or(true));
    ready.flat_map(|endpoint| {
        let name = endpoint.hostname.as_deref().unwrap_or_default();
        endpoint.addresses.iter().map(move |ip| (ip, if name.is_empty() { dashed(ip) } else { name.to_string() }))
    })
}

fn dashed(ip: &str) -> String {
    let dashed = ip.replace(['.', ':'], "-");
    if ip.ends_with(':') { format!("{dashed}0") } else { dashed }
}

/// The names below `cluster.local` that an address has: its Service's, else those of its endpoints.
pub(super) fn names_of(zone: &Zone, ip: &str) -> Vec<String> {
    for ((namespace, name), service) in zone.services.iter() {
        if service.spec.cluster_ips.iter().chain([&service.spec.cluster_ip]).any(|own| own == ip) {
            return vec![format!("{name}.{namespace}.svc")];
        }
    }
    let mut names = Vec::new();
    for ((namespace, service), slices) in zone.slices.iter() {
        for slice in slices {
            let own = ready_addresses(slice).filter(|(address, _)| *address == ip);
            names.extend(own.map(|(_, hostname)| format!("{hostname}.{service}.{namespace}.svc")));
        }
    }
    names
}
