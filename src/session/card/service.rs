//! A Service's rarer fields, each with what it does in this cluster now. What they do follows kube-proxy (`pkg/proxy/topology.go`,
//! `serviceport.go`), the hints of `k8s.io/endpointslice/trafficdist`, and the providers of load balancers as they are played here.

use super::{Named, Setting, Topology};
use crate::addons::coredns::{CLUSTER_DOMAIN, Zone};
use crate::addons::pending::pending;
use crate::api::ObjectRef;
use crate::api::core::{Node, Service};
use crate::api::discovery::Endpoint;
use crate::cluster::Cluster;
use crate::data_plane::distribution::{distribution, listed, ready, slices};
use crate::msg;
use crate::session::offers;
use crate::settings::Provider;
use crate::trace::FieldRef;
use crate::words::Message;

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
        self.list.push(Setting { name: name.into(), value, text, because, call: String::new() });
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
        let call = cluster.store.all::<Node>().next().and_then(|node| offers::health_check(node, service)).unwrap_or_default();
        rows.list.last_mut().into_iter().for_each(|row| {
            row.because.push(policy.clone());
            row.call.clone_from(&call);
        });
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

fn nodes_with_endpoints(cluster: &Cluster, service: &Service) -> String {
    listed(ready(cluster, service).filter_map(|endpoint| endpoint.node_name.as_deref()))
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

/// What CoreDNS says to who asks for the Service, and for each of its ports that has a name: the records of the DNS specification.
pub(super) fn names(cluster: &Cluster, service: &Service) -> Vec<Named> {
    let zone = Zone::of(&cluster.store);
    let domain = CLUSTER_DOMAIN.trim_end_matches('.');
    let own = format!("{}.{}.svc.{domain}", service.metadata.name, service.metadata.namespace);
    let ask = |name: String, kind: &str| {
        let result = zone.query(&name, kind, None);
        let mut answers: Vec<String> = result.answers.into_iter().filter(|own| own.kind == kind).map(|own| own.data).collect();
        if answers.is_empty() {
            answers.extend(result.rcode.filter(|code| code != "NOERROR"));
        }
        Named { name, kind: kind.to_string(), answers }
    };
    let alias = service.spec.type_ == "ExternalName";
    let named = service.spec.ports.iter().filter(|port| !port.name.is_empty() && !alias);
    let protocol = |text: &str| if text.is_empty() { "tcp".to_string() } else { text.to_lowercase() };
    let ports = named.map(|port| ask(format!("_{}._{}.{own}", port.name, protocol(&port.protocol)), "SRV"));
    let first = ask(own.clone(), if alias { "CNAME" } else { "A" });
    std::iter::once(first).chain(ports).collect()
}
