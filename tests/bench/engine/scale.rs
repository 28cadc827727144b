//! Many Services with ten endpoints each: a kube-proxy's whole rule set, the same after one Pod of one Service is replaced, and one
//! packet that walks it. Made by hand, because a cluster has at most 5,000 Pods.

use kubehop::api::ObjectMeta;
use kubehop::api::core::{Service, ServicePort};
use kubehop::api::discovery::{Endpoint, EndpointPort, EndpointSlice};
use kubehop::cluster::Store;
use kubehop::netfilter::walk::{Decision, Hook, Memory, Program, Silent, Situation};
use kubehop::netfilter::{Cidr, ConntrackState};
use kubehop::node::kube_proxy::{ChangeTracker, ProxyConfig, iptables::Written};
use kubehop::packet::{Flow, Packet, Protocol, Socket};
use kubehop::random::{Random, Seed};
use std::net::Ipv4Addr;
use std::sync::Arc;

const ENDPOINTS: u32 = 10;
/// Packets go to so many of the Services, spread over all: what grows is the way to their rules, not the rules that are read.
const CALLED: u32 = 16;

/// What kube-proxy knows after it wrote its rules.
pub struct Proxy {
    tracker: ChangeTracker,
    written: Written,
    program: Program,
}

/// One node's kube-proxy among many Services.
pub struct Scale {
    services: u32,
    store: Store,
    changed: Store,
    config: ProxyConfig,
    now: Proxy,
}

impl Scale {
    pub fn new(services: u32) -> Scale {
        let mut store = Store::default();
        for number in 0..services {
            store.put(service(number));
            store.put(slice(number, 0));
        }
        let mut changed = store.clone();
        changed.put(slice(services / 2, 1));
        let config = ProxyConfig {
            node_name: "node-1".into(),
            node_ip: Ipv4Addr::new(10, 0, 0, 11),
            zone: String::new(),
            pod_range: range(10, 244),
            service_range: range(10, 96),
        };
        let now = write(&ChangeTracker::default(), &Written::default(), &store, &config);
        Scale { services, store, changed, config, now }
    }

    /// All rules anew; answers how many there are.
    pub fn full(&self) -> u32 {
        rules(&write(&ChangeTracker::default(), &Written::default(), &self.store, &self.config))
    }

    /// The rules after one Pod was replaced.
    pub fn change(&self) -> u32 {
        rules(&write(&self.now.tracker, &self.now.written, &self.changed, &self.config))
    }

    /// So many first packets to some Services in turn; answers how many found an endpoint.
    pub fn walk(&self, packets: u32) -> u32 {
        let (mut memory, mut random) = (Memory::default(), Random::new(Seed(1)));
        let one = |packet: u32| {
            let flow = Flow {
                src: Socket::new(Ipv4Addr::new(10, 244, 1, 9), 40000),
                dst: Socket::new(cluster_ip(packet % CALLED * (self.services / CALLED)), 80),
            };
            let packet = Packet { protocol: Protocol::Tcp, flow, mark: 0 };
            let local = [self.config.node_ip, Ipv4Addr::new(10, 244, 1, 1)];
            let mut situation = Situation { packet, state: ConntrackState::New, dnat: false, local, now: 0 };
            let decision = self.now.program.walk(Hook::NatPrerouting, &mut situation, &mut memory, &mut random, &mut Silent);
            u32::from(matches!(decision, Decision::Dnat(_)))
        };
        (0..packets).map(one).sum()
    }
}

fn write(tracker: &ChangeTracker, written: &Written, store: &Store, config: &ProxyConfig) -> Proxy {
    let tracker = tracker.update(store, &config.node_name);
    let (written, rules) = written.update(&tracker.ports(), config);
    Proxy { tracker, written, program: Program::new(Arc::new(rules)) }
}

fn rules(written: &Proxy) -> u32 {
    written.program.rules().tables.iter().flat_map(|table| &table.parts).map(|part| part.rules.len() as u32).sum()
}

fn range(first: u8, second: u8) -> Cidr {
    Cidr { base: Ipv4Addr::new(first, second, 0, 0), bits: 16 }
}

fn cluster_ip(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 96, 0, 10)) + number)
}

fn meta(name: String) -> ObjectMeta {
    ObjectMeta { name, namespace: "default".into(), ..ObjectMeta::default() }
}

fn service(number: u32) -> Service {
    let mut service = Service { metadata: meta(format!("service-{number}")), ..Service::default() };
    service.spec.type_ = "ClusterIP".into();
    service.spec.cluster_ip = cluster_ip(number).to_string();
    service.spec.selector.insert("app".into(), format!("app-{number}"));
    service.spec.ports.push(ServicePort { port: 80, protocol: "TCP".into(), ..ServicePort::default() });
    service
}

/// Its slice; the last of its endpoints comes in generations.
fn slice(number: u32, generation: u32) -> EndpointSlice {
    let mut slice = EndpointSlice { metadata: meta(format!("service-{number}-abcde")), ..EndpointSlice::default() };
    slice.metadata.labels.insert("kubernetes.io/service-name".into(), format!("service-{number}"));
    slice.address_type = "IPv4".into();
    slice.ports.push(EndpointPort { name: Some(String::new()), port: Some(8080), ..EndpointPort::default() });
    for index in 0..ENDPOINTS {
        let moved = if index + 1 == ENDPOINTS { generation << 20 } else { 0 };
        let ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 128, 0, 0)) + number * ENDPOINTS + index + moved);
        let node = format!("node-{}", index % 3 + 1);
        slice.endpoints.push(Endpoint { addresses: vec![ip.to_string()], node_name: Some(node), ..Endpoint::default() });
    }
    slice
}
