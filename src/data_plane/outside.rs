//! A packet outside the cluster: out by the default route and the gateway, to load balancers, nodes and servers, or nowhere.

use super::story::{HopExt, hop};
use super::travel::{Binding, End, Next, Spot, Travel};
use super::world::{EGRESS_GATEWAY, Owner, is_private, is_public};
use crate::addons::public_dns::is_server;
use crate::api::{Kind, ObjectRef};
use crate::msg;
use crate::netfilter::walk::Hook;
use crate::node::cni::Interface;
use crate::packet::{Flow, Protocol, Socket};
use crate::settings::Edge;
use crate::trace::{FieldRef, Place, Reason, Verdict};
use crate::words::Message;

impl Travel<'_> {
    /// Out by the default route. The cluster's range of Services has no route anywhere: its addresses exist only as rules.
    pub fn leave_cluster(&mut self, node: usize, flow: Flow) -> Next {
        let name = self.node_name(node).to_string();
        if self.world.service_range.contains(flow.dst.ip) {
            let ping = self.protocol == Protocol::Icmp;
            // A connection passes the nat rules with its first packet, once: whoever was sent here by one of them is rewritten no more.
            let rewritten =
                self.bindings.iter().any(|own| own.translated.dst == flow.dst && own.original.dst != own.translated.dst);
            self.tell.hop(|| {
                let text = match ping {
                    true => msg!("hop.NoRule.text.ping", node = name, to = flow.dst),
                    false if rewritten => msg!("hop.NoRule.text.rewritten", node = name, to = flow.dst),
                    false => msg!("hop.NoRule.text", node = name, to = flow.dst),
                };
                hop(Place::KubeProxy(name.clone()), Reason::NoRule, text).ends(flow)
            });
            return Next::Ends(End::Lost(Verdict::Timeout, Reason::NoRule));
        }
        if !self.world.is_inside(flow.src.ip) {
            let came = |own: &Binding| own.at == Spot::Node(node) && own.original.dst == flow.dst;
            return if self.bindings.last().is_some_and(came) { self.goes_round(node, flow) } else { Next::Outside(flow) };
        }
        if self.world.pod_range.contains(flow.dst.ip) && !self.world.named.contains(&flow.dst.ip) {
            return self.beside_the_pods(node, flow);
        }
        let flow = self.cni_masquerade(node, flow);
        if self.world.named.contains(&flow.dst.ip) {
            self.tell.assume(|| msg!("assume.namedServer", to = flow.dst));
            return Next::Ends(End::At(Spot::Server, flow));
        }
        let brought = self.world.external.contains(&flow.dst.ip);
        if is_private(flow.dst.ip) && !brought && self.world.owner(flow.dst.ip) == Owner::Nobody {
            // Whether a machine of the nodes' wider network has it, their routes and that network know, and no manifest.
            self.tell.assume(|| msg!("assume.privateAddress", ip = flow.dst.ip, node = name));
            self.tell.hop(|| {
                let text = msg!("hop.NoRoute.text.privateNetwork", to = flow.dst);
                hop(Place::Internet, Reason::NoRoute, text).ends(flow)
            });
            return Next::Ends(End::Lost(Verdict::Timeout, Reason::NoRoute));
        }
        let known = self.known(Spot::Outside, flow);
        let after =
            known.map_or_else(|| Flow { src: Socket::new(EGRESS_GATEWAY, self.free_port()), ..flow }, |known| known.translated);
        self.tell.hop(|| {
            let text = msg!("hop.Egress.text", from = flow.src.ip, gateway = EGRESS_GATEWAY);
            hop(Place::Internet, Reason::Egress, text).flow(flow, after)
        });
        self.tell.assume(|| msg!("assume.egress", gateway = EGRESS_GATEWAY));
        self.bindings.push(Binding { at: Spot::Outside, original: flow, translated: after });
        Next::Outside(after)
    }

    /// What came in from outside for this address leaves again as it came, as no rule knows it and no machine has it: what brought it
    /// here brings it again. Each machine on the way takes one from its TTL, and the one that takes the last tells the client (ICMP time
    /// exceeded), whose `connect()` ends with EHOSTUNREACH (`tcp_v4_err` of Linux).
    fn goes_round(&mut self, node: usize, flow: Flow) -> Next {
        let (name, protocol) = (self.node_name(node).to_string(), self.protocol);
        self.tell.hop(|| {
            let text = match protocol {
                Protocol::Icmp => msg!("hop.NoRule.text.loop.ping", node = name, to = flow.dst, ip = flow.dst.ip),
                Protocol::Udp => msg!("hop.NoRule.text.loop.udp", node = name, to = flow.dst, ip = flow.dst.ip),
                _ => msg!("hop.NoRule.text.loop", node = name, to = flow.dst, ip = flow.dst.ip),
            };
            hop(Place::KubeProxy(name.clone()), Reason::NoRule, text).ends(flow)
        });
        Next::Ends(End::Lost(self.unreachable(), Reason::NoRule))
    }

    /// In the Pods' range, but in no node's part of it: no route of a node leads there.
    fn beside_the_pods(&mut self, node: usize, flow: Flow) -> Next {
        let (name, range) = (self.node_name(node).to_string(), self.world.pod_range);
        self.tell.hop(|| {
            let text = msg!("hop.NoRoute.text.podRange", to = flow.dst, range = range, node = name);
            hop(Place::Cni(name.clone()), Reason::NoRoute, text).ends(flow)
        });
        Next::Ends(End::Lost(Verdict::Timeout, Reason::NoRoute))
    }

    /// What a Pod sends out of the cluster leaves its node with the node's address: most CNI plugins masquerade it.
    fn cni_masquerade(&mut self, node: usize, flow: Flow) -> Flow {
        if !self.world.pod_range.contains(flow.src.ip) {
            return flow;
        }
        let after = Flow { src: self.masquerade_as(node, Interface::Wire), ..flow };
        let own = |binding: &&mut Binding| binding.at == Spot::Node(node) && binding.translated == flow;
        if let Some(binding) = self.bindings.iter_mut().rev().find(own) {
            binding.translated = after;
        }
        let name = self.node_name(node).to_string();
        self.tell.hop(|| {
            let text = msg!("hop.Egress.text.node", node = name, from = flow.src.ip, to = after.src.ip);
            hop(Place::Cni(name), Reason::Egress, text).flow(flow, after)
        });
        self.tell.assume(|| msg!("assume.cniMasquerade"));
        after
    }

    /// Outside the cluster: to a load balancer, to a node, or nowhere.
    pub fn outside(&mut self, flow: Flow) -> Next {
        let owner = self.world.owner(flow.dst.ip);
        if let Owner::Balancer(balancer) = owner
            && let Some(next) = self.balancer_outside(balancer, flow)
        {
            return next;
        }
        if let Owner::Alb(alb) = owner {
            return self.alb_outside(alb, flow);
        }
        if let Owner::Node(node) = owner
            && !self.world.outside.private_nodes
            && self.world.nodes.get(node).is_some_and(|node| node.ip == flow.dst.ip)
        {
            self.tell.assume(|| msg!("assume.clientHasRoute"));
            self.tell_arrive(node, flow);
            return Next::Kernel { node, hook: Hook::NatPrerouting, flow };
        }
        if let Owner::NodeOutside(node) = owner
            && !self.world.outside.private_nodes
        {
            return self.reach_node(node, flow);
        }
        let brought = self.world.external.contains(&flow.dst.ip);
        match (owner, self.via) {
            (Owner::Client, _) => Next::Ends(End::At(Spot::Outside, flow)),
            (Owner::Node(_) | Owner::NodeOutside(_) | Owner::ApiServer | Owner::Gateway, _) => self.edge(flow),
            (_, Some(node)) => self.enter(node, flow),
            // Whatever leaves the cluster for a public address is taken to find a server there.
            (Owner::Nobody, None) if flow.src.ip == EGRESS_GATEWAY && is_public(flow.dst.ip) && !brought => {
                self.tell.assume(|| msg!("assume.outsideServer", to = flow.dst));
                Next::Ends(End::At(Spot::Server, flow))
            }
            // A name of the world outside led the client there: its way has nothing to do with this cluster.
            (Owner::Nobody, None) if is_server(flow.dst.ip) && !brought => {
                self.tell.assume(|| msg!("assume.outsideServer", to = flow.dst));
                Next::Ends(End::At(Spot::Server, flow))
            }
            _ => self.edge(flow),
        }
    }

    /// By a node's address outside: the cloud's edge knows which node has it, and rewrites it to the node's own.
    fn reach_node(&mut self, node: usize, flow: Flow) -> Next {
        let Some(ip) = self.world.nodes.get(node).map(|node| node.ip) else { return self.edge(flow) };
        let after = Flow { dst: Socket::new(ip, flow.dst.port), ..flow };
        let name = self.node_name(node).to_string();
        self.tell.hop(|| {
            let text = msg!("hop.Arrive.text.externalIP", node = name, from = flow.dst.ip, to = ip);
            hop(Place::Internet, Reason::Arrive, text).flow(flow, after).about(vec![ObjectRef::new(Kind::Node, "", &name)])
        });
        self.tell.assume(|| msg!("assume.externalIP", node = name));
        self.bindings.push(Binding { at: Spot::Outside, original: flow, translated: after });
        self.enter(node, after)
    }

    pub fn enter(&mut self, node: usize, flow: Flow) -> Next {
        self.tell_arrive(node, flow);
        Next::Kernel { node, hook: Hook::NatPrerouting, flow }
    }

    pub fn edge(&mut self, flow: Flow) -> Next {
        // A node's bridge (cni0) has an address of the Pods: that nobody routes it has nothing to do with how the nodes are reached.
        let of_node = match self.world.owner(flow.dst.ip) {
            Owner::Node(node) => self.world.nodes.get(node).is_some_and(|node| node.ip == flow.dst.ip),
            Owner::NodeOutside(_) => true,
            _ => false,
        };
        let private = of_node && self.world.outside.private_nodes;
        let brought = self.world.external.contains(&flow.dst.ip);
        self.edge_says(
            flow,
            |edge| match edge {
                Edge::Blackhole if private => msg!("hop.NoRoute.text.private", to = flow.dst),
                Edge::Blackhole if flow.src.ip == EGRESS_GATEWAY && !brought => msg!("hop.NoRoute.text.outgoing", to = flow.dst),
                Edge::Blackhole => msg!("hop.NoRoute.text", to = flow.dst),
                Edge::Unreachable => msg!("hop.NoRoute.text.unreachable", to = flow.dst),
            },
            None,
        )
    }

    /// The packet's way ends outside, with these words.
    pub fn edge_says(&mut self, flow: Flow, text: impl FnOnce(Edge) -> Message, because: Option<FieldRef>) -> Next {
        let edge = self.world.outside.edge;
        self.tell.hop(|| {
            let objects = because.iter().map(|field| field.object.clone()).collect();
            hop(Place::Internet, Reason::NoRoute, text(edge)).ends(flow).about(objects).because(because.into_iter().collect())
        });
        let verdict = if edge == Edge::Blackhole { Verdict::Timeout } else { self.unreachable() };
        Next::Ends(End::Lost(verdict, Reason::NoRoute))
    }
}
