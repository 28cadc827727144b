//! One request from beginning to end: who sends, what the name means, the connection and its way back.

use super::kept::Kept;
use super::kernel::Kernel;
use super::names::{Meaning, Named, alias, look_up};
use super::story::{Event, HopExt, Story, hop};
use super::target::{Scheme, Target};
use super::travel::{Binding, End, Spot, Travel};
use super::verdicts::Verdicts;
use super::world::World;
use super::{Caches, Parts};
use crate::api::core::Pod;
use crate::api::{Kind, ObjectRef};
use crate::cluster::Cluster;
use crate::msg;
use crate::node::kube_proxy::parse_ip_sloppy;
use crate::node::kubelet;
use crate::packet::{Flow, Protocol, Socket};
use crate::random::Random;
use crate::settings::CLIENT_OUTSIDE;
use crate::trace::{DnsResult, FieldRef, Place, Reason, Request, Source, Verdict};
use crate::words::Message;
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};

/// How a request ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub verdict: Verdict,
    pub status: Option<u16>,
    /// The Pod that took it.
    pub pod: Option<usize>,
    pub pod_ip: Option<Ipv4Addr>,
    pub port: Option<u16>,
    pub node: Option<usize>,
    pub source_seen: Option<Ipv4Addr>,
    /// The lookup, where there was one.
    pub dns: Option<Arc<DnsResult>>,
    /// What stopped it.
    pub reason: Option<Reason>,
}

impl Outcome {
    pub fn new(verdict: Verdict, reason: Option<Reason>) -> Outcome {
        Outcome { verdict, status: None, pod: None, pod_ip: None, port: None, node: None, source_seen: None, dns: None, reason }
    }

    pub fn refused(reason: Reason) -> Outcome {
        Outcome::new(Verdict::Refused, Some(reason))
    }
}

/// A request under way.
pub(super) struct Exchange<'a> {
    pub cluster: &'a Cluster,
    pub world: &'a World,
    pub kernels: &'a mut [Kernel],
    pub parts: &'a Parts,
    pub caches: &'a mut Caches,
    pub kept: &'a mut Vec<Kept>,
    pub random: Random,
    pub tell: &'a mut Story,
}

/// Who sends: where it stands, and the Pod that it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sender {
    pub spot: Spot,
    pub pod: Option<usize>,
}

/// What a request means in this cluster.
#[derive(Debug)]
pub(super) struct Aim {
    request: Request,
    sender: Sender,
    target: Target,
    /// The target's host, where it is an address.
    address: Option<Ipv4Addr>,
    /// What its name means, where it is one.
    named: OnceLock<Arc<Named>>,
    via: Option<usize>,
}

impl Aim {
    pub fn is_of(&self, request: &Request) -> bool {
        let known = &self.request;
        known.target == request.target
            && known.from == request.from
            && known.protocol == request.protocol
            && known.via == request.via
    }
}

impl Exchange<'_> {
    /// Sends the request.
    pub fn send(&mut self, request: &Request) -> Outcome {
        let aim = match self.aim(request) {
            Ok(aim) => aim,
            Err(why) => return self.rejected(request, why),
        };
        if request.keep_alive
            && let Some(outcome) = self.send_again(aim.sender, &aim.target, request)
        {
            return outcome;
        }
        let meaning = match aim.address {
            Some(ip) => Meaning::Address(ip, None),
            None => look_up(self, aim.sender, &aim.target.host, &aim.named),
        };
        let (ip, dns) = match meaning {
            Meaning::Address(ip, dns) => (ip, dns),
            Meaning::Nothing(verdict, reason, dns) => {
                return Outcome { dns: Some(dns), ..Outcome::new(verdict, Some(reason)) };
            }
        };
        // Linux sends what is for 0.0.0.0 to the caller itself.
        let ip = if ip.is_unspecified() { Ipv4Addr::LOCALHOST } else { ip };
        let to = Socket::new(ip, aim.target.port);
        if ip.is_loopback() && aim.sender.spot == Spot::Outside {
            return self.own_machine(to, &aim.target);
        }
        let outcome = match dns.as_deref().and_then(alias) {
            None => self.connect(aim.sender, to, &aim.target, request, aim.via),
            alias => self.connect(aim.sender, to, &Target { alias, ..aim.target.clone() }, request, aim.via),
        };
        Outcome { dns, ..outcome }
    }

    /// The client outside calls itself: nothing of the cluster is on its machine.
    fn own_machine(&mut self, to: Socket, target: &Target) -> Outcome {
        let flow = Flow { src: Socket::new(to.ip, 32768 + self.random.below(28232) as u16), dst: to };
        if target.protocol == Protocol::Icmp {
            return self.echo(Spot::Outside, flow);
        }
        self.tell
            .hop(|| hop(Place::Internet, Reason::NothingListens, msg!("hop.NothingListens.text.ownMachine", to = to)).ends(flow));
        Outcome::refused(Reason::NothingListens)
    }

    /// What a request means; remembered, because many follow each other that differ in their seeds alone.
    fn aim(&mut self, request: &Request) -> Result<Arc<Aim>, Message> {
        if let Some(aim) = self.caches.aim.as_ref().filter(|aim| aim.is_of(request)) {
            return Ok(Arc::clone(aim));
        }
        let sender = self.sender(&request.from)?;
        let Some(target) = Target::read(&request.target, request.protocol) else {
            return Err(Target::flaw(&request.target));
        };
        let via = match request.via.as_deref().map(|name| (name, self.world.node_named(name))) {
            Some((name, None)) => return Err(msg!("hop.Rejected.text.node", node = name)),
            Some((_, node)) => node,
            None => None,
        };
        let address = parse_ip_sloppy(&target.host);
        let aim = Arc::new(Aim {
            request: Request { headers: Vec::new(), ..request.clone() },
            sender,
            target,
            address,
            named: OnceLock::new(),
            via,
        });
        self.caches.aim = Some(Arc::clone(&aim));
        self.caches.verdicts = Verdicts::default();
        Ok(aim)
    }

    fn rejected(&mut self, request: &Request, why: Message) -> Outcome {
        let caller = self.sender(&request.from).map_or(Place::Internet, |sender| self.world.place_of(sender.spot).0);
        self.tell.hop(|| hop(caller, Reason::Rejected, why));
        Outcome::new(Verdict::Rejected, Some(Reason::Rejected))
    }

    /// Who a request's source is.
    pub fn sender(&self, from: &Source) -> Result<Sender, Message> {
        match from {
            Source::Internet => Ok(Sender { spot: Spot::Outside, pod: None }),
            Source::Node(name) => match self.world.node_named(name) {
                Some(node) if self.world.is_up(node) => Ok(Sender { spot: Spot::Node(node), pod: None }),
                Some(_) => Err(msg!("hop.Rejected.text.nodeDown", node = name)),
                None => Err(msg!("hop.Rejected.text.node", node = name)),
            },
            Source::Pod(namespace, name) => self.pod_sender(namespace, name),
            Source::Workload(workload) => {
                let pods = self.cluster.store.in_namespace::<Pod>(&workload.namespace);
                let mut ready = pods.filter(|pod| belongs_to(pod, workload, self.cluster) && is_ready(pod));
                match ready.next() {
                    Some(pod) => self.pod_sender(&workload.namespace, &pod.metadata.name),
                    None => Err(msg!("hop.Rejected.text.workload", workload = workload)),
                }
            }
        }
    }

    fn pod_sender(&self, namespace: &str, name: &str) -> Result<Sender, Message> {
        let Some(index) = self.world.pod_named(namespace, name) else {
            let pod = format!("{namespace}/{name}");
            let address = self.cluster.store.get::<Pod>(namespace, name).map(|pod| pod.status.pod_ip.as_str());
            return Err(match address {
                Some(address) if address.contains(':') => msg!("hop.Rejected.text.podIPv6", pod = pod, address = address),
                Some(_) => msg!("hop.Rejected.text.podPending", pod = pod),
                None => msg!("hop.Rejected.text.pod", pod = pod),
            });
        };
        let guest = self.world.pods.get(index).filter(|guest| self.world.is_up(guest.node));
        match guest {
            Some(guest) if guest.host_network => Ok(Sender { spot: Spot::Node(guest.node), pod: Some(index) }),
            Some(_) => Ok(Sender { spot: Spot::Pod(index), pod: Some(index) }),
            None => Err(msg!("hop.Rejected.text.podNodeDown", pod = format!("{namespace}/{name}"))),
        }
    }

    /// A packet's way beside the request's own: what is drawn on it moves no later draw, and the rules that it meets are not counted.
    #[inline(always)]
    pub fn aside<T>(&mut self, go: impl FnOnce(&mut Self) -> T) -> T {
        let (child, looked_at) = (self.random.child(), self.tell.looked_at);
        let own = std::mem::replace(&mut self.random, child);
        let gone = go(self);
        let child = std::mem::replace(&mut self.random, own);
        self.random.rejoin(child);
        self.tell.looked_at = looked_at;
        gone
    }

    /// Room for what the machines on a way remember.
    pub fn room(&mut self) -> Vec<Binding> {
        let mut room = std::mem::take(&mut self.caches.bindings);
        room.clear();
        room
    }

    /// A connection to be made.
    #[inline(always)]
    pub fn travel(&mut self, protocol: Protocol) -> Travel<'_> {
        Travel::new(self.world, self.kernels, &mut self.random, protocol, self.tell)
    }

    /// The address that the sender speaks from.
    pub fn source_address(&mut self, sender: Sender, to: Ipv4Addr) -> Ipv4Addr {
        match sender.spot {
            Spot::Node(node) => self.travel(Protocol::Tcp).source_on_node(node, to),
            Spot::Alb(alb) => self.world.albs.get(alb).map_or(Ipv4Addr::UNSPECIFIED, |alb| alb.own),
            Spot::Pod(_) if to.is_loopback() => to,
            Spot::Pod(pod) => self.world.pods.get(pod).map_or(Ipv4Addr::UNSPECIFIED, |guest| guest.ip),
            _ => CLIENT_OUTSIDE,
        }
    }

    fn connect(&mut self, sender: Sender, to: Socket, target: &Target, request: &Request, via: Option<usize>) -> Outcome {
        let port = if target.protocol == Protocol::Icmp { 0 } else { 32768 + self.random.below(28232) as u16 };
        let from = Socket::new(self.source_address(sender, to.ip), port);
        let flow = Flow { src: from, dst: to };
        let for_pod = sender.pod.is_some() && matches!(sender.spot, Spot::Node(_));
        self.tell.note(|| Event::Send { from: sender.spot, for_pod, protocol: target.protocol, flow });
        self.carry(sender, flow, target, request, via, Vec::new())
    }

    /// Carries a packet to its end and the answer back. `known` is what the machines on the way noted of the connection before.
    pub fn carry(
        &mut self,
        sender: Sender,
        flow: Flow,
        target: &Target,
        request: &Request,
        via: Option<usize>,
        known: Vec<Binding>,
    ) -> Outcome {
        let bindings = self.room();
        let mut travel = Travel { via, known, bindings, ..self.travel(target.protocol) };
        let (spot, seen) = match travel.go(sender.spot, flow) {
            End::Lost(verdict, reason) => return Outcome::new(verdict, Some(reason)),
            End::At(spot, seen) => (spot, seen),
        };
        // Without a way back there is no connection, so nothing takes it either; what happens on that way is told after the answer.
        let (there, looked_at) = (travel.tell.events.len(), travel.tell.looked_at);
        let home = travel.back(spot, seen.reversed(), sender.spot, flow);
        let bindings = travel.bindings;
        self.tell.looked_at = looked_at;
        let back = self.tell.events.len();
        if !home {
            return self.answer_lost(sender, spot, seen, flow, there);
        }
        let outcome = self.serve(spot, seen, target, request);
        self.tell.put_off(there..back);
        if outcome.verdict == Verdict::Refused {
            self.tell.events.truncate(self.tell.events.len() - (back - there));
            return outcome;
        }
        if request.keep_alive && target.protocol != Protocol::Icmp {
            self.keep(request, target.protocol, sender.spot, flow, spot, bindings);
        } else {
            self.caches.bindings = bindings;
        }
        self.tell.note(|| Event::Reply { to: sender.spot, called: flow, status: outcome.status });
        outcome
    }

    fn answer_lost(&mut self, sender: Sender, from: Spot, seen: Flow, called: Flow, there: usize) -> Outcome {
        let back = self.tell.events.len();
        if let Spot::Pod(pod) = from {
            self.tell.note(|| Event::PodArrive { pod, flow: seen });
        }
        self.tell.put_off(there..back);
        let world = self.world;
        self.tell.hop(|| {
            let (at, objects) = world.place_of(sender.spot);
            let text = msg!("hop.Conntrack.text", called = called.dst, from = seen.dst);
            hop(at, Reason::Conntrack, text).about(objects)
        });
        Outcome::new(Verdict::Timeout, Some(Reason::Conntrack))
    }

    /// The default scheme of a request into an Ingress controller.
    pub fn speaks_https(target: &Target) -> bool {
        target.scheme == Scheme::Https || (target.scheme == Scheme::Bare && target.port == 443)
    }
}

/// A Pod's field, and the same field of the template that it was made from: that is the one that stands in the text.
pub(super) fn template_fields(cluster: &Cluster, field: FieldRef) -> Vec<FieldRef> {
    let pod = cluster.store.get::<Pod>(&field.object.namespace, &field.object.name);
    let owner = pod.and_then(|pod| top_owner(pod, cluster));
    let template = owner.map(|object| FieldRef { object, path: format!("spec.template.{}", field.path) });
    template.into_iter().chain([field]).collect()
}

/// The workload that a Pod belongs to, the topmost one.
fn top_owner(pod: &Pod, cluster: &Cluster) -> Option<ObjectRef> {
    use crate::api::apps::ReplicaSet;
    let namespace = &pod.metadata.namespace;
    let of = |meta: &crate::api::ObjectMeta| {
        let owner = meta.owner_references.iter().find(|owner| owner.controller == Some(true))?;
        let kind = Kind::find(&owner.api_version, &owner.kind)?;
        Some(ObjectRef::new(kind, namespace, &owner.name))
    };
    let owner = of(&pod.metadata)?;
    let above = match owner.kind {
        Kind::ReplicaSet => cluster.store.get::<ReplicaSet>(namespace, &owner.name).and_then(|set| of(&set.metadata)),
        _ => None,
    };
    Some(above.unwrap_or(owner))
}

fn belongs_to(pod: &Pod, workload: &ObjectRef, cluster: &Cluster) -> bool {
    let direct =
        pod.metadata.owner_references.iter().any(|owner| owner.kind == workload.kind.name() && owner.name == workload.name);
    direct || top_owner(pod, cluster).as_ref() == Some(workload)
}

/// Whether `kubectl exec` would take it: running, ready, staying.
pub(super) fn is_ready(pod: &Pod) -> bool {
    kubelet::is_ready(pod) && pod.metadata.deletion_timestamp.is_none()
}
