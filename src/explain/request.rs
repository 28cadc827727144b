//! Why one request ends as it does.

use super::{Checks, Explanation, Stop, field, nearest, pod, service};
use crate::addons::aws;
use crate::addons::ingress_controller::{self, Decision, HttpRequest, Router, Unavailable};
use crate::addons::pending::pending;
use crate::api::ObjectRef;
use crate::api::core::{Namespace, Node, Pod, Service};
use crate::api::networking::Ingress;
use crate::cluster::{Cluster, Store};
use crate::data_plane::alias_fails;
use crate::msg;
use crate::trace::{Reason, Request, Source, Trace, Verdict};
use crate::words::Message;

/// What a target says.
pub(super) struct Target {
    pub(super) https: bool,
    pub(super) host: String,
    pub(super) port: u16,
    path: String,
}

impl Target {
    fn read(text: &str) -> Option<Target> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let (authority, path) = rest.split_once('/').map_or((rest, "/".to_string()), |(host, path)| (host, format!("/{path}")));
        let authority = authority.rsplit('@').next().unwrap_or(authority);
        let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        let https = scheme.eq_ignore_ascii_case("https");
        let port = port.map_or(Some(if https { 443 } else { 80 }), |port| port.parse().ok())?;
        Some(Target { https, host: host.trim_end_matches('.').to_lowercase(), port, path })
    }
}

/// Explains a request by its trace.
pub fn explain(cluster: &Cluster, request: &Request, trace: &Trace) -> Explanation {
    let mut checks = Checks::default();
    let mut reached = None;
    let well = went_well(trace);
    let unplayed = |note: &&Message| {
        let kinds = matches!(&*note.id, "assume.kindNotPlayed" | "assume.kindUnknown" | "assume.podsNotPlayed");
        kinds || matches!(&*note.id, "assume.sidecar" | "assume.dualStack" | "assume.fieldNotPlayed")
    };
    for note in trace.assumptions.iter().filter(unplayed) {
        checks.holds("not-played", note.clone(), Vec::new());
    }
    let all_hold = check(cluster, request, trace, &mut checks, &mut reached).is_ok();
    if well {
        // The request arrived: what a check found missing was not in its way.
        checks.list.retain(|check| check.ok);
        checks.holds("request-arrives", ending(trace), Vec::new());
        let _: Result<(), Stop> = in_turn(cluster, trace, &mut checks);
    } else if all_hold {
        let advice = trace.advice.clone();
        let (why, next, because) = match advice {
            Some(advice) => (advice.why, advice.next, advice.because),
            None => (ending(trace), msg!("explain.trace.next"), Vec::new()),
        };
        let dropped = trace.hops.iter().any(|hop| hop.reason == Reason::Policy && hop.after.is_none());
        let check = if dropped { "network-policy" } else { "request-arrives" };
        let _: Result<(), Stop> = checks.fails(check, why, next, because);
    }
    let idle = reached.and_then(|object: ObjectRef| cluster.store.get::<Service>(&object.namespace, &object.name));
    Explanation { checks: checks.list, idle: idle.map(|service| pod::idle(cluster, service)).unwrap_or_default() }
}

/// The calls that the reached Pod makes in turn: the first that fails is explained like a request of its own.
fn in_turn(cluster: &Cluster, trace: &Trace, checks: &mut Checks) -> Result<(), Stop> {
    if let Some(path) = broken_call(trace) {
        for call in &path {
            checks.holds("calls-in-turn", reason_of(call), Vec::new());
        }
        let Some(call) = path.last() else { return Ok(()) };
        checks.list.extend(explain(cluster, &call.request, call).checks);
        return Err(Stop);
    }
    mistyped_call(cluster, trace, checks)?;
    if let Some(caller) = &trace.pod
        && !trace.calls.is_empty()
    {
        let text = msg!("explain.calls.ok", pod = caller.1, count = count(trace));
        checks.holds("calls-in-turn", text, Vec::new());
    }
    Ok(())
}

/// The way to the first call that fails, outermost first.
fn broken_call(trace: &Trace) -> Option<Vec<&Trace>> {
    trace.calls.iter().find_map(|call| {
        if !went_well(call) {
            return Some(vec![call]);
        }
        let mut path = broken_call(call)?;
        path.insert(0, call);
        Some(path)
    })
}

/// Why the Pod makes the call: the variable that names it.
fn reason_of(call: &Trace) -> Message {
    let own = call.assumptions.iter().find(|assumption| assumption.id.starts_with("assume.call"));
    own.cloned().unwrap_or_else(|| ending(call))
}

/// A variable whose host is no Service, but nearly one, or whose Service came too late: the call was left out, and this is why.
fn mistyped_call(cluster: &Cluster, trace: &Trace, checks: &mut Checks) -> Result<(), Stop> {
    if let Some(late) = trace.assumptions.iter().find(|assumption| assumption.id == "assume.lateService") {
        return checks.fails("calls-in-turn", late.clone(), msg!("explain.calls.late.next"), Vec::new());
    }
    let namespace = trace.pod.as_ref().map_or("", |(namespace, _)| namespace.as_str());
    for left_out in trace.assumptions.iter().filter(|assumption| assumption.id == "assume.noCall") {
        let host = left_out.args.get("target").map(String::as_str).unwrap_or_default();
        let names = cluster.store.in_namespace::<Service>(namespace).map(|service| service.metadata.name.as_str());
        if let Some(near) = nearest(host, names) {
            return checks.fails("calls-in-turn", left_out.clone(), msg!("explain.name.near.next", near = near), Vec::new());
        }
    }
    trace.calls.iter().try_for_each(|call| mistyped_call(cluster, call, checks))
}

fn count(trace: &Trace) -> usize {
    trace.calls.iter().map(|call| 1 + count(call)).sum()
}

fn went_well(trace: &Trace) -> bool {
    match trace.verdict {
        Verdict::Delivered => true,
        Verdict::Answered => trace.status.is_some_and(|status| status < 400),
        _ => false,
    }
}

fn ending(trace: &Trace) -> Message {
    let target = &trace.request.target;
    match (&trace.pod, trace.status) {
        (Some((namespace, name)), _) => msg!("explain.arrives.ok", pod = format!("{namespace}/{name}"), target = target),
        (None, Some(status)) => msg!("explain.arrives.status", status = status, target = target),
        (None, None) if trace.verdict == Verdict::Delivered => msg!("explain.arrives.outside", target = target),
        (None, None) => msg!("explain.arrives.not", target = target),
    }
}

fn check(
    cluster: &Cluster,
    request: &Request,
    trace: &Trace,
    checks: &mut Checks,
    reached: &mut Option<ObjectRef>,
) -> Result<(), Stop> {
    let Some(target) = Target::read(&request.target) else { return Ok(()) };
    if trace.verdict == Verdict::Rejected {
        return Ok(());
    }
    let address = name(cluster, request, trace, &target, checks)?;
    let alb = ingress_controller::alb_at(&cluster.store, &address);
    let router = match alb.filter(|alb| aws::ingress_ports(&alb.metadata.annotations).contains(&target.port)) {
        Some(alb) => Some(Router::from(&[alb])),
        None if matches!(target.port, 80 | 443) && ingress_controller::address(&cluster.store).as_ref() == Some(&address) => {
            Some(Router::of(&cluster.store, &cluster.settings.ingress))
        }
        None => None,
    };
    if let Some(router) = router {
        let http = HttpRequest { host: host_header(request, &target), path: target.path.clone(), https: target.https };
        let (service, port) = ingress(cluster, &router, &http, checks)?;
        *reached = Some(service.clone());
        return service::backend(cluster, &service, &port, checks);
    }
    service::by_address(cluster, request, &target, &address, checks, reached)
}

fn host_header(request: &Request, target: &Target) -> String {
    let own = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    own.map_or_else(|| target.host.clone(), |(_, value)| value.clone())
}

/// The name resolves; gives the address.
fn name(cluster: &Cluster, request: &Request, trace: &Trace, target: &Target, checks: &mut Checks) -> Result<String, Stop> {
    if target.host.parse::<std::net::Ipv4Addr>().is_ok() {
        return Ok(target.host.clone());
    }
    let answer = trace.dns.as_ref();
    if let Some(record) = answer.and_then(|dns| dns.answers.iter().find(|record| record.kind == "A")) {
        checks.holds("name-resolves", msg!("explain.name.ok", name = target.host, address = record.data), Vec::new());
        return Ok(record.data.clone());
    }
    let of_node = cluster.store.get::<Node>("", &target.host).and_then(|node| node.status.addresses.first());
    match (answer, of_node) {
        (None, Some(address)) => Ok(address.address.clone()),
        (Some(dns), _) if dns.rcode.is_none() => {
            // The question or its answer was lost on its way: the trace's own advice says where.
            let Some(advice) = trace.advice.clone() else { return Ok(target.host.clone()) };
            let dropped = trace.hops.iter().any(|hop| hop.reason == Reason::Policy);
            let check = if dropped { "network-policy" } else { "name-resolves" };
            checks.fails(check, advice.why, advice.next, advice.because)
        }
        _ => missing_name(cluster, request, target, checks),
    }
}

/// Says which of the usual mistakes makes a name unknown.
fn missing_name<T>(cluster: &Cluster, request: &Request, target: &Target, checks: &mut Checks) -> Result<T, Stop> {
    let caller = caller_namespace(cluster, &request.from);
    let Some(own) = caller else {
        let known = ingress_host(cluster, &target.host);
        let (text, next) = match known {
            Some(ingress) => {
                let (why, next, because) = ingress_controller::unserved(cluster, ingress);
                checks.holds(
                    "name-listed",
                    msg!("explain.name.listed", host = target.host, ingress = ingress.metadata.name),
                    Vec::new(),
                );
                return checks.fails("ingress-served", why, next, because);
            }
            None => match waiting(cluster, &target.host) {
                Some((why, next, field)) => return checks.fails("load-balancer-address", why, next, vec![field]),
                None => (msg!("explain.name.outside", name = target.host), msg!("explain.name.outside.next")),
            },
        };
        return checks.fails("name-resolves", text, next, Vec::new());
    };
    let parts: Vec<&str> = target.host.split('.').collect();
    let wanted = parts.first().copied().unwrap_or_default();
    let namespace = parts.get(1).copied().unwrap_or(own.as_str());
    let store = &cluster.store;
    let (text, next, because) =
        if let Some(service) = store.get::<Service>(namespace, wanted).filter(|service| service.spec.type_ == "ExternalName") {
            let (text, next) = alias_fails(store, service);
            (text, next, vec![field(&ObjectRef::of(service), "spec.externalName")])
        } else if let Some(service) = store.get::<Service>(namespace, wanted) {
            let object = ObjectRef::of(service);
            service::stands_for_ready_pods(cluster, service, checks)?;
            let text = msg!("explain.name.headless", service = wanted);
            (
                text,
                msg!("explain.name.headless.next", service = wanted),
                vec![field(&object, "spec.clusterIP"), field(&object, "spec.selector")],
            )
        } else if let Some((pod, service)) = pod_of_headless(store, &parts, own.as_str()) {
            let because = vec![field(&ObjectRef::of(service), "spec.selector")];
            service::pod_is_ready(cluster, service, pod, checks)?;
            let service = &service.metadata.name;
            (
                msg!("explain.name.pod", pod = pod, service = service),
                msg!("explain.name.pod.next", pod = pod, service = service),
                because,
            )
        } else if parts.len() > 1 && store.get::<Namespace>("", namespace).is_none() {
            (
                msg!("explain.name.namespace", namespace = namespace),
                msg!("explain.name.namespace.next", namespace = namespace),
                Vec::new(),
            )
        } else if let Some(other) = store.all::<Service>().find(|service| service.metadata.name == wanted) {
            let full = format!("{wanted}.{}", other.metadata.namespace);
            let text = msg!("explain.name.elsewhere", service = wanted, namespace = other.metadata.namespace, own = namespace);
            (text, msg!("explain.name.elsewhere.next", name = full), vec![field(&ObjectRef::of(other), "metadata.namespace")])
        } else {
            let names = store.in_namespace::<Service>(namespace).map(|service| service.metadata.name.as_str());
            let text = msg!("explain.name.missing", service = wanted, namespace = namespace);
            let next = match nearest(wanted, names) {
                Some(near) => msg!("explain.name.near.next", near = near),
                None => msg!("explain.name.missing.next", service = wanted),
            };
            (text, next, Vec::new())
        };
    checks.fails("service-exists", text, next, because)
}

/// The Service of that name, seen from outside, waits for its load balancer in vain: why, and what to try.
fn waiting(cluster: &Cluster, host: &str) -> Option<(Message, Message, crate::trace::FieldRef)> {
    let first = host.split('.').next().unwrap_or_default();
    let mut named = cluster.store.all::<Service>().filter(|service| service.metadata.name == first);
    named.find_map(|service| pending(&cluster.settings, service))
}

fn caller_namespace(cluster: &Cluster, from: &Source) -> Option<String> {
    match from {
        Source::Pod(namespace, _) => Some(namespace.clone()),
        Source::Workload(object) => Some(object.namespace.clone()),
        Source::Internet | Source::Node(_) => None,
    }
    .filter(|namespace| cluster.store.in_namespace::<Pod>(namespace).next().is_some())
}

fn ingress_host<'a>(cluster: &'a Cluster, host: &str) -> Option<&'a Ingress> {
    let lists = |ingress: &&Ingress| ingress.spec.rules.iter().any(|rule| rule.host.eq_ignore_ascii_case(host));
    cluster.store.all::<Ingress>().find(|ingress| lists(ingress) && !ingress_controller::is_served(&cluster.store, ingress))
}

/// A served Ingress has a rule; gives the backend: Service, and port as written.
fn ingress(cluster: &Cluster, router: &Router, http: &HttpRequest, checks: &mut Checks) -> Result<(ObjectRef, String), Stop> {
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
        Decision::NotFound { host_matched, because } => {
            let text = if host_matched {
                msg!("explain.ingress.noPath", host = http.host, path = http.path)
            } else {
                msg!("explain.ingress.noHost", host = http.host)
            };
            checks.fails("ingress-rule", text, msg!("explain.ingress.noRule.next"), because)
        }
        Decision::Unavailable { matched, reason, because } => {
            let (name, port) = (matched.service.name.clone(), matched.port.clone());
            let text = msg!("explain.ingress.rule", target = shown, service = name, port = port);
            checks.holds("ingress-rule", text, because.clone());
            match reason {
                Unavailable::NoEndpoints => Ok((matched.service, matched.port)),
                Unavailable::NoService => {
                    let near = cluster
                        .store
                        .in_namespace::<Service>(&matched.service.namespace)
                        .map(|other| other.metadata.name.as_str());
                    let next = match nearest(&name, near) {
                        Some(near) => msg!("explain.name.near.next", near = near),
                        None => msg!("explain.name.missing.next", service = name),
                    };
                    let text = msg!("explain.name.missing", service = name, namespace = matched.service.namespace);
                    checks.fails("service-exists", text, next, because)
                }
                Unavailable::NoPort => {
                    let text = msg!("explain.port.missing", service = name, port = port);
                    checks.fails("service-port", text, msg!("explain.port.missing.next", service = name), because)
                }
                Unavailable::ExternalName | Unavailable::Resource => {
                    let text = msg!("explain.ingress.backend", service = name);
                    checks.fails("ingress-backend", text, msg!("explain.ingress.backend.next"), because)
                }
            }
        }
    }
}

/// `POD.SERVICE` or `POD.SERVICE.NAMESPACE` of a headless Service: the Pod's host name and the Service.
fn pod_of_headless<'a>(store: &'a Store, parts: &[&'a str], own: &str) -> Option<(&'a str, &'a Service)> {
    let [pod, service, rest @ ..] = parts else { return None };
    let service = store.get::<Service>(rest.first().copied().unwrap_or(own), service)?;
    (service.spec.cluster_ip == "None").then_some((*pod, service))
}
