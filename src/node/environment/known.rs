//! What a container knows from its start, and what has become of it since: variables keep their values while it runs.

use super::{By, Call, Seen, declared_order, field, links_of, targets, unfilled, variables};
use crate::api::apps::ReplicaSet;
use crate::api::core::{ConfigMap, Container, Pod, Secret, Service};
use crate::cluster::{Cluster, Store};
use crate::msg;
use crate::words::Message;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A variable that would have another value, had its container been started now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// The variable.
    pub variable: String,
    /// The Pod's field.
    pub field: String,
    /// What it says, and why.
    pub why: Message,
    /// What to do about it.
    pub next: Message,
}

/// The variables of running containers that would name somebody else, had the containers been started now.
pub fn stale(pod: &Pod, cluster: &Cluster) -> Vec<Stale> {
    let mut found = Vec::new();
    for (index, container) in pod.spec.containers.iter().enumerate() {
        let Cow::Owned(known) = cluster.known_to(pod, container) else { continue };
        let (then, now) = (variables(container, pod, &known), variables(container, pod, &cluster.store));
        let names = declared_order(container, &then).into_iter().chain(declared_order(container, &now)).map(|(name, _)| name);
        let mut seen = Vec::new();
        for name in names {
            if then.get(name) == now.get(name) || seen.contains(&name) {
                continue;
            }
            seen.push(name);
            let calls = |values: &BTreeMap<String, String>, known: &Store| {
                let value = values.get(name).map(String::as_str).unwrap_or_default();
                !targets(name, value, values, Seen { pod, known, cluster }).is_empty()
            };
            if !calls(&then, &known) && !calls(&now, &cluster.store) {
                continue;
            }
            let filled = source((pod, container), (name, container.env.len()), (&known, &cluster.store));
            let Some((kind, source, gone)) = filled else { continue };
            let object = format!("{kind} {source}");
            found.push(Stale {
                variable: name.to_string(),
                field: field(index, container, name),
                why: why(pod, name, &object, (then.contains_key(name), gone)),
                next: next(pod, &cluster.store, &object, (kind, source, gone)),
            });
        }
    }
    found
}

fn why(pod: &Pod, variable: &str, object: &str, (filled, gone): (bool, bool)) -> Message {
    let pod = &pod.metadata.name;
    match (filled, gone) {
        (_, true) => msg!("assume.stale.gone", pod = pod, variable = variable, object = object),
        (true, false) => msg!("assume.stale", pod = pod, variable = variable, object = object),
        (false, false) => msg!("assume.stale.none", pod = pod, variable = variable, object = object),
    }
}

fn next(pod: &Pod, store: &Store, object: &str, (kind, source, gone): (&str, &str, bool)) -> Message {
    if gone {
        return match kind {
            "Service" => msg!("assume.stale.goneService.next", object = object, service = source),
            _ => msg!("assume.stale.gone.next", object = object),
        };
    }
    let owner = |owners: &[crate::api::meta::OwnerReference]| {
        let owner = owners.iter().find(|owner| owner.controller == Some(true))?;
        Some((owner.kind.clone(), owner.name.clone()))
    };
    let maker = owner(&pod.metadata.owner_references);
    let maker = match &maker {
        Some((kind, name)) if kind == "ReplicaSet" => {
            let set = store.get::<ReplicaSet>(&pod.metadata.namespace, name);
            set.and_then(|set| owner(&set.metadata.owner_references))
        }
        _ => maker,
    };
    match maker {
        // `kubectl rollout restart` knows no ReplicaSets and no ReplicationControllers.
        Some((kind, name)) if kind != "ReplicationController" => {
            msg!("assume.stale.next", workload = format!("{}/{name}", kind.to_lowercase()))
        }
        _ => msg!("assume.stale.bare.next", pod = pod.metadata.name, object = object),
    }
}

/// What filled a variable, or would fill it now: kind, name, and whether it is gone. A Service that came later is told by [`late`].
fn source<'a>(
    (pod, container): (&'a Pod, &'a Container),
    (variable, before): (&str, usize),
    (known, store): (&'a Store, &'a Store),
) -> Option<(&'static str, &'a str, bool)> {
    let namespace = pod.metadata.namespace.as_str();
    let config = |name: &'a str| ("ConfigMap", name, store.get::<ConfigMap>(namespace, name).is_none());
    let secret = |name: &'a str| ("Secret", name, store.get::<Secret>(namespace, name).is_none());
    let env = container.env.get(..before).unwrap_or_default();
    let Some(at) = env.iter().rposition(|own| own.name == variable) else {
        // The last source that has the key counts.
        return container.env_from.iter().rev().find_map(|from| {
            let key = variable.strip_prefix(&from.prefix)?;
            let in_map = |name: &&'a str| {
                let has = |it: &Store| it.get::<ConfigMap>(namespace, name).is_some_and(|map| map.data.contains_key(key));
                has(known) || has(store)
            };
            let in_secret = |name: &&'a str| {
                let own = |secret: &Secret| secret.data.contains_key(key) || secret.string_data.contains_key(key);
                let has = |it: &Store| it.get::<Secret>(namespace, name).is_some_and(own);
                has(known) || has(store)
            };
            let map = from.config_map_ref.as_ref().map(|from| from.name.as_str()).filter(in_map).map(config);
            map.or_else(|| from.secret_ref.as_ref().map(|from| from.name.as_str()).filter(in_secret).map(secret))
        });
    };
    let own = env.get(at)?;
    if let Some(from) = &own.value_from {
        let map = from.config_map_key_ref.as_ref().map(|from| config(&from.name));
        return map.or_else(|| from.secret_key_ref.as_ref().map(|from| secret(&from.name)));
    }
    let names = unfilled::references(&own.value);
    if let Some(found) = names.iter().find_map(|name| source((pod, container), (name, at), (known, store))) {
        return Some(found);
    }
    let means = |service: &&Service| {
        let mut links = BTreeMap::new();
        links_of(service, &mut links);
        names.iter().any(|name| links.contains_key(*name))
    };
    let name = known.in_namespace::<Service>(namespace).find(means)?.metadata.name.as_str();
    Some(("Service", name, store.get::<Service>(namespace, name).is_none()))
}

/// The variables that refer to one of a Service that came after their container was started: `target` is the Service.
pub fn late(pod: &Pod, cluster: &Cluster) -> Vec<Call> {
    let mut found = Vec::new();
    if pod.spec.enable_service_links == Some(false) {
        return found;
    }
    let namespace = pod.metadata.namespace.as_str();
    for (index, container) in pod.spec.containers.iter().enumerate() {
        let Cow::Owned(known) = cluster.known_to(pod, container) else { continue };
        let unknown = |service: &&Service| known.get::<Service>(namespace, &service.metadata.name).is_none();
        for service in cluster.store.in_namespace::<Service>(namespace).filter(unknown) {
            let mut missed = BTreeMap::new();
            links_of(service, &mut missed);
            let refers = |value: &str| unfilled::references(value).into_iter().any(|name| missed.contains_key(name));
            let names = container.env.iter().filter(|own| refers(&own.value)).map(|own| own.name.clone());
            found.extend(names.map(|variable| Call {
                field: field(index, container, &variable),
                variable,
                target: service.metadata.name.clone(),
                by: By::Variable,
            }));
        }
    }
    found
}
