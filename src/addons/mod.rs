//! What is added to a cluster: CoreDNS, the Ingress controller, load balancers; and the DNS of the world outside, which they lean on.

pub mod aws;
pub mod coredns;
pub mod ingress_controller;
pub mod kubeadm;
pub mod metallb;
pub mod pending;
pub mod public_dns;
