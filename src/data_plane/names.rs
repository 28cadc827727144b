//! What the host of a target means to the one who asks: an address as it stands, or a name that DNS knows.
//!
//! What stands in a Pod's `/etc/hosts` is asked of nobody. Every other question of a Pod travels to kube-dns as every packet does;
//! where no answer comes, no connection is tried.

use super::exchange::{Exchange, Sender, template_fields};
use super::story::{Event, HopExt, hop};
use super::travel::{End, Spot, Travel};
use super::unplayed::route_of;
use super::world::World;
use crate::addons::coredns::CLUSTER_DOMAIN;
use crate::addons::coredns::resolver::{ResolvConf, resolve};
use crate::addons::ingress_controller::unserved_for;
use crate::addons::public_dns::is_server;
use crate::api::ObjectRef;
use crate::api::core::Pod;
use crate::cluster::{Cluster, dns_service};
use crate::msg;
use crate::node::hosts::{self, Line};
use crate::node::kube_proxy::parse_ip_sloppy;
use crate::node::network_policy::Direction;
use crate::packet::{Flow, Protocol, Socket};
use crate::trace::{DnsResult, FieldRef, Hop, Place, Reason, Source, Verdict};
use crate::words::Message;
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};

/// What a host means.
#[derive(Clone, Debug)]
pub(super) enum Meaning {
    /// An address, and the lookup where there was one.
    Address(Ipv4Addr, Option<Arc<DnsResult>>),
    /// No address.
    Nothing(Verdict, Reason, Arc<DnsResult>),
}

/// What DNS says of a host to one who asks. It stays the same as long as the cluster does.
#[derive(Debug)]
pub(super) struct Named {
    /// Who asks.
    sender: Sender,
    host: String,
    /// The DNS server inside the cluster, where that one is asked.
    server: Option<Ipv4Addr>,
    result: Arc<DnsResult>,
    addresses: Vec<Ipv4Addr>,
}

impl Named {
    fn of(exchange: &Exchange<'_>, sender: Sender, pod: Option<&Pod>, host: &str, kind: &str) -> Named {
        let zone = &exchange.parts.zone;
        let result = match pod {
            Some(pod) => resolve(zone, pod, host, kind),
            // A host that an Ingress or a route lists is no stranger's, though nobody serves it here.
            None if sender.spot == Spot::Outside && claimed(exchange.cluster, host) => zone.outside().query(host, kind),
            None if sender.spot == Spot::Outside => zone.outside().asked_outside(host, kind),
            None => zone.forwarded(host, kind),
        };
        let records = result.answers.iter().filter(|record| record.kind == "A");
        Named {
            sender,
            host: host.to_string(),
            server: pod.and_then(|pod| cluster_server(exchange, pod)),
            addresses: records.filter_map(|record| record.data.parse().ok()).collect(),
            result: Arc::new(result),
        }
    }

    /// The question as a hop, answered by this Pod or by nobody here.
    pub fn asked(&self, world: &World, by: Option<usize>) -> Hop {
        let host = &self.host;
        let guest = |pod: Option<usize>| pod.and_then(|pod| world.pods.get(pod));
        let (text, because) = match (self.server, guest(self.sender.pod), guest(by)) {
            (Some(server), _, Some(by)) => {
                let (own, at) = (&by.pod.metadata.name, by.ip);
                (msg!("hop.Lookup.text.answered", name = host, server = server, pod = own, ip = at), Vec::new())
            }
            (Some(server), ..) => (msg!("hop.Lookup.text", name = host, server = server), Vec::new()),
            (None, Some(guest), _) => passes_by(&guest.pod, host),
            (None, None, _) => (msg!("hop.Lookup.text.public", name = host), Vec::new()),
        };
        let (place, objects) = world.place_of(self.sender.spot);
        hop(place, Reason::Lookup, text).about(objects).because(because)
    }

    /// The answer as a hop: the client takes this of its addresses.
    pub fn answered(&self, ip: Ipv4Addr) -> Hop {
        let (result, count) = (&self.result, self.addresses.len());
        let tried = result.searched.last().map_or("", String::as_str);
        let text = if let Some(alias) = alias(result) {
            msg!("hop.LookupAnswer.text.alias", name = tried, alias = alias, ip = ip)
        } else if count > 1 {
            msg!("hop.LookupAnswer.text.several", name = tried, ip = ip, count = count)
        } else {
            msg!("hop.LookupAnswer.text", name = tried, ip = ip)
        };
        hop(self.place(), Reason::LookupAnswer, text)
    }

    /// Who answers.
    fn place(&self) -> Place {
        if self.server.is_some() { Place::Coredns } else { Place::PublicDns }
    }

    /// What the asker knows when no answer comes: it gives up at the first full name.
    fn unheard(&self) -> Arc<DnsResult> {
        let searched = self.result.searched.iter().take(1).cloned().collect();
        Arc::new(DnsResult { searched, ..DnsResult::default() })
    }
}

fn claimed(cluster: &Cluster, host: &str) -> bool {
    unserved_for(cluster, host).is_some() || route_of(cluster, host).is_some()
}

/// How often the C library asks before it gives up.
const ATTEMPTS: usize = 2;

/// Finds the address of a host that is a name. The question travels each time; what the servers say is worked out once.
pub(super) fn look_up(exchange: &mut Exchange<'_>, sender: Sender, host: &str, known: &OnceLock<Arc<Named>>) -> Meaning {
    if let Some(named) = known.get() {
        // Only DNS knows the name: that was found out before.
        return inquire(exchange, named);
    }
    if host == "localhost" {
        return Meaning::Address(Ipv4Addr::LOCALHOST, None);
    }
    if let (None, Some(node)) = (sender.pod, exchange.world.node_named(host)) {
        // A node's name stands for its address outside the cluster and on the nodes.
        return exchange.world.nodes.get(node).map_or_else(
            || Meaning::Nothing(Verdict::NameNotFound, Reason::NoSuchName, Arc::default()),
            |node| Meaning::Address(node.ip, None),
        );
    }
    let world = exchange.world;
    let pod = sender.pod.and_then(|pod| world.pods.get(pod)).map(|guest| &guest.pod);
    if let Some(pod) = pod
        && let Some((ip, line)) = hosts::look_up(pod, host)
    {
        let cluster = exchange.cluster;
        exchange.tell.hop(|| hop_of_line(cluster, pod, host, ip, line));
        return Meaning::Address(ip, None);
    }
    let named = known.get_or_init(|| Arc::new(Named::of(exchange, sender, pod.map(Arc::as_ref), host, "A")));
    inquire(exchange, named)
}

/// The Pod's own `/etc/hosts` names the host, so nobody is asked.
fn hop_of_line(cluster: &Cluster, pod: &Pod, host: &str, ip: Ipv4Addr, line: Line) -> Hop {
    let object = ObjectRef::of(pod);
    let (own, at) = (&pod.metadata.name, Place::Pod(object.namespace.clone(), object.name.clone()));
    let (text, because) = match line {
        Line::Own => (msg!("hop.LookupAnswer.text.own", pod = own, name = host, ip = ip), Vec::new()),
        Line::Alias(index) => {
            let field = FieldRef { object: object.clone(), path: format!("spec.hostAliases[{index}]") };
            (msg!("hop.LookupAnswer.text.hosts", pod = own, name = host, ip = ip), template_fields(cluster, field))
        }
    };
    hop(at, Reason::LookupAnswer, text).about(vec![object]).because(because)
}

/// What DNS says of a name, and where it says nothing, the reason in words. The one who asks is a Pod, or, without one, somebody
/// in namespace `default` whom no network policy knows: the question leaves from the first node that is up.
pub(super) fn dig(
    exchange: &mut Exchange<'_>,
    from: Option<&Source>,
    name: &str,
    kind: &str,
) -> Result<(DnsResult, Option<Message>), Message> {
    let world = exchange.world;
    let mut anybody = Pod::default();
    anybody.metadata.namespace = "default".into();
    let sender = match from {
        Some(from) => exchange.sender(from)?,
        None => {
            let node = (0..world.nodes.len()).find(|node| world.is_up(*node)).unwrap_or_default();
            Sender { spot: Spot::Node(node), pod: None }
        }
    };
    let pod = sender.pod.and_then(|pod| world.pods.get(pod)).map_or(&anybody, |guest| guest.pod.as_ref());
    let named = Arc::new(Named::of(exchange, sender, Some(pod), name, kind));
    let result = match inquire(exchange, &named) {
        Meaning::Nothing(_, _, result) | Meaning::Address(_, Some(result)) => Arc::unwrap_or_clone(result),
        Meaning::Address(_, None) => DnsResult::default(),
    };
    // A policy that cuts CoreDNS off says more than the SERVFAIL after it.
    let said = exchange.tell.events.iter().rev().filter_map(|event| if let Event::Hop(hop) = event { Some(hop) } else { None });
    let why = match result.rcode.as_deref() {
        None => said.map(|hop| hop.text.clone()).next(),
        Some(_) => said.filter(|hop| hop.reason == Reason::Policy).map(|hop| hop.text.clone()).next(),
    };
    Ok((result, why))
}

/// The question travels to the server, where it is the cluster's; what that one says is known.
fn inquire(exchange: &mut Exchange<'_>, named: &Arc<Named>) -> Meaning {
    let server = named.server;
    let question = exchange.tell.events.len();
    exchange.tell.note(|| Event::Lookup { named: Arc::clone(named), by: None, way: 0 });
    let asked = match server {
        Some(server) => ask(exchange, named.sender, server),
        None => ask_outside(exchange, named.sender),
    };
    exchange.tell.looked_up(question, asked.by);
    let heard = asked.heard;
    if let Heard::Dropped(pod, direction, flow) = heard {
        exchange.travel(Protocol::Udp).policy(pod, direction, flow);
        return Meaning::Nothing(Verdict::Timeout, Reason::Policy, named.unheard());
    }
    if let (Some(server), Heard::Nothing) = (server, heard) {
        exchange.tell.hop(|| {
            let object = dns_service(&exchange.cluster.store.services).map(ObjectRef::of);
            let node = exchange.world.node_under(named.sender.spot).filter(|_| matches!(asked.lost, Some((Reason::Reject, _))));
            // Where no CoreDNS Pod is ready, the rules of the asker's own node decide.
            let at = node.map_or(Place::Coredns, |node| Place::KubeProxy(node.to_string()));
            hop(at, Reason::DnsSilent, silence(server, asked.lost)).about(object.into_iter().collect())
        });
        return Meaning::Nothing(Verdict::Timeout, Reason::DnsSilent, named.unheard());
    }
    match asked.by.and_then(|by| cut_off(exchange, named, by)) {
        Some(nothing) => nothing,
        None => answer(exchange, named),
    }
}

/// A source port of CoreDNS's forward: any, as policies look at the other end.
const FORWARD_PORT: u16 = 53053;

/// CoreDNS has to ask a server outside, and a network policy at the Pod that was asked is in the way of that: the answer is SERVFAIL
/// (`ServeDNS` of `plugin/forward`); behind an alias, none (`plugin/kubernetes` keeps the CNAME alone).
fn cut_off(exchange: &mut Exchange<'_>, named: &Named, by: usize) -> Option<Meaning> {
    let world = exchange.world;
    let result = &named.result;
    let aliased = alias(result).is_some_and(|alias| !in_cluster(&alias));
    let asked = result.searched.last().is_some_and(|last| !in_cluster(last));
    let empty = result.answers.is_empty() && result.rcode.as_deref() == Some("NOERROR");
    let guest = world.pods.get(by).filter(|guest| !world.policies.is_empty() && !guest.host_network)?;
    if named.server.is_none() || empty || !(aliased || asked) {
        return None;
    }
    let server = ResolvConf::of(&guest.pod, "").nameservers.first().and_then(|ip| parse_ip_sloppy(ip))?;
    let flow = Flow { src: Socket::new(guest.ip, FORWARD_PORT), dst: Socket::new(server, 53) };
    let way = exchange.tell.events.len();
    let name = alias(result).unwrap_or_else(|| named.host.clone());
    exchange.tell.hop(|| {
        let text = msg!("hop.Lookup.text.forward", name = name, pod = guest.pod.metadata.name, server = server);
        hop(Place::Coredns, Reason::Lookup, text)
    });
    if exchange.travel(Protocol::Udp).policy(by, Direction::Egress, flow).is_none() {
        exchange.tell.events.truncate(way);
        return None;
    }
    exchange.tell.hop(|| {
        let text = msg!("hop.NoAddress.text.upstream", name = name, server = server);
        hop(Place::Coredns, Reason::NoAddress, text)
    });
    let rcode = if aliased { "NOERROR" } else { "SERVFAIL" };
    let answers = result.answers.iter().filter(|record| record.kind == "CNAME").cloned().collect();
    let result = DnsResult { rcode: Some(rcode.into()), answers, searched: result.searched.clone() };
    Some(Meaning::Nothing(Verdict::NameNotFound, Reason::Policy, Arc::new(result)))
}

/// Whether CoreDNS answers for a name itself, and asks nobody.
fn in_cluster(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_lowercase();
    name.ends_with(".arpa") || format!(".{name}.").ends_with(&format!(".{CLUSTER_DOMAIN}"))
}

fn answer(exchange: &mut Exchange<'_>, named: &Arc<Named>) -> Meaning {
    let Named { result, addresses, host, .. } = named.as_ref();
    if addresses.is_empty() {
        let missing = result.rcode.as_deref() != Some("NOERROR");
        let reason = if missing { Reason::NoSuchName } else { Reason::NoAddress };
        exchange.tell.hop(|| {
            let count = result.searched.len();
            if missing {
                hop(named.place(), reason, msg!("hop.NoSuchName.text", name = host, count = count))
            } else {
                hop(named.place(), reason, msg!("hop.NoAddress.text", name = host))
            }
        });
        let last = result.searched.last().map(|last| last.trim_end_matches('.')).unwrap_or_default();
        if missing && result.rcode.is_some() && last.contains('.') && !in_cluster(last) {
            exchange.tell.assume(|| msg!("assume.noPublicName", name = last));
        }
        return match result.rcode {
            Some(_) => Meaning::Nothing(Verdict::NameNotFound, reason, Arc::clone(result)),
            None => Meaning::Nothing(Verdict::Timeout, Reason::DnsSilent, Arc::clone(result)),
        };
    }
    // CoreDNS shuffles its answers, and clients take the first.
    let index = if addresses.len() > 1 { exchange.random.one_of(addresses.len()) } else { 0 };
    let ip = addresses.get(index).copied().unwrap_or(Ipv4Addr::UNSPECIFIED);
    exchange.tell.note(|| Event::LookupAnswer { named: Arc::clone(named), ip });
    // A headless Service without selector may list such an address: its name is the cluster's own.
    let inside = result.answers.iter().any(|record| record.kind == "A" && record.name.to_lowercase().ends_with(CLUSTER_DOMAIN));
    if exchange.tell.on && is_server(ip) && !inside {
        exchange.tell.assume(|| msg!("assume.outsideName", name = alias(result).as_deref().unwrap_or(host), ip = ip));
    } else if exchange.tell.on && !inside {
        let services = exchange.cluster.store.services.values();
        let clouds = services.flat_map(|service| &service.status.load_balancer.ingress).any(|at| at.hostname == *host);
        exchange.tell.assume(|| match clouds {
            true => msg!("assume.balancerName", name = host, ip = ip),
            false => msg!("assume.publicDns", name = host, ip = ip),
        });
    }
    Meaning::Address(ip, Some(Arc::clone(result)))
}

/// The name that an ExternalName Service led to, without the final dot.
pub(super) fn alias(result: &DnsResult) -> Option<String> {
    let last = result.answers.iter().rev().find(|record| record.kind == "CNAME")?;
    Some(last.data.trim_end_matches('.').to_string())
}

/// The DNS server inside the cluster, where the Pod asks that one.
fn cluster_server(exchange: &Exchange<'_>, pod: &Pod) -> Option<Ipv4Addr> {
    let service = dns_service(&exchange.cluster.store.services)?;
    let server = parse_ip_sloppy(&service.spec.cluster_ip)?;
    ResolvConf::of(pod, &service.spec.cluster_ip).asks_cluster(&service.spec.cluster_ip).then_some(server)
}

/// Why a Pod does not ask CoreDNS (`getPodDNSType` of `pkg/kubelet/network/dns`).
fn passes_by(pod: &Pod, host: &str) -> (Message, Vec<FieldRef>) {
    let (name, policy) = (&pod.metadata.name, pod.spec.dns_policy.as_str());
    let (text, path) = match policy {
        "Default" => (msg!("hop.Lookup.text.default", name = host, pod = name), "spec.dnsPolicy"),
        "None" => (msg!("hop.Lookup.text.none", name = host, pod = name), "spec.dnsConfig.nameservers"),
        _ => (msg!("hop.Lookup.text.hostNetwork", name = host, pod = name), "spec.hostNetwork"),
    };
    (text, vec![FieldRef { object: ObjectRef::of(pod), path: path.into() }])
}

/// What becomes of a question.
#[derive(Clone, Copy, PartialEq)]
enum Heard {
    Answer,
    Nothing,
    /// A network policy at this Pod dropped the question.
    Dropped(usize, Direction, Flow),
}

/// A question on its way: what became of it, and who answered.
struct Asked {
    heard: Heard,
    by: Option<usize>,
    /// Why the last attempt did not arrive, and where its rules had sent it.
    lost: Option<(Reason, Ipv4Addr)>,
}

impl Asked {
    /// Nobody in the cluster is asked.
    fn nobody() -> Asked {
        Asked { heard: Heard::Answer, by: None, lost: None }
    }
}

/// A question to a server outside the cluster: only a network policy at the Pod itself can be in its way.
fn ask_outside(exchange: &mut Exchange<'_>, sender: Sender) -> Asked {
    let world = exchange.world;
    let Spot::Pod(at) = sender.spot else { return Asked::nobody() };
    let Some(guest) = world.pods.get(at).filter(|_| !world.policies.is_empty()) else { return Asked::nobody() };
    let Some(server) = ResolvConf::of(&guest.pod, "").nameservers.first().and_then(|ip| parse_ip_sloppy(ip)) else {
        return Asked::nobody();
    };
    let port = 32768 + exchange.random.below(28232) as u16;
    let flow = Flow { src: Socket::new(guest.ip, port), dst: Socket::new(server, 53) };
    let way = exchange.tell.events.len();
    let dropped = exchange.aside(|aside| aside.travel(Protocol::Udp).policy(at, Direction::Egress, flow).is_some());
    exchange.tell.events.truncate(way);
    let heard = if dropped { Heard::Dropped(at, Direction::Egress, flow) } else { Heard::Answer };
    Asked { heard, ..Asked::nobody() }
}

/// Why nobody hears an answer.
fn silence(server: Ipv4Addr, lost: Option<(Reason, Ipv4Addr)>) -> Message {
    match lost {
        Some((Reason::Reject, _)) => msg!("hop.DnsSilent.text.noEndpoints", server = server),
        Some((Reason::NoNeighbour, ip)) => msg!("hop.DnsSilent.text.gone", server = server, ip = ip),
        Some((Reason::NodeDown, ip)) => msg!("hop.DnsSilent.text.nodeDown", server = server, ip = ip),
        _ => msg!("hop.DnsSilent.text", server = server),
    }
}

/// Whether a question reaches a CoreDNS Pod and its answer comes back. Each attempt is a socket of its own; the last one's way stays
/// noted.
fn ask(exchange: &mut Exchange<'_>, sender: Sender, server: Ipv4Addr) -> Asked {
    let from = exchange.source_address(sender, server);
    let mut asked = Asked { heard: Heard::Nothing, ..Asked::nobody() };
    let way = exchange.tell.events.len();
    for attempt in 0..ATTEMPTS {
        let port = 32768 + exchange.random.below(28232) as u16;
        let flow = Flow { src: Socket::new(from, port), dst: Socket::new(server, 53) };
        exchange.tell.events.truncate(way);
        let over = exchange.aside(|aside| attempt_to_ask(aside, sender, flow, attempt > 0, &mut asked));
        if over {
            break;
        }
    }
    asked
}

/// One attempt; whether it is over then.
fn attempt_to_ask(exchange: &mut Exchange<'_>, sender: Sender, flow: Flow, again: bool, asked: &mut Asked) -> bool {
    let bindings = exchange.room();
    let mut travel = Travel { bindings, ..exchange.travel(Protocol::Udp) };
    let end = travel.go(sender.spot, flow);
    let dropped = travel.dropped;
    let sent_to = travel.bindings.last().map_or(flow.dst.ip, |last| last.translated.dst.ip);
    asked.lost = if let End::Lost(_, reason) = end { Some((reason, sent_to)) } else { None };
    let home = match end {
        End::At(spot, seen) => travel.back(spot, seen.reversed(), sender.spot, flow),
        End::Lost(..) => false,
    };
    exchange.caches.bindings = travel.bindings;
    match end {
        End::At(spot, seen) if home => {
            let by = if let Spot::Pod(pod) = spot { Some(pod) } else { None };
            let takes = |pod| exchange.listeners(pod).iter().any(|open| open.takes(seen.dst.port, Protocol::Udp));
            let answers = by.is_none_or(takes);
            asked.heard = if answers { Heard::Answer } else { Heard::Nothing };
            asked.by = by.filter(|_| answers);
            true
        }
        End::Lost(Verdict::Refused, _) if again => {
            asked.heard = Heard::Nothing;
            true
        }
        _ => {
            asked.heard = dropped.map_or(asked.heard, |(pod, direction, flow)| Heard::Dropped(pod, direction, flow));
            false
        }
    }
}
