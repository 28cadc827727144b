//! `healthCheckNodePort`: a load balancer asks each node whether endpoints of a Service with external policy Local run there.
//!
//! Follows `pkg/proxy/healthcheck/service_health.go`: 200 where a ready endpoint runs on the node, else 503, for every path.
//! kube-proxy itself answers, not the kernel's rules: a stopped one leaves the port closed. Left out: the answer's JSON.

use super::exchange::{Exchange, Outcome};
use super::story::{HopExt, hop};
use super::target::Target;
use crate::msg;
use crate::node::kube_proxy::ServicePortInfo;
use crate::packet::{Flow, Protocol};
use crate::settings::Mode;
use crate::trace::{FieldRef, Hop, Place, Reason, Verdict};
use std::collections::BTreeSet;

impl Exchange<'_> {
    /// kube-proxy's answer on a health check port of this node; `None`: it has none there.
    pub fn health_check(&mut self, node: usize, seen: Flow, target: &Target) -> Option<Outcome> {
        let here = self.world.nodes.get(node)?;
        let stopped = self.cluster.machines.get(&here.name).is_some_and(|machine| machine.frozen_view.is_some());
        // nftables mode listens on the node's own address only (`nodePortAddresses: primary`).
        let elsewhere = self.cluster.settings.mode == Mode::Nftables && seen.dst.ip != here.ip;
        if target.protocol != Protocol::Tcp || stopped || elsewhere {
            return None;
        }
        let ports = self.kernels.get(node)?.service_ports();
        let mut asked = ports.iter().filter(|port| port.health_check_node_port == seen.dst.port);
        let first: &ServicePortInfo = asked.next()?;
        let same = ports.iter().filter(|port| port.service == first.service);
        let local = same.flat_map(|port| &port.endpoints).filter(|endpoint| endpoint.is_local && endpoint.ready);
        let count = local.map(|endpoint| endpoint.ip).collect::<BTreeSet<_>>().len();
        let status = if count > 0 { 200 } else { 503 };
        let (name, service) = (here.name.clone(), first.service.clone());
        self.tell.hop(|| {
            let text =
                msg!("hop.ProcessAnswers.text.healthCheck", node = name, service = service.name, count = count, status = status);
            let field = |path: &str| FieldRef { object: service.clone(), path: path.into() };
            let because = vec![field("spec.healthCheckNodePort"), field("spec.externalTrafficPolicy")];
            let headers = vec![("X-Load-Balancing-Endpoint-Weight".to_string(), count.to_string())];
            let hop = hop(Place::Node(name), Reason::ProcessAnswers, text).flow(seen, seen).about(vec![service]).because(because);
            Hop { headers, ..hop }
        });
        let outcome = Outcome { port: Some(seen.dst.port), ..Outcome::new(Verdict::Delivered, None) };
        if !target.is_http() {
            return Some(outcome);
        }
        Some(Outcome { verdict: Verdict::Answered, status: Some(status), ..outcome })
    }
}
