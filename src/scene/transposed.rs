//! The stage of a narrow page: nodes are rows, each Service is an upright capsule through them, and the Pod network runs beside it.

use super::geometry::{Polyline, Rect, Size, at};
use super::layout::{RAIL, WAITING_GAP, cards, health, kept, least, ports, rail, rails, zone};
use super::names;
use super::picture::{Density, Gate, Label, MoreServices, NodeBox, OutsideCard, Picture, PodMark, Rail, Waiting};
use super::pods::{card, density, mark, on, waits};
use super::used::Used;
use super::view::{ClusterView, NodeView, PodView};
use super::{ItemId, Options};
use crate::msg;

const EDGE: f64 = 10.0;
/// The column in which packets come down from outside, and that of the load balancer's.
const LANES: [f64; 2] = [19.0, 27.0];
const NODE_LEFT: f64 = 36.0;
const RAIL_LEFT: f64 = 155.0;
const RAIL_PITCH: f64 = 37.0;
/// From the last rail to the Pod network, from there to the Pods, and from these to the page's edge.
const BUS: f64 = 13.0;
const SPUR: f64 = 12.0;
const PODS_RIGHT: f64 = 18.0;
const STRIP_PITCH: f64 = 12.0;
/// With more Services than this on the packet's way, their strips stand closer.
const CROWD: usize = 5;
const STRIP_CROWDED: f64 = 9.0;
const BOUNDARY: f64 = 60.0;
/// The card of Pods that no node takes: a line of its own and three of the scheduler's words.
const WAITING: f64 = 68.0;
const ROW_GAP: f64 = 34.0;
const ROW_MIN: f64 = 64.0;
/// More nodes share one row at the end.
const MOST_ROWS: usize = 6;
/// Rails in full on so little width.
const FULL_RAILS: usize = 2;
/// What Pods need beside the rails.
const POD_MIN: f64 = 88.0;

pub(super) fn lay_out(view: &ClusterView, used: &Used, size: Size, options: &Options) -> Picture {
    let shown = rails(view, used, options, false);
    let (mut rails, more_services, bus, names) = upright(view, &shown, size.width, options);
    // All rails in full may be wider than the page: then the stage is scrolled.
    let size = Size { width: size.width.max(bus + SPUR + POD_MIN + PODS_RIGHT), ..size };
    let rows = if view.nodes.len() > MOST_ROWS { (MOST_ROWS - 1).max(least(view, used, options)) } else { view.nodes.len() };
    let (own, rest) = kept(view, used, options, rows);
    let fullest = own.iter().map(|node| on(view, &node.name).len()).max().unwrap_or_default();
    // A row is as high as its Pods; two lines of Pods are as much as a phone can spare.
    let level = match density(fullest) {
        Density::Card if fullest <= 1 => Density::Card,
        Density::Card | Density::Line => Density::Line,
        other => other,
    };
    let left = bus + SPUR;
    let inner = (left, size.width - PODS_RIGHT);
    let mut y = BOUNDARY + 32.0 + 14.0 * (names.saturating_sub(1) as f64);
    let (mut nodes, mut pods) = (Vec::new(), Vec::new());
    for node in &own {
        let mut marks = row(used, &on(view, &node.name), (inner.0, inner.1 - inner.0), y, level);
        marks.iter_mut().for_each(|mark| mark.dark = !node.up);
        let end = marks.iter().map(|mark| mark.rect.bottom() + 9.0).fold(y + ROW_MIN, f64::max);
        nodes.push(row_box(view, used, node, Rect::new(NODE_LEFT, y, size.width - NODE_LEFT - EDGE, end - y), bus, &marks));
        pods.extend(marks);
        y = end + ROW_GAP;
    }
    if !rest.is_empty() {
        nodes.push(stacked(&rest, Rect::new(NODE_LEFT, y, size.width - NODE_LEFT - EDGE, 40.0)));
        y += 40.0 + ROW_GAP;
    }
    let bottom = y - ROW_GAP;
    let wide = size.width - NODE_LEFT - EDGE;
    let names = names::below(view, used, options, Rect::new(NODE_LEFT, bottom + 2.0 * WAITING_GAP, wide, 0.0));
    let nodes_end = bottom;
    let bottom = names.as_ref().map_or(bottom, |names| names.bottom);
    // Of narrow lines the scheduler's words take more.
    let place = Rect::new(NODE_LEFT, bottom + 2.0 * WAITING_GAP, wide, WAITING);
    let waiting = waits(view).map(|card| Waiting { rect: place, ..card });
    let lowest = if waiting.is_some() { place.bottom() } else { bottom };
    for rail in &mut rails {
        rail.rect.height = nodes_end + 8.0 - rail.rect.y;
        let ItemId::Service(namespace, name) = rail.id.clone() else { continue };
        let x = rail.rect.centre().x;
        let gate = |node: &NodeBox| Gate {
            id: ItemId::Gate(node.name.clone(), namespace.clone(), name.clone()),
            node: node.name.clone(),
            at: at(x, node.rect.centre().y),
            dark: node.dark,
        };
        rail.gates = nodes.iter().map(gate).collect();
    }
    let mut line = Polyline::default();
    if let (Some(first), Some(last)) = (nodes.first(), nodes.last()) {
        line = Polyline::from(at(bus, first.rect.centre().y));
        line.to(at(bus, last.rect.centre().y));
    }
    Picture {
        size: Size { width: size.width, height: lowest + 16.0 },
        transposed: true,
        boundary: BOUNDARY,
        wires: [56.0, LANES[0], LANES[1]],
        headings: Vec::new(),
        outside: outside(view, used, size.width),
        nodes,
        rails,
        more_services,
        names,
        bus: line,
        bus_at: bus,
        pods,
        waiting,
    }
}

type Upright = (Vec<Rail>, Option<MoreServices>, f64, usize);

/// The capsules, the entry for those that are not drawn in full, the Pod network's x, and how many names stand above.
fn upright(view: &ClusterView, shown: &[(&super::view::ServiceView, bool, bool)], width: f64, options: &Options) -> Upright {
    let mut x = RAIL_LEFT;
    let mut rails = Vec::new();
    let mut order: Vec<_> = shown.to_vec();
    order.sort_by_key(|(_, full, lit)| (!full, !lit));
    // Strips stand as far as they leave room for the Pods; those that the packet meets always do, then close together.
    let used = order.iter().rposition(|(_, full, lit)| *full && *lit).map_or(0, |last| last + 1);
    let crowded = used > CROWD && !options.all_services;
    let most = if options.all_services { order.len() } else { FULL_RAILS - usize::from(crowded) };
    let full = order.iter().filter(|(_, full, _)| *full).count().min(most);
    let room = width - PODS_RIGHT - POD_MIN - SPUR - BUS - RAIL_LEFT - RAIL_PITCH * full as f64;
    let strips = (room / STRIP_PITCH).floor().max(0.0) as usize;
    for (index, (service, _, lit)) in order.iter().enumerate().take(used.max(full + strips)) {
        let whole = index < full;
        let wide = if whole { RAIL } else { 8.0 };
        rails.push(rail(view, service, *lit, whole, Rect::new(x, BOUNDARY + 6.0, wide, 0.0)));
        x += if whole {
            RAIL_PITCH
        } else if crowded {
            STRIP_CROWDED
        } else {
            STRIP_PITCH
        };
    }
    let bus = x + if full == 0 { 55.0 } else { BUS };
    for (index, rail) in rails.iter_mut().enumerate().take(full) {
        rail.name_at = at(x + 3.0, BOUNDARY + 26.0 + 14.0 * index as f64);
    }
    let rest = shown.len() - full;
    let more = (rest > 0).then(|| MoreServices { rect: Rect::new(NODE_LEFT, BOUNDARY + 4.0, 110.0, 24.0), count: rest });
    (rails, more, bus, full)
}

fn row(used: &Used, pods: &[&PodView], (left, width): (f64, f64), top: f64, level: Density) -> Vec<PodMark> {
    let (high, gap) = card(level);
    let first = top + if level == Density::Card { 8.0 } else { 7.0 };
    let (alone, crowd): (Vec<&PodView>, Vec<&PodView>) =
        pods.iter().partition(|pod| level <= Density::Line || used.pods.contains(&(pod.namespace.clone(), pod.name.clone())));
    let own = if level == Density::Card { Density::Card } else { Density::Line };
    let mut y = first;
    let mut marks = Vec::new();
    for pod in alone {
        marks.push(mark(used, pod, Rect::new(left, y, width, high), own, width < 120.0));
        y += high + gap;
    }
    let line = ((width / 15.0).floor() as usize).max(1);
    for (index, pod) in crowd.into_iter().enumerate().take(line * 3) {
        let (column, row) = ((index % line) as f64, (index / line) as f64);
        marks.push(mark(used, pod, Rect::new(left + column * 15.0, y + row * 17.0, 15.0, 17.0), Density::Hexagon, true));
    }
    marks
}

fn row_box(view: &ClusterView, used: &Used, node: &NodeView, rect: Rect, bus: f64, marks: &[PodMark]) -> NodeBox {
    let axis = 126.0;
    let wire = |mark: &PodMark| {
        if mark.host {
            return super::pods::on_node(mark, rect);
        }
        // A machine without power hangs on no network.
        let mut line = Polyline::from(at(if node.up { bus } else { bus + 5.0 }, rect.centre().y));
        line.to(at(if node.up { bus } else { bus + 5.0 }, mark.rect.centre().y));
        line.to(at(mark.rect.x, mark.rect.centre().y));
        line
    };
    let alone = marks.iter().filter(|mark| mark.density <= Density::Line);
    let crowd = marks.iter().find(|mark| mark.density > Density::Line);
    NodeBox {
        id: ItemId::Node(node.name.clone()),
        name: node.name.clone(),
        ip: node.ip.clone(),
        rect,
        plate: Rect::new(rect.x, rect.y, 0.0, 0.0),
        health: health(node),
        zone: zone(view, node),
        dark: !node.up,
        proxy_running: node.proxy_running,
        pod_cidr: node.pod_cidr.clone(),
        cidr_at: None,
        ports: ports(view, used, node, at(axis, rect.y), (NODE_LEFT + 4.0, RAIL_LEFT - 3.0)),
        wires: alone.chain(crowd).map(wire).collect(),
        axis,
        narrow: false,
        stack: Vec::new(),
    }
}

fn stacked(nodes: &[&NodeView], rect: Rect) -> NodeBox {
    NodeBox {
        id: ItemId::MoreNodes,
        name: String::new(),
        ip: String::new(),
        rect,
        plate: Rect::new(rect.x, rect.y, 0.0, 0.0),
        health: super::picture::Health::Ready,
        zone: Default::default(),
        dark: false,
        proxy_running: true,
        pod_cidr: String::new(),
        cidr_at: None,
        ports: Vec::new(),
        wires: Vec::new(),
        axis: 126.0,
        narrow: true,
        stack: nodes.iter().map(|node| node.name.clone()).collect(),
    }
}

/// The client, and beside it what else takes part; what does not is folded into one card.
fn outside(view: &ClusterView, used: &Used, width: f64) -> Vec<OutsideCard> {
    let all = cards(view, used);
    let (mut shown, idle): (Vec<OutsideCard>, Vec<OutsideCard>) =
        all.into_iter().partition(|card| card.id == ItemId::Client || card.active);
    if shown.len() == 1 && !idle.is_empty() {
        let mut folded = idle[0].clone();
        folded.title = Label::Said(msg!("stage.notUsed", count = idle.len()));
        folded.detail = Label::Plain(String::new());
        shown.push(folded);
    }
    let first = 182.0;
    let others = (shown.len() - 1).max(1) as f64;
    let wide = (width - 24.0 - first - 12.0 - 6.0 * (others - 1.0)) / others;
    for (index, card) in shown.iter_mut().enumerate() {
        let x = if index == 0 { 12.0 } else { 12.0 + first + 12.0 + (index as f64 - 1.0) * (wide + 6.0) };
        card.rect = Rect::new(x, 8.0, if index == 0 { first } else { wide }, 42.0);
        card.narrow = index > 0 && wide < 160.0;
    }
    shown
}
