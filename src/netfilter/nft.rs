//! An nftables table as data: chains, sets, verdict maps and their elements, as kube-proxy's nftables mode writes them.
//!
//! Only the expressions that kube-proxy writes exist here. [`print`](NftTable::print) gives `add` lines, sorted by name, that
//! `nft -f -` takes; [`walk`] lets packets meet them.

pub mod walk;

use super::{Cidr, Origin};
use crate::packet::{Protocol, Socket};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The table `ip kube-proxy`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NftTable {
    /// By number; printed by name.
    pub chains: Vec<NftChain>,
    /// By number; each chain lists its own in order.
    pub rules: Vec<NftRule>,
    /// Sets and maps by name.
    pub containers: BTreeMap<String, Container>,
    /// By number; each container lists its own.
    pub elements: Vec<Element>,
}

/// A chain.
#[derive(Clone, Debug, PartialEq)]
pub struct NftChain {
    /// `service-ULMVA6XW-ns/name/tcp/http`
    pub name: String,
    /// For base chains: `type filter hook input priority 0`.
    pub base: Option<&'static str>,
    /// A note.
    pub comment: Option<&'static str>,
    /// Numbers of its rules, in order.
    pub rules: Vec<u32>,
}

/// A set or map.
#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    /// `set` or `map`.
    pub kind: &'static str,
    /// What stands between the braces, without the comment: `type ipv4_addr`.
    pub definition: String,
    /// A note.
    pub comment: Option<&'static str>,
    /// Numbers of its elements, by key.
    pub elements: BTreeMap<Key, u32>,
}

/// A rule: conditions, then what is done.
#[derive(Clone, Debug, PartialEq)]
pub struct NftRule {
    /// Number of its chain.
    pub chain: u32,
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// What then happens.
    pub statement: Statement,
    /// A note.
    pub comment: Option<&'static str>,
    /// Why it stands there.
    pub origin: Arc<Origin>,
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// `ct state new`
    StateNew,
    /// `ct status dnat`
    StatusDnat,
    /// `ip daddr @cluster-ips`
    DestinationIn(&'static str),
    /// `ip daddr { 10.96.0.0/16 }`
    DestinationRange(Cidr),
    /// `ip saddr 10.244.0.0/16`
    Source(Cidr),
    /// `ip saddr != 10.244.0.0/16`
    SourceNot(Cidr),
    /// `ip saddr != { 192.0.2.0/24 , 198.51.100.10 }`: ranges, then single addresses.
    SourceNotIn(Vec<Cidr>, Vec<Ipv4Addr>),
    /// `fib saddr type local`
    SourceIsLocal,
    /// `ip saddr @affinity-…`: name of the set, and for how many seconds it keeps a client.
    SourceRemembered(String, u32),
    /// `meta l4proto tcp`
    Protocol(Protocol),
    /// `mark and 0x00004000 != 0`
    Marked(u32),
    /// `ip saddr . ip daddr . meta l4proto . th dport @hairpin-connections`
    ConnectionIn(&'static str),
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `jump CHAIN`
    Jump(u32),
    /// `goto CHAIN`
    Goto(u32),
    /// `drop`
    Drop,
    /// `reject`
    Reject,
    /// `mark set mark or 0x00004000`
    MarkOr(u32),
    /// `mark set mark xor 0x00004000 masquerade fully-random`
    UnmarkAndMasquerade(u32),
    /// `masquerade fully-random`
    Masquerade,
    /// `ip daddr . meta l4proto . th dport vmap @service-ips`
    LookUpService(&'static str),
    /// `meta l4proto . th dport vmap @service-nodeports`
    LookUpPort(&'static str),
    /// `dnat ip addr . port to numgen random mod N map { 0 : 10.244.1.4 . 80 , … }`
    DnatToOneOf(Vec<Socket>),
    /// `numgen random mod N vmap { 0 : goto CHAIN , … }`, with the endpoint behind each chain.
    GotoOneOf(Vec<(u32, Socket)>),
    /// `update @affinity-… { ip saddr }`
    Remember(String),
    /// `dnat to 10.244.1.4:80`
    Dnat(Socket),
}

/// Key of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// `10.96.0.10`
    Address(Ipv4Addr),
    /// `10.96.0.10 . tcp . 80`
    Service(Ipv4Addr, Protocol, u16),
    /// `tcp . 30080`
    Port(Protocol, u16),
    /// `10.244.1.4 . 10.244.1.4 . tcp . 80`
    Connection(Ipv4Addr, Ipv4Addr, Protocol, u16),
}

/// An element of a set or map.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// Name of its set or map.
    pub container: &'static str,
    /// Its key.
    pub key: Key,
    /// In a map: what happens to a packet with this key.
    pub verdict: Option<ElementVerdict>,
    /// A note.
    pub comment: Option<String>,
    /// Why it is there.
    pub origin: Arc<Origin>,
}

/// What happens to a packet whose key is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementVerdict {
    /// `goto CHAIN`
    Goto(u32),
    /// `drop`
    Drop,
}

const TABLE: &str = "ip kube-proxy";

impl NftTable {
    /// The chain of this name; declared now, if it was not yet.
    pub fn chain(&mut self, name: &str, known: &mut BTreeMap<String, u32>) -> u32 {
        if let Some(chain) = known.get(name) {
            return *chain;
        }
        let number = self.chains.len() as u32;
        self.chains.push(NftChain { name: name.to_string(), base: None, comment: None, rules: Vec::new() });
        known.insert(name.to_string(), number);
        number
    }

    /// Appends a rule to its chain.
    pub fn rule(&mut self, rule: NftRule) {
        let number = self.rules.len() as u32;
        if let Some(chain) = self.chains.get_mut(rule.chain as usize) {
            chain.rules.push(number);
        }
        self.rules.push(rule);
    }

    /// Adds an element; one with the same key is replaced.
    pub fn element(&mut self, element: Element) {
        let Some(container) = self.containers.get_mut(element.container) else { return };
        match container.elements.get(&element.key).and_then(|number| self.elements.get_mut(*number as usize)) {
            Some(old) => *old = element,
            None => {
                container.elements.insert(element.key, self.elements.len() as u32);
                self.elements.push(element);
            }
        }
    }

    fn chain_name(&self, chain: u32) -> &str {
        self.chains.get(chain as usize).map_or("", |chain| chain.name.as_str())
    }

    /// The whole table as `add` lines: table, chains, sets and maps, rules, elements, each sorted by name.
    pub fn print(&self) -> String {
        let mut out = format!("add table {TABLE} {{ comment \"rules for kube-proxy\" ; }}\n");
        let mut chains: Vec<&NftChain> = self.chains.iter().collect();
        chains.sort_by(|a, b| a.name.cmp(&b.name));
        for chain in &chains {
            let _ = write!(out, "add chain {TABLE} {}", chain.name);
            match (chain.base, chain.comment) {
                (Some(base), _) => out.push_str(&format!(" {{ {base} ; }}")),
                (None, Some(comment)) => out.push_str(&format!(" {{ comment \"{comment}\" ; }}")),
                (None, None) => {}
            }
            out.push('\n');
        }
        for kind in ["set", "map"] {
            for (name, container) in self.containers.iter().filter(|(_, container)| container.kind == kind) {
                let _ = write!(out, "add {kind} {TABLE} {name} {{ {} ;", container.definition);
                if let Some(comment) = container.comment {
                    let _ = write!(out, " comment \"{comment}\" ;");
                }
                out.push_str(" }\n");
            }
        }
        for rule in chains.iter().flat_map(|chain| &chain.rules) {
            if let Some(rule) = self.rules.get(*rule as usize) {
                out.push_str(&self.print_rule(rule));
                out.push('\n');
            }
        }
        for container in self.containers.values() {
            let elements = container.elements.values().filter_map(|number| self.elements.get(*number as usize));
            let mut lines: Vec<String> = elements.map(|element| self.print_element(element)).collect();
            lines.sort();
            out.extend(lines);
        }
        out
    }

    /// One element: `add element ip kube-proxy service-ips { … }`, with the end of the line.
    pub fn print_element(&self, element: &Element) -> String {
        let key = match element.key {
            Key::Address(ip) => ip.to_string(),
            Key::Service(ip, protocol, port) => format!("{ip} . {} . {port}", protocol.rule_name()),
            Key::Port(protocol, port) => format!("{} . {port}", protocol.rule_name()),
            Key::Connection(from, to, protocol, port) => format!("{from} . {to} . {} . {port}", protocol.rule_name()),
        };
        let comment = element.comment.as_ref().map(|text| format!(" comment \"{text}\"")).unwrap_or_default();
        let verdict = match element.verdict {
            Some(ElementVerdict::Goto(chain)) => format!(" : goto {}", self.chain_name(chain)),
            Some(ElementVerdict::Drop) => " : drop".to_string(),
            None => String::new(),
        };
        format!("add element {TABLE} {} {{ {key}{comment}{verdict} }}\n", element.container)
    }

    /// One rule: `add rule ip kube-proxy services …`.
    pub fn print_rule(&self, rule: &NftRule) -> String {
        let mut out = format!("add rule {TABLE} {}", self.chain_name(rule.chain));
        for condition in &rule.conditions {
            out.push(' ');
            out.push_str(&print_condition(condition));
        }
        out.push(' ');
        out.push_str(&self.print_statement(&rule.statement));
        if let Some(comment) = rule.comment {
            let _ = write!(out, " comment \"{comment}\"");
        }
        out
    }

    fn print_statement(&self, statement: &Statement) -> String {
        match statement {
            Statement::Jump(chain) => format!("jump {}", self.chain_name(*chain)),
            Statement::Goto(chain) => format!("goto {}", self.chain_name(*chain)),
            Statement::Drop => "drop".into(),
            Statement::Reject => "reject".into(),
            Statement::MarkOr(bits) => format!("mark set mark or {bits:#010x}"),
            Statement::UnmarkAndMasquerade(bits) => format!("mark set mark xor {bits:#010x} masquerade fully-random"),
            Statement::Masquerade => "masquerade fully-random".into(),
            Statement::LookUpService(map) => format!("ip daddr . meta l4proto . th dport vmap @{map}"),
            Statement::LookUpPort(map) => format!("meta l4proto . th dport vmap @{map}"),
            Statement::DnatToOneOf(endpoints) => {
                let items = (0..).zip(endpoints).map(|(at, to): (u32, _)| format!("{at} : {} . {}", to.ip, to.port));
                let items: Vec<String> = items.collect();
                format!("dnat ip addr . port to numgen random mod {} map {{ {} }}", items.len(), items.join(" , "))
            }
            Statement::GotoOneOf(chains) => {
                let items =
                    (0..).zip(chains).map(|(at, (chain, _)): (u32, _)| format!("{at} : goto {}", self.chain_name(*chain)));
                let items: Vec<String> = items.collect();
                format!("numgen random mod {} vmap {{ {} }}", items.len(), items.join(" , "))
            }
            Statement::Remember(set) => format!("update @{set} {{ ip saddr }}"),
            Statement::Dnat(to) => format!("dnat to {}:{}", to.ip, to.port),
        }
    }
}

fn print_condition(condition: &Condition) -> String {
    match condition {
        Condition::StateNew => "ct state new".into(),
        Condition::StatusDnat => "ct status dnat".into(),
        Condition::DestinationIn(set) => format!("ip daddr @{set}"),
        Condition::DestinationRange(range) => format!("ip daddr {{ {range} }}"),
        Condition::Source(range) => format!("ip saddr {range}"),
        Condition::SourceNot(range) => format!("ip saddr != {range}"),
        Condition::SourceNotIn(ranges, addresses) => {
            let ranges = ranges.iter().map(Cidr::to_string);
            let all: Vec<String> = ranges.chain(addresses.iter().map(Ipv4Addr::to_string)).collect();
            format!("ip saddr != {{ {} }}", all.join(" , "))
        }
        Condition::SourceIsLocal => "fib saddr type local".into(),
        Condition::SourceRemembered(set, _) => format!("ip saddr @{set}"),
        Condition::Protocol(protocol) => format!("meta l4proto {}", protocol.rule_name()),
        Condition::Marked(bits) => format!("mark and {bits:#010x} != 0"),
        Condition::ConnectionIn(set) => format!("ip saddr . ip daddr . meta l4proto . th dport @{set}"),
    }
}
