//! A Pod was called without a Service's rewriting: by its own address, by a name that gives this, or by its localhost. No targetPort
//! has a part in it then.

use super::Target;
use crate::api::core::Service;
use crate::cluster::Cluster;
use crate::msg;
use crate::packet::Protocol;
use crate::trace::{Hop, Place, Reason, Trace};
use crate::words::Message;
use std::net::Ipv4Addr;

/// Nothing listens in the Pod, and the packet came as the client sent it.
pub(super) fn called_directly(cluster: &Cluster, trace: &Trace, hop: &Hop) -> Option<Message> {
    let of_pod = hop.reason == Reason::NothingListens && matches!(hop.at, Place::Pod(..));
    if !of_pod || [".stopped", ".ended", ".loopback"].iter().any(|end| hop.text.id.ends_with(end)) {
        return None;
    }
    let to = hop.before?.dst;
    let sent = trace.hops.iter().find(|hop| hop.reason == Reason::Send && !hop.reply)?;
    let pod = hop.text.args.get("pod")?;
    if sent.before?.dst != to {
        return None;
    }
    if to.ip.is_loopback() {
        return Some(msg!("advice.podLocalhost.next", pod = pod));
    }
    let Some(ports) = hop.text.args.get("ports") else { return Some(msg!("advice.podPort.none.next", pod = pod)) };
    let host = Target::read(&trace.request.target, Protocol::Tcp)?.host;
    // A line of its own hosts file stands before DNS: a Service of the same name is not asked for.
    let own_file = |hop: &&Hop| hop.reason == Reason::LookupAnswer && matches!(hop.at, Place::Pod(..));
    if let (Some(_), Place::Pod(namespace, _)) = (trace.hops.first().filter(own_file), &hop.at) {
        return Some(match cluster.store.get::<Service>(namespace, &host).filter(|service| service.has_rules()) {
            Some(_) => msg!("advice.podPort.name.own.next", pod = pod, name = host, namespace = namespace, ports = ports),
            None => msg!("advice.podPort.next", pod = pod, ports = ports),
        });
    }
    Some(match host.parse::<Ipv4Addr>() {
        Ok(_) => msg!("advice.podPort.next", pod = pod, ports = ports),
        Err(_) => msg!("advice.podPort.name.next", pod = pod, name = host, ports = ports),
    })
}
