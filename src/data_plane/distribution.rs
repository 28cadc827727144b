//! What `trafficDistribution` comes to in this cluster now: hints in the slices (`k8s.io/endpointslice/trafficdist`), and kube-proxies that
//! follow them only where every ready endpoint has one and one of them is its own (`topologyModeFromHints` of `pkg/proxy/topology.go`).

use crate::api::core::{Node, Service};
use crate::api::discovery::{Endpoint, EndpointSlice};
use crate::cluster::Cluster;
use crate::msg;
use crate::words::Message;
use std::collections::BTreeSet;

const ZONE: &str = "topology.kubernetes.io/zone";

/// What a wish for near endpoints comes to.
pub fn distribution(cluster: &Cluster, service: &Service, wish: &str) -> Message {
    let meta = &service.metadata;
    let spec = &service.spec;
    if spec.internal_traffic_policy.as_deref() == Some("Local") && spec.type_ == "ClusterIP" && spec.external_ips.is_empty() {
        return msg!("object.distribution.local");
    }
    let endpoints: Vec<&Endpoint> = ready(cluster, service).collect();
    if endpoints.is_empty() {
        return msg!("object.distribution.none");
    }
    let zones = |endpoint: &&Endpoint| endpoint.hints.iter().any(|hints| !hints.for_zones.is_empty());
    let nodes = |endpoint: &&Endpoint| endpoint.hints.iter().any(|hints| !hints.for_nodes.is_empty());
    let count = |of: &dyn Fn(&&Endpoint) -> bool| endpoints.iter().filter(|endpoint| of(endpoint)).count();
    let (zoned, noded, all) = (count(&zones), count(&nodes), endpoints.len());
    let hinted = endpoints.iter().filter_map(|endpoint| endpoint.hints.as_ref());
    let by_zone = || listed(hinted.clone().flat_map(|hints| hints.for_zones.iter().map(|zone| zone.name.as_str())));
    let by_node = || listed(hinted.clone().flat_map(|hints| hints.for_nodes.iter().map(|node| node.name.as_str())));
    if noded == all && zoned == all {
        return msg!("object.distribution.node", nodes = by_node(), zones = by_zone());
    }
    if noded == all {
        return msg!("object.distribution.nodeOnly", nodes = by_node());
    }
    if zoned == all {
        return msg!("object.distribution.zone", zones = by_zone());
    }
    if zoned + noded > 0 {
        return msg!("object.distribution.some", with = zoned.max(noded), all = all);
    }
    let note = ["service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"];
    let first = note.into_iter().find_map(|key| Some((key, meta.annotations.get(key)?)));
    if let Some((key, _)) = first.filter(|(_, value)| matches!(value.as_str(), "Auto" | "auto")) {
        return msg!("object.distribution.annotated", annotation = key);
    }
    if spec.selector.is_empty() {
        return msg!("object.distribution.byHand");
    }
    let bare = cluster.store.all::<Node>().filter(|node| !node.metadata.labels.contains_key(ZONE));
    let bare = listed(bare.map(|node| node.metadata.name.as_str()));
    msg!("object.distribution.noZones", wish = wish, nodes = bare)
}

/// A Service's slices.
pub fn slices<'a>(cluster: &'a Cluster, service: &'a Service) -> impl Iterator<Item = &'a EndpointSlice> {
    let of = |slice: &&EndpointSlice| slice.metadata.labels.get("kubernetes.io/service-name") == Some(&service.metadata.name);
    cluster.store.in_namespace::<EndpointSlice>(&service.metadata.namespace).filter(of)
}

/// Its endpoints that are ready, or of which nothing is said.
pub fn ready<'a>(cluster: &'a Cluster, service: &'a Service) -> impl Iterator<Item = &'a Endpoint> {
    slices(cluster, service).flat_map(|slice| &slice.endpoints).filter(|endpoint| endpoint.conditions.ready != Some(false))
}

/// Names, each once; a dash where there are none.
pub fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: BTreeSet<&str> = names.collect();
    if names.is_empty() { "—".into() } else { names.into_iter().collect::<Vec<_>>().join(", ") }
}
