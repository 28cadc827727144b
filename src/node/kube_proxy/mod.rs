//! kube-proxy: Services and EndpointSlices in, one node's rules out. It forwards nothing itself; packets meet only the kernel.
//!
//! Follows `pkg/proxy` of Kubernetes 1.36: `serviceport.go`, `endpointslicecache.go`, `topology.go`, `iptables/proxier.go`, `nftables/proxier.go`, with
//! kubeadm's configuration (`detectLocalMode: ClusterCIDR`, mark bit 14, node ports on all addresses and on localhost).
//! Left out: IPv6, the text of partial syncs (it is always that of a full sync, though only what changed is made anew), and the counters of `nfacct`: upstream makes them itself
//! before it loads its text, and where it could not, it leaves them out, too (with the rule that only counts localhost's node ports).

mod claims;
mod endpoint;
pub mod iptables;
pub mod nftables;
mod service_port;
mod topology;

pub use claims::{addresses, claimants};
pub use endpoint::EndpointInfo;
pub use service_port::{ChangeTracker, LABEL_SERVICE_PROXY_NAME, ServicePortInfo, ServicePorts, service_ports};
pub use topology::{Endpoints, categorize_endpoints};

use crate::api::core::Node;
use crate::netfilter::Cidr;
use std::net::Ipv4Addr;

/// What a kube-proxy knows of the machine that it runs on, and its configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct ProxyConfig {
    /// Its node's name.
    pub node_name: String,
    /// The node's first internal address.
    pub node_ip: Ipv4Addr,
    /// Label `topology.kubernetes.io/zone` of the node; empty when there is none.
    pub zone: String,
    /// All Pods' addresses (`clusterCIDR`).
    pub pod_range: Cidr,
    /// All ClusterIPs, which nftables mode drops where nobody has them.
    pub service_range: Cidr,
}

impl ProxyConfig {
    /// The configuration of a node's kube-proxy.
    pub fn of(node: &Node, pod_range: Cidr, service_range: Cidr) -> ProxyConfig {
        ProxyConfig {
            node_name: node.metadata.name.clone(),
            node_ip: internal_ip(node).unwrap_or(Ipv4Addr::UNSPECIFIED),
            zone: node.metadata.labels.get("topology.kubernetes.io/zone").cloned().unwrap_or_default(),
            pod_range,
            service_range,
        }
    }
}

/// A node's first internal IPv4 address; without one, its first external one.
pub fn internal_ip(node: &Node) -> Option<Ipv4Addr> {
    let of_type = |wanted: &'static str| {
        let addresses = node.status.addresses.iter();
        addresses.filter(move |address| address.type_ == wanted).find_map(|address| parse_ip_sloppy(&address.address))
    };
    of_type("InternalIP").or_else(|| of_type("ExternalIP"))
}

/// Reads an IPv4 address as `netutils.ParseIPSloppy` does: leading zeros are decimal.
pub fn parse_ip_sloppy(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        *octet = if digits { part.parse().ok()? } else { return None };
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

/// Reads an address range as `netutils.ParseCIDRSloppy` does; bits beyond the prefix are dropped.
pub fn parse_cidr_sloppy(text: &str) -> Option<Cidr> {
    let (ip, bits) = text.trim().split_once('/')?;
    let ip = parse_ip_sloppy(ip)?;
    let bits: u8 = bits.parse().ok().filter(|bits| *bits <= 32)?;
    let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
    Some(Cidr { base: Ipv4Addr::from(u32::from(ip) & mask), bits })
}
