//! Secrets and ConfigMaps that are written nowhere and taken for made by something that is not played.

use super::{Advice, pod_spec};
use crate::api::ObjectRef;
use crate::api::core::{ConfigMap, Secret};
use crate::cluster::Elsewhere;
use crate::diagnostic::Severity;
use crate::kubectl::Manifest;
use crate::msg;
use serde_json::Value;
use std::collections::BTreeSet;

impl Advice<'_> {
    /// What is assumed is said where the Pods name it, once for each name.
    pub(super) fn made_elsewhere(&mut self, object: &ObjectRef, document: &Manifest) {
        let Some((spec, path)) = pod_spec(object.kind, document) else { return };
        let mut named = Vec::new();
        sources(spec, path, &mut named);
        let namespace = object.namespace.as_str();
        let mut told = BTreeSet::new();
        for (kind, name, path) in named {
            let there = match kind {
                "Secret" => self.store().get::<Secret>(namespace, name).is_some(),
                _ => name == "kube-root-ca.crt" || self.store().get::<ConfigMap>(namespace, name).is_some(),
            };
            if there || !told.insert((kind, name)) {
                continue;
            }
            let message = match self.cluster.elsewhere(namespace, &format!("{}s", kind.to_lowercase()), name) {
                Some(Elsewhere::Named(by, of)) => msg!("advise.madeElsewhere", kind = kind, name = name, by = by, of = of),
                Some(Elsewhere::Allowed(account)) => {
                    msg!("advise.madeElsewhere.allowed", kind = kind, name = name, account = account)
                }
                None => continue,
            };
            self.tell(Severity::Info, object, &path, message, None, Vec::new());
        }
    }
}

/// The Secrets and ConfigMaps that a Pod's volumes and variables cannot do without: kind, name and path.
fn sources<'a>(value: &'a Value, path: &str, found: &mut Vec<(&'static str, &'a str, String)>) {
    const FIELDS: [(&str, &str, &str); 7] = [
        ("secret", "secretName", "Secret"),
        ("secret", "name", "Secret"),
        ("configMap", "name", "ConfigMap"),
        ("secretKeyRef", "name", "Secret"),
        ("secretRef", "name", "Secret"),
        ("configMapKeyRef", "name", "ConfigMap"),
        ("configMapRef", "name", "ConfigMap"),
    ];
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| sources(item, &format!("{path}[{at}]"), found));
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                let path = format!("{path}.{key}");
                let known = FIELDS.iter().filter(|(own, ..)| own == key);
                for (_, name, kind) in known.filter(|_| field.get("optional") != Some(&Value::Bool(true))) {
                    let name = field.get(name).and_then(Value::as_str);
                    found.extend(name.map(|name| (*kind, name, path.clone())));
                }
                sources(field, &path, found);
            }
        }
        _ => {}
    }
}
