//! A recorded request in words: its events become hops.
//!
//! Rules that a packet met are gathered and become a few hops: not one a chain, but one for each thing that was decided.

mod rules;

use super::exchange::template_fields;
use super::story::{Event, HopExt, hop};
use super::{DataPlane, Recording, advice};
use crate::api::{Kind, ObjectRef};
use crate::cluster::Cluster;
use crate::msg;
use crate::node::environment::unknown_caller;
use crate::node::images::Listener;
use crate::packet::{Flow, Protocol};
use crate::trace::{Advice, FieldRef, Hop, Place, Reason, Request, Trace, Verdict};
use crate::words::Message;
use std::sync::Arc;

impl DataPlane {
    /// A recorded request in words. The data plane must be the one that recorded it.
    pub fn tell(&self, cluster: &Cluster, request: &Request, recording: Recording) -> Trace {
        let pod = recording.outcome.pod.filter(|_| recording.calls.as_ref().is_some_and(Vec::is_empty));
        let mut trace = self.told(cluster, request, recording);
        let served = trace.verdict == Verdict::Delivered && trace.status.is_some();
        let environment = pod.filter(|_| served).and_then(|pod| self.caches.environments.get(&pod));
        // Said of the Pod that takes the request, once: a graph of calls is full of ends of which as little is known.
        if let (Some(guest), true) =
            (pod.and_then(|pod| self.world.pods.get(pod)), environment.is_some_and(|own| own.is_silent()))
            && let Some(image) = unknown_caller(&guest.pod)
        {
            trace.assumptions.push(msg!("assume.callsUnknown", pod = guest.pod.metadata.name, image = image));
        }
        trace
    }

    fn told(&self, cluster: &Cluster, request: &Request, recording: Recording) -> Trace {
        let Recording { outcome, story, calls } = recording;
        let mut telling = Telling { plane: self, cluster, hops: Vec::new(), assumptions: Vec::new() };
        telling.events(&story.events);
        telling.name_coredns();
        let (hops, assumptions) = (telling.hops, telling.assumptions);
        let mut trace = Trace {
            request: request.clone(),
            verdict: outcome.verdict,
            status: outcome.status,
            pod: outcome.pod.and_then(|pod| self.pod_name(pod)),
            pod_ip: outcome.pod_ip,
            port: outcome.port,
            node: outcome.node.and_then(|node| self.world.nodes.get(node)).map(|node| node.name.clone()),
            source_seen_by_pod: outcome.source_seen,
            dns: outcome.dns.map(Arc::unwrap_or_clone),
            hops,
            assumptions,
            calls: Vec::new(),
            advice: None,
        };
        trace.assumptions.extend(super::unplayed::notes(cluster, &trace));
        trace.advice = advice::advise(cluster, &trace, outcome.reason);
        let guest = outcome.pod.and_then(|pod| self.world.pods.get(pod));
        let (Some(pod), Some(guest), Some(calls)) = (outcome.pod, guest, calls) else { return trace };
        let Some(environment) = self.caches.environments.get(&pod) else { return trace };
        let name = &guest.pod.metadata.name;
        for call in &environment.late {
            trace.assumptions.push(msg!("assume.lateService", variable = call.variable, target = call.target, pod = name));
        }
        trace.assumptions.extend(environment.stale.iter().map(|stale| stale.why.clone()));
        trace.assumptions.extend(environment.unfilled.iter().cloned());
        trace.assumptions.extend(environment.nameless.iter().map(|own| own.why(name)));
        if let Some(rest) = environment.calls.get(calls.len()..).filter(|rest| !rest.is_empty()) {
            let targets = rest.iter().map(|call| call.target.as_str()).collect::<Vec<_>>().join(", ");
            trace.assumptions.push(msg!("assume.callsCut", pod = name, targets = targets));
        }
        for (index, (call, recording)) in environment.calls.iter().zip(calls).enumerate() {
            let inner = super::inner_request(guest, call, request, index);
            let mut inner = self.told(cluster, &inner, recording);
            inner.assumptions.insert(0, call.reason(name));
            let stale = environment.stale.iter().find(|stale| stale.field == call.field && stale.variable == call.variable);
            if let Some(stale) = stale.filter(|_| !inner.arrived()) {
                let because = vec![FieldRef { object: ObjectRef::of(guest.pod.as_ref()), path: stale.field.clone() }];
                inner.advice = Some(Advice { why: stale.why.clone(), next: stale.next.clone(), because });
            }
            trace.calls.push(inner);
        }
        if trace.advice.is_none() {
            trace.advice = advice::of_calls(&trace);
        }
        answers_nevertheless(&mut trace);
        trace
    }

    fn listener(&self, pod: usize, listener: usize) -> Option<&Listener> {
        Some(&self.caches.listeners.get(pod)?.as_ref()?.get(listener)?.listener)
    }
}

/// What a program answers when its own call failed cannot be known.
fn answers_nevertheless(trace: &mut Trace) {
    let failed = trace.calls.iter().find(|call| !call.arrived()).map(|call| call.request.target.clone());
    let (Some(target), Some((_, pod)), Some(status)) = (failed, trace.pod.clone(), trace.status) else { return };
    let answer = trace.hops.iter_mut().rfind(|hop| hop.reason == Reason::ProcessAnswers);
    let Some(hop) = answer.filter(|hop| hop.text.id == "hop.ProcessAnswers.text.http") else { return };
    hop.text.id = "hop.ProcessAnswers.text.http.callFailed".into();
    hop.text.args.insert("target".into(), target.clone());
    trace.assumptions.push(msg!("assume.callFailed", pod = pod, target = target, status = status));
}

/// One request being put into words.
struct Telling<'a> {
    plane: &'a DataPlane,
    cluster: &'a Cluster,
    hops: Vec<Hop>,
    assumptions: Vec<Message>,
}

impl<'a> Telling<'a> {
    fn events(&mut self, events: &[Event]) {
        let mut events = events.iter();
        while let Some(event) = events.next() {
            match event {
                Event::Hook(hook) => self.hook(hook),
                Event::Lookup { named, by, way } => {
                    let (way, after) = events.as_slice().split_at_checked(*way).unwrap_or_default();
                    self.lookup(named.asked(&self.plane.world, *by), way);
                    events = after.iter();
                }
                Event::LookupAnswer { named, ip } => self.hops.push(named.answered(*ip)),
                Event::Hop(hop) => self.hops.push(hop.as_ref().clone()),
                Event::Assume(assumption) => self.assume(assumption),
                Event::Listener { pod, listener } => {
                    let listener = self.plane.listener(*pod, *listener);
                    if let Some(assumption) = listener.and_then(|listener| listener.basis.assumption()) {
                        self.assume(assumption);
                    }
                }
                Event::Send { from, for_pod, protocol, flow } => {
                    let (at, objects) = self.plane.world.place_of(*from);
                    let objects = if *for_pod { Vec::new() } else { objects };
                    let text = match protocol {
                        Protocol::Udp => msg!("hop.Send.text.udp", from = flow.src.ip, to = flow.dst),
                        Protocol::Icmp => msg!("hop.Send.text.ping", from = flow.src.ip, to = flow.dst),
                        _ => msg!("hop.Send.text", from = flow.src.ip, to = flow.dst),
                    };
                    self.hops.push(hop(at, Reason::Send, text).flow(*flow, *flow).about(objects));
                }
                Event::Arrive { node, flow, again } => {
                    let name = self.node(*node);
                    let text = match again {
                        true => msg!("hop.Arrive.text.again", node = name, to = flow.dst),
                        false => msg!("hop.Arrive.text", node = name, to = flow.dst),
                    };
                    let arrived = hop(Place::Node(name.into()), Reason::Arrive, text).flow(*flow, *flow);
                    self.hops.push(arrived.about(vec![ObjectRef::new(Kind::Node, "", name)]));
                }
                Event::Route { from, to, flow } => self.route(*from, *to, *flow),
                Event::UndoNat { node, before, after } => self.undo_nat(*node, *before, *after),
                Event::PodArrive { pod, flow } => self.pod_arrives(*pod, *flow),
                Event::ProcessAnswers { .. } => self.process_answers(event),
                Event::Reply { to, called, status } => {
                    let (at, objects) = self.plane.world.place_of(*to);
                    let flow = called.reversed();
                    let text = match status {
                        Some(status) => msg!("hop.Reply.text.status", status = status, from = flow.src),
                        None if self.hops.iter().any(|hop| hop.text.id == "hop.ProcessAnswers.text.noTls") => {
                            msg!("hop.Reply.text.noTls", from = flow.src)
                        }
                        None => msg!("hop.Reply.text", from = flow.src),
                    };
                    self.hops.push(hop(at, Reason::Reply, text).flow(flow, flow).about(objects).back());
                }
            }
        }
    }

    /// The way of a question to DNS becomes one hop: where it went, and by which rules.
    fn lookup(&mut self, mut hop: Hop, asked: &[Event]) {
        let (hops, assumptions) = (self.hops.len(), self.assumptions.len());
        self.events(asked);
        let mut way = self.hops.split_off(hops);
        self.assumptions.truncate(assumptions);
        way.retain(|hop| !hop.reply);
        hop.before = way.iter().find_map(|step| step.before);
        hop.after = way.last().and_then(|step| step.after);
        hop.rules = way.into_iter().flat_map(|step| step.rules).collect();
        self.hops.push(hop);
    }

    /// What CoreDNS says, or does not say, is about the Pod that the question was sent on to, where the rules let it through to one.
    fn name_coredns(&mut self) {
        let mut asked = None;
        for hop in &mut self.hops {
            match hop.at {
                Place::Coredns => hop.objects.extend(asked.clone()),
                _ if hop.reason == Reason::Lookup => {
                    let ip = hop.after.map(|flow| flow.dst.ip);
                    let guest = self.plane.world.pods.iter().find(|guest| Some(guest.ip) == ip);
                    asked = guest.map(|guest| ObjectRef::of(guest.pod.as_ref()));
                }
                _ => {}
            }
        }
    }

    fn assume(&mut self, assumption: &Message) {
        if !self.assumptions.contains(assumption) {
            self.assumptions.push(assumption.clone());
        }
    }

    fn node(&self, node: usize) -> &'a str {
        let plane: &'a DataPlane = self.plane;
        plane.world.nodes.get(node).map_or("", |node| node.name.as_str())
    }

    fn route(&mut self, node: usize, to: usize, flow: Flow) {
        let (from, other) = (self.node(node), self.node(to));
        // Where Pods have addresses outside their node's range (a CNI plugin's own choice, in a dump), the route is the address's.
        let own = self.plane.world.nodes.get(to).and_then(|node| node.pod_range).filter(|range| range.contains(flow.dst.ip));
        let range = own.map_or_else(|| flow.dst.ip.to_string(), |range| range.to_string());
        let text = if node == to && own.is_none() {
            let here = self.plane.world.nodes.get(node).map(|here| here.ip);
            if here == Some(flow.src.ip) {
                self.assume(&msg!("assume.noBridge", node = from, ip = flow.dst.ip, own = flow.src.ip));
            }
            msg!("hop.Route.text.direct", node = from, ip = flow.dst.ip)
        } else if node == to {
            msg!("hop.Route.text.local", node = from, to = other, ip = flow.dst.ip, range = range)
        } else {
            msg!("hop.Route.text", node = from, to = other, ip = flow.dst.ip, range = range)
        };
        self.hops.push(hop(Place::Cni(from.into()), Reason::Route, text).flow(flow, flow));
    }

    fn undo_nat(&mut self, node: usize, flow: Flow, after: Flow) {
        let name = self.node(node);
        let text = match (after.src != flow.src, after.dst != flow.dst) {
            (true, true) => msg!("hop.UndoNat.text", node = name, from = after.src, to = after.dst),
            (true, false) => msg!("hop.UndoNat.text.source", node = name, from = after.src),
            _ => msg!("hop.UndoNat.text.destination", node = name, to = after.dst),
        };
        self.hops.push(hop(Place::KubeProxy(name.into()), Reason::UndoNat, text).flow(flow, after).back());
    }

    fn pod_arrives(&mut self, pod: usize, flow: Flow) {
        let Some(guest) = self.plane.world.pods.get(pod) else { return };
        let (place, objects) = self.plane.world.place_of(super::travel::Spot::Pod(pod));
        let text = msg!("hop.PodArrive.text", pod = guest.pod.metadata.name, source = flow.src.ip, port = flow.dst.port);
        self.hops.push(hop(place, Reason::PodArrive, text).flow(flow, flow).about(objects));
    }

    fn process_answers(&mut self, event: &Event) {
        let Event::ProcessAnswers { pod, listener, flow, status, no_tls } = event else { return };
        let (Some(guest), Some(found)) = (self.plane.world.pods.get(*pod), self.plane.listener(*pod, *listener)) else { return };
        let (name, port) = (&guest.pod.metadata.name, flow.dst.port);
        let text = match status {
            Some(status) => msg!("hop.ProcessAnswers.text.http", pod = name, port = port, status = status),
            None if *no_tls => msg!("hop.ProcessAnswers.text.noTls", pod = name, port = port),
            None if found.protocol == Protocol::Udp => msg!("hop.ProcessAnswers.text.udp", pod = name, port = port),
            None => msg!("hop.ProcessAnswers.text", pod = name, port = port),
        };
        let path = if found.field.is_empty() { "spec.containers".to_string() } else { found.field.clone() };
        let object = ObjectRef::of(guest.pod.as_ref());
        let because = template_fields(self.cluster, FieldRef { object: object.clone(), path });
        let place = self.plane.world.place_of(super::travel::Spot::Pod(*pod)).0;
        self.hops.push(hop(place, Reason::ProcessAnswers, text).flow(*flow, *flow).about(vec![object]).because(because));
        if *no_tls {
            self.assume(&msg!("assume.noTls", pod = name, port = port));
        }
    }
}
