//! A cluster as the page shows it: plain data made from the store, in the order in which it is drawn.

use super::rollout;
use crate::addons::ingress_controller::real;
use crate::addons::metallb;
use crate::api::core::{ContainerStatus, Event, Node, Pod, Service};
use crate::api::discovery::EndpointSlice;
use crate::api::networking::{Ingress, IngressBackend};
use crate::api::{Kind, ObjectMeta, ObjectRef};
use crate::cluster::Cluster;
use crate::node::images::{self, end};
use crate::node::kubelet::{assumed_probe, waiting};
use crate::node::network_policy::{Direction, Policies};
use crate::packet::Protocol;
use crate::scene::view::{
    ClusterView, ContainerPortView, EndpointView, IngressRuleView, IngressView, NodeView, PodRole, PodView, PortView,
    ServiceView, WorkloadView,
};
use crate::settings::{INGRESS_NAMESPACE, Provider};
use crate::words::{Message, natural};
use std::collections::BTreeMap;

/// Namespaces whose objects the cluster brings along itself.
const SYSTEM: [&str; 2] = ["kube-system", INGRESS_NAMESPACE];

/// Makes the view.
pub fn of(cluster: &Cluster) -> ClusterView {
    let store = &cluster.store;
    let mut nodes: Vec<NodeView> = store.all::<Node>().map(|node| node_view(cluster, node)).collect();
    nodes.sort_by(|a, b| natural(&a.name, &b.name));
    let policies = Policies::of(store);
    let mut pods: Vec<PodView> = store.all::<Pod>().map(|pod| pod_view(cluster, &policies, pod)).collect();
    pods.sort_by(|a, b| (&a.app, &a.namespace, &a.name).cmp(&(&b.app, &b.namespace, &b.name)));
    let positions = positions(cluster);
    let place = |object: ObjectRef, system: bool| (system, positions.get(&object).copied().unwrap_or(u32::MAX), object);
    let mut services: Vec<ServiceView> = store.all::<Service>().map(|service| service_view(cluster, service)).collect();
    services
        .sort_by_cached_key(|service| place(ObjectRef::new(Kind::Service, &service.namespace, &service.name), service.system));
    let mut ingresses: Vec<IngressView> = store.all::<Ingress>().map(|ingress| ingress_view(cluster, ingress)).collect();
    ingresses.sort_by_cached_key(|ingress| place(ObjectRef::new(Kind::Ingress, &ingress.namespace, &ingress.name), false));
    ClusterView {
        nodes,
        pods,
        services,
        ingresses,
        workloads: workloads(cluster),
        pod_cidr: cluster.settings.pod_cidr.clone(),
        private_nodes: cluster.settings.outside.private_nodes,
        provider: cluster.settings.load_balancer.provider,
    }
}

fn positions(cluster: &Cluster) -> BTreeMap<ObjectRef, u32> {
    cluster.manifests.documents.iter().filter_map(|document| Some((document.object()?, document.position))).collect()
}

pub(super) fn node_view(cluster: &Cluster, node: &Node) -> NodeView {
    let name = &node.metadata.name;
    NodeView {
        name: name.clone(),
        ip: node_ip(node),
        pod_cidr: node.spec.pod_cidr.clone(),
        up: cluster.is_up(name),
        ready: node.status.conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True"),
        proxy_running: cluster.machines.get(name).is_none_or(|machine| machine.frozen_view.is_none()),
        zone: node.metadata.labels.get("topology.kubernetes.io/zone").cloned().unwrap_or_default(),
    }
}

/// The node's InternalIP, or nothing.
pub fn node_ip(node: &Node) -> String {
    let internal = node.status.addresses.iter().find(|address| address.type_ == "InternalIP");
    internal.map(|address| address.address.clone()).unwrap_or_default()
}

pub(super) fn pod_view(cluster: &Cluster, policies: &Policies, pod: &Pod) -> PodView {
    let meta = &pod.metadata;
    let owner = top_owner(cluster, Kind::Pod, meta);
    let label = ["app", "app.kubernetes.io/name", "k8s-app"].iter().find_map(|key| meta.labels.get(*key));
    let app = label.cloned().or_else(|| owner.as_ref().map(|owner| owner.name.clone())).unwrap_or_else(|| meta.name.clone());
    PodView {
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
        app,
        ip: pod.status.pod_ip.clone(),
        node: pod.spec.node_name.clone(),
        status: crate::kubectl::printers::pod_status(pod),
        ready: is_ready(pod),
        by_hand: cluster.unready.contains(&(meta.namespace.clone(), meta.name.clone())),
        terminating: meta.deletion_timestamp.is_some(),
        role: role(pod),
        owner,
        ports: container_ports(pod),
        listens: listens(cluster, pod),
        restarts: pod.status.container_statuses.iter().map(|own| u32::try_from(own.restart_count).unwrap_or_default()).sum(),
        warning: warning(cluster, pod),
        labels: if pod.spec.node_name.is_empty() { pairs(&meta.labels) } else { String::new() },
        policies: isolating(policies, pod),
        host_network: pod.spec.host_network == Some(true),
        assumed: assumed_probe(pod).or_else(|| assumed_end(cluster, pod)),
    }
}

/// `app=web,tier=front`
fn pairs(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// Ports of the containers that run: what the image of another would open is open nowhere.
fn listens(cluster: &Cluster, pod: &Pod) -> Vec<(u16, Protocol)> {
    if pod.spec.node_name.is_empty() {
        return Vec::new();
    }
    let statuses = || pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses);
    let stopped = |name: &str| {
        let own = statuses().find(|status| status.name == name);
        own.is_some_and(ContainerStatus::is_stopped)
    };
    let found = images::listens(pod, &cluster.store);
    found.iter().filter(|own| !stopped(&own.container)).map(|own| (own.port, own.protocol)).collect()
}

/// The scheduler's words while no node takes the Pod; else what the last warning event about it says, as long as it is not ready.
fn warning(cluster: &Cluster, pod: &Pod) -> String {
    let refused = pod.status.conditions.iter().find(|own| own.type_ == "PodScheduled" && own.status == "False");
    if let Some(refused) = refused.filter(|_| pod.spec.node_name.is_empty()) {
        return refused.message.clone();
    }
    if is_ready(pod) {
        return String::new();
    }
    let meta = &pod.metadata;
    let events = cluster.store.in_namespace::<Event>(&meta.namespace).filter(|event| {
        let object = &event.involved_object;
        event.type_ == "Warning" && object.kind == "Pod" && object.name == meta.name && object.uid == meta.uid
    });
    events.max_by(|a, b| a.last_timestamp.cmp(&b.last_timestamp)).map(|event| event.message.clone()).unwrap_or_default()
}

/// A container that does not run, because of what is known of its image.
fn assumed_end(cluster: &Cluster, pod: &Pod) -> Option<Message> {
    let (container, _) = waiting(pod).filter(|(_, reason)| *reason == "CrashLoopBackOff")?;
    let own = pod.spec.containers.iter().find(|own| own.name == container)?;
    Some(end(pod, own, &cluster.store).filter(|end| end.assumed)?.why)
}

/// The policies that isolate a Pod in either direction; on the host's network none does.
fn isolating(policies: &Policies, pod: &Pod) -> Vec<String> {
    let mut names = Vec::new();
    for direction in [Direction::Ingress, Direction::Egress] {
        for policy in policies.isolating(pod, direction).filter(|_| pod.spec.host_network != Some(true)) {
            if !names.contains(&policy.metadata.name) {
                names.push(policy.metadata.name.clone());
            }
        }
    }
    names
}

fn container_ports(pod: &Pod) -> Vec<ContainerPortView> {
    let mut ports = Vec::new();
    for (container, spec) in pod.spec.containers.iter().enumerate() {
        for (index, port) in spec.ports.iter().enumerate() {
            let at = format!("spec.containers[{container}].ports[{index}].containerPort");
            ports.push(ContainerPortView {
                name: port.name.clone(),
                port: u16::try_from(port.container_port).unwrap_or_default(),
                at,
            });
        }
    }
    ports
}

fn role(pod: &Pod) -> PodRole {
    let meta = &pod.metadata;
    match meta.namespace.as_str() {
        "kube-system" if meta.labels.get("k8s-app").is_some_and(|app| app == "kube-dns") => PodRole::Coredns,
        INGRESS_NAMESPACE => PodRole::Ingress,
        _ if real::of_pod(&pod.spec).is_some() => PodRole::Ingress,
        _ => PodRole::App,
    }
}

/// Whether the Pod's Ready condition holds.
pub fn is_ready(pod: &Pod) -> bool {
    pod.status.conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// The topmost controller of an object: a Pod's Deployment rather than its ReplicaSet.
pub fn top_owner(cluster: &Cluster, kind: Kind, meta: &ObjectMeta) -> Option<ObjectRef> {
    let owner = meta.owner_references.iter().find(|owner| owner.controller == Some(true))?;
    let owner_kind = Kind::find(&owner.api_version, &owner.kind)?;
    if owner_kind == kind {
        return None;
    }
    let object = ObjectRef::new(owner_kind, &meta.namespace, &owner.name);
    let above = match owner_kind {
        Kind::ReplicaSet => cluster
            .store
            .get::<crate::api::apps::ReplicaSet>(&meta.namespace, &owner.name)
            .and_then(|set| top_owner(cluster, Kind::ReplicaSet, &set.metadata)),
        _ => None,
    };
    Some(above.unwrap_or(object))
}

pub(super) fn service_view(cluster: &Cluster, service: &Service) -> ServiceView {
    let (meta, spec) = (&service.metadata, &service.spec);
    let slices: Vec<&EndpointSlice> = cluster
        .store
        .in_namespace::<EndpointSlice>(&meta.namespace)
        .filter(|slice| slice.metadata.labels.get("kubernetes.io/service-name") == Some(&meta.name))
        .collect();
    let assigned = service.status.load_balancer.ingress.iter();
    let balancers = assigned.map(|entry| if entry.ip.is_empty() { entry.hostname.clone() } else { entry.ip.clone() });
    let headless = spec.cluster_ip == "None";
    ServiceView {
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
        kind: spec.type_.clone(),
        headless,
        cluster_ip: if headless { String::new() } else { spec.cluster_ip.clone() },
        external_name: spec.external_name.clone(),
        external: balancers.chain(spec.external_ips.iter().cloned()).collect(),
        announced: announcer(cluster, service).unwrap_or_default(),
        pending: spec.type_ == "LoadBalancer" && service.status.load_balancer.ingress.is_empty(),
        ports: spec.ports.iter().map(port_view).collect(),
        selector: pairs(&spec.selector),
        endpoints: slices.iter().flat_map(|slice| endpoint_views(slice)).collect(),
        slice_sizes: slices.iter().map(|slice| slice.endpoints.len()).collect(),
        slices: slices.iter().map(|slice| slice.metadata.name.clone()).collect(),
        system: SYSTEM.contains(&meta.namespace.as_str()) || (meta.namespace == "default" && meta.name == "kubernetes"),
    }
}

/// The node that announces the address of a load balancer that is no machine.
fn announcer(cluster: &Cluster, service: &Service) -> Option<String> {
    let metallb = cluster.settings.load_balancer.provider == Provider::Metallb;
    let address = service.status.load_balancer.ingress.iter().filter(|_| metallb).find_map(|at| at.ip.parse().ok())?;
    metallb::announcer(cluster, service, address).map(str::to_string)
}

fn port_view(port: &crate::api::core::ServicePort) -> PortView {
    PortView {
        name: port.name.clone(),
        protocol: port.protocol.clone(),
        port: u16::try_from(port.port).unwrap_or_default(),
        target_port: port.target_port.to_string(),
        node_port: u16::try_from(port.node_port).unwrap_or_default(),
    }
}

fn endpoint_views(slice: &EndpointSlice) -> Vec<EndpointView> {
    let several = slice.ports.len() > 1;
    let port_text = |port: &crate::api::discovery::EndpointPort| {
        let number = port.port.map(|port| port.to_string()).unwrap_or_default();
        match port.name.as_deref() {
            Some(name) if several && !name.is_empty() => format!("{name}: {number}"),
            _ => number,
        }
    };
    let ports = slice.ports.iter().map(port_text).collect::<Vec<_>>().join(", ");
    let view = |endpoint: &crate::api::discovery::Endpoint| EndpointView {
        ip: endpoint.addresses.first().cloned().unwrap_or_default(),
        ports: ports.clone(),
        ready: endpoint.conditions.ready.unwrap_or(true),
        terminating: endpoint.conditions.terminating.unwrap_or(false),
        pod: endpoint
            .target_ref
            .as_ref()
            .filter(|target| target.kind == "Pod")
            .map(|target| (target.namespace.clone(), target.name.clone())),
        node: endpoint.node_name.clone().unwrap_or_default(),
    };
    slice.endpoints.iter().map(view).collect()
}

fn ingress_view(cluster: &Cluster, ingress: &Ingress) -> IngressView {
    let (meta, spec) = (&ingress.metadata, &ingress.spec);
    let tls_hosts: Vec<&String> = spec.tls.iter().flat_map(|tls| &tls.hosts).collect();
    let mut rules: Vec<IngressRuleView> = Vec::new();
    for (number, rule) in spec.rules.iter().enumerate() {
        for (index, path) in rule.http.iter().flat_map(|http| &http.paths).enumerate() {
            let (service, port) = backend_words(&path.backend);
            rules.push(IngressRuleView {
                host: rule.host.clone(),
                path: if path.path.is_empty() { "/".into() } else { path.path.clone() },
                path_type: path.path_type.clone().unwrap_or_default(),
                service,
                port,
                tls: tls_hosts.contains(&&rule.host),
                at: format!("spec.rules[{number}].http.paths[{index}]"),
            });
        }
    }
    if let Some(backend) = &spec.default_backend {
        let (service, port) = backend_words(backend);
        rules.push(IngressRuleView { service, port, at: "spec.defaultBackend".into(), ..IngressRuleView::default() });
    }
    let address = ingress.status.load_balancer.ingress.first();
    let address = address.map(|entry| if entry.ip.is_empty() { entry.hostname.clone() } else { entry.ip.clone() });
    IngressView {
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
        class: spec.ingress_class_name.clone().unwrap_or_default(),
        served: crate::addons::ingress_controller::is_served(&cluster.store, ingress),
        address: address.unwrap_or_default(),
        rules,
    }
}

fn backend_words(backend: &IngressBackend) -> (String, String) {
    let Some(service) = &backend.service else { return Default::default() };
    let port = if service.port.name.is_empty() { service.port.number.to_string() } else { service.port.name.clone() };
    (service.name.clone(), port)
}

fn workloads(cluster: &Cluster) -> Vec<WorkloadView> {
    use crate::api::apps::{DaemonSet, Deployment, ReplicaSet, ReplicationController, StatefulSet};
    let store = &cluster.store;
    let view = |object: ObjectRef, replicas: i32, ready: i32| {
        let system = SYSTEM.contains(&object.namespace.as_str());
        WorkloadView { object, replicas, ready, waits: None, system }
    };
    let deployments = store.all::<Deployment>().map(|w| WorkloadView {
        waits: rollout::waits(cluster, w),
        ..view(ObjectRef::of(w), w.spec.replicas.unwrap_or(1), w.status.ready_replicas)
    });
    let stateful =
        store.all::<StatefulSet>().map(|w| view(ObjectRef::of(w), w.spec.replicas.unwrap_or(1), w.status.ready_replicas));
    let daemons =
        store.all::<DaemonSet>().map(|w| view(ObjectRef::of(w), w.status.desired_number_scheduled, w.status.number_ready));
    let sets = store
        .all::<ReplicaSet>()
        .filter(|set| top_owner(cluster, Kind::ReplicaSet, &set.metadata).is_none())
        .map(|w| view(ObjectRef::of(w), w.spec.replicas.unwrap_or(1), w.status.ready_replicas));
    let controllers = store
        .all::<ReplicationController>()
        .map(|w| view(ObjectRef::of(w), w.spec.replicas.unwrap_or(1), w.status.ready_replicas));
    deployments.chain(stateful).chain(daemons).chain(sets).chain(controllers).collect()
}
