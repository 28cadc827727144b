//! A trace as the stage plays it: every hop in the order in which it happens, the calls that the reached Pod makes in between.

use crate::api::Kind;
use crate::packet::Flow;
use crate::trace::{Hop, Place, Reason, Trace};

/// One hop of a trace or of a call inside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Which call of which call it belongs to; empty: the request itself.
    pub call: Vec<usize>,
    /// Its index in that trace's hops.
    pub hop: usize,
    /// Where it happens.
    pub machine: Machine,
    /// What it rewrites.
    pub rewrite: Option<Rewrite>,
    /// Whether the packet came over a wire to get here, so not by a rule of the machine that it was on.
    pub wire: bool,
}

/// Whose name stands above a hop in the timeline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Machine {
    /// The client outside, and the wires there.
    Outside,
    /// The gateway by which packets leave the cluster.
    Gateway,
    /// Who gives nodes their addresses outside.
    Edge,
    Dns,
    LoadBalancer,
    /// A node's kernel.
    Kernel(String),
    /// Whom a packet for a node without power meets.
    Nobody(String),
    PodNetwork,
    /// A Pod: namespace, name.
    Pod(String, String),
    Server(String),
}

/// Which addresses a hop rewrites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Rewrite {
    Source,
    Destination,
    Both,
    /// A new connection.
    New,
}

/// All hops in playing order.
pub fn steps(trace: &Trace) -> Vec<Step> {
    let mut steps = Vec::new();
    gather(trace, &mut Vec::new(), &mut steps);
    for index in 1..steps.len() {
        steps[index].wire = steps[index].machine != steps[index - 1].machine;
    }
    steps
}

/// The trace that a step belongs to: the request, or a call inside it.
pub fn call<'a>(trace: &'a Trace, step: &Step) -> Option<&'a Trace> {
    step.call.iter().try_fold(trace, |trace, index| trace.calls.get(*index))
}

/// The hop of a step.
pub fn hop<'a>(trace: &'a Trace, step: &Step) -> Option<&'a Hop> {
    call(trace, step)?.hops.get(step.hop)
}

/// The first Pod that a hop is about, by namespace and name.
pub fn pod_of(hop: &Hop) -> Option<(String, String)> {
    let pod = hop.objects.iter().find(|object| object.kind == Kind::Pod)?;
    Some((pod.namespace.clone(), pod.name.clone()))
}

/// A Pod that was called calls others before it answers.
fn gather(trace: &Trace, path: &mut Vec<usize>, steps: &mut Vec<Step>) {
    let last = trace.hops.iter().rposition(|hop| !hop.reply);
    let answered = last.map_or(0, |last| if trace.hops[last].reason == Reason::ProcessAnswers { last } else { last + 1 });
    let step = |index: usize, hop: &Hop| Step {
        call: path.clone(),
        hop: index,
        machine: machine(hop),
        rewrite: rewrite(hop),
        wire: false,
    };
    let own: Vec<Step> = trace.hops.iter().enumerate().map(|(index, hop)| step(index, hop)).collect();
    let (there, back) = own.split_at(answered);
    steps.extend_from_slice(there);
    for (index, call) in trace.calls.iter().enumerate() {
        path.push(index);
        gather(call, path, steps);
        path.pop();
    }
    steps.extend_from_slice(back);
}

/// Whose hop it is.
pub fn machine(hop: &Hop) -> Machine {
    let kept_source = || hop.before.zip(hop.after).is_some_and(|(before, after)| before.src == after.src);
    match &hop.at {
        Place::Internet => match hop.reason {
            Reason::Egress => Machine::Gateway,
            // The gateway hid who asked: of the answer it changes where it goes, and not where it comes from.
            Reason::UndoNat if kept_source() => Machine::Gateway,
            Reason::UndoNat | Reason::Arrive => Machine::Edge,
            _ => Machine::Outside,
        },
        Place::PublicDns | Place::Coredns => Machine::Dns,
        Place::LoadBalancer(..) => Machine::LoadBalancer,
        Place::Node(node) if hop.reason == Reason::NodeDown => Machine::Nobody(node.clone()),
        Place::Node(node) | Place::KubeProxy(node) => Machine::Kernel(node.clone()),
        Place::Cni(_) => Machine::PodNetwork,
        Place::Pod(namespace, name) | Place::IngressController(namespace, name) => Machine::Pod(namespace.clone(), name.clone()),
        Place::Outside(name) => Machine::Server(name.clone()),
    }
}

fn rewrite(hop: &Hop) -> Option<Rewrite> {
    if hop.reason == Reason::IngressPick {
        return Some(Rewrite::New);
    }
    if hop.reason == Reason::Lookup {
        // The question is a packet of its own.
        return None;
    }
    let (Flow { src, dst }, after) = (hop.before?, hop.after?);
    match (src != after.src, dst != after.dst) {
        (true, true) => Some(Rewrite::Both),
        (true, false) => Some(Rewrite::Source),
        (false, true) => Some(Rewrite::Destination),
        (false, false) => None,
    }
}

/// The step that decided how the request ended: from here on its outcome is shown.
pub fn deciding(steps: &[Step], trace: &Trace) -> usize {
    decided(steps, trace, &[]).unwrap_or_default()
}

/// The same of a call inside it.
pub fn decided(steps: &[Step], trace: &Trace, path: &[usize]) -> Option<usize> {
    steps.iter().rposition(|step| step.call == path && hop(trace, step).is_some_and(|hop| !hop.reply))
}

/// The steps at which calls inside the request failed.
pub fn failures(steps: &[Step], trace: &Trace) -> Vec<usize> {
    let fails = |index: &usize| {
        let step = &steps[*index];
        let failed = !step.call.is_empty() && call(trace, step).is_some_and(|call| !call.arrived());
        failed && decided(steps, trace, &step.call) == Some(*index)
    };
    (0..steps.len()).filter(fails).collect()
}

/// A destination after a step, as its label says it.
pub fn destination(trace: &Trace, step: &Step) -> Option<String> {
    let hop = hop(trace, step)?;
    Some(hop.after.or(hop.before)?.dst.to_string())
}
