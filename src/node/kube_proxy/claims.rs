//! Which Services' rules take the packets for an address: their ClusterIP, their external IPs, their load balancers' addresses.
//!
//! Where two take the same, which one gets a packet is chance: `syncProxyRules` of `pkg/proxy/iptables` and `pkg/proxy/nftables` walks
//! Services in the order of a Go map; with iptables the first rule takes the packet, with nftables the element written last.

use super::parse_ip_sloppy;
use super::service_port::{load_balancer_vips, proxied_ip};
use crate::api::core::{Service, ServicePort};
use crate::cluster::Store;
use crate::packet::Protocol;
use std::net::Ipv4Addr;

/// The addresses of a Service that rules are written for, each with the field that gives it.
pub fn addresses(service: &Service) -> Vec<(Ipv4Addr, String)> {
    let Some(own) = proxied_ip(service) else { return Vec::new() };
    let mut found = vec![(own, "spec.clusterIP".to_string())];
    let external = service.spec.external_ips.iter().enumerate();
    found.extend(external.filter_map(|(at, ip)| Some((parse_ip_sloppy(ip)?, format!("spec.externalIPs[{at}]")))));
    found.extend(load_balancer_vips(service).into_iter().map(|ip| (ip, "spec.type".to_string())));
    found
}

/// All Services that take packets for this address, port and protocol, with that port and the field of the address.
pub fn claimants(store: &Store, (ip, port): (Ipv4Addr, u16), protocol: Protocol) -> Vec<(&Service, &ServicePort, String)> {
    let mut found = Vec::new();
    for service in store.all::<Service>() {
        let fits = |own: &&ServicePort| own.port == i32::from(port) && Protocol::of_api(&own.protocol) == Some(protocol);
        let Some(own) = service.spec.ports.iter().find(fits) else { continue };
        found.extend(addresses(service).into_iter().find(|(own, _)| *own == ip).map(|(_, field)| (service, own, field)));
    }
    found
}
