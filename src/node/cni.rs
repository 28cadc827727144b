//! The Pod network: which address belongs to a node's bridge, and by which way a node sends a packet on.
//!
//! Plays the `bridge` plugin with host-local addresses and static routes between the nodes, as kubenet, kindnet and host-gw
//! back ends do: no encapsulation, no NAT between Pods. Network policies, which a plugin enforces, too, stand in
//! `node::network_policy`, `hostPort` in `data_plane`.

use crate::netfilter::Cidr;
use std::net::Ipv4Addr;

/// The bridge `cni0` has the first address of the node's Pod range.
pub fn bridge_address(pod_range: Cidr) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(pod_range.bits.min(32))).unwrap_or(0);
    Ipv4Addr::from((u32::from(pod_range.base) & mask).wrapping_add(1))
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
