//! The way back: the answer goes where its addresses say, and each machine undoes what it rewrote, if the answer comes by it.

use super::balancer::{place, service_ref};
use super::story::{Event, HopExt, hop};
use super::travel::{Binding, Spot, Travel};
use super::world::Owner;
use crate::api::ObjectRef;
use crate::msg;
use crate::netfilter::ConntrackState;
use crate::netfilter::walk::{Decision, Hook};
use crate::packet::{Flow, Packet, Protocol};
use crate::trace::{Place, Reason};

/// More machines than this are a loop.
const LONGEST_WAY: usize = 16;

enum Way {
    Kernel(usize, Flow),
    Outside(Flow),
    /// It reached this machine.
    At(Spot, Flow),
    Lost,
}

impl Travel<'_> {
    /// Carries the answer from where the request ended to where it began. True when the client takes it: it must come from the
    /// address that the client called.
    pub fn back(&mut self, from: Spot, answer: Flow, client: Spot, called: Flow) -> bool {
        let mut way = match from {
            Spot::Pod(pod) if self.pod_owns(pod, answer.dst.ip) => Way::At(from, answer),
            Spot::Pod(pod) => match self.world.pods.get(pod) {
                Some(guest) => Way::Kernel(guest.node, answer),
                None => Way::Lost,
            },
            Spot::Node(node) => Way::Kernel(node, answer),
            Spot::ApiServer => self.by_wire(self.world.owner(answer.dst.ip), answer),
            _ => match self.home_of_absent(answer.src.ip) {
                Some(home) if from == Spot::Server => Way::Kernel(home, answer),
                _ => Way::Outside(answer),
            },
        };
        for _ in 0..LONGEST_WAY {
            way = match way {
                Way::Kernel(node, flow) => self.kernel_back(node, flow),
                Way::Outside(flow) => self.outside_back(flow),
                Way::At(spot, flow) => match self.passed_on(spot, flow) {
                    Some((node, flow)) => Way::Kernel(node, flow),
                    None => return self.is_client(spot, client) && flow == called.reversed(),
                },
                Way::Lost => return false,
            };
        }
        false
    }

    /// The answer to what a Pod passed on goes further.
    fn passed_on(&mut self, spot: Spot, flow: Flow) -> Option<(usize, Flow)> {
        let Spot::Pod(pod) = spot else { return None };
        if self.world.forwards.is_empty() {
            return None;
        }
        let binding = self.remembered(spot, flow)?;
        self.forward_back(pod, flow, binding)
    }

    fn pod_owns(&self, pod: usize, ip: std::net::Ipv4Addr) -> bool {
        ip.is_loopback() || self.world.pods.get(pod).is_some_and(|guest| guest.ip == ip)
    }

    fn is_client(&self, spot: Spot, client: Spot) -> bool {
        spot == client
    }

    /// The connection that an answer belongs to, as this machine remembers it.
    #[inline]
    fn remembered(&self, at: Spot, answer: Flow) -> Option<Binding> {
        let is_it = |binding: &&Binding| binding.at == at && binding.translated.reversed() == answer;
        self.bindings.iter().rev().find(is_it).copied()
    }

    fn kernel_back(&mut self, node: usize, flow: Flow) -> Way {
        if !self.world.is_up(node) {
            return Way::Lost;
        }
        let Some(binding) = self.remembered(Spot::Node(node), flow) else {
            return self.unknown(node, flow);
        };
        let after = binding.original.reversed();
        if after != flow {
            self.tell.note(|| Event::UndoNat { node, before: flow, after });
        }
        // A request that a process of this node sent began in OUTPUT: its answer ends here.
        self.route_back(node, after)
    }

    fn route_back(&mut self, node: usize, flow: Flow) -> Way {
        let leaves_by_balancer =
            |binding: &Binding| matches!(binding.at, Spot::Balancer(_)) && binding.translated.reversed() == flow;
        if !self.world.balancers.is_empty() && self.bindings.iter().any(leaves_by_balancer) {
            return Way::Outside(flow);
        }
        match self.world.owner(flow.dst.ip) {
            Owner::Pod(pod) if self.world.pods.get(pod).is_some_and(|guest| guest.node == node) => Way::At(Spot::Pod(pod), flow),
            _ if self.is_own(node, flow.dst.ip) => Way::At(Spot::Node(node), flow),
            owner => self.by_wire(owner, flow),
        }
    }

    fn is_own(&self, node: usize, ip: std::net::Ipv4Addr) -> bool {
        ip.is_loopback() || self.world.nodes.get(node).is_some_and(|here| here.ip == ip || here.cni0 == ip)
    }

    fn by_wire(&self, to: Owner, flow: Flow) -> Way {
        match to {
            Owner::Pod(pod) => self.world.pods.get(pod).map_or(Way::Lost, |guest| Way::Kernel(guest.node, flow)),
            Owner::Node(node) | Owner::EmptyPodAddress(node) => Way::Kernel(node, flow),
            Owner::ApiServer => Way::At(Spot::ApiServer, flow),
            _ => Way::Outside(flow),
        }
    }

    /// No connection here knows this answer. A TCP answer is INVALID then, which KUBE-FORWARD drops; nobody waits for others.
    fn unknown(&mut self, node: usize, flow: Flow) -> Way {
        if self.is_own(node, flow.dst.ip) {
            return Way::Lost;
        }
        // Rules see the client's port here, which is drawn, too.
        self.random.spoil_notes();
        let state = if self.protocol == Protocol::Udp { ConntrackState::New } else { ConntrackState::Invalid };
        let mut situation = self.situation(node, Packet { protocol: self.protocol, flow, mark: 0 }, state);
        if self.walk(node, Hook::FilterForward, &mut situation, true) != Decision::Accept {
            return Way::Lost;
        }
        self.route_back(node, flow)
    }

    fn outside_back(&mut self, flow: Flow) -> Way {
        let balancer =
            (0..self.world.balancers.len()).find_map(|index| Some((index, self.remembered(Spot::Balancer(index), flow)?)));
        // One that passes packets on as they are has nothing to undo.
        if let Some((index, binding)) = balancer.filter(|(_, binding)| binding.original != binding.translated) {
            let after = binding.original.reversed();
            if let Some(balancer) = self.world.balancers.get(index) {
                self.tell.hop(|| {
                    let text = msg!("hop.UndoNat.text.loadBalancer", service = balancer.service.metadata.name, from = after.src);
                    hop(place(balancer), Reason::UndoNat, text).flow(flow, after).about(vec![service_ref(balancer)]).back()
                });
            }
            return Way::Outside(after);
        }
        if let Some(binding) = self.remembered(Spot::Outside, flow) {
            let after = binding.original.reversed();
            self.tell.hop(|| {
                let text = match after.src == flow.src {
                    true => msg!("hop.UndoNat.text.gateway", to = after.dst),
                    false => msg!("hop.UndoNat.text.externalIP", from = after.src, to = after.dst),
                };
                hop(Place::Internet, Reason::UndoNat, text).flow(flow, after).back()
            });
            return self.by_wire(self.world.owner(after.dst.ip), after);
        }
        match self.world.owner(flow.dst.ip) {
            Owner::Client => Way::At(Spot::Outside, flow),
            Owner::Alb(alb) => Way::At(Spot::Alb(alb), flow),
            owner => self.by_wire_inward(owner, flow),
        }
    }

    /// An answer from outside for an address inside.
    fn by_wire_inward(&self, to: Owner, flow: Flow) -> Way {
        match self.by_wire(to, flow) {
            Way::Outside(_) => Way::Lost,
            way => way,
        }
    }

    /// The backend's answer, as the Ingress controller or load balancer sees it that asked for it.
    pub fn tell_reply_to_controller(&mut self, controller: Spot, called: Flow, status: Option<u16>) {
        let (at, objects) = self.place_of(controller);
        self.tell.hop(|| {
            let flow = called.reversed();
            let status = status.unwrap_or(200);
            let text = match controller {
                Spot::Alb(_) => msg!("hop.Reply.text.alb", from = flow.src, status = status),
                _ => msg!("hop.Reply.text.controller", from = flow.src, status = status),
            };
            hop(at, Reason::Reply, text).flow(flow, flow).about(objects).back()
        });
    }

    /// A machine as a place, with its object; nothing telling where nothing is told.
    pub fn place_of(&self, spot: Spot) -> (Place, Vec<ObjectRef>) {
        if self.tell.on { self.world.place_of(spot) } else { (Place::Internet, Vec::new()) }
    }
}
