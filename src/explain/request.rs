//! Why one request ends as it does.

use super::{Checks, Explanation, KEPT, LEFT_OUT, NOTE, Stop, last_word, names, nearest, pod, service};
use crate::addons::aws;
use crate::addons::ingress_controller::{self, Decision, HttpRequest, Router, Unavailable};
use crate::api::core::{Node, Pod, Service};
use crate::api::meta::selects;
use crate::api::networking::Ingress;
use crate::api::{Kind, ObjectRef};
use crate::cluster::Cluster;
use crate::data_plane::causes::{no_rule, no_service, other_backend_port};
use crate::data_plane::{self, Scheme};
use crate::msg;
use crate::packet::Protocol;
use crate::settings::INGRESS_NAMESPACE;
use crate::trace::{FieldRef, Hop, Place, Reason, Request, Source, Trace, Verdict};
use crate::words::Message;

/// What a target says.
pub(super) struct Target {
    https: bool,
    /// In small letters, without the final dot.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) protocol: Protocol,
    path: String,
}

impl Target {
    fn read(request: &Request) -> Option<Target> {
        let read = data_plane::Target::read(&request.target, request.protocol)?;
        let host = read.host.trim_end_matches('.').to_lowercase();
        Some(Target { https: read.scheme == Scheme::Https, host, port: read.port, protocol: read.protocol, path: read.path })
    }
}

/// The Service that a request comes to, and which of its ports.
pub(super) type Reached = (ObjectRef, usize);

/// The assumptions that name what is not played.
const NOT_PLAYED: [&str; 23] = [
    "assume.policyRefused",
    "assume.privateAddress",
    "assume.kindNotPlayed",
    "assume.routeHost",
    "assume.kindUnknown",
    "assume.podsNotPlayed",
    "assume.sidecar",
    "assume.dualStack",
    "assume.topologyMode",
    "assume.fieldNotPlayed",
    "assume.readElsewhere",
    "assume.readByAws",
    "assume.configured",
    "assume.autoscaler",
    "assume.autoscaler.least",
    "assume.autoscaler.most",
    "assume.sharedExternalIP",
    "assume.dualStackRefused",
    "assume.callsUnknown",
    "assume.toldSlices",
    "assume.ingressStandIn",
    "assume.namespaceLabels",
    "ingress.differ.pattern",
];

/// Explains a request by its trace.
pub fn explain(cluster: &Cluster, request: &Request, trace: &Trace) -> Explanation {
    let mut checks = Checks::default();
    let mut reached = None;
    let well = trace.arrived();
    for note in trace.assumptions.iter().filter(|note| NOT_PLAYED.contains(&&*note.id)) {
        checks.notes(NOTE, note.clone(), Vec::new());
    }
    if well {
        for note in trace.assumptions.iter().filter(|note| note.id.starts_with("explain.endpoints.told.")) {
            checks.notes(NOTE, note.clone(), Vec::new());
        }
    }
    let all_hold = check(cluster, request, trace, &mut checks, &mut reached).is_ok();
    if well {
        // The request arrived: what a check found missing was not in its way.
        checks.list.retain(|check| check.ok);
        checks.holds("request-arrives", ending(trace), Vec::new());
        if let Some(hop) =
            trace.hops.iter().find(|hop| hop.reason == Reason::TlsTerminate && &*hop.text.id != "hop.TlsTerminate.text")
        {
            checks.holds("certificate", hop.text.clone(), hop.because.clone());
        }
        let kept = |note: &&Message| matches!(&*note.id, "assume.tlsName" | "assume.hostHeader");
        for note in trace.assumptions.iter().filter(kept) {
            let because = trace.advice.iter().flat_map(|advice| advice.because.clone());
            checks.holds("name-kept", note.clone(), because.collect());
        }
        let _: Result<(), Stop> = in_turn(cluster, trace, &mut checks);
    } else if all_hold || !last_word::agrees(trace, &checks.list) {
        checks.list.retain(|check| check.ok);
        let advice = trace.advice.clone();
        let (why, next, because) = match advice {
            Some(advice) => (advice.why, advice.next, advice.because),
            None => {
                // Somebody answered with an error: kube-proxy's health check, for one, whose own words say why.
                let answered = trace.hops.iter().rev().find(|hop| hop.reason == Reason::ProcessAnswers);
                let (why, because) =
                    answered.map_or_else(|| (ending(trace), Vec::new()), |hop| (hop.text.clone(), hop.because.clone()));
                (why, msg!("explain.trace.next"), because)
            }
        };
        let _: Result<(), Stop> = checks.fails(last_word::check(trace), why, next, because);
    }
    let idle = reached.and_then(|(object, at): Reached| Some((cluster.store.get(&object.namespace, &object.name)?, at)));
    Explanation {
        checks: checks.list,
        idle: idle.map(|(service, at)| pod::idle(cluster, service, at, trace)).unwrap_or_default(),
    }
}

/// The calls that the reached Pod makes in turn: the first that fails is explained like a request of its own. It counts as what was
/// asked for: the trace of the request tells of it, too, and whoever called the application wants its broken link. The others are named.
fn in_turn(cluster: &Cluster, trace: &Trace, checks: &mut Checks) -> Result<(), Stop> {
    if let Some(path) = broken_call(trace) {
        if let Some(advice) = &trace.advice {
            checks.holds("call-fails", advice.why.clone(), Vec::new());
        }
        for call in &path {
            checks.holds("calls-in-turn", reason_of(call), Vec::new());
        }
        let Some(call) = path.last() else { return Ok(()) };
        let mut others = Vec::new();
        broken_calls(trace, &mut others);
        others.retain(|other| *other != call.request.target);
        if !others.is_empty() {
            let text = msg!("explain.calls.others", targets = others.join(", "));
            checks.holds("call-fails", text, Vec::new());
        }
        if let Some(advice) = call.advice.clone().filter(|advice| advice.why.id.starts_with("assume.stale")) {
            return checks.found("calls-in-turn", advice);
        }
        checks.list.extend(explain(cluster, &call.request, call).checks);
        return Err(Stop);
    }
    mistyped_call(cluster, trace, checks)?;
    let Some((_, caller)) = &trace.pod else { return Ok(()) };
    let (count, mut left) = (count(trace), Vec::new());
    left_out(trace, &mut left);
    let text = match (count, left.len()) {
        (0, 0) => return Ok(()),
        (_, 0) => msg!("explain.calls.ok", pod = caller, count = count),
        (0, more) => msg!("explain.calls.leftOut", pod = caller, more = more, targets = left.join(", ")),
        (_, more) => msg!("explain.calls.ok.but", pod = caller, count = count, more = more, targets = left.join(", ")),
    };
    checks.holds("calls-in-turn", text, Vec::new());
    Ok(())
}

/// The addresses that variables name and nobody has, each once.
fn left_out<'a>(trace: &'a Trace, found: &mut Vec<&'a str>) {
    for own in trace.assumptions.iter().filter(|own| matches!(&*own.id, "assume.noCall" | "assume.noCall.argument")) {
        let target = own.args.get("target").map(String::as_str).unwrap_or_default();
        if !found.contains(&target) {
            found.push(target);
        }
    }
    trace.calls.iter().for_each(|call| left_out(call, found));
}

/// The way to the first call that fails, outermost first.
fn broken_call(trace: &Trace) -> Option<Vec<&Trace>> {
    trace.calls.iter().find_map(|call| {
        if !call.arrived() {
            return Some(vec![call]);
        }
        let mut path = broken_call(call)?;
        path.insert(0, call);
        Some(path)
    })
}

/// What all calls that fail were sent to, each once.
fn broken_calls<'a>(trace: &'a Trace, found: &mut Vec<&'a str>) {
    for call in &trace.calls {
        if !call.arrived() && !found.contains(&call.request.target.as_str()) {
            found.push(&call.request.target);
        }
        broken_calls(call, found);
    }
}

/// Why the Pod makes the call: the variable that names it.
fn reason_of(call: &Trace) -> Message {
    let own = call.assumptions.iter().find(|assumption| assumption.id.starts_with("assume.call"));
    own.cloned().unwrap_or_else(|| ending(call))
}

/// A variable whose host is no Service, but nearly one, or whose Service came too late: the call was left out, and this is why.
fn mistyped_call(cluster: &Cluster, trace: &Trace, checks: &mut Checks) -> Result<(), Stop> {
    if let Some(late) = trace.assumptions.iter().find(|assumption| assumption.id == "assume.lateService") {
        return checks.fails("calls-in-turn", late.clone(), msg!("explain.calls.late.next"), of_variable(cluster, trace, late));
    }
    if let Some(unfilled) = trace.assumptions.iter().find(|assumption| assumption.id.starts_with("assume.unfilled.")) {
        let next = Message { id: format!("{}.next", unfilled.id).into(), args: unfilled.args.clone() };
        return checks.fails("calls-in-turn", unfilled.clone(), next, of_variable(cluster, trace, unfilled));
    }
    for kept in trace.assumptions.iter().filter(|assumption| assumption.id.starts_with("assume.stale")) {
        checks.notes(KEPT, kept.clone(), of_variable(cluster, trace, kept));
    }
    let namespace = trace.pod.as_ref().map_or("", |(namespace, _)| namespace.as_str());
    for left_out in trace.assumptions.iter().filter(|assumption| assumption.id.starts_with("assume.noCall")) {
        let host = left_out.args.get("host").map(String::as_str).unwrap_or_default();
        let names = cluster.store.in_namespace::<Service>(namespace).map(|service| service.metadata.name.as_str());
        if let Some(near) = nearest(host, names).filter(|_| !host.is_empty()) {
            let because = of_variable(cluster, trace, left_out);
            return checks.fails("calls-in-turn", left_out.clone(), msg!("explain.name.near.next", near = near), because);
        }
        checks.notes(LEFT_OUT, left_out.clone(), of_variable(cluster, trace, left_out));
    }
    trace.calls.iter().try_for_each(|call| mistyped_call(cluster, call, checks))
}

/// Where the reached Pod declares the variable of which a note speaks.
fn of_variable(cluster: &Cluster, trace: &Trace, note: &Message) -> Vec<FieldRef> {
    let (Some((namespace, name)), Some(variable)) = (&trace.pod, note.args.get("variable")) else { return Vec::new() };
    let Some(pod) = cluster.store.get::<Pod>(namespace, name) else { return Vec::new() };
    for (index, container) in pod.spec.containers.iter().enumerate() {
        if let Some(at) = container.env.iter().rposition(|own| own.name == *variable) {
            return vec![FieldRef { object: ObjectRef::of(pod), path: format!("spec.containers[{index}].env[{at}]") }];
        }
    }
    Vec::new()
}

fn count(trace: &Trace) -> usize {
    trace.calls.iter().map(|call| 1 + count(call)).sum()
}

fn at_api_server(trace: &Trace) -> bool {
    let answers = trace.hops.iter().find(|hop| hop.reason == Reason::ProcessAnswers);
    answers.is_some_and(|hop| matches!(&hop.at, Place::Outside(name) if name == "kube-apiserver"))
}

fn ending(trace: &Trace) -> Message {
    let target = &trace.request.target;
    match (&trace.pod, trace.status) {
        (Some((namespace, name)), _) => msg!("explain.arrives.ok", pod = format!("{namespace}/{name}"), target = target),
        (None, Some(status)) => msg!("explain.arrives.status", status = status, target = target),
        (None, None) if at_api_server(trace) => msg!("explain.arrives.apiServer", target = target),
        (None, None) if trace.verdict == Verdict::Delivered => msg!("explain.arrives.outside", target = target),
        (None, None) => msg!("explain.arrives.not", target = target),
    }
}

fn check(
    cluster: &Cluster,
    request: &Request,
    trace: &Trace,
    checks: &mut Checks,
    reached: &mut Option<Reached>,
) -> Result<(), Stop> {
    let Some(target) = Target::read(request) else { return Ok(()) };
    if trace.verdict == Verdict::Rejected {
        return Ok(());
    }
    let address = name(cluster, trace, &target, checks)?;
    if target.protocol == Protocol::Icmp {
        // A ping asks for no port, and so for no Service.
        return Ok(());
    }
    let alb = ingress_controller::alb_at(&cluster.store, &address);
    let router = match alb.filter(|alb| aws::ingress_ports(&alb.metadata.annotations).contains(&target.port)) {
        Some(alb) => Some(Router::of_alb(alb)),
        None if by_controller(cluster, trace, &target, &address) => Some(Router::of(&cluster.store, &cluster.settings.ingress)),
        None => None,
    };
    if let Some(router) = router {
        if alb.is_none() {
            front_door(cluster, trace, (&target, &address), checks)?;
        }
        let http = HttpRequest { host: host_header(request, &target), path: target.path.clone(), https: target.https };
        let (service, port) = ingress(cluster, &router, (&request.from, &http), checks)?;
        return service::backend(cluster, &service, &port, checks, reached);
    }
    let by_rule = |hop: &&Hop| matches!(hop.reason, Reason::ClusterIP | Reason::ExternalIP | Reason::LoadBalancerIP);
    // A Service of the address that has no endpoint for the packet here leaves it to the next one's rule.
    let first = trace.hops.iter().find(by_rule);
    let same = |hop: &&Hop| first.is_some_and(|first| (&hop.at, hop.before) == (&first.at, first.before));
    let taken = trace.hops.iter().filter(by_rule).take_while(same).last();
    service::by_address(cluster, &target, &address, taken, checks, reached)
}

/// Whether an Ingress controller decides about the request. A dump's own controller may not be there to do so.
fn by_controller(cluster: &Cluster, trace: &Trace, target: &Target, address: &str) -> bool {
    let met = trace.hops.iter().any(|hop| matches!(&hop.at, Place::IngressController(of, _) if of != INGRESS_NAMESPACE));
    let store = &cluster.store;
    met || matches!(target.port, 80 | 443) && ingress_controller::has_own(store, address)
}

/// How a request comes to the controller: by the Service before it. Where it does not, what keeps it from there.
fn front_door(cluster: &Cluster, trace: &Trace, (target, address): (&Target, &str), checks: &mut Checks) -> Result<(), Stop> {
    let at = trace.hops.iter().find_map(|hop| match &hop.at {
        Place::IngressController(namespace, name) => Some((namespace, name)),
        _ => None,
    });
    let Some((namespace, name)) = at else {
        return service::by_address(cluster, target, address, None, checks, &mut None);
    };
    let Some(controller) = cluster.store.get::<Pod>(namespace, name) else { return Ok(()) };
    let leads = |service: &&Service| {
        let selector = &service.spec.selector;
        service.metadata.namespace == *namespace && !selector.is_empty() && selects(selector, &controller.metadata.labels)
    };
    let met = trace.hops.iter().flat_map(|hop| &hop.objects);
    let services = met.filter_map(|object| {
        cluster.store.get::<Service>(&object.namespace, &object.name).filter(|_| object.kind == Kind::Service)
    });
    match { services }.find(leads) {
        Some(front) => {
            let text = msg!("explain.ingress.front", address = address, service = front.metadata.name, pod = name);
            checks.holds("ingress-front", text, vec![FieldRef { object: ObjectRef::of(front), path: "spec.selector".into() }]);
        }
        None => checks.holds("ingress-front", msg!("explain.ingress.front.pod", address = address, pod = name), Vec::new()),
    }
    Ok(())
}

fn host_header(request: &Request, target: &Target) -> String {
    let own = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    own.map_or_else(|| target.host.clone(), |(_, value)| value.clone())
}

/// The name resolves; gives the address.
fn name(cluster: &Cluster, trace: &Trace, target: &Target, checks: &mut Checks) -> Result<String, Stop> {
    if target.host.parse::<std::net::Ipv4Addr>().is_ok() {
        return Ok(target.host.clone());
    }
    let own_file = |hop: &&Hop| hop.reason == Reason::LookupAnswer && matches!(hop.at, Place::Pod(..));
    if let Some(hop) = trace.hops.first().filter(own_file) {
        checks.holds("name-resolves", hop.text.clone(), hop.because.clone());
        return Ok(hop.text.args.get("ip").cloned().unwrap_or_default());
    }
    let answer = trace.dns.as_ref();
    if let Some(record) = answer.and_then(|dns| dns.answers.iter().find(|record| record.kind == "A")) {
        checks.holds("name-resolves", msg!("explain.name.ok", name = target.host, address = record.data), Vec::new());
        return Ok(record.data.clone());
    }
    let of_node = cluster.store.get::<Node>("", &target.host).and_then(|node| node.status.addresses.first());
    match (answer, of_node) {
        (None, Some(address)) => Ok(address.address.clone()),
        (Some(dns), _) if dns.rcode.is_none() || last_word::check(trace) == "network-policy" => {
            // The question or its answer was lost on its way: the trace's own advice says where.
            let Some(advice) = trace.advice.clone() else { return Ok(target.host.clone()) };
            checks.fails(last_word::check(trace), advice.why, advice.next, advice.because)
        }
        _ => names::missing(cluster, trace, target, checks),
    }
}

/// The Ingress that lists the host, and that nobody serves.
fn lists_unserved<'a>(cluster: &'a Cluster, host: &str) -> Option<&'a Ingress> {
    ingress_controller::unserved_for(cluster, host).filter(|(_, lists)| *lists).map(|(ingress, _)| ingress)
}

/// The field to look at before the others.
fn first(mut because: Vec<FieldRef>, end: &str) -> Vec<FieldRef> {
    because.sort_by_key(|field| !field.path.ends_with(end) && !field.path.contains(&format!("{end}.")));
    because
}

/// A served Ingress has a rule; gives the backend: Service, and port as written.
fn ingress(
    cluster: &Cluster,
    router: &Router,
    (from, http): (&Source, &HttpRequest),
    checks: &mut Checks,
) -> Result<(ObjectRef, String), Stop> {
    let shown = format!("{}{}", http.host, http.path);
    match router.decide(&cluster.store, http) {
        Decision::Route(route) => {
            let text =
                msg!("explain.ingress.rule", target = shown, service = route.matched.service.name, port = route.matched.port);
            checks.holds("ingress-rule", text, route.because);
            Ok((route.matched.service, route.matched.port))
        }
        Decision::Redirect { location, because } => {
            checks.holds("ingress-redirect", msg!("explain.ingress.redirect", location = location), because);
            Err(Stop)
        }
        Decision::Own { status, location, because, .. } => {
            let text = match location {
                Some(location) => msg!("explain.ingress.action.redirect", target = shown, status = status, location = location),
                None => msg!("explain.ingress.action", target = shown, status = status),
            };
            checks.holds("ingress-rule", text, because);
            Err(Stop)
        }
        Decision::NotFound { host_matched, because } => {
            if let Some((text, next)) = names::of_route(cluster, &http.host).filter(|_| !host_matched) {
                return checks.fails("ingress-rule", text, next, because);
            }
            if let Some(ingress) = lists_unserved(cluster, &http.host).filter(|_| !host_matched) {
                let text = msg!("explain.name.listed", host = http.host, ingress = ingress.metadata.name);
                checks.holds("name-listed", text, Vec::new());
                let (why, next, because) = ingress_controller::unserved(cluster, ingress);
                return checks.fails("ingress-served", why, next, because);
            }
            if let Some((why, next, because)) = ingress_controller::refused_for(cluster, &http.host).filter(|_| !host_matched) {
                return checks.fails("ingress-served", why, next, because);
            }
            let (next, because) = no_rule(&cluster.store, (&http.host, &http.path), *from == Source::Internet);
            let text = if host_matched {
                msg!("explain.ingress.noPath", host = http.host, path = http.path)
            } else {
                msg!("explain.ingress.noHost", host = http.host)
            };
            checks.fails("ingress-rule", text, next, because)
        }
        Decision::Unavailable { matched, reason, because } => {
            let (name, port) = (matched.service.name.clone(), matched.port.clone());
            let text = msg!("explain.ingress.rule", target = shown, service = name, port = port);
            checks.holds("ingress-rule", text, because.clone());
            match reason {
                Unavailable::NoEndpoints => Ok((matched.service, matched.port)),
                Unavailable::NoService => {
                    let found = no_service(&cluster.store, &matched.service.namespace, &name);
                    checks.fails("service-exists", found.why, found.next, first(because, ".service.name"))
                }
                Unavailable::NoPort => {
                    let text = msg!("explain.port.missing", service = name, port = port);
                    let service = cluster.store.get::<Service>(&matched.service.namespace, &name);
                    let next = service.map(|service| other_backend_port(service, &port));
                    let next = next.unwrap_or_else(|| msg!("explain.port.missing.next", service = name));
                    checks.fails("service-port", text, next, first(because, ".service.port"))
                }
                Unavailable::NoAction | Unavailable::Elsewhere => {
                    let text = match reason {
                        Unavailable::NoAction => msg!("explain.ingress.noAction", action = name),
                        _ => msg!("explain.ingress.targetGroup", action = name),
                    };
                    checks.fails("ingress-backend", text, msg!("explain.ingress.noAction.next", action = name), because)
                }
                Unavailable::ExternalName | Unavailable::Resource => {
                    let text = msg!("explain.ingress.backend", service = name);
                    let next = match reason {
                        Unavailable::ExternalName => msg!("explain.ingress.externalName.next", service = name),
                        _ => msg!("explain.ingress.backend.next"),
                    };
                    checks.fails("ingress-backend", text, next, because)
                }
            }
        }
    }
}
