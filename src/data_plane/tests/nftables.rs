//! kube-proxy in nftables mode: where it does as iptables mode does, and where it does not.

use super::*;

/// The same cluster with kube-proxy in nftables mode.
fn nftables(mut fixture: Fixture) -> Fixture {
    fixture.settings(|settings| settings.mode = crate::settings::Mode::Nftables);
    fixture
}

#[test]
fn nftables_mode_delivers_what_iptables_mode_delivers() {
    type Call = (&'static str, &'static str);
    let calls: [Call; 9] = [
        ("pod/client", "http://10.96.0.50"),
        ("pod/web-0", "http://10.96.0.50"),
        ("node/node-1", "http://10.96.0.50"),
        ("internet", "http://10.0.0.11:30080"),
        ("internet", "http://10.0.0.12:30080"),
        ("internet", "http://10.0.0.13:30080"),
        ("node/node-1", "http://10.0.0.13:30080"),
        ("pod/client", "http://10.0.0.12:30080"),
        ("pod/client", "udp://10.96.0.50:80"),
    ];
    let specs = [NODE_PORT, LOCAL, "type: NodePort, internalTrafficPolicy: Local", "type: NodePort, sessionAffinity: ClientIP"];
    for (nodes, spec) in [&[1u8, 2][..], &[2, 3], &[1], &[]].into_iter().flat_map(|nodes| specs.map(|spec| (nodes, spec))) {
        for (from, target) in calls.iter().filter(|(from, _)| !nodes.is_empty() || !from.contains("web-0")) {
            if spec.contains("ClientIP") {
                // Which endpoint is drawn first differs; that one is kept does not.
                continue;
            }
            let (one, two) = (Fixture::web(nodes, spec), nftables(Fixture::web(nodes, spec)));
            assert_eq!(one.many(from, target), two.many(from, target), "{nodes:?} {spec} {from} {target}");
        }
    }
}

#[test]
fn nftables_mode_refuses_ports_that_a_cluster_ip_does_not_have_and_localhost() {
    let fixture = nftables(Fixture::web(&[1, 2], NODE_PORT));
    let trace = fixture.trace("pod/client", "http://10.96.0.50:8080");
    assert_eq!((trace.verdict, trace.hops.last().unwrap().reason), (Verdict::Refused, Reason::Reject));
    assert_eq!(fixture.trace("node/node-1", "http://10.96.0.50:8080").verdict, Verdict::Refused);
    assert_eq!(fixture.trace("pod/client", "http://10.96.0.99").verdict, Verdict::Timeout);
    assert_eq!(fixture.trace("node/node-1", "http://127.0.0.1:30080").verdict, Verdict::Refused);
}

#[test]
fn nftables_mode_keeps_a_client_at_its_endpoint() {
    let fixture = nftables(Fixture::web(&[1, 2, 3], "type: NodePort, sessionAffinity: ClientIP"));
    let mut plane = DataPlane::program(&fixture.cluster);
    let mut pods: Vec<_> = (0..30)
        .map(|seed| plane.send(&fixture.cluster, &request("pod/client", "http://10.96.0.50", seed)).pod.unwrap().1)
        .collect();
    pods.dedup();
    assert_eq!(pods.len(), 1);
}

#[test]
fn nftables_mode_guards_source_ranges() {
    let mut fixture = load_balancer(&[2], "Cluster", "VIP");
    fixture.service(|service| service.spec.load_balancer_source_ranges = vec!["192.0.2.0/24".into()]);
    let fixture = nftables(fixture);
    assert_eq!(via(&fixture, "node-3", "internet", "http://198.51.100.20"), "timeout");
    assert_eq!(fixture.trace("internet", "http://10.0.0.12:30080").verdict, Verdict::Delivered);
}

#[test]
fn a_request_reads_the_same_in_nftables_mode() {
    let fixture = nftables(Fixture::web(&[3, 3], NODE_PORT));
    let trace = fixture.trace("internet", "http://10.0.0.12:30080");
    assert_eq!(trace.hops.iter().map(|hop| hop.reason).collect::<Vec<_>>(), node_port_story());
    assert!(trace.hops[2].rules.last().unwrap().text.contains("service-nodeports { tcp . 30080"));
}
