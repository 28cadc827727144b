//! What a real kernel does with kube-proxy's rules, fact by fact. Three nodes; `web` runs where a test puts it.

use super::*;
use crate::api::core::{Pod, Service};
use crate::api::discovery::EndpointSlice;
use crate::cluster::{Machine, Store};
use crate::kubectl::Manifests;
use crate::packet::Protocol;
use crate::settings::Settings;
use crate::trace::Reason;
use std::net::Ipv4Addr;

mod laws;
mod load_balancers;
mod nftables;
mod processes;

/// A cluster of three nodes, built by hand: no controllers needed.
struct Fixture {
    cluster: Cluster,
}

fn yaml<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_yaml::from_str(text).unwrap()
}

impl Fixture {
    fn new() -> Fixture {
        let mut store = Store::default();
        for number in 1..=3 {
            store.put::<Node>(yaml(&format!(
                "{{metadata: {{name: node-{number}}}, spec: {{podCIDR: 10.244.{number}.0/24}}, \
                 status: {{addresses: [{{type: InternalIP, address: 10.0.0.1{number}}}]}}}}"
            )));
        }
        let cluster = Cluster {
            settings: Arc::new(Settings::default()),
            seed: Seed(0),
            now: 100,
            store,
            manifests: Arc::new(Manifests::default()),
            ..blank()
        };
        let mut fixture = Fixture { cluster };
        fixture.pod("client", 1, 9, "busybox", "none");
        fixture
    }

    /// A Pod `10.244.NODE.NUMBER` that listens as the annotation says.
    fn pod(&mut self, name: &str, node: u8, number: u8, image: &str, listen: &str) {
        self.cluster.store.put::<Pod>(yaml(&format!(
            "{{metadata: {{name: {name}, namespace: default, labels: {{app: {name}}}, annotations: {{kubehop.dev/listen: '{listen}'}}}}, \
             spec: {{nodeName: node-{node}, containers: [{{name: c, image: {image}}}]}}, \
             status: {{phase: Running, podIP: 10.244.{node}.{number}, conditions: [{{type: Ready, status: 'True'}}]}}}}"
        )));
    }

    /// Service `web` on 80 → 8080 with Pods `web-N` on these nodes, and its slice.
    fn web(nodes: &[u8], spec: &str) -> Fixture {
        let mut fixture = Fixture::new();
        let mut endpoints = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let number = index as u8 + 20;
            fixture.pod(&format!("web-{index}"), *node, number, "web", "8080, 8080/udp");
            endpoints
                .push(format!("{{addresses: [10.244.{node}.{number}], nodeName: node-{node}, conditions: {{ready: true}}}}"));
        }
        fixture.cluster.store.put::<Service>(yaml(&format!(
            "{{metadata: {{name: web, namespace: default}}, spec: {{clusterIP: 10.96.0.50, selector: {{app: web}}, \
             ports: [{{port: 80, targetPort: 8080, nodePort: 30080}}, {{name: u, protocol: UDP, port: 80, targetPort: 8080, nodePort: 30080}}], {spec}}}}}"
        )));
        fixture.cluster.store.put::<EndpointSlice>(yaml(&format!(
            "{{metadata: {{name: web-1, namespace: default, labels: {{kubernetes.io/service-name: web}}}}, addressType: IPv4, \
             ports: [{{name: '', port: 8080, protocol: TCP}}, {{name: u, port: 8080, protocol: UDP}}], endpoints: [{}]}}",
            endpoints.join(", ")
        )));
        fixture
    }

    fn service(&mut self, change: impl FnOnce(&mut Service)) -> &mut Fixture {
        let mut service = self.cluster.store.get::<Service>("default", "web").unwrap().clone();
        change(&mut service);
        self.cluster.store.put(service);
        self
    }

    fn settings(&mut self, change: impl FnOnce(&mut Settings)) -> &mut Fixture {
        change(Arc::make_mut(&mut self.cluster.settings));
        self
    }

    fn node_down(&mut self, node: &str, seconds_ago: u64) -> &mut Fixture {
        let down_since = Some(crate::cluster::moment(self.cluster.now - seconds_ago));
        self.cluster.machines.insert(node.into(), Machine { down_since, ..Machine::default() });
        self
    }

    fn trace(&self, from: &str, target: &str) -> Trace {
        self.seeded(from, target, 1)
    }

    fn seeded(&self, from: &str, target: &str, seed: u64) -> Trace {
        DataPlane::program(&self.cluster).send(&self.cluster, &request(from, target, seed))
    }

    /// Verdicts, and sources that the Pods see, of many requests; each once, sorted.
    fn many(&self, from: &str, target: &str) -> Vec<String> {
        let mut plane = DataPlane::program(&self.cluster);
        let mut seen: Vec<String> = (0..60)
            .map(|seed| {
                let trace = plane.send(&self.cluster, &request(from, target, seed));
                consistent(&trace);
                let silent = plane.verdict(&self.cluster, &request(from, target, seed));
                if !target.contains("sticky") {
                    assert_eq!((trace.verdict, trace.status), (silent.0, silent.1));
                }
                match trace.source_seen_by_pod {
                    Some(source) => format!("{} from {source}", trace.node.unwrap()),
                    None => format!("{:?}", trace.verdict).to_lowercase(),
                }
            })
            .collect();
        seen.sort();
        seen.dedup();
        seen
    }
}

fn blank() -> Cluster {
    let mut settings = Settings::default();
    settings.nodes = crate::settings::Nodes::Count(3);
    Cluster {
        settings: Arc::new(settings),
        seed: Seed(0),
        now: 0,
        store: Store::default(),
        manifests: Arc::new(Manifests::default()),
        applied: Default::default(),
        machines: Default::default(),
        unready: Default::default(),
        generations: Default::default(),
        ..Cluster::default()
    }
}

fn request(from: &str, target: &str, seed: u64) -> Request {
    Request { from: from.parse().unwrap(), target: target.into(), seed: Seed(seed), ..Request::default() }
}

/// Every hop begins with the addresses that the one before it left, along one packet.
fn consistent(trace: &Trace) {
    for pair in trace.hops.windows(2) {
        let [one, two] = pair else { continue };
        let same_packet = one.reply == two.reply && two.reason != Reason::ReadHttp && one.reason != Reason::Reply;
        if let (true, Some(after), Some(before)) = (same_packet, one.after, two.before) {
            assert_eq!(after, before, "{:?} then {:?}", one.reason, two.reason);
        }
    }
}

const NODE_PORT: &str = "type: NodePort";
const LOCAL: &str = "type: NodePort, externalTrafficPolicy: Local";

#[test]
fn a_pod_reaches_a_cluster_ip_and_is_seen_with_its_own_address() {
    let fixture = Fixture::web(&[1, 2], "type: ClusterIP");
    assert_eq!(fixture.many("pod/client", "http://10.96.0.50"), ["node-1 from 10.244.1.9", "node-2 from 10.244.1.9"]);
}

#[test]
fn a_pod_that_reaches_itself_through_its_service_sees_the_bridge() {
    let fixture = Fixture::web(&[1], "type: ClusterIP");
    assert_eq!(fixture.many("pod/web-0", "http://10.96.0.50"), ["node-1 from 10.244.1.1"]);
}

#[test]
fn a_node_that_calls_a_cluster_ip_is_seen_by_the_interface_it_leaves_by() {
    let fixture = Fixture::web(&[1, 2], "type: ClusterIP");
    assert_eq!(fixture.many("node/node-1", "http://10.96.0.50"), ["node-1 from 10.244.1.1", "node-2 from 10.0.0.11"]);
}

#[test]
fn a_node_port_reaches_every_endpoint_and_hides_the_client() {
    let fixture = Fixture::web(&[1, 2], NODE_PORT);
    assert_eq!(fixture.many("internet", "http://10.0.0.12:30080"), ["node-1 from 10.0.0.12", "node-2 from 10.244.2.1"]);
    assert_eq!(fixture.many("internet", "http://node-3:30080"), ["node-1 from 10.0.0.13", "node-2 from 10.0.0.13"]);
}

#[test]
fn a_node_port_under_policy_local_keeps_the_client_and_stays_on_the_node() {
    let fixture = Fixture::web(&[1, 2], LOCAL);
    assert_eq!(fixture.many("internet", "http://10.0.0.12:30080"), ["node-2 from 203.0.113.50"]);
}

#[test]
fn a_node_port_under_policy_local_without_an_endpoint_times_out_from_outside_and_other_nodes() {
    let fixture = Fixture::web(&[1, 2], LOCAL);
    assert_eq!(fixture.many("internet", "http://10.0.0.13:30080"), ["timeout"]);
    assert_eq!(fixture.many("node/node-1", "http://10.0.0.13:30080"), ["timeout"]);
    assert_eq!(fixture.trace("internet", "http://10.0.0.13:30080").hops.last().unwrap().reason, Reason::Drop);
}

#[test]
fn a_node_port_under_policy_local_lets_the_node_and_its_pods_reach_all() {
    let fixture = Fixture::web(&[2, 3], LOCAL);
    assert_eq!(fixture.many("node/node-1", "http://10.0.0.11:30080"), ["node-2 from 10.0.0.11", "node-3 from 10.0.0.11"]);
    assert_eq!(fixture.many("pod/client", "http://10.0.0.11:30080"), ["node-2 from 10.244.1.9", "node-3 from 10.244.1.9"]);
}

#[test]
fn a_pod_of_another_node_under_policy_local_loses_the_answers_of_remote_endpoints() {
    let fixture = Fixture::web(&[2, 3], LOCAL);
    assert_eq!(fixture.many("pod/client", "http://10.0.0.12:30080"), ["node-2 from 10.244.1.9", "timeout"]);
}

#[test]
fn without_endpoints_the_node_refuses_at_once() {
    let fixture = Fixture::web(&[], NODE_PORT);
    for (from, target) in [
        ("pod/client", "http://10.96.0.50"),
        ("node/node-2", "http://10.96.0.50"),
        ("internet", "http://10.0.0.12:30080"),
        ("node/node-2", "http://10.0.0.12:30080"),
        ("pod/client", "udp://10.96.0.50:80"),
        ("internet", "udp://10.0.0.12:30080"),
    ] {
        let trace = fixture.trace(from, target);
        assert_eq!(trace.verdict, Verdict::Refused, "{from} {target}");
        assert_eq!(trace.hops.last().unwrap().reason, Reason::Reject, "{from} {target}");
    }
}

#[test]
fn a_cluster_ip_on_a_port_without_a_rule_times_out() {
    let fixture = Fixture::web(&[2], NODE_PORT);
    let trace = fixture.trace("pod/client", "http://10.96.0.50:8080");
    assert_eq!((trace.verdict, trace.hops.last().unwrap().reason), (Verdict::Timeout, Reason::NoRule));
    assert_eq!(fixture.trace("node/node-1", "http://10.96.0.99").verdict, Verdict::Timeout);
}

#[test]
fn addresses_that_nobody_routes_are_the_edges_to_answer() {
    let mut fixture = Fixture::web(&[2], NODE_PORT);
    for target in ["http://10.96.0.50", "http://10.244.2.20:8080", "http://198.51.100.77"] {
        assert_eq!(fixture.trace("internet", target).verdict, Verdict::Timeout, "{target}");
    }
    fixture.settings(|settings| settings.outside.edge = crate::settings::Edge::Unreachable);
    assert_eq!(fixture.trace("internet", "http://10.96.0.50").verdict, Verdict::Unreachable);
}

#[test]
fn a_cluster_ip_routed_to_a_node_works_as_its_node_port() {
    let fixture = Fixture::web(&[2], NODE_PORT);
    let request = Request { via: Some("node-3".into()), ..request("internet", "http://10.96.0.50", 1) };
    let trace = DataPlane::program(&fixture.cluster).send(&fixture.cluster, &request);
    assert_eq!(trace.source_seen_by_pod, Some(Ipv4Addr::new(10, 0, 0, 13)));
}

#[test]
fn a_dead_nodes_node_port_times_out_and_its_share_of_a_cluster_ip_too() {
    let mut fixture = Fixture::web(&[1, 2], NODE_PORT);
    fixture.node_down("node-2", 0);
    assert_eq!(fixture.many("internet", "http://10.0.0.12:30080"), ["timeout"]);
    assert_eq!(fixture.many("pod/client", "http://10.96.0.50"), ["node-1 from 10.244.1.9", "timeout"]);
    assert_eq!(fixture.trace("pod/web-1", "http://10.96.0.50").verdict, Verdict::Rejected);
}

#[test]
fn internal_policy_local_without_a_local_endpoint_times_out() {
    let fixture = Fixture::web(&[2], "type: ClusterIP, internalTrafficPolicy: Local");
    assert_eq!(fixture.trace("pod/client", "http://10.96.0.50").verdict, Verdict::Timeout);
    let here = Fixture::web(&[1, 2], "type: ClusterIP, internalTrafficPolicy: Local");
    assert_eq!(here.many("pod/client", "http://10.96.0.50"), ["node-1 from 10.244.1.9"]);
}

fn load_balancer(nodes: &[u8], policy: &str, mode: &str) -> Fixture {
    let mut fixture = Fixture::web(nodes, &format!("type: LoadBalancer, externalTrafficPolicy: {policy}"));
    fixture.service(|service| {
        service.status = yaml(&format!("{{loadBalancer: {{ingress: [{{ip: 198.51.100.20, ipMode: {mode}}}]}}}}"));
    });
    if mode == "VIP" {
        fixture.settings(|settings| settings.load_balancer.provider = crate::settings::Provider::Metallb);
    }
    fixture
}

#[test]
fn packets_for_a_clouds_address_with_ip_mode_vip_keep_it_with_node_ports_or_without() {
    for node_port in [30080, 0] {
        let mut fixture = load_balancer(&[1, 2], "Local", "VIP");
        fixture.settings(|settings| settings.load_balancer.provider = crate::settings::Provider::Cloud);
        fixture.service(|service| service.spec.ports.iter_mut().for_each(|port| port.node_port = node_port));
        let trace = fixture.trace("internet", "http://198.51.100.20");
        assert!(matches!(trace.verdict, Verdict::Delivered), "{:?}", trace.verdict);
        let pick = trace.hops.iter().find(|hop| hop.reason == Reason::LoadBalancerPick).unwrap();
        assert_eq!((&*pick.text.id, pick.before), ("hop.LoadBalancerPick.text.vip", pick.after));
        assert!(trace.hops.iter().all(|hop| hop.reason != Reason::NodePort));
        // The answer carries the address already when it leaves the node.
        let undone: Vec<_> = trace.hops.iter().filter(|hop| hop.reason == Reason::UndoNat).collect();
        assert_eq!(undone.len(), 1, "{undone:?}");
        assert!(trace.assumptions.iter().any(|own| own.id == "assume.vip"));
        // Every healthy node gets its share.
        assert_eq!(fixture.many("internet", "http://198.51.100.20").len(), 2);
    }
}

fn via(fixture: &Fixture, node: &str, from: &str, target: &str) -> String {
    let request = Request { via: Some(node.into()), ..request(from, target, 1) };
    let trace = DataPlane::program(&fixture.cluster).send(&fixture.cluster, &request);
    trace.source_seen_by_pod.map_or(format!("{:?}", trace.verdict).to_lowercase(), |source| source.to_string())
}

#[test]
fn udp_sockets_spread() {
    let fixture = Fixture::web(&[1, 2], NODE_PORT);
    assert_eq!(fixture.many("pod/client", "udp://10.96.0.50:80"), ["node-1 from 10.244.1.9", "node-2 from 10.244.1.9"]);
}

#[test]
fn a_client_sticks_to_its_endpoint_on_each_node_by_itself() {
    let fixture = Fixture::web(&[1, 2, 3], "type: NodePort, sessionAffinity: ClientIP");
    let mut plane = DataPlane::program(&fixture.cluster);
    let mut pods = |target: &str, from: &str| {
        let mut pods: Vec<_> =
            (0..30).map(|seed| plane.send(&fixture.cluster, &request(from, target, seed)).pod.unwrap().1).collect();
        pods.sort();
        pods.dedup();
        pods
    };
    let at_one = pods("http://10.0.0.11:30080", "internet");
    assert_eq!(at_one.len(), 1);
    let others: Vec<_> = (1..=3).flat_map(|node| pods(&format!("http://10.0.0.1{node}:30080"), "internet")).collect();
    assert_eq!((others.len(), &others[0]), (3, &at_one[0]));
    // The node port and the cluster IP share the lists.
    let one = pods("http://10.96.0.50", "pod/client");
    assert_eq!((one.len(), pods("http://10.0.0.11:30080", "pod/client")), (1, one));
}

#[test]
fn affinity_ends_after_its_timeout_and_survives_new_rules() {
    let mut fixture = Fixture::web(
        &[1, 2, 3],
        "type: ClusterIP, sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 10}}",
    );
    let mut plane = DataPlane::program(&fixture.cluster);
    let first = plane.send(&fixture.cluster, &request("pod/client", "http://10.96.0.50", 1)).pod;
    let other_seed = (2..50).find(|seed| fixture.seeded("pod/client", "http://10.96.0.50", *seed).pod != first).unwrap();
    fixture.cluster.now += 10;
    let mut plane = plane.reprogram(&fixture.cluster);
    assert_eq!(plane.send(&fixture.cluster, &request("pod/client", "http://10.96.0.50", other_seed)).pod, first);
    fixture.cluster.now += 11;
    let mut plane = plane.reprogram(&fixture.cluster);
    assert_ne!(plane.send(&fixture.cluster, &request("pod/client", "http://10.96.0.50", other_seed)).pod, first);
}

#[test]
fn endpoints_are_picked_at_random_and_evenly() {
    let fixture = Fixture::web(&[1, 2, 3], NODE_PORT);
    let mut plane = DataPlane::program(&fixture.cluster);
    let mut counts = BTreeMap::new();
    for seed in 0..3000 {
        let (_, _, pod) = plane.verdict(&fixture.cluster, &request("internet", "http://10.0.0.12:30080", seed));
        *counts.entry(pod.unwrap().metadata.name.clone()).or_insert(0u32) += 1;
    }
    assert_eq!(counts.len(), 3);
    assert!(counts.values().all(|count| (900..1100).contains(count)), "{counts:?}");
}

#[test]
fn a_node_port_on_localhost_is_delivered_in_iptables_mode() {
    let fixture = Fixture::web(&[1, 2], NODE_PORT);
    assert_eq!(fixture.many("node/node-1", "http://127.0.0.1:30080"), ["node-1 from 10.244.1.1", "node-2 from 10.0.0.11"]);
}

#[test]
fn an_address_that_no_pod_has_is_unreachable() {
    let fixture = Fixture::new();
    let trace = fixture.trace("pod/client", "http://10.244.2.77:80");
    assert_eq!((trace.verdict, trace.hops.last().unwrap().reason), (Verdict::Unreachable, Reason::NoNeighbour));
}

/// The hops of a request to a node port whose Pod stands on another node.
fn node_port_story() -> [Reason; 12] {
    use Reason::*;
    [Send, Arrive, NodePort, MarkMasquerade, PickEndpoint, Dnat, Masquerade, Route, PodArrive, ProcessAnswers, UndoNat, Reply]
}

#[test]
fn a_request_reads_like_a_story() {
    let fixture = Fixture::web(&[3], NODE_PORT);
    let trace = fixture.trace("internet", "http://10.0.0.12:30080");
    assert_eq!(trace.hops.iter().map(|hop| hop.reason).collect::<Vec<_>>(), node_port_story());
    assert_eq!((trace.status, trace.port, trace.pod_ip), (Some(200), Some(8080), Some(Ipv4Addr::new(10, 244, 3, 20))));
    assert!(trace.hops[2].because.iter().any(|field| field.path == "spec.ports[0].nodePort"));
    assert!(trace.hops[5].rules.last().unwrap().text.contains("--to-destination 10.244.3.20:8080"));
    assert_eq!(trace.hops[3].mark, (0, 0x4000));
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let fixture = Fixture::web(&[1, 2, 3], NODE_PORT);
    let bytes = || serde_json::to_string(&fixture.seeded("internet", "http://10.0.0.12:30080", 7)).unwrap();
    assert_eq!(bytes(), bytes());
}

#[test]
fn an_unreadable_target_is_rejected() {
    let fixture = Fixture::new();
    for target in ["", "ftp://x", "a b:80", "web:99999"] {
        assert_eq!(fixture.trace("internet", target).verdict, Verdict::Rejected, "{target}");
    }
    assert_eq!(fixture.trace("pod/nobody", "http://10.0.0.11").verdict, Verdict::Rejected);
}

#[test]
fn protocols_are_told_apart() {
    let fixture = Fixture::web(&[1], "type: ClusterIP");
    let bare = Request { protocol: Protocol::Udp, ..request("pod/client", "10.96.0.50:80", 1) };
    let trace = DataPlane::program(&fixture.cluster).send(&fixture.cluster, &bare);
    assert_eq!((trace.verdict, trace.status), (Verdict::Delivered, None));
}

fn last_text(trace: &Trace) -> &str {
    &trace.hops.last().unwrap().text.id
}
