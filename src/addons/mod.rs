//! What is added to a cluster: CoreDNS, the Ingress controller.
