//! A request inside the Ingress controller's Pod: read, matched, and sent on over a second connection.

use super::exchange::{Exchange, Outcome, Sender};
use super::story::{HopExt, hop};
use super::target::Target;
use super::travel::{End, Spot};
use crate::addons::ingress_controller::{Certificate, Decision, HttpRequest, Route, Tls, certificate};
use crate::api::{Kind, ObjectRef};
use crate::msg;
use crate::packet::{Flow, Protocol, Socket};
use crate::trace::{FieldRef, Hop, Place, Reason, Request, Verdict};
use crate::words::Message;

impl Exchange<'_> {
    /// The controller Pod has the connection: reads the request and decides.
    pub fn ingress(&mut self, pod: usize, seen: Flow, target: &Target, request: &Request, reached: Outcome) -> Outcome {
        let place = self.travel(Protocol::Tcp).place_of(Spot::Pod(pod)).0;
        let https = Self::speaks_https(target);
        let host = header(request, "host").unwrap_or(&target.host).to_string();
        let http = HttpRequest { host: host.clone(), path: target.path.clone(), https };
        let parts = self.parts;
        if https {
            let (text, because) = self.shown_certificate(&host);
            self.tell.hop(|| hop(place.clone(), Reason::TlsTerminate, text).flow(seen, seen).because(because));
        }
        self.tell.hop(|| {
            let method = if request.method.is_empty() { "GET" } else { request.method.as_str() };
            let text = msg!("hop.ReadHttp.text", method = method, host = host, path = target.path);
            let headers = vec![("Host".to_string(), host.clone())];
            Hop { headers, ..hop(place.clone(), Reason::ReadHttp, text).flow(seen, seen) }
        });
        let decision = parts.router.decide(&self.cluster.store, &http);
        for assumption in decision.assumptions() {
            self.tell.assume(|| assumption);
        }
        let controller = Outcome { pod: None, pod_ip: None, port: None, node: None, source_seen: None, ..reached };
        match &decision {
            Decision::Route(route) => {
                let told = told_rule(route);
                self.tell.hop(|| told(place.clone()).flow(seen, seen));
                let host = self.world.pods.get(pod).filter(|guest| guest.host_network).map(|guest| guest.node);
                let sender = Sender { spot: host.map_or(Spot::Pod(pod), Spot::Node), pod: Some(pod) };
                self.send_on(sender, place, seen, target, request, route, controller)
            }
            _ => {
                let (reason, text, objects, because) = own_answer(&decision, &http);
                self.tell.hop(|| hop(place, reason, text).flow(seen, seen).about(objects).because(because));
                Outcome {
                    status: decision.status(),
                    ..Outcome { verdict: Verdict::Answered, reason: Some(reason), ..controller }
                }
            }
        }
    }

    /// Which certificate the controller shows, and the field that says so.
    fn shown_certificate(&mut self, host: &str) -> (Message, Vec<FieldRef>) {
        let parts = self.parts;
        let (field, secret) = match parts.router.tls(host) {
            Tls::Listed(field, secret) if !secret.name.is_empty() => (field, secret),
            _ => return (msg!("hop.TlsTerminate.text.fallback", host = host), vec![]),
        };
        let text = match certificate(self.cluster, &field.object, &secret) {
            Certificate::Missing => {
                self.tell.assume(|| msg!("ingress.differ.noSecret"));
                msg!("hop.TlsTerminate.text.noSecret", host = host, secret = secret.name, namespace = secret.namespace)
            }
            known => {
                if known == Certificate::Promised {
                    self.tell.assume(|| msg!("assume.certManager", secret = secret.name));
                }
                msg!("hop.TlsTerminate.text", host = host)
            }
        };
        (text, vec![field])
    }

    /// Opens the second connection, to one of the route's endpoints.
    #[allow(clippy::too_many_arguments)]
    pub fn send_on(
        &mut self,
        sender: Sender,
        place: Place,
        seen: Flow,
        target: &Target,
        request: &Request,
        route: &Route,
        controller: Outcome,
    ) -> Outcome {
        let matched = &route.matched;
        let machine = sender.pod.is_none();
        let choice = self.random.one_of(route.endpoints.len());
        let Some(backend) = route.endpoints.get(choice) else { return controller };
        let own = self.source_address(sender, backend.socket.ip);
        let flow = Flow { src: Socket::new(own, 32768 + self.random.below(28232) as u16), dst: backend.socket };
        self.tell.hop(|| {
            let (endpoint, which, count, client) = (backend.socket, choice + 1, route.endpoints.len(), seen.src.ip);
            let text = match machine {
                true => msg!(
                    "hop.IngressPick.text.alb",
                    endpoint = endpoint,
                    which = which,
                    count = count,
                    client = client,
                    own = own
                ),
                false => msg!("hop.IngressPick.text", endpoint = endpoint, which = which, count = count, client = client),
            };
            let pod = backend.pod.as_ref().map(|(namespace, name)| ObjectRef::new(Kind::Pod, namespace, name));
            let headers = vec![
                ("X-Forwarded-For".to_string(), forwarded_for(request, seen)),
                ("X-Forwarded-Proto".to_string(), if Self::speaks_https(target) { "https" } else { "http" }.to_string()),
            ];
            let objects = [matched.service.clone()].into_iter().chain(pod).collect();
            Hop { headers, ..hop(place.clone(), Reason::IngressPick, text).flow(seen, flow).about(objects) }
        });
        let mut travel = self.travel(Protocol::Tcp);
        let end = travel.go(sender.spot, flow);
        let bindings = std::mem::take(&mut travel.bindings);
        let (spot, arrived) = match end {
            End::At(spot, arrived) => (spot, arrived),
            End::Lost(Verdict::Timeout, _) => return self.gateway_timeout(place, seen, backend.socket, controller),
            End::Lost(..) => return self.bad_gateway(place, seen, backend.socket, controller),
        };
        let inner = Target { scheme: super::target::Scheme::Http, ..target.clone() };
        let outcome = match spot {
            Spot::Pod(other) if Some(other) != sender.pod => self.serve_by_pod(other, arrived, &inner, request),
            Spot::Node(node) => self.serve_by_node(node, arrived, &inner, request),
            Spot::Server => self.server_answers(arrived, &inner, request),
            _ => Outcome::new(Verdict::Refused, Some(Reason::NothingListens)),
        };
        if outcome.verdict == Verdict::Refused {
            return self.bad_gateway(place, seen, backend.socket, controller);
        }
        let mut travel = self.travel(Protocol::Tcp);
        travel.bindings = bindings;
        if !travel.back(spot, arrived.reversed(), sender.spot, flow) {
            return self.gateway_timeout(place, seen, backend.socket, controller);
        }
        travel.tell_reply_to_controller(sender.spot, flow, outcome.status);
        outcome
    }

    /// The second connection failed: 502.
    fn bad_gateway(&mut self, place: Place, seen: Flow, backend: Socket, controller: Outcome) -> Outcome {
        self.tell.hop(|| {
            hop(place, Reason::IngressBadGateway, msg!("hop.IngressBadGateway.text", backend = backend)).flow(seen, seen)
        });
        let reason = Some(Reason::IngressBadGateway);
        Outcome { status: Some(502), verdict: Verdict::Answered, reason, ..controller }
    }

    /// Nobody answered the second connection: 504, as most controllers say after a minute (assumption).
    fn gateway_timeout(&mut self, place: Place, seen: Flow, backend: Socket, controller: Outcome) -> Outcome {
        self.tell.hop(|| {
            hop(place, Reason::IngressBadGateway, msg!("hop.IngressBadGateway.text.timeout", backend = backend)).flow(seen, seen)
        });
        self.tell.assume(|| msg!("assume.gatewayTimeout"));
        let reason = Some(Reason::IngressBadGateway);
        Outcome { status: Some(504), verdict: Verdict::Answered, reason, ..controller }
    }
}

pub(super) fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut headers = request.headers.iter();
    headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn forwarded_for(request: &Request, seen: Flow) -> String {
    match header(request, "x-forwarded-for") {
        Some(before) => format!("{before}, {}", seen.src.ip),
        None => seen.src.ip.to_string(),
    }
}

/// The hop of the rule, or default backend, that a request fits.
pub(super) fn told_rule(route: &Route) -> impl FnOnce(Place) -> Hop {
    let (matched, because) = (route.matched.clone(), route.because.clone());
    move |place| {
        let service = &matched.service.name;
        let (reason, text) = if matched.path.is_empty() {
            (Reason::IngressDefaultBackend, msg!("hop.IngressDefaultBackend.text", service = service, port = matched.port))
        } else {
            let host = if matched.host.is_empty() { "*" } else { &matched.host };
            let text = msg!("hop.IngressRule.text", host = host, path = matched.path, service = service, port = matched.port);
            (Reason::IngressRule, text)
        };
        hop(place, reason, text).about(vec![matched.ingress.clone(), matched.service.clone()]).because(because)
    }
}

/// The hop of an answer that the controller gives itself.
fn own_answer(decision: &Decision, http: &HttpRequest) -> (Reason, Message, Vec<ObjectRef>, Vec<FieldRef>) {
    use crate::addons::ingress_controller::Unavailable;
    let (host, path) = (&http.host, &http.path);
    match decision {
        Decision::Route(route) => (Reason::IngressRule, Message::default(), vec![], route.because.clone()),
        // Of an Application Load Balancer alone.
        Decision::Own { because, .. } => (Reason::IngressRule, Message::default(), vec![], because.clone()),
        Decision::Redirect { location, because } => {
            let text = msg!("hop.IngressRedirect.text", host = host, location = location);
            (Reason::IngressRedirect, text, vec![], because.clone())
        }
        Decision::NotFound { host_matched: true, because } => {
            (Reason::IngressNoRule, msg!("hop.IngressNoRule.text.path", host = host, path = path), vec![], because.clone())
        }
        Decision::NotFound { because, .. } => {
            (Reason::IngressNoRule, msg!("hop.IngressNoRule.text", host = host, path = path), vec![], because.clone())
        }
        Decision::Unavailable { matched, reason, because } => {
            let (service, port) = (&matched.service.name, &matched.port);
            let text = match reason {
                Unavailable::NoService => msg!("hop.IngressNoEndpoints.text.noService", service = service),
                Unavailable::NoPort => msg!("hop.IngressNoEndpoints.text.noPort", service = service, port = port),
                Unavailable::NoEndpoints => msg!("hop.IngressNoEndpoints.text", service = service),
                Unavailable::ExternalName => msg!("hop.IngressNoEndpoints.text.externalName", service = service),
                Unavailable::Resource | Unavailable::NoAction | Unavailable::Elsewhere => {
                    msg!("hop.IngressNoEndpoints.text.resource")
                }
            };
            (Reason::IngressNoEndpoints, text, vec![matched.ingress.clone(), matched.service.clone()], because.clone())
        }
    }
}
