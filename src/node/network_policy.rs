//! Network policies, as a CNI plugin enforces them at a Pod's interface: who may open a connection to it, and whom it may call.
//!
//! Follows the comments of `k8s.io/api/networking/v1/types.go` and "Network Policies" in the Kubernetes documentation. Policies only
//! allow, and add up; a Pod that one of them selects is isolated in that direction. Answers need no rule. No policy can keep a Pod
//! from its own node, nor the node from it (`NetworkPolicySpec.Ingress`: "OR if the traffic source is the pod's local node"), so
//! kubelet's probes pass; nor a Pod from itself. Pods with `hostNetwork` are their node: selectors neither isolate nor match them,
//! which the documentation calls the most common implementation.
//!
//! Left open by Kubernetes, and assumed here: an egress rule sees the address behind the Service's, an ingress rule the address that
//! the Pod sees; `ipBlock` matches Pods' addresses, too.

use super::kube_proxy::parse_cidr_sloppy;
use crate::api::core::{Namespace, Pod};
use crate::api::meta::{IntOrString, LabelSelector};
use crate::api::networking::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort};
use crate::cluster::Store;
use crate::packet::Protocol;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Which way a connection is opened, seen from the Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the Pod.
    Ingress,
    /// By the Pod.
    Egress,
}

/// One connection to be judged at one of its ends.
#[derive(Clone, Copy, Debug)]
pub struct Conversation<'a> {
    /// The Pod at whose interface it is judged; not one with `hostNetwork`.
    pub pod: &'a Pod,
    /// Which way.
    pub direction: Direction,
    /// The other end's address.
    pub address: Ipv4Addr,
    /// The Pod that has this address, if one has it for itself.
    pub peer: Option<&'a Pod>,
    /// The port that is called, where it is listened on.
    pub port: u16,
    /// Its protocol.
    pub protocol: Protocol,
}

/// What the policies say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ruling<'a> {
    /// No policy isolates the Pod in this direction.
    Open,
    /// A rule allows it: of which policy, and its position.
    Allowed(&'a NetworkPolicy, usize),
    /// The Pod is isolated, and no rule allows it.
    Denied(Near<'a>),
}

/// The rule that came nearest to allowing a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Near<'a> {
    /// The isolating policies have no rules at all; the first of them.
    Empty(&'a NetworkPolicy),
    /// No rule is for this other end; the first isolating policy that has rules.
    Nobody(&'a NetworkPolicy),
    /// This rule is for Pods labelled as this one, but in the policy's own namespace.
    Namespace(&'a NetworkPolicy, usize),
    /// This rule is for this other end, but not for this port.
    Port(&'a NetworkPolicy, usize),
}

/// A rule of either direction.
#[derive(Clone, Copy)]
struct Rule<'a> {
    ports: &'a [NetworkPolicyPort],
    peers: &'a [NetworkPolicyPeer],
}

/// All policies of a cluster, and the namespaces that they select.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    list: Vec<Arc<NetworkPolicy>>,
    namespaces: Vec<Arc<Namespace>>,
}

impl Policies {
    /// The policies as they stand.
    pub fn of(store: &Store) -> Policies {
        let list: Vec<_> = store.network_policies.values().cloned().collect();
        let namespaces = if list.is_empty() { Vec::new() } else { store.namespaces.values().cloned().collect() };
        Policies { list, namespaces }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The policies that isolate a Pod in a direction.
    pub fn isolating<'a>(&'a self, pod: &'a Pod, direction: Direction) -> impl Iterator<Item = &'a NetworkPolicy> {
        let selects = move |policy: &&NetworkPolicy| isolates(policy, pod, direction);
        self.list.iter().map(Arc::as_ref).filter(selects)
    }

    /// Whether a connection may be opened.
    pub fn judge(&self, talk: &Conversation<'_>) -> Ruling<'_> {
        let mut near: Option<(Near<'_>, u8)> = None;
        for policy in self.list.iter().map(Arc::as_ref).filter(|policy| isolates(policy, talk.pod, talk.direction)) {
            let count = rule_count(policy, talk.direction);
            for at in 0..count {
                match self.meets(policy, at, talk) {
                    None => return Ruling::Allowed(policy, at),
                    Some(found) => near = Some(nearer(near, found)),
                }
            }
            if count == 0 {
                near = Some(nearer(near, (Near::Empty(policy), 0)));
            }
        }
        near.map_or(Ruling::Open, |(near, _)| Ruling::Denied(near))
    }

    /// `None` where the rule allows the connection; otherwise how near it comes, and how closely it describes the other end.
    fn meets<'a>(&self, policy: &'a NetworkPolicy, at: usize, talk: &Conversation<'_>) -> Option<(Near<'a>, u8)> {
        let Some(rule) = rule(policy, at, talk.direction) else { return Some((Near::Nobody(policy), 0)) };
        let known = rule.peers.iter().filter(|peer| self.is_peer(policy, peer, talk)).map(closeness).max();
        let Some(close) = known.or(rule.peers.is_empty().then_some(0)) else {
            let elsewhere = rule.peers.iter().any(|peer| labelled_alike(peer, talk));
            return Some((if elsewhere { Near::Namespace(policy, at) } else { Near::Nobody(policy) }, 0));
        };
        let open = rule.ports.is_empty() || rule.ports.iter().any(|port| is_port(port, talk));
        match open {
            true => None,
            // Who lets a Pod ask for names says nothing of what it may call.
            false if is_for_dns(&rule, talk) => Some((Near::Nobody(policy), 0)),
            false => Some((Near::Port(policy, at), close)),
        }
    }

    fn is_peer(&self, policy: &NetworkPolicy, peer: &NetworkPolicyPeer, talk: &Conversation<'_>) -> bool {
        if let Some(block) = &peer.ip_block {
            let covers = |range: &str| parse_cidr_sloppy(range).is_some_and(|range| range.contains(talk.address));
            return covers(&block.cidr) && !block.except.iter().any(|range| covers(range));
        }
        let Some(pod) = talk.peer else { return false };
        let here = match &peer.namespace_selector {
            Some(selector) => self.namespace_matches(selector, &pod.metadata.namespace),
            None => pod.metadata.namespace == policy.metadata.namespace,
        };
        here && peer.pod_selector.as_ref().is_none_or(|selector| selector.matches(&pod.metadata.labels))
    }

    fn namespace_matches(&self, selector: &LabelSelector, name: &str) -> bool {
        let mut found = self.namespaces.iter().filter(|namespace| namespace.metadata.name == name);
        found.next().is_some_and(|namespace| selector.matches(&namespace.metadata.labels))
    }
}

/// Without `policyTypes`, a policy is for ingress, and for egress if it has egress rules.
fn isolates(policy: &NetworkPolicy, pod: &Pod, direction: Direction) -> bool {
    let types = &policy.spec.policy_types;
    let of_type = match direction {
        Direction::Ingress => types.is_empty() || types.iter().any(|kind| kind == "Ingress"),
        Direction::Egress if types.is_empty() => !policy.spec.egress.is_empty(),
        Direction::Egress => types.iter().any(|kind| kind == "Egress"),
    };
    let own = policy.metadata.namespace == pod.metadata.namespace;
    of_type && own && policy.spec.pod_selector.matches(&pod.metadata.labels)
}

fn rule_count(policy: &NetworkPolicy, direction: Direction) -> usize {
    match direction {
        Direction::Ingress => policy.spec.ingress.len(),
        Direction::Egress => policy.spec.egress.len(),
    }
}

fn rule(policy: &NetworkPolicy, at: usize, direction: Direction) -> Option<Rule<'_>> {
    Some(match direction {
        Direction::Ingress => policy.spec.ingress.get(at).map(|rule| Rule { ports: &rule.ports, peers: &rule.from })?,
        Direction::Egress => policy.spec.egress.get(at).map(|rule| Rule { ports: &rule.ports, peers: &rule.to })?,
    })
}

/// Of two rules that do not allow a connection, the one that comes nearer, and of those the one that describes the other end more
/// closely; the earlier one of equals.
fn nearer<'a>(one: Option<(Near<'a>, u8)>, other: (Near<'a>, u8)) -> (Near<'a>, u8) {
    let rank = |(near, close): &(Near<'_>, u8)| match near {
        Near::Empty(_) => (0, 0),
        Near::Nobody(_) => (1, 0),
        Near::Namespace(..) => (2, 0),
        Near::Port(..) => (3, *close),
    };
    one.filter(|one| rank(one) >= rank(&other)).unwrap_or(other)
}

/// How closely a peer describes those whom it matches: everybody, some addresses, Pods by one selector or by two.
fn closeness(peer: &NetworkPolicyPeer) -> u8 {
    if let Some(block) = &peer.ip_block {
        return u8::from(!block.cidr.ends_with("/0"));
    }
    let says = |selector: &Option<LabelSelector>| selector.as_ref().is_some_and(|own| *own != LabelSelector::default());
    let here = peer.namespace_selector.is_none() || says(&peer.namespace_selector);
    u8::from(here) + 2 * u8::from(says(&peer.pod_selector))
}

/// A rule that lets Pods ask for names and nothing else, while something else is called.
fn is_for_dns(rule: &Rule<'_>, talk: &Conversation<'_>) -> bool {
    let dns = |port: &NetworkPolicyPort| port.port == Some(IntOrString::Int(53)) && port.end_port.is_none_or(|end| end == 53);
    talk.direction == Direction::Egress && talk.port != 53 && rule.ports.iter().all(dns)
}

/// The peer is for Pods with the other end's labels, in the policy's own namespace.
fn labelled_alike(peer: &NetworkPolicyPeer, talk: &Conversation<'_>) -> bool {
    let Some(selector) = peer.pod_selector.as_ref().filter(|_| peer.namespace_selector.is_none()) else { return false };
    talk.peer.is_some_and(|pod| selector.matches(&pod.metadata.labels))
}

/// A named port is one of the Pod that is called.
fn is_port(port: &NetworkPolicyPort, talk: &Conversation<'_>) -> bool {
    let protocol = port.protocol.as_deref().unwrap_or("TCP");
    if Protocol::of_api(protocol) != Some(talk.protocol) {
        return false;
    }
    let called = i32::from(talk.port);
    match &port.port {
        None => true,
        Some(IntOrString::Int(first)) => (*first..=port.end_port.unwrap_or(*first)).contains(&called),
        Some(IntOrString::String(name)) => {
            let pod = if talk.direction == Direction::Ingress { Some(talk.pod) } else { talk.peer };
            pod.is_some_and(|pod| has_named_port(pod, name, talk))
        }
    }
}

fn has_named_port(pod: &Pod, name: &str, talk: &Conversation<'_>) -> bool {
    let sidecars = pod.spec.init_containers.iter().filter(|container| container.is_sidecar());
    let mut ports = pod.spec.containers.iter().chain(sidecars).flat_map(|container| &container.ports);
    ports.any(|port| {
        let same = Protocol::of_api(&port.protocol) == Some(talk.protocol) && port.container_port == i32::from(talk.port);
        same && port.name == name
    })
}
