//! What a Pod's process makes of a connection: takes it, answers a request, cannot understand it; or no process is there.
//!
//! A port that nobody listens on is answered by the Pod's kernel: TCP with RST, UDP with ICMP port unreachable. Who speaks HTTP and
//! who speaks TLS is judged by `node::images`.

use super::exchange::{Exchange, Outcome, template_fields};
use super::story::{HopExt, Tell, hop};
use super::target::{Scheme, Target};
use super::travel::Spot;
use crate::api::ObjectRef;
use crate::api::core::Pod;
use crate::msg;
use crate::node::images::{Listener, speaks_http, speaks_tls};
use crate::packet::{Flow, Protocol};
use crate::trace::{FieldRef, Hop, Place, Reason, Verdict};

impl<T: Tell> Exchange<'_, T> {
    /// The process behind a listener has the connection.
    pub fn process_answers(
        &mut self,
        pod: &Pod,
        (place, object): (Place, ObjectRef),
        found: &Listener,
        seen: Flow,
        target: &Target,
        outcome: Outcome,
    ) -> Outcome {
        let (name, port) = (&pod.metadata.name, seen.dst.port);
        let no_tls = target.scheme == Scheme::Https && !speaks_tls(pod, found);
        let status = (target.is_http() && !no_tls && speaks_http(pod, found)).then_some(200);
        self.tell.hop(|| {
            let text = match status {
                Some(status) => msg!("hop.ProcessAnswers.text.http", pod = name, port = port, status = status),
                None if no_tls => msg!("hop.ProcessAnswers.text.noTls", pod = name, port = port),
                None => msg!("hop.ProcessAnswers.text", pod = name, port = port),
            };
            let path = if found.field.is_empty() { "spec.containers".to_string() } else { found.field.clone() };
            let field = FieldRef { object: object.clone(), path };
            hop(place, Reason::ProcessAnswers, text)
                .flow(seen, seen)
                .about(vec![object])
                .because(template_fields(self.cluster, field))
        });
        if no_tls {
            self.tell.assume(|| msg!("assume.noTls", pod = name, port = port));
        }
        Outcome { status, ..outcome }
    }

    /// A ping: the kernel behind the address answers, and no program takes part.
    pub fn echo(&mut self, spot: Spot, seen: Flow) -> Outcome {
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
    pub fn server_answers(&mut self, seen: Flow, target: &Target) -> Outcome {
        let status = target.is_http().then_some(200);
        self.tell.hop(|| {
            let text = msg!("hop.ProcessAnswers.text.server", to = seen.dst, from = seen.src.ip);
            hop(Place::Outside(target.host.clone()), Reason::ProcessAnswers, text).flow(seen, seen)
        });
        Outcome { status, port: Some(seen.dst.port), ..Outcome::new(Verdict::Delivered, None) }
    }
}

/// The hop of a packet that the Pod's kernel refuses.
pub(super) fn nothing_listens(
    pod: &Pod,
    place: Place,
    object: ObjectRef,
    (seen, protocol): (Flow, Protocol),
    open: &[Listener],
    loopback: bool,
) -> Hop {
    // Protocols are named where they differ: a port of UDP is not the port of TCP with the same number.
    let mixed = open.iter().any(|listener| listener.protocol != protocol);
    let of = |port: u16, protocol: Protocol| if mixed { format!("{port}/{}", protocol.api_name()) } else { port.to_string() };
    let ports: Vec<String> = open.iter().map(|listener| of(listener.port, listener.protocol)).collect();
    let (name, ports, port, number) = (&pod.metadata.name, ports.join(", "), of(seen.dst.port, protocol), seen.dst.port);
    let text = match (protocol, loopback) {
        (Protocol::Udp, true) => msg!("hop.NothingListens.text.udp.loopback", pod = name, port = seen.dst.port),
        (_, true) => msg!("hop.NothingListens.text.loopback", pod = name, port = seen.dst.port),
        (Protocol::Udp, _) if open.is_empty() => {
            msg!("hop.NothingListens.text.udp.none", pod = name, port = port, number = number)
        }
        (Protocol::Udp, _) => msg!("hop.NothingListens.text.udp", pod = name, port = port, number = number, ports = ports),
        _ if open.is_empty() => msg!("hop.NothingListens.text.none", pod = name, port = port),
        _ => msg!("hop.NothingListens.text", pod = name, port = port, ports = ports),
    };
    hop(place, Reason::NothingListens, text).ends(seen).about(vec![object])
}
