//! What was called amiss: a port that its Service has not, a host or path without a rule, a Service that is not there, a port of a Pod
//! where nothing listens.

use crate::addons::ingress_controller::is_served;
use crate::api::core::{Node, Pod, Service, ServicePort};
use crate::api::meta::IntOrString;
use crate::api::networking::Ingress;
use crate::api::{Kind, ObjectRef};
use crate::cluster::{Cluster, Store};
use crate::diagnostic::{distance, is_slip};
use crate::msg;
use crate::node::images::{Listener, listens, unsure};
use crate::packet::Protocol;
use crate::trace::{Advice, FieldRef};
use crate::words::{Message, natural};

/// The candidate that a mistyped name most likely stands for.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = candidates.filter(|other| *other != name).map(|other| (distance(name, other), other));
    scored.filter(|(distance, other)| is_slip(*distance, name, other)).min().map(|(_, other)| other)
}

/// A Service has the port for another protocol than the one it is called with.
pub fn other_service_protocol(service: &Service, number: i32, called: Protocol) -> Option<(Message, FieldRef)> {
    let at = service.spec.ports.iter().position(|port| port.port == number)?;
    let (port, name) = (service.spec.ports.get(at)?, &service.metadata.name);
    let field = FieldRef { object: ObjectRef::of(service), path: format!("spec.ports[{at}].protocol") };
    let scheme = port.protocol.to_lowercase();
    let next = msg!("advice.servicePort.next", service = name, port = number, protocol = port.protocol, scheme = scheme);
    (Protocol::of_api(&port.protocol) != Some(called)).then_some((next, field))
}

/// A Service was called at a port that it has not: those that it has, and what the number is where it is another one of its own.
pub fn other_port(service: &Service, port: i32) -> (Message, FieldRef) {
    let (name, own) = (&service.metadata.name, &service.spec.ports);
    let one = |port: &ServicePort| {
        let protocol = Protocol::of_api(&port.protocol).unwrap_or_default().api_name();
        format!("{}/{protocol}", port.port)
    };
    let ports = own.iter().map(one).collect::<Vec<_>>().join(", ");
    let at = |path: String| FieldRef { object: ObjectRef::of(service), path };
    if let Some(index) = own.iter().position(|own| own.node_port == port) {
        let next = msg!("explain.port.isNodePort.next", port = port, service = name, ports = ports);
        return (next, at(format!("spec.ports[{index}].nodePort")));
    }
    if let Some(index) = own.iter().position(|own| own.target_port == IntOrString::Int(port)) {
        let next = msg!("explain.port.isTarget.next", port = port, service = name, ports = ports);
        return (next, at(format!("spec.ports[{index}].targetPort")));
    }
    (msg!("explain.port.has.next", service = name, ports = ports), at("spec.ports".into()))
}

/// An Ingress names a port that its Service has not: by its number, or the names that there are.
pub fn other_backend_port(service: &Service, port: &str) -> Message {
    if let Ok(number) = port.parse() {
        return other_port(service, number).0;
    }
    let one = |own: &ServicePort| if own.name.is_empty() { own.port.to_string() } else { format!("{} ({})", own.name, own.port) };
    let ports = service.spec.ports.iter().map(one).collect::<Vec<_>>().join(", ");
    msg!("explain.port.named.next", service = service.metadata.name, ports = ports)
}

/// There is no such Service, perhaps one of nearly the same name.
pub fn no_service(store: &Store, namespace: &str, name: &str) -> Advice {
    let why = msg!("explain.name.missing", service = name, namespace = namespace);
    let names = store.in_namespace::<Service>(namespace).map(|service| service.metadata.name.as_str());
    let next = match nearest(name, names) {
        Some(near) => msg!("explain.name.near.next", near = near),
        None => msg!("explain.name.missing.next", service = name),
    };
    Advice { why, next, because: Vec::new() }
}

/// A name that looks like a node's, of a node that is not there.
pub fn no_node(store: &Store, host: &str) -> Option<Advice> {
    let mut names: Vec<&str> = store.all::<Node>().map(|node| node.metadata.name.as_str()).collect();
    names.sort_by(|a, b| natural(a, b));
    nearest(host, names.iter().copied())?;
    let why = msg!("explain.name.noNode", name = host);
    Some(Advice { why, next: msg!("explain.name.noNode.next", nodes = names.join(", ")), because: Vec::new() })
}

/// The Service that a name means which only the cluster's own DNS knows: its own, one of its Pods'.
pub fn of_cluster_dns<'a>(store: &'a Store, host: &str) -> Option<&'a Service> {
    let named = |service: &&Service| {
        let own = format!("{}.{}", service.metadata.name, service.metadata.namespace);
        let rest = host.strip_suffix(".svc.cluster.local").or_else(|| host.strip_suffix(".svc")).unwrap_or(host);
        rest == own || rest.strip_suffix(&own).is_some_and(|pod| pod.ends_with('.'))
    };
    store.all::<Service>().find(named)
}

/// No rule of a served Ingress takes a host, or a path of it: which do, and the field that nearly does. `outside`: who asks has
/// another DNS than the cluster's.
pub fn no_rule(store: &Store, (host, path): (&str, &str), outside: bool) -> (Message, Vec<FieldRef>) {
    let (mut hosts, mut paths, mut fields) = (Vec::new(), Vec::new(), Vec::new());
    for ingress in store.all::<Ingress>().filter(|ingress| is_served(store, ingress)) {
        for (at, rule) in ingress.spec.rules.iter().enumerate() {
            let field = |path: String| FieldRef { object: ObjectRef::of(ingress), path };
            if !rule.host.is_empty() && !hosts.contains(&rule.host) {
                hosts.push(rule.host.clone());
            }
            if !takes(&rule.host, host) {
                continue;
            }
            fields.push(field(format!("spec.rules[{at}].host")));
            for (index, own) in rule.http.iter().flat_map(|http| &http.paths).enumerate() {
                let kind = own.path_type.as_deref().unwrap_or("ImplementationSpecific");
                let below = path.strip_prefix(own.path.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'));
                if kind == "Exact" && below {
                    let because = vec![field(format!("spec.rules[{at}].http.paths[{index}].pathType"))];
                    return (msg!("explain.ingress.exact.next", own = own.path, path = path), because);
                }
                paths.push(format!("{} ({kind})", own.path));
            }
        }
    }
    paths.truncate(8);
    if !paths.is_empty() {
        return (msg!("explain.ingress.paths.next", host = host, paths = paths.join(", ")), fields);
    }
    hosts.truncate(8);
    let (own, hosts) = (of_cluster_dns(store, &host.to_ascii_lowercase()).filter(|_| outside), hosts.join(", "));
    let next = match own.map(|service| &service.metadata.name) {
        _ if hosts.is_empty() => msg!("explain.ingress.noRule.next"),
        Some(service) => msg!("explain.ingress.clusterName.next", host = host, service = service, hosts = hosts),
        None => msg!("explain.ingress.hosts.next", hosts = hosts),
    };
    (next, Vec::new())
}

/// Whether a rule's host takes a name.
fn takes(rule: &str, host: &str) -> bool {
    let wildcard = rule.strip_prefix("*.").is_some_and(|rest| host.split_once('.').is_some_and(|(_, own)| own == rest));
    rule.is_empty() || wildcard || rule.eq_ignore_ascii_case(host)
}

/// The listener of a Pod's port: `Err` says what listens instead.
pub fn listener(cluster: &Cluster, pod: &Pod, port: u16, protocol: Protocol) -> Result<Listener, Vec<Listener>> {
    let all = listens(pod, &cluster.store);
    let fits = |own: &&Listener| own.port == port && own.protocol == protocol && !own.loopback_only && !has_ended(pod, own);
    all.iter().find(fits).cloned().ok_or(all)
}

/// Whether a listener's container has ended before others of its Pod, which is Terminating.
fn has_ended(pod: &Pod, listener: &Listener) -> bool {
    let mut all = pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses);
    all.any(|status| status.ended && status.name == listener.container)
}

/// What would listen on a port of a Terminating Pod has ended before others of it.
pub fn ended(pod: &Pod, all: &[Listener], (port, protocol): (u16, Protocol)) -> Option<Advice> {
    let own = all.iter().find(|own| own.port == port && own.protocol == protocol && has_ended(pod, own))?;
    let (name, container) = (&pod.metadata.name, &own.container);
    let why = msg!("hop.NothingListens.text.ended", pod = name, container = container, port = port);
    Some(Advice { why, next: msg!("advice.ended.next", container = container), because: Vec::new() })
}

/// Somebody listens on a Pod's port, as is known or assumed.
pub fn taken(pod: &Pod, listener: &Listener) -> Message {
    let (container, pod, port) = (&listener.container, &pod.metadata.name, listener.port);
    match listener.basis.assumption() {
        Some(_) => msg!("explain.listens.ok.assumed", container = container, pod = pod, port = port),
        None => msg!("explain.listens.ok", container = container, pod = pod, port = port),
    }
}

/// Nothing listens on a Pod's port: what listens instead.
pub fn silent(cluster: &Cluster, pod: &Pod, port: u16, protocol: Protocol, others: &[Listener]) -> Advice {
    if let Some(found) = ended(pod, others, (port, protocol)) {
        return found;
    }
    let name = &pod.metadata.name;
    let fields = others.iter().map(|other| other.field.clone()).filter(|path| !path.is_empty());
    let because = fields.map(|path| FieldRef { object: ObjectRef::of(pod), path }).collect();
    if let Some(own) = others.iter().find(|other| other.port == port && other.loopback_only) {
        let why = match own.basis.assumption() {
            Some(_) => msg!("explain.listens.loopback.assumed", pod = name, port = port),
            None => msg!("explain.listens.loopback", pod = name, port = port),
        };
        return Advice { why, next: msg!("explain.listens.loopback.next"), because };
    }
    let guess = unsure(pod).is_some();
    let why = match guess {
        true => msg!("explain.listens.none.assumed", pod = name, port = port, protocol = protocol.api_name()),
        false => msg!("explain.listens.none", pod = name, port = port, protocol = protocol.api_name()),
    };
    if let Some((next, template)) = outdated(cluster, pod, port, protocol) {
        return Advice { why, next, because: vec![template] };
    }
    let list = others.iter().map(|other| format!("{}/{}", other.port, other.protocol.api_name())).collect::<Vec<_>>().join(", ");
    let next = match list.is_empty() {
        _ if others.iter().any(|other| other.port == port) => msg!("advice.protocol.next"),
        true => msg!("explain.listens.nowhere.next", pod = name),
        false if guess => msg!("explain.listens.none.assumed.next", ports = list),
        false => msg!("explain.listens.none.next", ports = list),
    };
    Advice { why, next, because }
}

/// A Pod of a template that has changed since, whose controller rolls nothing out, where a new Pod would listen on the port.
pub fn outdated(cluster: &Cluster, pod: &Pod, port: u16, protocol: Protocol) -> Option<(Message, FieldRef)> {
    let meta = &pod.metadata;
    let owner = meta.owner_references.iter().find(|owner| owner.controller == Some(true))?;
    let kind = Kind::find(&owner.api_version, &owner.kind)?;
    let object = ObjectRef::new(kind, &meta.namespace, &owner.name);
    let stays = matches!(kind, Kind::ReplicationController | Kind::ReplicaSet);
    let template = cluster.store.workload(&object).filter(|_| stays)?.template;
    let mut fresh = Pod { metadata: template.metadata.clone(), spec: template.spec.clone(), ..Pod::default() };
    fresh.metadata.namespace.clone_from(&meta.namespace);
    listener(cluster, pod, port, protocol).err()?;
    listener(cluster, &fresh, port, protocol).ok()?;
    let next = msg!("explain.listens.outdated.next", pod = meta.name, kind = kind, owner = owner.name, port = port);
    Some((next, FieldRef { object, path: "spec.template".into() }))
}
