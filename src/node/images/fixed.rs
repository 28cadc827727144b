//! Ports of images whose own documentation names all of them.

use super::known::{self, Row};
use super::{Basis, Found, Listener, arguments, listener, port_variable};
use crate::api::core::Container;
use crate::msg;
use crate::packet::Protocol;

/// Every port of an image that its documentation names, moved where an argument or a variable says so.
pub(super) fn fixed(at: &str, container: &Container, row: &Row, words: &[String], found: &mut Found) {
    let image = known::repository(&container.image);
    let (mut first, mut beside) = (None, Vec::new());
    let at_home = arguments::stays_home(words) || mongod_without_entry_point(container, words);
    for argument in arguments::listening(words, container) {
        let basis = Basis::Known(msg!("listens.argument", argument = argument.text, port = argument.port));
        let loopback_only = argument.loopback_only || at_home;
        let own = listener(container, argument.port, argument.protocol, basis, format!("{at}.args"));
        if row.flags.contains(&argument.flag.as_str()) {
            first = Some(Listener { loopback_only, ..own });
        } else if !argument.main {
            beside.push(Listener { loopback_only, ..own });
        }
    }
    let variables = row.flags.iter().filter_map(|flag| flag.strip_prefix('$'));
    if let Some((name, port)) = variables.filter_map(|name| port_variable(container, name)).next() {
        let basis = Basis::Known(msg!("listens.variable", name = name, port = port));
        first = first.or(Some(listener(container, port, Protocol::Tcp, basis, format!("{at}.env"))));
    }
    let replaces_first = usize::from(first.is_some());
    let main = first.as_ref().map(|own| own.port).or(row.tcp.first().copied());
    first.into_iter().chain(beside).for_each(|listener| found.add(listener));
    let more = more_ports(row, &container.image, words, main);
    let tcp = row.tcp.iter().skip(replaces_first).copied().chain(more).map(|port| (port, Protocol::Tcp));
    for (port, protocol) in tcp.chain(row.udp.iter().map(|port| (*port, Protocol::Udp))) {
        let basis = match port {
            8443 if row.images == ["echoserver"] && known::tag(&container.image) != "1.10" => {
                Basis::Assumed(msg!("listens.usual", image = image, port = port))
            }
            _ => Basis::Known(msg!("listens.image", image = image, port = port)),
        };
        let own = listener(container, port, protocol, basis, format!("{at}.image"));
        found.add(Listener { loopback_only: at_home, ..own });
    }
}

/// Whether `mongod` was started without docker-library's entry point, which adds `--bind_ip_all` (`command` replaces it), and without an
/// address: since 3.6 it stays on localhost then (MongoDB's manual, "IP Binding").
fn mongod_without_entry_point(container: &Container, words: &[String]) -> bool {
    let old = ["2.", "3.0", "3.1", "3.2", "3.3", "3.4", "3.5"];
    let old = old.iter().any(|version| known::tag(&container.image).starts_with(version));
    let told = |flag: &str| words.iter().any(|word| word.trim_start_matches('-').split('=').next() == Some(flag));
    let own = !container.command.is_empty() && words.iter().any(|word| arguments::base_name(word) == "mongod");
    let entry = words.iter().any(|word| arguments::base_name(word).contains("entrypoint"));
    let official = known::official(&container.image) == Some("mongo");
    official && own && !old && !entry && !["bind_ip", "bind_ip_all", "config", "f"].iter().any(|flag| told(flag))
}

/// The port that a program opens beside its own in some versions and modes.
fn more_ports(row: &Row, image: &str, words: &[String], main: Option<u16>) -> Option<u16> {
    let tag = known::tag(image);
    match row.images {
        // RabbitMQ's page for administrators comes with the tags that say so.
        ["rabbitmq", ..] if tag.contains("management") => Some(15672),
        // The X Protocol is on since MySQL 8.
        ["mysql", ..] if !tag.starts_with("5.") && tag != "5" => Some(33060),
        // A page over TLS came with its later versions.
        ["echoserver", ..] if !matches!(tag, "1.0" | "1.1" | "1.2" | "1.3" | "1.4") => Some(8443),
        // Members of a Redis cluster speak with each other 10000 further up.
        _ if arguments::flag_value(words, "cluster-enabled") == Some("yes") => main?.checked_add(10_000),
        _ => None,
    }
}

/// What a subcommand of Kubernetes' own test image listens on.
pub(super) fn agnhost(at: &str, container: &Container, words: &[String], found: &mut Found) {
    let subcommand =
        words.iter().map(|word| arguments::base_name(word)).find(|word| *word != "agnhost" && !word.starts_with('-'));
    let Some(row) = subcommand.and_then(|name| known::AGNHOST.iter().find(|row| row.name == name)) else { return };
    let says = |flag: &str| words.iter().any(|word| word.trim_start_matches('-') == flag);
    let udp_only = row.name == "serve-hostname" && says("udp") && !says("tcp");
    let tcp = row.tcp.iter().map(|(flag, port)| (flag, port, if udp_only { Protocol::Udp } else { Protocol::Tcp }));
    let udp = row.udp.iter().map(|(flag, port)| (flag, port, Protocol::Udp));
    for (flag, usual, protocol) in tcp.chain(udp) {
        // `--udp-port -1` switches the server off.
        let port = arguments::flag_value(words, flag).map_or(Some(*usual), |value| value.parse().ok());
        let basis = Basis::Known(msg!("listens.agnhost", subcommand = row.name, port = port.unwrap_or_default()));
        found.add(listener(container, port.unwrap_or_default(), protocol, basis, format!("{at}.args")));
    }
}
