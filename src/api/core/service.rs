//! A Service, and the Endpoints of the same name.

use crate::api::core::ObjectReference;
use crate::api::meta::{IntOrString, Labels, ObjectMeta, resource};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A stable name and address for Pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    /// Name, labels, owner.
    pub metadata: ObjectMeta,
    /// Desired state.
    pub spec: ServiceSpec,
    /// What the load balancer reports.
    pub status: ServiceStatus,
}

impl Service {
    /// Whether kube-proxy writes rules for its kind: not for headless and ExternalName Services, whose external IPs count for nothing.
    pub fn has_rules(&self) -> bool {
        self.spec.type_ != "ExternalName" && !matches!(self.spec.cluster_ip.as_str(), "" | "None")
    }
}

/// What a Service asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
    #[serde(rename = "type")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub type_: String,
    /// Which Pods; empty: endpoints are made by hand.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub selector: Labels,
    /// Its ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ServicePort>,
    /// `None` makes it headless.
    #[serde(rename = "clusterIP")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster_ip: String,
    /// All of its cluster addresses.
    #[serde(rename = "clusterIPs")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cluster_ips: Vec<String>,
    /// `IPv4`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ip_families: Vec<String>,
    /// `SingleStack`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_family_policy: Option<String>,
    /// Addresses that somebody routes to a node.
    #[serde(rename = "externalIPs")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub external_ips: Vec<String>,
    /// The CNAME of an ExternalName.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub external_name: String,
    /// `None` or `ClientIP`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub session_affinity: String,
    /// How long it sticks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_affinity_config: Option<SessionAffinityConfig>,
    /// `Cluster` or `Local`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub external_traffic_policy: String,
    /// `Cluster` or `Local`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal_traffic_policy: Option<String>,
    /// For load balancers under policy Local.
    #[serde(skip_serializing_if = "is_zero")]
    pub health_check_node_port: i32,
    /// Ready or not, they get traffic.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub publish_not_ready_addresses: bool,
    /// A wish.
    #[serde(rename = "loadBalancerIP")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub load_balancer_ip: String,
    /// Which load balancer controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer_class: Option<String>,
    /// Who may use the load balancer's address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub load_balancer_source_ranges: Vec<String>,
    /// True by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocate_load_balancer_node_ports: Option<bool>,
    /// `PreferSameZone`, `PreferSameNode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic_distribution: Option<String>,
}

/// One port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePort {
    /// Needed when there are several.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `TCP`, `UDP` or `SCTP`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub protocol: String,
    /// A hint for others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<String>,
    /// The port of the cluster address.
    pub port: i32,
    /// The Pod's port, by number or name.
    pub target_port: IntOrString,
    /// The port on every node; 0: none.
    #[serde(skip_serializing_if = "is_zero")]
    pub node_port: i32,
}

/// How session affinity works.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionAffinityConfig {
    /// By client address.
    #[serde(rename = "clientIP")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<ClientIPConfig>,
}

/// Affinity by client address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientIPConfig {
    /// 10800 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<i32>,
}

/// What the load balancer reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceStatus {
    /// Its addresses.
    pub load_balancer: LoadBalancerStatus,
}

/// A load balancer's addresses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancerStatus {
    /// Where it listens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ingress: Vec<LoadBalancerIngress>,
}

/// One address of a load balancer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancerIngress {
    /// Its address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    /// `VIP` or `Proxy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_mode: Option<String>,
}

/// The old form of EndpointSlice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Endpoints {
    /// Name, labels, owner.
    pub metadata: ObjectMeta,
    /// Addresses and ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subsets: Vec<EndpointSubset>,
}

/// Addresses that share ports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointSubset {
    /// Ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<EndpointAddress>,
    /// Not ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_ready_addresses: Vec<EndpointAddress>,
    /// Their ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<EndpointPort>,
}

/// One address of an Endpoints object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointAddress {
    /// The address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// For DNS.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    /// Its node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// Its Pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_ref: Option<ObjectReference>,
}

/// One port of an Endpoints object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointPort {
    /// The Service port's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The number.
    pub port: i32,
    /// `TCP`, `UDP` or `SCTP`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub protocol: String,
    /// A hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<String>,
}

fn is_zero(number: &i32) -> bool {
    *number == 0
}

resource!(Service, Endpoints);
