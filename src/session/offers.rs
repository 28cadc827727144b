//! Every target of what was pasted: what a learner may want to call, found from the objects, tried by the engine itself.
//!
//! An offer that would fail says why, because it was sent once and its trace said so.

use super::view::node_ip;
use crate::api::ObjectRef;
use crate::api::core::{ContainerPort, Node, Pod, Service, ServicePort};
use crate::api::meta::{IntOrString, selects};
use crate::api::networking::Ingress;
use crate::cluster::Cluster;
use crate::data_plane::DataPlane;
use crate::explain::client;
use crate::msg;
use crate::packet::Protocol;
use crate::random::Seed;
use crate::scene::view::{OfferGroup, TargetOffer};
use crate::settings::INGRESS_NAMESPACE;
use crate::trace::{Request, Source, Verdict};
use crate::words::{Message, natural};
use std::collections::BTreeMap;

/// At most so many offers are made, and so many nodes named for one nodePort.
const MOST: usize = 60;
const MOST_NODES: usize = 6;

/// Ports that speak HTTP unless a Service says otherwise.
const HTTP_PORTS: [i32; 9] = [80, 443, 3000, 5678, 8000, 8080, 8081, 8888, 9376];

struct Offers<'a> {
    cluster: &'a Cluster,
    nodes: Vec<&'a Node>,
    /// The Pod that was chosen to call.
    pod: Option<&'a Pod>,
    list: Vec<TargetOffer>,
}

/// The offers: load balancers first, because who asked for one means its address, and within a group those of the learner's
/// first Service. Each says whether the chosen caller gets through; unless somebody is chosen, each has a caller that does if one can.
pub fn of(cluster: &Cluster, plane: &DataPlane, chosen: Option<&Source>) -> Vec<TargetOffer> {
    let mut nodes: Vec<&Node> = cluster.store.all::<Node>().collect();
    nodes.sort_by(|a, b| natural(&a.metadata.name, &b.metadata.name));
    let pod = match chosen {
        Some(Source::Pod(namespace, name)) => cluster.store.get::<Pod>(namespace, name),
        Some(Source::Workload(workload)) => cluster.pod_meant_by(workload).map(AsRef::as_ref),
        _ => None,
    };
    let mut offers = Offers { cluster, nodes, pod, list: Vec::new() };
    for service in own_services(cluster) {
        offers.service(service);
    }
    for ingress in cluster.store.all::<Ingress>() {
        offers.ingress(ingress);
    }
    offers.host_ports();
    offers.pods();
    offers.sure_failures();
    let mut list = offers.list;
    list.truncate(MOST);
    let mut plane = plane.clone();
    for offer in &mut list {
        let usual = offer.from.as_deref().and_then(|from| from.parse().ok()).unwrap_or_default();
        let Some(chosen) = chosen else {
            offer.fails = why_it_fails(cluster, &mut plane, offer, usual).map(|(_, why)| why);
            continue;
        };
        let failed = why_it_fails(cluster, &mut plane, offer, chosen.clone());
        // A name that means nothing where the caller stands can only be meant from elsewhere.
        let unknown = failed.as_ref().is_some_and(|(verdict, _)| *verdict == Verdict::NameNotFound);
        if unknown && usual != *chosen {
            offer.fails = why_it_fails(cluster, &mut plane, offer, usual).map(|(_, why)| why);
            continue;
        }
        offer.from = None;
        offer.fails = failed.map(|(_, why)| why);
        if offer.fails.is_none() && offer.group == OfferGroup::Fails {
            offer.group = OfferGroup::Service;
        }
    }
    list.sort_by_key(|offer| if offer.fails.is_some() { OfferGroup::Fails } else { offer.group });
    list
}

fn own_services(cluster: &Cluster) -> Vec<&Service> {
    let position = |service: &Service| {
        let object = ObjectRef::of(service);
        cluster.manifests.documents.iter().find(|document| document.names(&object)).map(|document| document.position)
    };
    let mut services: Vec<(u32, &Service)> =
        cluster.store.all::<Service>().filter_map(|service| Some((position(service)?, service))).collect();
    services.sort_by_key(|(position, _)| *position);
    services.into_iter().map(|(_, service)| service).collect()
}

fn why_it_fails(cluster: &Cluster, plane: &mut DataPlane, offer: &TargetOffer, from: Source) -> Option<(Verdict, Message)> {
    let request = Request { from, target: offer.target.clone(), seed: Seed(1), ..Request::default() };
    // Most offers work: only those that do not are walked again with every hop recorded, for their reason.
    let (verdict, status, _) = plane.verdict(cluster, &request);
    if verdict.arrived(status) {
        return None;
    }
    let trace = plane.send(cluster, &request);
    Some((verdict, trace.advice.map_or_else(|| msg!("offer.fails"), |advice| advice.why)))
}

impl Offers<'_> {
    fn push(&mut self, group: OfferGroup, target: String, from: Option<Source>, label: Message) {
        // A name means another Service from another namespace: the same target by another caller is another offer.
        let from = from.map(|source| source.to_string());
        if self.list.iter().all(|offer| offer.target != target || offer.from != from) {
            self.list.push(TargetOffer { target, from, label, group, fails: None });
        }
    }

    /// A Pod from which names can be called, chosen as `explain service/NAME` does.
    fn caller(&self, namespace: &str, called: &dyn Fn(&Pod) -> bool) -> Option<Source> {
        let pod = self.pod.or_else(|| client(self.cluster, namespace, called))?;
        Some(Source::Pod(pod.metadata.namespace.clone(), pod.metadata.name.clone()))
    }

    fn service(&mut self, service: &Service) {
        let (meta, spec) = (&service.metadata, &service.spec);
        for port in &spec.ports {
            for entry in &service.status.load_balancer.ingress {
                let host = if entry.ip.is_empty() { &entry.hostname } else { &entry.ip };
                let label = msg!("offer.loadBalancer", service = meta.name, namespace = meta.namespace, port = port.port);
                self.push(OfferGroup::LoadBalancer, url(port, host, port.port), Some(Source::Internet), label);
            }
            for ip in &spec.external_ips {
                let label = msg!("offer.externalIP", service = meta.name, namespace = meta.namespace, port = port.port);
                self.push(OfferGroup::LoadBalancer, url(port, ip, port.port), Some(Source::Internet), label);
            }
        }
        for port in &spec.ports {
            self.node_ports(service, port);
        }
        if let Some((node, target)) =
            self.nodes.first().and_then(|node| Some((&node.metadata.name, health_check(node, service)?)))
        {
            let label = msg!("offer.healthCheck", service = meta.name, node = node);
            self.push(OfferGroup::NodePort, target, None, label);
        }
        let behind = |pod: &Pod| pod.metadata.namespace == meta.namespace && selects(&spec.selector, &pod.metadata.labels);
        let Some(caller) = self.caller(&meta.namespace, &behind) else {
            self.by_cluster_ip(service);
            return;
        };
        let near = matches!(&caller, Source::Pod(namespace, _) if *namespace == meta.namespace);
        let name = if near { meta.name.clone() } else { format!("{}.{}", meta.name, meta.namespace) };
        if spec.type_ == "ExternalName" {
            let label = msg!("offer.externalName", service = meta.name, namespace = meta.namespace, target = spec.external_name);
            self.push(OfferGroup::Service, format!("http://{name}/"), Some(caller.clone()), label);
        }
        for port in &spec.ports {
            // A headless Service's name leads straight to the Pods, so the caller must use their port.
            let headless = spec.cluster_ip == "None";
            let number = if headless { pod_port(port) } else { port.port };
            let label = if headless {
                msg!("offer.headless", service = meta.name, namespace = meta.namespace, port = number)
            } else {
                msg!("offer.service", service = meta.name, namespace = meta.namespace, port = number)
            };
            self.push(OfferGroup::Service, url(port, &name, number), Some(caller.clone()), label);
        }
    }

    /// Without a Pod of the learner's own, a node still reaches cluster addresses, though no names.
    fn by_cluster_ip(&mut self, service: &Service) {
        let Some(node) = self.nodes.first().map(|node| Source::Node(node.metadata.name.clone())) else { return };
        let meta = &service.metadata;
        if service.spec.cluster_ip == "None" {
            // It has no Pods here, and so no name: a call that fails, and says so.
            let host = format!("{}.{}.svc.cluster.local", meta.name, meta.namespace);
            for port in &service.spec.ports {
                let label = msg!("offer.headless", service = meta.name, namespace = meta.namespace, port = pod_port(port));
                self.push(OfferGroup::Service, url(port, &host, pod_port(port)), Some(node.clone()), label);
            }
        }
        if matches!(service.spec.cluster_ip.as_str(), "" | "None") {
            return;
        }
        for port in &service.spec.ports {
            let label = msg!("offer.clusterIP", service = meta.name, namespace = meta.namespace, port = port.port);
            self.push(OfferGroup::Service, url(port, &service.spec.cluster_ip, port.port), Some(node.clone()), label);
        }
    }

    fn node_ports(&mut self, service: &Service, port: &ServicePort) {
        if port.node_port == 0 {
            return;
        }
        let names: Vec<String> = self.nodes.iter().take(MOST_NODES).map(|node| node.metadata.name.clone()).collect();
        for node in names {
            let label = msg!("offer.nodePort", service = service.metadata.name, node = node);
            self.push(OfferGroup::NodePort, url(port, &node, port.node_port), None, label);
        }
    }

    fn host_ports(&mut self) {
        let mut open = Vec::new();
        for pod in
            self.cluster.store.all::<Pod>().filter(|pod| !["kube-system", INGRESS_NAMESPACE].contains(&&*pod.metadata.namespace))
        {
            let ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
            open.extend(ports.filter_map(|port| Some((pod, port.host_port?, host_port(pod, port)?))));
        }
        for (pod, port, target) in open.into_iter().take(MOST_NODES) {
            let label = msg!("offer.hostPort", pod = pod.metadata.name, node = pod.spec.node_name, port = port);
            self.push(OfferGroup::NodePort, target, None, label);
        }
    }

    fn ingress(&mut self, ingress: &Ingress) {
        let (meta, spec) = (&ingress.metadata, &ingress.spec);
        let tls: Vec<&String> = spec.tls.iter().flat_map(|tls| &tls.hosts).collect();
        let address = ingress.status.load_balancer.ingress.first();
        let address = address.map(|entry| if entry.ip.is_empty() { entry.hostname.clone() } else { entry.ip.clone() });
        for rule in &spec.rules {
            let host = match rule.host.as_str() {
                "" => address.clone().unwrap_or_else(|| "any.example.com".into()),
                host => host.replacen("*.", "www.", 1),
            };
            let scheme = if tls.contains(&&rule.host) { "https" } else { "http" };
            for path in rule.http.iter().flat_map(|http| &http.paths) {
                let place = if path.path.starts_with('/') { path.path.as_str() } else { "/" };
                let label = msg!("offer.ingress", ingress = meta.name, host = host, path = place);
                self.push(OfferGroup::Ingress, format!("{scheme}://{host}{place}"), Some(Source::Internet), label);
            }
        }
        if spec.default_backend.is_some() {
            let host = address.unwrap_or_else(|| "any.example.com".into());
            let label = msg!("offer.ingressDefault", ingress = meta.name);
            self.push(OfferGroup::Ingress, format!("http://{host}/"), Some(Source::Internet), label);
        }
    }

    fn pods(&mut self) {
        let mut seen: BTreeMap<String, ()> = BTreeMap::new();
        // Who calls comes last: of an application another Pod than the caller is offered, if there is one.
        let calls = |pod: &Pod| self.pod.is_some_and(|caller| caller.metadata.uid == pod.metadata.uid);
        let (own, others): (Vec<&Pod>, Vec<&Pod>) = self.cluster.store.all::<Pod>().partition(|pod| calls(pod));
        for pod in others.into_iter().chain(own) {
            let meta = &pod.metadata;
            let app = meta.owner_references.first().map_or(&meta.name, |owner| &owner.name);
            if ["kube-system", INGRESS_NAMESPACE].contains(&meta.namespace.as_str()) || pod.status.pod_ip.is_empty() {
                continue;
            }
            if seen.insert(app.clone(), ()).is_some() {
                continue;
            }
            let listeners = crate::node::images::listens(pod, &self.cluster.store);
            let by_tcp = listeners.iter().find(|listener| listener.protocol == Protocol::Tcp);
            let Some(listener) = by_tcp.or(listeners.first()) else { continue };
            let owner = meta.owner_references.first();
            let called =
                |pod: &Pod| pod.metadata.name == meta.name || owner.is_some() && pod.metadata.owner_references.first() == owner;
            let Some(caller) = self.caller("default", &called) else { return };
            let label = msg!("offer.pod", pod = meta.name);
            let host = format!("{}:{}", pod.status.pod_ip, listener.port);
            let target = match listener.protocol {
                Protocol::Tcp => format!("http://{host}/"),
                other => format!("{}://{host}", other.api_name().to_lowercase()),
            };
            self.push(OfferGroup::Pod, target, Some(caller), label);
        }
    }

    /// Two that fail in any cluster, and teach why: a ClusterIP from outside, and a nodePort nobody asked for.
    fn sure_failures(&mut self) {
        if self.cluster.manifests.documents.is_empty() {
            return;
        }
        let service = own_services(self.cluster).into_iter().find(|s| !matches!(s.spec.cluster_ip.as_str(), "" | "None"));
        if let Some((service, port)) = service.and_then(|service| Some((service, service.spec.ports.first()?))) {
            let meta = &service.metadata;
            let label = msg!("offer.clusterIP", service = meta.name, namespace = meta.namespace, port = port.port);
            self.push(OfferGroup::Fails, url(port, &service.spec.cluster_ip, port.port), Some(Source::Internet), label);
        }
        let taken: Vec<i32> =
            self.cluster.store.all::<Service>().flat_map(|s| &s.spec.ports).map(|port| port.node_port).collect();
        let free = (30000..=32767).find(|number| !taken.contains(number)).unwrap_or(30000);
        if let Some(node) = self.nodes.first() {
            let label = msg!("offer.wrongNodePort", port = free);
            let target = format!("http://{}:{free}/", node_ip(node));
            self.push(OfferGroup::Fails, target, Some(Source::Internet), label);
        }
    }
}

/// Where a container's hostPort is called: at its Pod's node, unless it keeps to another address. In the node's own network the Pod
/// opens its port itself, and is offered by its address.
pub(super) fn host_port(pod: &Pod, port: &ContainerPort) -> Option<String> {
    let spec = &pod.spec;
    let everywhere = matches!(port.host_ip.as_str(), "" | "0.0.0.0");
    let open = everywhere && !spec.node_name.is_empty() && spec.host_network != Some(true);
    let number = port.host_port.filter(|number| open && *number != 0)?;
    let (name, protocol, target_port) = (port.name.clone(), port.protocol.clone(), IntOrString::Int(port.container_port));
    let own = ServicePort { name, protocol, port: port.container_port, target_port, ..ServicePort::default() };
    Some(url(&own, &spec.node_name, number))
}

/// Where a load balancer asks a node whether it has endpoints of the Service.
pub(super) fn health_check(node: &Node, service: &Service) -> Option<String> {
    let port = service.spec.health_check_node_port;
    (port != 0).then(|| format!("http://{}:{port}/", node.metadata.name))
}

fn url(port: &ServicePort, host: &str, number: i32) -> String {
    if matches!(port.protocol.as_str(), "UDP" | "SCTP") {
        return format!("{}://{host}:{number}", port.protocol.to_lowercase());
    }
    let hints = [port.name.as_str(), port.app_protocol.as_deref().unwrap_or_default()];
    let says_http = hints.iter().any(|hint| hint.starts_with("http") || hint.starts_with("web"));
    let target_is_http = matches!(&port.target_port, IntOrString::Int(target) if HTTP_PORTS.contains(target))
        || matches!(&port.target_port, IntOrString::String(name) if name.starts_with("http") || name.starts_with("web"));
    let https = port.port == 443 || port.name == "https";
    match () {
        () if https => format!("https://{host}:{number}/"),
        () if says_http || target_is_http || HTTP_PORTS.contains(&port.port) => match number {
            80 => format!("http://{host}/"),
            _ => format!("http://{host}:{number}/"),
        },
        () => format!("{host}:{number}"),
    }
}

fn pod_port(port: &ServicePort) -> i32 {
    match &port.target_port {
        IntOrString::Int(number) if *number > 0 => *number,
        _ => port.port,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_named_for_http_is_offered_as_a_url_and_others_as_host_and_port() {
        let http = ServicePort { name: "http".into(), protocol: "TCP".into(), port: 8000, ..ServicePort::default() };
        assert_eq!(url(&http, "web", 8000), "http://web:8000/");
        let redis = ServicePort { protocol: "TCP".into(), port: 6379, ..ServicePort::default() };
        assert_eq!(url(&redis, "redis", 6379), "redis:6379");
        let dns = ServicePort { protocol: "UDP".into(), port: 53, ..ServicePort::default() };
        assert_eq!(url(&dns, "dns", 53), "udp://dns:53");
    }
}
