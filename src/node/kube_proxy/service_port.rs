//! Ports of Services as kube-proxy sees them.
//!
//! Follows `pkg/proxy/serviceport.go`, `servicechangetracker.go` and `util/utils.go`.

use super::endpoint::{EndpointInfo, endpoints_map, slices_by_service};
use super::{parse_cidr_sloppy, parse_ip_sloppy};
use crate::api::ObjectRef;
use crate::api::core::{Service, ServicePort};
use crate::api::discovery::EndpointSlice;
use crate::api::meta::IntOrString;
use crate::cluster::Store;
use crate::netfilter::{Cidr, Meaning, Origin};
use crate::packet::Protocol;
use crate::trace::FieldRef;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// A Service with this label is another proxy's.
pub const LABEL_SERVICE_PROXY_NAME: &str = "service.kubernetes.io/service-proxy-name";

/// One port of a Service.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct ServicePortInfo {
    /// `default/web:http`; no colon for an unnamed port.
    pub name: String,
    pub service: ObjectRef,
    /// Position in `spec.ports`.
    pub index: usize,
    pub protocol: Protocol,
    pub cluster_ip: Ipv4Addr,
    pub port: u16,
    /// 0: none.
    pub node_port: u16,
    pub external_ips: Vec<Ipv4Addr>,
    /// Load balancer addresses that the kernel itself takes (`ipMode: VIP`).
    pub load_balancer_vips: Vec<Ipv4Addr>,
    /// With their position in `spec.loadBalancerSourceRanges`.
    pub source_ranges: Vec<(usize, Cidr)>,
    /// Seconds for which a client sticks to its endpoint; `None` without session affinity.
    pub sticky_seconds: Option<u32>,
    pub external_policy_local: bool,
    pub internal_policy_local: bool,
    /// 0: none.
    pub health_check_node_port: u16,
    /// Without a selector somebody else writes the slices.
    pub has_selector: bool,
    /// Its targetPort is a name, which Pods may lack.
    pub named_target: bool,
    /// Whether `trafficDistribution` asks for hints in its slices.
    pub distributed: bool,
    /// All endpoints, in any state.
    pub endpoints: Vec<EndpointInfo>,
}

impl ServicePortInfo {
    /// What orders ports.
    pub(super) fn key(&self) -> (&str, Protocol) {
        (&self.name, self.protocol)
    }

    /// Whether it can be reached by more than its cluster address.
    pub fn externally_accessible(&self) -> bool {
        self.node_port != 0 || !self.load_balancer_vips.is_empty() || !self.external_ips.is_empty()
    }

    /// Whether some of its traffic may go to every endpoint. Even under external policy Local, the cluster's own does.
    pub fn uses_cluster_endpoints(&self) -> bool {
        !self.internal_policy_local || self.externally_accessible()
    }

    /// Whether some of its traffic stays on the node.
    pub fn uses_local_endpoints(&self) -> bool {
        self.internal_policy_local || (self.external_policy_local && self.externally_accessible())
    }

    /// A field of the Service.
    pub(super) fn field(&self, path: String) -> FieldRef {
        FieldRef { object: self.service.clone(), path }
    }

    /// `spec.ports[i].` with a field of the port.
    pub(super) fn port_field(&self, name: &str) -> FieldRef {
        self.field(format!("spec.ports[{}].{name}", self.index))
    }

    /// Why a rule of this port is there.
    pub(super) fn origin(&self, meaning: Meaning, because: Vec<FieldRef>) -> Arc<Origin> {
        Arc::new(Origin { meaning, because, service_port: self.name.clone() })
    }

    /// The fields that may leave it without endpoints: the selector, and the name of a port, in slices that others write or of the
    /// Pods' own. A number is every Pod's.
    pub(super) fn no_endpoints(&self) -> Vec<FieldRef> {
        let mut because = if self.has_selector { self.selection() } else { vec![self.port_field("name")] };
        because.extend((self.has_selector && self.named_target).then(|| self.port_field("targetPort")));
        because
    }

    /// The field that chooses the endpoints: the selector; none where the slices are written by somebody else.
    pub(super) fn selection(&self) -> Vec<FieldRef> {
        if self.has_selector { vec![self.field("spec.selector".into())] } else { Vec::new() }
    }
}

/// All ports of all Services, by name and protocol: the order in which rules are printed.
pub type ServicePorts = Vec<Arc<ServicePortInfo>>;

/// The Service ports for which a node's kube-proxy writes rules: not of headless and ExternalName Services, nor of those that
/// another proxy serves.
pub fn service_ports(store: &Store, node: &str) -> ServicePorts {
    ChangeTracker::default().update(store, node).ports()
}

/// What a node's kube-proxy made of each Service: `ServiceChangeTracker` and `EndpointsChangeTracker` in one. A change costs what
/// it touches.
#[derive(Clone, Debug, Default)]
pub struct ChangeTracker {
    /// By namespace and name.
    services: Vec<Arc<Tracked>>,
}

#[derive(Debug)]
struct Tracked {
    service: Arc<Service>,
    slices: Vec<Arc<EndpointSlice>>,
    ports: ServicePorts,
}

impl ChangeTracker {
    /// Looks at the objects: a Service that is still the same, with the same slices, keeps its ports.
    pub fn update(&self, store: &Store, node: &str) -> ChangeTracker {
        // Services, their slices and what was made of them are in the same order.
        let slices = slices_by_service(store);
        let (mut slices, mut before) = (slices.into_iter().peekable(), self.services.iter().peekable());
        let mut services = Vec::with_capacity(store.services.len());
        let mut own = Vec::new();
        for service in store.services.values() {
            let key = (service.metadata.namespace.as_str(), service.metadata.name.as_str());
            own.clear();
            while let Some((of, slice)) = slices.next_if(|(of, _)| *of <= key) {
                own.extend(Some(slice).filter(|_| of == key));
            }
            let mut known = None;
            while let Some(earlier) = before.next_if(|earlier| earlier.key() <= key) {
                known = Some(earlier).filter(|known| known.is_of(service, &own));
            }
            services.push(known.map_or_else(|| Arc::new(Tracked::new(service, &own, node)), Arc::clone));
        }
        ChangeTracker { services }
    }

    /// Whether nothing changed in between.
    pub fn is_same(&self, other: &ChangeTracker) -> bool {
        let pairs = self.services.iter().zip(&other.services);
        self.services.len() == other.services.len() && pairs.into_iter().all(|(one, other)| Arc::ptr_eq(one, other))
    }

    /// The ports of all Services.
    pub fn ports(&self) -> ServicePorts {
        let mut ports: ServicePorts = self.services.iter().flat_map(|known| &known.ports).cloned().collect();
        ports.sort_by(|one, other| one.key().cmp(&other.key()));
        ports
    }
}

impl Tracked {
    fn new(service: &Arc<Service>, slices: &[&Arc<EndpointSlice>], node: &str) -> Tracked {
        let mut endpoints = endpoints_map(slices, node);
        let mut ports = ServicePorts::new();
        let cluster_ip = proxied_ip(service);
        for (index, port) in service.spec.ports.iter().enumerate() {
            let info = cluster_ip.and_then(|cluster_ip| service_port_info(service, cluster_ip, index, port));
            let Some(mut info) = info else { continue };
            let set = endpoints.remove(&(port.name.as_str(), info.protocol));
            info.endpoints = set.map(|set| set.into_values().collect()).unwrap_or_default();
            // Of two ports with one name the last counts.
            ports.retain(|other: &Arc<ServicePortInfo>| other.key() != info.key());
            ports.push(Arc::new(info));
        }
        Tracked { service: Arc::clone(service), slices: slices.iter().map(|slice| Arc::clone(slice)).collect(), ports }
    }

    fn key(&self) -> (&str, &str) {
        (&self.service.metadata.namespace, &self.service.metadata.name)
    }

    fn is_of(&self, service: &Arc<Service>, slices: &[&Arc<EndpointSlice>]) -> bool {
        let pairs = self.slices.iter().zip(slices);
        Arc::ptr_eq(&self.service, service)
            && self.slices.len() == slices.len()
            && pairs.into_iter().all(|(one, other)| Arc::ptr_eq(one, other))
    }
}

pub(super) fn proxied_ip(service: &Service) -> Option<Ipv4Addr> {
    let spec = &service.spec;
    if !service.has_rules() || service.metadata.labels.contains_key(LABEL_SERVICE_PROXY_NAME) {
        return None;
    }
    spec.cluster_ips.iter().chain([&spec.cluster_ip]).find_map(|ip| parse_ip_sloppy(ip))
}

fn service_port_info(service: &Service, cluster_ip: Ipv4Addr, index: usize, port: &ServicePort) -> Option<ServicePortInfo> {
    let spec = &service.spec;
    let meta = &service.metadata;
    let colon = if port.name.is_empty() { "" } else { ":" };
    let external_policy_local = spec.external_traffic_policy == "Local" && externally_accessible(service);
    let needs_health_check = external_policy_local && spec.type_ == "LoadBalancer";
    let health_check_node_port = if needs_health_check { spec.health_check_node_port } else { 0 };
    Some(ServicePortInfo {
        name: format!("{}/{}{colon}{}", meta.namespace, meta.name, port.name),
        service: ObjectRef::of(service),
        index,
        protocol: Protocol::of_api(&port.protocol)?,
        cluster_ip,
        port: u16::try_from(port.port).ok()?,
        node_port: u16::try_from(port.node_port).ok()?,
        external_ips: spec.external_ips.iter().filter_map(|ip| parse_ip_sloppy(ip)).collect(),
        load_balancer_vips: load_balancer_vips(service),
        source_ranges: source_ranges(&spec.load_balancer_source_ranges),
        sticky_seconds: sticky_seconds(service),
        external_policy_local,
        internal_policy_local: spec.internal_traffic_policy.as_deref() == Some("Local"),
        health_check_node_port: u16::try_from(health_check_node_port).ok()?,
        has_selector: !spec.selector.is_empty(),
        named_target: matches!(port.target_port, IntOrString::String(_)),
        distributed: spec.traffic_distribution.is_some(),
        endpoints: Vec::new(),
    })
}

/// `ExternallyAccessible` of `pkg/api/v1/service`.
fn externally_accessible(service: &Service) -> bool {
    match service.spec.type_.as_str() {
        "LoadBalancer" | "NodePort" => true,
        "ClusterIP" | "" => !service.spec.external_ips.is_empty(),
        _ => false,
    }
}

pub(super) fn load_balancer_vips(service: &Service) -> Vec<Ipv4Addr> {
    let ingress = service.status.load_balancer.ingress.iter();
    ingress
        .filter(|ingress| ingress.ip_mode.as_deref().is_none_or(|mode| mode == "VIP"))
        .filter_map(|ingress| parse_ip_sloppy(&ingress.ip))
        .collect()
}

/// A range of all addresses is the same as no ranges.
fn source_ranges(texts: &[String]) -> Vec<(usize, Cidr)> {
    let ranges: Vec<_> = texts.iter().enumerate().filter_map(|(index, text)| Some((index, parse_cidr_sloppy(text)?))).collect();
    if ranges.iter().any(|(_, range)| range.bits == 0) { Vec::new() } else { ranges }
}

fn sticky_seconds(service: &Service) -> Option<u32> {
    const DEFAULT: i32 = 10800;
    let config = service.spec.session_affinity_config.as_ref();
    let seconds = config.and_then(|config| config.client_ip.as_ref()).and_then(|client_ip| client_ip.timeout_seconds);
    (service.spec.session_affinity == "ClientIP").then(|| u32::try_from(seconds.unwrap_or(DEFAULT)).unwrap_or(0))
}
