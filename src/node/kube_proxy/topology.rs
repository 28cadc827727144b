//! Which endpoints a node may use under each traffic policy.
//!
//! Follows `pkg/proxy/topology.go` with the feature gate `PreferSameTrafficDistribution` on, as it is since 1.35.

use super::{EndpointInfo, ProxyConfig, ServicePortInfo};
use crate::netfilter::Meaning;
use crate::trace::FieldRef;
use std::collections::BTreeMap;

/// The usable endpoints of one Service port on one node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Endpoints<'a> {
    /// For traffic under policy Cluster.
    pub cluster: Vec<&'a EndpointInfo>,
    /// For traffic under policy Local.
    pub local: Vec<&'a EndpointInfo>,
    /// Both together.
    pub reachable: Vec<&'a EndpointInfo>,
    /// Whether there is a usable endpoint anywhere.
    pub any: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TopologyMode {
    All,
    PreferSameNode,
    PreferSameZone,
}

/// `CategorizeEndpoints`: ready endpoints first; where there are none, those that terminate and still serve, for Cluster and
/// Local independently.
pub fn categorize_endpoints<'a>(port: &'a ServicePortInfo, config: &ProxyConfig) -> Endpoints<'a> {
    let all = &port.endpoints;
    let mut found = Endpoints::default();
    let mode = topology_mode(all, config);
    let still_serving = |endpoint: &&EndpointInfo| endpoint.serving && endpoint.terminating;
    if port.uses_cluster_endpoints() {
        found.cluster = all.iter().filter(|endpoint| endpoint.ready && available(endpoint, mode, config)).collect();
        if found.cluster.is_empty() {
            found.cluster = all.iter().filter(still_serving).collect();
        }
        found.any = !found.cluster.is_empty();
    }
    if !port.uses_local_endpoints() {
        found.reachable.clone_from(&found.cluster);
        return found;
    }
    found.any |= all.iter().any(|endpoint| endpoint.ready || still_serving(&endpoint));
    let local = || all.iter().filter(|endpoint| endpoint.is_local);
    found.local = local().filter(|endpoint| endpoint.ready).collect();
    if found.local.is_empty() {
        found.local = local().filter(still_serving).collect();
    }
    let both = found.cluster.iter().chain(&found.local);
    found.reachable = both.map(|endpoint| (endpoint.text(), *endpoint)).collect::<BTreeMap<_, _>>().into_values().collect();
    found
}

impl ServicePortInfo {
    /// Why just these endpoints are picked from: all that are ready, those hinted for this node, or the last that still serve.
    pub(super) fn picking(&self, endpoints: &Endpoints<'_>, chosen: &[&EndpointInfo]) -> (Meaning, Vec<FieldRef>) {
        let mut because = self.selection();
        let ready = self.endpoints.iter().filter(|endpoint| endpoint.ready).count();
        let Some(first) = chosen.first().filter(|first| first.ready) else { return (Meaning::PickTerminating, because) };
        if !std::ptr::eq(chosen, endpoints.cluster.as_slice()) || chosen.len() == ready {
            return (Meaning::Pick, because);
        }
        let hints = FieldRef { object: first.field.object.clone(), path: format!("{}.hints", first.field.path) };
        because.insert(0, if self.distributed { self.field("spec.trafficDistribution".into()) } else { hints });
        (Meaning::PickHinted, because)
    }
}

fn topology_mode(endpoints: &[EndpointInfo], config: &ProxyConfig) -> TopologyMode {
    let ready = || endpoints.iter().filter(|endpoint| endpoint.ready);
    let hinted = |hints: fn(&EndpointInfo) -> &[String], name: &String| {
        ready().all(|endpoint| !hints(endpoint).is_empty()) && ready().any(|endpoint| hints(endpoint).contains(name))
    };
    if hinted(|endpoint| &endpoint.node_hints, &config.node_name) {
        TopologyMode::PreferSameNode
    } else if hinted(|endpoint| &endpoint.zone_hints, &config.zone) {
        TopologyMode::PreferSameZone
    } else {
        TopologyMode::All
    }
}

fn available(endpoint: &EndpointInfo, mode: TopologyMode, config: &ProxyConfig) -> bool {
    match mode {
        TopologyMode::All => true,
        TopologyMode::PreferSameNode => endpoint.node_hints.contains(&config.node_name),
        TopologyMode::PreferSameZone => endpoint.zone_hints.contains(&config.zone),
    }
}
