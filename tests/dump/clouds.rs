//! Dumps of managed clusters: Pods on a cloud's own network, load balancers that hand packets on as they are.

use crate::facts::with;
use crate::{FRONT, applied, manifests, send};
use kubehop::api::core::{Node, Pod, Service};
use kubehop::cluster::{Action, Cluster};
use kubehop::trace::{Reason, Verdict};
use std::fs;

/// The shared dump as of Amazon EKS: no node has a range of its own, and Pods' addresses come from the nodes' network.
fn on_a_clouds_network() -> Cluster {
    let text = fs::read_to_string("tests/fixtures/applications/dump.yaml").unwrap();
    let without = |line: &&str| !(line.contains("podCIDR") || line.starts_with("    - 10.244.") && line.ends_with("/24"));
    let text: String = text.lines().filter(without).map(|line| format!("{}\n", line.replace("10.244.", "192.168."))).collect();
    applied(manifests(text))
}

#[test]
fn pods_on_a_clouds_own_network_are_pods_to_kube_proxy() {
    let cluster = on_a_clouds_network();
    assert_eq!(cluster.settings.pod_cidr, "192.168.0.0/16");
    let trace = send(&cluster, FRONT, "http://catalog");
    assert_eq!(trace.verdict, Verdict::Delivered);
    let client = cluster.store.get::<Pod>("shop", "frontend-6b9f7c5d8c-8lqtw").unwrap();
    assert_eq!(trace.source_seen_by_pod.map(|ip| ip.to_string()), Some(client.status.pod_ip.clone()));
}

#[test]
fn a_node_without_a_range_of_pods_has_no_bridge() {
    let cluster = on_a_clouds_network();
    let node = cluster.store.get::<Node>("", "shop-worker2").unwrap();
    assert_eq!(node.spec.pod_cidr, "");
    // Ready, and on shop-worker2.
    let pod = cluster.store.get::<Pod>("shop", "catalog-74d5bbf6b8-5hxkg").unwrap();
    let service = cluster.store.get::<Service>("shop", "catalog").unwrap();
    let trace = send(&cluster, "node/shop-worker2", &format!("http://{}/", service.spec.cluster_ip));
    assert_eq!((trace.verdict, trace.pod.clone().unwrap().1), (Verdict::Delivered, pod.metadata.name.clone()));
    let own = node.status.addresses.iter().find(|own| own.type_ == "InternalIP").unwrap();
    assert_eq!(trace.source_seen_by_pod.unwrap().to_string(), own.address);
    let route = trace.hops.iter().find(|hop| hop.reason == Reason::Route).unwrap();
    assert_eq!(route.text.id, "hop.Route.text.direct");
    assert!(trace.assumptions.iter().any(|own| own.id == "assume.noBridge"), "{:?}", trace.assumptions);
    // A Pod that is made here gets its address beside the others of its node.
    let deleted = cluster.act(&Action::parse("pod/shop/catalog-74d5bbf6b8-5hxkg delete").unwrap()).cluster;
    let fresh = deleted.store.in_namespace::<Pod>("shop").find(|pod| {
        pod.metadata.name.starts_with("catalog-74d5bbf6b8-") && cluster.store.get::<Pod>("shop", &pod.metadata.name).is_none()
    });
    let fresh = fresh.unwrap();
    let beside = |own: &&Pod| own.spec.node_name == fresh.spec.node_name && own.spec.host_network != Some(true);
    let mut others = cluster.store.all::<Pod>().filter(beside).map(|own| own.status.pod_ip.rsplit_once('.').unwrap().0);
    assert!(others.any(|range| fresh.status.pod_ip.starts_with(&format!("{range}."))), "{}", fresh.status.pod_ip);
}

/// A Service of the shared dump's namespace with a load balancer, whose status says INGRESS.
pub(crate) const OPEN: &str = "
apiVersion: v1
kind: Service
metadata: {name: open, namespace: shop, uid: 5d1b7c0e-0000-4000-8000-000000000001}
spec:
  type: LoadBalancer
  clusterIP: 10.96.77.7
  clusterIPs: [10.96.77.7]
  selector: {app: frontend}
  ports: [{port: 80, targetPort: 8080, nodePort: 31777}]
status:
  loadBalancer: {ingress: [INGRESS]}
";

#[test]
fn the_ip_mode_of_a_dump_says_whether_packets_keep_the_load_balancers_address() {
    let called = |mode: &str| {
        let trace = send(
            &applied(with(&OPEN.replace("INGRESS", &format!("{{ip: 34.77.8.9, ipMode: {mode}}}")))),
            "internet",
            "http://34.77.8.9/",
        );
        let pick = trace.hops.iter().find(|hop| hop.reason == Reason::LoadBalancerPick).unwrap();
        let crosses = trace.hops.iter().any(|hop| hop.reason == Reason::NodePort);
        let keeps = trace.hops.iter().any(|hop| hop.reason == Reason::LoadBalancerIP);
        (trace.pod.is_some(), pick.after.unwrap().dst.to_string(), crosses, keeps)
    };
    assert_eq!(called("VIP"), (true, "34.77.8.9:80".into(), false, true));
    let (reached, to, crosses, keeps) = called("Proxy");
    assert_eq!((reached, to.rsplit_once(':').unwrap().1, crosses, keeps), (true, "31777", true, false));
}
