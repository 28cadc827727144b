//! A dump of a cluster with both address families: its IPv4 half is played, and every trace that it could change says so.
//!
//! In such a cluster the API server gives a Service an address of each family (`initIPFamilyFields` of
//! `pkg/registry/core/service/storage/alloc.go`). Left out: everything of IPv6, and so dumps that have nothing else.

use super::apiserver::{AdmittedObject, Object};
use crate::api::core::Service;
use crate::kubectl::{Manifest, Manifests};
use crate::netfilter::Cidr;
use serde_json::Value;
use std::net::Ipv4Addr;

/// Whether a dump shows that its cluster has both families: one of its Services has.
fn is_shown(manifests: &Manifests) -> bool {
    let two = |list: &Value| list.as_array().is_some_and(|list| list.len() == 2);
    let both = |manifest: &&Manifest| manifest.kind == "Service" && two(&manifest.value["spec"]["ipFamilies"]);
    manifests.documents.iter().map(AsRef::as_ref).any(|manifest| both(&manifest) && manifest.is_dumped())
}

/// What a dumped Pod or Service among them has of IPv6, and that none has an IPv4 address.
pub(super) fn has_ipv6_alone(manifests: &Manifests) -> bool {
    let mut six = false;
    for manifest in manifests.documents.iter().filter(|manifest| manifest.is_dumped()) {
        let (spec, status) = (&manifest.value["spec"], &manifest.value["status"]);
        let addresses = match manifest.kind.as_str() {
            "Service" => [&spec["clusterIP"], &spec["clusterIPs"][1]],
            "Pod" => [&status["podIP"], &status["podIPs"][1]["ip"]],
            _ => continue,
        };
        for address in addresses.into_iter().filter_map(Value::as_str) {
            if is_v4(address) {
                return false;
            }
            six |= address.contains(':');
        }
    }
    six
}

fn is_v4(address: &str) -> bool {
    address.parse::<Ipv4Addr>().is_ok()
}

/// Where a dumped object's addresses begin with IPv6, its IPv4 address comes first: the one that is played.
pub(super) fn ipv4_first(work: &mut [AdmittedObject], manifests: &Manifests) {
    for item in work {
        let dumped = manifests.documents.get(item.position as usize).is_some_and(|manifest| manifest.is_dumped());
        match &mut item.object {
            _ if !dumped => {}
            Object::Pod(pod) => {
                let status = &mut pod.status;
                status.pod_ips.sort_by_key(|at| !is_v4(&at.ip));
                if let Some(first) = status.pod_ips.first().filter(|at| is_v4(&at.ip)) {
                    status.pod_ip.clone_from(&first.ip);
                }
            }
            Object::Node(node) => {
                node.status.addresses.sort_by_key(|at| at.address.contains(':'));
                let ranges = item.value["spec"]["podCIDRs"].as_array().into_iter().flatten().filter_map(Value::as_str);
                if let Some(range) = { ranges }.find(|range| range.parse::<Cidr>().is_ok()) {
                    node.spec.pod_cidr = range.to_string();
                }
            }
            Object::Service(service) => {
                let spec = &mut service.spec;
                spec.cluster_ips.sort_by_key(|ip| ip.contains(':'));
                spec.ip_families.sort();
                if let Some(first) = spec.cluster_ips.first().filter(|ip| is_v4(ip)) {
                    spec.cluster_ip.clone_from(first);
                }
            }
            _ => {}
        }
    }
}

/// What a Service has of both families.
pub(super) struct Both {
    cluster_ips: Vec<String>,
    families: Vec<String>,
    policy: Option<String>,
}

/// Leaves a Service of both families its IPv4 half, where the dump's cluster has both; what it had is given back with [`restore`].
pub(super) fn take(service: &mut Service, manifests: &Manifests) -> Option<Both> {
    let spec = &mut service.spec;
    let required = spec.ip_family_policy.as_deref().is_some_and(|policy| policy != "SingleStack");
    let four = spec.ip_families.is_empty() || spec.ip_families.iter().any(|family| family == "IPv4");
    if !four || !(required || spec.ip_families.len() == 2) || spec.type_ == "ExternalName" || !is_shown(manifests) {
        return None;
    }
    let both =
        Both { cluster_ips: spec.cluster_ips.clone(), families: spec.ip_families.clone(), policy: spec.ip_family_policy.clone() };
    spec.cluster_ips.retain(|ip| !ip.contains(':'));
    spec.ip_families.retain(|family| family == "IPv4");
    spec.ip_family_policy = Some("SingleStack".into());
    Some(both)
}

/// Gives a Service back what was taken from it.
pub(super) fn restore(service: &mut Service, both: Both) {
    let spec = &mut service.spec;
    spec.cluster_ips.extend(both.cluster_ips.into_iter().filter(|ip| ip.contains(':')));
    spec.ip_families.extend(both.families.into_iter().filter(|family| family == "IPv6"));
    spec.ip_family_policy = both.policy;
}
