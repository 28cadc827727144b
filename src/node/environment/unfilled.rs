//! References that stay as they are written: `$(DB_SERVICE_HOST)` where the kubelet knows no such variable. A call by such a text
//! goes nowhere. Which Services give variables follows `service_links`; a variable counts from the next entry of `env` on
//! (`makeEnvironmentVariables`).

use super::{field, names_host, service_links, variables};
use crate::api::core::{Container, Pod, Service};
use crate::cluster::{Cluster, Store};
use crate::msg;
use crate::words::Message;

/// Why variables and arguments of a Pod name nobody, each once, with the Pod's field: its first reference that nothing fills.
pub fn unfilled(pod: &Pod, cluster: &Cluster) -> Vec<(String, Message)> {
    let mut found = Vec::new();
    for (index, container) in pod.spec.containers.iter().enumerate() {
        let known = cluster.known_to(pod, container);
        let (values, links) = (variables(container, pod, &known), service_links(pod, &known));
        let stores = (known.as_ref(), &cluster.store);
        for variable in &container.env {
            let Some(text) = values.get(&variable.name) else { continue };
            let address = names_host(&variable.name) || variable.value.contains("://");
            let open = |name: &&str| text.contains(&format!("$({name})")) && !links.contains_key(*name);
            let first = references(&variable.value).into_iter().filter(open).find(|name| address || of_service(name).is_some());
            let why = first.and_then(|name| why(pod, stores, container, &variable.name, name));
            found.extend(why.map(|why| (field(index, container, &variable.name), why)));
        }
        let commands = container.command.iter().enumerate().map(|(at, word)| ("command", at, word));
        let words = commands.chain(container.args.iter().enumerate().map(|(at, word)| ("args", at, word)));
        for (list, at, word) in words.filter(|(.., word)| !word.contains(char::is_whitespace)) {
            let open = |name: &&str| !values.contains_key(*name) && !links.contains_key(*name) && of_service(name).is_some();
            let first = references(word).into_iter().find(open);
            let why = first.and_then(|name| why(pod, stores, container, word, name));
            found.extend(why.map(|why| (format!("spec.containers[{index}].{list}[{at}]"), why)));
        }
    }
    found
}

/// The names behind `$(…)`, without those that `$$` keeps as they are.
pub(super) fn references(text: &str) -> Vec<&str> {
    let (mut names, mut rest) = (Vec::new(), text);
    while let Some((_, after)) = rest.split_once('$') {
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            names.push(name);
            rest = after;
        }
    }
    names
}

/// The Service part of `DB_SERVICE_HOST`, `DB_SERVICE_PORT`, `DB_SERVICE_PORT_HTTP`, `DB_PORT_80_TCP_ADDR`.
fn of_service(name: &str) -> Option<&str> {
    let docker = || name.strip_suffix("_ADDR")?.strip_suffix("_TCP")?.rsplit_once("_PORT_").map(|(service, _)| service);
    let port = name.split_once("_SERVICE_PORT").filter(|(_, rest)| rest.is_empty() || rest.starts_with('_'));
    let service = name.strip_suffix("_SERVICE_HOST").or(port.map(|(service, _)| service)).or_else(docker);
    service.filter(|service| !service.is_empty())
}

/// Why nothing fills a reference; `None` where the Service came after the Pod, which is told elsewhere.
fn why(pod: &Pod, (known, store): (&Store, &Store), container: &Container, variable: &str, name: &str) -> Option<Message> {
    let (own, reference) = (&pod.metadata, format!("$({name})"));
    if container.env.iter().any(|other| other.name == name && other.name != variable) {
        return Some(msg!("assume.unfilled.later", pod = own.name, variable = variable, reference = reference));
    }
    let Some(prefix) = of_service(name) else {
        return Some(msg!("assume.unfilled.unknown", pod = own.name, variable = variable, reference = reference));
    };
    let means = |service: &&Service| service.metadata.name.to_uppercase().replace('-', "_") == prefix;
    let found = known.in_namespace::<Service>(&own.namespace).find(means);
    if let Some(service) = found.or_else(|| store.in_namespace::<Service>(&own.namespace).find(means)) {
        let service_name = &service.metadata.name;
        let id = if pod.spec.enable_service_links == Some(false) {
            "assume.unfilled.noLinks"
        } else if found.is_none() {
            return None;
        } else if matches!(service.spec.cluster_ip.as_str(), "" | "None") {
            "assume.unfilled.noAddress"
        } else {
            "assume.unfilled.noPort"
        };
        let message =
            msg!("assume.unfilled.noPort", pod = own.name, variable = variable, reference = reference, service = service_name);
        return Some(Message { id: id.into(), ..message });
    }
    if let Some(service) = store.all::<Service>().find(means) {
        let (service, namespace) = (&service.metadata.name, &service.metadata.namespace);
        let (pod, own) = (&own.name, &own.namespace);
        return Some(msg!(
            "assume.unfilled.elsewhere",
            pod = pod,
            variable = variable,
            reference = reference,
            service = service,
            namespace = namespace,
            own = own
        ));
    }
    let service = prefix.to_lowercase().replace('_', "-");
    Some(msg!("assume.unfilled.noService", pod = own.name, variable = variable, reference = reference, service = service))
}
