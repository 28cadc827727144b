//! What is told of a request on its way: nothing when only verdicts count, hops with their rules when it is traced.
//!
//! One code walks for both; a [`Tell`] decides what is kept. Rules that a packet met are gathered and become a few hops: not
//! one a chain, but one for each thing that was decided.

use super::kernel::{Cited, Rules};
use crate::api::{Kind, ObjectRef};
use crate::msg;
use crate::netfilter::walk::{Decision, Recorder};
use crate::netfilter::{Meaning, Origin};
use crate::packet::{Flow, Packet, Protocol};
use crate::trace::{FieldRef, Hop, Place, Reason, RuleRef};
use crate::words::Message;

/// Keeps, or does not keep, what happens.
pub(super) trait Tell: Recorder {
    /// Whether anything is kept; words are only made if so.
    const ON: bool;

    /// One hop.
    fn hop(&mut self, hop: impl FnOnce() -> Hop);

    /// Something that had to be assumed.
    fn assume(&mut self, assumption: impl FnOnce() -> Message);

    /// The rules of one hook, met since the last call, become hops.
    fn hook(&mut self, rules: &Rules, place: impl FnOnce() -> KernelHop);
}

impl Tell for crate::netfilter::walk::Silent {
    const ON: bool = false;
    fn hop(&mut self, _: impl FnOnce() -> Hop) {}
    fn assume(&mut self, _: impl FnOnce() -> Message) {}
    fn hook(&mut self, _: &Rules, _: impl FnOnce() -> KernelHop) {}
}

/// What a hook did to a packet.
#[derive(Clone, Debug)]
pub(super) struct KernelHop {
    pub node: String,
    pub before: Packet,
    pub after: Packet,
    pub decision: Decision,
    pub reply: bool,
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

/// Keeps everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Story {
    pub hops: Vec<Hop>,
    pub assumptions: Vec<Message>,
    /// How many rules the packet's kernels looked at.
    pub looked_at: u32,
    /// Table, rule, matched; of the hook that is being walked.
    steps: Vec<(u32, u32, bool)>,
}

impl Recorder for Story {
    fn rule(&mut self, table: u32, rule: u32, matched: bool) {
        self.steps.push((table, rule, matched));
    }
    fn looked_at(&mut self, rules: u32) {
        self.looked_at += rules;
    }
}

impl Tell for Story {
    const ON: bool = true;

    fn hop(&mut self, hop: impl FnOnce() -> Hop) {
        self.hops.push(hop());
    }

    fn assume(&mut self, assumption: impl FnOnce() -> Message) {
        let assumption = assumption();
        if !self.assumptions.contains(&assumption) {
            self.assumptions.push(assumption);
        }
    }

    fn hook(&mut self, rules: &Rules, place: impl FnOnce() -> KernelHop) {
        let steps = std::mem::take(&mut self.steps);
        if steps.is_empty() {
            return;
        }
        let place = place();
        let mut teller = Teller {
            packet: place.before,
            place: &place,
            cited: Vec::new(),
            marked_for: None,
            missing: None,
            hops: &mut self.hops,
        };
        for (table, rule, matched) in steps {
            let Some(cited) = rules.cite(table, rule, place.decision) else { continue };
            teller.cited.push(cited.rule.clone());
            if matched {
                teller.step(&cited);
            }
        }
        teller.finish();
    }
}

/// The Service of a Service port's name, `default/web:http`.
fn service_of(origin: &Origin) -> Option<ObjectRef> {
    let (namespace, rest) = origin.service_port.split_once('/')?;
    Some(ObjectRef::new(Kind::Service, namespace, rest.split(':').next()?))
}

/// Turns the rules of one hook into hops.
struct Teller<'a> {
    place: &'a KernelHop,
    packet: Packet,
    cited: Vec<RuleRef>,
    /// The rule that asked for the mark.
    marked_for: Option<std::sync::Arc<Origin>>,
    /// Why the packet ends here, where a rule said so.
    missing: Option<std::sync::Arc<Origin>>,
    hops: &'a mut Vec<Hop>,
}

impl Teller<'_> {
    fn step(&mut self, cited: &Cited) {
        let origin = &*cited.origin;
        let node = &self.place.node;
        let service = service_of(origin).map(|service| service.name).unwrap_or_default();
        let flow = self.packet.flow;
        let port = flow.dst.port;
        match origin.meaning {
            Meaning::ClusterIp => {
                let text = msg!("hop.ClusterIP.text", node = node, service = service, ip = flow.dst.ip, port = port);
                self.push(Reason::ClusterIP, text, origin, self.packet);
            }
            Meaning::NodePort => {
                let text = msg!("hop.NodePort.text", node = node, service = service, port = port);
                self.push(Reason::NodePort, text, origin, self.packet);
            }
            Meaning::ExternalIp => {
                let text = msg!("hop.ExternalIP.text", node = node, service = service, ip = flow.dst.ip, port = port);
                self.push(Reason::ExternalIP, text, origin, self.packet);
            }
            Meaning::LoadBalancerIp => {
                let text = msg!("hop.LoadBalancerIP.text", node = node, service = service, ip = flow.dst.ip, port = port);
                self.push(Reason::LoadBalancerIP, text, origin, self.packet);
            }
            Meaning::SourceRange => {
                let text = msg!("hop.SourceRange.text", node = node, service = service, client = flow.src.ip);
                self.push(Reason::SourceRange, text, origin, self.packet);
            }
            Meaning::MarkOffCluster | Meaning::MarkExternal | Meaning::MarkLocal | Meaning::MarkHairpin | Meaning::Mark => {
                if origin.meaning != Meaning::Mark {
                    self.marked_for = Some(std::sync::Arc::clone(&cited.origin));
                }
                if cited.marks {
                    self.mark();
                }
            }
            Meaning::Affinity => {
                let text = msg!("hop.Affinity.text", node = node, service = service, client = flow.src.ip);
                self.push(Reason::Affinity, text, origin, self.packet);
            }
            Meaning::Pick => self.pick(cited, &service),
            Meaning::Endpoint => self.dnat(origin),
            Meaning::Masquerade => self.masquerade(origin),
            Meaning::NoEndpoints
            | Meaning::NoLocalEndpoints
            | Meaning::NotInSourceRange
            | Meaning::NoSuchPort
            | Meaning::NoSuchClusterIp
            | Meaning::Invalid
            | Meaning::LocalnetGuard => self.missing = Some(std::sync::Arc::clone(&cited.origin)),
            _ => {}
        }
    }

    /// The hook is walked: tells its end, if it was one.
    fn finish(&mut self) {
        let ends = matches!(self.place.decision, Decision::Drop | Decision::Reject);
        if let Some(origin) = self.missing.take().filter(|_| ends) {
            let service = service_of(&origin).map(|service| service.name).unwrap_or_default();
            self.end(&origin, &service);
        }
    }

    /// Makes a hop of the rules met since the last one.
    fn push(&mut self, reason: Reason, text: Message, origin: &Origin, after: Packet) {
        self.hops.push(Hop {
            objects: service_of(origin).into_iter().collect(),
            because: origin.because.clone(),
            rules: std::mem::take(&mut self.cited),
            before: Some(self.packet.flow),
            after: Some(after.flow),
            mark: (self.packet.mark, after.mark),
            reply: self.place.reply,
            ..hop(Place::KubeProxy(self.place.node.clone()), reason, text)
        });
        self.packet = after;
    }

    fn mark(&mut self) {
        let Some(origin) = self.marked_for.take() else { return };
        let node = &self.place.node;
        let text = match origin.meaning {
            Meaning::MarkOffCluster => msg!("hop.MarkMasquerade.text.offCluster", node = node, client = self.packet.flow.src.ip),
            Meaning::MarkLocal => msg!("hop.MarkMasquerade.text.local", node = node),
            Meaning::MarkHairpin => msg!("hop.MarkMasquerade.text.hairpin", node = node, ip = self.packet.flow.src.ip),
            _ => msg!("hop.MarkMasquerade.text", node = node),
        };
        let after = Packet { mark: self.packet.mark | super::MASQUERADE_MARK, ..self.packet };
        self.push(Reason::MarkMasquerade, text, &origin, after);
    }

    /// In nftables mode one rule both picks and rewrites: two hops of it.
    fn pick(&mut self, cited: &Cited, service: &str) {
        let origin = &*cited.origin;
        let Some((which, count, endpoint)) = &cited.pick else { return };
        let node = &self.place.node;
        let nftables = cited.rule.table != "nat";
        let text = match (*count, nftables) {
            (1, _) => {
                msg!("hop.PickEndpoint.text.only", node = node, service = service, endpoint = endpoint, which = 1, count = 1)
            }
            (_, false) => {
                msg!("hop.PickEndpoint.text", node = node, service = service, endpoint = endpoint, which = which, count = count)
            }
            (_, true) => {
                msg!(
                    "hop.PickEndpoint.text.nftables",
                    node = node,
                    service = service,
                    endpoint = endpoint,
                    which = which,
                    count = count
                )
            }
        };
        self.push(Reason::PickEndpoint, text, origin, self.packet);
        if cited.rule.text.contains("dnat ip addr") {
            self.cited.push(cited.rule.clone());
            self.dnat(origin);
        }
    }

    fn dnat(&mut self, origin: &Origin) {
        let Decision::Dnat(to) = self.place.decision else { return };
        let from = self.packet.flow.dst;
        let text = msg!("hop.Dnat.text", node = self.place.node, from = from, to = to);
        self.push(Reason::Dnat, text, origin, self.place.after);
    }

    fn masquerade(&mut self, origin: &Origin) {
        let (from, to) = (self.packet.flow.src.ip, self.place.after.flow.src.ip);
        let node = &self.place.node;
        let text = if self.packet.mark == 0 {
            msg!("hop.Masquerade.text.hairpin", node = node, from = from, to = to)
        } else {
            msg!("hop.Masquerade.text", node = node, from = from, to = to)
        };
        self.push(Reason::Masquerade, text, origin, self.place.after);
    }

    /// The packet ends here: rejected or dropped.
    fn end(&mut self, origin: &Origin, service: &str) {
        let node = &self.place.node;
        let client = self.packet.flow.src.ip;
        let port = self.packet.flow.dst;
        let (reason, text) = match origin.meaning {
            Meaning::NoEndpoints => (Reason::Reject, msg!("hop.Reject.text", node = node, service = service, to = port)),
            Meaning::NoLocalEndpoints => (Reason::Drop, msg!("hop.Drop.text.noLocal", node = node, service = service, to = port)),
            Meaning::NotInSourceRange => {
                (Reason::Drop, msg!("hop.Drop.text.sourceRange", node = node, service = service, client = client))
            }
            Meaning::NoSuchPort if self.packet.protocol == Protocol::Icmp => {
                (Reason::Reject, msg!("hop.Reject.text.ping", node = node, to = port))
            }
            Meaning::NoSuchPort => (Reason::Reject, msg!("hop.Reject.text.port", node = node, to = port)),
            Meaning::NoSuchClusterIp => (Reason::Drop, msg!("hop.Drop.text.unallocated", node = node, to = port)),
            Meaning::Invalid => (Reason::Drop, msg!("hop.Drop.text.invalid", node = node, from = self.packet.flow.src)),
            Meaning::LocalnetGuard => (Reason::Drop, msg!("hop.Drop.text.localnet", node = node)),
            _ => return,
        };
        self.push(reason, text, origin, self.packet);
        if let Some(hop) = self.hops.last_mut() {
            hop.after = None;
        }
    }
}
