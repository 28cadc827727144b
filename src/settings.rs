//! The cluster's settings: the map of `--cluster FILE`, which the page, lessons and links use, too.

use crate::api::core::Node;
use crate::api::foreign::annotations::Played;
use crate::netfilter::Cidr;
use serde::de::{self, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;

/// At most so many nodes.
pub const MOST_NODES: u32 = 50;

/// Everything that is not in the manifests. Every key is optional.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// How many nodes, or which; at most 50.
    pub nodes: Nodes,
    /// All Pods' addresses.
    #[serde(rename = "podCIDR")]
    pub pod_cidr: String,
    /// All ClusterIPs.
    #[serde(rename = "serviceCIDR")]
    pub service_cidr: String,
    /// Which rules kube-proxy writes.
    pub mode: Mode,
    /// Who serves Services of type LoadBalancer.
    pub load_balancer: LoadBalancerSettings,
    /// The Ingress controller.
    pub ingress: IngressSettings,
    /// The world outside.
    pub outside: OutsideSettings,
    /// Events played before the first request.
    pub start: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            nodes: Nodes::Count(3),
            pod_cidr: "10.244.0.0/16".into(),
            service_cidr: "10.96.0.0/16".into(),
            mode: Mode::Iptables,
            load_balancer: LoadBalancerSettings::default(),
            ingress: IngressSettings::default(),
            outside: OutsideSettings::default(),
            start: Vec::new(),
        }
    }
}

/// How many nodes, or which.
#[derive(Clone, Debug, PartialEq)]
pub enum Nodes {
    /// node-1 to node-N: address 10.0.0.(10+N), Pods 10.244.N.0/24.
    Count(u32),
    /// As given.
    List(Vec<Node>),
}

/// A number or a list; a pair of both in a form that does not describe itself (`app::wire`).
impl Serialize for Nodes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self, serializer.is_human_readable()) {
            (Nodes::Count(count), true) => count.serialize(serializer),
            (Nodes::List(list), true) => list.serialize(serializer),
            (Nodes::Count(count), false) => (Some(count), Vec::<Node>::new()).serialize(serializer),
            (Nodes::List(list), false) => (None::<u32>, list).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Nodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Nodes, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_any(NodesVisitor);
        }
        let (count, list) = <(Option<u32>, Vec<Node>)>::deserialize(deserializer)?;
        Ok(count.map_or(Nodes::List(list), Nodes::Count))
    }
}

/// Reads a number or a list, and says which key is wrong where it is neither.
struct NodesVisitor;

impl<'de> Visitor<'de> for NodesVisitor {
    type Value = Nodes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "as nodes a number from 0 to {MOST_NODES}, or a list of Nodes")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<Nodes, E> {
        u32::try_from(count).map(Nodes::Count).map_err(|_| E::invalid_value(Unexpected::Unsigned(count), &self))
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<Nodes, E> {
        u32::try_from(count).map(Nodes::Count).map_err(|_| E::invalid_value(Unexpected::Signed(count), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Nodes, A::Error> {
        let mut nodes = Vec::new();
        while let Some(item) = items.next_element::<serde_json::Value>()? {
            if !item.is_object() {
                return Err(de::Error::custom(format!("nodes: not a Node: {item}")));
            }
            nodes.push(serde_json::from_value(item).map_err(|why| de::Error::custom(format!("nodes: {why}")))?);
        }
        Ok(Nodes::List(nodes))
    }
}

/// kube-proxy's mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Mode {
    #[default]
    Iptables,
    Nftables,
}

/// Who serves Services of type LoadBalancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LoadBalancerSettings {
    /// Its kind.
    pub provider: Provider,
    /// First and last address, with a dash between.
    pub pool: String,
}

impl Default for LoadBalancerSettings {
    fn default() -> Self {
        LoadBalancerSettings { provider: Provider::Cloud, pool: "198.51.100.10-198.51.100.99".into() }
    }
}

/// Kinds of load balancer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// A machine outside that rewrites to node:nodePort and keeps the client's address.
    #[default]
    Cloud,
    /// One node owns the address (layer 2).
    Metallb,
    /// As the AWS Load Balancer Controller does.
    Aws,
    /// Nobody: `<pending>`.
    None,
}

/// The Ingress controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct IngressSettings {
    /// Whether kubehop's controller runs when an Ingress is given.
    pub controller: bool,
    /// Whether it redirects HTTP to HTTPS for TLS hosts.
    pub https_redirect: bool,
}

impl Default for IngressSettings {
    fn default() -> Self {
        IngressSettings { controller: true, https_redirect: false }
    }
}

/// The world outside the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct OutsideSettings {
    /// No route from outside to the nodes.
    pub private_nodes: bool,
    /// What becomes of packets to addresses that nobody routes.
    pub edge: Edge,
}

/// What an edge router does with addresses that nobody routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Edge {
    /// Drops silently.
    #[default]
    Blackhole,
    /// Answers ICMP unreachable.
    Unreachable,
}

impl Settings {
    /// What is played of annotations that other controllers read.
    pub fn played(&self) -> Played {
        Played { aws: self.load_balancer.provider == Provider::Aws, https_redirect: self.ingress.https_redirect }
    }

    /// Whether a cluster can be made of these settings.
    ///
    /// # Errors
    /// The first key that cannot be used, and why.
    pub fn check(&self) -> Result<(), String> {
        let count = self.check_nodes()?;
        let range = |key: &str, text: &str| text.parse::<Cidr>().map_err(|why| format!("{key}: {why}"));
        let pods = range("podCIDR", &self.pod_cidr)?;
        let services = range("serviceCIDR", &self.service_cidr)?;
        if pods.bits > 24 || (1u64 << (24 - pods.bits)) <= count {
            return Err(format!("podCIDR: {} is too small for a /24 on each of {count} nodes", self.pod_cidr));
        }
        if services.bits > 27 {
            return Err(format!("serviceCIDR: {} is too small, at least a /27", self.service_cidr));
        }
        let (first, last) = self.check_pool()?;
        if overlap(pods, services) {
            return Err(format!("serviceCIDR: {} overlaps podCIDR {}", self.service_cidr, self.pod_cidr));
        }
        for (key, range) in [("podCIDR", pods), ("serviceCIDR", services)] {
            if range.contains(API_SERVER) {
                return Err(format!("{key}: {range} holds the API server's address {API_SERVER}"));
            }
            // Two ranges meet where one begins within the other.
            if range.contains(first) || range.contains(last) || (first..=last).contains(&range.base) {
                return Err(format!("loadBalancer.pool: {} overlaps {key} {range}", self.load_balancer.pool));
            }
        }
        Ok(())
    }

    /// How many nodes there are; each has a name of its own, and a range of its own if it names one.
    fn check_nodes(&self) -> Result<u64, String> {
        let count = match &self.nodes {
            Nodes::Count(count) => u64::from(*count),
            Nodes::List(nodes) => nodes.len() as u64,
        };
        if count > u64::from(MOST_NODES) {
            return Err(format!("nodes: {count} are too many, at most {MOST_NODES}"));
        }
        let Nodes::List(nodes) = &self.nodes else { return Ok(count) };
        let mut names = BTreeSet::new();
        for node in nodes {
            let name = &node.metadata.name;
            if name.is_empty() {
                return Err("nodes: a Node has no metadata.name".into());
            }
            if !names.insert(name) {
                return Err(format!("nodes: two Nodes are named {name}"));
            }
            let range = &node.spec.pod_cidr;
            if !range.is_empty() && range.parse::<Cidr>().is_err() {
                return Err(format!("nodes: {name}: spec.podCIDR: not an address range: {range}"));
            }
        }
        Ok(count)
    }

    fn check_pool(&self) -> Result<(Ipv4Addr, Ipv4Addr), String> {
        let pool = &self.load_balancer.pool;
        let (first, last) = pool.split_once('-').unwrap_or((pool, pool));
        match (first.trim().parse::<Ipv4Addr>(), last.trim().parse::<Ipv4Addr>()) {
            (Ok(first), Ok(last)) if first <= last => Ok((first, last)),
            _ => Err(format!("loadBalancer.pool: not a range of addresses: {pool}")),
        }
    }

    /// The Pods' range; the default one where the text is unreadable (admission has said so).
    pub fn pod_range(&self) -> Cidr {
        self.pod_cidr.parse().unwrap_or(Cidr { base: Ipv4Addr::new(10, 244, 0, 0), bits: 16 })
    }

    /// The ClusterIPs' range; the default one where the text is unreadable.
    pub fn service_range(&self) -> Cidr {
        self.service_cidr.parse().unwrap_or(Cidr { base: Ipv4Addr::new(10, 96, 0, 0), bits: 16 })
    }
}

/// Whether two ranges have an address in common: then one begins within the other.
fn overlap(one: Cidr, other: Cidr) -> bool {
    one.contains(other.base) || other.contains(one.base)
}

/// Address of the client outside the cluster.
pub const CLIENT_OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 50);

/// Address of the control plane, which is not a node.
pub const API_SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 10);

/// Name of kubehop's own IngressClass.
pub const INGRESS_CLASS: &str = "kubehop";

/// `spec.controller` of the IngressClasses that kubehop's controller serves.
pub const INGRESS_CONTROLLER: &str = "kubehop.dev/ingress";

/// Namespace of kubehop's Ingress controller.
pub const INGRESS_NAMESPACE: &str = "ingress-system";

/// Settings as one string of JSON, for messages whose form does not describe itself (`app::wire`): nodes are a number or a list.
pub mod text {
    use super::Settings;
    use serde::{Deserialize, Deserializer, Serializer, de, ser};

    #[allow(missing_docs)]
    pub fn serialize<S: Serializer>(settings: &Settings, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&serde_json::to_string(settings).map_err(ser::Error::custom)?)
    }

    #[allow(missing_docs)]
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<Settings>, D::Error> {
        let value: serde_json::Value = serde_json::from_str(&String::deserialize(deserializer)?).map_err(de::Error::custom)?;
        serde_json::from_value(value).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_no_cluster_can_have_are_named() {
        assert_eq!(Settings::default().check(), Ok(()));
        let wrong = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            settings.check().unwrap_err()
        };
        assert_eq!(wrong(|s| s.nodes = Nodes::Count(51)), "nodes: 51 are too many, at most 50");
        assert_eq!(wrong(|s| s.pod_cidr = "10.244".into()), "podCIDR: not an address range: 10.244");
        assert!(wrong(|s| s.pod_cidr = "10.244.0.0/23".into()).starts_with("podCIDR: 10.244.0.0/23 is too small"));
        assert!(wrong(|s| s.load_balancer.pool = "198.51.100.99-198.51.100.10".into()).starts_with("loadBalancer.pool"));
        let overlapping = wrong(|s| s.service_cidr = "10.244.128.0/17".into());
        assert_eq!(overlapping, "serviceCIDR: 10.244.128.0/17 overlaps podCIDR 10.244.0.0/16");
        assert!(wrong(|s| s.pod_cidr = "10.0.0.0/12".into()).starts_with("podCIDR: 10.0.0.0/12 holds the API server's address"));
        assert!(wrong(|s| s.load_balancer.pool = "10.95.0.1-10.97.0.1".into()).ends_with("overlaps serviceCIDR 10.96.0.0/16"));
        assert_eq!(wrong(|s| s.nodes = Nodes::List(vec![Node::default()])), "nodes: a Node has no metadata.name");
    }

    #[test]
    fn nodes_that_are_no_number_are_refused_in_plain_words() {
        let why = |text: &str| serde_json::from_str::<Settings>(text).unwrap_err().to_string();
        let expected = "expected as nodes a number from 0 to 50, or a list of Nodes";
        assert!(why(r#"{"nodes": -1}"#).starts_with(&format!("invalid value: integer `-1`, {expected}")));
        assert!(why(r#"{"nodes": [1]}"#).starts_with("nodes: not a Node: 1"));
        assert!(why(r#"{"nodes": "three"}"#).starts_with(&format!("invalid type: string \"three\", {expected}")));
    }
}
