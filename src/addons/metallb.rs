//! MetalLB in layer 2 mode: which node answers for a load balancer's address. No machine stands in between.
//!
//! Follows `ShouldAnnounce` in MetalLB's `speaker/layer2_controller.go` (0.15): without an endpoint that can serve, nobody announces;
//! candidates are the nodes with a live speaker that are not excluded from load balancers and whose network is set up, under externalTrafficPolicy Local only those
//! with an endpoint of their own; the lowest SHA-256 of `node#address` wins. Assumed: a speaker on every node, unless the
//! cluster's Pods show otherwise; one default pool and L2Advertisement for all.

pub mod allocation;

use crate::api::core::{Node, Pod, PodSpec, Service};
use crate::api::discovery::{EndpointConditions, EndpointSlice};
use crate::cluster::{Cluster, Store};
use sha2::{Digest, Sha256};
use std::net::Ipv4Addr;

/// Nodes with this label are no candidates.
pub const LABEL_EXCLUDE: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

/// The node that announces a Service's address; `None`: nobody does. A dead node's speaker is missed after a while only.
pub fn announcer<'a>(cluster: &'a Cluster, service: &Service, address: Ipv4Addr) -> Option<&'a str> {
    let off = |node: &Node| node.status.conditions.iter().any(|own| own.type_ == "NetworkUnavailable" && own.status == "True");
    let nodes = cluster.store.nodes.values().filter(|node| !node.metadata.labels.contains_key(LABEL_EXCLUDE) && !off(node));
    let speakers: Vec<&Pod> = cluster.store.all::<Pod>().filter(|pod| is_speaker(&pod.spec)).collect();
    let is_ready = |pod: &Pod| pod.status.conditions.iter().any(|own| own.type_ == "Ready" && own.status == "True");
    let speaks = |node: &str| speakers.is_empty() || speakers.iter().any(|pod| pod.spec.node_name == node && is_ready(pod));
    let speaking = nodes.map(|node| node.metadata.name.as_str());
    let speaking = speaking.filter(|node| cluster.load_balancer_trusts(node) && speaks(node));
    let local = service.spec.external_traffic_policy == "Local";
    let serving = serving_nodes(&cluster.store, service);
    if serving.is_empty() {
        return None;
    }
    let candidates = speaking.filter(|node| !local || serving.iter().any(|other| other.as_deref() == Some(*node)));
    candidates.min_by_key(|node| Sha256::digest(format!("{node}#{address}")))
}

/// Whether a Pod is one of MetalLB's speakers, by its image: `quay.io/metallb/speaker`, `bitnami/metallb-speaker`.
pub fn is_speaker(spec: &PodSpec) -> bool {
    let images = spec.containers.iter().map(|container| container.image.as_str());
    { images }.any(|image| image.contains("metallb/speaker") || image.contains("metallb-speaker"))
}

/// The nodes of the endpoints that can serve; an endpoint without a node counts, too.
fn serving_nodes(store: &Store, service: &Service) -> Vec<Option<String>> {
    let meta = &service.metadata;
    let own = |slice: &&EndpointSlice| slice.metadata.labels.get("kubernetes.io/service-name") == Some(&meta.name);
    let slices = store.in_namespace::<EndpointSlice>(&meta.namespace).filter(own);
    let endpoints = slices.flat_map(|slice| &slice.endpoints).filter(|endpoint| can_serve(&endpoint.conditions));
    endpoints.map(|endpoint| endpoint.node_name.clone()).collect()
}

/// `EndpointCanServe` in MetalLB's `internal/k8s/epslices`.
fn can_serve(conditions: &EndpointConditions) -> bool {
    conditions.ready.unwrap_or(true) || conditions.serving == Some(true)
}
