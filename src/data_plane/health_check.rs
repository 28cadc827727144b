//! What kube-proxy itself answers to those who ask for its health, and the kubelet to strangers; a stopped kube-proxy leaves its ports
//! closed.
//!
//! Follows `pkg/proxy/healthcheck`. `healthCheckNodePort` (`service_health.go`): a load balancer asks each node whether endpoints of
//! a Service with external policy Local run there; 200 where a ready one does, else 503, for every path. `/healthz` and `/livez` on
//! port 10256 of every address (`proxy_health.go`): 200; `/healthz` 503 on a node that the cluster autoscaler is about to delete.
//! Left out: the answers' JSON, and metrics on 127.0.0.1:10249.

use super::exchange::{Exchange, Outcome};
use super::story::{HopExt, hop};
use super::target::{Scheme, Target};
use crate::api::core::Node;
use crate::api::{Kind, ObjectRef};
use crate::msg;
use crate::node::kube_proxy::ServicePortInfo;
use crate::packet::{Flow, Protocol};
use crate::settings::Mode;
use crate::trace::{FieldRef, Hop, Place, Reason, Verdict};
use std::collections::BTreeSet;

/// Where kube-proxy tells its own health: `ports.ProxyHealthzPort`, on 0.0.0.0 as kubeadm leaves `healthzBindAddress`.
const PROXY_HEALTH: u16 = 10256;

/// The cluster autoscaler's mark on a node that it is about to delete (`ToBeDeletedTaint`).
pub(super) const TO_BE_DELETED: &str = "ToBeDeletedByClusterAutoscaler";

/// The kubelet's API on every node: `ports.KubeletPort`, on 0.0.0.0 and with TLS. kubeadm has it ask for credentials
/// (`authentication.anonymous.enabled: false`).
const KUBELET: u16 = 10250;

impl Exchange<'_> {
    /// What the kubelet answers to somebody without credentials.
    pub fn kubelet_answers(&mut self, node: usize, seen: Flow, target: &Target) -> Option<Outcome> {
        let name = &self.world.nodes.get(node).filter(|_| seen.dst.port == KUBELET && target.protocol == Protocol::Tcp)?.name;
        let plain = target.is_http() && target.scheme != Scheme::Https;
        self.tell.hop(|| {
            let text = match plain {
                true => msg!("hop.ProcessAnswers.text.kubelet.plain", node = name),
                false => msg!("hop.ProcessAnswers.text.kubelet", node = name),
            };
            let object = ObjectRef::new(Kind::Node, "", name);
            hop(Place::Node(name.clone()), Reason::ProcessAnswers, text).flow(seen, seen).about(vec![object])
        });
        let outcome = Outcome { port: Some(seen.dst.port), ..Outcome::new(Verdict::Delivered, None) };
        // `net/http` of Go answers so to whoever does not begin with TLS.
        let status = if plain { 400 } else { 401 };
        Some(match target.is_http() {
            true => Outcome { verdict: Verdict::Answered, status: Some(status), ..outcome },
            false => outcome,
        })
    }

    /// kube-proxy's answer about itself.
    fn proxy_health(&mut self, node: &str, seen: Flow, target: &Target) -> Outcome {
        let taints = self.cluster.store.get::<Node>("", node).into_iter().flat_map(|node| &node.spec.taints);
        let leaving = taints.into_iter().any(|taint| taint.key == TO_BE_DELETED);
        let path = target.path.split('?').next().unwrap_or_default();
        let status = match path {
            "/healthz" if leaving => 503,
            "/healthz" | "/livez" => 200,
            _ => 404,
        };
        self.tell.hop(|| {
            let text = match status {
                404 => msg!("hop.ProcessAnswers.text.proxyHealth.path", node = node, status = status),
                _ => msg!("hop.ProcessAnswers.text.proxyHealth", node = node, status = status),
            };
            let object = ObjectRef::new(Kind::Node, "", node);
            hop(Place::Node(node.to_string()), Reason::ProcessAnswers, text).flow(seen, seen).about(vec![object])
        });
        let outcome = Outcome { port: Some(seen.dst.port), ..Outcome::new(Verdict::Delivered, None) };
        if !target.is_http() {
            return outcome;
        }
        Outcome { verdict: Verdict::Answered, status: Some(status), ..outcome }
    }

    /// kube-proxy's answer on a health check port of this node; `None`: it has none there.
    pub fn health_check(&mut self, node: usize, seen: Flow, target: &Target) -> Option<Outcome> {
        let here = self.world.nodes.get(node)?;
        let stopped = !here.proxy_runs;
        if seen.dst.port == PROXY_HEALTH && target.protocol == Protocol::Tcp && !stopped {
            return Some(self.proxy_health(&here.name, seen, target));
        }
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
