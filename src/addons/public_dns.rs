//! DNS outside the cluster, as the client on the internet asks it and CoreDNS forwards to it.
//!
//! All of it is an assumption, said as one: node names and load balancers' hostnames have their addresses, and while an Ingress is
//! served, your DNS records point at it: for the client outside every host that a rule lists, and every other name with a dot; for
//! a Pod or a node, through CoreDNS's forward, the hosts that rules list and names of their domains. There are servers outside as
//! well: where an ExternalName Service points, and under well-known top-level domains; the client outside finds them after the
//! Ingress. What is shaped like a name of the cluster (`web.defualt`, `db-0.db`) is nobody's name out there: public DNS answers
//! NXDOMAIN. Nothing else exists.

use super::{aws, ingress_controller};
use crate::api::core::{LoadBalancerIngress, Namespace, Node, Service};
use crate::api::networking::Ingress;
use crate::cluster::Store;
use crate::cluster::domains::{domain, reads_as_public};
use crate::random::stable_hash;
use crate::trace::{DnsRecord, DnsResult};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// The names known outside. The default knows none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PublicDns {
    /// Lower-case name without the final dot, and its address.
    hosts: BTreeMap<String, String>,
    /// Where served hosts point.
    ingress: Option<String>,
    /// Hosts without a dot that served rules list.
    bare: BTreeSet<String>,
    /// Where ExternalName Services point.
    external: BTreeSet<String>,
    /// Hosts that rules list, served or not: they are the cluster's own.
    own: BTreeSet<String>,
    /// Hosts whose own load balancer is not built: nobody's record points elsewhere for them.
    unbuilt: BTreeSet<String>,
    /// Whether there are servers outside at all.
    servers: bool,
}

/// A server outside the cluster has an address of the first range for documentation (RFC 5737).
fn server_of(name: &str) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, 1 + (stable_hash(name) % 254) as u8)
}

/// Whether the address is such a server's.
pub fn is_server(ip: Ipv4Addr) -> bool {
    ip.octets().starts_with(&[192, 0, 2])
}

/// The address of a Service's load balancer: as reported, or the one behind the hostname that is reported in its place.
pub fn balancer_address(service: &Service, at: &LoadBalancerIngress) -> Option<Ipv4Addr> {
    if at.ip.is_empty() && !at.hostname.is_empty() {
        return Some(aws::address(&at.hostname, aws::hostname_is_internal(service, &at.hostname)));
    }
    at.ip.parse().ok()
}

/// TTL of these records, in seconds.
const TTL: u32 = 300;

impl PublicDns {
    /// The names known outside while the store is in this state.
    pub fn of(store: &Store) -> PublicDns {
        let mut dns = PublicDns { servers: true, ..PublicDns::default() };
        for node in store.all::<Node>() {
            let address = node.status.addresses.iter().find(|address| address.type_ == "InternalIP");
            dns.hosts.extend(address.map(|address| (node.metadata.name.to_lowercase(), address.address.clone())));
        }
        for service in store.all::<Service>() {
            let named = service.status.load_balancer.ingress.iter().filter(|at| !at.hostname.is_empty());
            let address =
                |at: &LoadBalancerIngress| Some((at.hostname.to_lowercase(), balancer_address(service, at)?.to_string()));
            dns.hosts.extend(named.filter_map(address));
        }
        let aliases = store.all::<Service>().map(|service| service.spec.external_name.trim_end_matches('.').to_lowercase());
        // `web.default` is meant for a Service, but nobody completes what an ExternalName says, and outside it is no name.
        let short = |name: &str| {
            name.split_once('.')
                .is_none_or(|(_, rest)| rest == "svc" || rest.ends_with(".svc") || store.get::<Namespace>("", rest).is_some())
        };
        dns.external.extend(aliases.filter(|name| !short(name) && name.contains(char::is_alphabetic)));
        let rules = store.all::<Ingress>().flat_map(|ingress| &ingress.spec.rules);
        dns.own.extend(rules.map(|rule| rule.host.to_lowercase()).filter(|host| !host.is_empty()));
        for ingress in store.all::<Ingress>().filter(|ingress| ingress_controller::is_alb(store, ingress)) {
            let internal = aws::ingress_is_internal(&ingress.metadata.annotations);
            for at in ingress.status.load_balancer.ingress.iter().filter(|at| !at.hostname.is_empty()) {
                let address = aws::address(&at.hostname, internal).to_string();
                let hosts =
                    ingress.spec.rules.iter().map(|rule| &rule.host).filter(|host| !host.is_empty()).chain([&at.hostname]);
                dns.hosts.extend(hosts.map(|host| (host.to_lowercase(), address.clone())));
                dns.ingress.get_or_insert(address);
            }
        }
        for ingress in store.all::<Ingress>().filter(|ingress| ingress_controller::waits_for_alb(store, ingress)) {
            let hosts = ingress.spec.rules.iter().map(|rule| rule.host.to_lowercase());
            dns.unbuilt.extend(hosts.filter(|host| !host.is_empty() && !dns.hosts.contains_key(host)));
        }
        for ingress in store.all::<Ingress>().filter(|ingress| ingress_controller::serves(store, ingress)) {
            let addresses = &ingress.status.load_balancer.ingress;
            let own = addresses.iter().find_map(|at| Some(at.ip.clone()).filter(|ip| !ip.is_empty()));
            // A dump's Ingresses may have an address each.
            if let Some(other) = own.as_ref().filter(|own| dns.ingress.as_ref().is_some_and(|first| first != *own)) {
                let hosts = ingress.spec.rules.iter().map(|rule| rule.host.to_lowercase()).filter(|host| !host.is_empty());
                dns.hosts.extend(hosts.map(|host| (host, other.clone())));
            }
            dns.ingress = dns.ingress.or(own).or_else(|| ingress_controller::address(store));
            let hosts = ingress.spec.rules.iter().map(|rule| rule.host.to_lowercase());
            for rule in &ingress.spec.rules {
                dns.unbuilt.remove(&rule.host.to_lowercase());
            }
            dns.bare.extend(hosts.filter(|host| !host.is_empty() && !host.contains('.')));
        }
        dns
    }

    /// With further hosts that are the cluster's own, in lower case.
    #[must_use]
    pub fn owning(mut self, hosts: Vec<String>) -> PublicDns {
        self.own.extend(hosts);
        self
    }

    /// The address of a name, with or without the final dot.
    pub fn address(&self, name: &str) -> Option<&str> {
        let name = name.trim_end_matches('.').to_lowercase();
        if let Some(address) = self.hosts.get(&name) {
            return Some(address);
        }
        let in_cluster = name == "cluster.local" || name.ends_with(".cluster.local") || name.ends_with(".arpa");
        // A record that is to point at a load balancer of its own points at no other one.
        if self.unbuilt.contains(&name) {
            return None;
        }
        let pointed = (name.contains('.') || self.bare.contains(&name)) && !in_cluster;
        self.ingress.as_deref().filter(|_| pointed)
    }

    /// The address that somebody outside finds for a name: where your records point, else a server's.
    fn outside_address(&self, name: &str) -> Option<String> {
        let own = self.address(name).map(str::to_string);
        own.or_else(|| self.forwarded_address(name, false))
    }

    /// The address that CoreDNS's forward finds for a name.
    fn forwarded_address(&self, name: &str, of_cluster: bool) -> Option<String> {
        let name = name.trim_end_matches('.').to_lowercase();
        let in_cluster = name == "cluster.local" || name.ends_with(".cluster.local") || name.ends_with(".arpa");
        let own = || self.address(&name).map(str::to_string);
        if !self.servers || in_cluster || self.hosts.contains_key(&name) || self.lists(&name) {
            return own();
        }
        if self.external.contains(&name) {
            return Some(server_of(&name).to_string());
        }
        let elsewhere = reads_as_public(&name).then(|| server_of(&name).to_string());
        // Hosts that rules list tell which domains are yours: a Pod that calls another one means somebody else's server.
        if !name.contains(".svc.") && self.own.iter().any(|host| domain(host) == domain(&name)) {
            return own().or(elsewhere);
        }
        elsewhere.filter(|_| !of_cluster)
    }

    /// Whether a rule lists the host, by itself or with a wildcard.
    fn lists(&self, name: &str) -> bool {
        let wildcard = || name.split_once('.').is_some_and(|(_, rest)| self.own.contains(&format!("*.{rest}")));
        self.own.contains(name) || wildcard()
    }

    /// Answers one query from inside the cluster; `of_cluster`: its labels name what stands in the cluster.
    pub fn forwarded(&self, name: &str, qtype: &str, of_cluster: bool) -> DnsResult {
        answer(name, qtype, self.forwarded_address(name, of_cluster))
    }

    /// Answers one query from outside the cluster.
    pub fn asked_outside(&self, name: &str, qtype: &str) -> DnsResult {
        answer(name, qtype, self.outside_address(name))
    }

    /// Answers one query for a name that can only be this cluster's.
    pub fn query(&self, name: &str, qtype: &str) -> DnsResult {
        answer(name, qtype, self.address(name).map(str::to_string))
    }
}

fn answer(name: &str, qtype: &str, address: Option<String>) -> DnsResult {
    let full = if name.ends_with('.') { name.to_string() } else { format!("{name}.") };
    let Some(data) = address else {
        return DnsResult { rcode: Some("NXDOMAIN".into()), searched: vec![full], ..DnsResult::default() };
    };
    let record = DnsRecord { name: full.clone(), ttl: TTL, kind: "A".into(), data };
    let answers = if qtype.eq_ignore_ascii_case("A") { vec![record] } else { Vec::new() };
    DnsResult { rcode: Some("NOERROR".into()), answers, searched: vec![full] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(class: &str) -> Store {
        let mut store = Store::default();
        let put = |store: &mut Store| {
            store.put::<Node>(
                serde_yaml::from_str("{metadata: {name: node-1}, status: {addresses: [{type: InternalIP, address: 10.0.0.11}]}}")
                    .unwrap(),
            );
            store.put::<crate::api::networking::IngressClass>(
                serde_yaml::from_str("{metadata: {name: kubehop}, spec: {controller: kubehop.dev/ingress}}").unwrap(),
            );
            let text = format!(
                "{{metadata: {{name: i, namespace: default}}, spec: {{ingressClassName: {class}, rules: [{{host: shop}}, {{host: a.io}}]}}, \
                 status: {{loadBalancer: {{ingress: [{{ip: 198.51.100.10}}]}}}}}}"
            );
            store.put::<Ingress>(serde_yaml::from_str(&text).unwrap());
        };
        put(&mut store);
        store
    }

    #[test]
    fn a_served_ingress_takes_every_name_with_a_dot_and_the_listed_bare_ones() {
        let dns = PublicDns::of(&store("kubehop"));
        for name in ["a.io", "other.example.com.", "shop", "SHOP."] {
            assert_eq!(dns.address(name), Some("198.51.100.10"), "{name}");
        }
        for name in ["web", "web.default.svc.cluster.local", "1.0.0.10.in-addr.arpa."] {
            assert_eq!(dns.address(name), None, "{name}");
        }
    }

    #[test]
    fn without_a_served_ingress_only_machines_have_names() {
        let dns = PublicDns::of(&store("nginx"));
        assert_eq!((dns.address("node-1"), dns.address("a.io")), (Some("10.0.0.11"), None));
        assert_eq!(dns.query("node-1", "AAAA").rcode.as_deref(), Some("NOERROR"));
        assert_eq!(dns.query("a.io", "A").rcode.as_deref(), Some("NXDOMAIN"));
    }

    #[test]
    fn from_inside_there_are_servers_outside_too() {
        let mut store = store("nginx");
        let text = "{metadata: {name: docs, namespace: default}, spec: {type: ExternalName, externalName: docs.corp.internal}}";
        store.put::<Service>(serde_yaml::from_str(text).unwrap());
        let dns = PublicDns::of(&store);
        for name in ["docs.corp.internal.", "example.com", "api.example.com."] {
            let found = dns.forwarded(name, "A", false).answers;
            assert!(is_server(found[0].data.parse().unwrap()), "{name}: {found:?}");
            assert_eq!(dns.address(name), None, "{name}");
            assert_eq!(dns.asked_outside(name, "A").answers, found, "{name}: the same server for everybody");
        }
        // What rules list is the cluster's own, and namespaces are no domains.
        for name in ["a.io", "web.shop", "web.default.svc.cluster.local", "db"] {
            assert_eq!(dns.forwarded(name, "A", false).rcode.as_deref(), Some("NXDOMAIN"), "{name}");
        }
    }
}
