//! What stands in every cluster before anybody applies anything.
//!
//! Nodes as kubeadm leaves them, the namespaces, `default/kubernetes` in front of an API server that is not a node, and CoreDNS
//! behind `kube-system/kube-dns`; and, once an Ingress asks for it, kubehop's Ingress controller.

use super::world::World;
use crate::api::apps::Deployment;
use crate::api::core::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Namespace, Node, Service};
use crate::api::discovery::EndpointSlice;
use crate::api::networking::IngressClass;
use crate::api::{Kind, ObjectRef, Resource};
use crate::cluster::Verb;
use crate::msg;
use crate::netfilter::Cidr;
use crate::settings::{API_SERVER, INGRESS_CLASS, INGRESS_CONTROLLER, INGRESS_NAMESPACE, MOST_NODES, Nodes, Settings};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// Puts the standing objects into an empty cluster.
pub(crate) fn install(world: &mut World) {
    for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
        world.put(namespace(name));
    }
    let settings = world.cluster.settings.clone();
    put_nodes(world);
    restore_api_server(world);
    if let Some(service) = read::<Service>(kube_dns(&service_ip(&settings, 10))) {
        world.put_service(service);
    }
    if let Some(deployment) = read::<Deployment>(coredns()) {
        world.put(deployment);
    }
}

/// Puts the nodes of the settings, as far as they do not stand.
pub(super) fn put_nodes(world: &mut World) {
    for node in nodes(&world.cluster.settings.clone()) {
        if world.cluster.store.get::<Node>("", &node.metadata.name).is_none() {
            world.put(node);
        }
    }
}

/// A typed object from a literal of this file.
fn read<R: Resource>(value: Value) -> Option<R> {
    crate::api::typed::from_value(&value).ok()
}

/// A namespace with the label that the API server gives it.
pub(crate) fn namespace(name: &str) -> Namespace {
    let mut namespace = Namespace::default();
    namespace.metadata.name = name.into();
    namespace.metadata.labels.insert("kubernetes.io/metadata.name".into(), name.into());
    namespace
}

fn nodes(settings: &Settings) -> Vec<Node> {
    match &settings.nodes {
        Nodes::Count(count) => (1..=(*count).min(MOST_NODES)).map(|number| node(settings, number)).collect(),
        Nodes::List(given) => {
            let numbered = given.iter().take(MOST_NODES as usize).zip(1..);
            numbered.map(|(given, number)| completed(settings, given.clone(), number)).collect()
        }
    }
}

/// The Pod range of a node: the cluster's range cut into /24s, the first left free.
fn pod_cidr(settings: &Settings, number: u32) -> String {
    let range = settings.pod_range();
    let base = u32::from(range.base).wrapping_add(number.wrapping_shl(8));
    Cidr { base: Ipv4Addr::from(base), bits: 24.max(range.bits) }.to_string()
}

/// The name of a node that nobody has described.
pub(super) fn made_up_name(number: u32) -> String {
    format!("node-{number}")
}

/// The address and the Pod range of a node that names none.
pub(super) fn usual_place(settings: &Settings, number: u32) -> (String, String) {
    let address = Ipv4Addr::from(u32::from(API_SERVER).wrapping_add(number)).to_string();
    (address, pod_cidr(settings, number))
}

fn node(settings: &Settings, number: u32) -> Node {
    let given = read(json!({"metadata": {"name": made_up_name(number)}}));
    completed(settings, given.unwrap_or_default(), number)
}

/// A Node with what its kubelet and the cluster fill in where nothing is given.
pub(crate) fn completed(settings: &Settings, mut node: Node, number: u32) -> Node {
    let (address, range) = usual_place(settings, number);
    let name = node.metadata.name.clone();
    for (key, value) in [
        ("beta.kubernetes.io/arch", "amd64"),
        ("beta.kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", "amd64"),
        ("kubernetes.io/hostname", name.as_str()),
        ("kubernetes.io/os", "linux"),
    ] {
        node.metadata.labels.entry(key.into()).or_insert_with(|| value.into());
    }
    if node.spec.pod_cidr.is_empty() {
        node.spec.pod_cidr = range;
    }
    let status = read::<Node>(json!({"status": {
        "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
        "allocatable": {"cpu": "4", "memory": "16Gi", "pods": "110"},
        "conditions": [
            {"type": "MemoryPressure", "status": "False", "reason": "KubeletHasSufficientMemory",
             "message": "kubelet has sufficient memory available"},
            {"type": "DiskPressure", "status": "False", "reason": "KubeletHasNoDiskPressure",
             "message": "kubelet has no disk pressure"},
            {"type": "PIDPressure", "status": "False", "reason": "KubeletHasSufficientPID",
             "message": "kubelet has sufficient PID available"},
            {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"},
        ],
        "nodeInfo": {"kubeletVersion": "v1.36.3", "osImage": "Debian GNU/Linux 13 (trixie)", "kernelVersion": "6.18.0",
                     "containerRuntimeVersion": "containerd://2.2.0"},
    }}))
    .unwrap_or_default()
    .status;
    let own = &mut node.status;
    if !own.addresses.iter().any(|address| address.type_ == "InternalIP") {
        own.addresses.extend(status.addresses);
    }
    if own.conditions.is_empty() {
        own.conditions = status.conditions;
    }
    if own.allocatable.is_empty() {
        own.allocatable = status.allocatable;
    }
    if own.node_info.kubelet_version.is_empty() {
        own.node_info = status.node_info;
    }
    node
}

fn service_ip(settings: &Settings, offset: u32) -> String {
    Ipv4Addr::from(u32::from(settings.service_range().base).wrapping_add(offset)).to_string()
}

/// Whether the object is one of `default/kubernetes`, which the API server keeps for itself.
pub(crate) fn is_of_api_server(object: &ObjectRef) -> bool {
    let kept = matches!(object.kind, Kind::Service | Kind::Endpoints | Kind::EndpointSlice);
    kept && object.namespace == "default" && object.name == "kubernetes"
}

/// Makes what is missing of `default/kubernetes`, as the API server does by itself
/// (`pkg/controlplane/controller/kubernetesservice/controller.go`).
pub(crate) fn restore_api_server(world: &mut World) {
    let missing = |world: &World, kind| !world.cluster.store.contains(&ObjectRef::new(kind, "default", "kubernetes"));
    if missing(world, Kind::Service)
        && let Some(service) = api_server_service(&service_ip(&world.cluster.settings, 1))
    {
        note_restored(world, Kind::Service);
        world.put_service(service);
    }
    if missing(world, Kind::EndpointSlice)
        && let Some(slice) = api_server_slice()
    {
        note_restored(world, Kind::EndpointSlice);
        world.put_slice(slice);
    }
    if missing(world, Kind::Endpoints) {
        note_restored(world, Kind::Endpoints);
        world.put(api_server_endpoints());
    }
}

fn note_restored(world: &mut World, kind: Kind) {
    let object = ObjectRef::new(kind, "default", "kubernetes");
    world.note("kube-apiserver", Verb::Create, object.clone(), msg!("change.create", object = object));
}

fn api_server_service(cluster_ip: &str) -> Option<Service> {
    read(json!({
        "metadata": {"name": "kubernetes", "namespace": "default",
                     "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {"type": "ClusterIP", "clusterIP": cluster_ip, "clusterIPs": [cluster_ip], "ipFamilies": ["IPv4"],
                 "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster", "sessionAffinity": "None",
                 "ports": [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": 6443}]},
    }))
}

fn api_server_slice() -> Option<EndpointSlice> {
    read(json!({
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [API_SERVER.to_string()], "conditions": {"ready": true}}],
        "ports": [{"name": "https", "protocol": "TCP", "port": 6443}],
    }))
}

fn api_server_endpoints() -> Endpoints {
    let mut endpoints = Endpoints::default();
    endpoints.metadata.name = "kubernetes".into();
    endpoints.metadata.namespace = "default".into();
    endpoints.metadata.labels.insert("endpointslice.kubernetes.io/skip-mirror".into(), "true".into());
    endpoints.subsets = vec![EndpointSubset {
        addresses: vec![EndpointAddress { ip: API_SERVER.to_string(), ..EndpointAddress::default() }],
        not_ready_addresses: Vec::new(),
        ports: vec![EndpointPort { name: "https".into(), port: 6443, protocol: "TCP".into(), app_protocol: None }],
    }];
    endpoints
}

fn kube_dns(cluster_ip: &str) -> Value {
    json!({
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "annotations": {"prometheus.io/port": "9153", "prometheus.io/scrape": "true"},
                     "labels": {"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}},
        "spec": {"type": "ClusterIP", "clusterIP": cluster_ip, "clusterIPs": [cluster_ip], "ipFamilies": ["IPv4"],
                 "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster", "sessionAffinity": "None",
                 "selector": {"k8s-app": "kube-dns"},
                 "ports": [{"name": "dns", "protocol": "UDP", "port": 53, "targetPort": 53},
                           {"name": "dns-tcp", "protocol": "TCP", "port": 53, "targetPort": 53},
                           {"name": "metrics", "protocol": "TCP", "port": 9153, "targetPort": 9153}]},
    })
}

fn coredns() -> Value {
    json!({
        "metadata": {"name": "coredns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}, "generation": 1},
        "spec": {
            "replicas": 2, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            "selector": {"matchLabels": {"k8s-app": "kube-dns"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": "25%"}},
            "template": {
                "metadata": {"labels": {"k8s-app": "kube-dns"}},
                "spec": {
                    "restartPolicy": "Always", "dnsPolicy": "Default", "terminationGracePeriodSeconds": 30,
                    "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"},
                                    {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}],
                    "containers": [{
                        "name": "coredns", "image": "registry.k8s.io/coredns/coredns:v1.14.2", "imagePullPolicy": "IfNotPresent",
                        "args": ["-conf", "/etc/coredns/Corefile"],
                        "ports": [{"name": "dns", "containerPort": 53, "protocol": "UDP"},
                                  {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
                                  {"name": "metrics", "containerPort": 9153, "protocol": "TCP"}],
                    }],
                },
            },
        },
    })
}

/// kubehop's IngressClass, the default one.
pub(crate) fn ingress_class() -> Option<IngressClass> {
    read(json!({
        "metadata": {"name": INGRESS_CLASS, "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}},
        "spec": {"controller": INGRESS_CONTROLLER},
    }))
}

/// Name of the Ingress controller's Deployment and Service.
pub(crate) const INGRESS_DEPLOYMENT: &str = "ingress-controller";

/// The Ingress controller: its Deployment, and its Service before allocation.
pub(crate) fn ingress_controller() -> (Option<Deployment>, Option<Service>) {
    let labels = json!({"app.kubernetes.io/name": INGRESS_DEPLOYMENT});
    let meta = json!({"name": INGRESS_DEPLOYMENT, "namespace": INGRESS_NAMESPACE, "labels": labels, "generation": 1});
    let deployment = read(json!({
        "metadata": meta,
        "spec": {
            "replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "terminationGracePeriodSeconds": 30,
                    "containers": [{
                        "name": "controller", "image": "kubehop.dev/ingress-controller:v1", "imagePullPolicy": "IfNotPresent",
                        "ports": [{"name": "http", "containerPort": 80, "protocol": "TCP"},
                                  {"name": "https", "containerPort": 443, "protocol": "TCP"}],
                    }],
                },
            },
        },
    }));
    let service = read(json!({
        "metadata": {"name": INGRESS_DEPLOYMENT, "namespace": INGRESS_NAMESPACE, "labels": labels},
        "spec": {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "internalTrafficPolicy": "Cluster",
                 "sessionAffinity": "None", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
                 "allocateLoadBalancerNodePorts": true, "selector": labels,
                 "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": "http"},
                           {"name": "https", "protocol": "TCP", "port": 443, "targetPort": "https"}]},
    }));
    (deployment, service)
}
