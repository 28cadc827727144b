//! The way of a trace over the stage. Each connection is a leg of its own; a reply goes back along the leg of its request.

use super::geometry::{Point, Polyline, Rect, at};
use super::lanes::{Lanes, SENT, Stop};
use super::layout::GAP;
use super::picture::{NodeBox, Picture};
use super::steps::{Machine, Step, deciding, failures, hop, pod_of, steps};
use crate::api::Kind;
use crate::trace::{Hop, Place, Reason, Trace};

/// Where packets go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// Connections in the order in which they are opened.
    pub legs: Vec<Leg>,
    /// One for each step.
    pub stops: Vec<Halt>,
    /// The step at which the outcome is decided: there it is drawn.
    pub decided: usize,
    /// The steps at which calls inside the request failed.
    pub failures: Vec<usize>,
}

/// One connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Leg {
    /// Its way.
    pub line: Polyline,
    /// Where it turns on the spot.
    pub sharp: Vec<Point>,
    /// A question to a DNS server.
    pub lookup: bool,
}

/// Where a step's packet comes to stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Halt {
    /// The leg that it moves on.
    pub leg: usize,
    /// From so far along.
    pub from: f64,
    /// To so far along.
    pub to: f64,
    /// What stands there.
    pub stop: Stop,
    /// Where its number is drawn; none at a diamond.
    pub bead: Option<Point>,
    /// On the way back.
    pub reply: bool,
    /// The destination before and after.
    pub label: (String, String),
}

/// Draws a trace's way over a picture.
pub fn route(picture: &Picture, trace: &Trace) -> Route {
    let steps = steps(trace);
    let mut walk =
        Walk { lanes: Lanes(picture), picture, trace, steps: &steps, legs: Vec::new(), stops: Vec::new(), open: Vec::new() };
    for index in 0..steps.len() {
        walk.take(index);
    }
    let (legs, mut stops) = (walk.legs, walk.stops);
    // The sender's number stands at the first corner of its way, or a little further on where there is none near.
    for halt in stops.iter_mut().filter(|halt| halt.stop == Stop::Client && !halt.reply) {
        if let [start, corner, ..] = legs[halt.leg].line.points() {
            halt.bead = Some(legs[halt.leg].line.point(start.distance(*corner).min(24.0)));
        }
    }
    let decided = deciding(&steps, trace);
    Route { legs, stops, decided, failures: failures(&steps, trace) }
}

struct Walk<'a> {
    lanes: Lanes<'a>,
    picture: &'a Picture,
    trace: &'a Trace,
    steps: &'a [Step],
    legs: Vec<Leg>,
    stops: Vec<Halt>,
    /// Legs whose reply is still to come; the last one is the one in use.
    open: Vec<usize>,
}

impl Walk<'_> {
    fn take(&mut self, index: usize) {
        let Some(hop) = hop(self.trace, &self.steps[index]) else { return };
        let stop = self.stop(index, hop);
        let label = label(hop);
        let found = if hop.reply { self.back(index, hop) } else { None };
        let stop = found.as_ref().map_or(stop, |(_, stop)| stop.clone());
        let (leg, from, to) = match found {
            Some((place, _)) => place,
            None if self.begins(index, hop) => self.begin(&stop, hop),
            None if self.returns(index) => self.go_on_after_calls(index, &stop),
            None => self.go_on(&stop),
        };
        let to = if hop.reply { to } else { self.stay(leg, &stop, hop).unwrap_or(to) };
        let bead = self.bead(&stop).filter(|_| !hop.reply);
        self.stops.push(Halt { leg, from, to, stop, bead, reply: hop.reply, label });
    }

    /// A new connection starts where somebody sends; also after a reply, or in another call.
    fn begins(&self, index: usize, hop: &Hop) -> bool {
        let Some(before) = index.checked_sub(1) else { return true };
        if hop.reason == Reason::ProcessAnswers {
            // Where the packet came in, whatever the Pod called in between.
            return false;
        }
        let replied = self.stops.last().is_some_and(|halt| halt.reply) && !hop.reply;
        let sends = matches!(hop.reason, Reason::Send | Reason::Lookup | Reason::IngressPick);
        sends || replied || self.steps[before].call != self.steps[index].call && !hop.reply
    }

    /// Calls inside are over: the step belongs to the request around them.
    fn returns(&self, index: usize) -> bool {
        index.checked_sub(1).is_some_and(|before| self.steps[before].call.len() > self.steps[index].call.len())
    }

    fn go_on_after_calls(&mut self, index: usize, stop: &Stop) -> (usize, f64, f64) {
        let own = &self.steps[index].call;
        // Its own legs stay, and those of the requests around it, which are still to be answered.
        let around = self.stops.iter().zip(self.steps).filter(|(_, step)| own.starts_with(&step.call));
        let halts: Vec<usize> = around.map(|(halt, _)| halt.leg).collect();
        self.open.retain(|leg| halts.contains(leg));
        self.go_on(stop)
    }

    fn begin(&mut self, stop: &Stop, hop: &Hop) -> (usize, f64, f64) {
        let here = match stop {
            // A node that sends is no packet's way in: its number stands in it, and the way begins there.
            Stop::Entry(_) => self.bead(stop),
            _ => self.lanes.point(stop).or_else(|| self.here()),
        };
        let mut line = Polyline::from(here.unwrap_or_default());
        if let (Stop::Client, Some(here)) = (stop, here) {
            line.to(at(here.x, here.y + SENT));
        }
        let sharp = Vec::new();
        let lookup = matches!(hop.reason, Reason::Lookup | Reason::LookupAnswer);
        let reached = line.length();
        self.legs.push(Leg { line, sharp, lookup });
        self.open.push(self.legs.len() - 1);
        (self.legs.len() - 1, reached, reached)
    }

    fn go_on(&mut self, stop: &Stop) -> (usize, f64, f64) {
        let Some(index) = self.open.last().copied() else { return (0, 0.0, 0.0) };
        let last = self.stops.iter().rev().find(|halt| halt.leg == index).map(|halt| halt.stop.clone());
        let leg = &mut self.legs[index];
        let from = leg.line.length();
        if let Some(last) = last {
            self.lanes.lead(&mut leg.line, &last, stop);
        }
        if let Stop::Rules(_, point) = stop {
            leg.sharp.push(*point);
        }
        (index, from, leg.line.length())
    }

    /// A packet that a node takes itself goes as far as into it.
    fn stay(&mut self, leg: usize, stop: &Stop, hop: &Hop) -> Option<f64> {
        let Stop::Entry(node) = stop else { return None };
        if self.picture.transposed || hop.reason == Reason::Arrive {
            return None;
        }
        let (inside, leg) = (self.lanes.inside(node)?, self.legs.get_mut(leg)?);
        leg.line.to(inside);
        Some(leg.line.length())
    }

    /// Back along an open leg to where the request was on the same machine; legs that are left behind are closed.
    fn back(&mut self, index: usize, hop: &Hop) -> Option<((usize, f64, f64), Stop)> {
        let here = &self.steps[index].machine;
        for depth in (0..self.open.len()).rev() {
            let leg = self.open[depth];
            let now = self.stops.last().filter(|halt| halt.leg == leg).map_or(self.legs[leg].line.length(), |halt| halt.to);
            let forward = self.stops.iter().zip(self.steps).filter(|(halt, _)| halt.leg == leg && !halt.reply);
            let same = forward.filter(|(halt, step)| {
                let left = matches!((&halt.stop, &hop.at), (Stop::Leave(left) | Stop::Plate(left), Place::KubeProxy(node)) if left == node);
                (left || step.machine == *here) && halt.to <= now + 0.01 && !matches!(halt.stop, Stop::Exit(_))
            });
            // On a machine, the first stop is its door; its kernel undoes what it did at the diamond, or else on the way out.
            let kernel = matches!(hop.at, Place::KubeProxy(_));
            let rank = |halt: &Halt| match halt.stop {
                _ if !kernel => 0,
                Stop::Rules(..) => 0,
                Stop::Leave(_) => 1,
                Stop::Plate(_) => 2,
                _ => 3,
            };
            let target = same.map(|(halt, _)| (rank(halt), halt)).filter(|(rank, _)| *rank < 3).min_by_key(|(rank, _)| *rank);
            if let Some((target, stop)) = target.map(|(_, halt)| (halt.to, halt.stop.clone())) {
                self.open.truncate(depth + 1);
                return Some(((leg, now, target), stop));
            }
        }
        None
    }

    fn here(&self) -> Option<Point> {
        let halt = self.stops.last()?;
        Some(self.legs.get(halt.leg)?.line.point(halt.to))
    }

    fn stop(&self, index: usize, hop: &Hop) -> Stop {
        let sends = matches!(hop.reason, Reason::Send | Reason::Lookup | Reason::IngressPick);
        let ends = matches!(hop.reason, Reason::NoRoute | Reason::NoNeighbour | Reason::Drop | Reason::NodeDown);
        match &hop.at {
            Place::Internet if hop.reason == Reason::Lookup => Stop::Asking,
            Place::Internet if ends => self.nowhere(),
            Place::Internet => match (&self.steps[index].machine, self.last_node()) {
                (Machine::Gateway, Some(node)) => Stop::Gateway(node),
                (Machine::Edge, _) => edge(hop),
                _ => Stop::Client,
            },
            Place::PublicDns => Stop::PublicDns,
            Place::Coredns => match pod_of(hop) {
                Some((namespace, name)) => Stop::PodIn(namespace, name),
                None => self.refused_question(index, hop),
            },
            Place::LoadBalancer(..) => Stop::Balancer,
            Place::Node(node) if hop.reason == Reason::NodeDown || hop.reason == Reason::NoNeighbour => self.dead(node),
            Place::Node(node) => Stop::Entry(node.clone()),
            Place::KubeProxy(node) => match hop.reason {
                Reason::Masquerade => Stop::Exit(node.clone()),
                Reason::Arrive => Stop::Entry(node.clone()),
                Reason::NoRule => Stop::Plate(node.clone()),
                _ => self.rules(index, node),
            },
            Place::Cni(node) if hop.reason == Reason::Egress => Stop::Leave(node.clone()),
            // A hostPort's rules stand in the node's kernel, beside kube-proxy's.
            Place::Cni(node) if matches!(hop.reason, Reason::Dnat | Reason::Masquerade) => Stop::Plate(node.clone()),
            Place::Cni(node) => self.bus(index, node),
            Place::Pod(namespace, name) | Place::IngressController(namespace, name) if sends => {
                Stop::PodOut(namespace.clone(), name.clone())
            }
            Place::Pod(namespace, name) | Place::IngressController(namespace, name) => {
                Stop::PodIn(namespace.clone(), name.clone())
            }
            Place::Outside(name) => Stop::Server(name.clone()),
        }
    }

    /// The node that the packet is on, or that it left.
    fn last_node(&self) -> Option<String> {
        self.stops.iter().rev().find_map(|halt| self.lanes.node_of(&halt.stop))
    }

    /// A dead end on the wire: beside the client, or beside where the packet left the cluster.
    fn nowhere(&self) -> Stop {
        let left = self.stops.last().and_then(|halt| self.lanes.node_of(&halt.stop));
        let gate = left.and_then(|node| self.lanes.point(&Stop::Gateway(node)));
        let (beside, end) = (if gate.is_some() { 60.0 } else { 96.0 }, self.picture.size.width - 24.0);
        let from = gate.or_else(|| self.lanes.point(&Stop::Client)).unwrap_or_default().x;
        let wire = self.picture.wires[usize::from(!self.picture.transposed)];
        Stop::Nowhere(at(if from + beside > end { from - beside } else { from + beside }, wire))
    }

    fn dead(&self, node: &str) -> Stop {
        match self.stops.last().map(|halt| &halt.stop) {
            Some(Stop::Exit(_) | Stop::Bus(..) | Stop::Rules(..)) => {
                Stop::Bus(node.to_string(), self.lanes.spine(node).unwrap_or_default())
            }
            _ => Stop::Door(node.to_string()),
        }
    }

    /// The diamond of the Service whose rules are read: the hop names it, or one before or after it does.
    fn rules(&self, index: usize, node: &str) -> Stop {
        let service = |index: usize| {
            let hop = hop(self.trace, self.steps.get(index)?)?;
            let same = matches!(&hop.at, Place::KubeProxy(other) if other == node) && hop.reason != Reason::NoRule;
            let named = hop.objects.iter().find(|object| object.kind == Kind::Service)?;
            let key = (named.namespace.clone(), named.name.clone());
            self.picture.gate(node, &key).filter(|_| same)
        };
        let before = (0..=index).rev().take_while(|other| self.steps[*other].machine == self.steps[index].machine);
        let after = (index..self.steps.len()).take_while(|other| self.steps[*other].machine == self.steps[index].machine);
        let gate = before.chain(after).find_map(service);
        gate.map_or_else(|| Stop::Plate(node.to_string()), |gate| Stop::Rules(node.to_string(), gate))
    }

    /// Half way to the node that the packet goes to; on the same node, where its Pods hang.
    fn bus(&self, index: usize, node: &str) -> Stop {
        let from = self.stops.last().and_then(|halt| self.lanes.joins(&halt.stop));
        let next = self.steps[index + 1..].iter().find_map(|step| match &step.machine {
            Machine::Pod(namespace, name) => self.picture.pod(namespace, name).map(|pod| pod.node.clone()),
            Machine::Kernel(other) | Machine::Nobody(other) => Some(other.clone()),
            _ => None,
        });
        let target =
            next.as_deref().and_then(|next| self.lanes.spine(next)).or_else(|| self.lanes.spine(node)).unwrap_or_default();
        let along = match (from, next.as_deref() == Some(node)) {
            (Some(from), false) => self.between((from + target) / 2.0, from < target, [Some(node), next.as_deref()]),
            _ => target,
        };
        Stop::Bus(node.to_string(), along)
    }

    /// That far along the Pod network's line, or where the next machine's part of it begins: not at a machine that has no part in this.
    fn between(&self, along: f64, forward: bool, own: [Option<&str>; 2]) -> f64 {
        let passed = |node: &&NodeBox| !own.contains(&Some(node.name.as_str())) || !node.stack.is_empty();
        let sides = |rect: Rect| if self.picture.transposed { (rect.y, rect.bottom()) } else { (rect.x, rect.right()) };
        let mut machines = self.picture.nodes.iter().filter(passed).map(|node| sides(node.rect));
        match machines.find(|(start, end)| (*start..=*end).contains(&along)) {
            Some((_, end)) if forward => end + GAP / 2.0,
            Some((start, _)) => start - GAP / 2.0,
            None => along,
        }
    }

    /// A question that no CoreDNS Pod got: the rules of the asker's own node refuse it, or send it where nobody is.
    fn refused_question(&self, index: usize, hop: &Hop) -> Stop {
        let asker = self.steps[..index].iter().rev().find_map(|step| match &step.machine {
            Machine::Pod(namespace, name) => self.picture.pod(namespace, name).map(|pod| pod.node.clone()),
            Machine::Kernel(node) => Some(node.clone()),
            _ => None,
        });
        let Some(node) = asker else { return Stop::PublicDns };
        // Its rules sent the question on, to an address that nobody has, or whose node is without power.
        if hop.text.args.contains_key("ip") {
            let spine = self.lanes.spine(&node).unwrap_or_default();
            return Stop::Bus(node, spine);
        }
        let service = hop.objects.iter().find(|object| object.kind == Kind::Service);
        let gate = service.and_then(|service| self.picture.gate(&node, &(service.namespace.clone(), service.name.clone())));
        gate.map_or_else(|| self.rules(index, &node), |gate| Stop::Rules(node.clone(), gate))
    }

    fn bead(&self, stop: &Stop) -> Option<Point> {
        let point = self.lanes.point(stop)?;
        Some(match stop {
            Stop::Rules(..) => return None,
            Stop::Entry(node) if !self.picture.transposed => self.lanes.inside(node)?,
            Stop::Asking => at(point.x + 7.0, point.y),
            Stop::PodIn(namespace, name) => {
                let rect = self.picture.pod(namespace, name)?.rect;
                at(rect.right() - 4.0, rect.y)
            }
            _ => point,
        })
    }
}

/// Above the node whose address outside the edge rewrites.
fn edge(hop: &Hop) -> Stop {
    let node = hop.objects.iter().find(|object| object.kind == Kind::Node);
    node.map_or(Stop::Client, |node| Stop::Edge(node.name.clone()))
}

/// What the packet's label says before and after a hop: its destination, or what a DNS server is asked and answers.
fn label(hop: &Hop) -> (String, String) {
    let told = |name: &str| hop.text.args.get(name).cloned().unwrap_or_default();
    let words = match hop.reason {
        Reason::Lookup => format!("{}?", told("name")),
        Reason::LookupAnswer => told("ip"),
        _ => return (destination(hop.before.or(hop.after)), destination(hop.after.or(hop.before))),
    };
    (words.clone(), words)
}

fn destination(flow: Option<crate::packet::Flow>) -> String {
    flow.map(|flow| flow.dst.to_string()).unwrap_or_default()
}

/// The way of another request of the same kind that ended at that Pod: as the drawn one went, up to where the Pod was picked.
/// Without a Pod it ends where the drawn one was decided.
pub fn spread(picture: &Picture, route: &Route, pod: Option<&(String, String)>) -> Polyline {
    let forward: Vec<&Halt> = route.stops.iter().filter(|halt| !halt.reply).collect();
    let Some(last) = forward.iter().rposition(|halt| !matches!(halt.stop, Stop::Bus(..) | Stop::PodIn(..) | Stop::Exit(_)))
    else {
        return Polyline::default();
    };
    let picked = forward[last];
    let mut line = Polyline::default();
    for halt in &forward[..=last] {
        let leg = &route.legs[halt.leg].line;
        for point in leg.first(halt.to).points() {
            if !line.points().contains(point) {
                line.to(*point);
            }
        }
    }
    if let Some((namespace, name)) = pod {
        let lanes = Lanes(picture);
        let to = Stop::PodIn(namespace.clone(), name.clone());
        match lanes.point(&to) {
            Some(_) => lanes.lead(&mut line, &picked.stop, &to),
            // A Pod without a mark of its own: its node's share of the Pod network is as near as it gets.
            None => lanes.lead(&mut line, &picked.stop, &Stop::Exit(lanes.node_of(&picked.stop).unwrap_or_default())),
        }
    }
    line
}
