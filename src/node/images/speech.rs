//! What the program behind a listener speaks: HTTP, TLS, or neither.

use super::known::{self, Kind};
use super::{Basis, Listener, arguments, replaces_program};
use crate::api::core::{Container, Pod};
use crate::packet::Protocol;

/// Ports whose usual programs take a connection and speak no HTTP: DNS, databases, queues.
const NOT_HTTP: [u16; 13] = [53, 1433, 2181, 3306, 4222, 4369, 5432, 5672, 6379, 9092, 11211, 25672, 27017];

/// Ports whose usual programs speak TLS.
const TLS: [u16; 4] = [443, 6443, 8443, 9443];

/// Whether the program behind a listener answers HTTP requests. A known program of one port speaks the same on any other: an
/// argument changes the port, not the protocol. Otherwise the port tells.
pub fn speaks_http(pod: &Pod, listener: &Listener) -> bool {
    let container = pod.spec.containers.iter().find(|container| container.name == listener.container);
    let row = container.and_then(|container| {
        known::row(&container.image).filter(|row| !replaces_program(container, &arguments::words(container), Some(row)))
    });
    let usual = match row.map(|row| row.tcp) {
        Some([usual]) => *usual,
        _ => listener.port,
    };
    let fpm = container.is_some_and(|container| known::is_fpm(&container.image));
    listener.protocol == Protocol::Tcp && !NOT_HTTP.contains(&usual) && !(fpm && usual == 9000)
}

/// Whether the program behind a listener is known to speak HTTP without TLS: an image of one port, at that port.
pub fn speaks_plain_http(pod: &Pod, listener: &Listener) -> bool {
    let image = |container: &&Container| container.name == listener.container;
    let row = pod.spec.containers.iter().find(image).and_then(|container| known::row(&container.image));
    let fixed = row.is_some_and(|row| row.kind == Kind::Fixed && row.tcp.contains(&listener.port));
    fixed && matches!(listener.basis, Basis::Known(_)) && speaks_http(pod, listener) && !speaks_tls(pod, listener)
}

/// Whether the program behind a listener takes a TLS handshake: on the usual ports, and where the container names its port `https`.
pub fn speaks_tls(pod: &Pod, listener: &Listener) -> bool {
    let mut ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
    let named = ports.any(|port| port.container_port == i32::from(listener.port) && port.name.starts_with("https"));
    named || TLS.contains(&listener.port)
}
