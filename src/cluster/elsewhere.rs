//! Secrets and ConfigMaps that nobody has written and that something not played makes: a Certificate, a SealedSecret, a Job, a program
//! that its Role allows to create them (Contour's certificates, Argo CD's password for Redis).
//!
//! A judgement: a document of a kind that is not played names the object, or a ServiceAccount of the namespace's own Pods or Jobs may
//! `create` such objects there (`pkg/apis/rbac`). Left out: what the roles of a cluster's own (`cluster-admin`, `admin`) allow.

use super::Cluster;
use crate::api::Kind;
use crate::api::core::Pod;
use crate::api::foreign::Reach;
use crate::kubectl::{Manifest, schema};
use serde_json::Value;
use std::sync::Arc;

/// Who is taken for the maker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// A document names it: kind and name.
    Named(String, String),
    /// The Pods or Jobs of this ServiceAccount may create it.
    Allowed(String),
}

/// Custom resources that name a Secret or a claim only because they read it, or an application whose name it shares.
const READERS: [&str; 9] = [
    "ServiceMonitor",
    "PodMonitor",
    "Probe",
    "PrometheusRule",
    "VolumeSnapshot",
    "SecretStore",
    "ClusterSecretStore",
    "TriggerAuthentication",
    "ScaledObject",
];

/// Kinds that have Pods of their own: what these are told by their arguments counts, not what they mount.
const PROGRAMS: [&str; 2] = ["Job", "CronJob"];

impl Cluster {
    /// Who makes a Secret (`secrets`), ConfigMap (`configmaps`) or claim (`persistentvolumeclaims`) that is not written.
    pub fn elsewhere(&self, namespace: &str, resource: &str, name: &str) -> Option<Elsewhere> {
        let named = |document: &&Arc<Manifest>| {
            Kind::find(&document.api_version, &document.kind).is_none() && may_make(document) && names(document, name)
        };
        if let Some(document) = self.manifests.documents.iter().find(named) {
            return Some(Elsewhere::Named(document.kind.clone(), document.name.clone()));
        }
        let allowed = |account: &String| self.may_create(namespace, account, resource);
        self.accounts(namespace).into_iter().find(allowed).map(Elsewhere::Allowed)
    }

    /// The ServiceAccounts that Pods and Jobs of a namespace run under.
    fn accounts(&self, namespace: &str) -> Vec<String> {
        let pods = self.store.in_namespace::<Pod>(namespace).map(|pod| pod.spec.service_account_name.clone());
        let jobs = self.manifests.documents.iter().filter(|document| document.kind == "Job" && document.namespace == namespace);
        let account = |job: &Arc<Manifest>| {
            let spec = job.value.pointer("/spec/template/spec")?;
            let name = spec.get("serviceAccountName").or_else(|| spec.get("serviceAccount"))?.as_str()?;
            Some(name.to_string())
        };
        let mut found: Vec<String> = jobs.filter_map(account).chain(pods).filter(|name| !name.is_empty()).collect();
        found.sort();
        found.dedup();
        found
    }

    fn may_create(&self, namespace: &str, account: &str, resource: &str) -> bool {
        let documents = || self.manifests.documents.iter();
        let binds = |document: &&Arc<Manifest>| {
            let here = match document.kind.as_str() {
                "RoleBinding" => document.namespace == namespace,
                kind => kind == "ClusterRoleBinding",
            };
            let subjects = document.value.get("subjects").and_then(Value::as_array).into_iter().flatten();
            // A RoleBinding's subject without a namespace is of its own.
            let near = |subject: &Value| subject.get("namespace").is_none() || says(subject, "namespace", namespace);
            let own =
                |subject: &Value| says(subject, "kind", "ServiceAccount") && says(subject, "name", account) && near(subject);
            here && { subjects }.any(own)
        };
        let allows = |binding: &Arc<Manifest>| {
            let Some(role) = binding.value.get("roleRef") else { return false };
            let is_it = |document: &&Arc<Manifest>| {
                let here = document.kind == "ClusterRole" || document.kind == "Role" && document.namespace == namespace;
                here && says(role, "kind", &document.kind) && says(role, "name", &document.name)
            };
            documents().filter(is_it).any(|role| lets_create(&role.value, resource))
        };
        documents().filter(binds).any(allows)
    }
}

fn says(value: &Value, field: &str, text: &str) -> bool {
    value.get(field).and_then(Value::as_str) == Some(text)
}

fn lets_create(role: &Value, resource: &str) -> bool {
    let lists = |rule: &Value, field: &str, word: &str| {
        let words = rule.get(field).and_then(Value::as_array).into_iter().flatten();
        { words }.any(|own| own == word || own == "*")
    };
    let rules = role.get("rules").and_then(Value::as_array).into_iter().flatten();
    { rules }.any(|rule| lists(rule, "apiGroups", "") && lists(rule, "resources", resource) && lists(rule, "verbs", "create"))
}

/// Whether the kind of a document may make objects of others. Of Kubernetes' own only those that run programs do; routes, policies and
/// meshes name Services, which are often called like the objects of their Pods.
fn may_make(document: &Manifest) -> bool {
    let (version, kind) = (&document.api_version, document.kind.as_str());
    let routes = matches!(document.reach(), Reach::FromOutside | Reach::OfPods);
    let own = schema::kinds(version).contains(&kind);
    !routes && !READERS.contains(&kind) && (!own || PROGRAMS.contains(&kind))
}

/// Whether a document has the name as a value of its own, or after an equals sign: `--secret-name=admission`.
fn names(document: &Manifest, name: &str) -> bool {
    fn any(value: &Value, name: &str, told: bool) -> bool {
        match value {
            Value::String(text) => told && text.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('=')),
            Value::Array(items) => items.iter().any(|item| any(item, name, told)),
            Value::Object(fields) => {
                fields.iter().any(|(key, field)| any(field, name, told || matches!(key.as_str(), "command" | "args")))
            }
            _ => false,
        }
    }
    any(&document.value, name, !PROGRAMS.contains(&document.kind.as_str()))
}
