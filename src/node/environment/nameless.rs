//! Variables, and URLs on command lines, that name a host which is no Service of this cluster, though they look like addresses inside one.
//!
//! Whether a program uses such a variable, its manifest does not say: an unused one is left in many demos (Online Boutique's
//! `SHOPPING_ASSISTANT_SERVICE_ADDR`). So it is named, and called only where something says that it is for calls: another container's
//! variable of the same name holds the address of a Service that is there; the variable's name tells the protocol (`REDIS_HOST`); or
//! the name means something that is here ([`meant`]).

use super::{
    Address, By, Call, beside, declared_order, field, named_service, names_host, port_at, programs, told_port, usual_port,
    variables,
};
use crate::api::apps::{DaemonSet, Deployment, StatefulSet};
use crate::api::core::{Container, Namespace, Node, Pod, Service};
use crate::api::discovery::EndpointSlice;
use crate::api::meta::selects;
use crate::api::networking::Ingress;
use crate::cluster::domains::{domain, reads_as_public};
use crate::cluster::{Cluster, Store};
use crate::diagnostic::{distance, is_slip};
use crate::msg;
use crate::words::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// A variable that names nobody here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nameless {
    /// `REDIS_ADDR`.
    pub variable: String,
    /// The address as a request's target: `redis-cart:6379`, `http://warehouse:80`.
    pub target: String,
    /// Its host.
    pub host: String,
    /// The Pod's field.
    pub field: String,
    /// What names it: a variable, a word of the command line, or the image's own program; `variable` is the word or the image then.
    pub by: By,
    /// Whether the name may as well be no Service's: a machine's of one's own network, the program's own public address.
    pub doubtful: bool,
}

/// Top-level names of private networks and of test beds (RFC 2606, RFC 6762, RFC 8375), which are seldom a namespace's.
const OF_NETWORKS: [&str; 9] = ["corp", "home", "internal", "intranet", "lan", "local", "localdomain", "private", "test"];

/// Last words of a Python module's path, as `app.main` in a server's arguments.
const MODULES: [&str; 3] = ["asgi", "main", "wsgi"];

/// First labels of names that XML namespaces begin with, and of package names.
const IDENTIFIERS: [&str; 8] = ["com", "io", "net", "org", "purl", "schemas", "www", "xmlns"];

/// Ports of well-known servers: what stands before one is an address, whatever its variable is called.
pub(super) const SERVERS: [u16; 16] =
    [1433, 1883, 2181, 2379, 3306, 4222, 4317, 4318, 5432, 5672, 6379, 8086, 9092, 9200, 11211, 27017];

impl Nameless {
    /// What becomes of a call to it.
    pub fn why(&self, pod: &str) -> Message {
        let (variable, target, argument) = (&self.variable, &self.target, self.by == By::Argument);
        match (self.is_address(), self.doubtful) {
            (true, _) if argument => msg!("assume.noCall.private.argument", argument = variable, target = target, pod = pod),
            (true, _) => msg!("assume.noCall.private", variable = variable, target = target, pod = pod),
            (_, true) if argument => msg!("assume.noCall.doubtful.argument", argument = variable, target = target, pod = pod),
            (_, true) => msg!("assume.noCall.doubtful", variable = variable, target = target, pod = pod),
            _ if argument => msg!("assume.noCall.argument", argument = variable, target = target, host = self.host, pod = pod),
            _ => msg!("assume.noCall", variable = variable, target = target, host = self.host, pod = pod),
        }
    }

    /// Whether it is an address that a machine beside the cluster may have, and no name.
    pub fn is_address(&self) -> bool {
        self.host.parse::<Ipv4Addr>().is_ok()
    }
}

/// The variables, and the calls of known programs, that name nobody, each address once.
pub fn named_nobody(pod: &Pod, cluster: &Cluster) -> Vec<Nameless> {
    let mut found: Vec<Nameless> = Vec::new();
    for (index, container) in pod.spec.containers.iter().enumerate() {
        let values = variables(container, pod, &cluster.known_to(pod, container));
        found.extend(of_container(pod, cluster, index, container, &values));
        let own = programs::of_image(index, container, &values).into_iter().filter_map(|call| {
            let host = Address::read(&call.target)?.host.to_string();
            let Call { variable, target, field, by } = call;
            (!known(&host, pod, &cluster.store)).then_some(Nameless { variable, target, host, field, by, doubtful: false })
        });
        found.extend(own);
    }
    let mut seen = BTreeSet::new();
    found.retain(|own| seen.insert(own.target.clone()));
    found
}

/// Those variables among them that are not certain to be called.
pub fn nameless(pod: &Pod, cluster: &Cluster) -> Vec<Nameless> {
    let of_manifest = named_nobody(pod, cluster).into_iter().filter(|own| own.by != By::Image);
    of_manifest.filter(|own| !is_called(pod, cluster, own)).collect()
}

/// The calls of one container to names that nobody has.
pub(super) fn certain(
    pod: &Pod,
    cluster: &Cluster,
    index: usize,
    container: &Container,
    values: &BTreeMap<String, String>,
) -> Vec<Call> {
    let own = of_container(pod, cluster, index, container, values).into_iter();
    let own = own.filter(|own| is_called(pod, cluster, own));
    own.map(|own| Call { variable: own.variable, target: own.target, field: own.field, by: own.by }).collect()
}

fn of_container(
    pod: &Pod,
    cluster: &Cluster,
    index: usize,
    container: &Container,
    values: &BTreeMap<String, String>,
) -> Vec<Nameless> {
    let mut found = Vec::new();
    for (name, value) in declared_order(container, values) {
        for part in value.split(',') {
            let Some((target, host, doubtful)) = address(name, part.trim(), values, pod, cluster) else { continue };
            let (variable, field) = (name.to_string(), field(index, container, name));
            found.push(Nameless { variable, target, host, field, by: By::Variable, doubtful });
        }
    }
    // On a command line only a URL is an address beyond doubt.
    for word in programs::words(index, container, values, pod, &cluster.known_to(pod, container)) {
        let parts = word.value.split(',').map(str::trim).filter(|part| part.contains("://"));
        for (target, host, doubtful) in parts.filter_map(|part| address(&word.name, part, values, pod, cluster)) {
            let (variable, field) = (word.shown.clone(), word.field.clone());
            found.push(Nameless { variable, target, host, field, by: By::Argument, doubtful });
        }
    }
    found
}

/// Whether it is beyond doubt that the program calls it.
fn is_called(pod: &Pod, cluster: &Cluster, own: &Nameless) -> bool {
    // A word of a command line may be for anything.
    let told = || {
        own.by == By::Variable
            && (told_port(&own.variable).is_some() || meant(&own.host, &own.variable, pod, &cluster.store).is_some())
    };
    !own.is_address() && !own.doubtful && (told() || elsewhere_a_call(pod, cluster, &own.variable))
}

/// What a name that no Service has means, if that is here: a Service but for a slip of the hand or its namespace, or a workload of
/// that name which has lost its Service. With the port at which it is called, as far as that is known.
fn meant(host: &str, variable: &str, pod: &Pod, store: &Store) -> Option<Option<u16>> {
    let host = host.to_lowercase();
    let (first, rest) = host.split_once('.').unwrap_or((&host, ""));
    let namespace = rest.split('.').next().filter(|own| !own.is_empty()).unwrap_or(&pod.metadata.namespace);
    let like = |service: &&Service| {
        let name = &service.metadata.name;
        is_slip(distance(first, name), first, name)
    };
    let elsewhere = || store.all::<Service>().find(|service| service.metadata.name == first);
    let service = store.in_namespace::<Service>(namespace).find(like).or_else(elsewhere);
    if let Some(service) = service.filter(|service| !is_own(&service.spec.selector, pod)) {
        return Some(port_at(&service.spec.ports, variable, &BTreeMap::new()));
    }
    let deployment = store.get::<Deployment>(namespace, first).map(|own| &own.spec.template);
    let stateful = || store.get::<StatefulSet>(namespace, first).map(|own| &own.spec.template);
    let daemon = || store.get::<DaemonSet>(namespace, first).map(|own| &own.spec.template);
    let template = deployment.or_else(stateful).or_else(daemon).filter(|own| !is_own(&own.metadata.labels, pod))?;
    let ports = template.spec.containers.iter().flat_map(|container| &container.ports);
    Some(told_port(variable).or_else(|| ports.map(|port| port.container_port).find_map(|port| u16::try_from(port).ok())))
}

/// Whether labels of something else are those of the Pod itself.
fn is_own(labels: &BTreeMap<String, String>, pod: &Pod) -> bool {
    !labels.is_empty() && selects(labels, &pod.metadata.labels)
}

/// Whether another Pod's variable of this name holds the address of a Service that is there.
fn elsewhere_a_call(pod: &Pod, cluster: &Cluster, variable: &str) -> bool {
    let workload = &pod.metadata.owner_references;
    let others = cluster.store.all::<Pod>().filter(|other| {
        let meta = &other.metadata;
        meta.name != pod.metadata.name && (workload.is_empty() || meta.owner_references != *workload)
    });
    others.flat_map(|other| other.spec.containers.iter().map(move |container| (other, container))).any(|(other, container)| {
        let has = container.env.iter().any(|own| own.name == variable) || !container.env_from.is_empty();
        let values = if has { variables(container, other, &cluster.store) } else { BTreeMap::new() };
        let address = values.get(variable).and_then(|value| Address::read(value));
        address.is_some_and(|address| named_service(address.host, other, &cluster.store).is_some())
    })
}

/// The address, its host, and whether that is doubtful: a URL, `name:port`, a name beside its `_PORT`, or a word by itself. Only single words, `….svc` and `name.namespace`
/// count, whether the namespace is here or not: other names may well exist outside.
fn address(
    name: &str,
    value: &str,
    values: &BTreeMap<String, String>,
    pod: &Pod,
    cluster: &Cluster,
) -> Option<(String, String, bool)> {
    let store = &cluster.store;
    let address = Address::read(value)?;
    let host = address.host.to_lowercase();
    let short = host.trim_end_matches('.').trim_end_matches(".cluster.local");
    // `redis.data:6379` is an address whatever its variable is called; `notes.txt:12` and `app.app:1000` are none.
    let beside_cluster = host.parse().is_ok_and(|ip| is_beside(ip, cluster));
    let plain = |port: &u16| {
        beside_cluster || short.split('.').count() == 2 && matches!(port, 80 | 443 | 1024..) && !name.contains("IMAGE")
    };
    let port = address
        .port
        .filter(|port| names_peers(name) || plain(port))
        .or_else(|| beside(name, values, &[]).filter(|_| names_host(name)));
    if address.scheme.is_none() && port.is_none() {
        return bare(name, address.host, pod, store);
    }
    let of_cluster = |(_, namespace): (&str, &str)| {
        store.get::<Namespace>("", namespace).is_some() || !namespace.contains('.') && !reads_as_public(short)
    };
    let inside = !short.contains('.') || short.ends_with(".svc") || short.split_once('.').is_some_and(of_cluster);
    let letters = beside_cluster || host.starts_with(|c: char| c.is_ascii_alphabetic());
    let readable = letters && host.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
    if !(inside || beside_cluster) || !readable || known(&host, pod, store) {
        return None;
    }
    let plain = port.filter(|_| address.scheme.is_none());
    let doubtful = !beside_cluster && doubt(name, short, plain, store)?;
    let scheme = address.scheme.as_deref().filter(|scheme| !matches!(*scheme, "tcp" | "udp"));
    let port = port.or(address.port).or_else(|| scheme.and_then(usual_port));
    let target = match (scheme, port) {
        (Some("http" | "https"), _) | (_, None) => format!("{}://{}", scheme?, address.authority),
        (_, Some(port)) => format!("{}:{port}", address.host),
    };
    Some((target, address.host.to_string(), doubtful))
}

/// Values that are no hosts, whatever their variable is called.
const NO_HOSTS: [&str; 14] =
    ["auto", "cluster", "default", "disabled", "enabled", "false", "local", "memory", "no", "none", "off", "on", "true", "yes"];

/// A word without a port, which is an address only where the variable's name says so, and its port follows from something. A variable
/// that is called after a protocol alone (`REDIS`), or that may name a backend of another kind, is doubtful where nothing here is meant.
fn bare(variable: &str, host: &str, pod: &Pod, store: &Store) -> Option<(String, String, bool)> {
    let letters = host.len() > 1 && host.starts_with(|c: char| c.is_ascii_lowercase());
    let word = letters && host.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !word || NO_HOSTS.contains(&host) || is_public_address(variable) || known(host, pod, store) {
        return None;
    }
    let (meant, told) = (meant(host, variable, pod, store), told_port(variable));
    let port = told.or(meant.flatten())?;
    let address = names_host(variable) || told.is_some() && meant.is_some();
    // A word in front of which nobody writes a port is taken for an address for its likeness alone, or for the protocol's sake.
    (address || told.is_some() || names_peers(variable)).then(|| (format!("{host}:{port}"), host.to_string(), !address))
}

/// Whether a name which no Service has may be no Service's at all; `None`: it is none, but a module's path, an XML namespace or the
/// program's own public address. `plain` is the port of a `name:port` without a scheme.
fn doubt(variable: &str, short: &str, plain: Option<u16>, store: &Store) -> Option<bool> {
    let (first, rest) = short.split_once('.').unwrap_or((short, ""));
    let own = is_public_address(variable);
    let namespaces = || store.all::<Namespace>().map(|own| own.metadata.name.as_str());
    if rest.ends_with("svc") || namespaces().any(|name| name == rest) {
        return Some(false);
    }
    if first == "localhost" || variable.to_uppercase().contains("XMLNS") {
        return None;
    }
    if OF_NETWORKS.contains(&rest) {
        return (!own).then_some(true);
    }
    if plain.is_some() && MODULES.contains(&rest) {
        return None;
    }
    let like = |one: &str, other: &str| one == other || is_slip(distance(one, other), one, other);
    let service = store.all::<Service>().any(|service| like(first, &service.metadata.name));
    if service || namespaces().any(|name| like(rest, name)) {
        return Some(false);
    }
    match plain {
        _ if rest.is_empty() => Some(own),
        _ if own || IDENTIFIERS.contains(&first) => None,
        Some(port) => Some(!names_peers(variable) && !SERVERS.contains(&port)),
        None => Some(false),
    }
}

/// Whether a variable of this name holds the address at which others reach the program itself (`GF_SERVER_ROOT_URL`, `BASE_URL`).
fn is_public_address(variable: &str) -> bool {
    let variable = variable.to_uppercase();
    let ends = ["DOMAIN", "ROOT_URL", "SERVER_NAME", "SITE_URL"];
    ends.iter().any(|end| variable.ends_with(end))
        || matches!(variable.as_str(), "APP_URL" | "APP_BASE_URL" | "BASE_URL")
        || variable.split('_').any(|word| matches!(word, "EXTERNAL" | "PUBLIC"))
}

/// Whether an address is a private one that nothing in the cluster has.
fn is_beside(ip: Ipv4Addr, cluster: &Cluster) -> bool {
    let (store, [a, b, ..], text) = (&cluster.store, ip.octets(), ip.to_string());
    let private = ip.is_private() || ip.is_link_local() || a == 100 && (64..128).contains(&b);
    let settings = &cluster.settings;
    if !private || settings.pod_range().contains(ip) || settings.service_range().contains(ip) {
        return false;
    }
    let of_node = |node: &Node| node.status.addresses.iter().any(|own| own.address == text);
    let of_pod = |pod: &Pod| pod.status.pod_ip == text;
    let of_service = |service: &Service| {
        let spec = &service.spec;
        let balancers = &service.status.load_balancer.ingress;
        spec.cluster_ip == text || spec.external_ips.contains(&text) || balancers.iter().any(|at| at.ip == text)
    };
    let mut endpoints = store.all::<EndpointSlice>().flat_map(|slice| &slice.endpoints);
    !store.all::<Node>().any(of_node)
        && !store.all::<Pod>().any(of_pod)
        && !store.all::<Service>().any(of_service)
        && !endpoints.any(|endpoint| endpoint.addresses.contains(&text))
}

/// Whether a name can only be this cluster's, and leads nowhere in it.
pub fn is_nobodys(host: &str, pod: &Pod, store: &Store) -> bool {
    let host = host.trim_end_matches('.').to_lowercase();
    let short = host.trim_end_matches(".cluster.local");
    let namespaced = || short.split_once('.').is_some_and(|(_, rest)| store.get::<Namespace>("", rest).is_some());
    let letters = host.starts_with(|c: char| c.is_ascii_alphabetic());
    letters && (!short.contains('.') || short.ends_with(".svc") || namespaced()) && !known(&host, pod, store)
}

/// Whether the name leads somewhere: to the Pod itself, a line of its hosts file, a node, a Service, where a rule's host points.
fn known(host: &str, pod: &Pod, store: &Store) -> bool {
    let aliases = pod.spec.host_aliases.iter().flat_map(|alias| &alias.hostnames);
    let mut own = ["localhost", &pod.metadata.name, &pod.spec.hostname].into_iter().chain(aliases.map(String::as_str));
    let rules = store.all::<Ingress>().flat_map(|ingress| &ingress.spec.rules);
    let mut listed = rules.filter(|rule| !rule.host.is_empty()).map(|rule| rule.host.to_lowercase());
    own.any(|own| own == host)
        || store.get::<Node>("", host).is_some()
        || named_service(host, pod, store).is_some()
        || listed.any(|rule| rule == host || domain(&rule) == domain(host))
}

/// Whether a variable of this name may hold `name:port` of somebody to call, and not an image with its tag or a user with its group.
fn names_peers(name: &str) -> bool {
    let name = name.to_uppercase();
    let more =
        ["HOSTS", "SERVERS", "SERVICES", "ADDRS", "ADDRESSES", "ENDPOINTS", "BROKERS", "PEERS", "BACKEND", "UPSTREAM", "TARGET"];
    names_host(&name) || more.iter().any(|end| name.ends_with(end))
}
