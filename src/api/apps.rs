//! `k8s.io/api/apps/v1`: the controllers of Pods, with the one of `k8s.io/api/core/v1`.

use super::core::{Condition, PodTemplateSpec};
use super::meta::{IntOrString, LabelSelector, Labels, ObjectMeta, resource};
use serde::{Deserialize, Serialize};

/// Keeps replicas running and rolls out changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Deployment {
    /// Name, labels, owner.
    pub metadata: ObjectMeta,
    /// Desired state.
    pub spec: DeploymentSpec,
    /// Observed state.
    pub status: DeploymentStatus,
}

/// What a Deployment asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentSpec {
    /// 1 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Which Pods are its own.
    pub selector: LabelSelector,
    /// What it makes them from.
    pub template: PodTemplateSpec,
    /// How it replaces them.
    pub strategy: DeploymentStrategy,
    /// Ready for so long counts as available.
    #[serde(skip_serializing_if = "is_zero")]
    pub min_ready_seconds: i32,
    /// 10 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_history_limit: Option<i32>,
    /// 600 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_deadline_seconds: Option<i32>,
    /// No rollouts.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
}

/// How Pods are replaced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentStrategy {
    /// `RollingUpdate`, and of a Deployment `Recreate`, of the others `OnDelete`.
    #[serde(rename = "type")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub type_: String,
    /// Its pace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolling_update: Option<RollingUpdateDeployment>,
}

/// The pace of a rolling update.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RollingUpdateDeployment {
    /// 25% by default; 1 of a DaemonSet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrString>,
    /// 25% by default; none of a DaemonSet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_surge: Option<IntOrString>,
    /// Of a StatefulSet: Pods of a lower ordinal stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
}

/// What the controller reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentStatus {
    /// Seen.
    pub observed_generation: i64,
    /// Pods.
    pub replicas: i32,
    /// Of the newest template.
    pub updated_replicas: i32,
    /// Ready.
    pub ready_replicas: i32,
    /// Available.
    pub available_replicas: i32,
    /// Missing.
    pub unavailable_replicas: i32,
    /// `Available` and `Progressing`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// Keeps a number of equal Pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSet {
    /// Name, labels, owner.
    pub metadata: ObjectMeta,
    /// Desired state.
    pub spec: ReplicaSetSpec,
    /// Observed state.
    pub status: ReplicaSetStatus,
}

/// What a ReplicaSet asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSetSpec {
    /// 1 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Ready for so long counts as available.
    #[serde(skip_serializing_if = "is_zero")]
    pub min_ready_seconds: i32,
    /// Which Pods are its own.
    pub selector: LabelSelector,
    /// What it makes them from.
    pub template: PodTemplateSpec,
}

/// What the controller reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSetStatus {
    /// Pods.
    pub replicas: i32,
    /// With the template's labels.
    pub fully_labeled_replicas: i32,
    /// Ready.
    pub ready_replicas: i32,
    /// Available.
    pub available_replicas: i32,
    /// Seen.
    pub observed_generation: i64,
    /// `ReplicaFailure`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// What was there before ReplicaSets, in the group `v1`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicationController {
    /// Name, labels, owner.
    pub metadata: ObjectMeta,
    /// Desired state.
    pub spec: ReplicationControllerSpec,
    /// Observed state.
    pub status: ReplicaSetStatus,
}

/// What a ReplicationController asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicationControllerSpec {
    /// 1 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Ready for so long counts as available.
    #[serde(skip_serializing_if = "is_zero")]
    pub min_ready_seconds: i32,
    /// Which Pods are its own: by equal labels alone.
    pub selector: Labels,
    /// What it makes them from.
    pub template: PodTemplateSpec,
}

/// Its controller is that of ReplicaSets, and sees it as one (`convertRCtoRS` of `pkg/controller/replication/conversion.go`).
impl From<&ReplicationController> for ReplicaSet {
    fn from(own: &ReplicationController) -> ReplicaSet {
        let spec = own.spec.clone();
        ReplicaSet {
            metadata: own.metadata.clone(),
            spec: ReplicaSetSpec {
                replicas: spec.replicas,
                min_ready_seconds: spec.min_ready_seconds,
                selector: LabelSelector { match_labels: spec.selector, match_expressions: Vec::new() },
                template: spec.template,
            },
            status: own.status.clone(),
        }
    }
}

/// Pods with a name and order of their own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatefulSet {
    /// Name, labels, owner.
    pub metadata: ObjectMeta,
    /// Desired state.
    pub spec: StatefulSetSpec,
    /// Observed state.
    pub status: StatefulSetStatus,
}

/// What a StatefulSet asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatefulSetSpec {
    /// 1 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Which Pods are its own.
    pub selector: LabelSelector,
    /// What it makes them from.
    pub template: PodTemplateSpec,
    /// The headless Service of its Pods' names.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_name: String,
    /// `OrderedReady` or `Parallel`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod_management_policy: String,
    /// How it replaces them.
    pub update_strategy: DeploymentStrategy,
    /// Ready for so long counts as available.
    #[serde(skip_serializing_if = "is_zero")]
    pub min_ready_seconds: i32,
    /// Where the numbers in its Pods' names begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordinals: Option<StatefulSetOrdinals>,
}

/// Where a `StatefulSet` begins to count.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StatefulSetOrdinals {
    /// The first Pod's number.
    pub start: i32,
}

/// What the controller reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatefulSetStatus {
    /// Seen.
    pub observed_generation: i64,
    /// Pods.
    pub replicas: i32,
    /// Ready.
    pub ready_replicas: i32,
    /// Of the current revision.
    pub current_replicas: i32,
    /// Of the newest revision.
    pub updated_replicas: i32,
    /// Available.
    pub available_replicas: i32,
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub current_revision: String,
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub update_revision: String,
}

/// One Pod on every node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonSet {
    /// Name, labels, owner.
    pub metadata: ObjectMeta,
    /// Desired state.
    pub spec: DaemonSetSpec,
    /// Observed state.
    pub status: DaemonSetStatus,
}

/// What a DaemonSet asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonSetSpec {
    /// Which Pods are its own.
    pub selector: LabelSelector,
    /// What it makes them from.
    pub template: PodTemplateSpec,
    /// How it replaces them.
    pub update_strategy: DeploymentStrategy,
    /// Ready for so long counts as available.
    #[serde(skip_serializing_if = "is_zero")]
    pub min_ready_seconds: i32,
}

/// What the controller reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonSetStatus {
    /// Nodes that run it and should.
    pub current_number_scheduled: i32,
    /// Nodes that run it and should not.
    pub number_misscheduled: i32,
    /// Nodes that should.
    pub desired_number_scheduled: i32,
    /// Ready.
    pub number_ready: i32,
    /// Of the newest template.
    pub updated_number_scheduled: i32,
    /// Available.
    pub number_available: i32,
    /// Seen.
    pub observed_generation: i64,
}

fn is_zero(number: &i32) -> bool {
    *number == 0
}

resource!(Deployment, ReplicaSet, ReplicationController, StatefulSet, DaemonSet);
