//! A Pod: what it runs and where, and what the kubelet reports of it.

use crate::api::core::container::unless_empty;
use crate::api::core::{Condition, Container, ContainerStatus};
use crate::api::meta::{Labels, ObjectMeta, resource};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Containers that share an address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pod {
    /// Name, labels, owner.
    pub metadata: ObjectMeta,
    /// Desired state.
    pub spec: PodSpec,
    /// Observed state.
    pub status: PodStatus,
}

/// What a controller makes Pods from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodTemplateSpec {
    /// Name, labels, owner.
    pub metadata: ObjectMeta,
    /// Their desired state.
    pub spec: PodSpec,
}

/// What a Pod runs, where and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// At least one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Container>,
    /// Run before, one after another.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub init_containers: Vec<Container>,
    /// Files for them, as written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<serde_json::Value>,
    /// `Always`, `OnFailure` or `Never`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub restart_policy: String,
    /// Whom its programs are to the API server; `default` by default.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_account_name: String,
    /// Its weight against others; nothing is put off for it here.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub priority_class_name: String,
    /// What runs its containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_class_name: Option<String>,
    /// The node, once scheduled.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node_name: String,
    /// Labels that the node must carry.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: Labels,
    /// Shares the node's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_network: Option<bool>,
    /// Name in its own DNS record.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    /// Headless Service of its own DNS record.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subdomain: String,
    /// `ClusterFirst` by default.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dns_policy: String,
    /// Own resolver settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_config: Option<PodDNSConfig>,
    /// Further lines of its `/etc/hosts`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub host_aliases: Vec<HostAlias>,
    /// Service variables in the environment; true by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_service_links: Option<bool>,
    /// As whom its programs run, as written.
    #[serde(skip_serializing_if = "serde_json::Value::is_null", deserialize_with = "unless_empty")]
    pub security_context: serde_json::Value,
    /// Devices that it asks for, as written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_claims: Vec<serde_json::Value>,
    /// Which nodes and which other Pods it wants near, as written.
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    pub affinity: serde_json::Value,
    /// How evenly its like are spread, as written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub topology_spread_constraints: Vec<serde_json::Value>,
    /// Taints that it bears.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
    /// Who finds a node for it; `default-scheduler` by default.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scheduler_name: String,
    /// While there are any, nobody looks for a node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scheduling_gates: Vec<serde_json::Value>,
    /// Further conditions of readiness.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub readiness_gates: Vec<PodReadinessGate>,
    /// 30 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination_grace_period_seconds: Option<i64>,
    /// For how long it may run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_deadline_seconds: Option<i64>,
    /// For which operating system its programs are, as written.
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    pub os: serde_json::Value,
}

/// A line of `/etc/hosts`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HostAlias {
    /// Address.
    pub ip: String,
    /// Its names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hostnames: Vec<String>,
}

/// A further condition of readiness.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodReadinessGate {
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition_type: String,
}

/// A taint that a Pod bears.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Toleration {
    /// Empty with `Exists` bears all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// `Exists` or `Equal`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub operator: String,
    /// For `Equal`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// Empty bears all effects.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub effect: String,
    /// For `NoExecute`: how long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toleration_seconds: Option<i64>,
}

/// A Pod's own resolver settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodDNSConfig {
    /// Addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nameservers: Vec<String>,
    /// Search path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub searches: Vec<String>,
    /// `ndots` and so on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<PodDNSConfigOption>,
}

/// One resolver option.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodDNSConfigOption {
    /// `ndots`
    pub name: String,
    /// `5`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// What the kubelet reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phase: String,
    /// `Ready` and others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// One word.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// A sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The node's address.
    #[serde(rename = "hostIP")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host_ip: String,
    /// Its address.
    #[serde(rename = "podIP")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod_ip: String,
    /// Its addresses.
    #[serde(rename = "podIPs")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pod_ips: Vec<PodIP>,
    /// When the kubelet took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    /// One for each container.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub container_statuses: Vec<ContainerStatus>,
    /// One for each init container, in a dump of a real cluster.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub init_container_statuses: Vec<ContainerStatus>,
}

/// An address of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodIP {
    /// The address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
}

resource!(Pod);
