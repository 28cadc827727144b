//! What a Pod's process makes of a connection: takes it, answers a request, cannot understand it; or no process is there.
//!
//! A port that nobody listens on is answered by the Pod's kernel: TCP with RST, UDP with ICMP port unreachable. Who speaks HTTP and
//! who speaks TLS is judged by `node::images`.

use super::Open;
use super::exchange::{Exchange, Outcome};
use super::story::{Event, HopExt, hop};
use super::target::{Scheme, Target};
use super::travel::Spot;
use crate::api::core::Pod;
use crate::api::{Kind, ObjectRef};
use crate::msg;
use crate::node::images::unsure;
use crate::node::kubelet::waiting;
use crate::packet::{Flow, Protocol};
use crate::settings::CLIENT_OUTSIDE;
use crate::trace::{FieldRef, Hop, Place, Reason, Request, Verdict};

impl Exchange<'_> {
    /// The process behind a listener has the connection.
    pub fn process_answers(
        &mut self,
        pod: usize,
        (listener, found): (usize, &Open),
        seen: Flow,
        target: &Target,
        outcome: Outcome,
    ) -> Outcome {
        let no_tls = target.scheme == Scheme::Https && !found.tls;
        let status = (target.is_http() && !no_tls && found.http).then_some(200);
        self.tell.note(|| Event::ProcessAnswers { pod, listener, flow: seen, status, no_tls });
        Outcome { status, ..outcome }
    }

    /// A ping: the kernel behind the address answers, and no program takes part.
    pub fn echo(&mut self, spot: Spot, seen: Flow) -> Outcome {
        if let Some(outcome) = self.absent_answers(seen, Protocol::Icmp, false).filter(|_| spot == Spot::Server) {
            return outcome;
        }
        let (place, objects) = self.travel(Protocol::Icmp).place_of(spot);
        let pod = match spot {
            Spot::Pod(pod) => Some(pod),
            _ => None,
        };
        let guest = pod.and_then(|pod| self.world.pods.get(pod));
        self.tell.hop(|| {
            let (name, from) = (place.to_string(), seen.src.ip);
            let text = msg!("hop.ProcessAnswers.text.ping", at = name, to = seen.dst.ip, from = from);
            hop(place, Reason::ProcessAnswers, text).flow(seen, seen).about(objects)
        });
        Outcome {
            pod,
            pod_ip: guest.map(|guest| guest.ip),
            node: guest.map(|guest| guest.node),
            source_seen: Some(seen.src.ip),
            ..Outcome::new(Verdict::Delivered, None)
        }
    }

    /// A server outside the cluster takes whatever comes.
    pub fn server_answers(&mut self, seen: Flow, target: &Target, request: &Request) -> Outcome {
        if let Some(outcome) = self.absent_answers(seen, target.protocol, target.is_http()) {
            return outcome;
        }
        // The client speaks to the name that it was told, whatever other name DNS put behind it.
        let tls = target.scheme == Scheme::Https;
        let mut hosts = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("host"));
        let host = hosts.next().filter(|_| !tls).map_or(target.host.as_str(), |(_, host)| host.as_str());
        let alias = target.alias.as_ref().filter(|alias| target.is_http() && !host.eq_ignore_ascii_case(alias));
        let status = (target.is_http() && !(tls && alias.is_some())).then_some(200);
        let named = self.world.named.contains(&seen.dst.ip);
        self.tell.hop(|| {
            let text = match alias {
                _ if named => msg!("hop.ProcessAnswers.text.server.named", to = seen.dst, from = seen.src.ip),
                Some(alias) if tls => {
                    msg!("hop.ProcessAnswers.text.server.tls", to = seen.dst, host = host, alias = alias)
                }
                Some(alias) => msg!("hop.ProcessAnswers.text.server.host", to = seen.dst, host = host, alias = alias),
                None if seen.src.ip == CLIENT_OUTSIDE => msg!("hop.ProcessAnswers.text.server.client", to = seen.dst),
                None => msg!("hop.ProcessAnswers.text.server", to = seen.dst, from = seen.src.ip),
            };
            hop(Place::Outside(target.host.clone()), Reason::ProcessAnswers, text).flow(seen, seen)
        });
        if let Some(alias) = alias {
            self.tell.assume(|| match tls {
                true => msg!("assume.tlsName", alias = alias, host = host),
                false => msg!("assume.hostHeader", alias = alias, host = host),
            });
        }
        Outcome { status, port: Some(seen.dst.port), ..Outcome::new(Verdict::Delivered, None) }
    }
}

/// The hop of a packet that the Pod's kernel refuses.
pub(super) fn nothing_listens(pod: &Pod, place: Place, (seen, protocol): (Flow, Protocol), open: &[Open], loopback: bool) -> Hop {
    // Protocols are named where they differ: a port of UDP is not the port of TCP with the same number.
    let mixed = open.iter().any(|open| open.listener.protocol != protocol);
    let of = |port: u16, protocol: Protocol| if mixed { format!("{port}/{}", protocol.api_name()) } else { port.to_string() };
    let ports: Vec<String> = open.iter().map(|open| of(open.listener.port, open.listener.protocol)).collect();
    let (name, ports, port, number) = (&pod.metadata.name, ports.join(", "), of(seen.dst.port, protocol), seen.dst.port);
    if let Some((container, reason)) = waiting(pod).filter(|_| !loopback) {
        let text = msg!("hop.NothingListens.text.stopped", pod = name, container = container, reason = reason, port = port);
        return hop(place, Reason::NothingListens, text).ends(seen);
    }
    let guess = unsure(pod).is_some();
    let text = match (protocol, loopback) {
        (Protocol::Udp, true) => msg!("hop.NothingListens.text.udp.loopback", pod = name, port = seen.dst.port),
        (_, true) => msg!("hop.NothingListens.text.loopback", pod = name, port = seen.dst.port),
        (Protocol::Udp, _) if guess && open.is_empty() => {
            msg!("hop.NothingListens.text.assumed.udp.none", pod = name, number = number)
        }
        (Protocol::Udp, _) if guess => msg!("hop.NothingListens.text.assumed.udp", pod = name, number = number, ports = ports),
        _ if guess && open.is_empty() => msg!("hop.NothingListens.text.assumed.none", pod = name, port = port),
        _ if guess => msg!("hop.NothingListens.text.assumed", pod = name, port = port, ports = ports),
        (Protocol::Udp, _) if open.is_empty() => {
            msg!("hop.NothingListens.text.udp.none", pod = name, port = port, number = number)
        }
        (Protocol::Udp, _) => msg!("hop.NothingListens.text.udp", pod = name, port = port, number = number, ports = ports),
        _ if open.is_empty() => msg!("hop.NothingListens.text.none", pod = name, port = port),
        _ => msg!("hop.NothingListens.text", pod = name, port = port, ports = ports),
    };
    // What keeps the port to the Pod itself: an argument or an annotation.
    let kept = open.iter().map(|open| &open.listener).find(|own| loopback && own.port == seen.dst.port && !own.field.is_empty());
    let object = ObjectRef::new(Kind::Pod, &pod.metadata.namespace, name);
    let because = kept.map(|own| FieldRef { object, path: own.field.clone() });
    hop(place, Reason::NothingListens, text).ends(seen).because(because.into_iter().collect())
}
