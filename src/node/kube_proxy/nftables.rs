//! kube-proxy's nftables mode: one node's whole table.
//!
//! Follows `setupNFTables` and `syncProxyRules` of `pkg/proxy/nftables/proxier.go` with its default `nodePortAddresses: primary`:
//! node ports answer on the node's first address only.

use super::{
    EndpointInfo, Endpoints, ProxyConfig, ServicePortInfo, ServicePorts, categorize_endpoints, iptables::MASQUERADE_MARK,
};
use crate::netfilter::nft::{Condition, Container, Element, ElementVerdict, Key, NftRule, NftTable, Statement};
use crate::netfilter::{Meaning, Origin};
use crate::packet::Socket;
use std::collections::BTreeMap;
use std::sync::Arc;

const SERVICE_IPS: &str = "service-ips";
const SERVICE_NODE_PORTS: &str = "service-nodeports";
const NODE_PORT_IPS: &str = "nodeport-ips";
const CLUSTER_IPS: &str = "cluster-ips";
const NO_ENDPOINT_SERVICES: &str = "no-endpoint-services";
const NO_ENDPOINT_NODE_PORTS: &str = "no-endpoint-nodeports";
const FIREWALL_IPS: &str = "firewall-ips";
const HAIRPIN: &str = "hairpin-connections";

/// The table that a node's kube-proxy writes.
pub fn table(ports: &ServicePorts, config: &ProxyConfig) -> NftTable {
    let mut writer = Writer { config, table: NftTable::default(), known: BTreeMap::new() };
    writer.declare();
    writer.jumps();
    writer.fixed_rules();
    for port in ports {
        writer.service_port(port);
    }
    writer.table
}

/// Eight characters of base32 of SHA-256, and the name itself, cut where it would be too long for a chain.
fn hash_and_truncate(name: &str) -> String {
    const LONGEST: usize = 240;
    let mut name = format!("{}-{name}", super::iptables::base32_hash(&[name], 8));
    if name.len() > LONGEST {
        name.truncate(LONGEST - 3);
        name.push_str("...");
    }
    name
}

struct Writer<'a> {
    config: &'a ProxyConfig,
    table: NftTable,
    known: BTreeMap<String, u32>,
}

/// One Service port with what `syncProxyRules` derives from it.
struct Port<'a> {
    info: &'a ServicePortInfo,
    endpoints: Endpoints<'a>,
    has_internal: bool,
    has_external: bool,
    base: String,
    external: u32,
    cluster: u32,
    local: u32,
}

impl Port<'_> {
    fn endpoint_base(&self, endpoint: &EndpointInfo) -> String {
        hash_and_truncate(&format!("{}__{}/{}", self.base, endpoint.ip, endpoint.port))
    }

    /// Where the nobody-answers verdict comes from, and which policy is to blame.
    fn missing(&self, policy: &str) -> Arc<Origin> {
        let info = self.info;
        if self.endpoints.any {
            info.origin(Meaning::NoLocalEndpoints, vec![info.field(format!("spec.{policy}"))])
        } else {
            info.origin(Meaning::NoEndpoints, info.no_endpoints())
        }
    }
}

fn plain(meaning: Meaning) -> Arc<Origin> {
    Arc::new(Origin { meaning, ..Origin::default() })
}

impl Writer<'_> {
    fn chain(&mut self, name: &str) -> u32 {
        self.table.chain(name, &mut self.known)
    }

    fn add(
        &mut self,
        chain: u32,
        conditions: Vec<Condition>,
        statement: Statement,
        comment: Option<&'static str>,
        origin: &Arc<Origin>,
    ) {
        self.table.rule(NftRule { chain, conditions, statement, comment, origin: Arc::clone(origin) });
    }

    fn declare(&mut self) {
        let bases = [
            ("filter-prerouting-pre-dnat", "type filter hook prerouting priority -110"),
            ("filter-output-pre-dnat", "type filter hook output priority -110"),
            ("filter-input", "type filter hook input priority 0"),
            ("filter-forward", "type filter hook forward priority 0"),
            ("filter-output", "type filter hook output priority 0"),
            ("nat-prerouting", "type nat hook prerouting priority -100"),
            ("nat-output", "type nat hook output priority -100"),
            ("nat-postrouting", "type nat hook postrouting priority 100"),
        ];
        for (name, base) in bases {
            let number = self.chain(name) as usize;
            if let Some(chain) = self.table.chains.get_mut(number) {
                chain.base = Some(base);
            }
        }
        let reject = self.chain("reject-chain") as usize;
        if let Some(chain) = self.table.chains.get_mut(reject) {
            chain.comment = Some("helper for @no-endpoint-services / @no-endpoint-nodeports");
        }
        const SERVICE: &str = "type ipv4_addr . inet_proto . inet_service : verdict";
        const PORT: &str = "type inet_proto . inet_service : verdict";
        const CONNECTION: &str = "type ipv4_addr . ipv4_addr . inet_proto . inet_service";
        let containers = [
            (CLUSTER_IPS, "set", "type ipv4_addr", "Active ClusterIPs"),
            (HAIRPIN, "set", CONNECTION, "service hairpin connections"),
            (NODE_PORT_IPS, "set", "type ipv4_addr", "IPs that accept NodePort traffic"),
            (FIREWALL_IPS, "map", SERVICE, "destinations that are subject to LoadBalancerSourceRanges"),
            (NO_ENDPOINT_NODE_PORTS, "map", PORT, "vmap to drop or reject packets to service nodeports with no endpoints"),
            (NO_ENDPOINT_SERVICES, "map", SERVICE, "vmap to drop or reject packets to services with no endpoints"),
            (SERVICE_IPS, "map", SERVICE, "ClusterIP, ExternalIP and LoadBalancer IP traffic"),
            (SERVICE_NODE_PORTS, "map", PORT, "NodePort traffic"),
        ];
        for (name, kind, definition, comment) in containers {
            let container = Container { kind, definition: definition.into(), comment: Some(comment), elements: BTreeMap::new() };
            self.table.containers.insert(name.into(), container);
        }
        self.element(NODE_PORT_IPS, Key::Address(self.config.node_ip), None, &plain(Meaning::NodePorts));
    }

    fn element(&mut self, container: &'static str, key: Key, verdict: Option<ElementVerdict>, origin: &Arc<Origin>) {
        self.table.element(Element { container, key, verdict, comment: None, origin: Arc::clone(origin) });
    }

    fn jumps(&mut self) {
        let jumps = [
            ("nodeport-endpoints-check", "filter-input", true),
            ("service-endpoints-check", "filter-input", true),
            ("service-endpoints-check", "filter-forward", true),
            ("service-endpoints-check", "filter-output", true),
            ("firewall-check", "filter-prerouting-pre-dnat", true),
            ("firewall-check", "filter-output-pre-dnat", true),
            ("services", "nat-output", false),
            ("services", "nat-prerouting", false),
            ("masquerading", "nat-postrouting", false),
            ("cluster-ips-check", "filter-forward", true),
            ("cluster-ips-check", "filter-output", true),
        ];
        let origin = plain(Meaning::Plumbing);
        for (to, from, only_new) in jumps {
            let (to, from) = (self.chain(to), self.chain(from));
            let conditions = if only_new { vec![Condition::StateNew] } else { vec![] };
            self.add(from, conditions, Statement::Jump(to), None, &origin);
        }
    }

    fn fixed_rules(&mut self) {
        let mark = MASQUERADE_MARK;
        let (masquerade, plumbing) = (plain(Meaning::Masquerade), plain(Meaning::Plumbing));
        let masquerading = self.chain("masquerading");
        self.add(masquerading, vec![Condition::Marked(mark)], Statement::UnmarkAndMasquerade(mark), None, &masquerade);
        let hairpin = vec![Condition::StatusDnat, Condition::ConnectionIn(HAIRPIN)];
        self.add(masquerading, hairpin, Statement::Masquerade, None, &masquerade);

        let check = self.chain("cluster-ips-check");
        let comment = Some("Reject traffic to invalid ports of ClusterIPs");
        let known = vec![Condition::DestinationIn(CLUSTER_IPS)];
        self.add(check, known.clone(), Statement::Reject, comment, &plain(Meaning::NoSuchPort));
        let comment = Some("Drop traffic to unallocated ClusterIPs");
        let range = vec![Condition::DestinationRange(self.config.service_range)];
        self.add(check, range, Statement::Drop, comment, &plain(Meaning::NoSuchClusterIp));

        let reject = self.chain("reject-chain");
        self.add(reject, vec![], Statement::Reject, None, &plumbing);
        let check = self.chain("service-endpoints-check");
        self.add(check, vec![], Statement::LookUpService(NO_ENDPOINT_SERVICES), None, &plumbing);
        let check = self.chain("nodeport-endpoints-check");
        let on_node = vec![Condition::DestinationIn(NODE_PORT_IPS)];
        self.add(check, on_node.clone(), Statement::LookUpPort(NO_ENDPOINT_NODE_PORTS), None, &plumbing);
        let check = self.chain("firewall-check");
        self.add(check, vec![], Statement::LookUpService(FIREWALL_IPS), None, &plumbing);

        let services = self.chain("services");
        let comment = Some("masquerade clusterIP traffic from outside cluster");
        let outside: Vec<_> = known.into_iter().chain([Condition::SourceNot(self.config.pod_range)]).collect();
        self.add(services, outside, Statement::MarkOr(mark), comment, &plain(Meaning::MarkOffCluster));
        self.add(services, vec![], Statement::LookUpService(SERVICE_IPS), None, &plumbing);
        self.add(services, on_node, Statement::LookUpPort(SERVICE_NODE_PORTS), None, &plumbing);
    }

    fn service_port(&mut self, info: &ServicePortInfo) {
        let endpoints = categorize_endpoints(info, self.config);
        let has_local = !endpoints.local.is_empty();
        let port_name = info.name.split_once(':').map_or("", |(_, port)| port);
        let service = &info.service;
        let mut port = Port {
            info,
            has_internal: endpoints.any && (!info.internal_policy_local || has_local),
            has_external: endpoints.any && (!info.external_policy_local || has_local),
            base: format!("{}/{}/{}/{port_name}", service.namespace, service.name, info.protocol.rule_name()),
            endpoints,
            external: 0,
            cluster: 0,
            local: 0,
        };
        let name = hash_and_truncate(&port.base);
        if !port.endpoints.cluster.is_empty() && info.uses_cluster_endpoints() {
            port.cluster = self.chain(&format!("service-{name}"));
        }
        if !port.endpoints.local.is_empty() && info.uses_local_endpoints() {
            port.local = self.chain(&format!("local-{name}"));
        }
        if port.endpoints.any && info.externally_accessible() {
            port.external = self.chain(&format!("external-{name}"));
        }
        self.hairpins(&port);
        self.capture(&port);
        self.external_traffic(&port);
        self.firewall(&port, &name);
        if !port.endpoints.cluster.is_empty() && info.uses_cluster_endpoints() {
            self.pick(&port, port.cluster, &port.endpoints.cluster);
        }
        if !port.endpoints.local.is_empty() && info.uses_local_endpoints() {
            self.pick(&port, port.local, &port.endpoints.local);
        }
        self.endpoint_chains(&port);
    }

    fn hairpins(&mut self, port: &Port<'_>) {
        let origin = port.info.origin(Meaning::MarkHairpin, vec![]);
        for endpoint in port.endpoints.reachable.iter().filter(|endpoint| endpoint.is_local) {
            let key = Key::Connection(endpoint.ip, endpoint.ip, port.info.protocol, endpoint.port);
            self.element(HAIRPIN, key, None, &origin);
        }
    }

    fn capture(&mut self, port: &Port<'_>) {
        let info = port.info;
        let key = |ip| Key::Service(ip, info.protocol, info.port);
        let origin = info.origin(Meaning::ClusterIp, vec![info.port_field("port")]);
        self.element(CLUSTER_IPS, Key::Address(info.cluster_ip), None, &origin);
        let internal = if info.internal_policy_local { port.local } else { port.cluster };
        if port.has_internal {
            self.element(SERVICE_IPS, key(info.cluster_ip), Some(ElementVerdict::Goto(internal)), &origin);
        } else {
            self.missing(NO_ENDPOINT_SERVICES, key(info.cluster_ip), port, "internalTrafficPolicy");
        }
        let external = Some(ElementVerdict::Goto(port.external));
        let addresses = info.external_ips.iter().map(|ip| (ip, Meaning::ExternalIp, "spec.externalIPs"));
        let addresses = addresses.chain(info.load_balancer_vips.iter().map(|ip| (ip, Meaning::LoadBalancerIp, "spec.type")));
        for (ip, meaning, field) in addresses {
            if port.endpoints.any {
                let origin = info.origin(meaning, vec![info.field(field.into()), info.port_field("port")]);
                self.element(SERVICE_IPS, key(*ip), external, &origin);
            }
            if !port.has_external {
                self.missing(NO_ENDPOINT_SERVICES, key(*ip), port, "externalTrafficPolicy");
            }
        }
        if info.node_port != 0 {
            let key = Key::Port(info.protocol, info.node_port);
            if port.endpoints.any {
                let origin = info.origin(Meaning::NodePort, vec![info.port_field("nodePort")]);
                self.element(SERVICE_NODE_PORTS, key, external, &origin);
            }
            if !port.has_external {
                self.missing(NO_ENDPOINT_NODE_PORTS, key, port, "externalTrafficPolicy");
            }
        }
    }

    fn missing(&mut self, container: &'static str, key: Key, port: &Port<'_>, policy: &str) {
        let reject = self.chain("reject-chain");
        let verdict = if port.endpoints.any { ElementVerdict::Drop } else { ElementVerdict::Goto(reject) };
        let comment = Some(port.info.name.clone());
        self.table.element(Element { container, key, verdict: Some(verdict), comment, origin: port.missing(policy) });
    }

    fn external_traffic(&mut self, port: &Port<'_>) {
        let info = port.info;
        if !port.endpoints.any || !info.externally_accessible() {
            return;
        }
        let policy =
            |meaning| info.origin(meaning, vec![info.field("spec.externalTrafficPolicy".into()), info.field("spec.type".into())]);
        let mark = Statement::MarkOr(MASQUERADE_MARK);
        if info.external_policy_local {
            let to_cluster = Statement::Goto(port.cluster);
            let pods = vec![Condition::Source(self.config.pod_range)];
            let why = Some("short-circuit pod traffic");
            self.add(port.external, pods, to_cluster.clone(), why, &policy(Meaning::PodShortcut));
            let local = vec![Condition::SourceIsLocal];
            self.add(port.external, local.clone(), mark, Some("masquerade local traffic"), &policy(Meaning::MarkLocal));
            let why = Some("short-circuit local traffic");
            self.add(port.external, local, to_cluster, why, &policy(Meaning::NodeShortcut));
        } else {
            self.add(port.external, vec![], mark, Some("masquerade"), &policy(Meaning::MarkExternal));
        }
        if port.has_external {
            let chain = if info.external_policy_local { port.local } else { port.cluster };
            self.add(port.external, vec![], Statement::Goto(chain), None, &policy(Meaning::Policy));
        }
    }

    fn firewall(&mut self, port: &Port<'_>, name: &str) {
        let info = port.info;
        if info.load_balancer_vips.is_empty() || info.source_ranges.is_empty() {
            return;
        }
        let chain = self.chain(&format!("firewall-{name}"));
        let origin = info.origin(Meaning::NotInSourceRange, vec![info.field("spec.loadBalancerSourceRanges".into())]);
        let guard = info.origin(Meaning::Plumbing, vec![]);
        for ip in &info.load_balancer_vips {
            let key = Key::Service(*ip, info.protocol, info.port);
            self.element(FIREWALL_IPS, key, Some(ElementVerdict::Goto(chain)), &guard);
        }
        let ranges: Vec<_> = info.source_ranges.iter().map(|(_, range)| *range).collect();
        let with_node = ranges.iter().any(|range| range.contains(self.config.node_ip));
        let own = if with_node { info.load_balancer_vips.clone() } else { Vec::new() };
        self.add(chain, vec![Condition::SourceNotIn(ranges, own)], Statement::Drop, None, &origin);
    }

    /// Without affinity the rule rewrites at once; with it, each endpoint has a chain and a set of clients.
    fn pick(&mut self, port: &Port<'_>, chain: u32, endpoints: &[&EndpointInfo]) {
        let info = port.info;
        let (meaning, mut because) = info.picking(&port.endpoints, endpoints);
        because.push(info.port_field("targetPort"));
        let picks = info.origin(meaning, because);
        let Some(seconds) = info.sticky_seconds else {
            let all = endpoints.iter().map(|endpoint| Socket::new(endpoint.ip, endpoint.port)).collect();
            let protocol = vec![Condition::Protocol(info.protocol)];
            self.add(chain, protocol, Statement::DnatToOneOf(all), None, &picks);
            return;
        };
        let origin = info.origin(Meaning::Affinity, vec![info.field("spec.sessionAffinity".into())]);
        let mut all = Vec::new();
        for endpoint in endpoints {
            let base = port.endpoint_base(endpoint);
            let to = self.chain(&format!("endpoint-{base}"));
            let remembered = vec![Condition::SourceRemembered(format!("affinity-{base}"), seconds)];
            self.add(chain, remembered, Statement::Goto(to), None, &origin);
            all.push((to, Socket::new(endpoint.ip, endpoint.port)));
        }
        self.add(chain, vec![], Statement::GotoOneOf(all), None, &picks);
    }

    fn endpoint_chains(&mut self, port: &Port<'_>) {
        let info = port.info;
        let Some(seconds) = info.sticky_seconds else { return };
        let (remember, endpoint_rule) =
            (info.origin(Meaning::Remember, vec![]), info.origin(Meaning::Endpoint, vec![info.port_field("targetPort")]));
        for endpoint in &port.endpoints.reachable {
            let base = port.endpoint_base(endpoint);
            let (chain, set) = (self.chain(&format!("endpoint-{base}")), format!("affinity-{base}"));
            let definition = format!("type ipv4_addr ; flags dynamic,timeout ; timeout {seconds}s");
            let container = Container { kind: "set", definition, comment: None, elements: BTreeMap::new() };
            self.table.containers.insert(set.clone(), container);
            self.add(chain, vec![], Statement::Remember(set), None, &remember);
            let to = Statement::Dnat(Socket::new(endpoint.ip, endpoint.port));
            self.add(chain, vec![Condition::Protocol(info.protocol)], to, None, &endpoint_rule);
        }
    }
}
