//! DNS outside the cluster, as the client on the internet asks it and CoreDNS forwards to it.
//!
//! All of it is an assumption, said as one: node names and load balancers' hostnames have their addresses, and while an Ingress is
//! served, your DNS records point at it: every host that a rule lists, and every other name with a dot. Nothing else exists.

use super::{aws, ingress_controller};
use crate::api::core::{LoadBalancerIngress, Node, Service};
use crate::api::networking::Ingress;
use crate::cluster::Store;
use crate::trace::{DnsRecord, DnsResult};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// The names known outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PublicDns {
    /// Lower-case name without the final dot, and its address.
    hosts: BTreeMap<String, String>,
    /// Where served hosts point.
    ingress: Option<String>,
    /// Hosts without a dot that served rules list.
    bare: BTreeSet<String>,
}

/// The address of a Service's load balancer: as reported, or the one behind the hostname that is reported in its place.
pub fn balancer_address(service: &Service, at: &LoadBalancerIngress) -> Option<Ipv4Addr> {
    if at.ip.is_empty() && !at.hostname.is_empty() {
        return Some(aws::address(&at.hostname, aws::is_internal(&service.metadata.annotations)));
    }
    at.ip.parse().ok()
}

/// TTL of these records, in seconds.
const TTL: u32 = 300;

impl PublicDns {
    /// The names known outside while the store is in this state.
    pub fn of(store: &Store) -> PublicDns {
        let mut dns = PublicDns::default();
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
        for ingress in store.all::<Ingress>().filter(|ingress| ingress_controller::serves(store, ingress)) {
            let addresses = &ingress.status.load_balancer.ingress;
            let own = addresses.iter().find_map(|at| Some(at.ip.clone()).filter(|ip| !ip.is_empty()));
            dns.ingress = dns.ingress.or(own).or_else(|| ingress_controller::address(store));
            let hosts = ingress.spec.rules.iter().map(|rule| rule.host.to_lowercase());
            dns.bare.extend(hosts.filter(|host| !host.is_empty() && !host.contains('.')));
        }
        dns
    }

    /// The address of a name, with or without the final dot.
    pub fn address(&self, name: &str) -> Option<&str> {
        let name = name.trim_end_matches('.').to_lowercase();
        if let Some(address) = self.hosts.get(&name) {
            return Some(address);
        }
        let in_cluster = name == "cluster.local" || name.ends_with(".cluster.local") || name.ends_with(".arpa");
        let pointed = (name.contains('.') || self.bare.contains(&name)) && !in_cluster;
        self.ingress.as_deref().filter(|_| pointed)
    }

    /// Answers one query.
    pub fn query(&self, name: &str, qtype: &str) -> DnsResult {
        let full = if name.ends_with('.') { name.to_string() } else { format!("{name}.") };
        let Some(address) = self.address(name) else {
            return DnsResult { rcode: Some("NXDOMAIN".into()), searched: vec![full], ..DnsResult::default() };
        };
        let record = DnsRecord { name: full.clone(), ttl: TTL, kind: "A".into(), data: address.to_string() };
        let answers = if qtype.eq_ignore_ascii_case("A") { vec![record] } else { Vec::new() };
        DnsResult { rcode: Some("NOERROR".into()), answers, searched: vec![full] }
    }
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
}
