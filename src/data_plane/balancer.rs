//! The load balancer of a cloud: a machine outside that sends to a node port and keeps the client's address (assumption:
//! clouds differ). Its health check leaves out dead nodes and, under policy Local, nodes without a ready endpoint.

use super::story::{HopExt, hop};
use super::travel::{Binding, End, Next, Spot, Travel};
use super::world::Balancer;
use crate::api::{Kind, ObjectRef};
use crate::msg;
use crate::netfilter::walk::Hook;
use crate::node::kube_proxy::parse_cidr_sloppy;
use crate::packet::{Flow, Protocol, Socket};
use crate::trace::{FieldRef, Place, Reason, Verdict};
use crate::words::Message;

impl Travel<'_> {
    /// A packet for a load balancer's address.
    pub fn balancer(&mut self, index: usize, flow: Flow) -> Next {
        let Some(balancer) = self.world.balancers.get(index) else { return self.edge(flow) };
        self.tell.assume(|| msg!("assume.loadBalancer"));
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
        if !ranges.is_empty() && !ranges.iter().any(|range| range.contains(flow.src.ip)) {
            let text = msg!("hop.LoadBalancerNoBackend.text.sourceRange", service = service.metadata.name, client = flow.src.ip);
            return self.balancer_ends(balancer, flow, text, Verdict::Timeout, "spec.loadBalancerSourceRanges".into());
        }
        let healthy = &balancer.healthy;
        let node_port = u16::try_from(port.node_port).unwrap_or(0);
        let chosen = match self.via.filter(|via| healthy.contains(via)) {
            Some(via) => Some(via),
            None => healthy.get(self.random.below(healthy.len() as u64) as usize).copied(),
        };
        let node = chosen.filter(|_| node_port != 0).and_then(|node| Some((node, self.world.nodes.get(node)?)));
        let Some((index_of_node, node)) = node else {
            let name = &service.metadata.name;
            let (text, path) = if node_port == 0 {
                (msg!("hop.LoadBalancerNoBackend.text.nodePort", service = name), "spec.allocateLoadBalancerNodePorts")
            } else {
                (msg!("hop.LoadBalancerNoBackend.text", service = name), "spec.externalTrafficPolicy")
            };
            return self.balancer_ends(balancer, flow, text, Verdict::Refused, path.into());
        };
        let after = Flow { dst: Socket::new(node.ip, node_port), ..flow };
        self.tell.hop(|| {
            let args = msg!(
                "hop.LoadBalancerPick.text",
                service = service.metadata.name,
                node = node.name,
                port = node_port,
                count = healthy.len()
            );
            let field = |path: String| FieldRef { object: service_ref(balancer), path };
            hop(place(balancer), Reason::LoadBalancerPick, args)
                .flow(flow, after)
                .about(vec![service_ref(balancer), ObjectRef::new(Kind::Node, "", &node.name)])
                .because(vec![field("spec.type".into()), field(format!("spec.ports[{position}].nodePort"))])
        });
        self.bindings.push(Binding { at: Spot::Balancer(index), original: flow, translated: after });
        self.tell_arrive(index_of_node, after);
        Next::Kernel { node: index_of_node, hook: Hook::NatPrerouting, flow: after }
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
