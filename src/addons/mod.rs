//! What is added to a cluster: CoreDNS, the Ingress controller; and the DNS of the world outside, which both lean on.

pub mod coredns;
pub mod ingress_controller;
pub mod public_dns;
