//! `hostPort`: the CNI plugin `portmap` leads a node's own port to a Pod on it.
//!
//! Follows the plugin's iptables rules (github.com/containernetworking/plugins 1.9, `plugins/meta/portmap/portmap_iptables.go`):
//! CNI-HOSTPORT-DNAT is appended to PREROUTING and OUTPUT, where kube-proxy puts its own jump first, so that a nodePort of the same
//! number wins; what comes for an address of the node and this port gets the Pod's address; a caller in the node's Pod range, or
//! on 127.0.0.1, is hidden behind the bridge, so that the answer comes back by the node. In kube-proxy's nftables mode the two stand
//! in tables of their own at one priority, where the kernel asks the younger one first: the host port wins, as the plugin makes its
//! table with the first such Pod.

use super::story::{HopExt, hop};
use super::travel::Travel;
use super::world::{Guest, World};
use crate::api::ObjectRef;
use crate::msg;
use crate::netfilter::walk::Situation;
use crate::node::cni::Interface;
use crate::node::kube_proxy::parse_ip_sloppy;
use crate::packet::{Flow, Protocol, Socket};
use crate::trace::{FieldRef, Place, Reason};
use std::net::Ipv4Addr;

/// A port of a node that belongs to a Pod.
#[derive(Clone, Debug)]
pub(super) struct HostPort {
    node: usize,
    /// `None`: every address of the node.
    ip: Option<Ipv4Addr>,
    port: u16,
    protocol: Protocol,
    to: Socket,
    because: FieldRef,
}

/// The host ports of a Pod with an address of its own.
pub(super) fn host_ports(guest: &Guest) -> Vec<HostPort> {
    let mut found = Vec::new();
    for (at, container) in guest.pod.spec.containers.iter().enumerate().filter(|_| !guest.host_network) {
        for (number, port) in container.ports.iter().enumerate() {
            let host = port.host_port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0);
            let (Some(host), Ok(own)) = (host, u16::try_from(port.container_port)) else { continue };
            let Some(protocol) = Protocol::of_api(&port.protocol) else { continue };
            found.push(HostPort {
                node: guest.node,
                ip: parse_ip_sloppy(&port.host_ip).filter(|ip| !ip.is_unspecified()),
                port: host,
                protocol,
                to: Socket::new(guest.ip, own),
                because: FieldRef {
                    object: ObjectRef::of(guest.pod.as_ref()),
                    path: format!("spec.containers[{at}].ports[{number}].hostPort"),
                },
            });
        }
    }
    found
}

impl World {
    fn host_port(&self, node: usize, protocol: Protocol, to: Socket) -> Option<&HostPort> {
        let here = self.nodes.get(node)?;
        let is_local = to.ip.is_loopback() || to.ip == here.ip || to.ip == here.cni0;
        self.host_ports.iter().filter(|_| is_local).find(|port| {
            let fits = port.node == node && port.port == to.port && port.protocol == protocol;
            fits && port.ip.is_none_or(|ip| ip == to.ip)
        })
    }
}

impl Travel<'_> {
    /// A packet has come to a node: true when a host port takes it.
    pub fn hand_to_host_port(&mut self, node: usize, situation: &mut Situation) -> bool {
        let world = self.world;
        let before = situation.packet.flow;
        let Some(port) = world.host_port(node, self.protocol, before.dst) else { return false };
        let after = Flow { dst: port.to, ..before };
        let name = self.node_name(node).to_string();
        self.tell.assume(|| msg!("assume.hostPort"));
        self.tell.hop(|| {
            let pod = &port.because.object.name;
            let text = msg!("hop.Dnat.text.hostPort", node = name, from = before.dst, to = port.to, pod = pod, port = port.port);
            hop(Place::Cni(name.clone()), Reason::Dnat, text)
                .flow(before, after)
                .about(vec![port.because.object.clone()])
                .because(vec![port.because.clone()])
        });
        situation.packet.flow = after;
        situation.dnat = true;
        true
    }

    /// The packet leaves for the Pod of a host port: callers who would get their answer past the node are hidden.
    pub fn hide_from_host_port(&mut self, node: usize, situation: &mut Situation) {
        let before = situation.packet.flow;
        let range = self.world.nodes.get(node).and_then(|here| here.pod_range);
        let hides = before.src.ip.is_loopback() || range.is_some_and(|range| range.contains(before.src.ip));
        if !hides || before.src.ip == self.world.nodes.get(node).map_or(Ipv4Addr::UNSPECIFIED, |here| here.cni0) {
            return;
        }
        let after = Flow { src: self.masquerade_as(node, Interface::Bridge), ..before };
        let name = self.node_name(node).to_string();
        self.tell.hop(|| {
            let text = msg!("hop.Masquerade.text.hostPort", node = name, from = before.src.ip, to = after.src.ip);
            hop(Place::Cni(name.clone()), Reason::Masquerade, text).flow(before, after)
        });
        situation.packet.flow = after;
    }
}
