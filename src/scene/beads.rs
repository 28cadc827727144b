//! The timeline: one bead for each step, under brackets that name the machine. Many rules of one kernel fold into one bead.

use super::beats::Beats;
use super::calls::host;
use super::steps::{Machine, Rewrite, Step, call, failures, hop};
use crate::msg;
use crate::trace::{Hop, Reason, Trace};
use crate::words::Message;
use std::ops::Range;

/// Longer traces fold the rules of a kernel.
const UNFOLDED: usize = 14;
/// In longer ones, calls inside the request are one bead each, but for the one that plays.
const UNGROUPED: usize = 40;

/// One bead.
#[derive(Clone, Debug, PartialEq)]
pub struct Bead {
    /// The steps that it stands for.
    pub steps: Range<usize>,
    /// Its short name.
    pub label: Message,
    /// The packet came over a wire.
    pub wire: bool,
    /// What is rewritten there.
    pub rewrite: Option<Rewrite>,
    /// The step of it at which a call inside the request failed.
    pub failed: Option<usize>,
}

/// Beads of one machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// Which beads.
    pub beads: Range<usize>,
    /// Whose they are.
    pub title: Message,
}

/// Beads and the brackets above them, while a step plays.
pub fn beads(trace: &Trace, steps: &[Step], playing: usize) -> (Vec<Bead>, Vec<Zone>) {
    let mut beads: Vec<Bead> = Vec::new();
    // A bracket's machine, none on the way back; or it stands over calls.
    let mut zones: Vec<(Result<Option<&Machine>, Calls>, Zone)> = Vec::new();
    let fold = steps.len() > UNFOLDED;
    let inside = steps.get(playing).filter(|_| steps.len() > UNGROUPED).map(|step| step.call.as_slice());
    let mut group: &[usize] = &[];
    for (index, step) in steps.iter().enumerate() {
        let Some(hop) = hop(trace, step) else { continue };
        let before = std::mem::replace(&mut group, inside.map_or(&[], |inside| elsewhere(&step.call, inside)));
        if let Some(last) = beads.last_mut().filter(|_| !group.is_empty() && group == before) {
            last.steps.end = index + 1;
            continue;
        }
        if !group.is_empty() {
            beads.push(Bead {
                steps: index..index + 1,
                label: called(trace, step, group),
                wire: true,
                rewrite: None,
                failed: None,
            });
            match zones.last_mut() {
                Some((Err(Calls), zone)) => zone.beads.end = beads.len(),
                _ => zones.push((Err(Calls), Zone { beads: beads.len() - 1..beads.len(), title: msg!("zone.calls") })),
            }
            continue;
        }
        let machine = Some(&step.machine).filter(|_| !hop.reply || !step.call.is_empty());
        let same = zones.last().is_some_and(|(last, _)| *last == Ok(machine));
        let kernel = matches!(step.machine, Machine::Kernel(_)) && hop.reason != Reason::Arrive;
        if let Some(last) = beads.last_mut().filter(|_| fold && same && kernel && folds(trace, steps, index)) {
            last.steps.end = index + 1;
            last.label = msg!("bead.rules", count = last.steps.len());
            last.rewrite = last.rewrite.or(step.rewrite);
            continue;
        }
        beads.push(Bead { steps: index..index + 1, label: label(hop), wire: step.wire, rewrite: step.rewrite, failed: None });
        match zones.last_mut().filter(|_| same) {
            // A node's process asks: its kernel has sent nothing yet, and may never do.
            _ if hop.reason == Reason::Lookup && matches!(step.machine, Machine::Kernel(_)) => {}
            Some((_, zone)) => zone.beads.end = beads.len(),
            None => zones.push((Ok(machine), Zone { beads: beads.len() - 1..beads.len(), title: title(machine) })),
        }
    }
    for step in failures(steps, trace) {
        beads.iter_mut().filter(|bead| bead.steps.contains(&step)).for_each(|bead| bead.failed = Some(step));
    }
    (beads, zones.into_iter().map(|(_, zone)| zone).collect())
}

/// A bracket over calls that are one bead each.
#[derive(PartialEq)]
struct Calls;

/// The outermost call around a step that does not play; empty: the step belongs to what plays, or to what that is a part of.
fn elsewhere<'a>(call: &'a [usize], playing: &[usize]) -> &'a [usize] {
    let common = call.iter().zip(playing).take_while(|(one, other)| one == other).count();
    call.get(..common + 1).unwrap_or_default()
}

/// The name of whom a call is for.
fn called(trace: &Trace, step: &Step, path: &[usize]) -> Message {
    let target = call(trace, &Step { call: path.to_vec(), ..step.clone() }).map_or("", |call| call.request.target.as_str());
    msg!("bead.call", host = host(target.split_once("://").map_or(target, |(_, rest)| rest)))
}

/// Whether a step joins the one before: both are rules of a kernel, none of them the packet's arrival.
fn folds(trace: &Trace, steps: &[Step], index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|before| hop(trace, &steps[before]));
    before.is_some_and(|before| before.reason != Reason::Arrive && before.reason != Reason::Send)
}

fn label(hop: &Hop) -> Message {
    let told = |name: &str| hop.text.args.get(name).cloned();
    match (hop.reason, told("which"), told("count")) {
        (Reason::PickEndpoint, Some(which), Some(count)) => msg!("bead.PickEndpoint.of", which = which, count = count),
        (reason, ..) => Message { id: format!("bead.{reason:?}").into(), ..Message::default() },
    }
}

/// The words of a bracket; none: the way back.
fn title(machine: Option<&Machine>) -> Message {
    match machine {
        None => msg!("zone.back"),
        Some(Machine::Outside) => msg!("zone.outside"),
        Some(Machine::Gateway) => msg!("zone.gateway"),
        Some(Machine::Edge) => msg!("zone.edge"),
        Some(Machine::Dns) => msg!("zone.dns"),
        Some(Machine::LoadBalancer) => msg!("zone.balancer"),
        Some(Machine::Kernel(node)) => msg!("zone.kernel", node = node),
        Some(Machine::Nobody(_)) => msg!("zone.nobody"),
        Some(Machine::PodNetwork) => msg!("zone.podNetwork"),
        Some(Machine::Pod(_, name)) => msg!("zone.pod", pod = name),
        Some(Machine::Server(name)) => msg!("zone.server", server = name),
    }
}

/// The moment of a place between beads: 2.5 is half way from the third to the fourth.
pub fn moment(beads: &[Bead], beats: &Beats, place: f64) -> f64 {
    let last = beads.len().saturating_sub(1);
    let index = (place.max(0.0).floor() as usize).min(last);
    let arrives = |index: usize| {
        let step = beads.get(index).map_or(0, |bead| bead.steps.start);
        beats.get(step).map_or(0.0, |beat| beat.arrives)
    };
    let part = (place - index as f64).clamp(0.0, 1.0);
    let (here, next) = (arrives(index), arrives((index + 1).min(last)));
    here + (next - here) * part + 0.001
}
