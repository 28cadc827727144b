//! A Node: what it is told, what it reports.

use crate::api::core::Condition;
use crate::api::meta::{ObjectMeta, resource};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A machine of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Node {
    /// Name, labels, owner.
    pub metadata: ObjectMeta,
    /// Desired state.
    pub spec: NodeSpec,
    /// Observed state.
    pub status: NodeStatus,
}

/// What a Node is told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSpec {
    /// The Pods' address range on this node: `10.244.1.0/24`.
    #[serde(rename = "podCIDR")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod_cidr: String,
    /// Keep Pods away that do not tolerate them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
    /// Cordoned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unschedulable: Option<bool>,
}

/// Keeps Pods away from a Node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Taint {
    /// Its key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Its value.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub effect: String,
}

/// What a Node reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeStatus {
    /// Its addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<NodeAddress>,
    /// `Ready` and others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// What Pods may use; `pods` is their number.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub allocatable: BTreeMap<String, String>,
    /// Versions.
    pub node_info: NodeInfo,
}

/// One address of a Node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeAddress {
    /// `InternalIP`, `ExternalIP` or `Hostname`.
    #[serde(rename = "type")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub type_: String,
    /// The address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
}

/// Versions that a kubelet reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeInfo {
    /// `v1.36.0`
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kubelet_version: String,
    /// Shown by `-o wide`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub os_image: String,
    /// Shown by `-o wide`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kernel_version: String,
    /// Shown by `-o wide`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub container_runtime_version: String,
}

resource!(Node);
