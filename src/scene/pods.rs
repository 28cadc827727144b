//! Pods in their nodes' columns. How they are drawn follows the fullest node and holds for all, so that nodes can be compared.

use super::ItemId;
use super::geometry::{Polyline, Rect, at};
use super::name;
use super::picture::{Density, NodeBox, PodMark, PodState, Waiting};
use super::used::Used;
use super::view::{ClusterView, PodRole, PodView};
use std::collections::BTreeMap;

const HEXAGON: (f64, f64) = (15.0, 17.0);
const ROW: f64 = 34.0;
/// What the sign of a network policy takes of a card's width.
const SHIELD: f64 = 16.0;

/// Where Pods go in every column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// The Pod network's y.
    pub bus: f64,
    /// The first Pod's top.
    pub first: f64,
    /// Lower than this is too low.
    pub end: f64,
    /// Of Pods that are drawn by themselves, those that the trace meets stand on top, in the order in which it does.
    pub met_first: bool,
}

/// The Pods' marks, and where the lowest one ends.
pub(super) struct Placed {
    pub pods: Vec<PodMark>,
    pub bottom: f64,
}

/// How Pods are drawn when the fullest node has that many.
pub(super) fn density(fullest: usize) -> Density {
    match fullest {
        0..=3 => Density::Card,
        4..=8 => Density::Line,
        9..=24 => Density::Hexagon,
        _ => Density::Row,
    }
}

/// Height and gap of a Pod that is drawn by itself.
pub(super) fn card(density: Density) -> (f64, f64) {
    if density == Density::Card { (48.0, 10.0) } else { (28.0, 4.0) }
}

/// A node's Pods, those that the trace meets first where only these keep a card.
pub(super) fn on<'a>(view: &'a ClusterView, node: &str) -> Vec<&'a PodView> {
    let mut pods: Vec<&PodView> = view.pods.iter().filter(|pod| pod.node == node).collect();
    let rank = |pod: &PodView| match pod.role {
        PodRole::Ingress => 0,
        PodRole::App => 1,
        PodRole::Coredns => 2,
    };
    pods.sort_by(|a, b| (rank(a), &a.app, &a.name).cmp(&(rank(b), &b.app, &b.name)));
    pods
}

/// The card of the Pods that no node takes, without its place yet.
pub(super) fn waits(view: &ClusterView) -> Option<Waiting> {
    let mut waiting = view.pods.iter().filter(|pod| pod.waits());
    let (first, more) = (waiting.next()?, waiting.count());
    let (id, name) = match more {
        0 => (ItemId::Pod(first.namespace.clone(), first.name.clone()), first.name.clone()),
        _ => (ItemId::Pods(String::new(), String::new()), String::new()),
    };
    Some(Waiting { id, rect: Rect::default(), count: 1 + more, name, words: first.warning.clone() })
}

fn is_met(used: &Used, pod: &PodView) -> bool {
    used.pods.contains(&(pod.namespace.clone(), pod.name.clone()))
}

pub(super) fn place(view: &ClusterView, used: &Used, nodes: &mut [NodeBox], room: Room) -> Placed {
    let fullest =
        nodes.iter().filter(|node| node.stack.is_empty()).map(|node| on(view, &node.name).len()).max().unwrap_or_default();
    // Where the height is short, one level down before the stage scrolls.
    let level = density(fullest);
    let bottom = |level| nodes.iter().map(|node| measure(view, used, node, room, level)).fold(room.first, f64::max);
    let next = match level {
        Density::Card => Density::Line,
        Density::Line => Density::Hexagon,
        _ => Density::Row,
    };
    let level = if bottom(level) > room.end { next } else { level };
    let most = fullest_row(view, nodes);
    let mut placed = Placed { pods: Vec::new(), bottom: bottom(level) };
    for node in nodes.iter_mut().filter(|node| node.stack.is_empty()) {
        let mut marks = column(view, used, node, room, level, most);
        marks.iter_mut().for_each(|mark| mark.dark = node.dark);
        node.wires = wires(node, &marks, room);
        placed.pods.extend(marks);
    }
    placed
}

fn measure(view: &ClusterView, used: &Used, node: &NodeBox, room: Room, level: Density) -> f64 {
    column(view, used, node, room, level, 1).iter().map(|pod| pod.rect.bottom()).fold(room.first, f64::max)
}

fn fullest_row(view: &ClusterView, nodes: &[NodeBox]) -> usize {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for pod in view.pods.iter().filter(|pod| nodes.iter().any(|node| node.name == pod.node)) {
        *counts.entry((&pod.node, &pod.app)).or_default() += 1;
    }
    counts.into_values().max().unwrap_or(1)
}

fn column(view: &ClusterView, used: &Used, node: &NodeBox, room: Room, level: Density, most: usize) -> Vec<PodMark> {
    let pods = on(view, &node.name);
    let inner = Rect::new(node.rect.x + 26.0, room.first, node.rect.width - 38.0, 0.0);
    let mut marks = Vec::new();
    let mut y = room.first;
    let (high, gap) = card(level);
    let (mut alone, crowd): (Vec<&PodView>, Vec<&PodView>) =
        pods.into_iter().partition(|pod| level <= Density::Line || is_met(used, pod));
    if room.met_first {
        let met = |pod: &PodView| used.pods.iter().position(|(namespace, name)| *namespace == pod.namespace && *name == pod.name);
        alone.sort_by_key(|pod| met(pod).unwrap_or(usize::MAX));
    }
    let own = if level == Density::Card { Density::Card } else { Density::Line };
    for pod in alone {
        marks.push(mark(used, pod, Rect::new(inner.x, y, inner.width, high), own, node.narrow));
        y += high + gap;
    }
    match level {
        Density::Hexagon => {
            let line = ((inner.width / HEXAGON.0).floor() as usize).max(1);
            for (index, pod) in crowd.into_iter().enumerate() {
                let (column, row) = ((index % line) as f64, (index / line) as f64);
                let rect = Rect::new(inner.x + column * HEXAGON.0, y + row * HEXAGON.1, HEXAGON.0, HEXAGON.1);
                marks.push(mark(used, pod, rect, Density::Hexagon, true));
            }
        }
        Density::Row => marks.extend(rows(used, node, &crowd, Rect { y, ..inner }, most)),
        _ => {}
    }
    marks
}

#[inline(never)]
fn rows(used: &Used, node: &NodeBox, crowd: &[&PodView], inner: Rect, most: usize) -> Vec<PodMark> {
    let mut apps: Vec<(&str, Vec<&PodView>)> = Vec::new();
    for pod in crowd {
        match apps.iter_mut().find(|(app, _)| *app == pod.app) {
            Some((_, pods)) => pods.push(pod),
            None => apps.push((&pod.app, vec![pod])),
        }
    }
    let row = |(index, (app, pods)): (usize, (&str, Vec<&PodView>))| {
        let rect = Rect::new(inner.x, inner.y + index as f64 * ROW, inner.width, 25.0);
        let count = format!("×{}", pods.len());
        let room = inner.width - 22.0 - name::width(&count) - 6.0;
        PodMark {
            id: ItemId::Pods(node.name.clone(), app.to_string()),
            name: name::cut(app, room),
            full_name: app.to_string(),
            detail: count,
            count: pods.len(),
            share: pods.len() as f64 / most.max(1) as f64,
            density: Density::Row,
            rect,
            ..mark(used, pods[0], rect, Density::Row, false)
        }
    };
    apps.into_iter().enumerate().map(row).collect()
}

/// One Pod's mark in that box.
pub(super) fn mark(used: &Used, pod: &PodView, rect: Rect, density: Density, narrow: bool) -> PodMark {
    let endpoint = used.behind.contains(&(pod.namespace.clone(), pod.name.clone()));
    let port = pod.listens.first().map_or(String::new(), |(port, _)| format!(":{port}"));
    let glyph = !narrow || density >= Density::Hexagon;
    let guarded = !pod.policies.is_empty() && density < Density::Hexagon;
    let room = rect.width - if glyph { 44.0 } else { 20.0 } - if guarded { SHIELD } else { 0.0 };
    let state = match (pod.terminating, pod.status.as_str(), pod.ready) {
        (true, ..) => PodState::Terminating,
        (_, "Pending" | "ContainerCreating", _) => PodState::Pending,
        (_, _, false) => PodState::NotReady,
        _ => PodState::Running,
    };
    let plain = state != PodState::NotReady || pod.status == "Running";
    let name = if used.twins.contains(&pod.name) { format!("{}/{}", pod.namespace, pod.name) } else { pod.name.clone() };
    let address = if pod.ip.is_empty() { String::new() } else { format!("{}{port}", pod.ip) };
    PodMark {
        id: ItemId::Pod(pod.namespace.clone(), pod.name.clone()),
        node: pod.node.clone(),
        rect,
        density,
        role: pod.role,
        state,
        dark: false,
        name: name::pod(&name, room),
        full_name: name,
        // An address may go nearer to the edge than a name, and the sign of a policy stands beside the name alone.
        detail: name::address(&address, rect.width - if glyph { 38.0 } else { 14.0 }),
        status: if plain { String::new() } else { pod.status.clone() },
        endpoint,
        met: is_met(used, pod),
        guarded,
        host: pod.host_network,
        glyph,
        count: 1,
        share: 0.0,
    }
}

/// From a Pod in its node's own network to the node's edge.
pub(super) fn on_node(mark: &PodMark, node: Rect) -> Polyline {
    let mut line = Polyline::from(at(mark.rect.right(), mark.rect.centre().y));
    line.to(at(node.right(), mark.rect.centre().y));
    line
}

/// The line from the Pod network down to the node's Pods, with a branch to each that is drawn by itself; one in the node's own
/// network is joined to the node.
fn wires(node: &NodeBox, marks: &[PodMark], room: Room) -> Vec<Polyline> {
    let spine = node.rect.x + 14.0;
    // A machine without power hangs on no network.
    let top = room.bus + if node.dark { 9.0 } else { 0.0 };
    let branch = |mark: &PodMark| {
        if mark.host {
            return on_node(mark, node.rect);
        }
        let mut line = Polyline::from(at(spine, top));
        line.to(at(spine, mark.rect.centre().y));
        line.to(at(mark.rect.x, mark.rect.centre().y));
        line
    };
    let alone = marks.iter().filter(|mark| mark.density <= Density::Line).map(branch);
    let crowd = marks.iter().find(|mark| mark.density > Density::Line).map(branch);
    alone.chain(crowd).collect()
}
