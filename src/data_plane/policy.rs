//! Network policies on a packet's way: egress as it leaves a Pod, behind the Service's rewriting; ingress before a Pod, with the
//! source that the Pod would see. What no rule allows is dropped: nobody answers (assumption: a CNI plugin enforces policies).

use super::story::{HopExt, hop};
use super::travel::{End, Next, Spot, Travel};
use super::world::{Guest, Owner};
use crate::api::ObjectRef;
use crate::api::networking::NetworkPolicy;
use crate::msg;
use crate::node::network_policy::{Conversation, Direction, Near, Ruling};
use crate::packet::{Flow, Protocol};
use crate::trace::{FieldRef, Hop, Place, Reason, Verdict};
use crate::words::Message;

impl Travel<'_> {
    /// A packet has left a Pod, and its node's rules have rewritten it: `None` lets it go on.
    #[inline(always)]
    pub fn policy_out(&mut self, pod: usize, flow: Flow) -> Option<Next> {
        if self.world.policies.is_empty() {
            return None;
        }
        // An address of a Service that no rule has rewritten leads nowhere anyway, and says so better.
        let nowhere = self.world.service_range.contains(flow.dst.ip);
        if nowhere { None } else { self.policy(pod, Direction::Egress, flow) }
    }

    /// A packet stands before a Pod: `None` lets it in.
    #[inline(always)]
    pub fn policy_in(&mut self, pod: usize, flow: Flow) -> Option<Next> {
        if self.world.policies.is_empty() {
            return None;
        }
        self.policy(pod, Direction::Ingress, flow)
    }

    /// Asks the policies of a Pod.
    pub fn policy(&mut self, pod: usize, direction: Direction, flow: Flow) -> Option<Next> {
        let world = self.world;
        let guest = world.pods.get(pod)?;
        let address = if direction == Direction::Ingress { flow.src.ip } else { flow.dst.ip };
        let owner = world.owner(address);
        let peer = if let Owner::Pod(other) = owner { world.pods.get(other) } else { None };
        let talk = Conversation {
            pod: &guest.pod,
            direction,
            address,
            peer: peer.map(|peer| peer.pod.as_ref()),
            port: flow.dst.port,
            protocol: self.protocol,
        };
        let ruling = world.policies.judge(&talk);
        if ruling == Ruling::Open {
            return None;
        }
        if self.known.iter().any(|binding| binding.at == Spot::Node(guest.node) && binding.translated == flow) {
            self.tell.assume(|| msg!("assume.policyKept"));
            return None;
        }
        // Nothing can keep a Pod from its own node, or from itself.
        let own = owner == Owner::Node(guest.node) || owner == Owner::Pod(pod);
        let denied = matches!(ruling, Ruling::Denied(_)) && !own;
        if self.tell.on {
            self.tell.assume(|| msg!("assume.networkPolicy"));
            if self.protocol == Protocol::Icmp {
                self.tell.assume(|| msg!("assume.policyIcmp"));
            }
            self.assume_order(guest, direction, flow);
            if let Ruling::Allowed(policy, at) = ruling
                && peer.is_some()
                && by_blocks_only(policy, at, direction)
            {
                self.tell.assume(|| msg!("assume.policyIpBlock"));
            }
            let words = Words { guest, talk: &talk, node: self.node_name(guest.node), peer: named(peer, flow, direction) };
            let of_node = if let Owner::Node(other) = owner { Some(self.node_name(other)) } else { None };
            let (text, because) =
                if own { words.own(world.policies.isolating(&guest.pod, direction)) } else { words.ruling(ruling, of_node) };
            let objects =
                because.iter().map(|field| field.object.clone()).take(1).chain([ObjectRef::of(guest.pod.as_ref())]).collect();
            let at = match direction {
                Direction::Ingress => self.place_of(Spot::Pod(pod)).0,
                Direction::Egress => Place::Cni(words.node.to_string()),
            };
            self.tell.hop(|| {
                Hop { after: Some(flow).filter(|_| !denied), ..hop(at, Reason::Policy, text).ends(flow) }
                    .about(objects)
                    .because(because)
            });
        }
        self.dropped = denied.then_some((pod, direction, flow));
        denied.then_some(Next::Ends(End::Lost(Verdict::Timeout, Reason::Policy)))
    }

    /// Where the Pod's own node hides the client, plugins that look before that hold another address against the rules.
    fn assume_order(&mut self, guest: &Guest, direction: Direction, flow: Flow) {
        let hidden = |binding: &&super::travel::Binding| {
            binding.at == Spot::Node(guest.node) && binding.translated == flow && binding.original.src != flow.src
        };
        let Some(binding) = self.bindings.iter().find(hidden).copied().filter(|_| direction == Direction::Ingress) else {
            return;
        };
        let node = self.node_name(guest.node).to_string();
        self.tell
            .assume(|| msg!("assume.policyAfterMasquerade", node = node, client = binding.original.src.ip, seen = flow.src.ip));
    }
}

/// Whether a rule allows addresses and nothing else.
fn by_blocks_only(policy: &NetworkPolicy, at: usize, direction: Direction) -> bool {
    let peers = match direction {
        Direction::Ingress => policy.spec.ingress.get(at).map(|rule| &rule.from),
        Direction::Egress => policy.spec.egress.get(at).map(|rule| &rule.to),
    };
    peers.is_some_and(|peers| !peers.is_empty() && peers.iter().all(|peer| peer.ip_block.is_some()))
}

/// `web-x (10.244.1.5)`, or an address alone.
fn named(peer: Option<&Guest>, flow: Flow, direction: Direction) -> String {
    let ip = if direction == Direction::Ingress { flow.src.ip } else { flow.dst.ip };
    peer.map_or_else(|| ip.to_string(), |peer| format!("{} ({ip})", peer.pod.metadata.name))
}

/// The words of a ruling.
struct Words<'a> {
    guest: &'a Guest,
    talk: &'a Conversation<'a>,
    node: &'a str,
    peer: String,
}

impl Words<'_> {
    fn inward(&self) -> bool {
        self.talk.direction == Direction::Ingress
    }

    fn port(&self) -> String {
        match self.talk.protocol {
            Protocol::Icmp => "ICMP".to_string(),
            protocol => format!("{}/{}", self.talk.port, protocol.api_name()),
        }
    }

    fn field(&self, policy: &NetworkPolicy, path: String) -> FieldRef {
        FieldRef { object: ObjectRef::of(policy), path }
    }

    fn rule(&self, policy: &NetworkPolicy, at: usize, part: &str) -> FieldRef {
        let rules = if self.inward() { "ingress" } else { "egress" };
        self.field(policy, format!("spec.{rules}[{at}]{part}"))
    }

    fn own<'a>(&self, mut isolating: impl Iterator<Item = &'a NetworkPolicy>) -> (Message, Vec<FieldRef>) {
        let (pod, node, peer) = (&self.guest.pod.metadata.name, self.node, &self.peer);
        let text = if self.inward() {
            msg!("hop.Policy.text.ownNode", pod = pod, node = node, peer = peer)
        } else {
            msg!("hop.Policy.text.ownNode.egress", pod = pod, node = node, peer = peer)
        };
        (text, isolating.next().map(|policy| self.field(policy, "spec.podSelector".into())).into_iter().collect())
    }

    fn ruling(&self, ruling: Ruling<'_>, of_node: Option<&str>) -> (Message, Vec<FieldRef>) {
        match ruling {
            Ruling::Open => (Message::default(), Vec::new()),
            Ruling::Allowed(policy, at) => self.allowed(policy, at),
            Ruling::Denied(near) => self.denied(near, of_node),
        }
    }

    fn allowed(&self, policy: &NetworkPolicy, at: usize) -> (Message, Vec<FieldRef>) {
        let (pod, peer, port, name) = (&self.guest.pod.metadata.name, &self.peer, self.port(), &policy.metadata.name);
        let ping = self.talk.protocol == Protocol::Icmp;
        let text = if ping && self.inward() {
            msg!("hop.Policy.text.letsPing", pod = pod, policy = name, rule = at + 1, peer = peer)
        } else if ping {
            msg!("hop.Policy.text.egress.letsPing", pod = pod, policy = name, rule = at + 1, peer = peer)
        } else if self.inward() {
            msg!("hop.Policy.text", pod = pod, policy = name, rule = at + 1, peer = peer, port = port)
        } else {
            msg!("hop.Policy.text.egress", pod = pod, policy = name, rule = at + 1, peer = peer, port = port)
        };
        (text, vec![self.rule(policy, at, "")])
    }

    fn denied(&self, near: Near<'_>, of_node: Option<&str>) -> (Message, Vec<FieldRef>) {
        let (pod, peer, port, inward) = (&self.guest.pod.metadata.name, &self.peer, self.port(), self.inward());
        let (policy, because) = match near {
            Near::Empty(policy) | Near::Nobody(policy) => (policy, self.field(policy, "spec.podSelector".into())),
            Near::Namespace(policy, at) => (policy, self.rule(policy, at, if inward { ".from" } else { ".to" })),
            Near::Port(policy, at) => (policy, self.rule(policy, at, ".ports")),
        };
        let name = &policy.metadata.name;
        let dns = !inward && self.talk.port == 53;
        let ping = self.talk.protocol == Protocol::Icmp;
        let text = match (near, of_node) {
            (Near::Port(_, at), _) if ping => {
                msg!("hop.Policy.text.icmp", pod = pod, policy = name, rule = at + 1, peer = peer)
            }
            (Near::Port(_, at), _) if inward => {
                msg!("hop.Policy.text.port", pod = pod, policy = name, rule = at + 1, peer = peer, port = port)
            }
            (_, _) if dns => msg!("hop.Policy.text.egress.dns", pod = pod, policy = name, peer = peer, port = port),
            (Near::Port(_, at), _) => {
                msg!("hop.Policy.text.egress.port", pod = pod, policy = name, rule = at + 1, peer = peer, port = port)
            }
            (Near::Namespace(_, at), _) => {
                let namespace = self.talk.peer.map(|peer| peer.metadata.namespace.as_str()).unwrap_or_default();
                msg!("hop.Policy.text.namespace", pod = pod, policy = name, rule = at + 1, peer = peer, namespace = namespace)
            }
            (_, Some(node)) if inward && ping => {
                msg!("hop.Policy.text.node.ping", pod = pod, policy = name, peer = peer, node = node)
            }
            (_, Some(node)) if inward => {
                msg!("hop.Policy.text.node", pod = pod, policy = name, peer = peer, node = node, port = port)
            }
            (Near::Empty(_), _) if inward => msg!("hop.Policy.text.empty", pod = pod, policy = name, peer = peer),
            (Near::Empty(_), _) => msg!("hop.Policy.text.egress.empty", pod = pod, policy = name, peer = peer),
            _ if ping && inward => msg!("hop.Policy.text.ping", pod = pod, policy = name, peer = peer),
            _ if ping => msg!("hop.Policy.text.egress.ping", pod = pod, policy = name, peer = peer),
            _ if inward => msg!("hop.Policy.text.nobody", pod = pod, policy = name, peer = peer, port = port),
            _ => msg!("hop.Policy.text.egress.nobody", pod = pod, policy = name, peer = peer, port = port),
        };
        (text, vec![because])
    }
}
