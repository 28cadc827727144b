//! What Pods name and nobody plays: ServiceAccounts, PriorityClasses, RuntimeClasses. That they stand is what the API server asks.
//!
//! Imitates the admission plugins ServiceAccount, Priority and RuntimeClass of `k8s.io/kubernetes` (`plugin/pkg/admission`), in
//! their order. Leaves out what a class changes of its Pods (a priority's number, preemption, overhead, the nodes of a RuntimeClass)
//! and the ServiceAccounts of controllers in `kube-system`.

use super::Cluster;
use crate::api::core::PodSpec;
use crate::diagnostic::{Fix, Span};
use crate::kubectl::{Manifest, Manifests};
use crate::msg;
use crate::words::Message;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Kind, namespace (empty for classes) and name.
pub type StandingKey = (&'static str, String, String);

/// Since when something stands, and its document; none for what a dump's objects name.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    since: u64,
    document: Option<Arc<Manifest>>,
}

/// The kinds, by group and version.
const KINDS: [(&str, &str); 3] =
    [("v1", "ServiceAccount"), ("scheduling.k8s.io/v1", "PriorityClass"), ("node.k8s.io/v1", "RuntimeClass")];

/// What every cluster has; a ServiceAccount `default` is in each namespace, too.
const OWN: [(&str, &str, &str); 4] = [
    ("PriorityClass", "", "system-cluster-critical"),
    ("PriorityClass", "", "system-node-critical"),
    ("ServiceAccount", "kube-system", "coredns"),
    ("ServiceAccount", "kube-system", "kube-proxy"),
];

/// What a Pod names and the cluster has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// `ServiceAccount`
    pub kind: &'static str,
    /// Its namespace; empty for classes.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The field of the Pod's spec that names it.
    pub field: &'static str,
    /// The API server's words.
    pub text: String,
    /// It stands in the same text, after the Pod.
    pub later: bool,
}

fn kind_of(manifest: &Manifest) -> Option<&'static str> {
    let same = |(version, kind): &&(&str, &str)| manifest.api_version == *version && manifest.kind == *kind;
    KINDS.iter().find(same).map(|(_, kind)| *kind)
}

/// Classes are in no namespace.
fn within(kind: &str, namespace: &str) -> String {
    if kind == "ServiceAccount" { namespace.to_string() } else { String::new() }
}

impl Cluster {
    /// Whether a document is of these kinds.
    pub(crate) fn knows_by_name(manifest: &Manifest) -> bool {
        kind_of(manifest).is_some()
    }

    /// Takes up what a text has of these kinds. True: something came or went.
    pub(crate) fn stand(&mut self, manifests: &Manifests, prunes: bool) -> bool {
        let mut now: BTreeMap<StandingKey, Standing> = if prunes { BTreeMap::new() } else { self.standing.clone() };
        let mut add = |key: StandingKey, document: Option<Arc<Manifest>>| {
            let since = self.standing.get(&key).map_or(self.steps, |known| known.since);
            now.insert(key, Standing { since, document });
        };
        for manifest in &manifests.documents {
            if let Some(kind) = kind_of(manifest) {
                add((kind, within(kind, &manifest.namespace), manifest.name.clone()), Some(Arc::clone(manifest)));
            } else if manifest.is_dumped() {
                let spec = ["/spec", "/spec/template/spec"].into_iter().filter_map(|path| manifest.value.pointer(path));
                for (spec, (field, kind)) in spec.flat_map(|spec| FIELDS.iter().map(move |field| (spec, field))) {
                    let Some(name) = spec.get(*field).and_then(|name| name.as_str()) else { continue };
                    add((*kind, within(kind, &manifest.namespace), name.to_string()), None);
                }
            }
        }
        let changed = !self.standing.keys().eq(now.keys());
        self.standing = now;
        changed
    }

    /// The first thing that a Pod names and that does not stand. Of the documents that came with the latest text, only those
    /// before `position` stand for a Pod that is applied: kubectl applies one after another.
    pub fn lacks(&self, namespace: &str, spec: &PodSpec, position: Option<u32>) -> Option<Lack> {
        let account = Some(spec.service_account_name.as_str()).filter(|name| !name.is_empty() && *name != "default");
        let class = Some(spec.priority_class_name.as_str()).filter(|name| !name.is_empty());
        let named = [(account, namespace), (class, ""), (spec.runtime_class_name.as_deref(), "")];
        for ((name, namespace), (field, kind)) in named.into_iter().zip(FIELDS) {
            let Some(name) = name.filter(|name| !OWN.contains(&(kind, namespace, *name))) else { continue };
            let found = self.standing.get(&(kind, namespace.to_string(), name.to_string()));
            let after = |own: &Standing| {
                let document = own.document.as_ref().filter(|_| own.since == self.steps);
                document.zip(position).is_some_and(|(document, position)| document.position > position)
            };
            let later = found.is_some_and(after);
            if found.is_some() && !later {
                continue;
            }
            let text = match kind {
                "ServiceAccount" => {
                    format!("error looking up service account {namespace}/{name}: serviceaccount \"{name}\" not found")
                }
                "PriorityClass" => format!("no PriorityClass with name {name} was found"),
                _ => format!("pod rejected: RuntimeClass \"{name}\" not found"),
            };
            return Some(Lack { kind, namespace: namespace.into(), name: name.into(), field, text, later });
        }
        None
    }

    /// Whether a Pod's ServiceAccount keeps its token to itself.
    pub(crate) fn withholds_token(&self, namespace: &str, account: &str) -> bool {
        let key = ("ServiceAccount", namespace.to_string(), account.to_string());
        let document = self.standing.get(&key).and_then(|own| own.document.as_ref());
        document.is_some_and(|own| own.value.get("automountServiceAccountToken") == Some(&serde_json::Value::Bool(false)))
    }
}

/// The fields of a Pod's spec that name them, in the order in which they are asked for.
const FIELDS: [(&str, &str); 3] =
    [("serviceAccountName", "ServiceAccount"), ("priorityClassName", "PriorityClass"), ("runtimeClassName", "RuntimeClass")];

impl Lack {
    /// What the API server says of a Pod by this name, or this prefix of one.
    pub fn forbids(&self, pod: &str) -> String {
        format!("pods \"{pod}\" is forbidden: {}", self.text)
    }

    /// What mends it: the missing document, put before the one that names it.
    pub fn mended(&self, manifest: &Manifest) -> (Message, Vec<Fix>) {
        let (kind, name) = (self.kind, &self.name);
        if self.later {
            return (msg!("help.standsLater", kind = kind, name = name), Vec::new());
        }
        let Some(text) = self.document() else { return (msg!("help.addRuntimeClass", name = name), Vec::new()) };
        let start = manifest.spans.get("").map(|at| Span { end_line: at.line, end_column: at.column, ..at.clone() });
        let text = if start.is_some() { format!("{text}---\n") } else { text };
        let label = msg!("fix.addStanding", kind = kind, name = name);
        (msg!("help.addStanding", kind = kind, name = name), vec![Fix { label, span: start, text }])
    }

    /// The document that is missing; none for a RuntimeClass, whose handler only the nodes know.
    fn document(&self) -> Option<String> {
        let name = &self.name;
        match self.kind {
            "ServiceAccount" => {
                let namespace =
                    if self.namespace == "default" { String::new() } else { format!("  namespace: {}\n", self.namespace) };
                Some(format!("apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {name}\n{namespace}"))
            }
            "PriorityClass" => {
                Some(format!("apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata:\n  name: {name}\nvalue: 1000\n"))
            }
            _ => None,
        }
    }
}
