//! What leads a packet to a Service port: its addresses and node port, or the refusal where nobody serves it.

use super::{
    FILTER_EXTERNAL, FILTER_FIREWALL, FILTER_NODE_PORTS, FILTER_SERVICES, NAT_NODE_PORTS, NAT_SERVICES, Port, Writer, comment,
    destination, hash16,
};
use crate::netfilter::{Match, Meaning, Origin, Sense, Target};
use crate::packet::Protocol;
use std::sync::Arc;

impl Writer<'_> {
    /// Why nobody answers, for a `filter` rule: comment, target, origin.
    fn missing(&self, port: &Port<'_>) -> (Match, Target, Arc<Origin>) {
        let info = port.info;
        if !port.endpoints.any {
            let why = comment(format!("{} has no endpoints", info.name));
            return (why, Target::Reject, info.origin(Meaning::NoEndpoints, info.no_endpoints()));
        }
        let why = comment(format!("{} has no local endpoints", info.name));
        (why, Target::Drop, info.origin(Meaning::NoLocalEndpoints, vec![]))
    }

    /// As [`Writer::missing`], blaming a traffic policy where it is the policy that leaves nobody.
    fn missing_under(&self, port: &Port<'_>, policy: &str) -> (Match, Target, Arc<Origin>) {
        let (why, target, origin) = self.missing(port);
        if origin.meaning != Meaning::NoLocalEndpoints {
            return (why, target, origin);
        }
        let because = vec![port.info.field(format!("spec.{policy}"))];
        (why, target, port.info.origin(Meaning::NoLocalEndpoints, because))
    }

    pub(super) fn capture_cluster_ip(&mut self, port: &Port<'_>) {
        let info = port.info;
        let to = destination(info.protocol, info.cluster_ip, info.port);
        if port.has_internal {
            let origin = info.origin(Meaning::ClusterIp, vec![info.port_field("port")]);
            let matches = [comment(format!("{} cluster IP", info.name))].into_iter().chain(to).collect();
            let chain = if info.internal_policy_local { port.local } else { port.cluster };
            self.nat.rule(NAT_SERVICES, matches, Some(Target::Jump(chain)), &origin);
        } else {
            let (why, target, origin) = self.missing_under(port, "internalTrafficPolicy");
            let matches = [why].into_iter().chain(to).collect();
            self.filter.rule(FILTER_SERVICES, matches, Some(target), &origin);
        }
    }

    pub(super) fn capture_external_ips(&mut self, port: &Port<'_>) {
        let info = port.info;
        for (index, ip) in info.external_ips.iter().enumerate() {
            let to = destination(info.protocol, *ip, info.port);
            if port.endpoints.any {
                let because = vec![info.field(format!("spec.externalIPs[{index}]")), info.port_field("port")];
                let origin = info.origin(Meaning::ExternalIp, because);
                let matches = [comment(format!("{} external IP", info.name))].into_iter().chain(to.clone()).collect();
                self.nat.rule(NAT_SERVICES, matches, Some(Target::Jump(port.external)), &origin);
            }
            if !port.has_external {
                self.refuse_external(port, to.to_vec());
            }
        }
    }

    pub(super) fn capture_load_balancer(&mut self, port: &Port<'_>) {
        let info = port.info;
        for ip in &info.load_balancer_vips {
            let to = destination(info.protocol, *ip, info.port);
            if port.endpoints.any {
                let because = vec![info.field("spec.type".into()), info.port_field("port")];
                let origin = info.origin(Meaning::LoadBalancerIp, because);
                let matches = [comment(format!("{} loadbalancer IP", info.name))].into_iter().chain(to.clone()).collect();
                let chain = if port.uses_firewall { port.firewall } else { port.external };
                self.nat.rule(NAT_SERVICES, matches, Some(Target::Jump(chain)), &origin);
            }
            if port.uses_firewall {
                let hash = hash16(&[&info.name, info.protocol.rule_name()]);
                let why = comment(format!("{} traffic not accepted by KUBE-FW-{hash}", info.name));
                let because = vec![info.field("spec.loadBalancerSourceRanges".into())];
                let origin = info.origin(Meaning::NotInSourceRange, because);
                let matches = [why].into_iter().chain(to).collect();
                self.filter.rule(FILTER_FIREWALL, matches, Some(Target::Drop), &origin);
            }
        }
        if !port.has_external {
            for ip in &info.load_balancer_vips {
                self.refuse_external(port, destination(info.protocol, *ip, info.port).to_vec());
            }
        }
    }

    pub(super) fn capture_node_port(&mut self, port: &Port<'_>) {
        let info = port.info;
        if info.node_port == 0 {
            return;
        }
        let protocol = info.protocol;
        if port.endpoints.any {
            let origin = info.origin(Meaning::NodePort, vec![info.port_field("nodePort")]);
            let matches = vec![
                comment(info.name.clone()),
                Match::Module(protocol),
                Match::Protocol(protocol),
                Match::DestinationPort(info.node_port),
            ];
            let target = Some(Target::Jump(port.external));
            self.nat.rule(NAT_NODE_PORTS, matches, target, &origin);
        }
        if !port.has_external {
            let to = vec![
                Match::DestinationIsLocal(Sense::Is),
                Match::Module(protocol),
                Match::Protocol(protocol),
                Match::DestinationPort(info.node_port),
            ];
            self.refuse_external(port, to);
        }
    }

    fn refuse_external(&mut self, port: &Port<'_>, to: Vec<Match>) {
        let (why, target, origin) = self.missing_under(port, "externalTrafficPolicy");
        let matches = [why].into_iter().chain(to).collect();
        self.filter.rule(FILTER_EXTERNAL, matches, Some(target), &origin);
    }

    pub(super) fn health_check(&mut self, port: &Port<'_>) {
        let info = port.info;
        if info.health_check_node_port == 0 {
            return;
        }
        let origin = info.origin(Meaning::HealthCheck, vec![info.field("spec.healthCheckNodePort".into())]);
        let matches = vec![
            comment(format!("{} health check node port", info.name)),
            Match::Module(Protocol::Tcp),
            Match::Protocol(Protocol::Tcp),
            Match::DestinationPort(info.health_check_node_port),
        ];
        self.filter.rule(FILTER_NODE_PORTS, matches, Some(Target::Accept), &origin);
    }
}
