//! kube-proxy's iptables mode: one node's whole rule set.
//!
//! Follows `syncProxyRules` of `pkg/proxy/iptables/proxier.go`: same chains, same rules, same order, Services sorted by
//! `namespace/name:port` where upstream walks a Go map. The jumps from the built-in chains stand last in each table.

mod capture;
mod chains;

use super::{EndpointInfo, Endpoints, ProxyConfig, ServicePortInfo, ServicePorts, categorize_endpoints};
use crate::netfilter::{Cidr, ConntrackState, Match, Meaning, Origin, RuleSet, Sense, Table, TableBuilder, Target};
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
    /// By the order of ports; filter and nat, each with the fixed chains and the port's own.
    pieces: Vec<(Arc<ServicePortInfo>, Arc<[Table; 2]>)>,
}

impl Written {
    /// Writes the rules for these ports. The configuration must be that of the last time.
    pub fn update(&self, ports: &ServicePorts, config: &ProxyConfig) -> (Written, RuleSet) {
        let endpoints: usize = ports.iter().map(|port| port.endpoints.len()).sum();
        let mut next = Written { large: endpoints > LARGE_CLUSTER_ENDPOINTS, pieces: Vec::with_capacity(ports.len()) };
        let known = if next.large == self.large { self.pieces.as_slice() } else { &[] };
        let mut writer = Writer::new(config, next.large);
        let shared = (writer.filter.chains(), writer.nat.chains());
        writer.begin();
        for port in ports {
            let place = known.binary_search_by(|(known, _)| known.key().cmp(&port.key())).ok();
            let same = place.and_then(|at| known.get(at)).filter(|(known, _)| Arc::ptr_eq(known, port) || known == port);
            let piece = same.map_or_else(|| piece(port, config, next.large), |(_, piece)| Arc::clone(piece));
            writer.filter.append(&piece[0], shared.0);
            writer.nat.append(&piece[1], shared.1);
            next.pieces.push((Arc::clone(port), piece));
        }
        writer.end();
        (next, RuleSet { tables: vec![writer.filter.finish(), writer.nat.finish()] })
    }
}

fn piece(port: &ServicePortInfo, config: &ProxyConfig, large: bool) -> Arc<[Table; 2]> {
    let mut writer = Writer::new(config, large);
    writer.service_port(port);
    Arc::new([writer.filter.finish(), writer.nat.finish()])
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

/// Chain numbers of the fixed chains.
struct Fixed {
    filter_services: u32,
    filter_external: u32,
    filter_forward: u32,
    filter_node_ports: u32,
    filter_firewall: u32,
    filter_localnet: u32,
    nat_services: u32,
    nat_node_ports: u32,
    nat_postrouting: u32,
    nat_mark: u32,
}

struct Writer<'a> {
    config: &'a ProxyConfig,
    large: bool,
    filter: TableBuilder,
    nat: TableBuilder,
    fixed: Fixed,
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

impl<'a> Writer<'a> {
    fn new(config: &'a ProxyConfig, large: bool) -> Writer<'a> {
        let (mut filter, mut nat) = (TableBuilder::new("filter"), TableBuilder::new("nat"));
        let fixed = Fixed {
            filter_services: filter.chain("KUBE-SERVICES"),
            filter_external: filter.chain("KUBE-EXTERNAL-SERVICES"),
            filter_forward: filter.chain("KUBE-FORWARD"),
            filter_node_ports: filter.chain("KUBE-NODEPORTS"),
            filter_firewall: filter.chain("KUBE-PROXY-FIREWALL"),
            filter_localnet: filter.chain("KUBE-FIREWALL"),
            nat_services: nat.chain("KUBE-SERVICES"),
            nat_node_ports: nat.chain("KUBE-NODEPORTS"),
            nat_postrouting: nat.chain("KUBE-POSTROUTING"),
            nat_mark: nat.chain("KUBE-MARK-MASQ"),
        };
        Writer { config, large, filter, nat, fixed }
    }

    fn begin(&mut self) {
        use ConntrackState::{Dnat, Established, Related};
        let mark = Match::Mark(MASQUERADE_MARK, MASQUERADE_MARK, Sense::Not);
        let postrouting = self.fixed.nat_postrouting;
        self.nat.rule(postrouting, vec![mark], Some(Target::Return), &plain(Meaning::NotMarked));
        self.nat.rule(postrouting, vec![], Some(Target::MarkXor(MASQUERADE_MARK)), &plain(Meaning::Unmark));
        let why = comment("kubernetes service traffic requiring SNAT".into());
        self.nat.rule(postrouting, vec![why], Some(Target::Masquerade), &plain(Meaning::Masquerade));
        self.nat.rule(self.fixed.nat_mark, vec![], Some(Target::MarkOr(MASQUERADE_MARK)), &plain(Meaning::Mark));
        let localhost = Cidr { base: Ipv4Addr::new(127, 0, 0, 0), bits: 8 };
        let guard = vec![
            comment("block incoming localnet connections".into()),
            Match::Destination(localhost, Sense::Is),
            Match::Source(localhost, Sense::Not),
            Match::NotConntrackState(vec![Related, Established, Dnat]),
        ];
        self.filter.rule(self.fixed.filter_localnet, guard, Some(Target::Drop), &plain(Meaning::LocalnetGuard));
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
            port.external = self.nat.chain(&format!("KUBE-EXT-{hash}"));
        }
        if port.uses_firewall {
            port.firewall = self.nat.chain(&format!("KUBE-FW-{hash}"));
        }
        if !port.endpoints.cluster.is_empty() && info.uses_cluster_endpoints() {
            port.cluster = self.nat.chain(&format!("KUBE-SVC-{hash}"));
        }
        if !port.endpoints.local.is_empty() && info.uses_local_endpoints() {
            port.local = self.nat.chain(&format!("KUBE-SVL-{hash}"));
        }
        for endpoint in &port.endpoints.reachable {
            let name = format!("KUBE-SEP-{}", hash16(&[&info.name, protocol, &endpoint.text()]));
            port.separate.push((self.nat.chain(&name), name));
        }
        port
    }

    fn end(&mut self) {
        use ConntrackState::{Established, Invalid, Related};
        let why = comment("kubernetes service nodeports; NOTE: this must be the last rule in this chain".into());
        let target = Some(Target::Jump(self.fixed.nat_node_ports));
        let matches = vec![why, Match::DestinationIsLocal(Sense::Is)];
        self.nat.rule(self.fixed.nat_services, matches, target, &plain(Meaning::NodePorts));

        let forward = self.fixed.filter_forward;
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
        let new = || Match::ConntrackState(vec![ConntrackState::New]);
        let fixed = &self.fixed;
        let firewall = |from| (from, Some(new()), "kubernetes load balancer firewall", fixed.filter_firewall);
        let external = |from| (from, Some(new()), "kubernetes externally-visible service portals", fixed.filter_external);
        let services = |from| (from, Some(new()), "kubernetes service portals", fixed.filter_services);
        let localnet = |from| (from, None, "", fixed.filter_localnet);
        let filter = [
            localnet("INPUT"),
            firewall("INPUT"),
            ("INPUT", None, "kubernetes health check service ports", fixed.filter_node_ports),
            external("INPUT"),
            firewall("FORWARD"),
            ("FORWARD", None, "kubernetes forwarding rules", fixed.filter_forward),
            services("FORWARD"),
            external("FORWARD"),
            localnet("OUTPUT"),
            firewall("OUTPUT"),
            services("OUTPUT"),
        ];
        let nat = [
            ("PREROUTING", None, "kubernetes service portals", fixed.nat_services),
            ("OUTPUT", None, "kubernetes service portals", fixed.nat_services),
            ("POSTROUTING", None, "kubernetes postrouting rules", fixed.nat_postrouting),
        ];
        let origin = plain(Meaning::Plumbing);
        for (table, jumps) in [(&mut self.filter, &filter[..]), (&mut self.nat, &nat[..])] {
            for (from, state, why, to) in jumps {
                let chain = table.chain(from);
                let why = Some(why).filter(|why| !why.is_empty()).map(|why| comment((*why).into()));
                table.rule(chain, state.clone().into_iter().chain(why).collect(), Some(Target::Jump(*to)), &origin);
            }
        }
    }
}
