//! The timeline: one bead for each step, under brackets that name the machine. Many rules of one kernel fold into one bead.

use super::beats::Beats;
use super::steps::{Machine, Rewrite, Step, hop};
use crate::msg;
use crate::trace::{Hop, Reason, Trace};
use crate::words::Message;
use std::ops::Range;

/// Longer traces fold the rules of a kernel.
const UNFOLDED: usize = 14;

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
}

/// Beads of one machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// Which beads.
    pub beads: Range<usize>,
    /// Whose they are.
    pub title: Message,
}

/// Beads and the brackets above them.
pub fn beads(trace: &Trace, steps: &[Step]) -> (Vec<Bead>, Vec<Zone>) {
    let mut beads: Vec<Bead> = Vec::new();
    let mut zones: Vec<(Option<&Machine>, Zone)> = Vec::new();
    let fold = steps.len() > UNFOLDED;
    for (index, step) in steps.iter().enumerate() {
        let Some(hop) = hop(trace, step) else { continue };
        let machine = Some(&step.machine).filter(|_| !hop.reply || !step.call.is_empty());
        let same = zones.last().is_some_and(|(last, _)| *last == machine);
        let kernel = matches!(step.machine, Machine::Kernel(_)) && hop.reason != Reason::Arrive;
        if let Some(last) = beads.last_mut().filter(|_| fold && same && kernel && folds(trace, steps, index)) {
            last.steps.end = index + 1;
            last.label = msg!("bead.rules", count = last.steps.len());
            last.rewrite = last.rewrite.or(step.rewrite);
            continue;
        }
        beads.push(Bead { steps: index..index + 1, label: label(hop), wire: step.wire, rewrite: step.rewrite });
        match zones.last_mut().filter(|_| same) {
            Some((_, zone)) => zone.beads.end = beads.len(),
            None => zones.push((machine, Zone { beads: beads.len() - 1..beads.len(), title: title(machine) })),
        }
    }
    (beads, zones.into_iter().map(|(_, zone)| zone).collect())
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
        Some(Machine::Dns) => msg!("zone.dns"),
        Some(Machine::LoadBalancer) => msg!("zone.balancer"),
        Some(Machine::Kernel(node)) => msg!("zone.kernel", node = node),
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
