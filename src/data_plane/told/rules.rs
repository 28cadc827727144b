//! The rules of one hook in words.

use super::Telling;
use crate::api::{Kind, ObjectRef};
use crate::data_plane::MASQUERADE_MARK;
use crate::data_plane::kernel::Cited;
use crate::data_plane::story::{KernelHop, hop};
use crate::msg;
use crate::netfilter::walk::Decision;
use crate::netfilter::{Meaning, Origin};
use crate::packet::{Packet, Protocol};
use crate::trace::{Hop, Place, Reason, RuleRef};
use crate::words::Message;
use std::sync::Arc;

impl Telling<'_> {
    /// The rules of one hook become hops.
    pub(super) fn hook(&mut self, hook: &KernelHop) {
        let plane = self.plane;
        let (Some(kernel), Some(node)) = (plane.kernels.get(hook.node), plane.world.nodes.get(hook.node)) else { return };
        let mut teller = Teller {
            node: &node.name,
            packet: hook.before(),
            place: hook,
            cited: Vec::new(),
            marked_for: None,
            missing: None,
            hops: &mut self.hops,
        };
        for step in &hook.answer.steps {
            let Some(cited) = kernel.rules().cite(step.place, hook.answer.decision) else { continue };
            teller.cited.push(cited.rule.clone());
            if step.matched {
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
    node: &'a str,
    place: &'a KernelHop,
    packet: Packet,
    cited: Vec<RuleRef>,
    /// The rule that asked for the mark.
    marked_for: Option<Arc<Origin>>,
    /// Why the packet ends here, where a rule said so.
    missing: Option<Arc<Origin>>,
    hops: &'a mut Vec<Hop>,
}

impl Teller<'_> {
    fn step(&mut self, cited: &Cited) {
        let origin = &*cited.origin;
        let node = self.node;
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
                    self.marked_for = Some(Arc::clone(&cited.origin));
                }
                if cited.marks {
                    self.mark();
                }
            }
            Meaning::Affinity => {
                let text = msg!("hop.Affinity.text", node = node, service = service, client = flow.src.ip);
                self.push(Reason::Affinity, text, origin, self.packet);
            }
            Meaning::Pick | Meaning::PickHinted | Meaning::PickTerminating => self.pick(cited, &service),
            Meaning::Endpoint => self.dnat(origin),
            Meaning::Masquerade => self.masquerade(origin),
            Meaning::NoEndpoints
            | Meaning::NoLocalEndpoints
            | Meaning::NotInSourceRange
            | Meaning::NoSuchPort
            | Meaning::NoSuchClusterIp
            | Meaning::Invalid
            | Meaning::LocalnetGuard => self.missing = Some(Arc::clone(&cited.origin)),
            _ => {}
        }
    }

    /// The hook is walked: tells its end, if it was one.
    fn finish(&mut self) {
        let ends = matches!(self.place.answer.decision, Decision::Drop | Decision::Reject);
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
            ..hop(Place::KubeProxy(self.node.to_string()), reason, text)
        });
        self.packet = after;
    }

    fn mark(&mut self) {
        let Some(origin) = self.marked_for.take() else { return };
        let node = self.node;
        let text = match origin.meaning {
            Meaning::MarkOffCluster => msg!("hop.MarkMasquerade.text.offCluster", node = node, client = self.packet.flow.src.ip),
            Meaning::MarkLocal => msg!("hop.MarkMasquerade.text.local", node = node),
            Meaning::MarkHairpin => msg!("hop.MarkMasquerade.text.hairpin", node = node, ip = self.packet.flow.src.ip),
            _ => msg!("hop.MarkMasquerade.text", node = node),
        };
        let after = Packet { mark: self.packet.mark | MASQUERADE_MARK, ..self.packet };
        self.push(Reason::MarkMasquerade, text, &origin, after);
    }

    /// In nftables mode one rule both picks and rewrites: two hops of it.
    fn pick(&mut self, cited: &Cited, service: &str) {
        let origin = &*cited.origin;
        let Some((which, count, endpoint)) = &cited.pick else { return };
        let node = self.node;
        macro_rules! say {
            ($id:literal) => {
                msg!($id, node = node, service = service, endpoint = endpoint, which = which, count = count)
            };
        }
        let text = match (origin.meaning, *count) {
            (Meaning::PickHinted, _) => say!("hop.PickEndpoint.text.hinted"),
            (Meaning::PickTerminating, _) => say!("hop.PickEndpoint.text.terminating"),
            (_, 1) => say!("hop.PickEndpoint.text.only"),
            _ if cited.rule.table == "nat" => say!("hop.PickEndpoint.text"),
            _ => say!("hop.PickEndpoint.text.nftables"),
        };
        self.push(Reason::PickEndpoint, text, origin, self.packet);
        if cited.rule.text.contains("dnat ip addr") {
            self.cited.push(cited.rule.clone());
            self.dnat(origin);
        }
    }

    fn dnat(&mut self, origin: &Origin) {
        let Decision::Dnat(to) = self.place.answer.decision else { return };
        let from = self.packet.flow.dst;
        let text = msg!("hop.Dnat.text", node = self.node, from = from, to = to);
        self.push(Reason::Dnat, text, origin, self.place.after());
    }

    fn masquerade(&mut self, origin: &Origin) {
        let (from, to) = (self.packet.flow.src.ip, self.place.after().flow.src.ip);
        let node = self.node;
        let text = if self.packet.mark == 0 {
            msg!("hop.Masquerade.text.hairpin", node = node, from = from, to = to)
        } else if from == to {
            msg!("hop.Masquerade.text.same", node = node, to = to)
        } else {
            msg!("hop.Masquerade.text", node = node, from = from, to = to)
        };
        self.push(Reason::Masquerade, text, origin, self.place.after());
    }

    /// Whether a rule has sent the packet to the address that it has now: no other one rewrites it again.
    fn rewritten(&self) -> bool {
        let to = self.packet.flow.dst;
        self.hops.iter().any(|hop| hop.reason == Reason::Dnat && hop.after.is_some_and(|flow| flow.dst == to))
    }

    /// The packet ends here: rejected or dropped.
    fn end(&mut self, origin: &Origin, service: &str) {
        let node = self.node;
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
            Meaning::NoSuchPort if self.rewritten() => {
                (Reason::Reject, msg!("hop.Reject.text.rewritten", node = node, to = port))
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
