//! An Application Load Balancer of AWS: made for an Ingress, it reads requests itself and sends them on over a connection of its own,
//! to Pods (target type `ip`) or to node ports. It stands outside the cluster; no controller Pod is on the way.

use super::exchange::{Exchange, Outcome, Sender};
use super::ingress::{header, told_rule};
use super::story::{HopExt, hop};
use super::target::Target;
use super::travel::{End, Next, Spot, Travel};
use super::world::Alb;
use crate::addons::aws;
use crate::addons::ingress_controller::{Backend, Decision, HttpRequest, Matched, Route, Unavailable};
use crate::api::ObjectRef;
use crate::api::core::{Service, ServicePort};
use crate::data_plane::causes::usable_endpoints;
use crate::msg;
use crate::packet::{Flow, Protocol, Socket};
use crate::trace::{FieldRef, Hop, Place, Reason, Request, Verdict};

impl Travel<'_> {
    /// A packet outside, for an Application Load Balancer's address.
    pub fn alb_outside(&mut self, index: usize, flow: Flow) -> Next {
        let Some(alb) = self.world.albs.get(index) else { return self.edge(flow) };
        let meta = &alb.ingress.metadata;
        let annotations = FieldRef { object: ObjectRef::of(alb.ingress.as_ref()), path: "metadata.annotations".into() };
        if alb.internal && !self.world.is_inside(flow.src.ip) {
            let text = |_| msg!("hop.NoRoute.text.internalAlb", to = flow.dst, ingress = meta.name);
            return self.edge_says(flow, text, Some(annotations));
        }
        let ports = aws::ingress_ports(&meta.annotations);
        if self.protocol == Protocol::Tcp && ports.contains(&flow.dst.port) {
            return Next::Ends(End::At(Spot::Alb(index), flow));
        }
        let at = self.place_of(Spot::Alb(index)).0;
        self.tell.hop(|| {
            let open = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
            let text = msg!("hop.LoadBalancerNoBackend.text.listener", ingress = meta.name, port = flow.dst.port, ports = open);
            hop(at, Reason::LoadBalancerNoBackend, text)
                .ends(flow)
                .about(vec![annotations.object.clone()])
                .because(vec![annotations])
        });
        Next::Ends(End::Lost(Verdict::Timeout, Reason::LoadBalancerNoBackend))
    }
}

impl Exchange<'_> {
    /// The load balancer has the connection: reads the request and decides.
    pub fn alb(&mut self, index: usize, seen: Flow, target: &Target, request: &Request) -> Outcome {
        let Some(alb) = self.world.albs.get(index) else { return Outcome::new(Verdict::Timeout, Some(Reason::NoRoute)) };
        self.tell.assume(|| msg!("assume.alb"));
        let place = self.world.place_of(Spot::Alb(index)).0;
        let https = Self::speaks_https(target);
        let host = header(request, "host").unwrap_or(&target.host).to_string();
        self.tell.hop(|| {
            let method = if request.method.is_empty() { "GET" } else { request.method.as_str() };
            let text = msg!("hop.ReadHttp.text", method = method, host = host, path = target.path);
            let headers = vec![("Host".to_string(), host.clone())];
            Hop { headers, ..hop(place.clone(), Reason::ReadHttp, text).flow(seen, seen) }
        });
        if let Some(port) = aws::ingress_redirects_to(&alb.ingress.metadata.annotations).filter(|_| !https) {
            self.tell.hop(|| {
                let location = format!("https://{host}:{port}{}", target.path);
                let annotations = FieldRef { object: ObjectRef::of(alb.ingress.as_ref()), path: "metadata.annotations".into() };
                let text = msg!("hop.IngressRedirect.text.alb", ingress = alb.ingress.metadata.name, location = location);
                hop(place, Reason::IngressRedirect, text).flow(seen, seen).because(vec![annotations])
            });
            let redirected = Outcome::new(Verdict::Answered, None);
            return Outcome { status: Some(301), reason: Some(Reason::IngressRedirect), ..redirected };
        }
        let http = HttpRequest { host, path: target.path.clone(), https };
        let answered = Outcome::new(Verdict::Answered, None);
        let own =
            |status, reason| Outcome { status: Some(status), reason: Some(reason), ..Outcome::new(Verdict::Answered, None) };
        let (because, matched) = match self.with_targets(alb, alb.router.decide(&self.cluster.store, &http)) {
            Decision::Route(route) => {
                let annotations = &alb.ingress.metadata.annotations;
                if route.because.iter().any(|field| aws::actions::is_weighed(annotations, &field.path)) {
                    self.tell.assume(|| msg!("assume.albWeights", service = route.matched.service.name));
                }
                if self.leaves_out(&route) {
                    self.tell.assume(|| msg!("assume.albLocal", service = route.matched.service.name));
                }
                let told = told_rule(&route);
                self.tell.hop(|| told(place.clone()).flow(seen, seen));
                let sender = Sender { spot: Spot::Alb(index), pod: None };
                return self.send_on(sender, place, seen, target, request, &route, answered);
            }
            Decision::Own { status, location, matched, because } => {
                return self.alb_says(place, seen, status, location, &matched, because);
            }
            Decision::Unavailable { matched, reason, because } => (because, Some((matched, reason))),
            Decision::NotFound { because, .. } | Decision::Redirect { because, .. } => (because, None),
        };
        let Some((matched, reason)) = matched else {
            self.tell.hop(|| {
                let text = msg!("hop.IngressNoRule.text.alb", host = http.host, path = http.path);
                hop(place, Reason::IngressNoRule, text).flow(seen, seen).because(because)
            });
            return own(404, Reason::IngressNoRule);
        };
        self.tell.hop(|| {
            let service = &matched.service.name;
            let text = match reason {
                Unavailable::NoService => msg!("hop.IngressNoEndpoints.text.albNoService", service = service),
                Unavailable::NoAction => msg!("hop.IngressNoEndpoints.text.albNoAction", action = service),
                Unavailable::Elsewhere => msg!("hop.IngressNoEndpoints.text.albTargetGroup", action = service),
                _ => msg!("hop.IngressNoEndpoints.text.alb", service = service),
            };
            let objects = vec![matched.ingress, matched.service];
            hop(place, Reason::IngressNoEndpoints, text).flow(seen, seen).about(objects).because(because)
        });
        own(503, Reason::IngressNoEndpoints)
    }

    /// A redirect or a fixed answer that an annotation asks for.
    fn alb_says(
        &mut self,
        place: Place,
        seen: Flow,
        status: u16,
        location: Option<String>,
        matched: &Matched,
        because: Vec<FieldRef>,
    ) -> Outcome {
        let action = &matched.service.name;
        let (reason, text) = match location {
            Some(location) => {
                let text = msg!("hop.IngressRedirect.text.action", action = action, status = status, location = location);
                (Reason::IngressRedirect, text)
            }
            None => {
                let host = if matched.host.is_empty() { "*" } else { &matched.host };
                let text =
                    msg!("hop.IngressRule.text.action", host = host, path = matched.path, action = action, status = status);
                (Reason::IngressRule, text)
            }
        };
        let about = vec![matched.ingress.clone()];
        self.tell.hop(|| hop(place, reason, text).flow(seen, seen).about(about).because(because));
        Outcome { status: Some(status), reason: Some(reason), ..Outcome::new(Verdict::Answered, None) }
    }

    /// Target type `instance` sends to the node port of every node that passes its health check, whether or not one of the
    /// Service's Pods is ready.
    fn with_targets(&self, alb: &Alb, decision: Decision) -> Decision {
        let to_pods = |matched: &Matched| {
            let service = self.cluster.store.get::<Service>(&matched.service.namespace, &matched.service.name);
            aws::ingress_targets_pods(service, &alb.ingress)
        };
        match decision {
            Decision::Route(Route { matched, because, .. })
            | Decision::Unavailable { matched, reason: Unavailable::NoEndpoints, because }
                if !to_pods(&matched) =>
            {
                self.to_nodes(matched, because)
            }
            other => other,
        }
    }

    /// The targets that pass the health check. It asks the traffic port, and under policy Local a node without an endpoint of its own
    /// drops what comes there. Where all targets are unhealthy, all are tried ("fail open").
    fn healthy(&self, service: &Service, port: &ServicePort, targets: &[Backend]) -> Vec<Backend> {
        let at = service.spec.ports.iter().position(|own| own == port).unwrap_or(0);
        let usable = usable_endpoints(self.cluster, service, at);
        let serves = |target: &&Backend| {
            let own = usable.iter().any(|(endpoint, _)| endpoint.node_name == target.node);
            service.spec.external_traffic_policy != "Local" || own
        };
        targets.iter().filter(serves).cloned().collect()
    }

    /// Whether targets are left out by that check.
    fn leaves_out(&self, route: &Route) -> bool {
        let service = self.cluster.store.get::<Service>(&route.matched.service.namespace, &route.matched.service.name);
        let local = service.is_some_and(|service| service.spec.external_traffic_policy == "Local");
        let trusted = self.world.nodes.iter().filter(|node| self.cluster.load_balancer_trusts(&node.name)).count();
        local && route.endpoints.iter().all(|target| target.pod.is_none()) && route.endpoints.len() < trusted
    }

    fn to_nodes(&self, matched: Matched, because: Vec<FieldRef>) -> Decision {
        let unavailable = |matched| Decision::Unavailable { matched, reason: Unavailable::NoPort, because: because.clone() };
        let service = self.cluster.store.get::<Service>(&matched.service.namespace, &matched.service.name);
        let port = service.and_then(|service| {
            service.spec.ports.iter().find(|port| port.name == matched.port || port.port.to_string() == matched.port)
        });
        let Some(port) = port.filter(|port| port.node_port != 0) else { return unavailable(matched) };
        let (number, node_port) = (u16::try_from(port.port).unwrap_or(0), u16::try_from(port.node_port).unwrap_or(0));
        let trusted = self.world.nodes.iter().filter(|node| self.cluster.load_balancer_trusts(&node.name));
        let endpoints: Vec<Backend> = trusted
            .map(|node| Backend { socket: Socket::new(node.ip, node_port), pod: None, node: Some(node.name.clone()) })
            .collect();
        if endpoints.is_empty() {
            return unavailable(matched);
        }
        let endpoints =
            service.map(|service| self.healthy(service, port, &endpoints)).filter(|own| !own.is_empty()).unwrap_or(endpoints);
        Decision::Route(Route { matched, service_port: number, endpoints, because })
    }
}
