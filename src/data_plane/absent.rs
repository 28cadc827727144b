//! Pods that a dump leaves out and whose addresses its EndpointSlices name: packets go to them as to any other, and who takes them
//! there is an assumption.

use super::exchange::{Exchange, Outcome};
use super::story::{HopExt, hop};
use super::travel::{End, Next, Spot, Travel};
use super::world::{Machine, Owner};
use crate::api::discovery::EndpointSlice;
use crate::cluster::Cluster;
use crate::msg;
use crate::netfilter::walk::Hook;
use crate::node::kube_proxy::parse_ip_sloppy;
use crate::packet::{Flow, Protocol, Socket};
use crate::trace::{Place, Reason, Verdict};
use std::net::Ipv4Addr;

/// An address of such a Pod.
#[derive(Clone, Debug)]
pub(super) struct Absent {
    pub ip: Ipv4Addr,
    /// Index of its node.
    pub node: usize,
    pub pod: String,
    /// What the slice says that it listens on.
    ports: Vec<(u16, Protocol)>,
}

/// Those of a cluster. Where a Pod's node is not here, nobody knows where it is.
pub(super) fn all(cluster: &Cluster, nodes: &[Machine]) -> Vec<Absent> {
    let mut found = Vec::new();
    for slice in cluster.store.all::<EndpointSlice>() {
        let service = slice.metadata.labels.get("kubernetes.io/service-name");
        if !service.is_some_and(|service| cluster.pods_are_absent(&slice.metadata.namespace, service)) {
            continue;
        }
        let protocol = |name: &Option<String>| Protocol::of_api(name.as_deref().unwrap_or("TCP"));
        let ports = slice.ports.iter().filter_map(|port| Some((u16::try_from(port.port?).ok()?, protocol(&port.protocol)?)));
        let ports: Vec<_> = ports.collect();
        for endpoint in &slice.endpoints {
            let node = endpoint.node_name.as_ref().and_then(|name| nodes.iter().position(|node| node.name == *name));
            let pod = endpoint.target_ref.as_ref().map(|target| target.name.clone()).unwrap_or_default();
            let ip = endpoint.addresses.first().and_then(|ip| parse_ip_sloppy(ip));
            found.extend(ip.zip(node).map(|(ip, node)| Absent { ip, node, pod, ports: ports.clone() }));
        }
    }
    found
}

impl Travel<'_> {
    /// To the Pod's node, and from there to it.
    pub fn go_to_absent(&mut self, node: usize, at: usize, flow: Flow) -> Next {
        let home = self.world.absent.get(at).map_or(node, |absent| absent.node);
        self.tell_route(node, home, flow);
        match home == node {
            true => Next::Ends(End::At(Spot::Server, flow)),
            false => Next::Kernel { node: home, hook: Hook::NatPrerouting, flow },
        }
    }

    /// The node of a Pod that answers from this address and is left out.
    pub fn home_of_absent(&self, ip: Ipv4Addr) -> Option<usize> {
        match self.world.owner(ip) {
            Owner::Absent(at) => self.world.absent.get(at).map(|absent| absent.node),
            _ => None,
        }
    }
}

impl Exchange<'_> {
    /// Such a Pod takes a packet: one in its node's network only at a port that its slice names.
    pub fn absent_answers(&mut self, seen: Flow, protocol: Protocol, http: bool) -> Option<Outcome> {
        let Socket { ip, port } = seen.dst;
        let own = matches!(self.world.owner(ip), Owner::Absent(_));
        let listens = |absent: &&Absent| absent.ip == ip && (own || absent.ports.contains(&(port, protocol)));
        let pod = self.world.absent.iter().find(listens).map(|absent| absent.pod.clone())?;
        self.tell.hop(|| {
            let text = msg!("hop.ProcessAnswers.text.server.absent", pod = pod, to = seen.dst, from = seen.src.ip);
            hop(Place::Outside(pod.clone()), Reason::ProcessAnswers, text).flow(seen, seen)
        });
        self.tell.assume(|| msg!("assume.absentPod", pod = pod, to = seen.dst));
        let outcome = Outcome::new(Verdict::Delivered, None);
        Some(Outcome { status: http.then_some(200), port: Some(port), source_seen: Some(seen.src.ip), ..outcome })
    }
}
