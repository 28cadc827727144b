//! `k8s.io/apimachinery/pkg/apis/meta/v1`: what every object carries, label selectors, IntOrString, and references.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Labels, annotations, selectors' matchLabels.
pub type Labels = BTreeMap<String, String>;

/// Metadata that every object carries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectMeta {
    /// Unique within a namespace and kind.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Prefix from which the server makes a name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub generate_name: String,
    /// Empty for cluster-scoped objects.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Identity over time; made from a hash, so it is stable.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Counts writes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource_version: String,
    /// Counts changes of the desired state.
    #[serde(skip_serializing_if = "is_zero")]
    pub generation: i64,
    /// RFC 3339, virtual time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
    /// RFC 3339, virtual time; set while the object is Terminating: when its grace period ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<String>,
    /// Set with `deletion_timestamp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_grace_period_seconds: Option<i64>,
    /// Key and value pairs that selectors look at.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: Labels,
    /// Free notes for tools.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: Labels,
    /// The objects that made this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owner_references: Vec<OwnerReference>,
    /// After how many edits it was made, or a Pod started: tells what was there before it. Not of the API.
    #[serde(skip)]
    pub since: u64,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Who made an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerReference {
    /// `apps/v1`
    pub api_version: String,
    /// `ReplicaSet`
    pub kind: String,
    /// Name in the same namespace.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// True for the one owner that manages the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller: Option<bool>,
    /// Kept as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_owner_deletion: Option<bool>,
}

/// `metav1.LabelSelector`: all requirements must hold; empty selects everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// Equality requirements.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: Labels,
    /// Set requirements.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// One set requirement of a [`LabelSelector`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelectorRequirement {
    /// The label's key.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// Values for `In` and `NotIn`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

impl LabelSelector {
    /// Whether these labels meet every requirement.
    pub fn matches(&self, labels: &Labels) -> bool {
        selects(&self.match_labels, labels)
            && self.match_expressions.iter().all(|need| {
                let value = labels.get(&need.key);
                match need.operator.as_str() {
                    "In" => value.is_some_and(|value| need.values.contains(value)),
                    "NotIn" => value.is_none_or(|value| !need.values.contains(value)),
                    "Exists" => value.is_some(),
                    "DoesNotExist" => value.is_none(),
                    _ => false,
                }
            })
    }
}

/// Whether `labels` carry every pair of an equality selector (a Service's `spec.selector`).
pub fn selects(selector: &Labels, labels: &Labels) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// `intstr.IntOrString`: a number, or the name of a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrString {
    /// A number.
    Int(i32),
    /// A name.
    String(String),
}

impl Default for IntOrString {
    fn default() -> Self {
        IntOrString::Int(0)
    }
}

impl fmt::Display for IntOrString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IntOrString::Int(number) => number.fmt(f),
            IntOrString::String(name) => f.write_str(name),
        }
    }
}

/// The kinds that kubehop plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Kind {
    Namespace,
    Node,
    ConfigMap,
    Secret,
    Service,
    Endpoints,
    EndpointSlice,
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    ReplicationController,
    Pod,
    IngressClass,
    Ingress,
    NetworkPolicy,
    Event,
}

impl Kind {
    /// Every kind, in the order in which documents that arrive together are applied.
    pub const ALL: [Kind; 17] = [
        Kind::Namespace,
        Kind::Node,
        Kind::ConfigMap,
        Kind::Secret,
        Kind::Service,
        Kind::Endpoints,
        Kind::EndpointSlice,
        Kind::Deployment,
        Kind::StatefulSet,
        Kind::DaemonSet,
        Kind::ReplicaSet,
        Kind::ReplicationController,
        Kind::Pod,
        Kind::IngressClass,
        Kind::Ingress,
        Kind::NetworkPolicy,
        Kind::Event,
    ];

    /// `Deployment`
    pub fn name(self) -> &'static str {
        match self {
            Kind::Namespace => "Namespace",
            Kind::Node => "Node",
            Kind::ConfigMap => "ConfigMap",
            Kind::Secret => "Secret",
            Kind::Service => "Service",
            Kind::Endpoints => "Endpoints",
            Kind::EndpointSlice => "EndpointSlice",
            Kind::Deployment => "Deployment",
            Kind::StatefulSet => "StatefulSet",
            Kind::DaemonSet => "DaemonSet",
            Kind::ReplicaSet => "ReplicaSet",
            Kind::ReplicationController => "ReplicationController",
            Kind::Pod => "Pod",
            Kind::IngressClass => "IngressClass",
            Kind::Ingress => "Ingress",
            Kind::NetworkPolicy => "NetworkPolicy",
            Kind::Event => "Event",
        }
    }

    /// `apps/v1`
    pub fn api_version(self) -> &'static str {
        match self {
            Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::ReplicaSet => "apps/v1",
            Kind::EndpointSlice => "discovery.k8s.io/v1",
            Kind::IngressClass | Kind::Ingress | Kind::NetworkPolicy => "networking.k8s.io/v1",
            _ => "v1",
        }
    }

    /// `deployments`, as in URLs and in `kubectl get`.
    pub fn plural(self) -> &'static str {
        match self {
            Kind::Namespace => "namespaces",
            Kind::Node => "nodes",
            Kind::ConfigMap => "configmaps",
            Kind::Secret => "secrets",
            Kind::Service => "services",
            Kind::Endpoints => "endpoints",
            Kind::EndpointSlice => "endpointslices",
            Kind::Deployment => "deployments",
            Kind::StatefulSet => "statefulsets",
            Kind::DaemonSet => "daemonsets",
            Kind::ReplicaSet => "replicasets",
            Kind::ReplicationController => "replicationcontrollers",
            Kind::Pod => "pods",
            Kind::IngressClass => "ingressclasses",
            Kind::Ingress => "ingresses",
            Kind::NetworkPolicy => "networkpolicies",
            Kind::Event => "events",
        }
    }

    /// Whether objects of this kind make Pods from a template.
    pub fn is_workload(self) -> bool {
        matches!(self, Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::ReplicaSet | Kind::ReplicationController)
    }

    /// Whether objects of this kind live in a namespace.
    pub fn namespaced(self) -> bool {
        !matches!(self, Kind::Namespace | Kind::Node | Kind::IngressClass)
    }

    /// The kind of a name as kubectl takes it: `deployment`, `deployments`, `deploy`, `deployments.apps`.
    pub fn named(text: &str) -> Option<Kind> {
        let lower = text.to_ascii_lowercase();
        let word = match lower.split('.').next().unwrap_or_default() {
            "po" => "pods",
            "svc" => "services",
            "ep" => "endpoints",
            "deploy" => "deployments",
            "rs" => "replicasets",
            "rc" => "replicationcontrollers",
            "sts" => "statefulsets",
            "ds" => "daemonsets",
            "no" => "nodes",
            "ing" => "ingresses",
            "ns" => "namespaces",
            "cm" => "configmaps",
            "ev" => "events",
            "netpol" => "networkpolicies",
            other => other,
        };
        Kind::ALL.into_iter().find(|kind| kind.plural() == word || kind.name().eq_ignore_ascii_case(word))
    }

    /// The kind of this API version and name, where kubehop plays it.
    pub fn find(api_version: &str, name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name && kind.api_version() == api_version)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Names one object. Written `Service/default/web`, or `Node/node-1` for cluster-scoped kinds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectRef {
    /// Its kind.
    pub kind: Kind,
    /// Empty for cluster-scoped kinds.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ObjectRef {
    /// Names an object; the namespace of a cluster-scoped kind is dropped.
    pub fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        let namespace = if kind.namespaced() { namespace.to_string() } else { String::new() };
        ObjectRef { kind, namespace, name: name.to_string() }
    }

    /// Names this object.
    pub fn of<R: Resource>(object: &R) -> Self {
        let meta = object.metadata();
        ObjectRef::new(R::KIND, &meta.namespace, &meta.name)
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{}/{}", self.kind, self.name)
        } else {
            write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
        }
    }
}

impl std::str::FromStr for ObjectRef {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let kind = parts.first().and_then(|name| Kind::ALL.into_iter().find(|kind| kind.name() == *name));
        match (kind, parts.as_slice()) {
            (Some(kind), [_, name]) => Ok(ObjectRef::new(kind, "", name)),
            (Some(kind), [_, namespace, name]) => Ok(ObjectRef::new(kind, namespace, name)),
            _ => Err(format!("not an object reference: {text}")),
        }
    }
}

impl Serialize for ObjectRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What all object types have in common.
pub trait Resource: Serialize + for<'de> Deserialize<'de> + Clone + Default + PartialEq + 'static {
    /// Which kind this type is.
    const KIND: Kind;
    /// Its metadata.
    fn metadata(&self) -> &ObjectMeta;
    /// Its metadata, to change.
    fn metadata_mut(&mut self) -> &mut ObjectMeta;
}

/// Says which kind a struct with a `metadata` field is.
macro_rules! resource {
    ($($type:ident),* $(,)?) => {$(
        impl crate::api::Resource for $type {
            const KIND: crate::api::Kind = crate::api::Kind::$type;
            fn metadata(&self) -> &crate::api::ObjectMeta {
                &self.metadata
            }
            fn metadata_mut(&mut self) -> &mut crate::api::ObjectMeta {
                &mut self.metadata
            }
        }
    )*};
}
pub(crate) use resource;

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn short_names_plurals_and_groups_name_a_kind() {
        for (word, kind) in [("po", Kind::Pod), ("Services", Kind::Service), ("deployments.apps", Kind::Deployment)] {
            assert_eq!(Kind::named(word), Some(kind));
        }
        assert_eq!(Kind::named("moon"), None);
    }
}
