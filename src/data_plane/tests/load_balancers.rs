//! Load balancers that announce an address to a node, and those of a cloud that send to node ports.

use super::*;

#[test]
fn a_load_balancer_address_that_enters_a_node_behaves_as_its_node_port() {
    let cluster = load_balancer(&[2], "Cluster", "VIP");
    assert_eq!(via(&cluster, "node-3", "internet", "http://198.51.100.20"), "10.0.0.13");
    let local = load_balancer(&[2], "Local", "VIP");
    assert_eq!(via(&local, "node-2", "internet", "http://198.51.100.20"), "203.0.113.50");
    assert_eq!(via(&local, "node-3", "internet", "http://198.51.100.20"), "timeout");
    assert_eq!(local.many("pod/client", "http://198.51.100.20"), ["node-2 from 10.244.1.9"]);
    assert_eq!(cluster.many("pod/client", "http://198.51.100.20"), ["node-2 from 10.0.0.11"]);
}

#[test]
fn source_ranges_keep_others_away_but_not_from_the_node_port() {
    let mut fixture = load_balancer(&[2], "Cluster", "VIP");
    fixture.service(|service| service.spec.load_balancer_source_ranges = vec!["192.0.2.0/24".into()]);
    assert_eq!(via(&fixture, "node-3", "internet", "http://198.51.100.20"), "timeout");
    assert_eq!(fixture.trace("node/node-1", "http://198.51.100.20").verdict, Verdict::Timeout);
    assert_eq!(fixture.trace("internet", "http://10.0.0.12:30080").verdict, Verdict::Delivered);
    fixture.service(|service| service.spec.load_balancer_source_ranges = vec!["203.0.113.0/24".into()]);
    assert_eq!(via(&fixture, "node-3", "internet", "http://198.51.100.20"), "10.0.0.13");
}

#[test]
fn a_cloud_load_balancer_sends_to_node_ports_and_keeps_the_client() {
    let cluster = load_balancer(&[2], "Cluster", "Proxy");
    assert_eq!(
        cluster.many("internet", "http://198.51.100.20"),
        ["node-2 from 10.0.0.11", "node-2 from 10.0.0.13", "node-2 from 10.244.2.1"]
    );
    let local = load_balancer(&[2], "Local", "Proxy");
    assert_eq!(local.many("internet", "http://198.51.100.20"), ["node-2 from 203.0.113.50"]);
}

#[test]
fn a_pods_call_to_a_cloud_load_balancer_goes_out_and_comes_back_in() {
    let local = load_balancer(&[1, 2], "Local", "Proxy");
    let trace = local.trace("pod/client", "http://198.51.100.20");
    assert_eq!(trace.verdict, Verdict::Delivered);
    assert_eq!(trace.source_seen_by_pod, Some(EGRESS_GATEWAY));
    let reasons: Vec<Reason> = trace.hops.iter().map(|hop| hop.reason).collect();
    assert!(reasons.contains(&Reason::Egress) && reasons.contains(&Reason::LoadBalancerPick), "{reasons:?}");
}

#[test]
fn a_cloud_load_balancer_drops_a_dead_node_after_ten_seconds() {
    let mut fixture = load_balancer(&[1], "Cluster", "Proxy");
    fixture.node_down("node-2", 9);
    assert!(fixture.many("internet", "http://198.51.100.20").contains(&"timeout".to_string()));
    fixture.node_down("node-2", 10);
    assert!(!fixture.many("internet", "http://198.51.100.20").contains(&"timeout".to_string()));
}

#[test]
fn a_load_balancer_without_endpoints_is_refused_under_both_policies() {
    for policy in ["Cluster", "Local"] {
        assert_eq!(load_balancer(&[], policy, "Proxy").trace("internet", "http://198.51.100.20").verdict, Verdict::Refused);
    }
}

#[test]
fn private_nodes_are_reached_only_through_the_load_balancer() {
    let mut fixture = load_balancer(&[2], "Cluster", "Proxy");
    fixture.settings(|settings| settings.outside.private_nodes = true);
    assert_eq!(fixture.trace("internet", "http://10.0.0.12:30080").verdict, Verdict::Timeout);
    assert_eq!(fixture.trace("internet", "http://198.51.100.20").verdict, Verdict::Delivered);
}

#[test]
fn a_load_balancer_without_node_ports_says_so() {
    let mut fixture = load_balancer(&[2], "Cluster", "Proxy");
    fixture.service(|service| service.spec.ports.iter_mut().for_each(|port| port.node_port = 0));
    let trace = fixture.trace("internet", "http://198.51.100.20");
    assert_eq!((trace.verdict, last_text(&trace)), (Verdict::Refused, "hop.LoadBalancerNoBackend.text.nodePort"));
    assert_eq!(trace.advice.unwrap().next.id, "advice.loadBalancerNodePort.next");
}
