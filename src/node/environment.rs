//! A container's environment, and whom its program calls because of it.
//!
//! Values are made as the kubelet makes them (`pkg/kubelet/kubelet_pods.go`, `makeEnvironmentVariables`): `envFrom` first, then
//! `env` in order, `$(NAME)` replaced by what is known so far, `$$` written for `$`. What a program does with a variable is an
//! assumption: one whose value names a Service of the cluster (`REDIS_HOST` with `REDIS_PORT`, `CART_ADDR=cart:7070`, a URL) is
//! taken as the address of a call; so are addresses on a command line, and what public demos are known to call (`programs`). One that
//! comes with a whole ConfigMap that other workloads take, too, is a call that may be none, and said to be so.
//!
//! Left out: resource fields, files of Secrets and ConfigMaps, `$` escapes of shells.

mod connection;
mod itself;
mod known;
mod listed;
mod nameless;
mod own;
mod programs;
mod unfilled;

pub use itself::{ToItself, to_itself};
pub use known::{Stale, late, stale};
pub use listed::{Value, Variable, listed};
pub use nameless::{Nameless, is_nobodys, named_nobody, nameless};
pub use own::{OwnPort, own_ports};
pub use programs::untold_by;
pub use unfilled::unfilled;

use crate::api::core::{ConfigMap, Container, EnvFromSource, EnvVarSource, Pod, Secret, Service, ServicePort};
use crate::api::meta::selects;
use crate::cluster::{Cluster, Store};
use crate::msg;
use crate::node::images::unknown_program;
use crate::words::Message;
use std::collections::{BTreeMap, BTreeSet};

/// Where OTLP over gRPC is taken, by its specification.
const OTLP: i32 = 4317;

/// A call that a Pod makes when it is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The variable that names the target: `REDIS_HOST`.
    pub variable: String,
    /// As a request's target: `redis:6379`, or a URL with http or https.
    pub target: String,
    /// The Pod's field: `spec.containers[0].env[1].value`; `spec.containers[0].envFrom` for imported ones.
    pub field: String,
    /// What names it.
    pub by: By,
}

/// What tells whom a program calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// A variable.
    Variable,
    /// A variable of a ConfigMap or Secret that other workloads take whole, too.
    Shared,
    /// A flag, or a word, of its command line.
    Argument,
    /// Its code, as far as its image is known.
    Image,
    /// The configuration that a ConfigMap brings; `variable` is the file and its line.
    Configuration,
}

impl Call {
    /// Why the Pod makes it.
    pub fn reason(&self, pod: &str) -> Message {
        match self.by {
            By::Variable => msg!("assume.call", variable = self.variable, target = self.target, pod = pod),
            By::Shared => msg!("assume.call.shared", variable = self.variable, target = self.target, pod = pod),
            By::Argument => msg!("assume.call.argument", argument = self.variable, target = self.target, pod = pod),
            By::Configuration => {
                msg!("assume.call.configuration", file = self.variable, target = self.target, pod = pod)
            }
            By::Image => msg!("assume.call.image", image = self.variable, target = self.target, pod = pod),
        }
    }
}

/// What the variables of a container are made of, and the cluster as it stands when they are used.
#[derive(Clone, Copy)]
struct Seen<'a> {
    pod: &'a Pod,
    /// As it was when the container was started.
    known: &'a Store,
    cluster: &'a Cluster,
}

/// The calls that a Pod's variables name, in the order of its containers and variables, each target once.
pub fn calls(pod: &Pod, cluster: &Cluster) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, container) in pod.spec.containers.iter().enumerate() {
        let known = cluster.known_to(pod, container);
        let seen_then = Seen { pod, known: &known, cluster };
        let values = variables(container, pod, &known);
        for (name, value) in declared_order(container, &values) {
            let imported = container.env.iter().all(|own| own.name != name);
            if imported && !programs::reads(&container.image, name) {
                continue;
            }
            for target in targets(name, value, &values, seen_then) {
                if seen.insert(target.clone()) {
                    let shared = imported && programs::is_unknown(&container.image) && is_shared(container, name, seen_then);
                    let by = if shared { By::Shared } else { By::Variable };
                    let field = field(index, container, name);
                    calls.push(Call { variable: name.to_string(), target, field, by });
                }
            }
        }
        let others = programs::calls(index, container, &values, seen_then);
        let broken = nameless::certain(pod, cluster, index, container, &values);
        let others = others.into_iter().chain(broken).chain(programs::passed(container, seen_then));
        calls.extend(others.filter(|call| seen.insert(call.target.clone())));
    }
    calls
}

/// The image whose program may call somebody without a word of it in the manifest; `None`: the programs are known.
pub fn unknown_caller(pod: &Pod) -> Option<&str> {
    unknown_program(pod).filter(|_| !pod.spec.containers.iter().any(|container| programs::is_demo(&container.image)))
}

fn declared_order<'a>(container: &'a Container, values: &'a BTreeMap<String, String>) -> Vec<(&'a str, &'a str)> {
    let named: Vec<&str> = container.env.iter().map(|variable| variable.name.as_str()).collect();
    let imported = values.iter().filter(|(name, _)| !container.env_from.is_empty() && !named.contains(&name.as_str()));
    let own = named.iter().filter_map(|name| values.get_key_value(*name));
    own.chain(imported).map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Whether a variable that is imported comes from a ConfigMap or Secret that another workload imports, too.
fn is_shared(container: &Container, name: &str, seen: Seen) -> bool {
    let (meta, store) = (&seen.pod.metadata, &seen.cluster.store);
    let has = |source: &&EnvFromSource| {
        let Some(key) = name.strip_prefix(&source.prefix) else { return false };
        let map = source.config_map_ref.as_ref().and_then(|from| seen.known.get::<ConfigMap>(&meta.namespace, &from.name));
        let secret = source.secret_ref.as_ref().and_then(|from| seen.known.get::<Secret>(&meta.namespace, &from.name));
        map.is_some_and(|map| map.data.contains_key(key)) || secret.is_some_and(|secret| plain(secret).contains_key(key))
    };
    // The last source that has the key counts.
    let Some(from) = container.env_from.iter().rfind(has) else { return false };
    let takes = |own: &Container| {
        own.env_from.iter().any(|other| other.config_map_ref == from.config_map_ref && other.secret_ref == from.secret_ref)
    };
    let others = store.workloads().filter(|own| own.meta.namespace == meta.namespace);
    let mut others = others.filter(|own| !selects(&own.template.metadata.labels, &meta.labels));
    others.any(|own| own.template.spec.containers.iter().any(takes))
}

fn field(index: usize, container: &Container, name: &str) -> String {
    match container.env.iter().rposition(|variable| variable.name == name) {
        Some(at) if container.env.get(at).is_some_and(|variable| variable.value_from.is_none()) => {
            format!("spec.containers[{index}].env[{at}].value")
        }
        Some(at) => format!("spec.containers[{index}].env[{at}].valueFrom"),
        None => format!("spec.containers[{index}].envFrom"),
    }
}

/// The variables that the manifest gives to a container, without those of [`service_links`].
pub fn variables(container: &Container, pod: &Pod, store: &Store) -> BTreeMap<String, String> {
    let namespace = &pod.metadata.namespace;
    let mut values = BTreeMap::new();
    for source in &container.env_from {
        let config = source.config_map_ref.as_ref().and_then(|from| store.get::<ConfigMap>(namespace, &from.name));
        let secret = source.secret_ref.as_ref().and_then(|from| store.get::<Secret>(namespace, &from.name));
        let texts = config.map(|map| map.data.clone()).into_iter().chain(secret.map(plain));
        values.extend(texts.flatten().map(|(key, value)| (format!("{}{key}", source.prefix), value)));
    }
    let links = service_links(pod, store);
    let mut length = 0;
    for variable in &container.env {
        let value = match &variable.value_from {
            Some(source) => from_source(source, pod, store),
            None if length > MOST => Some(variable.value.clone()),
            None => Some(expand(&variable.value, &values, &links)),
        };
        length += value.as_ref().map_or(0, String::len);
        values.extend(value.map(|value| (variable.name.clone(), value)));
    }
    values
}

/// A Secret's texts: `stringData` over decoded `data`.
fn plain(secret: &Secret) -> BTreeMap<String, String> {
    let mut texts: BTreeMap<_, _> = secret.data.iter().map(|(key, value)| (key.clone(), decode(value))).collect();
    texts.extend(secret.string_data.clone());
    texts
}

/// Decodes base64; bytes that are no text become replacement characters.
fn decode(text: &str) -> String {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'a'..=b'z' => Some(u32::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0u32, 0);
    for digit in text.bytes().filter_map(digit) {
        held = (held << 6 | digit) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn from_source(source: &EnvVarSource, pod: &Pod, store: &Store) -> Option<String> {
    let namespace = &pod.metadata.namespace;
    if let Some(from) = &source.config_map_key_ref {
        return store.get::<ConfigMap>(namespace, &from.name)?.data.get(&from.key).cloned();
    }
    if let Some(from) = &source.secret_key_ref {
        return plain(store.get::<Secret>(namespace, &from.name)?).remove(&from.key);
    }
    let path = source.field_ref.as_ref()?.field_path.as_str();
    let keyed = |prefix: &str| path.strip_prefix(prefix)?.strip_prefix("['")?.strip_suffix("']").map(str::to_string);
    match path {
        "metadata.name" => Some(pod.metadata.name.clone()),
        "metadata.namespace" => Some(namespace.clone()),
        "metadata.uid" => Some(pod.metadata.uid.clone()),
        "status.podIP" => Some(pod.status.pod_ip.clone()),
        "status.podIPs" => Some(pod.status.pod_ips.iter().map(|at| at.ip.as_str()).collect::<Vec<_>>().join(",")),
        // One family is played: the list has one entry.
        "status.hostIP" | "status.hostIPs" => Some(pod.status.host_ip.clone()),
        "spec.serviceAccountName" => Some(pod.spec.service_account_name.clone()),
        "spec.nodeName" => Some(pod.spec.node_name.clone()),
        _ => match (keyed("metadata.labels"), keyed("metadata.annotations")) {
            (Some(key), _) => Some(pod.metadata.labels.get(&key).cloned().unwrap_or_default()),
            (_, Some(key)) => Some(pod.metadata.annotations.get(&key).cloned().unwrap_or_default()),
            _ => None,
        },
    }
}

/// Bytes of one text, and of all of them, that `execve` of Linux gives to a program (`MAX_ARG_STRLEN`, and a quarter of the usual
/// stack): of values that name each other, longer ones stay as they are written.
const LONGEST: usize = 128 << 10;
const MOST: usize = 2 << 20;

/// Replaces `$(NAME)` by its value, an unknown one stays as it is; `$$(NAME)` gives `$(NAME)` (`third_party/forked/golang/expansion`).
fn expand(text: &str, values: &BTreeMap<String, String>, links: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            match values.get(name).or_else(|| links.get(name)) {
                Some(value) if out.len() + value.len() > LONGEST => return text.to_string(),
                Some(value) => out.push_str(value),
                None => out.extend(["$(", name, ")"]),
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

/// The variables that the kubelet adds for Services: `default/kubernetes` always, and those of the Pod's namespace unless
/// `enableServiceLinks` is false (`kubelet_pods.go`, `envvars/envvars.go`). Headless Services have none.
pub fn service_links(pod: &Pod, known: &Store) -> BTreeMap<String, String> {
    let enabled = pod.spec.enable_service_links != Some(false);
    let mut values = BTreeMap::new();
    let addressed = |service: &&Service| !matches!(service.spec.cluster_ip.as_str(), "" | "None");
    let own = || known.in_namespace::<Service>(&pod.metadata.namespace).filter(|_| enabled).filter(addressed);
    // One of the same name in the Pod's namespace stands in for the API server's.
    let hidden = own().any(|service| service.metadata.name == "kubernetes");
    let master = known.get::<Service>("default", "kubernetes").filter(addressed).filter(|_| !hidden);
    for service in own().chain(master) {
        links_of(service, &mut values);
    }
    values
}

fn links_of(service: &Service, values: &mut BTreeMap<String, String>) {
    let variable = |name: &str| name.to_uppercase().replace('-', "_");
    let (prefix, address) = (variable(&service.metadata.name), &service.spec.cluster_ip);
    values.insert(format!("{prefix}_SERVICE_HOST"), address.clone());
    for (at, port) in service.spec.ports.iter().enumerate() {
        let protocol = if port.protocol.is_empty() { "TCP" } else { &port.protocol };
        let (number, lower) = (port.port.to_string(), protocol.to_lowercase());
        let link = format!("{lower}://{address}:{number}");
        if at == 0 {
            values.insert(format!("{prefix}_SERVICE_PORT"), number.clone());
            values.insert(format!("{prefix}_PORT"), link.clone());
        }
        if !port.name.is_empty() {
            values.insert(format!("{prefix}_SERVICE_PORT_{}", variable(&port.name)), number.clone());
        }
        let docker = format!("{prefix}_PORT_{number}_{protocol}");
        values.insert(format!("{docker}_PROTO"), lower);
        values.insert(format!("{docker}_PORT"), number);
        values.insert(format!("{docker}_ADDR"), address.clone());
        values.insert(docker, link);
    }
}

/// The targets that a variable names; a list with commas names several.
fn targets(name: &str, value: &str, values: &BTreeMap<String, String>, seen: Seen) -> Vec<String> {
    if let Some(address) = connection::url(value) {
        return target(name, &address, values, seen).into_iter().collect();
    }
    let one = |part: &str| target(name, part.trim(), values, seen);
    value.split(',').filter_map(one).collect()
}

/// A variable's value, read as `[SCHEME://][USER@]HOST[:PORT][/PATH]`.
struct Address<'a> {
    scheme: Option<String>,
    authority: &'a str,
    path: &'a str,
    host: &'a str,
    port: Option<u16>,
}

impl Address<'_> {
    fn read(value: &str) -> Option<Address<'_>> {
        let (scheme, rest) = value.split_once("://").map_or((None, value), |(scheme, rest)| (Some(scheme), rest));
        let scheme = scheme.map(|scheme| scheme.trim_start_matches("jdbc:").to_lowercase());
        let (authority, path) = rest.find(['/', '?', ';']).map_or((rest, ""), |at| rest.split_at(at));
        let authority = authority.rsplit('@').next().unwrap_or(authority);
        let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        let port = port.map(|port| port.parse::<u16>().ok()).map_or(Some(None), |port| port.map(Some))?;
        Some(Address { scheme, authority, path, host, port })
    }
}

fn target(name: &str, value: &str, values: &BTreeMap<String, String>, seen: Seen) -> Option<String> {
    let Address { scheme, authority, path, host, port } = Address::read(value)?;
    let service = named_service(host, seen.pod, &seen.cluster.store).or_else(|| former_service(host, seen));
    // A cluster IP is one, whoever had it.
    let lost = || host.parse().is_ok_and(|ip| seen.cluster.settings.service_range().contains(ip));
    if service.is_none() && !lost() {
        return None;
    }
    // A bare word counts as a host only where the variable's name says that it is one: `REDIS_HOST`, or `REDIS`.
    if scheme.is_none() && port.is_none() && !names_host(name) && usual_port(&name.to_lowercase()).is_none() {
        return None;
    }
    let ports = service.map(|service| service.spec.ports.as_slice()).unwrap_or_default();
    // A program that is told its own name does not call itself.
    let meta = &seen.pod.metadata;
    let mut own = service.into_iter().filter(|own| own.metadata.namespace == meta.namespace && !own.spec.selector.is_empty());
    if own.any(|own| selects(&own.spec.selector, &meta.labels)) {
        return None;
    }
    if let Some(scheme @ ("http" | "https")) = scheme.as_deref() {
        return Some(format!("{scheme}://{authority}{path}"));
    }
    let port = port.or_else(|| beside(name, values, ports)).or_else(|| scheme.as_deref().and_then(usual_port));
    let port = port.or_else(|| port_at(ports, name, values))?;
    let speaks = |protocol: &str| ports.iter().any(|own| own.port == i32::from(port) && own.protocol == protocol);
    let datagrams = speaks("UDP") && !speaks("TCP");
    Some(if datagrams { format!("udp://{host}:{port}") } else { format!("{host}:{port}") })
}

/// The port of a Service that a program calls to which nobody names one: OTLP's own for OpenTelemetry's variables, or the first for
/// connections.
fn first_port(name: &str, ports: &[ServicePort]) -> Option<u16> {
    let own = ports.iter().find(|port| port.port == OTLP && name.starts_with("OTEL_"));
    let connects = |port: &&ServicePort| !matches!(port.protocol.as_str(), "UDP" | "SCTP");
    let port = own.or_else(|| ports.iter().find(connects)).or(ports.first())?;
    u16::try_from(port.port).ok()
}

/// The port at which a program calls a Service whose port no address names: that of the protocol in the variable's name, unless
/// another variable has the number of one of the Service's ports.
fn port_at(ports: &[ServicePort], name: &str, values: &BTreeMap<String, String>) -> Option<u16> {
    let Some(told) = told_port(name) else { return first_port(name, ports) };
    let mut numbers = ports.iter().filter_map(|port| u16::try_from(port.port).ok());
    if numbers.clone().any(|number| number == told) {
        return Some(told);
    }
    numbers.find(|number| values.values().any(|value| *value == number.to_string())).or(Some(told))
}

/// The Service that had an address when the container was started.
fn former_service<'a>(host: &str, seen: Seen<'a>) -> Option<&'a Service> {
    host.parse::<std::net::Ipv4Addr>().ok()?;
    seen.known.all::<Service>().find(|service| service.spec.cluster_ip == host)
}

/// Words at the end of a variable's name which say that it holds an address.
const ADDRESSES: [&str; 9] = ["HOST", "HOSTNAME", "SERVER", "SERVICE", "ADDR", "ADDRESS", "ENDPOINT", "URL", "URI"];

fn names_host(name: &str) -> bool {
    let name = name.to_uppercase();
    // A virtual host is a space of names in RabbitMQ, and no machine.
    ADDRESSES.iter().any(|end| name.ends_with(end)) && !name.ends_with("VHOST")
}

/// The port of the protocol that a variable's name tells: `REDIS`, `CART_REDIS_HOST`, `MYSQL_DB_HOST`. Some names are images' own:
/// of `wordpress`, `joomla` and `phpmyadmin`, and libpq's.
fn told_port(name: &str) -> Option<u16> {
    let name = name.to_uppercase();
    match name.as_str() {
        "WORDPRESS_DB_HOST" | "JOOMLA_DB_HOST" | "PMA_HOST" => return usual_port("mysql"),
        "PGHOST" => return usual_port("postgres"),
        _ => {}
    }
    let roles = ["DB", "DATABASE", "MASTER", "PRIMARY", "LEADER", "REPLICA", "SLAVE", "FOLLOWER"];
    let mut words = name.split('_').rev().skip_while(|word| ADDRESSES.contains(word) || roles.contains(word));
    // `REDIS_MASTER` alone may be anything.
    let address = names_host(&name) || !name.contains('_');
    usual_port(&words.next()?.to_lowercase()).filter(|_| address)
}

/// `REDIS_PORT` beside `REDIS_HOST`; or, of several, the first that the Service has: `COLLECTOR_PORT_GRPC` beside `COLLECTOR_HOST`.
fn beside(name: &str, values: &BTreeMap<String, String>, ports: &[ServicePort]) -> Option<u16> {
    let stem = ["HOST", "HOSTNAME", "SERVER", "SERVICE", "ADDR", "ADDRESS"].iter().find_map(|end| name.strip_suffix(end))?;
    let plain = format!("{stem}PORT");
    if let Some(own) = values.get(&plain) {
        return own.parse().ok();
    }
    let parts = format!("{plain}_");
    let several = values.range(parts.clone()..).take_while(|(name, _)| name.starts_with(&parts));
    { several }.find_map(|(_, own)| own.parse().ok().filter(|own| ports.iter().any(|port| port.port == i32::from(*own))))
}

fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "redis" => Some(6379),
        "postgres" | "postgresql" => Some(5432),
        "mysql" | "mariadb" => Some(3306),
        "mongodb" | "mongo" => Some(27017),
        "amqp" | "rabbitmq" => Some(5672),
        "nats" => Some(4222),
        _ => None,
    }
}

/// The Service that a host names: by its DNS name (`web`, `web.shop`, `web.shop.svc.cluster.local`, `db-0.db`) or ClusterIP.
fn named_service<'a>(host: &str, pod: &Pod, store: &'a Store) -> Option<&'a Service> {
    if host.is_empty() {
        return None;
    }
    if host.starts_with(|c: char| c.is_ascii_digit()) && host.split('.').count() == 4 {
        return store.all::<Service>().find(|service| service.spec.cluster_ip == host);
    }
    let host = host.to_lowercase();
    let short = host.trim_end_matches('.').trim_end_matches(".cluster.local");
    let short = short.strip_suffix(".svc").unwrap_or(short);
    let parts: Vec<&str> = short.split('.').collect();
    let own = pod.metadata.namespace.as_str();
    match parts.as_slice() {
        [name] => store.get(own, name),
        [first, second] => store.get(second, first).or_else(|| headless(store, own, second)),
        [_, name, namespace] => headless(store, namespace, name),
        _ => None,
    }
}

fn headless<'a>(store: &'a Store, namespace: &str, name: &str) -> Option<&'a Service> {
    store.get::<Service>(namespace, name).filter(|service| service.spec.cluster_ip == "None")
}

#[cfg(test)]
mod tests;
