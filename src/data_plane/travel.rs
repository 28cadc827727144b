//! A packet travels from machine to machine: out of a Pod, through kernels, over wires, and its answer back again.
//!
//! Connection tracking: each kernel on the way remembers what it rewrote, and the answer finds it; see `kept` for connections that
//! stay open.
//! Left out: ICMP errors' own way back (they are taken to arrive), retransmissions, path MTU.

use super::kernel::Kernel;
use super::story::{Event, HopExt, KernelHop, Story, hop};
use super::world::{Owner, World};
use crate::api::{Kind, ObjectRef};
use crate::msg;
use crate::netfilter::ConntrackState;
use crate::netfilter::walk::{Decision, Hook, Situation};
use crate::node::cni::Interface;
use crate::node::network_policy::Direction;
use crate::packet::{Flow, Packet, Protocol, Socket};
use crate::random::Random;
use crate::trace::{Place, Reason, Verdict};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// A machine, or a network namespace on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    Outside,
    Balancer(usize),
    /// An Application Load Balancer of AWS.
    Alb(usize),
    Node(usize),
    Pod(usize),
    ApiServer,
    /// A server outside the cluster, at the address that was called.
    Server,
}

/// Where a packet ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    /// It reached this machine with these addresses.
    At(Spot, Flow),
    /// It did not arrive.
    Lost(Verdict, Reason),
}

/// What a machine remembers of the connection: addresses as they came, and as they left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binding {
    pub at: Spot,
    pub original: Flow,
    pub translated: Flow,
}

/// One connection on its way.
pub(super) struct Travel<'a> {
    pub world: &'a World,
    pub kernels: &'a mut [Kernel],
    pub random: &'a mut Random,
    pub protocol: Protocol,
    /// At which node traffic from outside enters.
    pub via: Option<usize>,
    pub tell: &'a mut Story,
    /// Whether another node's route has brought it here: its last stretch over the bridge goes without saying.
    pub routed: bool,
    /// The Pod that the packet has just left, until its egress policies are asked.
    pub leaving: Option<usize>,
    /// Where a network policy dropped it: the Pod, the direction, its addresses there.
    pub dropped: Option<(usize, Direction, Flow)>,
    pub bindings: Vec<Binding>,
    /// What the machines noted of the connection before; nothing for a new one.
    pub known: Vec<Binding>,
}

/// Where the packet is and where it goes next.
pub(super) enum Next {
    Kernel { node: usize, hook: Hook, flow: Flow },
    Outside(Flow),
    Ends(End),
}

/// More machines than this are a loop.
const LONGEST_WAY: usize = 16;

impl<'a> Travel<'a> {
    #[inline(always)]
    pub fn new(
        world: &'a World,
        kernels: &'a mut [Kernel],
        random: &'a mut Random,
        protocol: Protocol,
        tell: &'a mut Story,
    ) -> Self {
        Travel {
            world,
            kernels,
            random,
            protocol,
            via: None,
            tell,
            routed: false,
            leaving: None,
            dropped: None,
            bindings: Vec::new(),
            known: Vec::new(),
        }
    }

    pub fn node_name(&self, node: usize) -> &str {
        self.world.nodes.get(node).map_or("", |node| node.name.as_str())
    }

    #[inline]
    pub fn situation(&self, node: usize, packet: Packet, state: ConntrackState) -> Situation {
        let local = self.world.nodes.get(node).map_or([Ipv4Addr::UNSPECIFIED; 2], |node| [node.ip, node.cni0]);
        Situation { packet, state, dnat: false, local, now: self.world.now }
    }

    /// Carries a new connection's first packet to its end.
    pub fn go(&mut self, from: Spot, flow: Flow) -> End {
        let mut next = match from {
            Spot::Pod(pod) => self.out_of_pod(pod, flow),
            Spot::Node(node) => Next::Kernel { node, hook: Hook::NatOutput, flow },
            Spot::Alb(_) => match self.home(flow.dst.ip) {
                Some(node) => self.enter(node, flow),
                None => self.edge(flow),
            },
            _ => Next::Outside(flow),
        };
        for _ in 0..LONGEST_WAY {
            next = match next {
                Next::Kernel { node, hook, flow } => self.kernel(node, hook, flow),
                Next::Outside(flow) => self.outside(flow),
                Next::Ends(End::At(Spot::Pod(pod), flow)) if from != Spot::Pod(pod) => match self.forward(pod, flow) {
                    Some(next) => next,
                    None => return End::At(Spot::Pod(pod), flow),
                },
                Next::Ends(end) => return end,
            };
        }
        End::Lost(Verdict::Timeout, Reason::NoRoute)
    }

    fn out_of_pod(&mut self, pod: usize, flow: Flow) -> Next {
        match self.world.pods.get(pod) {
            Some(guest) if flow.dst.ip == guest.ip || flow.dst.ip.is_loopback() => Next::Ends(End::At(Spot::Pod(pod), flow)),
            Some(guest) => {
                self.leaving = Some(pod);
                Next::Kernel { node: guest.node, hook: Hook::NatPrerouting, flow }
            }
            None => Next::Ends(End::Lost(Verdict::Rejected, Reason::Rejected)),
        }
    }

    #[inline]
    pub fn walk(&mut self, node: usize, hook: Hook, situation: &mut Situation, reply: bool) -> Decision {
        let before = situation.packet;
        let answer = self.kernels.get_mut(node).and_then(|kernel| kernel.walk(hook, situation, self.random));
        let Some(answer) = answer else { return Decision::Accept };
        let decision = answer.decision;
        self.tell.looked_at = self.tell.looked_at.saturating_add(answer.looked_at);
        let told = self.tell.on.then(|| Arc::clone(answer));
        match decision {
            Decision::Dnat(to) => {
                situation.packet.flow.dst = to;
                situation.dnat = true;
            }
            Decision::Masquerade => {
                let interface = self.interface(node, situation.packet.flow.dst.ip);
                situation.packet.flow.src = self.masquerade_as(node, interface);
            }
            _ => {}
        }
        if let Some(answer) = told {
            self.tell.events.push(Event::Hook(KernelHop::new(node, before, situation.packet.flow.src, answer, reply)));
        }
        decision
    }

    /// By which interface a node sends to an address.
    #[inline]
    pub fn interface(&self, node: usize, to: Ipv4Addr) -> Interface {
        let here = self.world.nodes.get(node);
        if to.is_loopback() || here.is_some_and(|here| here.ip == to || here.cni0 == to) {
            Interface::Loopback
        } else if here.is_some_and(|here| here.pod_range.is_some_and(|range| range.contains(to))) {
            Interface::Bridge
        } else {
            Interface::Wire
        }
    }

    /// `--random-fully`: the interface's address with a port of its own.
    pub fn masquerade_as(&mut self, node: usize, interface: Interface) -> Socket {
        let port = self.free_port();
        let here = self.world.nodes.get(node);
        let ip = here.map_or(Ipv4Addr::UNSPECIFIED, |here| if interface == Interface::Bridge { here.cni0 } else { here.ip });
        Socket::new(ip, port)
    }

    /// A port for a rewritten source. ICMP has none.
    pub fn free_port(&mut self) -> u16 {
        if self.protocol == Protocol::Icmp { 0 } else { 1024 + self.random.below(64512) as u16 }
    }

    /// The address that a process on a node speaks from.
    pub fn source_on_node(&self, node: usize, to: Ipv4Addr) -> Ipv4Addr {
        let here = self.world.nodes.get(node);
        match self.interface(node, to) {
            Interface::Loopback => to,
            Interface::Bridge => here.map_or(Ipv4Addr::UNSPECIFIED, |here| here.cni0),
            Interface::Wire => here.map_or(Ipv4Addr::UNSPECIFIED, |here| here.ip),
        }
    }

    /// One kernel takes a new connection's packet: in by a wire or the bridge (PREROUTING), or from a process (OUTPUT).
    #[inline(always)]
    fn kernel(&mut self, node: usize, first: Hook, flow: Flow) -> Next {
        if !self.world.is_up(node) {
            return self.dead_node(node, flow);
        }
        if !self.known.is_empty() {
            if let Some(known) = self.known(Spot::Node(node), flow) {
                return self.kernel_again(node, first, known);
            }
            if self.protocol == Protocol::Tcp {
                return self.unknown_connection(node, flow);
            }
        }
        let packet = Packet { protocol: self.protocol, flow, mark: 0 };
        let mut situation = self.situation(node, packet, ConntrackState::New);
        let host_ports = !self.world.host_ports.is_empty();
        let mut host_port = host_ports && self.world.host_ports_first && self.hand_to_host_port(node, &mut situation);
        let asked = if host_port { None } else { self.filter(node, first, &mut situation) };
        if let Some(end) = asked {
            return end;
        }
        host_port = host_port || (host_ports && !situation.dnat && self.hand_to_host_port(node, &mut situation));
        let (filter, stays) = self.filter_hook(node, first, situation.packet.flow.dst.ip);
        if let Some(end) = self.filter(node, filter, &mut situation) {
            return end;
        }
        if first == Hook::NatOutput || !stays {
            self.leave(node, &mut situation);
        }
        if host_port {
            self.hide_from_host_port(node, &mut situation);
        }
        if first == Hook::NatOutput && stays {
            // The packet comes back in by `lo`, without its mark; its translations stand already.
            situation.packet.mark = 0;
            if let Some(end) = self.filter(node, Hook::FilterInput, &mut situation) {
                return end;
            }
        }
        self.bindings.push(Binding { at: Spot::Node(node), original: flow, translated: situation.packet.flow });
        if stays {
            return Next::Ends(End::At(Spot::Node(node), situation.packet.flow));
        }
        self.onward(node, situation.packet.flow)
    }

    /// A packet whose addresses stand leaves a kernel.
    #[inline(always)]
    pub fn onward(&mut self, node: usize, flow: Flow) -> Next {
        let lost = self.leaving.take().and_then(|pod| self.policy_out(pod, flow));
        lost.unwrap_or_else(|| self.transmit(node, flow))
    }

    /// Whose filter rules a packet meets that came in by this nat hook, and whether it stays on the node.
    #[inline]
    pub fn filter_hook(&self, node: usize, first: Hook, to: Ipv4Addr) -> (Hook, bool) {
        let stays = self.interface(node, to) == Interface::Loopback;
        let hook = match (first, stays) {
            (Hook::NatOutput, _) => Hook::FilterOutput,
            (_, true) => Hook::FilterInput,
            (_, false) => Hook::FilterForward,
        };
        (hook, stays)
    }

    #[inline]
    pub fn filter(&mut self, node: usize, hook: Hook, situation: &mut Situation) -> Option<Next> {
        match self.walk(node, hook, situation, false) {
            Decision::Drop => Some(Next::Ends(End::Lost(Verdict::Timeout, Reason::Drop))),
            Decision::Reject => Some(Next::Ends(End::Lost(Verdict::Refused, Reason::Reject))),
            _ => None,
        }
    }

    fn leave(&mut self, node: usize, situation: &mut Situation) {
        self.walk(node, Hook::NatPostrouting, situation, false);
        // A mark lives only inside one kernel.
        situation.packet.mark = 0;
    }

    fn dead_node(&mut self, node: usize, flow: Flow) -> Next {
        let name = self.node_name(node).to_string();
        self.tell.hop(|| {
            let text = msg!("hop.NodeDown.text", node = name, to = flow.dst);
            hop(Place::Node(name.clone()), Reason::NodeDown, text).ends(flow).about(vec![ObjectRef::new(Kind::Node, "", &name)])
        });
        Next::Ends(End::Lost(Verdict::Timeout, Reason::NodeDown))
    }

    /// A node's routes: to a Pod here, to another node, or out of the cluster.
    #[inline(always)]
    fn transmit(&mut self, node: usize, flow: Flow) -> Next {
        match self.world.owner(flow.dst.ip) {
            Owner::Pod(pod) => {
                let home = self.world.pods.get(pod).map_or(node, |guest| guest.node);
                self.tell_route(node, home, flow);
                if home != node {
                    return Next::Kernel { node: home, hook: Hook::NatPrerouting, flow };
                }
                self.policy_in(pod, flow).unwrap_or(Next::Ends(End::At(Spot::Pod(pod), flow)))
            }
            Owner::EmptyPodAddress(other) if other == node => self.no_neighbour(node, flow),
            Owner::EmptyPodAddress(other) => {
                self.tell_route(node, other, flow);
                Next::Kernel { node: other, hook: Hook::NatPrerouting, flow }
            }
            Owner::Node(other) => {
                if other != node && self.world.pod_range.contains(flow.src.ip) {
                    self.tell.assume(|| msg!("assume.podToNode"));
                }
                self.tell_arrive(other, flow);
                Next::Kernel { node: other, hook: Hook::NatPrerouting, flow }
            }
            Owner::Absent(absent) => self.go_to_absent(node, absent, flow),
            Owner::ApiServer => Next::Ends(End::At(Spot::ApiServer, flow)),
            Owner::Alb(alb) if self.world.albs.get(alb).is_some_and(|alb| alb.internal) => Next::Outside(flow),
            Owner::Balancer(balancer) => self.toward_balancer(node, balancer, flow),
            Owner::Nobody if self.world.beside_nodes(flow.dst.ip) => self.no_machine(node, flow),
            _ => self.leave_cluster(node, flow),
        }
    }

    /// The nodes' own network is on the link: the node asks for the address there (ARP), and nobody answers.
    pub fn no_machine(&mut self, node: usize, flow: Flow) -> Next {
        let (name, udp) = (self.node_name(node).to_string(), self.protocol == Protocol::Udp);
        let Some(range) = self.world.node_network else { return self.leave_cluster(node, flow) };
        self.tell.hop(|| {
            let text = match udp {
                true => msg!("hop.NoNeighbour.text.wire.udp", node = name, ip = flow.dst.ip, range = range),
                false => msg!("hop.NoNeighbour.text.wire", node = name, ip = flow.dst.ip, range = range),
            };
            hop(Place::Node(name.clone()), Reason::NoNeighbour, text).ends(flow)
        });
        if self.world.owner(flow.dst.ip) == Owner::Nobody {
            self.tell.assume(|| msg!("assume.nodeNetwork", range = range, ip = flow.dst.ip));
        }
        Next::Ends(End::Lost(self.unreachable(), Reason::NoNeighbour))
    }

    fn no_neighbour(&mut self, node: usize, flow: Flow) -> Next {
        let name = self.node_name(node).to_string();
        let udp = self.protocol == Protocol::Udp;
        self.tell.hop(|| {
            let text = match udp {
                true => msg!("hop.NoNeighbour.text.udp", node = name, ip = flow.dst.ip),
                false => msg!("hop.NoNeighbour.text", node = name, ip = flow.dst.ip),
            };
            hop(Place::Cni(name.clone()), Reason::NoNeighbour, text).ends(flow)
        });
        Next::Ends(End::Lost(self.unreachable(), Reason::NoNeighbour))
    }

    /// What the client makes of ICMP host unreachable: it is no hard error, so a UDP socket goes on waiting (`udp_err`).
    pub fn unreachable(&self) -> Verdict {
        if self.protocol == Protocol::Udp { Verdict::Timeout } else { Verdict::Unreachable }
    }

    #[inline]
    pub fn tell_arrive(&mut self, node: usize, flow: Flow) {
        if self.world.is_up(node) {
            let again = !self.known.is_empty();
            self.tell.note(|| Event::Arrive { node, flow, again });
        }
    }

    #[inline]
    pub fn tell_route(&mut self, node: usize, to: usize, flow: Flow) {
        if !std::mem::replace(&mut self.routed, node != to) {
            self.tell.note(|| Event::Route { from: node, to, flow });
        }
    }
}
