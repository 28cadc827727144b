//! Load balancers. A cloud's: a machine outside that sends to a node port and keeps the client's address (assumption: clouds
//! differ); its health check leaves out dead nodes and, under policy Local, nodes without a ready endpoint. One that a dump shows with
//! `ipMode: VIP` leaves the destination, too. A Network Load Balancer of AWS: the same as a cloud's, or straight to Pods. MetalLB's in
//! layer 2: no machine at all, one node answers for the address.

use super::story::{HopExt, hop};
use super::travel::{Binding, End, Next, Spot, Travel};
use super::world::{Balancer, Means, Owner};
use crate::addons::aws;
use crate::api::{Kind, ObjectRef};
use crate::msg;
use crate::netfilter::walk::Hook;
use crate::node::kube_proxy::parse_cidr_sloppy;
use crate::packet::{Flow, Protocol, Socket};
use crate::trace::{FieldRef, Place, Reason, Verdict};
use crate::words::Message;
use std::net::Ipv4Addr;

/// Of several Services that share an address, which MetalLB allows: the one with this port. All of them are announced by one node,
/// so one that is announced says more than one that is not.
fn sharing(balancers: &[Balancer], index: usize, to: Socket) -> Option<(usize, &Balancer)> {
    let first = balancers.get(index).filter(|own| matches!(own.means, Means::Announced(_)))?;
    let has = |own: &Balancer| own.service.spec.ports.iter().any(|port| port.port == i32::from(to.port));
    let same = balancers.iter().enumerate().filter(|(_, own)| own.ip == first.ip);
    same.max_by_key(|(_, own)| (has(own), matches!(own.means, Means::Announced(Some(_)))))
}

impl Travel<'_> {
    /// A node sends to a load balancer's address that none of its rules knows.
    pub fn toward_balancer(&mut self, node: usize, index: usize, flow: Flow) -> Next {
        let Some(balancer) = self.world.balancers.get(index) else { return self.leave_cluster(node, flow) };
        if let Means::Announced(announcer) = balancer.means {
            return self.toward_announced(node, announcer, flow);
        }
        let name = self.node_name(node).to_string();
        self.tell.hop(|| {
            let service = &balancer.service.metadata.name;
            let text = match balancer.means {
                Means::Cloud => msg!("hop.NoRule.text.proxy", node = name, to = flow.dst, service = service),
                Means::Passes => msg!("hop.NoRule.text.vip", node = name, to = flow.dst, service = service),
                _ => msg!("hop.NoRule.text.hostname", node = name, to = flow.dst, service = service),
            };
            let because = FieldRef { object: service_ref(balancer), path: "status.loadBalancer.ingress[0]".into() };
            hop(Place::KubeProxy(name.clone()), Reason::NoRule, text)
                .flow(flow, flow)
                .about(vec![service_ref(balancer)])
                .because(vec![because])
        });
        // A private load balancer stands in the nodes' own network: no gateway on the way.
        if balancer.internal { Next::Outside(flow) } else { self.leave_cluster(node, flow) }
    }

    /// Toward an address that MetalLB announces: on the nodes' own network by ARP, where the one that announces it asks in vain, as it
    /// does not answer itself; otherwise by the default route.
    fn toward_announced(&mut self, node: usize, announcer: Option<usize>, flow: Flow) -> Next {
        if self.world.node_network.is_some_and(|range| range.contains(flow.dst.ip)) {
            return match announcer.filter(|other| *other != node) {
                Some(other) => self.enter(other, flow),
                None => self.no_machine(node, flow),
            };
        }
        if self.world.is_inside(flow.src.ip) {
            let name = self.node_name(node).to_string();
            self.tell.hop(|| {
                let text = msg!("hop.NoRule.text.leaves", node = name, to = flow.dst);
                hop(Place::KubeProxy(name.clone()), Reason::NoRule, text).flow(flow, flow)
            });
        }
        self.leave_cluster(node, flow)
    }

    /// A packet outside, for a load balancer's address; `None`: who says at which node it enters, or the edge, decides.
    pub fn balancer_outside(&mut self, index: usize, flow: Flow) -> Option<Next> {
        let balancer = self.world.balancers.get(index)?;
        if balancer.internal && !self.world.is_inside(flow.src.ip) {
            let because = FieldRef { object: service_ref(balancer), path: "metadata.annotations".into() };
            let name = &balancer.service.metadata.name;
            let text = |_| msg!("hop.NoRoute.text.internal", to = flow.dst, service = name);
            return Some(self.edge_says(flow, text, Some(because)));
        }
        let (index, balancer) = sharing(&self.world.balancers, index, flow.dst).unwrap_or((index, balancer));
        let Means::Announced(node) = balancer.means else {
            let known = self.known(Spot::Balancer(index), flow);
            let home = known.and_then(|known| Some((known, self.node_behind(balancer, known)?)));
            return Some(match home {
                Some((known, node)) => self.balancer_again(known, flow, node),
                None => self.balancer(index, flow),
            });
        };
        if self.via.is_some() {
            return None;
        }
        self.tell.assume(|| msg!("assume.metallb"));
        let (name, because) =
            (&balancer.service.metadata.name, |path: &str| FieldRef { object: service_ref(balancer), path: path.into() });
        let Some(node) = node else {
            let text = |_| msg!("hop.NoRoute.text.unannounced", to = flow.dst, service = name);
            return Some(self.edge_says(flow, text, Some(because("spec.selector"))));
        };
        if self.world.is_up(node) {
            let elected = self.node_name(node).to_string();
            self.tell.hop(|| {
                let text = msg!("hop.Arrive.text.announced", node = elected, to = flow.dst, ip = flow.dst.ip, service = name);
                let objects = vec![service_ref(balancer), ObjectRef::new(Kind::Node, "", &elected)];
                let fields = ["spec.type", "spec.externalTrafficPolicy"].map(because).into();
                hop(Place::Node(elected), Reason::Arrive, text).flow(flow, flow).about(objects).because(fields)
            });
        }
        Some(Next::Kernel { node, hook: Hook::NatPrerouting, flow })
    }

    /// The node that takes packets for an address of a node or of a Pod.
    pub fn home(&self, ip: Ipv4Addr) -> Option<usize> {
        match self.world.owner(ip) {
            Owner::Node(node) => Some(node),
            Owner::Pod(pod) => self.world.pods.get(pod).map(|guest| guest.node),
            _ => None,
        }
    }

    /// The node to which a load balancer has sent a connection: by its address, or as the one that took its packets as they were.
    fn node_behind(&self, balancer: &Balancer, known: Binding) -> Option<usize> {
        if balancer.means != Means::Passes {
            return self.home(known.translated.dst.ip);
        }
        let took = |other: &Binding| if let Spot::Node(node) = other.at { Some(node) } else { None };
        self.known.iter().filter(|other| other.original == known.original).find_map(took)
    }

    /// A packet for the machine that a load balancer is.
    fn balancer(&mut self, index: usize, flow: Flow) -> Next {
        let Some(balancer) = self.world.balancers.get(index) else { return self.edge(flow) };
        match balancer.means {
            Means::Cloud => self.tell.assume(|| msg!("assume.loadBalancer")),
            Means::Passes => self.tell.assume(|| msg!("assume.vip", ip = flow.dst.ip)),
            _ if balancer.made_elsewhere => {
                self.tell.assume(|| msg!("assume.unknownBalancer", service = balancer.service.metadata.name));
            }
            _ => self.tell.assume(|| msg!("assume.nlb")),
        }
        let service = &balancer.service;
        let of_port = |port: &&crate::api::core::ServicePort| {
            u16::try_from(port.port) == Ok(flow.dst.port) && Protocol::of_api(&port.protocol) == Some(self.protocol)
        };
        let Some((position, port)) = service.spec.ports.iter().enumerate().find(|(_, port)| of_port(port)) else {
            let name = &service.metadata.name;
            let text = match self.protocol {
                Protocol::Icmp => msg!("hop.LoadBalancerNoBackend.text.ping", service = name),
                _ => msg!("hop.LoadBalancerNoBackend.text.port", service = name, port = flow.dst.port),
            };
            return self.balancer_ends(balancer, flow, text, Verdict::Timeout, "spec.ports".into());
        };
        let ranges: Vec<_> = service.spec.load_balancer_source_ranges.iter().filter_map(|text| parse_cidr_sloppy(text)).collect();
        // Where packets keep the address, kube-proxy's own rules ask the ranges, too.
        if balancer.means != Means::Passes && !ranges.is_empty() && !ranges.iter().any(|range| range.contains(flow.src.ip)) {
            let text = msg!("hop.LoadBalancerNoBackend.text.sourceRange", service = service.metadata.name, client = flow.src.ip);
            return self.balancer_ends(balancer, flow, text, Verdict::Timeout, "spec.loadBalancerSourceRanges".into());
        }
        if balancer.means == Means::Pods {
            return self.toward_pod(index, balancer, position, flow);
        }
        let healthy = &balancer.healthy;
        let node_port = u16::try_from(port.node_port).unwrap_or(0);
        let chosen = match self.via.filter(|via| healthy.contains(via)) {
            Some(via) => Some(via),
            None => healthy.get(self.random.one_of(healthy.len())).copied(),
        };
        let passes = balancer.means == Means::Passes;
        let node = chosen.filter(|_| passes || node_port != 0).and_then(|node| Some((node, self.world.nodes.get(node)?)));
        let Some((index_of_node, node)) = node else {
            let name = &service.metadata.name;
            let (text, path) = if node_port == 0 && !passes {
                (msg!("hop.LoadBalancerNoBackend.text.nodePort", service = name), "spec.allocateLoadBalancerNodePorts")
            } else {
                (msg!("hop.LoadBalancerNoBackend.text", service = name), "spec.externalTrafficPolicy")
            };
            return self.balancer_ends(balancer, flow, text, Verdict::Refused, path.into());
        };
        let after = if passes { flow } else { Flow { dst: Socket::new(node.ip, node_port), ..flow } };
        self.tell.hop(|| {
            let (name, node, count) = (&service.metadata.name, &node.name, healthy.len());
            let (text, path) = match passes {
                true => (
                    msg!("hop.LoadBalancerPick.text.vip", service = name, node = node, to = flow.dst, count = count),
                    "status.loadBalancer.ingress[0]".to_string(),
                ),
                false => (
                    msg!("hop.LoadBalancerPick.text", service = name, node = node, port = node_port, count = count),
                    format!("spec.ports[{position}].nodePort"),
                ),
            };
            let field = |path: String| FieldRef { object: service_ref(balancer), path };
            hop(place(balancer), Reason::LoadBalancerPick, text)
                .flow(flow, after)
                .about(vec![service_ref(balancer), ObjectRef::new(Kind::Node, "", node)])
                .because(vec![field("spec.type".into()), field(path)])
        });
        self.bindings.push(Binding { at: Spot::Balancer(index), original: flow, translated: after });
        self.tell_arrive(index_of_node, after);
        Next::Kernel { node: index_of_node, hook: Hook::NatPrerouting, flow: after }
    }

    /// Target type `ip`: straight to one of the Service's Pods, past kube-proxy's rules.
    fn toward_pod(&mut self, index: usize, balancer: &Balancer, position: usize, flow: Flow) -> Next {
        let targets: Vec<Socket> =
            balancer.targets.iter().filter(|(port, _)| *port == position).map(|(_, socket)| *socket).collect();
        let name = &balancer.service.metadata.name;
        let chosen = targets.get(self.random.one_of(targets.len())).copied();
        let home = chosen.and_then(|socket| match self.world.owner(socket.ip) {
            Owner::Pod(pod) => self.world.pods.get(pod).map(|guest| (guest.pod.metadata.name.clone(), guest.node)),
            Owner::Node(node) | Owner::EmptyPodAddress(node) => Some((socket.to_string(), node)),
            Owner::Absent(at) => self.world.absent.get(at).map(|absent| (absent.pod.clone(), absent.node)),
            _ => None,
        });
        let (Some(socket), Some((target, node))) = (chosen, home) else {
            let text = msg!("hop.LoadBalancerNoBackend.text.targets", service = name);
            return self.balancer_ends(balancer, flow, text, Verdict::Refused, "spec.selector".into());
        };
        let annotations = &balancer.service.metadata.annotations;
        let keeps = aws::keeps_client(annotations, self.protocol == Protocol::Tcp);
        let src = if keeps { flow.src } else { Socket::new(balancer.own, 1024 + self.random.below(64512) as u16) };
        let after = Flow { src, dst: socket };
        self.tell.hop(|| {
            let text = match keeps {
                true => {
                    msg!("hop.LoadBalancerPick.text.podsKeep", service = name, node = target, to = socket, count = targets.len())
                }
                false => msg!(
                    "hop.LoadBalancerPick.text.pods",
                    service = name,
                    node = target,
                    to = socket,
                    count = targets.len(),
                    own = src.ip
                ),
            };
            let field = |path: String| FieldRef { object: service_ref(balancer), path };
            let fields = vec![field("metadata.annotations".into()), field(format!("spec.ports[{position}].targetPort"))];
            hop(place(balancer), Reason::LoadBalancerPick, text)
                .flow(flow, after)
                .about(vec![service_ref(balancer)])
                .because(fields)
        });
        self.bindings.push(Binding { at: Spot::Balancer(index), original: flow, translated: after });
        self.enter(node, after)
    }

    fn balancer_ends(&mut self, balancer: &Balancer, flow: Flow, text: Message, verdict: Verdict, path: String) -> Next {
        self.tell.hop(|| {
            hop(place(balancer), Reason::LoadBalancerNoBackend, text)
                .ends(flow)
                .about(vec![service_ref(balancer)])
                .because(vec![FieldRef { object: service_ref(balancer), path }])
        });
        Next::Ends(End::Lost(verdict, Reason::LoadBalancerNoBackend))
    }
}

pub(super) fn service_ref(balancer: &Balancer) -> ObjectRef {
    ObjectRef::of(balancer.service.as_ref())
}

/// The load balancer as a place.
pub(super) fn place(balancer: &Balancer) -> Place {
    let meta = &balancer.service.metadata;
    Place::LoadBalancer(meta.namespace.clone(), meta.name.clone())
}
