//! What the programs in a Pod listen on, as far as manifests can tell.
//!
//! A manifest never says what a program listens on: `containerPort` is a note for people and for named ports. So this is a
//! judgement, and every answer says what it rests on. Known: widely used images by their own documentation, arguments that name
//! a port, the annotation [`LISTEN`]. Assumed: everything about an image that nobody here has seen, beside what its arguments name.
//!
//! Where a configuration is mounted, what is known of the image becomes an assumption, and a port that a Service or a probe expects
//! counts if the configuration names it. Left out: what else configuration files say, and images' `EXPOSE`.

mod arguments;
mod configuration;
mod course;
mod ends;
mod fixed;
mod known;
mod nginx;
mod refuses;
mod speech;
mod users;

use crate::api::core::{Container, ContainerPort, Pod, Probe, Service};
use crate::api::foreign::mesh;
use crate::api::meta::{IntOrString, selects};
use crate::cluster::Store;
use crate::msg;
use crate::packet::Protocol;
use crate::words::Message;
pub use course::{Course, LONG, Wanted, course};
pub use ends::{End, end, timed};
use fixed::{agnhost, fixed};
use known::{Kind, Row};
pub use nginx::{Nginx, Pass};
pub use refuses::start_error;
pub use speech::{speaks_http, speaks_plain_http, speaks_tls};
pub use users::{User, user};

/// Pod annotation that says what listens, over everything else: `3000`, `127.0.0.1:3000`, `53/udp`, several with commas, `none`.
pub const LISTEN: &str = "kubehop.dev/listen";

/// One listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Whose: the container's name.
    pub container: String,
    /// On which port.
    pub port: u16,
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// Only the Pod itself reaches it: bound to 127.0.0.1.
    pub loopback_only: bool,
    /// How this is known.
    pub basis: Basis,
    /// The field of the Pod that says so: `spec.containers[0].image`. Empty: no field of the Pod (a Service's `targetPort`).
    pub field: String,
}

/// What a [`Listener`] rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// It follows from the manifest and the image's documentation.
    Known(Message),
    /// It may be otherwise; whoever uses it says so.
    Assumed(Message),
}

impl Basis {
    /// The sentence.
    pub fn message(&self) -> &Message {
        match self {
            Basis::Known(message) | Basis::Assumed(message) => message,
        }
    }

    /// The sentence, where it is an assumption.
    pub fn assumption(&self) -> Option<&Message> {
        match self {
            Basis::Known(_) => None,
            Basis::Assumed(message) => Some(message),
        }
    }
}

/// Whether the image's program only rewrites packets and passes them on: the load balancer of k3s.
pub fn forwards(image: &str) -> bool {
    known::repository(image).rsplit('/').next() == Some("klipper-lb")
}

/// What listens in a Pod; by container, then in the order found, each port once (two containers cannot share one).
pub fn listens(pod: &Pod, store: &Store) -> Vec<Listener> {
    find(pod, store).listeners
}

/// What is to be said where nothing listens on a port: a container may listen elsewhere than assumed. `None`: what listens is known.
pub fn unsure(pod: &Pod) -> Option<Message> {
    let image = find(pod, &Store::default()).unsure?;
    Some(msg!("assume.listens", image = image))
}

/// The image of the first container whose program is not known here, so that nobody can say whom it calls by itself: one of no list,
/// another program than the image's own, a server that its configuration may make a proxy.
pub fn unknown_program(pod: &Pod) -> Option<&str> {
    let unknown = |container: &&Container| {
        let image = known::repository(&container.image);
        let (row, words) = (known::row(&container.image), arguments::words(container));
        // `python -m http.server` is known by its command.
        let sure = arguments::listening(&words, container).iter().any(|own| own.main && own.sure && own.flag.is_empty());
        match row {
            _ if image.ends_with("agnhost") || sure || mesh::proxy(std::iter::once(container.name.as_str())).is_some() => false,
            None => true,
            Some(row) if row.kind == Kind::Tool => false,
            Some(row) if replaces_program(container, &words, Some(row)) => true,
            Some(row) => has_configuration(container) && row.images.iter().any(|name| PROXIES.contains(name)),
        }
    };
    pod.spec.containers.iter().find(unknown).map(|container| known::repository(&container.image))
}

/// Servers that often pass requests on to others, as their configuration says.
const PROXIES: [&str; 6] = ["nginx", "bitnami/nginx", "httpd", "bitnami/apache", "caddy", "traefik"];

fn find(pod: &Pod, store: &Store) -> Found {
    if let Some(text) = pod.metadata.annotations.get(LISTEN) {
        return annotated(pod, text);
    }
    let mut found = Found::default();
    let mut open = Vec::new();
    let expecting = || store.in_namespace::<Service>(&pod.metadata.namespace).filter(|service| expects(service, pod));
    let sidecars = pod.spec.init_containers.iter().enumerate().filter(|(_, container)| container.is_sidecar());
    let sidecars = sidecars.map(|(index, container)| (format!("spec.initContainers[{index}]"), container));
    let own = pod.spec.containers.iter().enumerate().map(|(index, container)| (format!("spec.containers[{index}]"), container));
    for (at, container) in own.chain(sidecars) {
        if let Some(own) = Nginx::of(pod, container, store) {
            own.listeners(container).into_iter().for_each(|listener| found.add(listener));
            continue;
        }
        let before = found.listeners.len();
        let may_do_more = of_container(&at, container, &mut found);
        let nothing_known = found.listeners.len() == before;
        if may_do_more && nothing_known {
            open.push(container);
        }
        if may_do_more {
            probed(&at, (pod, container), nothing_known && container.ports.is_empty(), &mut found);
            if !container.volume_mounts.is_empty() {
                let on_host = pod.spec.host_network == Some(true);
                let probes = [&container.readiness_probe, &container.liveness_probe, &container.startup_probe];
                let asked = probes.into_iter().filter_map(|probe| asked_port(probe.as_ref()?, on_host));
                let asked = asked.filter(|(_, home)| !home).map(|(port, _)| (port, Protocol::Tcp));
                for wanted in expecting().flat_map(expected).chain(asked) {
                    configured(wanted, (pod, container), store, &mut found);
                }
            }
        }
    }
    // A Service's targetPort says only that somebody expects a listener; a container about which nothing else is known gets it.
    if let Some(container) = open.first() {
        expecting().for_each(|service| target_ports(service, container, &mut found));
    }
    found
}

#[derive(Default)]
struct Found {
    listeners: Vec<Listener>,
    /// The first image that may listen on other ports, too.
    unsure: Option<String>,
}

impl Found {
    fn add(&mut self, listener: Listener) {
        let taken = |other: &Listener| other.port == listener.port && other.protocol == listener.protocol;
        if listener.port != 0 && !self.listeners.iter().any(taken) {
            self.listeners.push(listener);
        }
    }
}

fn listener(container: &Container, port: u16, protocol: Protocol, basis: Basis, field: String) -> Listener {
    Listener { container: container.name.clone(), port, protocol, loopback_only: false, basis, field }
}

/// What a value of [`LISTEN`] says that is none of its forms; such parts open nothing.
pub fn unreadable_listens(text: &str) -> Vec<&str> {
    if text.trim().is_empty() {
        return vec![text];
    }
    listen_parts(text).filter(|part| listen_part(part).is_none()).collect()
}

fn listen_parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !matches!(*part, "" | "none"))
}

/// Host, port and protocol of `3000`, `127.0.0.1:3000`, `53/udp`.
fn listen_part(part: &str) -> Option<(&str, u16, Protocol)> {
    let (address, protocol) = part.split_once('/').unwrap_or((part, "tcp"));
    let protocol = Protocol::of_api(&protocol.to_uppercase())?;
    let (host, port) = arguments::socket(address)?;
    Some((host, port, protocol))
}

fn annotated(pod: &Pod, text: &str) -> Found {
    let mut found = Found::default();
    let container = pod.spec.containers.first().cloned().unwrap_or_default();
    for (host, port, protocol) in listen_parts(text).filter_map(listen_part) {
        let basis = Basis::Known(msg!("listens.annotation", value = text));
        let field = format!("metadata.annotations.{LISTEN}");
        let loopback_only = arguments::is_loopback(host);
        found.add(Listener { loopback_only, ..listener(&container, port, protocol, basis, field) });
    }
    found
}

/// Adds what a container surely or probably listens on. True when it may listen on something else, too.
fn of_container(at: &str, container: &Container, found: &mut Found) -> bool {
    let words = arguments::words(container);
    if known::repository(&container.image).ends_with("agnhost") {
        agnhost(at, container, &words, found);
        return false;
    }
    let row = known::row(&container.image);
    let replaced = replaces_program(container, &words, row);
    let configured = has_configuration(container) || row.is_some_and(|row| is_anothers(container, row));
    if let Some(row) = row.filter(|row| row.kind == Kind::Fixed && !replaced && !configured) {
        fixed(at, container, row, &words, found);
        return false;
    }
    if arguments::idles(&words) {
        return false;
    }
    let is_tool = row.is_some_and(|row| row.kind == Kind::Tool);
    let named = from_arguments(at, container, &words, found);
    if named == Named::All || is_tool && (!replaced || named == Named::Main) {
        return false;
    }
    let mut moved = None;
    if let Some(row) = row.filter(|row| (row.kind == Kind::Usual || row.kind == Kind::Fixed && configured) && !replaced) {
        let basis = |port: u16| Basis::Assumed(msg!("listens.usual", image = known::repository(&container.image), port = port));
        let field = format!("{at}.image");
        moved = row.tcp.first().filter(|_| named == Named::Main).copied();
        let tcp = row.tcp.iter().skip(usize::from(moved.is_some()));
        tcp.for_each(|port| found.add(listener(container, *port, Protocol::Tcp, basis(*port), field.clone())));
        row.udp.iter().for_each(|port| found.add(listener(container, *port, Protocol::Udp, basis(*port), field.clone())));
    }
    declared(at, container, moved, found);
    let told = PORTS.iter().find_map(|name| port_variable(container, name));
    if let Some((name, port)) = told.filter(|_| named == Named::Nothing) {
        let basis = Basis::Assumed(msg!("listens.portVariable", container = container.name, name = name, port = port));
        found.add(listener(container, port, Protocol::Tcp, basis, format!("{at}.env")));
    }
    found.unsure.get_or_insert_with(|| known::repository(&container.image).to_string());
    // A script of a shell or an operating system's image that names no port most likely opens none.
    !is_tool
}

/// Whether a volume is mounted where programs keep their configuration: it may name any port.
fn has_configuration(container: &Container) -> bool {
    let paths = container.volume_mounts.iter().filter_map(|mount| mount.get("mountPath")?.as_str());
    { paths }
        .any(|path| path.contains("conf") || ["/etc/nginx", "/etc/httpd", "/etc/redis"].iter().any(|at| path.starts_with(at)))
}

/// Whether an image that is called as a known one is most likely somebody's own: its repository is theirs, and it declares no port of
/// the known one's.
fn is_anothers(container: &Container, row: &Row) -> bool {
    let foreign =
        known::is_foreign(&container.image, row) && row.flags.iter().all(|flag| port_variable(container, flag).is_none());
    let same = |port: &ContainerPort| row.tcp.iter().any(|own| i32::from(*own) == port.container_port);
    foreign && !container.ports.is_empty() && !container.ports.iter().any(same)
}

/// A port that no list of ports names, and that two of a container's probes ask, is most likely its program's port for that: many
/// programs answer for their health on one of their own. Where nothing else is known (`alone`), and where a Pod of its node's network
/// asks its own 127.0.0.1, one probe is enough.
fn probed(at: &str, (pod, container): (&Pod, &Container), alone: bool, found: &mut Found) {
    let probes = [
        ("readinessProbe", &container.readiness_probe),
        ("livenessProbe", &container.liveness_probe),
        ("startupProbe", &container.startup_probe),
    ];
    let on_host = pod.spec.host_network == Some(true);
    let asked: Vec<(&str, u16, bool)> = { probes.into_iter() }
        .filter_map(|(name, probe)| asked_port(probe.as_ref()?, on_host).map(|(port, home)| (name, port, home)))
        .collect();
    for (name, port, home) in &asked {
        let several = asked.iter().filter(|(_, other, _)| other == port).count() > 1;
        let image = known::repository(&container.image);
        let basis = match several {
            true => msg!("listens.probes", image = image, port = port),
            false if alone || *home => msg!("listens.probe", image = image, port = port, probe = name),
            false => continue,
        };
        let field = format!("{at}.{name}");
        let listener = listener(container, *port, Protocol::Tcp, Basis::Assumed(basis), field);
        found.add(Listener { loopback_only: *home, ..listener });
    }
}

/// The port that a probe asks by its number, at the Pod's own address; and whether at 127.0.0.1, which is the node's: a Pod in its
/// node's network is there.
fn asked_port(probe: &Probe, on_host: bool) -> Option<(u16, bool)> {
    let (port, host) = match (&probe.http_get, &probe.tcp_socket) {
        (Some(get), _) => (&get.port, &get.host),
        (None, Some(socket)) => (&socket.port, &socket.host),
        (None, None) => return Some((u16::try_from(probe.grpc.as_ref()?.port).ok()?, false)),
    };
    let home = on_host && arguments::is_loopback(host);
    match port {
        IntOrString::Int(number) if host.is_empty() || home => Some((u16::try_from(*number).ok()?, home)),
        _ => None,
    }
}

/// Whether `command` or `args` put another program in the place of the image's own.
fn replaces_program(container: &Container, words: &[String], row: Option<&Row>) -> bool {
    let programs = row.map_or(&[][..], |row| row.programs);
    let names = |word: &String| programs.contains(&word.as_str()) || programs.contains(&arguments::base_name(word));
    if words.iter().any(names) {
        return false;
    }
    let only_arguments = container.args.first().is_none_or(|first| first.starts_with('-'));
    !container.command.is_empty() || (!only_arguments && (!programs.is_empty() || row.is_some_and(|row| row.kind == Kind::Tool)))
}

/// What the arguments of a container say of its ports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    /// None, or only ports beside the program's own.
    Nothing,
    /// The program's own port; it may have others.
    Main,
    /// All: a program that is known to listen there and nowhere else, such as `nc -l`.
    All,
}

/// Adds the ports that the arguments name.
fn from_arguments(at: &str, container: &Container, words: &[String], found: &mut Found) -> Named {
    let mut named = Named::Nothing;
    let list = if container.args.is_empty() { "command" } else { "args" };
    for argument in arguments::listening(words, container) {
        let says = match (argument.main, argument.sure && argument.flag.is_empty()) {
            (true, true) => Named::All,
            (true, false) => Named::Main,
            _ => Named::Nothing,
        };
        named = named.max(says);
        let said = match argument.sure {
            true => Basis::Known(msg!("listens.argument", argument = argument.text, port = argument.port)),
            false if argument.loopback_only => {
                Basis::Assumed(msg!("listens.argument.home", container = container.name, port = argument.port))
            }
            false => Basis::Assumed(msg!("listens.argument.assumed", argument = argument.text, port = argument.port)),
        };
        let field = format!("{at}.{list}");
        let loopback_only = argument.loopback_only;
        found.add(Listener { loopback_only, ..listener(container, argument.port, argument.protocol, said, field) });
    }
    named
}

/// Adds the declared `containerPort`s, but for one that the program is known to have left.
fn declared(at: &str, container: &Container, moved: Option<u16>, found: &mut Found) {
    for (nth, port) in container.ports.iter().enumerate() {
        let Some(number) = u16::try_from(port.container_port).ok().filter(|number| Some(*number) != moved) else { continue };
        let Some(protocol) = Protocol::of_api(&port.protocol) else { continue };
        let basis = Basis::Assumed(msg!("listens.containerPort", container = container.name, port = number));
        let field = format!("{at}.ports[{nth}].containerPort");
        found.add(listener(container, number, protocol, basis, field));
    }
}

/// Variables by which programs are told their port: many by the first, Spring Boot's and ASP.NET Core's by their own.
const PORTS: [&str; 3] = ["PORT", "SERVER_PORT", "ASPNETCORE_HTTP_PORTS"];

fn port_variable<'a>(container: &Container, name: &'a str) -> Option<(&'a str, u16)> {
    let value = container.env.iter().rev().find(|variable| variable.name == name)?;
    Some((name, value.value.trim().parse().ok()?))
}

fn expects(service: &Service, pod: &Pod) -> bool {
    let selector = &service.spec.selector;
    !selector.is_empty() && selects(selector, &pod.metadata.labels)
}

/// The numbers of the ports that a Service expects in its Pods.
fn expected(service: &Service) -> impl Iterator<Item = (u16, Protocol)> + '_ {
    service.spec.ports.iter().filter_map(|port| {
        let number = match &port.target_port {
            IntOrString::Int(0) => port.port,
            IntOrString::Int(number) => *number,
            IntOrString::String(_) => return None,
        };
        Some((u16::try_from(number).ok()?, Protocol::of_api(&port.protocol)?))
    })
}

/// A port that a Service or a probe expects, if a configuration of the container names it.
fn configured((port, protocol): (u16, Protocol), (pod, container): (&Pod, &Container), store: &Store, found: &mut Found) {
    let taken = found.listeners.iter().any(|own| own.port == port && own.protocol == protocol);
    let named = if taken { None } else { configuration::names_port(pod, container, port, store) };
    if let Some((map, field)) = named {
        let name = &container.name;
        let basis = Basis::Assumed(msg!("listens.configuration", container = name, map = map, port = port));
        found.add(listener(container, port, protocol, basis, field));
    }
}

fn target_ports(service: &Service, container: &Container, found: &mut Found) {
    for (number, protocol) in expected(service) {
        let (image, service) = (known::repository(&container.image), &service.metadata.name);
        let basis = Basis::Assumed(msg!("listens.targetPort", image = image, service = service, port = number));
        found.add(listener(container, number, protocol, basis, String::new()));
    }
}

#[cfg(test)]
mod tests;
