//! The chains of a Service port: what is marked, who is let through, and which endpoint is picked.

use super::super::EndpointInfo;
use super::{NAT_MARK, Port, Writer, comment, destination};
use crate::netfilter::{Match, Meaning, Sense, Target};

impl Writer<'_> {
    /// Marks what a route for the Service range brought in from outside the Pods' range.
    pub(super) fn internal_traffic(&mut self, port: &Port<'_>) {
        if !port.has_internal {
            return;
        }
        let info = port.info;
        let chain = if info.internal_policy_local { port.local } else { port.cluster };
        let mut matches = vec![comment(format!("{} cluster IP", info.name))];
        matches.extend(destination(info.protocol, info.cluster_ip, info.port));
        matches.push(Match::Source(self.config.pod_range, Sense::Not));
        let origin = info.origin(Meaning::MarkOffCluster, vec![]);
        self.nat.rule(chain, matches, Some(Target::Jump(NAT_MARK)), &origin);
    }

    pub(super) fn external_traffic(&mut self, port: &Port<'_>) {
        let info = port.info;
        if !port.endpoints.any || !info.externally_accessible() {
            return;
        }
        let policy = || vec![info.field("spec.externalTrafficPolicy".into()), info.field("spec.type".into())];
        let mark = Some(Target::Jump(NAT_MARK));
        let name = &info.name;
        if info.external_policy_local {
            let to_cluster = Some(Target::Jump(port.cluster));
            let pods = vec![
                comment(format!("pod traffic for {name} external destinations")),
                Match::Source(self.config.pod_range, Sense::Is),
            ];
            self.nat.rule(port.external, pods, to_cluster, &info.origin(Meaning::PodShortcut, policy()));
            let why = comment(format!("masquerade LOCAL traffic for {name} external destinations"));
            let origin = info.origin(Meaning::MarkLocal, policy());
            self.nat.rule(port.external, vec![why, Match::SourceIsLocal], mark, &origin);
            let why = comment(format!("route LOCAL traffic for {name} external destinations"));
            let origin = info.origin(Meaning::NodeShortcut, policy());
            self.nat.rule(port.external, vec![why, Match::SourceIsLocal], to_cluster, &origin);
        } else {
            let why = comment(format!("masquerade traffic for {name} external destinations"));
            self.nat.rule(port.external, vec![why], mark, &info.origin(Meaning::MarkExternal, policy()));
        }
        if port.has_external {
            let chain = if info.external_policy_local { port.local } else { port.cluster };
            let origin = info.origin(Meaning::Policy, policy());
            self.nat.rule(port.external, vec![], Some(Target::Jump(chain)), &origin);
        }
    }

    pub(super) fn firewall(&mut self, port: &Port<'_>) {
        if !port.uses_firewall {
            return;
        }
        let info = port.info;
        let why = || comment(format!("{} loadbalancer IP", info.name));
        let target = Some(Target::Jump(port.external));
        let allowed = |path: String| info.origin(Meaning::SourceRange, vec![info.field(path)]);
        for (index, range) in &info.source_ranges {
            let origin = allowed(format!("spec.loadBalancerSourceRanges[{index}]"));
            let matches = vec![why(), Match::Source(*range, Sense::Is)];
            self.nat.rule(port.firewall, matches, target, &origin);
        }
        // The load balancer's address may stand on the node itself, which is then its own client.
        if info.source_ranges.iter().any(|(_, range)| range.contains(self.config.node_ip)) {
            for ip in &info.load_balancer_vips {
                let origin = allowed("spec.loadBalancerSourceRanges".into());
                self.nat.rule(port.firewall, vec![why(), Match::SourceAddress(*ip)], target, &origin);
            }
        }
        let end = comment(format!("other traffic to {} will be dropped by KUBE-PROXY-FIREWALL", info.name));
        self.nat.rule(port.firewall, vec![end], None, &info.origin(Meaning::Plumbing, vec![]));
    }

    fn service_comment(&self, text: impl FnOnce() -> String) -> Vec<Match> {
        if self.large { Vec::new() } else { vec![comment(text())] }
    }

    /// Affinity rules first, then one rule an endpoint: 1 in n, 1 in n-1 …, the rest.
    pub(super) fn pick(&mut self, port: &Port<'_>, chain: u32, endpoints: &[&EndpointInfo]) {
        let info = port.info;
        let why = |endpoint: &EndpointInfo| format!("{} -> {}", info.name, endpoint.text());
        if let Some(seconds) = info.sticky_seconds {
            let origin = info.origin(Meaning::Affinity, vec![info.field("spec.sessionAffinity".into())]);
            for endpoint in endpoints {
                let Some((separate, list)) = port.chain_of(endpoint) else { continue };
                let mut matches = self.service_comment(|| why(endpoint));
                matches.push(Match::RecentCheck { list: list.clone(), seconds });
                self.nat.rule(chain, matches, Some(Target::Jump(*separate)), &origin);
            }
        }
        let (meaning, because) = info.picking(&port.endpoints, endpoints);
        let origin = info.origin(meaning, because);
        for (index, endpoint) in endpoints.iter().enumerate() {
            let Some((separate, _)) = port.chain_of(endpoint) else { continue };
            let mut matches = self.service_comment(|| why(endpoint));
            let left = endpoints.len() - index;
            if left > 1 {
                matches.push(Match::OneIn(left as u32));
            }
            let target = Some(Target::Jump(*separate));
            if info.has_selector {
                self.nat.rule(chain, matches, target, &origin);
            } else {
                self.nat.rule(chain, matches, target, &info.origin(Meaning::Pick, vec![endpoint.field.clone()]));
            }
        }
    }

    pub(super) fn endpoint_chains(&mut self, port: &Port<'_>) {
        let info = port.info;
        let hairpin = info.origin(Meaning::MarkHairpin, vec![]);
        let target_port = info.origin(Meaning::Endpoint, vec![info.port_field("targetPort")]);
        for (endpoint, (chain, name)) in port.endpoints.reachable.iter().zip(&port.separate) {
            let mut matches = self.service_comment(|| info.name.clone());
            let mut loops = matches.clone();
            loops.push(Match::SourceAddress(endpoint.ip));
            self.nat.rule(*chain, loops, Some(Target::Jump(NAT_MARK)), &hairpin);
            if info.sticky_seconds.is_some() {
                matches.push(Match::RecentSet { list: name.clone() });
            }
            matches.extend([Match::Module(info.protocol), Match::Protocol(info.protocol)]);
            let target = Some(Target::Dnat(endpoint.ip, endpoint.port));
            if info.has_selector {
                self.nat.rule(*chain, matches, target, &target_port);
            } else {
                let origin = info.origin(Meaning::Endpoint, vec![endpoint.field.clone(), info.port_field("targetPort")]);
                self.nat.rule(*chain, matches, target, &origin);
            }
        }
    }
}
