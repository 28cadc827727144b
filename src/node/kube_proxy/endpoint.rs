//! The addresses behind the ports of Services, collected from EndpointSlices.
//!
//! Follows `pkg/proxy/endpointslicecache.go` and `endpoint.go`.

use super::parse_ip_sloppy;
use crate::api::ObjectRef;
use crate::api::discovery::{Endpoint, EndpointPort, EndpointSlice};
use crate::cluster::Store;
use crate::packet::Protocol;
use crate::trace::FieldRef;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

const LABEL_SERVICE_NAME: &str = "kubernetes.io/service-name";
const LABEL_HEADLESS: &str = "service.kubernetes.io/headless";

/// One address and port behind a Service port.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct EndpointInfo {
    pub ip: Ipv4Addr,
    pub port: u16,
    /// Runs on this kube-proxy's node.
    pub is_local: bool,
    pub ready: bool,
    pub serving: bool,
    pub terminating: bool,
    /// Zones for which the slice hints it.
    pub zone_hints: Vec<String>,
    /// Nodes for which the slice hints it.
    pub node_hints: Vec<String>,
    /// Where it stands in its slice.
    pub field: FieldRef,
}

impl EndpointInfo {
    /// `10.244.1.4:80`
    pub fn text(&self) -> String {
        format!("{}:{}", self.ip, self.port)
    }
}

/// A port of a Service: its name and protocol.
pub(super) type PortKey<'a> = (&'a str, Protocol);

/// Endpoints by their text, which is also their order: `10.244.1.10:80` comes before `10.244.1.1:80`.
pub(super) type EndpointMap<'a> = BTreeMap<PortKey<'a>, BTreeMap<String, EndpointInfo>>;

/// The slices that kube-proxy reads, with the namespace and name of their Service, in the order of these.
pub(super) fn slices_by_service(store: &Store) -> Vec<((&str, &str), &Arc<EndpointSlice>)> {
    let mut slices = Vec::with_capacity(store.endpoint_slices.len());
    for slice in store.endpoint_slices.values() {
        let labels = &slice.metadata.labels;
        if slice.address_type != "IPv4" || labels.contains_key(LABEL_HEADLESS) {
            continue;
        }
        let Some(service) = labels.get(LABEL_SERVICE_NAME).filter(|name| !name.is_empty()) else { continue };
        slices.push(((slice.metadata.namespace.as_str(), service.as_str()), slice));
    }
    slices.sort_by(|one, other| one.0.cmp(&other.0));
    slices
}

/// The endpoints behind each port of a Service, as a node's kube-proxy knows them.
pub(super) fn endpoints_map<'a>(slices: &[&'a Arc<EndpointSlice>], node: &str) -> EndpointMap<'a> {
    let mut map = EndpointMap::new();
    for slice in slices {
        for port in &slice.ports {
            let Some((key, number)) = port_key(port) else { continue };
            add_endpoints(map.entry(key).or_default(), slice, number, node);
        }
    }
    map
}

fn port_key(port: &EndpointPort) -> Option<(PortKey<'_>, u16)> {
    let number = port.port.and_then(|number| u16::try_from(number).ok()).filter(|number| *number != 0)?;
    let protocol = Protocol::of_api(port.protocol.as_deref().unwrap_or_default())?;
    Some(((port.name.as_deref().unwrap_or_default(), protocol), number))
}

fn add_endpoints(set: &mut BTreeMap<String, EndpointInfo>, slice: &EndpointSlice, port: u16, node: &str) {
    for (index, endpoint) in slice.endpoints.iter().enumerate() {
        let Some(ip) = endpoint.addresses.first().and_then(|address| parse_ip_sloppy(address)) else { continue };
        let field = FieldRef { object: ObjectRef::of(slice), path: format!("endpoints[{index}]") };
        let info = endpoint_info(endpoint, ip, port, node, field);
        let text = info.text();
        // Two Pods may share an address while one of them terminates: the one that stays wins.
        if !info.terminating || !set.contains_key(&text) {
            set.insert(text, info);
        }
    }
}

fn endpoint_info(endpoint: &Endpoint, ip: Ipv4Addr, port: u16, node: &str, field: FieldRef) -> EndpointInfo {
    let conditions = &endpoint.conditions;
    let hints = endpoint.hints.as_ref();
    EndpointInfo {
        ip,
        port,
        is_local: !node.is_empty() && endpoint.node_name.as_deref() == Some(node),
        ready: conditions.ready.unwrap_or(true),
        serving: conditions.serving.unwrap_or(true),
        terminating: conditions.terminating.unwrap_or(false),
        zone_hints: hints.map(|hints| hints.for_zones.iter().map(|zone| zone.name.clone()).collect()).unwrap_or_default(),
        node_hints: hints.map(|hints| hints.for_nodes.iter().map(|node| node.name.clone()).collect()).unwrap_or_default(),
        field,
    }
}
