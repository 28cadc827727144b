//! Ports that a mounted ConfigMap tells a program to listen on, as far as a text without its program can tell: `listen 8080;`,
//! `bind *:8080`, `endpoint: 0.0.0.0:4317`, `server.port=8081`. Asked only of ports that somebody expects in this very Pod.

use crate::api::core::{ConfigMap, Container, Pod};
use crate::cluster::Store;

/// The ConfigMap of a container's volumes that names the port, and the field of the Pod that mounts it.
pub(super) fn names_port<'a>(pod: &'a Pod, container: &Container, port: u16, store: &Store) -> Option<(&'a str, String)> {
    for (at, volume) in pod.spec.volumes.iter().enumerate() {
        let Some(map) = volume.pointer("/configMap/name").and_then(|name| name.as_str()) else { continue };
        let name = volume.get("name");
        if !container.volume_mounts.iter().any(|mount| mount.get("name") == name) {
            continue;
        }
        let Some(found) = store.get::<ConfigMap>(&pod.metadata.namespace, map) else { continue };
        if found.data.values().any(|text| text.lines().any(|line| listens(line, &port.to_string()))) {
            return Some((map, format!("spec.volumes[{at}]")));
        }
    }
    None
}

/// Whether a line of a configuration says to listen on a port.
fn listens(line: &str, port: &str) -> bool {
    let line = line.split('#').next().unwrap_or_default();
    line.match_indices(port).any(|(at, _)| {
        let (before, after) = (line.get(..at).unwrap_or_default(), line.get(at + port.len()..).unwrap_or_default());
        let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        if after.starts_with(part) || after.starts_with(':') || before.ends_with(part) {
            return false;
        }
        let host = before.strip_suffix(':').map(|host| host.rsplit([' ', '\t', '"', '\'', '=', '/', ',']).next().unwrap_or(host));
        if host.is_some_and(|host| matches!(host, "0.0.0.0" | "*" | "[::]" | "::")) {
            return true;
        }
        let bare = before.trim_end_matches([' ', '\t', ':', '=', '"', '\'']);
        let word = bare.rsplit(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or(bare).to_lowercase();
        let word = if word == "value" { bare.to_lowercase() } else { word };
        ["port", "listen", "bind", "port_value"].iter().any(|end| word.ends_with(end))
    })
}

#[cfg(test)]
mod tests {
    use super::listens;

    #[test]
    fn a_line_of_a_configuration_says_where_its_program_listens() {
        let says = [
            "  listen 8080;",
            "listen 0.0.0.0:8080 default_server;",
            "listen [::]:8080;",
            "bind *:8080",
            "bind :8080",
            "endpoint: 0.0.0.0:8080",
            "server.port=8080",
            "http_port = 8080",
            "port: 8080",
            "\"port\": 8080,",
            "port 8080",
            "socket_address: { address: 0.0.0.0, port_value: 8080 }",
            "http.address: \"0.0.0.0:8080\"",
        ];
        says.iter().for_each(|line| assert!(listens(line, "8080"), "{line}"));
        let silent = [
            "proxy_pass http://backend:8080;",
            "server backend:8080;",
            "# listen 8080;",
            "listen 18080;",
            "listen 8080.example;",
            "timeout 8080",
            "redis: redis:8080",
        ];
        silent.iter().for_each(|line| assert!(!listens(line, "8080"), "{line}"));
    }
}
