//! What kubeadm configures CoreDNS and kube-proxy with, held against ConfigMaps that say something else: those are not played.
//!
//! Follows kubeadm's Corefile (`cmd/kubeadm/app/phases/addons/dns/manifests.go`) and `KubeProxyConfiguration` with its defaults
//! (`pkg/proxy/apis/config/v1alpha1`). Of the Corefile only what can change an answer counts: not logs, metrics, health, caches.

use crate::api::core::ConfigMap;
use crate::kubectl::from_yaml;
use crate::settings::{Mode, Settings};
use serde_json::Value;

/// An add-on that kubeadm sets up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addon {
    /// CoreDNS.
    Coredns,
    /// kube-proxy.
    KubeProxy,
}

impl Addon {
    /// Both.
    pub const ALL: [Addon; 2] = [Addon::Coredns, Addon::KubeProxy];

    /// Its name, and that of its ConfigMap.
    pub fn name(self) -> &'static str {
        match self {
            Addon::Coredns => "coredns",
            Addon::KubeProxy => "kube-proxy",
        }
    }

    /// The key of the ConfigMap's data that it reads.
    pub fn key(self) -> &'static str {
        match self {
            Addon::Coredns => "Corefile",
            Addon::KubeProxy => "config.conf",
        }
    }

    /// What a ConfigMap of its says that is not played, as it is written; empty: nothing.
    pub fn unplayed(self, config: &ConfigMap, settings: &Settings) -> Vec<String> {
        let Some(text) = config.data.get(self.key()) else { return Vec::new() };
        match self {
            Addon::Coredns => corefile(text),
            Addon::KubeProxy => proxy_config(text, settings),
        }
    }
}

/// The lines of kubeadm's Corefile that decide answers, without braces.
const COREFILE: [&str; 6] = [
    ".:53",
    "kubernetes cluster.local in-addr.arpa ip6.arpa",
    "pods insecure",
    "fallthrough in-addr.arpa ip6.arpa",
    "ttl 30",
    "forward . /etc/resolv.conf",
];

/// Plugins that change no answer.
const QUIET: [&str; 11] =
    ["errors", "log", "health", "ready", "prometheus", "cache", "loop", "reload", "loadbalance", "max_concurrent", "debug"];

/// The lines that kubeadm's Corefile does not have; where there are none, those of its that are missing, with a `-`.
fn corefile(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut quiet = 0;
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let (opened, closed) = (line.matches('{').count(), line.matches('}').count());
        if quiet > 0 {
            quiet = (quiet + opened).saturating_sub(closed);
            continue;
        }
        let plain = line.replace(['{', '}'], " ");
        let words: Vec<&str> = plain.split_whitespace().collect();
        match words.first() {
            Some(first) if QUIET.contains(first) => quiet = opened.saturating_sub(closed),
            Some(_) => lines.push(words.join(" ")),
            None => {}
        }
    }
    let found: Vec<String> = lines.iter().filter(|line| !COREFILE.contains(&line.as_str())).cloned().collect();
    if !found.is_empty() {
        return found;
    }
    let missing = COREFILE.iter().filter(|line| !lines.iter().any(|own| own == *line));
    missing.map(|line| format!("-{line}")).collect()
}

/// The fields that are not as they are played.
fn proxy_config(text: &str, settings: &Settings) -> Vec<String> {
    let Ok(config) = from_yaml::<Value>(text) else { return vec![Addon::KubeProxy.key().to_string()] };
    let mode = if settings.mode == Mode::Nftables { "nftables" } else { "iptables" };
    // An empty mode is iptables.
    let other_mode = |own: &str| if own.is_empty() { mode != "iptables" } else { own != mode };
    let text = |field: &str| config.get(field).and_then(Value::as_str).unwrap_or_default();
    let mut found = Vec::new();
    let mut tell = |field: &str, value: &str| found.push(format!("{field}: {}", if value.is_empty() { "\"\"" } else { value }));
    if other_mode(text("mode")) {
        tell("mode", text("mode"));
    }
    match text("detectLocalMode") {
        "" | "ClusterCIDR" if text("clusterCIDR") != settings.pod_cidr => tell("clusterCIDR", text("clusterCIDR")),
        "" | "ClusterCIDR" => {}
        other => tell("detectLocalMode", other),
    }
    if config.get("nodePortAddresses").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
        tell("nodePortAddresses", &config["nodePortAddresses"].to_string());
    }
    let flag = |field: &str| config.get(mode).and_then(|own| own.get(field)).and_then(Value::as_bool);
    if flag("masqueradeAll") == Some(true) {
        tell("masqueradeAll", "true");
    }
    if flag("localhostNodePorts") == Some(false) {
        tell("localhostNodePorts", "false");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const KUBEADM: &str = ".:53 {\n    errors\n    health {\n       lameduck 5s\n    }\n    ready\n    \
        kubernetes cluster.local in-addr.arpa ip6.arpa {\n       pods insecure\n       fallthrough in-addr.arpa ip6.arpa\n       \
        ttl 30\n    }\n    prometheus :9153\n    forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }\n    cache 30 {\n       \
        disable success cluster.local\n       disable denial cluster.local\n    }\n    loop\n    reload\n    loadbalance\n}\n";

    #[test]
    fn kubeadms_corefile_is_what_is_played() {
        assert_eq!(corefile(KUBEADM), Vec::<String>::new());
        let rewritten = KUBEADM.replace("    ready\n", "    log # who asks\n    rewrite name a.b c.d\n");
        assert_eq!(corefile(&rewritten), ["rewrite name a.b c.d"]);
        let other = KUBEADM.replace("cluster.local in-addr", "example.org in-addr");
        assert_eq!(corefile(&other), ["kubernetes example.org in-addr.arpa ip6.arpa"]);
        assert_eq!(
            corefile(&KUBEADM.replace("    forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }\n", "")),
            ["-forward . /etc/resolv.conf"]
        );
        assert_eq!(corefile("{{{").len(), COREFILE.len());
    }

    #[test]
    fn kube_proxy_is_played_in_the_mode_of_the_settings() {
        let settings = Settings::default();
        let said = |text: &str| proxy_config(text, &settings).join(", ");
        assert_eq!(
            said("mode: \"\"\nclusterCIDR: 10.244.0.0/16\nnodePortAddresses: null\niptables: {masqueradeAll: false}\n"),
            ""
        );
        assert_eq!(said("mode: ipvs\nclusterCIDR: 10.244.0.0/16\n"), "mode: ipvs");
        assert_eq!(
            said("clusterCIDR: 10.0.0.0/8\niptables: {masqueradeAll: true}\n"),
            "clusterCIDR: 10.0.0.0/8, masqueradeAll: true"
        );
        assert_eq!(said("detectLocalMode: NodeCIDR\n"), "detectLocalMode: NodeCIDR");
        assert_eq!(said("mode: [\n"), "config.conf");
        let nftables = Settings { mode: Mode::Nftables, ..Settings::default() };
        assert_eq!(proxy_config("clusterCIDR: 10.244.0.0/16\n", &nftables), ["mode: \"\""]);
    }
}
