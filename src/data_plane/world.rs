//! Who owns which address, and which machine it stands on: what routes and wires know of a cluster.
//!
//! The model: nodes on one network; Pods of a node behind its bridge `cni0`, which has the first address of the node's Pod
//! range (in a dump, Pods outside of it, or on a node without one, hang on their node without a bridge); Pod traffic between nodes
//! routed without NAT. What leaves the cluster passes a gateway that translates its source
//! (assumption). Load balancers and the API server are machines beside the nodes.

use super::absent::{self, Absent};
use super::balancer::{place, service_ref};
use super::forward::{self, Forward};
use super::health_check::TO_BE_DELETED;
use super::host_port::{HostPort, host_ports};
pub(super) use super::owners::Owner;
use super::owners::Owners;
use super::travel::Spot;
use crate::addons::ingress_controller::{self, Backend, Router, real};
use crate::addons::public_dns::balancer_address;
use crate::addons::{aws, metallb};
use crate::api::core::{Node, Pod, Service};
use crate::api::discovery::EndpointSlice;
use crate::api::networking::Ingress;
use crate::api::{Kind, ObjectRef};
use crate::cluster::{Cluster, Store};
use crate::netfilter::Cidr;
use crate::node::cni;
use crate::node::kube_proxy::{internal_ip, parse_cidr_sloppy, parse_ip_sloppy};
use crate::node::network_policy::Policies;
use crate::packet::Socket;
use crate::settings::{CLIENT_OUTSIDE, INGRESS_NAMESPACE, Mode, OutsideSettings, Provider};
use crate::trace::Place;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The address that packets carry which leave the cluster for the world outside (assumption).
pub const EGRESS_GATEWAY: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// A node as a machine.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub name: String,
    pub ip: Ipv4Addr,
    pub pod_range: Option<Cidr>,
    /// The bridge's own address; the node's, where it has no range of Pods and so no bridge.
    pub cni0: Ipv4Addr,
    pub down_since: Option<i64>,
    /// Whether its kube-proxy runs.
    pub proxy_runs: bool,
    /// Its address outside: the cloud's edge rewrites it to `ip`, one to one.
    pub outside: Option<Ipv4Addr>,
    excluded: bool,
}

/// A Pod as something with an address.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    pub pod: Arc<Pod>,
    pub ip: Ipv4Addr,
    /// Index of its node.
    pub node: usize,
    pub host_network: bool,
    /// Runs the Ingress controller.
    pub is_controller: bool,
}

/// A load balancer's address.
#[derive(Clone, Debug)]
pub(super) struct Balancer {
    pub service: Arc<Service>,
    pub ip: Ipv4Addr,
    pub means: Means,
    /// Its address is private: nobody outside has a route to it.
    pub internal: bool,
    /// It has a hostname that the AWS Load Balancer Controller would not give: what machine it is, nobody knows here.
    pub made_elsewhere: bool,
    /// The nodes that its health check finds well, in their order.
    pub healthy: Vec<usize>,
    /// What it sends to, where that is Pods: position of the port, address.
    pub targets: Vec<(usize, Socket)>,
    /// The address from which it speaks where it hides the client.
    pub own: Ipv4Addr,
}

/// An Application Load Balancer of AWS: a machine outside that reads requests.
#[derive(Clone, Debug)]
pub(super) struct Alb {
    pub ingress: Arc<Ingress>,
    pub ip: Ipv4Addr,
    pub internal: bool,
    /// The address from which it speaks to its targets.
    pub own: Ipv4Addr,
    pub router: Router,
}

/// How a load balancer hands packets on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// A cloud's machine outside, which rewrites to a node port (`ipMode: Proxy`).
    Cloud,
    /// A cloud's machine outside, which hands packets to a node as they are (`ipMode: VIP`).
    Passes,
    /// A Network Load Balancer of AWS, to node ports.
    Instances,
    /// A Network Load Balancer of AWS, straight to Pods.
    Pods,
    /// No machine: the address itself is routed to a node, which announces it (layer 2), if one does.
    Announced(Option<usize>),
}

/// All machines of a cluster.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub nodes: Vec<Machine>,
    pub pods: Vec<Guest>,
    pub balancers: Vec<Balancer>,
    pub albs: Vec<Alb>,
    pub policies: Policies,
    /// Where the API server listens: on machines of its own, or on nodes.
    pub api_servers: Vec<Socket>,
    /// Addresses that nobody here has, that no public server can have, and that an EndpointSlice names all the same.
    pub named: Vec<Ipv4Addr>,
    /// External IPs of Services, also of those whose kind leaves them without effect: somebody has to bring them here, so no server
    /// outside has them.
    pub external: Vec<Ipv4Addr>,
    /// The network that the nodes are taken to share: the 24 bits that all of their addresses begin with.
    pub node_network: Option<Cidr>,
    pub host_ports: Vec<HostPort>,
    /// What Pods pass on instead of taking it.
    pub forwards: Vec<Forward>,
    /// Whether the plugin for host ports is asked before kube-proxy's rules.
    pub host_ports_first: bool,
    pub outside: OutsideSettings,
    pub pod_range: Cidr,
    pub service_range: Cidr,
    pub now: u64,
    /// Pods that a dump leaves out.
    pub absent: Vec<Absent>,
    owners: Owners,
}

impl World {
    pub fn of(cluster: &Cluster) -> World {
        let store = &cluster.store;
        let mut world = World {
            nodes: store.all::<Node>().filter_map(|node| machine(cluster, node)).collect(),
            pods: Vec::new(),
            balancers: Vec::new(),
            albs: albs(store),
            policies: Policies::of(store),
            api_servers: api_servers(store),
            named: Vec::new(),
            external: external_ips(store),
            node_network: None,
            host_ports: Vec::new(),
            forwards: Vec::new(),
            host_ports_first: cluster.settings.mode == Mode::Nftables,
            outside: cluster.settings.outside.clone(),
            pod_range: cluster.settings.pod_range(),
            service_range: cluster.settings.service_range(),
            now: cluster.now,
            absent: Vec::new(),
            owners: Owners::default(),
        };
        world.node_network = shared_network(&world.nodes);
        world.balancers = balancers(cluster, &world.nodes);
        let ready = ready_nodes(store);
        let healthy: Vec<_> = world.balancers.iter().map(|balancer| world.healthy(cluster, balancer, &ready)).collect();
        for (balancer, healthy) in world.balancers.iter_mut().zip(healthy) {
            balancer.healthy = healthy;
            if matches!(balancer.means, Means::Instances) && balancer.healthy.is_empty() {
                // Where all targets are unhealthy, a Network Load Balancer tries them all ("fail open").
                balancer.healthy = world.nodes.iter().enumerate().filter(|(_, node)| !node.excluded).map(|(at, _)| at).collect();
            }
        }
        let controllers = real::with_class(store);
        world.pods = store.pods.values().filter_map(|pod| world.guest(pod, &controllers)).collect();
        world.host_ports = world.pods.iter().flat_map(host_ports).collect();
        world.forwards = forward::all(cluster, &world);
        let mut owners = BTreeMap::<Ipv4Addr, Owner>::new();
        let own = |(index, balancer): (usize, &Balancer)| (balancer.ip, Owner::Balancer(index));
        owners.extend(world.balancers.iter().enumerate().map(own));
        let own = |(index, alb): (usize, &Alb)| [alb.own, alb.ip].map(|ip| (ip, Owner::Alb(index)));
        owners.extend(world.albs.iter().enumerate().flat_map(own));
        let guests = world.pods.iter().enumerate().filter(|(_, guest)| !guest.host_network);
        // Of two Pods with one address, the one that is not on its way out answers.
        let (leaving, staying): (Vec<_>, Vec<_>) = guests.partition(|(_, guest)| guest.pod.metadata.deletion_timestamp.is_some());
        owners.extend(leaving.into_iter().chain(staying).map(|(index, guest)| (guest.ip, Owner::Pod(index))));
        for (index, node) in world.nodes.iter().enumerate() {
            owners.extend(node.outside.map(|ip| (ip, Owner::NodeOutside(index))));
            owners.insert(node.cni0, Owner::Node(index));
            owners.insert(node.ip, Owner::Node(index));
        }
        owners.extend([(CLIENT_OUTSIDE, Owner::Client), (EGRESS_GATEWAY, Owner::Gateway)]);
        for server in &world.api_servers {
            owners.entry(server.ip).or_insert(Owner::ApiServer);
        }
        world.absent = absent::all(cluster, &world.nodes);
        for (index, absent) in world.absent.iter().enumerate() {
            owners.entry(absent.ip).or_insert(Owner::Absent(index));
        }
        world.owners = Owners::of(owners);
        let endpoints = store.all::<EndpointSlice>().flat_map(|slice| &slice.endpoints);
        let addresses = endpoints.flat_map(|endpoint| &endpoint.addresses).filter_map(|ip| parse_ip_sloppy(ip));
        let elsewhere =
            |ip: &Ipv4Addr| world.owner(*ip) == Owner::Nobody && !is_public(*ip) && !world.service_range.contains(*ip);
        world.named = addresses.filter(elsewhere).collect();
        world
    }

    fn guest(&self, pod: &Arc<Pod>, controllers: &[&str]) -> Option<Guest> {
        let runs = !matches!(pod.status.phase.as_str(), "Succeeded" | "Failed");
        let ip = parse_ip_sloppy(&pod.status.pod_ip).filter(|_| runs)?;
        let node = self.node_named(&pod.spec.node_name)?;
        Some(Guest {
            pod: Arc::clone(pod),
            ip,
            node,
            host_network: pod.spec.host_network == Some(true),
            is_controller: pod.metadata.namespace == INGRESS_NAMESPACE
                || !controllers.is_empty() && real::of_pod(&pod.spec).is_some_and(|own| controllers.contains(&own)),
        })
    }

    /// The node that a process runs on.
    pub fn node_under(&self, spot: Spot) -> Option<&str> {
        match spot {
            Spot::Node(node) => self.nodes.get(node).map(|node| node.name.as_str()),
            Spot::Pod(pod) => self.pods.get(pod).map(|guest| guest.pod.spec.node_name.as_str()),
            _ => None,
        }
    }

    /// A machine as a place, with its object.
    pub fn place_of(&self, spot: Spot) -> (Place, Vec<ObjectRef>) {
        match spot {
            Spot::Node(node) => {
                let name = self.nodes.get(node).map_or("", |node| node.name.as_str());
                (Place::Node(name.into()), vec![ObjectRef::new(Kind::Node, "", name)])
            }
            Spot::Pod(pod) => match self.pods.get(pod) {
                Some(guest) => {
                    let meta = &guest.pod.metadata;
                    let object = ObjectRef::of(guest.pod.as_ref());
                    if guest.is_controller {
                        (Place::IngressController(meta.namespace.clone(), meta.name.clone()), vec![object])
                    } else {
                        (Place::Pod(meta.namespace.clone(), meta.name.clone()), vec![object])
                    }
                }
                None => (Place::Internet, vec![]),
            },
            Spot::Balancer(index) => match self.balancers.get(index) {
                Some(balancer) => (place(balancer), vec![service_ref(balancer)]),
                None => (Place::Internet, vec![]),
            },
            Spot::Alb(index) => match self.albs.get(index).map(|alb| ObjectRef::of(alb.ingress.as_ref())) {
                Some(object) => (Place::LoadBalancer(object.namespace.clone(), object.name.clone()), vec![object]),
                None => (Place::Internet, vec![]),
            },
            Spot::ApiServer => (Place::Outside("kube-apiserver".into()), vec![]),
            Spot::Outside | Spot::Server => (Place::Internet, vec![]),
        }
    }

    pub fn node_named(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }

    pub fn pod_named(&self, namespace: &str, name: &str) -> Option<usize> {
        let is_it = |guest: &Guest| guest.pod.metadata.namespace == namespace && guest.pod.metadata.name == name;
        self.pods.iter().position(is_it)
    }

    #[inline]
    pub fn owner(&self, ip: Ipv4Addr) -> Owner {
        if let Some(owner) = self.owners.find(ip) {
            return owner;
        }
        let in_range = |node: &Machine| node.pod_range.is_some_and(|range| range.contains(ip));
        self.nodes.iter().position(in_range).map_or(Owner::Nobody, Owner::EmptyPodAddress)
    }

    #[inline(always)]
    pub fn is_up(&self, node: usize) -> bool {
        self.nodes.get(node).is_some_and(|node| node.down_since.is_none())
    }

    /// Whether an address lies in the nodes' own network, and no EndpointSlice says that somebody has it.
    pub fn beside_nodes(&self, ip: Ipv4Addr) -> bool {
        let taken = self.pod_range.contains(ip) || self.service_range.contains(ip) || self.named.contains(&ip);
        !taken && self.node_network.is_some_and(|range| range.contains(ip))
    }

    /// Whether an address lies inside: a Pod's or a node's.
    pub fn is_inside(&self, ip: Ipv4Addr) -> bool {
        self.pod_range.contains(ip) || matches!(self.owner(ip), Owner::Node(_) | Owner::Pod(_) | Owner::Absent(_))
    }

    /// The nodes that pass a load balancer's health check: alive as far as it knows, and kube-proxy answers well. A cloud asks it on
    /// port 10256 (KEP-3836), under policy Local on `healthCheckNodePort`; the AWS Load Balancer Controller without that policy has
    /// the node port itself called, which needs no kube-proxy.
    fn healthy(&self, cluster: &Cluster, balancer: &Balancer, ready: &ReadyNodes<'_>) -> Vec<usize> {
        let meta = &balancer.service.metadata;
        let key = (meta.namespace.as_str(), meta.name.as_str());
        let local = balancer.service.spec.external_traffic_policy == "Local";
        let serves = |node: &Machine| ready.get(&key).is_some_and(|nodes| nodes.contains(node.name.as_str()));
        let answers = |node: &Machine| match local {
            true => node.proxy_runs && serves(node),
            false => node.proxy_runs || balancer.means == Means::Instances,
        };
        let passes = |node: &Machine| cluster.load_balancer_trusts(&node.name) && !node.excluded && answers(node);
        self.nodes.iter().enumerate().filter(|(_, node)| passes(node)).map(|(index, _)| index).collect()
    }
}

fn external_ips(store: &Store) -> Vec<Ipv4Addr> {
    store.all::<Service>().flat_map(|service| &service.spec.external_ips).filter_map(|ip| parse_ip_sloppy(ip)).collect()
}

/// The range of 256 addresses in which all nodes lie.
fn shared_network(nodes: &[Machine]) -> Option<Cidr> {
    let [a, b, c, _] = nodes.first()?.ip.octets();
    let range = Cidr { base: Ipv4Addr::new(a, b, c, 0), bits: 24 };
    nodes.iter().all(|node| range.contains(node.ip)).then_some(range)
}

/// By Service: the nodes that run a ready endpoint of it, as kube-proxy's health check ports tell load balancers.
type ReadyNodes<'a> = BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>>;

fn ready_nodes(store: &Store) -> ReadyNodes<'_> {
    let mut found = ReadyNodes::new();
    for slice in store.all::<EndpointSlice>() {
        let Some(service) = slice.metadata.labels.get("kubernetes.io/service-name") else { continue };
        let ready = slice.endpoints.iter().filter(|endpoint| endpoint.conditions.ready.unwrap_or(true));
        let nodes = ready.filter_map(|endpoint| endpoint.node_name.as_deref());
        found.entry((slice.metadata.namespace.as_str(), service.as_str())).or_default().extend(nodes);
    }
    found
}

/// The endpoints of `default/kubernetes`.
fn api_servers(store: &Store) -> Vec<Socket> {
    let own =
        |slice: &&EndpointSlice| slice.metadata.labels.get("kubernetes.io/service-name").is_some_and(|own| own == "kubernetes");
    let mut found = Vec::new();
    for slice in store.in_namespace::<EndpointSlice>("default").filter(own) {
        let ports: Vec<u16> = slice.ports.iter().filter_map(|port| u16::try_from(port.port?).ok()).collect();
        for ip in slice.endpoints.iter().flat_map(|endpoint| &endpoint.addresses).filter_map(|ip| parse_ip_sloppy(ip)) {
            found.extend(ports.iter().map(|port| Socket::new(ip, *port)));
        }
    }
    found
}

fn external_ip(node: &Node) -> Option<Ipv4Addr> {
    let address = node.status.addresses.iter().find(|address| address.type_ == "ExternalIP")?;
    parse_ip_sloppy(&address.address)
}

fn machine(cluster: &Cluster, node: &Node) -> Option<Machine> {
    let ip = internal_ip(node)?;
    let pod_range = parse_cidr_sloppy(&node.spec.pod_cidr);
    let state = cluster.machines.get(&node.metadata.name);
    Some(Machine {
        name: node.metadata.name.clone(),
        ip,
        pod_range,
        cni0: pod_range.map_or(ip, cni::bridge_address),
        down_since: state.and_then(|machine| machine.down_since),
        proxy_runs: state.is_none_or(|machine| machine.frozen_view.is_none()),
        outside: external_ip(node).filter(|outside| *outside != ip),
        excluded: node.metadata.labels.contains_key(metallb::LABEL_EXCLUDE)
            || node.spec.taints.iter().any(|taint| taint.key == TO_BE_DELETED),
    })
}

fn balancers(cluster: &Cluster, nodes: &[Machine]) -> Vec<Balancer> {
    let mut found = Vec::new();
    for service in cluster.store.services.values() {
        for ingress in &service.status.load_balancer.ingress {
            let Some(ip) = balancer_address(service, ingress) else { continue };
            let annotations = &service.metadata.annotations;
            let hostname = &ingress.hostname;
            let means = if ingress.ip.is_empty() {
                if aws::targets_pods(annotations) { Means::Pods } else { Means::Instances }
            } else if ingress.ip_mode.as_deref() == Some("Proxy") {
                Means::Cloud
            } else if cluster.settings.load_balancer.provider != Provider::Metallb {
                // Of a dump. `LoadBalancerIngress` of core/v1: packets come with the load balancer's address and port.
                Means::Passes
            } else {
                let node = metallb::announcer(cluster, service, ip);
                Means::Announced(node.and_then(|name| nodes.iter().position(|node| node.name == name)))
            };
            found.push(Balancer {
                service: Arc::clone(service),
                ip,
                means,
                internal: ingress.ip.is_empty() && aws::hostname_is_internal(service, hostname),
                made_elsewhere: ingress.ip.is_empty() && !aws::has_made(service, hostname),
                healthy: Vec::new(),
                targets: if means == Means::Pods { targets(cluster, service) } else { Vec::new() },
                own: aws::address(hostname, true),
            });
        }
    }
    found
}

fn albs(store: &Store) -> Vec<Alb> {
    let standing = store.ingresses.values().filter(|ingress| ingress_controller::is_alb(store, ingress));
    let alb = |ingress: &Arc<Ingress>| {
        let hostname = &ingress.status.load_balancer.ingress.iter().find(|at| !at.hostname.is_empty())?.hostname;
        let internal = aws::ingress_is_internal(&ingress.metadata.annotations);
        let router = Router::of_alb(ingress);
        let (ip, own) = (aws::address(hostname, internal), aws::address(hostname, true));
        Some(Alb { ingress: Arc::clone(ingress), ip, internal, own, router })
    };
    standing.filter_map(alb).collect()
}

/// The ready endpoints of each port on nodes that the health check trusts; all of them, where it trusts none ("fail open").
fn targets(cluster: &Cluster, service: &Service) -> Vec<(usize, Socket)> {
    let mut found = Vec::new();
    for (at, port) in service.spec.ports.iter().enumerate() {
        let ready = ingress_controller::endpoints(&cluster.store, service, &port.name);
        let well = |backend: &&Backend| backend.node.as_deref().is_none_or(|node| cluster.load_balancer_trusts(node));
        let none = !ready.iter().any(|backend| well(&backend));
        found.extend(ready.iter().filter(|backend| none || well(backend)).map(|backend| (at, backend.socket)));
    }
    found
}

/// Whether an address is one that networks use for themselves (RFC 1918, link-local, 100.64.0.0/10).
pub(super) fn is_private(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    ip.is_private() || ip.is_link_local() || a == 100 && (64..128).contains(&b)
}

/// Whether an address may belong to a server in the world outside. 192.0.2.0/24 counts as such, as documentation uses it; the
/// other two ranges for documentation lie at this cluster's own edge: load balancers, the gateway, the client.
pub(super) fn is_public(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_loopback() || a == 0 || a >= 224;
    !special && !is_private(ip) && !matches!((a, b, c), (198, 51, 100) | (203, 0, 113))
}
