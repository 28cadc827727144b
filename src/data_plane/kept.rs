//! Connections that stay open between requests, and what each machine on their way remembers of them.
//!
//! nat rules are asked once for a connection: the kernel notes their answer (conntrack) and rewrites every later packet alike,
//! whatever the rules say by then. Follows the kernel's `nf_nat_core.c`; what kube-proxy takes out of that memory follows
//! `pkg/proxy/conntrack/cleanup.go`: UDP entries whose endpoint does not serve any more, unless no endpoint does.
//! Left out: how long a silent connection is remembered (TCP for days, UDP for two minutes).

use super::exchange::{Exchange, Outcome, Sender};
use super::story::{HopExt, hop};
use super::target::Target;
use super::travel::{Binding, End, Next, Spot, Travel};
use super::world::World;
use crate::msg;
use crate::netfilter::ConntrackState;
use crate::netfilter::walk::Hook;
use crate::node::kube_proxy::{ServicePorts, service_ports};
use crate::packet::{Flow, Packet, Protocol, Socket};
use crate::trace::{Place, Reason, Request, Verdict};

/// An open connection; for UDP, a socket that is used again.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// For whom and whereto it was opened; its seed does not count.
    request: Request,
    protocol: Protocol,
    client: Spot,
    called: Flow,
    end: Spot,
    bindings: Vec<Binding>,
    /// The program at its end stopped, and its kernel closed the connection.
    closed: bool,
}

impl Kept {
    fn is_for(&self, request: &Request, client: Spot) -> bool {
        let (one, other) = (&self.request, request);
        let same = (&one.from, &one.target, one.protocol, &one.via) == (&other.from, &other.target, other.protocol, &other.via);
        same && self.client == client
    }

    /// The connection in a changed cluster; `None` when its client is gone.
    fn moved(mut self, before: &World, now: &World) -> Option<Kept> {
        self.client = moved(self.client, before, now)?;
        let lost = |spot: Spot| moved(spot, before, now).is_none() || restarted(spot, before, now);
        let forgotten = self.bindings.iter().any(|binding| lost(binding.at));
        self.closed |= self.protocol == Protocol::Tcp && (forgotten || lost(self.end));
        self.end = moved(self.end, before, now).unwrap_or(self.end);
        self.bindings.retain(|binding| !lost(binding.at));
        for binding in &mut self.bindings {
            binding.at = moved(binding.at, before, now).unwrap_or(binding.at);
        }
        Some(self)
    }
}

/// The same machine in a changed cluster.
fn moved(spot: Spot, before: &World, now: &World) -> Option<Spot> {
    match spot {
        Spot::Node(node) => now.node_named(&before.nodes.get(node)?.name).map(Spot::Node),
        Spot::Pod(pod) => {
            let old = before.pods.get(pod)?;
            let meta = &old.pod.metadata;
            let found = now.pod_named(&meta.namespace, &meta.name)?;
            now.pods.get(found).filter(|new| new.ip == old.ip).map(|_| Spot::Pod(found))
        }
        Spot::Balancer(balancer) => {
            let old = before.balancers.get(balancer)?.ip;
            now.balancers.iter().position(|balancer| balancer.ip == old).map(Spot::Balancer)
        }
        Spot::Alb(alb) => {
            let old = before.albs.get(alb)?.ip;
            now.albs.iter().position(|alb| alb.ip == old).map(Spot::Alb)
        }
        Spot::Outside | Spot::ApiServer | Spot::Server => Some(spot),
    }
}

/// A machine that had no power and has it again: it remembers nothing.
fn restarted(spot: Spot, before: &World, now: &World) -> bool {
    let Some(Spot::Node(new)) = moved(spot, before, now) else { return false };
    matches!(spot, Spot::Node(old) if !before.is_up(old)) && now.is_up(new)
}

/// The open connections in a changed cluster. `running` gives what a node's kube-proxy sees; `None`: it is stopped.
pub(super) fn moved_all<'a>(
    kept: &[Kept],
    before: &World,
    now: &World,
    running: impl Fn(&str) -> Option<&'a crate::cluster::Store>,
) -> Vec<Kept> {
    let mut all: Vec<Kept> = kept.iter().filter_map(|kept| kept.clone().moved(before, now)).collect();
    if all.iter().all(|kept| kept.protocol != Protocol::Udp) {
        return all;
    }
    for (node, machine) in now.nodes.iter().enumerate() {
        let Some(view) = running(&machine.name).filter(|_| now.is_up(node)) else { continue };
        let ports = service_ports(view, &machine.name);
        for kept in all.iter_mut().filter(|kept| kept.protocol == Protocol::Udp) {
            kept.bindings.retain(|binding| binding.at != Spot::Node(node) || !is_stale(&ports, binding));
        }
    }
    all
}

/// Whether kube-proxy deletes the entry: it leads from an address of a Service to what is no serving endpoint of it.
fn is_stale(ports: &ServicePorts, binding: &Binding) -> bool {
    let (called, reached) = (binding.original.dst, binding.translated.dst);
    ports.iter().filter(|port| port.protocol == Protocol::Udp).any(|port| {
        let addresses = port.external_ips.iter().chain(&port.load_balancer_vips);
        let by_address =
            called.port == port.port && (port.cluster_ip == called.ip || addresses.into_iter().any(|ip| *ip == called.ip));
        let by_node_port = port.node_port != 0 && called.port == port.node_port;
        let mut serving = port.endpoints.iter().filter(|endpoint| endpoint.serving).peekable();
        (by_address || by_node_port)
            && serving.peek().is_some()
            && serving.all(|endpoint| Socket::new(endpoint.ip, endpoint.port) != reached)
    })
}

impl Exchange<'_> {
    /// Sends over the connection that is open already; `None`: there is none, or it was closed.
    pub fn send_again(&mut self, sender: Sender, target: &Target, request: &Request) -> Option<Outcome> {
        let at = self.kept.iter().position(|kept| kept.is_for(request, sender.spot))?;
        let mut kept = self.kept.remove(at);
        // A program that has ended has closed what it had.
        let reached = kept.bindings.last().map_or(kept.called.dst.port, |binding| binding.translated.dst.port);
        if let (Spot::Pod(pod), Protocol::Tcp) = (kept.end, kept.protocol) {
            kept.closed |= !self.listens_at(pod, reached, kept.protocol, true);
        }
        let travel = self.travel(kept.protocol);
        let (place, objects) = travel.place_of(sender.spot);
        let (from, to) = (kept.called.src.ip, kept.called.dst);
        if kept.closed {
            travel.tell.hop(|| hop(place, Reason::Established, msg!("hop.Established.text.closed", to = to)).about(objects));
            return None;
        }
        travel.tell.hop(|| {
            let text = match kept.protocol {
                Protocol::Udp => msg!("hop.Send.text.sameSocket", from = from, to = to),
                _ => msg!("hop.Send.text.again", from = from, to = to),
            };
            hop(place, Reason::Send, text).flow(kept.called, kept.called).about(objects)
        });
        let via = request.via.as_deref().and_then(|name| self.world.node_named(name));
        Some(self.carry(sender, kept.called, target, request, via, kept.bindings))
    }

    /// Notes a connection that stays open.
    pub fn keep(&mut self, request: &Request, protocol: Protocol, client: Spot, called: Flow, end: Spot, bindings: Vec<Binding>) {
        let request = request.clone();
        self.kept.push(Kept { request, protocol, client, called, end, bindings, closed: false });
    }
}

impl Travel<'_> {
    /// What this machine noted of the connection when its first packet came.
    pub fn known(&self, at: Spot, flow: Flow) -> Option<Binding> {
        self.known.iter().find(|binding| binding.at == at && binding.original == flow).copied()
    }

    /// A kernel takes a packet of a connection that it knows: no nat rule is asked, filter rules let it through.
    pub fn kernel_again(&mut self, node: usize, first: Hook, known: Binding) -> Next {
        let rewritten = Flow { dst: known.translated.dst, ..known.original };
        let packet = Packet { protocol: self.protocol, flow: rewritten, mark: 0 };
        let mut situation = self.situation(node, packet, ConntrackState::Established);
        situation.dnat = known.original.dst != known.translated.dst;
        let (hook, stays) = self.filter_hook(node, first, rewritten.dst.ip);
        if let Some(end) = self.filter(node, hook, &mut situation) {
            return end;
        }
        if self.tell.on && known.original != known.translated {
            self.tell_known(node, known);
        }
        self.bindings.push(known);
        if stays { Next::Ends(End::At(Spot::Node(node), known.translated)) } else { self.onward(node, known.translated) }
    }

    fn tell_known(&mut self, node: usize, known: Binding) {
        let name = self.node_name(node).to_string();
        self.tell.hop(|| {
            let text = msg!("hop.Established.text", node = name, from = known.original.dst, to = known.translated.dst);
            hop(Place::KubeProxy(name.clone()), Reason::Established, text).flow(known.original, known.translated)
        });
    }

    /// A packet from the middle of a TCP connection that this kernel does not know reaches a Pod as such, and is answered by RST.
    pub fn unknown_connection(&mut self, node: usize, flow: Flow) -> Next {
        let name = self.node_name(node).to_string();
        self.tell.hop(|| {
            let text = msg!("hop.Established.text.unknown", node = name, to = flow.dst);
            hop(Place::KubeProxy(name.clone()), Reason::Established, text).ends(flow)
        });
        Next::Ends(End::Lost(Verdict::Refused, Reason::Established))
    }

    /// The load balancer sends on to the node that it chose for this connection.
    pub fn balancer_again(&mut self, known: Binding, flow: Flow, node: usize) -> Next {
        let (at, objects) = self.place_of(known.at);
        let name = self.node_name(node).to_string();
        self.tell.hop(|| {
            let text = msg!("hop.Established.text.balancer", node = name, to = known.translated.dst);
            hop(at, Reason::Established, text).flow(flow, known.translated).about(objects)
        });
        self.bindings.push(known);
        self.tell_arrive(node, known.translated);
        Next::Kernel { node, hook: Hook::NatPrerouting, flow: known.translated }
    }
}
