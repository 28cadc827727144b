//! A Service's rarer fields, each with what it does in this cluster now. What they do follows kube-proxy (`pkg/proxy/topology.go`,
//! `serviceport.go`), the hints of `k8s.io/endpointslice/trafficdist`, and the providers of load balancers as they are played here.

use super::{Setting, Topology};
use crate::addons::pending::pending;
use crate::api::ObjectRef;
use crate::api::core::{Node, Service};
use crate::api::discovery::{Endpoint, EndpointSlice};
use crate::cluster::Cluster;
use crate::msg;
use crate::settings::Provider;
use crate::trace::FieldRef;
use crate::words::Message;
use std::collections::BTreeSet;

const ZONE: &str = "topology.kubernetes.io/zone";

pub(super) fn settings(cluster: &Cluster, service: &Service) -> Vec<Setting> {
    let mut rows = Rows { service, list: Vec::new() };
    traffic(cluster, service, &mut rows);
    balancer(cluster, service, &mut rows);
    if service.spec.publish_not_ready_addresses {
        rows.add("publishNotReadyAddresses", "true".into(), msg!("object.publishNotReady"));
    }
    rows.list
}

struct Rows<'a> {
    service: &'a Service,
    list: Vec<Setting>,
}

impl Rows<'_> {
    fn add(&mut self, name: &str, value: String, text: Message) {
        let because = vec![self.field(name)];
        self.list.push(Setting { name: name.into(), value, text, because });
    }

    /// What only kube-proxy's rules carry out: a headless Service has none.
    fn by_rules(&mut self, name: &str, value: String, text: Message) {
        let headless = self.service.spec.cluster_ip == "None";
        self.add(name, value, if headless { msg!("object.noRules") } else { text });
    }

    fn field(&self, name: &str) -> FieldRef {
        FieldRef { object: ObjectRef::of(self.service), path: format!("spec.{name}") }
    }
}

/// Who goes where: affinity, distribution, policies, external addresses.
fn traffic(cluster: &Cluster, service: &Service, rows: &mut Rows) {
    let spec = &service.spec;
    if spec.session_affinity == "ClientIP" {
        let config = spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
        let seconds = config.and_then(|config| config.timeout_seconds).unwrap_or(10800);
        rows.by_rules("sessionAffinity", format!("ClientIP, {seconds} s"), msg!("object.affinity", seconds = seconds));
        let timeout = rows.field("sessionAffinityConfig.clientIP.timeoutSeconds");
        rows.list.last_mut().into_iter().for_each(|row| row.because.push(timeout.clone()));
    }
    if let Some(wish) = &spec.traffic_distribution {
        rows.by_rules("trafficDistribution", wish.clone(), distribution(cluster, service, wish));
    }
    if spec.internal_traffic_policy.as_deref() == Some("Local") {
        let text = msg!("object.internalLocal", nodes = nodes_with_endpoints(cluster, service));
        rows.by_rules("internalTrafficPolicy", "Local".into(), text);
    }
    if spec.external_traffic_policy == "Local" {
        let text = msg!("object.externalLocal", nodes = nodes_with_endpoints(cluster, service));
        rows.by_rules("externalTrafficPolicy", "Local".into(), text);
    }
    if !spec.external_ips.is_empty() {
        rows.by_rules("externalIPs", spec.external_ips.join(", "), msg!("object.externalIPs"));
    }
}

/// What only load balancers have.
fn balancer(cluster: &Cluster, service: &Service, rows: &mut Rows) {
    let spec = &service.spec;
    if spec.health_check_node_port != 0 {
        let text = msg!("object.healthCheck", port = spec.health_check_node_port);
        rows.add("healthCheckNodePort", spec.health_check_node_port.to_string(), text);
        // Who asks for policy Local gets one without a word.
        let policy = rows.field("externalTrafficPolicy");
        rows.list.last_mut().into_iter().for_each(|row| row.because.push(policy.clone()));
    }
    let ranges = &spec.load_balancer_source_ranges;
    if !ranges.is_empty() {
        let all = ranges.iter().any(|range| range.trim().ends_with("/0"));
        let text = if all { msg!("object.sourceRangesAll") } else { msg!("object.sourceRanges") };
        rows.add("loadBalancerSourceRanges", ranges.join(", "), text);
    }
    if spec.allocate_load_balancer_node_ports == Some(false) {
        let node_ports = spec.ports.iter().any(|port| port.node_port != 0);
        let needed = cluster.settings.load_balancer.provider == Provider::Cloud && !node_ports;
        let text = if needed { msg!("object.noNodePortsCloud") } else { msg!("object.noNodePorts") };
        rows.add("allocateLoadBalancerNodePorts", "false".into(), text);
    }
    if let Some(class) = &spec.load_balancer_class {
        let waits = pending(cluster, service).map(|(why, ..)| why);
        rows.add("loadBalancerClass", class.clone(), waits.unwrap_or_else(|| msg!("object.balancerClass", class = class)));
    }
}

fn slices<'a>(cluster: &'a Cluster, service: &'a Service) -> impl Iterator<Item = &'a EndpointSlice> {
    let of = |slice: &&EndpointSlice| slice.metadata.labels.get("kubernetes.io/service-name") == Some(&service.metadata.name);
    cluster.store.in_namespace::<EndpointSlice>(&service.metadata.namespace).filter(of)
}

fn ready<'a>(cluster: &'a Cluster, service: &'a Service) -> impl Iterator<Item = &'a Endpoint> {
    slices(cluster, service).flat_map(|slice| &slice.endpoints).filter(|endpoint| endpoint.conditions.ready != Some(false))
}

fn nodes_with_endpoints(cluster: &Cluster, service: &Service) -> String {
    listed(ready(cluster, service).filter_map(|endpoint| endpoint.node_name.as_deref()))
}

/// Names, each once; a dash where there are none.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: BTreeSet<&str> = names.collect();
    if names.is_empty() { "—".into() } else { names.into_iter().collect::<Vec<_>>().join(", ") }
}

/// What a wish for near endpoints comes to: hints in the slices, and kube-proxies that follow them only where every ready endpoint
/// has one and one of them is its own.
fn distribution(cluster: &Cluster, service: &Service, wish: &str) -> Message {
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

/// Of the endpoints that have a zone, or hints.
pub(super) fn topology(cluster: &Cluster, service: &Service) -> Vec<Topology> {
    let of = |endpoint: &Endpoint| {
        let hints = endpoint.hints.iter();
        let zones = hints.clone().flat_map(|hints| hints.for_zones.iter().map(|zone| zone.name.clone()));
        let nodes = hints.flat_map(|hints| hints.for_nodes.iter().map(|node| node.name.clone()));
        Topology {
            ip: endpoint.addresses.first().cloned().unwrap_or_default(),
            zone: endpoint.zone.clone().unwrap_or_default(),
            hints: zones.chain(nodes).collect(),
        }
    };
    let all = slices(cluster, service).flat_map(|slice| &slice.endpoints).map(of);
    all.filter(|topology| !topology.zone.is_empty() || !topology.hints.is_empty()).collect()
}
