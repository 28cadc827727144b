//! How many rules a request makes the kernels look at as Services grow, in each mode: why nftables mode exists.
//!
//! Every number is counted on the real walk, in a cluster with so many made-up Services more (more than a page may hold). Half of
//! them are written before the cluster's own: kube-proxy writes Services in no order (a Go map), so this is the middle.

use super::DataPlane;
use super::story::Story;
use crate::api::core::{Service, ServicePort};
use crate::api::discovery::{Endpoint, EndpointPort, EndpointSlice};
use crate::cluster::{Cluster, Store};
use crate::settings::{Mode, Settings};
use crate::trace::Request;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// How many Services more are tried.
pub const FURTHER: [u32; 7] = [0, 1, 10, 100, 1_000, 5_000, 10_000];

/// Rules that the kernels look at for one request, on all nodes and in all tables, with so many Services more. A lookup in a map
/// is one rule. Lookups of names are not counted.
pub fn rules_looked_at(cluster: &Cluster, request: &Request, mode: Mode, further: u32) -> u32 {
    let mut grown = cluster.clone();
    grown.settings = Arc::new(Settings { mode, ..(*cluster.settings).clone() });
    let pods = cluster.settings.pod_range();
    let services = cluster.settings.service_range();
    let free = |base: &Ipv4Addr| !pods.contains(*base) && !services.contains(*base);
    let bases = [Ipv4Addr::new(172, 16, 0, 0), Ipv4Addr::new(100, 64, 0, 0), Ipv4Addr::new(192, 168, 0, 0)];
    let base = bases.into_iter().find(free).unwrap_or(Ipv4Addr::new(172, 16, 0, 0));
    for number in 0..further {
        add_service(&mut grown.store, number, Ipv4Addr::from(u32::from(base) + number));
    }
    let request = Request { keep_alive: false, ..request.clone() };
    let mut story = Story::default();
    DataPlane::program(&grown).exchange(&grown, &request, &mut story);
    story.looked_at
}

/// A ClusterIP Service with one port and one endpoint.
fn add_service(store: &mut Store, number: u32, ip: Ipv4Addr) {
    // Rules are written by namespace and name.
    let namespace = if number.is_multiple_of(2) { "0-before" } else { "zz-after" };
    let mut service = Service::default();
    service.metadata.namespace = namespace.into();
    service.metadata.name = format!("further-{number}");
    service.spec.type_ = "ClusterIP".into();
    service.spec.cluster_ip = ip.to_string();
    service.spec.ports = vec![ServicePort { port: 80, protocol: "TCP".into(), ..ServicePort::default() }];
    let mut slice = EndpointSlice { address_type: "IPv4".into(), ..EndpointSlice::default() };
    slice.metadata.namespace = namespace.into();
    slice.metadata.name = service.metadata.name.clone();
    slice.metadata.labels.insert("kubernetes.io/service-name".into(), service.metadata.name.clone());
    slice.ports = vec![EndpointPort { port: Some(80), ..EndpointPort::default() }];
    slice.endpoints = vec![Endpoint { addresses: vec![ip.to_string()], ..Endpoint::default() }];
    store.put(service);
    store.put(slice);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubectl::{SourceFile, read};
    use crate::random::Seed;

    const WEB: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: c, image: nginx}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, clusterIP: 10.96.0.50, selector: {app: web}, ports: [{port: 80, nodePort: 30080}]}
";

    fn counts(target: &str, mode: Mode) -> Vec<u32> {
        let (manifests, _) = read(&[SourceFile { name: "web.yaml".into(), text: WEB.into() }]);
        let cluster = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(manifests)).cluster;
        let from = "node/node-1".parse().unwrap();
        let request = Request { from, target: target.into(), ..Request::default() };
        [0, 100, 1_000].map(|further| rules_looked_at(&cluster, &request, mode, further)).to_vec()
    }

    #[test]
    fn iptables_looks_at_a_rule_for_each_service_and_nftables_at_a_map() {
        let iptables = counts("10.96.0.50:80", Mode::Iptables);
        // Half of the Services stand before this one.
        assert_eq!((iptables[1] - iptables[0], iptables[2] - iptables[0]), (50, 500));
        let nftables = counts("10.96.0.50:80", Mode::Nftables);
        assert_eq!((nftables[1], nftables[2]), (nftables[0], nftables[0]));
    }

    #[test]
    fn a_node_port_is_asked_for_after_all_services() {
        let iptables = counts("10.0.0.11:30080", Mode::Iptables);
        assert_eq!((iptables[1] - iptables[0], iptables[2] - iptables[0]), (100, 1_000));
    }
}
