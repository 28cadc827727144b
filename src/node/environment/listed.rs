//! A container's environment as a list for people: each variable with its value and where that comes from. Values of Secrets stay
//! where they are.

use super::unfilled::references;
use super::{field, from_source, service_links, variables};
use crate::api::core::{ConfigMap, Container, KeySelector, Pod, Secret};
use crate::api::{Kind, ObjectRef};
use crate::cluster::{Cluster, Store};
use crate::trace::FieldRef;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A variable that the manifest gives to a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Variable {
    /// Empty for a source of `envFrom` that is missing.
    pub name: String,
    pub value: Value,
    /// What it comes from: `ConfigMap shop-config, key host`, `Secret db`, `status.podIP`; empty where the manifest itself says it.
    pub from: String,
    pub field: FieldRef,
}

/// The value of a variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// As the program reads it.
    Plain(String),
    /// A Secret's.
    Hidden,
    /// There is none: the ConfigMap, Secret or key is not there. `true`: and the container is started all the same, without it.
    Missing(bool),
    /// Who makes the ConfigMap or Secret is not played.
    Elsewhere,
    /// A field that is not played.
    Unknown,
}

/// The variables of a Pod's container as it found them at its start, or would find them now: the manifest's, and the kubelet's for
/// Services.
pub fn listed(pod: &Pod, cluster: &Cluster, index: usize) -> (Vec<Variable>, Vec<(String, String)>) {
    let Some(container) = pod.spec.containers.get(index) else { return Default::default() };
    let known = cluster.known_to(pod, container);
    let seen = Seen { pod, container, cluster, known: &known, values: variables(container, pod, &known) };
    let mut own: Vec<Variable> = seen.imported(index);
    own.extend(seen.written(index));
    keep_secrets(container, &mut own);
    let mut links = service_links(pod, &known);
    links.retain(|name, _| !seen.values.contains_key(name));
    (own, links.into_iter().collect())
}

/// A text that a Secret's value stands in is shown as it is written, with its `$(NAME)`.
fn keep_secrets(container: &Container, own: &mut [Variable]) {
    let mut hidden: BTreeSet<String> = own.iter().filter(|it| it.value == Value::Hidden).map(|it| it.name.clone()).collect();
    for variable in own {
        let written = container.env.iter().rfind(|it| it.name == variable.name && it.value_from.is_none());
        let Some(written) = written else { continue };
        if references(&written.value).iter().any(|name| hidden.contains(*name)) {
            variable.value = Value::Plain(written.value.clone());
            hidden.insert(variable.name.clone());
        }
    }
}

struct Seen<'a> {
    pod: &'a Pod,
    container: &'a Container,
    cluster: &'a Cluster,
    known: &'a Store,
    values: BTreeMap<String, String>,
}

impl Seen<'_> {
    fn variable(&self, name: &str, value: Value, from: String, path: String) -> Variable {
        Variable { name: name.into(), value, from, field: FieldRef { object: ObjectRef::of(self.pod), path } }
    }

    /// What a source that is not there means.
    fn absent(&self, kind: Kind, name: &str, optional: Option<bool>) -> Value {
        match self.cluster.elsewhere(&self.pod.metadata.namespace, kind.plural(), name) {
            Some(_) => Value::Elsewhere,
            None => Value::Missing(optional == Some(true)),
        }
    }

    /// What a key means that has no value: its object may be there without it.
    fn keyless(&self, kind: Kind, from: &KeySelector) -> Value {
        let object = ObjectRef::new(kind, &self.pod.metadata.namespace, &from.name);
        if self.known.contains(&object) {
            Value::Missing(from.optional == Some(true))
        } else {
            self.absent(kind, &from.name, from.optional)
        }
    }

    /// `envFrom`: what stands at the end, each name once; and the sources that are missing.
    fn imported(&self, index: usize) -> Vec<Variable> {
        let namespace = &self.pod.metadata.namespace;
        let mut found: BTreeMap<String, Variable> = BTreeMap::new();
        let mut missing = Vec::new();
        for (at, source) in self.container.env_from.iter().enumerate() {
            let path = format!("spec.containers[{index}].envFrom[{at}]");
            let name = |key: &String| format!("{}{key}", source.prefix);
            if let Some(from) = &source.config_map_ref {
                let place = format!("ConfigMap {}", from.name);
                match self.known.get::<ConfigMap>(namespace, &from.name) {
                    Some(map) => found.extend(map.data.iter().map(|(key, value)| {
                        (name(key), self.variable(&name(key), Value::Plain(value.clone()), place.clone(), path.clone()))
                    })),
                    None => missing.push(self.variable(
                        "",
                        self.absent(Kind::ConfigMap, &from.name, from.optional),
                        place,
                        path.clone(),
                    )),
                }
            }
            if let Some(from) = &source.secret_ref {
                let place = format!("Secret {}", from.name);
                match self.known.get::<Secret>(namespace, &from.name) {
                    Some(secret) => found.extend(
                        secret
                            .data
                            .keys()
                            .chain(secret.string_data.keys())
                            .map(|key| (name(key), self.variable(&name(key), Value::Hidden, place.clone(), path.clone()))),
                    ),
                    None => {
                        missing.push(self.variable("", self.absent(Kind::Secret, &from.name, from.optional), place, path.clone()))
                    }
                }
            }
        }
        // One of the same name in `env` takes its place.
        found.retain(|name, _| self.container.env.iter().all(|own| own.name != *name));
        missing.into_iter().chain(found.into_values()).collect()
    }

    /// `env`, in order; of two of one name the last counts.
    fn written(&self, index: usize) -> Vec<Variable> {
        let env = &self.container.env;
        let last = |(at, name): &(usize, &str)| env.iter().rposition(|own| own.name == *name) == Some(*at);
        let names = env.iter().map(|own| own.name.as_str()).enumerate().filter(last);
        let found = names.filter_map(|(at, name)| {
            let own = env.get(at)?;
            let path = field(index, self.container, name);
            let Some(source) = &own.value_from else {
                let value = self.values.get(name).cloned().unwrap_or_default();
                return Some(self.variable(name, Value::Plain(value), String::new(), path));
            };
            let value = from_source(source, self.pod, self.known);
            let (from, value) = match (&source.config_map_key_ref, &source.secret_key_ref, &source.field_ref) {
                (Some(map), ..) => {
                    let value = value.map_or_else(|| self.keyless(Kind::ConfigMap, map), Value::Plain);
                    (format!("ConfigMap {}, key {}", map.name, map.key), value)
                }
                (_, Some(secret), _) => {
                    let value = value.map_or_else(|| self.keyless(Kind::Secret, secret), |_| Value::Hidden);
                    (format!("Secret {}, key {}", secret.name, secret.key), value)
                }
                (.., Some(of)) => (of.field_path.clone(), value.map_or(Value::Unknown, Value::Plain)),
                _ => (String::new(), Value::Unknown),
            };
            Some(self.variable(name, value, from, path))
        });
        found.collect()
    }
}
