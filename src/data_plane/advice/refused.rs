//! What the policies that dropped a packet nearly allow: an address that an exception takes out, the address of a Service that is
//! rewritten before they look, a client that a node hides.

use super::Target;
use crate::api::core::Pod;
use crate::api::networking::{IPBlock, NetworkPolicy};
use crate::api::{Kind, ObjectRef};
use crate::cluster::Cluster;
use crate::msg;
use crate::node::kube_proxy::parse_cidr_sloppy;
use crate::node::network_policy::{Conversation, Direction, Near, Policies, Ruling};
use crate::packet::Protocol;
use crate::trace::{FieldRef, Hop, Reason, Source, Trace};
use crate::words::Message;
use std::net::Ipv4Addr;

/// A block of a rule that isolates the Pod, and its field.
struct Block<'a> {
    policy: &'a NetworkPolicy,
    block: &'a IPBlock,
    rule: usize,
    path: String,
}

/// A better advice for a packet that a policy dropped, with the field to look at.
pub(super) fn nearly_allowed(cluster: &Cluster, trace: &Trace, hop: &Hop) -> Option<(Message, FieldRef)> {
    let flow = hop.before.filter(|_| hop.reason == Reason::Policy)?;
    let outward = hop.text.id.contains(".egress");
    let object = hop.objects.iter().find(|object| object.kind == Kind::Pod)?;
    let pod = cluster.store.get::<Pod>(&object.namespace, &object.name)?;
    let policies = Policies::of(&cluster.store);
    let direction = if outward { Direction::Egress } else { Direction::Ingress };
    let blocks: Vec<Block<'_>> = policies.isolating(pod, direction).flat_map(|policy| blocks(policy, direction)).collect();
    let peer = if outward { flow.dst.ip } else { flow.src.ip };
    let taken_out = |own: &&Block<'_>| covers(&own.block.cidr, peer) && own.block.except.iter().any(|range| covers(range, peer));
    if let Some(found) = blocks.iter().find(taken_out) {
        let range = found.block.except.iter().find(|range| covers(range, peer))?;
        let (policy, cidr) = (&found.policy.metadata.name, &found.block.cidr);
        let next =
            msg!("advice.policy.except.next", policy = policy, rule = found.rule + 1, cidr = cidr, except = range, peer = peer);
        return Some((next, found.field(".except")));
    }
    if outward {
        let rewritten = trace.hops.iter().rev().find(|own| own.reason == Reason::Dnat && own.after == Some(flow))?;
        let service = rewritten.before?.dst.ip;
        let found = blocks.iter().find(|own| own.allows(service) && !own.allows(peer))?;
        let (policy, cidr) = (&found.policy.metadata.name, &found.block.cidr);
        let next = msg!(
            "advice.policy.serviceRange.next",
            policy = policy,
            rule = found.rule + 1,
            cidr = cidr,
            service = service,
            peer = peer
        );
        return Some((next, found.field(".cidr")));
    }
    let next = by_a_node(trace, hop, &policies, pod)?;
    Some((next, hop.because.first()?.clone()))
}

/// The Pod sees a node: whether policy Local would help depends on who called, and on what the rules say to that one.
fn by_a_node(trace: &Trace, hop: &Hop, policies: &Policies, pod: &Pod) -> Option<Message> {
    let flow = hop.before.filter(|_| hop.text.id.starts_with("hop.Policy.text.node"))?;
    let sent = trace.hops.iter().find(|hop| hop.reason == Reason::Send && !hop.reply)?;
    let client = sent.before?.src.ip;
    if client == flow.src.ip {
        return Some(msg!("advice.policy.node.caller.next", peer = client));
    }
    let protocol = Target::read(&trace.request.target, trace.request.protocol)?.protocol;
    let talk = Conversation { pod, direction: Direction::Ingress, address: client, peer: None, port: flow.dst.port, protocol };
    // Who calls from inside is not seen by Local alone, and may be a Pod that a selector allows.
    let outside = trace.request.from == Source::Internet;
    match policies.judge(&talk) {
        Ruling::Denied(Near::Port(policy, at)) if outside => {
            let (policy, port) = (&policy.metadata.name, port(flow.dst.port, protocol));
            Some(msg!(
                "advice.policy.node.port.next",
                peer = flow.src.ip,
                client = client,
                policy = policy,
                rule = at + 1,
                port = port
            ))
        }
        Ruling::Denied(_) if outside => Some(msg!("advice.policy.node.both.next", peer = flow.src.ip, client = client)),
        _ => None,
    }
}

fn port(number: u16, protocol: Protocol) -> String {
    format!("{number}/{}", protocol.api_name())
}

fn covers(range: &str, ip: Ipv4Addr) -> bool {
    parse_cidr_sloppy(range).is_some_and(|range| range.contains(ip))
}

fn blocks(policy: &NetworkPolicy, direction: Direction) -> Vec<Block<'_>> {
    let spec = &policy.spec;
    let (rules, peers): (_, Vec<_>) = match direction {
        Direction::Ingress => (("ingress", "from"), spec.ingress.iter().map(|rule| &rule.from).collect()),
        Direction::Egress => (("egress", "to"), spec.egress.iter().map(|rule| &rule.to).collect()),
    };
    let mut found = Vec::new();
    for (rule, peers) in peers.into_iter().enumerate() {
        for (at, block) in peers.iter().enumerate().filter_map(|(at, peer)| Some((at, peer.ip_block.as_ref()?))) {
            let path = format!("spec.{}[{rule}].{}[{at}].ipBlock", rules.0, rules.1);
            found.push(Block { policy, block, rule, path });
        }
    }
    found
}

impl Block<'_> {
    fn allows(&self, ip: Ipv4Addr) -> bool {
        covers(&self.block.cidr, ip) && !self.block.except.iter().any(|range| covers(range, ip))
    }

    fn field(&self, end: &str) -> FieldRef {
        FieldRef { object: ObjectRef::of(self.policy), path: format!("{}{end}", self.path) }
    }
}
