//! The Pod network: which address belongs to a node's bridge, and by which way a node sends a packet on.
//!
//! Plays the `bridge` plugin with host-local addresses and static routes between the nodes, as kubenet, kindnet and host-gw
//! back ends do: no encapsulation, no NAT between Pods. Network policies, which a plugin enforces, too, stand in
//! `node::network_policy`, `hostPort` in `data_plane`.

use crate::cluster::Store;
use crate::msg;
use crate::netfilter::Cidr;
use crate::words::Message;
use std::net::Ipv4Addr;

/// The bridge `cni0` has the first address of the node's Pod range.
pub fn bridge_address(pod_range: Cidr) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(pod_range.bits.min(32))).unwrap_or(0);
    Ipv4Addr::from((u32::from(pod_range.base) & mask).wrapping_add(1))
}

/// Where a Pod's hostPort of this number is open, for whoever called it elsewhere.
pub fn host_port_elsewhere(store: &Store, port: i32) -> Option<Message> {
    for pod in store.pods.values().filter(|pod| !pod.spec.node_name.is_empty() && pod.spec.host_network != Some(true)) {
        let ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
        let Some(open) = ports.into_iter().find(|own| own.host_port == Some(port)) else { continue };
        let (name, node) = (&pod.metadata.name, &pod.spec.node_name);
        return Some(match open.host_ip.as_str() {
            "" | "0.0.0.0" => msg!("advice.hostPort.next", port = port, pod = name, node = node),
            address => msg!("advice.hostPort.address.next", port = port, pod = name, node = node, address = address),
        });
    }
    None
}

/// By which interface a packet leaves a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// `cni0`: to a Pod of the same node.
    Bridge,
    /// `eth0`: to other nodes and the world.
    Wire,
    /// `lo`: to the node itself.
    Loopback,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bridge_has_the_first_address_of_the_nodes_pod_range() {
        assert_eq!(bridge_address("10.244.2.0/24".parse().unwrap()), Ipv4Addr::new(10, 244, 2, 1));
    }
}
