//! What a trace touches: these things are drawn by themselves even where others are folded.

use super::ItemId;
use super::steps::{Machine, Step, call, hop, pod_of, steps};
use super::view::{ClusterView, PortView, ServiceView};
use crate::api::Kind;
use crate::trace::{Hop, Place, Reason, Trace};
use std::collections::BTreeSet;

/// Things that a trace touches, as often as it meets them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Used {
    /// There is a trace.
    pub any: bool,
    /// Nodes: the one where it enters first, then that of the Pod, then others.
    pub nodes: Vec<String>,
    /// Pods, by namespace and name.
    pub pods: Vec<(String, String)>,
    /// Services, by namespace and name.
    pub services: Vec<(String, String)>,
    /// Open ports that it enters by: node and port.
    pub ports: Vec<(String, u16)>,
    /// Ports that it enters by and that no Service opened, but a Pod's hostPort or a process: node and port.
    pub opened: Vec<(String, u16)>,
    /// Nodes that a packet from outside comes in at by a Pod's own address: it crosses none of their ports.
    pub past_ports: Vec<String>,
    /// The port of a Service or a Pod that packets go to, which may have several.
    pub open: Vec<(ItemId, u16)>,
    /// Load balancers, by namespace and name of their Service.
    pub balancers: Vec<(String, String)>,
    /// The DNS outside was asked.
    pub public_dns: bool,
    /// What it said.
    pub dns_answer: Option<String>,
    /// Servers outside.
    pub servers: BTreeSet<String>,
    /// The client outside sends.
    pub client: bool,
    /// Pods that some Service sends to, whether or not the trace meets them.
    pub behind: BTreeSet<(String, String)>,
    /// Services whose names DNS was asked for, by namespace and name.
    pub names: BTreeSet<(String, String)>,
    /// Names that Pods of two namespaces share.
    pub twins: BTreeSet<String>,
}

/// Reads a trace.
pub fn used(view: &ClusterView, trace: Option<&Trace>) -> Used {
    let ready = view.services.iter().flat_map(|service| &service.endpoints).filter(|endpoint| endpoint.ready);
    let behind = ready.filter_map(|endpoint| endpoint.pod.clone()).collect();
    let mut used = Used { any: trace.is_some(), behind, ..Used::default() };
    let mut names = BTreeSet::new();
    used.twins = view.pods.iter().filter(|pod| !names.insert(&pod.name)).map(|pod| pod.name.clone()).collect();
    let Some(trace) = trace else { return used };
    asked(trace, &mut used.names);
    for step in steps(trace) {
        note(view, trace, &step, &mut used);
    }
    let chosen = used.nodes.iter().position(|node| trace.node.as_ref() == Some(node));
    if let Some(node) = chosen.filter(|index| *index > 1).map(|index| used.nodes.remove(index)) {
        used.nodes.insert(1, node);
    }
    if used.public_dns {
        used.dns_answer =
            trace.dns.as_ref().and_then(|dns| dns.answers.last()).map(|answer| format!("{} {}", answer.kind, answer.data));
    }
    used
}

/// Whose names a request and its calls ask DNS for: of `db-0.db.default.svc.cluster.local` that of `db`.
fn asked(trace: &Trace, names: &mut BTreeSet<(String, String)>) {
    let looked_up =
        trace.dns.iter().flat_map(|dns| dns.searched.last().into_iter().chain(dns.answers.iter().map(|own| &own.name)));
    for name in looked_up {
        let mut labels = name.split_once(".svc.").map(|(own, _)| own.rsplit('.')).into_iter().flatten();
        if let (Some(namespace), Some(service)) = (labels.next(), labels.next()) {
            names.insert((namespace.to_string(), service.to_string()));
        }
    }
    trace.calls.iter().for_each(|call| asked(call, names));
}

fn note(view: &ClusterView, trace: &Trace, step: &Step, used: &mut Used) {
    let Some(hop) = hop(trace, step) else { return };
    match &hop.at {
        Place::Internet => used.client |= step.machine == Machine::Outside && hop.reason != Reason::NoRoute,
        Place::PublicDns => used.public_dns = true,
        Place::Coredns => {
            used.pods.extend(pod_of(hop));
            // Where no Pod answers, it is kube-dns's rules that a learner looks for.
            if hop.reason == Reason::DnsSilent {
                let services = hop.objects.iter().filter(|object| object.kind == Kind::Service);
                used.services.extend(services.map(|service| (service.namespace.clone(), service.name.clone())));
            }
        }
        Place::LoadBalancer(namespace, name) => {
            used.balancers.push((namespace.clone(), name.clone()));
        }
        Place::Node(node) | Place::KubeProxy(node) | Place::Cni(node) => add(&mut used.nodes, node),
        Place::Pod(namespace, name) | Place::IngressController(namespace, name) => {
            used.pods.push((namespace.clone(), name.clone()));
            let pod = view.pods.iter().find(|pod| pod.namespace == *namespace && pod.name == *name);
            if let Some(pod) = pod.filter(|pod| !pod.node.is_empty()) {
                add(&mut used.nodes, &pod.node);
            }
        }
        Place::Outside(name) => {
            used.servers.insert(name.clone());
        }
    }
    // A Service takes part where its rules are read; an Ingress controller knows it by name only, and where no rule knows an address,
    // its Service has none.
    if matches!(hop.at, Place::KubeProxy(_)) && hop.reason != Reason::NoRule {
        let services = hop.objects.iter().filter(|object| object.kind == Kind::Service);
        used.services.extend(services.map(|service| (service.namespace.clone(), service.name.clone())));
    }
    let opened = match (&hop.at, hop.reason) {
        (Place::Cni(node), Reason::Dnat) | (Place::Node(node), Reason::ProcessAnswers) => Some(node),
        _ => None,
    };
    if let (Some(node), Some(before)) = (opened, hop.before) {
        used.opened.push((node.clone(), before.dst.port));
    }
    if let (Place::Node(node), Reason::Arrive, Some(before)) = (&hop.at, hop.reason, hop.before)
        && view.pods.iter().any(|pod| !pod.host_network && pod.ip == before.dst.ip.to_string())
    {
        used.past_ports.push(node.clone());
    }
    taken(view, hop, used);
    let enters = !matches!(hop.reason, Reason::Send | Reason::Lookup) && !hop.reply;
    if let (true, Some(before)) = (enters, hop.before) {
        let dst = before.dst;
        let node = view.nodes.iter().find(|node| node.ip == dst.ip.to_string());
        let open = view.services.iter().flat_map(|service| &service.ports).any(|port| port.node_port == dst.port);
        if let (Some(node), true, true) = (node, open, call(trace, step).is_some()) {
            used.ports.push((node.name.clone(), dst.port));
        }
    }
}

/// Which of its ports a packet meets a Service or a Pod at.
fn taken(view: &ClusterView, hop: &Hop, used: &mut Used) {
    let Some(dst) = hop.before.map(|flow| flow.dst).filter(|_| !hop.reply) else { return };
    let to = dst.ip.to_string();
    match &hop.at {
        Place::KubeProxy(_) => {
            let named = hop.objects.iter().find(|object| object.kind == Kind::Service);
            let own = |service: &&ServiceView| {
                named.is_some_and(|named| (&named.namespace, &named.name) == (&service.namespace, &service.name))
            };
            let Some(service) = view.services.iter().find(own) else { return };
            let called = |port: &&PortView| {
                port.node_port == dst.port || port.port == dst.port && !view.pods.iter().any(|pod| pod.ip == to)
            };
            if let Some(port) = service.ports.iter().find(called) {
                used.open.push((ItemId::Service(service.namespace.clone(), service.name.clone()), port.port));
            }
        }
        Place::Pod(namespace, name) => {
            let pod = view.pods.iter().find(|pod| pod.namespace == *namespace && pod.name == *name && pod.ip == to);
            if pod.is_some_and(|pod| pod.listens.iter().any(|(port, _)| *port == dst.port)) {
                used.open.push((ItemId::Pod(namespace.clone(), name.clone()), dst.port));
            }
        }
        _ => {}
    }
}

fn add(nodes: &mut Vec<String>, node: &str) {
    if !nodes.iter().any(|other| other == node) {
        nodes.push(node.to_string());
    }
}
