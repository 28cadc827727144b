//! What the page needs to know of a cluster, as plain data: it crosses from the engine's worker to the page.

use crate::api::ObjectRef;
use crate::packet::Protocol;
use crate::settings::Provider;
use crate::trace::Source;
use crate::words::Message;
use serde::{Deserialize, Serialize};

/// The cluster as the page shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ClusterView {
    /// By natural name.
    pub nodes: Vec<NodeView>,
    /// By app label, then name.
    pub pods: Vec<PodView>,
    /// In the order of the text, then by name; `default/kubernetes` and kube-dns last.
    pub services: Vec<ServiceView>,
    pub ingresses: Vec<IngressView>,
    pub workloads: Vec<WorkloadView>,
    pub pod_cidr: String,
    /// Assumption and route from outside: see `Settings::outside`.
    pub private_nodes: bool,
    /// Who serves Services of type LoadBalancer.
    pub provider: Provider,
}

impl ClusterView {
    /// A Pod's name, with its namespace where another one has a Pod of that name.
    pub fn pod_name(&self, namespace: &str, name: &str) -> String {
        let twin = self.pods.iter().any(|pod| pod.name == name && pod.namespace != namespace);
        if twin { format!("{namespace}/{name}") } else { name.to_string() }
    }

    /// Whether who would send is there.
    pub fn has_caller(&self, source: &Source) -> bool {
        match source {
            Source::Internet => true,
            Source::Node(name) => self.nodes.iter().any(|node| node.name == *name),
            Source::Pod(namespace, name) => self.pods.iter().any(|pod| pod.namespace == *namespace && pod.name == *name),
            Source::Workload(object) => self.workloads.iter().any(|workload| workload.object == *object),
        }
    }
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct NodeView {
    pub name: String,
    pub ip: String,
    pub pod_cidr: String,
    /// Has power.
    pub up: bool,
    /// What the API server believes.
    pub ready: bool,
    pub proxy_running: bool,
    pub zone: String,
}

/// A Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct PodView {
    pub namespace: String,
    pub name: String,
    /// Label `app`, `app.kubernetes.io/name` or `k8s-app`, else its owner's name.
    pub app: String,
    pub ip: String,
    /// Empty while Pending.
    pub node: String,
    /// `Running`, `Pending`, `Terminating`, `CrashLoopBackOff` … as in `kubectl get pods`.
    pub status: String,
    pub ready: bool,
    /// A person made it fail its readiness probe.
    pub by_hand: bool,
    pub terminating: bool,
    /// Of its containers, together.
    pub restarts: u32,
    /// While it waits for a node, the scheduler's words; else what the last warning event about it says.
    pub warning: String,
    /// Its labels while it waits for a node, `app=web,tier=front`: no endpoint tells yet which Services select it.
    pub labels: String,
    pub role: PodRole,
    /// The workload that it belongs to, the topmost one.
    pub owner: Option<ObjectRef>,
    /// Ports that something listens on: of containers that run.
    pub listens: Vec<(u16, Protocol)>,
    /// Network policies that isolate it, by name.
    pub policies: Vec<String>,
    /// It stands in its node's own network.
    pub host_network: bool,
    /// A probe that is taken to succeed, because only a real program could answer it.
    pub assumed: Option<Message>,
    /// What its manifest declares.
    pub ports: Vec<ContainerPortView>,
}

impl PodView {
    /// Whether the scheduler has looked for a node for it and found none.
    pub fn waits(&self) -> bool {
        self.node.is_empty() && !self.warning.is_empty()
    }

    /// Whether it waits for a node and a Service of its namespace selects it by these labels: `app=web,tier=front`.
    pub fn waits_for(&self, service: &ServiceView) -> bool {
        let own: Vec<&str> = self.labels.split(',').collect();
        let selected = || service.selector.split(',').all(|label| own.contains(&label));
        self.waits() && self.namespace == service.namespace && !service.selector.is_empty() && selected()
    }
}

/// A `containerPort`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ContainerPortView {
    pub name: String,
    pub port: u16,
    /// Its field: `spec.containers[0].ports[1].containerPort`.
    pub at: String,
}

/// What a Pod is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum PodRole {
    #[default]
    App,
    Coredns,
    Ingress,
}

/// A Service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ServiceView {
    pub namespace: String,
    pub name: String,
    /// `ClusterIP`, `NodePort`, `LoadBalancer`, `ExternalName`
    pub kind: String,
    pub headless: bool,
    /// Empty for headless and ExternalName.
    pub cluster_ip: String,
    pub external_name: String,
    /// Load balancer and external addresses.
    pub external: Vec<String>,
    /// The node that answers for its load balancer's address, where no machine does (MetalLB); else empty.
    pub announced: String,
    /// A load balancer was asked for and has no address yet.
    pub pending: bool,
    pub ports: Vec<PortView>,
    /// `app=web,tier=front`; empty when none.
    pub selector: String,
    pub endpoints: Vec<EndpointView>,
    pub slices: Vec<String>,
    /// How many of the endpoints each slice holds, in the same order.
    pub slice_sizes: Vec<usize>,
    /// Made by the cluster itself, not by the learner.
    pub system: bool,
}

impl ServiceView {
    /// Whether it is nothing but names in DNS: it has no address of its own, and no node a rule for it.
    pub fn is_name(&self) -> bool {
        self.headless || self.kind == "ExternalName"
    }
}

/// A port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct PortView {
    pub name: String,
    pub protocol: String,
    pub port: u16,
    pub target_port: String,
    /// 0: none.
    pub node_port: u16,
}

/// An address behind a Service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct EndpointView {
    pub ip: String,
    /// `80`, or `http: 80, metrics: 9090`
    pub ports: String,
    pub ready: bool,
    pub terminating: bool,
    /// Namespace and name, when it is a Pod.
    pub pod: Option<(String, String)>,
    pub node: String,
}

/// An Ingress.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct IngressView {
    pub namespace: String,
    pub name: String,
    pub class: String,
    /// Whether somebody serves that class.
    pub served: bool,
    pub address: String,
    pub rules: Vec<IngressRuleView>,
}

/// One path of an Ingress, or its default backend (`path` empty).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct IngressRuleView {
    pub host: String,
    pub path: String,
    pub path_type: String,
    pub service: String,
    pub port: String,
    pub tls: bool,
    /// Its field: `spec.rules[0].http.paths[1]`.
    pub at: String,
}

/// A workload: Deployment, StatefulSet, DaemonSet, ReplicationController, or a ReplicaSet of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct WorkloadView {
    pub object: ObjectRef,
    pub replicas: i32,
    pub ready: i32,
    /// What its rollout waits for, where it stands.
    pub waits: Option<Message>,
    pub system: bool,
}

/// A target that the page offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetOffer {
    /// `http://10.0.0.11:30080/`, as typed into the URL field; node names are used where they serve as addresses.
    pub target: String,
    /// Who is to call, when the present caller cannot: `internet`, `pod/default/web-x`. `None`: anybody.
    pub from: Option<String>,
    /// What it is: "web, NodePort on node-2".
    pub label: Message,
    /// Group in the list.
    pub group: OfferGroup,
    /// Why it fails, for the offered failures; `None` when it is expected to work.
    pub fails: Option<Message>,
}

/// Groups of offered targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum OfferGroup {
    LoadBalancer,
    NodePort,
    Ingress,
    Service,
    Pod,
    Fails,
}
