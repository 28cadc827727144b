//! kube-proxy's iptables mode: one node's whole rule set.
//!
//! Follows `syncProxyRules` of `pkg/proxy/iptables/proxier.go`: same chains, same rules, same order, Services sorted by
//! `namespace/name:port` where upstream walks a Go map. The jumps from the built-in chains stand last in each table.

mod capture;
mod chains;

use super::{EndpointInfo, Endpoints, ProxyConfig, ServicePortInfo, ServicePorts, categorize_endpoints};
use crate::netfilter::{Cidr, ConntrackState, Match, Meaning, Origin, Part, RuleSet, Sense, Table, Target};
use crate::packet::Protocol;
use sha2::{Digest, Sha256};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The mark that means "masquerade on the way out".
pub const MASQUERADE_MARK: u32 = 0x4000;

/// Above so many endpoints kube-proxy leaves out comments to save the kernel memory.
const LARGE_CLUSTER_ENDPOINTS: usize = 1000;

/// The rules that a node's kube-proxy writes.
pub fn rules(ports: &ServicePorts, config: &ProxyConfig) -> RuleSet {
    Written::default().update(ports, config).1
}

/// The rules of each Service port as a kube-proxy wrote them last, so that it makes only those anew whose port changed.
#[derive(Clone, Debug, Default)]
pub struct Written {
    large: bool,
    /// By the order of ports; filter and nat.
    pieces: Vec<(Arc<ServicePortInfo>, [Arc<Part>; 2])>,
}

impl Written {
    /// Writes the rules for these ports. The configuration must be that of the last time.
    pub fn update(&self, ports: &ServicePorts, config: &ProxyConfig) -> (Written, RuleSet) {
        let endpoints: usize = ports.iter().map(|port| port.endpoints.len()).sum();
        let large = endpoints > LARGE_CLUSTER_ENDPOINTS;
        let known = if large == self.large { self.pieces.as_slice() } else { &[] };
        let part = |write: &dyn Fn(&mut Writer<'_>)| {
            let mut writer = Writer { config, large, filter: Part::new(FILTER.len()), nat: Part::new(NAT.len()) };
            write(&mut writer);
            [Arc::new(writer.filter), Arc::new(writer.nat)]
        };
        let mut tables = [("filter", FILTER), ("nat", NAT)].map(|(name, common)| Table {
            name,
            common,
            parts: Vec::with_capacity(ports.len() + 2),
        });
        let add = |tables: &mut [Table; 2], parts: &[Arc<Part>; 2]| {
            let written = tables.iter_mut().zip(parts).filter(|(_, part)| !part.rules.is_empty());
            written.for_each(|(table, part)| table.parts.push(Arc::clone(part)));
        };
        add(&mut tables, &part(&|writer| writer.begin()));
        let mut pieces = Vec::with_capacity(ports.len());
        let mut at = 0;
        for port in ports {
            // What stays stands in the same order.
            let mut same = known.get(at).filter(|(known, _)| Arc::ptr_eq(known, port));
            if same.is_none() {
                at = known.partition_point(|(known, _)| known.key() < port.key());
                same = known.get(at).filter(|(known, _)| known == port);
            }
            at += usize::from(same.is_some());
            let piece = same.map_or_else(|| part(&|writer| writer.service_port(port)), |(_, piece)| piece.clone());
            add(&mut tables, &piece);
            pieces.push((Arc::clone(port), piece));
        }
        add(&mut tables, &part(&|writer| writer.end()));
        (Written { large, pieces }, RuleSet { tables: tables.into() })
    }
}

/// The 16 characters that stand for a Service port in chain names.
fn hash16(parts: &[&str]) -> String {
    base32_hash(parts, 16)
}

/// Base32 of SHA-256, cut after so many characters, at most 16.
pub(super) fn base32_hash(parts: &[&str], length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
    }
    let bits = hasher.finalize().iter().take(10).fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
    (0..16).rev().take(length).map(|at| char::from(ALPHABET[(bits >> (5 * at)) as usize & 31])).collect()
}

/// The chains of `filter` that all Services share.
const FILTER: &[&str] =
    &["KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-FORWARD", "KUBE-NODEPORTS", "KUBE-PROXY-FIREWALL", "KUBE-FIREWALL"];
const FILTER_SERVICES: u32 = 0;
const FILTER_EXTERNAL: u32 = 1;
const FILTER_FORWARD: u32 = 2;
const FILTER_NODE_PORTS: u32 = 3;
const FILTER_FIREWALL: u32 = 4;
const FILTER_LOCALNET: u32 = 5;
/// Those of `nat`.
const NAT: &[&str] = &["KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-MARK-MASQ"];
const NAT_SERVICES: u32 = 0;
const NAT_NODE_PORTS: u32 = 1;
const NAT_POSTROUTING: u32 = 2;
const NAT_MARK: u32 = 3;

/// Writes one part of both tables.
struct Writer<'a> {
    config: &'a ProxyConfig,
    large: bool,
    filter: Part,
    nat: Part,
}

/// One Service port with what `syncProxyRules` derives from it.
struct Port<'a> {
    info: &'a ServicePortInfo,
    endpoints: Endpoints<'a>,
    has_internal: bool,
    has_external: bool,
    external: u32,
    firewall: u32,
    cluster: u32,
    local: u32,
    /// Chain of each reachable endpoint, with its name.
    separate: Vec<(u32, String)>,
    uses_firewall: bool,
}

fn comment(text: String) -> Match {
    Match::Comment(text)
}

/// `-m tcp -p tcp -d IP --dport PORT`
fn destination(protocol: Protocol, ip: Ipv4Addr, port: u16) -> [Match; 4] {
    [Match::Module(protocol), Match::Protocol(protocol), Match::DestinationAddress(ip), Match::DestinationPort(port)]
}

impl Port<'_> {
    fn chain_of(&self, endpoint: &EndpointInfo) -> Option<&(u32, String)> {
        let position = self.endpoints.reachable.iter().position(|other| other.ip == endpoint.ip && other.port == endpoint.port);
        self.separate.get(position?)
    }
}

fn plain(meaning: Meaning) -> Arc<Origin> {
    Arc::new(Origin { meaning, ..Origin::default() })
}

impl Writer<'_> {
    fn begin(&mut self) {
        use ConntrackState::{Dnat, Established, Related};
        let mark = Match::Mark(MASQUERADE_MARK, MASQUERADE_MARK, Sense::Not);
        let postrouting = NAT_POSTROUTING;
        self.nat.rule(postrouting, vec![mark], Some(Target::Return), &plain(Meaning::NotMarked));
        self.nat.rule(postrouting, vec![], Some(Target::MarkXor(MASQUERADE_MARK)), &plain(Meaning::Unmark));
        let why = comment("kubernetes service traffic requiring SNAT".into());
        self.nat.rule(postrouting, vec![why], Some(Target::Masquerade), &plain(Meaning::Masquerade));
        self.nat.rule(NAT_MARK, vec![], Some(Target::MarkOr(MASQUERADE_MARK)), &plain(Meaning::Mark));
        let localhost = Cidr { base: Ipv4Addr::new(127, 0, 0, 0), bits: 8 };
        let guard = vec![
            comment("block incoming localnet connections".into()),
            Match::Destination(localhost, Sense::Is),
            Match::Source(localhost, Sense::Not),
            Match::NotConntrackState(vec![Related, Established, Dnat]),
        ];
        self.filter.rule(FILTER_LOCALNET, guard, Some(Target::Drop), &plain(Meaning::LocalnetGuard));
    }

    fn service_port(&mut self, info: &ServicePortInfo) {
        let endpoints = categorize_endpoints(info, self.config);
        let has_local = !endpoints.local.is_empty();
        let port = self.declare(Port {
            info,
            has_internal: endpoints.any && (!info.internal_policy_local || has_local),
            has_external: endpoints.any && (!info.external_policy_local || has_local),
            uses_firewall: endpoints.any && !info.load_balancer_vips.is_empty() && !info.source_ranges.is_empty(),
            endpoints,
            external: 0,
            firewall: 0,
            cluster: 0,
            local: 0,
            separate: Vec::new(),
        });
        self.capture_cluster_ip(&port);
        self.capture_external_ips(&port);
        self.capture_load_balancer(&port);
        self.capture_node_port(&port);
        self.health_check(&port);
        self.internal_traffic(&port);
        self.external_traffic(&port);
        self.firewall(&port);
        if !port.endpoints.cluster.is_empty() && info.uses_cluster_endpoints() {
            self.pick(&port, port.cluster, &port.endpoints.cluster);
        }
        if !port.endpoints.local.is_empty() && info.uses_local_endpoints() {
            self.pick(&port, port.local, &port.endpoints.local);
        }
        self.endpoint_chains(&port);
    }

    /// Declares the chains of a Service port, in the order of their `:CHAIN` lines.
    fn declare<'p>(&mut self, mut port: Port<'p>) -> Port<'p> {
        let (info, protocol) = (port.info, port.info.protocol.rule_name());
        let hash = hash16(&[&info.name, protocol]);
        if port.endpoints.any && info.externally_accessible() {
            port.external = self.nat.chain(format!("KUBE-EXT-{hash}"));
        }
        if port.uses_firewall {
            port.firewall = self.nat.chain(format!("KUBE-FW-{hash}"));
        }
        if !port.endpoints.cluster.is_empty() && info.uses_cluster_endpoints() {
            port.cluster = self.nat.chain(format!("KUBE-SVC-{hash}"));
        }
        if !port.endpoints.local.is_empty() && info.uses_local_endpoints() {
            port.local = self.nat.chain(format!("KUBE-SVL-{hash}"));
        }
        for endpoint in &port.endpoints.reachable {
            let name = format!("KUBE-SEP-{}", hash16(&[&info.name, protocol, &endpoint.text()]));
            port.separate.push((self.nat.chain(name.clone()), name));
        }
        port
    }

    fn end(&mut self) {
        use ConntrackState::{Established, Invalid, Related};
        let why = comment("kubernetes service nodeports; NOTE: this must be the last rule in this chain".into());
        let target = Some(Target::Jump(NAT_NODE_PORTS));
        let matches = vec![why, Match::DestinationIsLocal(Sense::Is)];
        self.nat.rule(NAT_SERVICES, matches, target, &plain(Meaning::NodePorts));

        let forward = FILTER_FORWARD;
        let matches = vec![Match::ConntrackState(vec![Invalid])];
        self.filter.rule(forward, matches, Some(Target::Drop), &plain(Meaning::Invalid));
        let matches =
            vec![comment("kubernetes forwarding rules".into()), Match::Mark(MASQUERADE_MARK, MASQUERADE_MARK, Sense::Is)];
        self.filter.rule(forward, matches, Some(Target::Accept), &plain(Meaning::ForwardMarked));
        let matches =
            vec![comment("kubernetes forwarding conntrack rule".into()), Match::ConntrackState(vec![Related, Established])];
        self.filter.rule(forward, matches, Some(Target::Accept), &plain(Meaning::ForwardEstablished));
        self.jumps();
    }

    /// The jumps that kube-proxy prepends to the built-in chains one by one, so the last of its list comes first.
    fn jumps(&mut self) {
        let new = || vec![Match::ConntrackState(vec![ConntrackState::New])];
        let firewall = || (new(), "kubernetes load balancer firewall", FILTER_FIREWALL);
        let external = || (new(), "kubernetes externally-visible service portals", FILTER_EXTERNAL);
        let services = || (new(), "kubernetes service portals", FILTER_SERVICES);
        let localnet = || (vec![], "", FILTER_LOCALNET);
        let health = (vec![], "kubernetes health check service ports", FILTER_NODE_PORTS);
        let forward = (vec![], "kubernetes forwarding rules", FILTER_FORWARD);
        let portals = || (vec![], "kubernetes service portals", NAT_SERVICES);
        let postrouting = (vec![], "kubernetes postrouting rules", NAT_POSTROUTING);
        let filter = [
            ("INPUT", vec![localnet(), firewall(), health, external()]),
            ("FORWARD", vec![firewall(), forward, services(), external()]),
            ("OUTPUT", vec![localnet(), firewall(), services()]),
        ];
        let nat = [("PREROUTING", vec![portals()]), ("OUTPUT", vec![portals()]), ("POSTROUTING", vec![postrouting])];
        let origin = plain(Meaning::Plumbing);
        for (table, chains) in [(&mut self.filter, filter), (&mut self.nat, nat)] {
            for (name, jumps) in chains {
                let chain = table.chain(name);
                for (mut matches, why, to) in jumps {
                    if !why.is_empty() {
                        matches.push(comment(why.into()));
                    }
                    table.rule(chain, matches, Some(Target::Jump(to)), &origin);
                }
            }
        }
    }
}
