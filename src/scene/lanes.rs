//! Where packets run between two places. In a column: in along its centre, out to the right of it, up (a Pod as client) to the left
//! of it, down to the Pods along the spine at its left edge, and out of the cluster along its right edge, past the diamonds and the
//! open ports. Lines turn at right angles only.

use super::ItemId;
use super::geometry::{Point, Polyline, at};
use super::picture::{NodeBox, Picture};

/// How far the lanes out and up are from a column's centre.
const LANE: f64 = 46.0;
/// How far a way keeps from a diamond that it passes.
const ASIDE: f64 = 17.0;
/// A packet that was just sent stands a little way from its sender.
pub(super) const SENT: f64 = 14.0;
/// How far from a column's right edge, or from a row's bottom, packets leave the cluster.
const OUT: f64 = 6.0;
/// On a transposed stage, the column at the left edge in which they go up.
const OUT_LANE: f64 = 10.0;

/// A place where a packet can stand.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// The client outside, sending or answered.
    Client,
    /// The client, asking a DNS server beside it.
    Asking,
    /// The DNS outside.
    PublicDns,
    /// A load balancer.
    Balancer,
    /// A server outside, by name.
    Server(String),
    /// On a wire outside that leads nowhere.
    Nowhere(Point),
    /// The gateway, above the node that a packet left.
    Gateway(String),
    /// The cloud's edge, above the node that a packet enters.
    Edge(String),
    /// Before a node that does not answer.
    Door(String),
    /// A node, before its rules.
    Entry(String),
    /// Where a node's kernel decides: a diamond, or its plate.
    Rules(String, Point),
    /// A node's kernel, where no rule says anything about the packet: no diamond, but the plate.
    Plate(String),
    /// A node, behind its rules.
    Exit(String),
    /// A node, on the way out of the cluster.
    Leave(String),
    /// The Pod network: from this node on, so far along its line.
    Bus(String, f64),
    /// A Pod that is called: namespace, name.
    PodIn(String, String),
    /// A Pod that calls.
    PodOut(String, String),
}

impl Stop {
    fn is_outside(&self) -> bool {
        let client = matches!(self, Stop::Client | Stop::Asking | Stop::PublicDns | Stop::Nowhere(_));
        client || matches!(self, Stop::Balancer | Stop::Server(_) | Stop::Gateway(_) | Stop::Edge(_))
    }
}

/// The lanes of a picture.
pub struct Lanes<'a>(pub &'a Picture);

impl Lanes<'_> {
    /// Where a stop is.
    pub fn point(&self, stop: &Stop) -> Option<Point> {
        let card = |id: &ItemId| self.0.card(id).or(self.0.outside.first()).map(|card| card.rect);
        let upright = self.0.transposed;
        Some(match stop {
            Stop::Client if upright => at(self.0.wires[1], card(&ItemId::Client)?.bottom()),
            Stop::Client => at(card(&ItemId::Client)?.centre().x, card(&ItemId::Client)?.bottom()),
            Stop::Asking => at(card(&ItemId::Client)?.right(), card(&ItemId::Client)?.centre().y),
            Stop::PublicDns => at(card(&ItemId::PublicDns)?.x, card(&ItemId::PublicDns)?.centre().y),
            Stop::Balancer => at(card(&ItemId::LoadBalancer)?.centre().x - 24.0, card(&ItemId::LoadBalancer)?.bottom()),
            Stop::Server(name) => {
                let rect = card(&ItemId::Server(name.clone()))?;
                at(rect.centre().x, rect.bottom())
            }
            Stop::Nowhere(point) => *point,
            Stop::Gateway(_) if upright => at(OUT_LANE, self.0.boundary + 16.0),
            Stop::Gateway(node) => at(self.out(self.node(node)?), self.0.boundary),
            Stop::Edge(_) if upright => at(self.0.wires[1], self.0.boundary + 16.0),
            Stop::Edge(node) => at(self.node(node)?.axis, self.0.wires[1]),
            Stop::Door(node) if upright => at(self.node(node)?.axis, self.node(node)?.rect.y - 22.0),
            // Over the port, whose number stays to be read.
            Stop::Door(node) => at(self.node(node)?.axis, self.node(node)?.rect.y - 23.0),
            Stop::Entry(node) if upright => at(self.node(node)?.axis, self.node(node)?.rect.centre().y - 8.0),
            Stop::Entry(node) => at(self.node(node)?.axis, self.0.wires[1] + 8.0),
            Stop::Rules(_, point) => *point,
            Stop::Plate(node) if upright => at(self.node(node)?.axis, self.out(self.node(node)?)),
            Stop::Plate(node) => at(self.node(node)?.axis, self.node(node)?.plate.bottom() - 5.0),
            Stop::Leave(node) if upright => at(self.node(node)?.rect.x + 24.0, self.out(self.node(node)?)),
            Stop::Leave(node) => at(self.out(self.node(node)?), self.node(node)?.plate.y + 16.0),
            Stop::Exit(node) if upright => at(self.0.bus_at - 15.0, self.node(node)?.rect.centre().y),
            Stop::Exit(node) => at(self.exit(self.node(node)?), self.node(node)?.plate.bottom() + 4.0),
            Stop::Bus(_, along) if upright => at(self.0.bus_at, *along),
            Stop::Bus(_, along) => at(*along, self.0.bus_at),
            Stop::PodIn(namespace, name) => {
                let pod = self.0.pod(namespace, name)?;
                at(if pod.host { pod.rect.right() } else { pod.rect.x }, pod.rect.centre().y)
            }
            Stop::PodOut(namespace, name) => self.pod(namespace, name).map(|rect| at(rect.right(), rect.centre().y))?,
        })
    }

    /// Where a packet stands in a node, above its rules.
    pub fn inside(&self, node: &str) -> Option<Point> {
        let node = self.node(node)?;
        Some(at(node.axis, (node.rect.y + node.plate.y) / 2.0 + 9.0))
    }

    /// Where the Pod network's line is left for a node: its spine.
    pub fn spine(&self, node: &str) -> Option<f64> {
        let node = self.node(node)?;
        Some(if self.0.transposed { node.rect.centre().y } else { node.rect.x + 14.0 })
    }

    /// Where a packet joins the Pod network's line from a node: behind its rules, or from a Pod's own lane.
    pub fn joins(&self, from: &Stop) -> Option<f64> {
        let node = self.node_of(from)?;
        let node = self.node(&node)?;
        Some(match (self.0.transposed, from) {
            (true, Stop::PodOut(..)) => node.rect.bottom() - 5.0,
            // As it came: a Pod's packets pass its plug both ways, and never its card.
            (true, Stop::PodIn(..)) if self.host(from).is_none() => self.point(from)?.y,
            (false, Stop::PodIn(..)) if self.host(from).is_none() => node.rect.x + 14.0,
            (true, _) => node.rect.centre().y,
            (false, Stop::PodOut(..) | Stop::Entry(_)) => node.rect.right() - 6.0,
            (false, Stop::Bus(_, along)) => *along,
            (false, _) => self.exit(node),
        })
    }

    /// The node of a stop.
    pub fn node_of(&self, stop: &Stop) -> Option<String> {
        match stop {
            Stop::Door(node) | Stop::Entry(node) | Stop::Rules(node, _) | Stop::Plate(node) => Some(node.clone()),
            Stop::Exit(node) | Stop::Leave(node) | Stop::Bus(node, _) => Some(node.clone()),
            Stop::Gateway(node) | Stop::Edge(node) => Some(node.clone()),
            Stop::PodIn(namespace, name) | Stop::PodOut(namespace, name) => {
                self.0.pod(namespace, name).map(|pod| pod.node.clone())
            }
            _ => None,
        }
    }

    /// Leads a line from one stop to the next.
    pub fn lead(&self, line: &mut Polyline, from: &Stop, to: &Stop) {
        let end = match to {
            Stop::Entry(node) if !self.0.transposed && !from.is_outside() => self.inside(node),
            _ => self.point(to),
        };
        let Some(end) = end else { return };
        if self.point(from) == Some(end) {
            return;
        }
        let Some(start) = line.points().last().copied().or(self.point(from)) else { return };
        let mut way = Polyline::from(start);
        let leaves = matches!(to, Stop::Leave(_)) || !from.is_outside() && to.is_outside();
        if leaves {
            self.lead_out(&mut way, from, to, end);
        } else if from.is_outside() || matches!(to, Stop::Door(_)) && !matches!(from, Stop::Bus(..)) {
            self.lead_outside(&mut way, from, to, end);
        } else if self.same_kernel(from, to) {
            self.lead_inside(&mut way, from, to, end);
        } else {
            self.lead_bus(&mut way, from, to, end);
        }
        way.to(end);
        for pair in way.points().windows(2) {
            self.around(line, pair[0], pair[1]);
        }
    }

    /// Goes straight on, but beside the diamonds of Services that have no part in it: a packet turns only where it is looked at.
    fn around(&self, line: &mut Polyline, from: Point, to: Point) {
        let level = (from.y - to.y).abs() < 0.5;
        let along = |point: Point| if level { point.x } else { point.y };
        let aside = |point: Point| if level { point.y } else { point.x };
        let turn = |along: f64, by: f64| if level { at(along, from.y - by) } else { at(from.x - by, along) };
        let (start, end) = (along(from), along(to));
        let (mut first, mut last) = (f64::INFINITY, f64::NEG_INFINITY);
        for gate in self.0.rails.iter().filter(|rail| rail.full).flat_map(|rail| &rail.gates).map(|gate| gate.at) {
            let between = along(gate) > start.min(end) + 1.0 && along(gate) < start.max(end) - 1.0;
            if between && (aside(gate) - aside(from)).abs() < 1.0 {
                (first, last) = (first.min(along(gate)), last.max(along(gate)));
            }
        }
        if first <= last {
            let forward = start < end;
            let (enter, leave) = if forward { (first - ASIDE, last + ASIDE) } else { (last + ASIDE, first - ASIDE) };
            line.to(turn(enter, 0.0));
            line.to(turn(enter, ASIDE));
            // The next stop may be the very next diamond: it is entered from the side.
            let near = if forward { leave > end - ASIDE } else { leave < end + ASIDE };
            line.to(turn(if near { end } else { leave }, ASIDE));
            if !near {
                line.to(turn(leave, 0.0));
            }
        }
        line.to(to);
    }

    fn same_kernel(&self, from: &Stop, to: &Stop) -> bool {
        let kernel = |stop: &Stop| matches!(stop, Stop::Entry(_) | Stop::Rules(..) | Stop::Plate(_) | Stop::Exit(_));
        self.node_of(from) == self.node_of(to) && kernel(to) && (kernel(from) || matches!(from, Stop::PodOut(..)))
    }

    fn lead_outside(&self, line: &mut Polyline, from: &Stop, to: &Stop, end: Point) {
        let Some(start) = self.point(from) else { return };
        match (from, to) {
            (Stop::Asking, _) | (_, Stop::Asking) => {}
            _ if self.0.transposed => {
                let lane = self.0.wires[if *from == Stop::Balancer { 2 } else { 1 }];
                if to.is_outside() {
                    line.to(at(start.x, self.0.wires[0]));
                    line.to(at(end.x, self.0.wires[0]));
                } else if let (Stop::PodOut(..), Some(node)) = (from, self.node_of(from).and_then(|node| self.node(&node))) {
                    line.to(at(node.rect.right() - 5.0, start.y));
                    line.to(at(node.rect.right() - 5.0, self.out(node)));
                    line.to(at(lane, self.out(node)));
                    self.up_to_row(line, to, lane, end);
                } else {
                    line.to(at(start.x, self.0.wires[0].max(start.y)));
                    line.to(at(lane, self.0.wires[0].max(start.y)));
                    self.up_to_row(line, to, lane, end);
                }
            }
            _ => {
                if *from == Stop::Balancer {
                    line.to(at(start.x + 48.0, start.y));
                }
                let x = if *from == Stop::Balancer { start.x + 48.0 } else { start.x };
                let level = self.0.wires[match (from, to) {
                    (_, Stop::Balancer | Stop::Server(_)) => 0,
                    (Stop::Balancer, _) => 2,
                    _ => 1,
                }];
                line.to(at(x, level));
                line.to(at(end.x, level));
            }
        }
    }

    /// Out of the cluster at the node where the packet is: past its rules, then along its edge, clear of diamonds and open ports.
    fn lead_out(&self, line: &mut Polyline, from: &Stop, to: &Stop, end: Point) {
        let Some(node) = self.node_of(from).and_then(|node| self.node(&node)) else { return };
        let (out, upright) = (self.out(node), self.0.transposed);
        if let (Stop::PodOut(..), Some(plate)) = (from, self.point(&Stop::Plate(node.name.clone()))) {
            self.lead_inside(line, from, &Stop::Plate(node.name.clone()), plate);
            line.to(plate);
        }
        let Some(here) = line.points().last().copied() else { return };
        line.to(if upright { at(here.x, out) } else { at(out, here.y) });
        if matches!(to, Stop::Leave(_)) {
            return;
        }
        if upright {
            line.to(at(OUT_LANE, out));
        }
        if !matches!(to, Stop::Gateway(_)) {
            let level = self.0.wires[usize::from(!upright && !matches!(to, Stop::Balancer | Stop::Server(_)))];
            line.to(at(if upright { OUT_LANE } else { out }, level));
            line.to(at(end.x, level));
        }
    }

    /// On a transposed stage: from a lane at the left into a row, above which the ports stand.
    fn up_to_row(&self, line: &mut Polyline, stop: &Stop, lane: f64, end: Point) {
        let Some(node) = self.node_of(stop).and_then(|node| self.node(&node).cloned()) else { return };
        let gap = node.rect.y - 22.0;
        line.to(at(lane, gap));
        let x = if matches!(stop, Stop::Rules(..)) { node.axis } else { end.x };
        line.to(at(x, gap));
        if matches!(stop, Stop::Rules(..)) {
            line.to(at(x, end.y));
        }
    }

    fn lead_inside(&self, line: &mut Polyline, from: &Stop, to: &Stop, end: Point) {
        // From where the line is: a node that sends stands in its own card, not above it.
        let here = line.points().last().copied();
        let (Some(start), Some(node)) = (here, self.node_of(to).and_then(|node| self.node(&node).cloned())) else { return };
        let upright = self.0.transposed;
        match (from, to) {
            (Stop::PodOut(..), _) if upright => {
                line.to(at(node.rect.right() - 5.0, start.y));
                line.to(at(node.rect.right() - 5.0, self.out(&node)));
                line.to(at(end.x, self.out(&node)));
            }
            // To its own node, and not through it: beside the rules, along the column's edge.
            (Stop::PodOut(..), Stop::Entry(_)) => {
                line.to(at(node.rect.right() - 6.0, start.y));
                line.to(at(node.rect.right() - 6.0, end.y));
            }
            (Stop::PodOut(..), _) => {
                // Over the Pod network's line, then up left of the diamonds: no other lane is met but at right angles.
                let over = self.0.bus_at - 10.0;
                line.to(at(node.rect.right() - 6.0, start.y));
                line.to(at(node.rect.right() - 6.0, over));
                line.to(at(node.axis - LANE, over));
                line.to(at(node.axis - LANE, end.y));
            }
            (_, Stop::Exit(_)) if !upright => line.to(at(end.x, start.y)),
            (Stop::Exit(_), _) if !upright => line.to(at(start.x, end.y)),
            (Stop::Entry(_) | Stop::Plate(_), Stop::Rules(..)) | (Stop::Rules(..), Stop::Plate(_)) if upright => {
                line.to(at(start.x, end.y))
            }
            _ => {}
        }
    }

    fn lead_bus(&self, line: &mut Polyline, from: &Stop, to: &Stop, end: Point) {
        let Some(start) = line.points().last().copied() else { return };
        let along = |line: &mut Polyline, along: f64| {
            line.to(if self.0.transposed { at(self.0.bus_at, along) } else { at(along, self.0.bus_at) });
        };
        let (Some(join), Some(from_node)) = (self.joins(from), self.node_of(from).and_then(|node| self.node(&node).cloned()))
        else {
            return;
        };
        match (self.0.transposed, from) {
            (_, Stop::Bus(..)) => {}
            (true, Stop::PodOut(..)) => {
                line.to(at(from_node.rect.right() - 5.0, start.y));
                line.to(at(from_node.rect.right() - 5.0, join));
            }
            (true, _) => line.to(at(start.x, join)),
            // No rule is read: beside them, along the column's edge.
            (false, Stop::Entry(node)) => {
                let level = self.inside(node).map_or(start.y, |inside| inside.y);
                line.to(at(start.x, level));
                line.to(at(join, level));
            }
            (false, _) => line.to(at(join, start.y)),
        }
        if let Some(host) = self.host(to).filter(|host| host.name == from_node.name && !matches!(from, Stop::Bus(..))) {
            return self.lead_to_host(line, host, end);
        }
        if !matches!(from, Stop::Bus(..)) {
            along(line, join);
        }
        let Some(to_node) = self.node_of(to).and_then(|node| self.node(&node).cloned()) else { return };
        match (self.0.transposed, to) {
            (_, Stop::Bus(..)) => {}
            (upright, Stop::PodIn(..)) if self.host(to).is_some() => {
                along(line, if upright { self.out(&to_node) } else { to_node.rect.right() - OUT });
                self.lead_to_host(line, &to_node, end);
            }
            (true, Stop::PodIn(..)) => along(line, end.y),
            (true, Stop::Plate(_)) => along(line, end.y),
            (true, _) => {
                along(line, to_node.rect.centre().y);
                line.to(at(end.x, to_node.rect.centre().y));
            }
            (false, Stop::PodIn(..)) => {
                along(line, to_node.rect.x + 14.0);
                line.to(at(to_node.rect.x + 14.0, end.y));
            }
            (false, Stop::Rules(..) | Stop::Plate(_) | Stop::Exit(_)) => {
                along(line, to_node.axis - LANE);
                line.to(at(to_node.axis - LANE, end.y));
            }
            // The entry lies above the rules: around them, at the column's left edge.
            (false, _) => {
                along(line, to_node.rect.x + 6.0);
                line.to(at(to_node.rect.x + 6.0, end.y));
            }
        }
    }

    /// The node of a Pod in its node's own network.
    fn host(&self, stop: &Stop) -> Option<&NodeBox> {
        let Stop::PodIn(namespace, name) = stop else { return None };
        let pod = self.0.pod(namespace, name).filter(|pod| pod.host)?;
        self.node(&pod.node)
    }

    /// Inside a node to a Pod that is not on the Pod network: past its line, at the far edge.
    fn lead_to_host(&self, line: &mut Polyline, node: &NodeBox, end: Point) {
        let Some(here) = line.points().last().copied() else { return };
        let edge = node.rect.right() - OUT;
        if self.0.transposed {
            line.to(at(here.x, self.out(node)));
            line.to(at(edge, self.out(node)));
        } else {
            let over = here.y.max(self.0.bus_at - 10.0);
            line.to(at(here.x, over));
            line.to(at(edge, over));
        }
        line.to(at(edge, end.y));
    }

    /// Where packets leave the cluster along a node: the x of its lane; on a transposed stage its y.
    fn out(&self, node: &NodeBox) -> f64 {
        if self.0.transposed { node.rect.bottom() - OUT } else { node.rect.right() - OUT }
    }

    fn exit(&self, node: &NodeBox) -> f64 {
        node.axis + LANE.min(node.rect.width / 2.0 - 16.0)
    }

    fn node(&self, name: &str) -> Option<&NodeBox> {
        self.0.node(name)
    }

    fn pod(&self, namespace: &str, name: &str) -> Option<super::geometry::Rect> {
        self.0.pod(namespace, name).map(|pod| pod.rect)
    }
}
