//! What is kept of a request on its way: numbers and addresses in the order of events. Words are made when it is read
//! ([`told`](super::told)), except for the hops of Ingress controllers and failures, which are rare.
//!
//! One code walks whether it is kept or not.

use super::names::Named;
use super::travel::Spot;
use crate::api::ObjectRef;
use crate::netfilter::answers::Answer;
use crate::netfilter::walk::Decision;
use crate::packet::{Flow, Packet, Protocol, Socket};
use crate::trace::{FieldRef, Hop, Place, Reason};
use crate::words::Message;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::Arc;

/// One thing that happened. Nodes, Pods and listeners by number.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// The client sends; `for_pod`: from its node's network.
    Send {
        from: Spot,
        for_pod: bool,
        protocol: Protocol,
        flow: Flow,
    },
    /// `again`: over a connection that is open already.
    Arrive {
        node: usize,
        flow: Flow,
        again: bool,
    },
    Route {
        from: usize,
        to: usize,
        flow: Flow,
    },
    Hook(KernelHop),
    UndoNat {
        node: usize,
        before: Flow,
        after: Flow,
    },
    PodArrive {
        pod: usize,
        flow: Flow,
    },
    /// What is assumed of a Pod's listener.
    Listener {
        pod: usize,
        listener: usize,
    },
    ProcessAnswers {
        pod: usize,
        listener: usize,
        flow: Flow,
        status: Option<u16>,
        no_tls: bool,
    },
    Reply {
        to: Spot,
        called: Flow,
        status: Option<u16>,
    },
    /// A question to DNS, the Pod that answered it, and how many of the following events are the way of its packet: one hop, which
    /// cites the rules of that way.
    Lookup {
        named: Arc<Named>,
        by: Option<usize>,
        way: usize,
    },
    /// The client takes this of the addresses.
    LookupAnswer {
        named: Arc<Named>,
        ip: Ipv4Addr,
    },
    /// A hop in words.
    Hop(Box<Hop>),
    Assume(Message),
}

/// What a hook did to a packet.
#[derive(Clone, Debug)]
pub(super) struct KernelHop {
    pub node: usize,
    pub answer: Arc<Answer>,
    protocol: Protocol,
    pub reply: bool,
    mark: u32,
    flow: Flow,
    /// The source afterwards; what else changed, the answer says.
    source: Socket,
}

impl KernelHop {
    #[inline(always)]
    pub fn new(node: usize, before: Packet, source: Socket, answer: Arc<Answer>, reply: bool) -> KernelHop {
        let Packet { protocol, flow, mark } = before;
        KernelHop { node, answer, protocol, reply, mark, flow, source }
    }

    /// The packet as it came.
    pub fn before(&self) -> Packet {
        Packet { protocol: self.protocol, flow: self.flow, mark: self.mark }
    }

    /// The packet as it went on.
    pub fn after(&self) -> Packet {
        let dst = if let Decision::Dnat(to) = self.answer.decision { to } else { self.flow.dst };
        Packet { flow: Flow { src: self.source, dst }, mark: self.answer.mark, ..self.before() }
    }
}

// Events are noted by the dozen. In WebAssembly up to 32 bytes are moved by plain loads and stores.
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Event>() <= 32);

/// The events of one request, if they are kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Story {
    pub on: bool,
    pub events: Vec<Event>,
    /// How many rules the kernels looked at, whether they are kept or not.
    pub looked_at: u32,
}

impl Story {
    /// Keeps everything.
    pub fn kept() -> Story {
        Story { on: true, events: Vec::with_capacity(32), looked_at: 0 }
    }

    pub fn note(&mut self, event: impl FnOnce() -> Event) {
        if self.on {
            self.events.push(event());
        }
    }

    /// The question that was noted as this event is answered by this Pod or by nobody here; what was noted since is its way.
    pub fn looked_up(&mut self, asked: usize, answered: Option<usize>) {
        let since = self.events.len().saturating_sub(asked + 1);
        if let Some(Event::Lookup { by, way, .. }) = self.events.get_mut(asked) {
            (*by, *way) = (answered, since);
        }
    }

    /// These events come after all that was noted since.
    pub fn put_off(&mut self, these: Range<usize>) {
        if let Some(since) = self.events.get_mut(these.start..).filter(|_| self.on) {
            since.rotate_left(these.len());
        }
    }

    /// One hop in words.
    pub fn hop(&mut self, hop: impl FnOnce() -> Hop) {
        if self.on {
            self.events.push(Event::Hop(Box::new(hop())));
        }
    }

    /// Something that had to be assumed.
    pub fn assume(&mut self, assumption: impl FnOnce() -> Message) {
        if self.on {
            self.events.push(Event::Assume(assumption()));
        }
    }
}

/// A hop with the commonest fields; the others follow by the setters.
pub(super) fn hop(at: Place, reason: Reason, text: Message) -> Hop {
    Hop {
        at,
        reason,
        text,
        objects: Vec::new(),
        because: Vec::new(),
        rules: Vec::new(),
        before: None,
        after: None,
        mark: (0, 0),
        reply: false,
        headers: Vec::new(),
    }
}

/// Adds to a hop, one thing after another.
pub(super) trait HopExt {
    fn flow(self, before: Flow, after: Flow) -> Hop;
    fn ends(self, before: Flow) -> Hop;
    fn about(self, objects: Vec<ObjectRef>) -> Hop;
    fn because(self, fields: Vec<FieldRef>) -> Hop;
    fn back(self) -> Hop;
}

impl HopExt for Hop {
    fn flow(self, before: Flow, after: Flow) -> Hop {
        Hop { before: Some(before), after: Some(after), ..self }
    }
    fn ends(self, before: Flow) -> Hop {
        Hop { before: Some(before), after: None, ..self }
    }
    fn about(self, objects: Vec<ObjectRef>) -> Hop {
        Hop { objects, ..self }
    }
    fn because(self, because: Vec<FieldRef>) -> Hop {
        Hop { because, ..self }
    }
    fn back(self) -> Hop {
        Hop { reply: true, ..self }
    }
}
