//! Which of the usual mistakes makes a name unknown.

use super::request::Target;
use super::service::pairs;
use super::{Checks, Stop, field, mend_refused, service};
use crate::addons::coredns::CLUSTER_DOMAIN;
use crate::addons::ingress_controller;
use crate::addons::pending::pending;
use crate::api::core::{Namespace, Pod, Service};
use crate::api::meta::selects;
use crate::api::{Kind, ObjectRef};
use crate::cluster::{Cluster, Store};
use crate::data_plane::causes::{no_node, no_service};
use crate::data_plane::{alias_fails, route_of, unnamed};
use crate::msg;
use crate::trace::{FieldRef, Reason, Source, Trace};
use crate::words::Message;

/// What is said of a name: the text, what to try, and the fields to blame.
type Said = (Message, Message, Vec<FieldRef>);

/// Says which of the usual mistakes makes a name unknown; fails always, except where only the trace knows more.
pub(super) fn missing(cluster: &Cluster, trace: &Trace, target: &Target, checks: &mut Checks) -> Result<String, Stop> {
    if let Some((text, next)) = of_route(cluster, &target.host) {
        return checks.fails("name-resolves", text, next, Vec::new());
    }
    let Some(own) = caller_namespace(cluster, &trace.request.from) else {
        return outside(cluster, trace, &target.host, checks);
    };
    let refused = ingress_controller::refused_for(cluster, &target.host).is_some();
    if refused || ingress_controller::unserved_for(cluster, &target.host).is_some_and(|(_, lists)| lists) {
        return outside(cluster, trace, &target.host, checks);
    }
    // A Pod that never asked CoreDNS would not find the best of names.
    let asked = trace.hops.iter().find(|hop| hop.reason == Reason::Lookup && !hop.because.is_empty());
    let advice = trace.advice.as_ref().filter(|advice| asked.is_some_and(|hop| hop.text == advice.why));
    if let Some(advice) = advice.cloned() {
        return checks.fails("name-resolves", advice.why, advice.next, advice.because);
    }
    let parts: Vec<&str> = target.host.split('.').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Ok(target.host.clone());
    }
    if let Some((text, next, because)) = other_name(cluster, trace, &parts, &own) {
        return checks.fails("name-resolves", text, next, because);
    }
    match of_service(cluster, trace, &parts, &own, checks)? {
        Some((text, next, because)) => checks.fails("service-exists", text, next, because),
        None => Ok(target.host.clone()),
    }
}

/// A host of a route, or of what stands before one, that is not played: nobody here answers to it.
pub(super) fn of_route(cluster: &Cluster, host: &str) -> Option<(Message, Message)> {
    let route = route_of(cluster, host)?;
    let text = msg!("explain.name.route", host = host, kind = route.kind, name = route.name);
    Some((text, msg!("explain.name.route.next", kind = route.kind)))
}

/// The namespace that a name means: `web.shop` another one, even one that is not there; `web.svc.cluster.local` has left it out.
fn namespace_of<'a>(store: &Store, parts: &[&'a str], own: &'a str) -> &'a str {
    let Some(second) = parts.get(1) else { return own };
    let left_out = second.starts_with("svc") || CLUSTER_DOMAIN.starts_with(&format!("{second}."));
    let there = store.get::<Namespace>("", second).is_some();
    if left_out && !there { own } else { second }
}

/// The Service that the first parts of a name mean.
fn meant<'a>(store: &'a Store, parts: &[&str], own: &str) -> Option<&'a Service> {
    // `_http._tcp` before a name is for SRV records.
    let parts: Vec<&str> = parts.iter().copied().skip_while(|part| part.starts_with('_')).collect();
    store.get::<Service>(namespace_of(store, &parts, own), parts.first()?)
}

/// The Service is there, and DNS was asked for other names than its own: a wrong ending, a final dot, no search domains.
fn other_name(cluster: &Cluster, trace: &Trace, parts: &[&str], own: &str) -> Option<Said> {
    let service = meant(&cluster.store, parts, own)?;
    let (name, namespace) = (&service.metadata.name, &service.metadata.namespace);
    let full = format!("{name}.{namespace}.svc.{CLUSTER_DOMAIN}");
    let searched = &trace.dns.as_ref()?.searched;
    if searched.is_empty() || searched.contains(&full) {
        return None;
    }
    let (list, full) = (searched.join(", "), full.trim_end_matches('.'));
    let text = msg!("explain.name.other", service = name, full = full, asked = list);
    Some((text, msg!("explain.name.other.next", full = full), Vec::new()))
}

/// What is amiss with the Service that the name names, or with there being none; `None`: nothing.
fn of_service(cluster: &Cluster, trace: &Trace, parts: &[&str], own: &str, checks: &mut Checks) -> Result<Option<Said>, Stop> {
    let store = &cluster.store;
    let wanted = parts.first().copied().unwrap_or_default();
    let namespace = namespace_of(store, parts, own);
    if let Some(service) = store.get::<Service>(namespace, wanted) {
        return of_found(cluster, service, checks);
    }
    if let Some((pod, service)) = pod_of_service(store, parts, own) {
        service::pod_is_ready(cluster, service, pod, checks)?;
        if let Some(said) = not_selected(store, service, pod) {
            return Ok(Some(said));
        }
        let unnamed = unnamed(cluster, service, pod);
        let because = unnamed.as_ref().map_or(field(&ObjectRef::of(service), "spec.selector"), |(_, field)| field.clone());
        let (service, headless) = (&service.metadata.name, service.spec.cluster_ip == "None");
        let text = match headless {
            _ if unnamed.is_some() => msg!("explain.name.pod.unnamed", pod = pod, service = service),
            true => msg!("explain.name.pod", pod = pod, service = service),
            false => msg!("explain.name.pod.plain", pod = pod, service = service),
        };
        let next = unnamed.map_or_else(|| msg!("explain.name.pod.next", pod = pod, service = service), |(next, _)| next);
        return Ok(Some((text, next, vec![because])));
    }
    if trace.hops.iter().any(|hop| hop.reason == Reason::NoAddress) {
        // The name is there, without an address: a namespace's own, for one.
        return Ok(None);
    }
    if parts.len() > 2 && !parts.iter().any(|part| part.starts_with("svc") || part.starts_with('_') || *part == "cluster") {
        // `api.example.com`: a name of the world outside, of which the trace tells as much.
        let name = parts.join(".");
        return Ok(Some((msg!("explain.name.public", name = name), msg!("explain.name.public.next"), Vec::new())));
    }
    if store.get::<Namespace>("", namespace).is_none() {
        let text = msg!("explain.name.namespace", namespace = namespace);
        return Ok(Some((text, msg!("explain.name.namespace.next", namespace = namespace), Vec::new())));
    }
    let object = ObjectRef::new(Kind::Service, namespace, wanted);
    if cluster.refused(&object) {
        let text = msg!("explain.name.refused", service = wanted);
        return Ok(Some((text, mend_refused(cluster, &object), vec![field(&object, "")])));
    }
    if let Some(other) = store.all::<Service>().find(|service| service.metadata.name == wanted) {
        let full = format!("{wanted}.{}", other.metadata.namespace);
        let text = msg!("explain.name.elsewhere", service = wanted, namespace = other.metadata.namespace, own = namespace);
        let because = vec![field(&ObjectRef::of(other), "metadata.namespace")];
        return Ok(Some((text, msg!("explain.name.elsewhere.next", name = full), because)));
    }
    let found = no_service(store, namespace, wanted);
    Ok(Some((found.why, found.next, found.because)))
}

/// A Pod has the host name and the subdomain, and the headless Service's selector passes it by.
fn not_selected(store: &Store, service: &Service, host: &str) -> Option<Said> {
    let (name, selector) = (&service.metadata.name, &service.spec.selector);
    let named = |pod: &&Pod| {
        let own = if pod.spec.hostname.is_empty() { &pod.metadata.name } else { &pod.spec.hostname };
        *own == host && pod.spec.subdomain == *name && !selects(selector, &pod.metadata.labels)
    };
    let pod = store.in_namespace::<Pod>(&service.metadata.namespace).find(named).filter(|_| !selector.is_empty())?;
    let own = &pod.metadata.name;
    let because = vec![field(&ObjectRef::of(service), "spec.selector"), field(&ObjectRef::of(pod), "metadata.labels")];
    let text = msg!("explain.name.podUnselected", pod = own, name = format!("{host}.{name}"), service = name);
    let next = msg!("explain.name.podUnselected.next", pod = own, selector = pairs(selector));
    Some((text, next, because))
}

/// The Service is there, and its name has no address: an alias of something unknown, or nobody ready behind a headless one.
fn of_found(cluster: &Cluster, service: &Service, checks: &mut Checks) -> Result<Option<Said>, Stop> {
    let (object, name) = (ObjectRef::of(service), &service.metadata.name);
    if service.spec.type_ == "ExternalName" {
        let (text, next) = alias_fails(&cluster.store, service);
        return Ok(Some((text, next, vec![field(&object, "spec.externalName")])));
    }
    if service.spec.cluster_ip != "None" {
        return Ok(None);
    }
    service::stands_for_ready_pods(cluster, service, checks)?;
    let because = vec![field(&object, "spec.clusterIP"), field(&object, "spec.selector")];
    let text = msg!("explain.name.headless", service = name);
    Ok(Some((text, msg!("explain.name.headless.next", service = name), because)))
}

/// The caller is no Pod: only public names are known to it.
fn outside(cluster: &Cluster, trace: &Trace, host: &str, checks: &mut Checks) -> Result<String, Stop> {
    if let Some((ingress, lists)) = ingress_controller::unserved_for(cluster, host) {
        let (why, next, because) = ingress_controller::unserved(cluster, ingress);
        let name = &ingress.metadata.name;
        let text = match lists {
            true => msg!("explain.name.listed", host = host, ingress = name),
            false => msg!("explain.name.anyHost", host = host, ingress = name),
        };
        checks.holds("name-listed", text, Vec::new());
        return checks.fails("ingress-served", why, next, because);
    }
    if let Some((why, next, because)) = ingress_controller::refused_for(cluster, host) {
        return checks.fails("ingress-served", why, next, because);
    }
    if let Some((why, next, field)) = waiting(cluster, host) {
        return checks.fails("load-balancer-address", why, next, vec![field]);
    }
    if let Some(found) = no_node(&cluster.store, host) {
        return checks.found("name-resolves", found);
    }
    let text = match &trace.request.from {
        Source::Node(node) => msg!("explain.name.node", name = host, node = node),
        _ => msg!("explain.name.outside", name = host),
    };
    checks.fails("name-resolves", text, msg!("explain.name.outside.next"), Vec::new())
}

/// The Service of that name, seen from outside, waits for its load balancer in vain: why, and what to try.
fn waiting(cluster: &Cluster, host: &str) -> Option<(Message, Message, FieldRef)> {
    let first = host.split('.').next().unwrap_or_default();
    let mut named = cluster.store.all::<Service>().filter(|service| service.metadata.name == first);
    named.find_map(|service| pending(cluster, service))
}

fn caller_namespace(cluster: &Cluster, from: &Source) -> Option<String> {
    match from {
        Source::Pod(namespace, _) => Some(namespace.clone()),
        Source::Workload(object) => Some(object.namespace.clone()),
        Source::Internet | Source::Node(_) => None,
    }
    .filter(|namespace| cluster.store.in_namespace::<Pod>(namespace).next().is_some())
}

/// `POD.SERVICE` or `POD.SERVICE.NAMESPACE`: the Pod's host name and the Service, which is headless as a rule and need not be: endpoints
/// with a host name are listed under any Service.
fn pod_of_service<'a>(store: &'a Store, parts: &[&'a str], own: &str) -> Option<(&'a str, &'a Service)> {
    let [pod, service, rest @ ..] = parts else { return None };
    let service = store.get::<Service>(rest.first().copied().unwrap_or(own), service)?;
    (service.spec.type_ != "ExternalName").then_some((*pod, service))
}
