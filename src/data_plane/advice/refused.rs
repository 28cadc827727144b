//! What the policies that dropped a packet nearly allow: an address that an exception takes out, labels that a namespace or a Pod has
//! under another key or spelling, the address of a Service that is rewritten before they look, a client that a node hides.

use super::Target;
use crate::api::core::{Namespace, Pod};
use crate::api::meta::{LabelSelector, Labels};
use crate::api::networking::{IPBlock, NetworkPolicy, NetworkPolicyPeer};
use crate::api::{Kind, ObjectRef};
use crate::cluster::Cluster;
use crate::data_plane::causes::is_made;
use crate::diagnostic::{distance, is_slip};
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
    // A rule for this other end and another port has words of its own.
    let nobody = [".nobody", ".dns"].iter().any(|end| hop.text.id.ends_with(end));
    let mut isolating = policies.isolating(pod, direction).filter(|_| nobody);
    if let Some(found) = isolating.find_map(|policy| labels_differ(cluster, policy, direction, peer)) {
        return Some(found);
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

/// The peers of a policy's rules, each with its rule's position and its field.
fn peers(policy: &NetworkPolicy, direction: Direction) -> impl Iterator<Item = (&NetworkPolicyPeer, usize, String)> {
    let spec = &policy.spec;
    let (rules, peers): (_, Vec<_>) = match direction {
        Direction::Ingress => (("ingress", "from"), spec.ingress.iter().map(|rule| &rule.from).collect()),
        Direction::Egress => (("egress", "to"), spec.egress.iter().map(|rule| &rule.to).collect()),
    };
    peers.into_iter().enumerate().flat_map(move |(rule, peers)| {
        let field = move |at: usize| format!("spec.{}[{rule}].{}[{at}]", rules.0, rules.1);
        peers.iter().enumerate().map(move |(at, peer)| (peer, rule, field(at)))
    })
}

fn blocks(policy: &NetworkPolicy, direction: Direction) -> Vec<Block<'_>> {
    let block = |(peer, rule, path): (_, _, String)| {
        let peer: &NetworkPolicyPeer = peer;
        Some(Block { policy, block: peer.ip_block.as_ref()?, rule, path: format!("{path}.ipBlock") })
    };
    peers(policy, direction).filter_map(block).collect()
}

/// A rule that is for the other end but for its labels, or for those of its namespace, which come near.
fn labels_differ(cluster: &Cluster, policy: &NetworkPolicy, direction: Direction, ip: Ipv4Addr) -> Option<(Message, FieldRef)> {
    let ip = ip.to_string();
    let has = |pod: &&Pod| pod.status.pod_ip == ip && pod.spec.host_network != Some(true);
    let other = &cluster.store.all::<Pod>().find(has)?.metadata;
    let namespace = &cluster.store.get::<Namespace>("", &other.namespace)?.metadata;
    let field = |path: String, end: &str| FieldRef { object: ObjectRef::of(policy), path: path + end };
    peers(policy, direction).filter(|(peer, ..)| peer.ip_block.is_none()).find_map(|(peer, rule, path)| {
        let (policy, rule) = (&policy.metadata, rule + 1);
        let is_other = peer.pod_selector.as_ref().is_none_or(|own| own.matches(&other.labels));
        let is_there = match &peer.namespace_selector {
            Some(own) => own.matches(&namespace.labels),
            None => policy.namespace == other.namespace,
        };
        let (wanted, has, name, path) = match (is_other, is_there, &peer.namespace_selector, &peer.pod_selector) {
            (true, false, Some(wanted), _) => (wanted, &namespace.labels, &namespace.name, field(path, ".namespaceSelector")),
            (false, true, _, Some(wanted)) => (wanted, &other.labels, &other.name, field(path, ".podSelector")),
            _ => return None,
        };
        if !is_near(wanted, has, name) {
            return None;
        }
        let (wanted, has) = (pairs(&wanted.match_labels), pairs(has));
        let next = match is_other {
            true => msg!(
                "advice.policy.namespaceLabels.next",
                policy = policy.name,
                rule = rule,
                wanted = wanted,
                namespace = name,
                labels = has
            ),
            false => {
                msg!("advice.policy.podLabels.next", policy = policy.name, rule = rule, wanted = wanted, pod = name, labels = has)
            }
        };
        Some((next, path))
    })
}

/// Whether every label that a selector wants is there, or nearly: misspelt, under another key, or as the name of what is to have it.
fn is_near(wanted: &LabelSelector, has: &Labels, name: &str) -> bool {
    let near = |(key, value): (&String, &String)| {
        let slip = has.get(key).is_some_and(|own| own == value || is_slip(distance(value, own), value, own));
        slip || has.values().any(|own| own == value) || value == name
    };
    !wanted.match_labels.is_empty() && wanted.match_labels.iter().all(near)
}

/// `app=web,tier=front`
fn pairs(labels: &Labels) -> String {
    let own = labels.iter().filter(|(key, _)| !is_made(key));
    own.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

impl Block<'_> {
    fn allows(&self, ip: Ipv4Addr) -> bool {
        covers(&self.block.cidr, ip) && !self.block.except.iter().any(|range| covers(range, ip))
    }

    fn field(&self, end: &str) -> FieldRef {
        FieldRef { object: ObjectRef::of(self.policy), path: format!("{}{end}", self.path) }
    }
}
